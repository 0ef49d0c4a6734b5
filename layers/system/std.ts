/**
 * `std`: the program's own general-purpose allocator, to build a stack on that needs less than pages at a time.
 *
 * It asks the allocator of the ground region, and costs a call through it. There is no layer below: the blocks stay out
 * until they are put.
 *
 * @module
 */

import { type Heap, heap as defaultHeap } from "../../heap.ts";
import { type Layer, layer } from "../../layer.ts";
import { ground } from "../../region.ts";
import { type Pipe, serving } from "../pipe.ts";

/** State of {@linkcode std}. */
export type Std = Pipe;

/**
 * Serves from the program's general-purpose allocator.
 *
 * @param heap The heap of that allocator: the program's default heap
 *
 * @example
 * ```ts
 * import { chunk } from "../chunk.ts";
 * import { std } from "./std.ts";
 *
 * const arena = chunk(std(), 1024); // in chunks smaller than a page
 * ```
 */
export const std = (heap: Heap = defaultHeap): Layer<Std> => over(heap);

const over = layer(
  function std(heap: Heap): Layer<Std> {
    return serving(heap, "std", ground);
  },
  { serving, ground },
);
