/**
 * `ground`: serves from the ground region, in which the program started, however deep the region that asks.
 *
 * Costs a call through that region's allocator. There is no layer below: the blocks stay out until they are put.
 *
 * @module
 */

import { type Heap, heap as defaultHeap } from "../heap.ts";
import { type Layer, layer } from "../layer.ts";
import { ground as groundRegion } from "../region.ts";
import { type Pipe, serving } from "./pipe.ts";

/** State of {@linkcode ground}. */
export type Ground = Pipe;

/**
 * Serves from the ground region.
 *
 * @param heap The heap of the ground region: the program's default heap
 *
 * @example
 * ```ts
 * import { bytealloc, enter, ground as groundRegion, init } from "../region.ts";
 * import { ground } from "./ground.ts";
 *
 * enter(init(ground()), () => bytealloc(100));
 * groundRegion().gauge().szalloc;  // 100 more than before
 * ```
 */
export const ground = (heap: Heap = defaultHeap): Layer<Ground> => over(heap);

const over = layer(
  function ground(heap: Heap): Layer<Ground> {
    return serving(heap, "ground", groundRegion);
  },
  { serving, groundRegion },
);
