/**
 * `shadow`: finds accesses through `std` to what is no block, has been freed, or has never been written to, at the access
 * itself.
 *
 * Guarantees: all that `debug` does, whose fences and quarantine these are. Besides, a read or write by a type, a field, a
 * slice, a string or a table throws where one of its bytes is outside of blocks, in a freed one, or at null; and a read
 * where one has not been written to. The error says where the block was allocated and freed. Memory of other allocators is
 * never reported, and what has been written to by other means, as by `heap.u8` or WebAssembly, counts as written to. That
 * is told by contents, in units of 8 bytes: a `cd` byte so written is taken for one that is not, if all bytes of its unit
 * that `std` has not written to are `cd`, too.
 *
 * What has been freed is known until it is a block again, or somebody else's: where blocks come from `mmap` or `sbrk`, also
 * after the quarantine, a `reset` or, while there is another `shadow` on the heap, `deinit`; otherwise as long as the
 * quarantine holds it. A stray access to another block is an access to that block.
 *
 * Costs: what `debug` costs; 5 to 15 nanoseconds an access, and outside of the heap a byte for each byte, in pieces of 64
 * KiB. In a program without such a layer accesses cost nothing more; after the last has been closed, 1 to 4 nanoseconds.
 *
 * Needs nothing of the layer below. It watches the blocks that it hands out: a layer above it that carves its own out of
 * those, as `chunk`, or fences them, as `debug`, hides what goes on inside. The state is that of `debug`.
 *
 * @module
 */

import { MOST_FRAMES, USUAL_DEPTH } from "../call_stack.ts";
import { assertInteger, assertOptions } from "../errors.ts";
import { type AnyLayer, inspect, isLayer, type Layer, layer } from "../layer.ts";
import { guardOf, KEEPING, SHARING } from "./shadow_guard.ts";
import { type Debug, type DebugLayer, type Watched, watched } from "./watched.ts";

/** State of {@linkcode shadow}: that of `debug`. */
export type Shadow<S> = Debug<S>;

/** What {@linkcode shadow} records and keeps. */
export interface ShadowOptions {
  /** Calls that are recorded of a call stack, not counting the library's own: 0, for none, to 100. Default 8. */
  depth?: number;
  /** Bytes of freed blocks, with their fences, that are held back, as by `debug`: 0 to 2^32 - 1. Default 2^24. */
  quarantine?: number;
}

/**
 * Finds uses of freed memory, accesses out of bounds, and reads of what has not been written to, where they go through
 * `std`; and what `debug` finds. They throw a `UseAfterFreeError`, an `OutOfBoundsError` or an `UninitialisedError` before
 * anything is read or written.
 *
 * @example
 * ```ts
 * import { enter, init } from "../region.ts";
 * import { alloc, free } from "../std/alloc.ts";
 * import { struct } from "../std/struct.ts";
 * import { f32 } from "../std/type.ts";
 * import { UseAfterFreeError } from "../memory_errors.ts";
 * import { shadow } from "./shadow.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const Point = struct({ x: f32, y: f32 });
 *
 * enter(init(shadow(mmap())), () => {
 *   const p = alloc(Point);
 *   free(Point, p);
 *   try {
 *     Point.fields.y.get(p);
 *   } catch (e) {
 *     if (!(e instanceof UseAfterFreeError)) throw e;
 *     e.message;       // "Cannot read 4 bytes at ...: 4 bytes into the block of 8 B at ..., which has been freed\n  at ..."
 *     e.freed[0];      // { name: "", file: "file:///...", line: 13, column: 3 }
 *   }
 * });
 * ```
 */
export const shadow = <L extends AnyLayer>(base: L, options: ShadowOptions = {}): DebugLayer<L> => {
  assertOptions("compose shadow", options);
  const { depth = USUAL_DEPTH, quarantine = 2 ** 24 } = options;
  return over(base, depth, quarantine);
};

const over: <L extends AnyLayer>(base: L, depth: number, quarantine: number) => DebugLayer<L> = layer(
  function shadow<S>(base: Layer<S>, depth: number, quarantine: number): Layer<Shadow<S>> {
    assertInteger("compose shadow", "depth in calls", depth, 0, MOST_FRAMES);
    assertInteger("compose shadow", "quarantine in bytes", quarantine, 0, 2 ** 32 - 1);
    if (!isLayer(base)) {
      throw new TypeError("Cannot compose shadow: expected a layer as its first argument, got a heap");
    }
    const guard = guardOf(base.heap), caller = keepsMemory(base) ? KEEPING : SHARING;
    const inner = watched(base, depth, quarantine, guard.watchers[caller]);
    /** The same with the guard told that it is a layer's call. */
    const told = <A extends unknown[], R>(f: (...args: A) => R) => (...args: A): R => {
      const before = guard.calls(caller);
      try {
        return f(...args);
      } finally {
        guard.calls(before);
      }
    };
    const deinit = told(inner.deinit);
    return {
      ...inner,
      init: told((size) => {
        const s = inner.init(size);
        guard.open(s as Watched<S>);
        return s;
      }),
      deinit: (s) => guard.close(s as Watched<S>, () => deinit(s)),
      get: told(inner.get),
      put: told(inner.put),
      ...(inner.resize && { resize: told(inner.resize) }),
      ...(inner.reset && { reset: told(inner.reset) }),
    };
  },
  { assertInteger, guardOf, isLayer, KEEPING, keepsMemory, MOST_FRAMES, SHARING, watched },
);

/** Whether what a state of a stack has given back goes to nobody but by `Heap.getPages`: if it comes from there only. */
function keepsMemory(stack: AnyLayer): boolean {
  const made = inspect(stack);
  if (made === undefined) return false;
  const below = [made.base, ...made.params, ...Object.values(stack.parts ?? {})].filter(isLayer);
  return below.length > 0 ? below.every(keepsMemory) : ["mmap", "sbrk", "null"].includes(made.name);
}
