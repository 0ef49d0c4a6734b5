/**
 * `pipe`: serves from the enclosing region, as of `init`.
 *
 * Costs a call through that region's allocator. There is no layer below: the blocks are the region's, and stay out
 * until they are put, or that region closes. The state holds its allocator, which is a JavaScript object.
 *
 * @module
 */

import { type Heap, heap as defaultHeap } from "../heap.ts";
import { type Layer, layer } from "../layer.ts";
import { type AnyAllocator, top } from "../region.ts";

/** State of {@linkcode pipe}, and of the other layers that serve from a region. */
export interface Pipe {
  /** The allocator of that region. */
  to: AnyAllocator;
}

/** A layer that serves from a region, which it finds at `init`. `name` is that of the layer, for the error. */
export function serving(heap: Heap, name: string, region: () => Pipe["to"]): Layer<Pipe> {
  return {
    heap,
    init: () => {
      const to = region();
      if (to.heap !== heap) throw new Error(`Cannot init ${name}: the region that serves it lies in another heap`);
      return { to };
    },
    deinit: () => {},
    get: ({ to }, size, align) => to._get(to.state, size, align),
    put: ({ to }, p, size) => to._put(to.state, p, size),
  };
}

/**
 * Serves from the region that is current when a state is made, by `init(pipe())`.
 *
 * @param heap The heap that region must be over; `init` throws an `Error` if it is not. Default: the default heap
 *
 * @example
 * ```ts
 * import { bytealloc, enter, init } from "../region.ts";
 * import { pipe } from "./pipe.ts";
 * import { stats } from "./stats.ts";
 *
 * const a = init(stats(pipe()));   // counts, and otherwise changes nothing
 * enter(a, () => bytealloc(100));
 * ```
 */
export const pipe = (heap: Heap = defaultHeap): Layer<Pipe> => over(heap);

const over = layer(
  function pipe(heap: Heap): Layer<Pipe> {
    return serving(heap, "pipe", top);
  },
  { serving, top },
);

/** Serves from an allocator: for layers that look on at what goes to it. @internal */
export const through = (a: AnyAllocator): Layer<Pipe> => throughOn(a.heap, a);

const throughOn = layer(
  function through(heap: Heap, a: AnyAllocator): Layer<Pipe> {
    const { maxAlign } = a.layer;
    return { ...serving(heap, "through", () => a), ...(maxAlign && { maxAlign }) };
  },
  { serving },
);
