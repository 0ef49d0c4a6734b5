/**
 * `zero`: zeroes blocks when they are handed out, when they come back, or both.
 *
 * Guarantees: on get, every byte of a block is zero when it is handed out, and what it grows by when it is resized. On
 * put, every byte of a block is zero before the layer below has it back, as is what it shrinks by, so that no secret
 * lingers. Costs O(size). On get, memory that is fresh from the heap is known to be zero and skipped where the layer
 * below is `pristine`. On put, what a block is to lose by shrinking is zeroed first, and restored from a copy if the layer
 * below refuses; the copy, as large as what goes and not in the heap, is zeroed, too. Needs nothing of the layer below.
 *
 * On put, `reset`, `mark` and `rewind` are lost, as they take back blocks without looking at them. What is still out at
 * `deinit` is not zeroed either.
 *
 * @module
 */

import { show } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, share, type StateOf } from "../layer.ts";

/** State of {@linkcode zero}: that of the layer below. */
export type Zero<S> = S;

/** When {@linkcode zero} zeroes a block: when it is handed out, when it comes back, or both. */
export type ZeroWhen = "get" | "put" | "both";

/**
 * Zeroes blocks.
 *
 * On put, it goes by the address and the size that it is told, before a layer below might refuse them.
 *
 * @param base The layer below
 * @param when "get", the default, "put" or "both"
 *
 * @example
 * ```ts
 * import { chunk } from "./chunk.ts";
 * import { mmap } from "./system/mmap.ts";
 * import { zero } from "./zero.ts";
 *
 * const stack = zero(chunk(mmap(), 4096));
 * const s = stack.init();
 * const p = stack.get(s, 4);
 * stack.heap.u32[p >>> 2];         // 0
 * stack.deinit(s);
 * ```
 */
export const zero = <L extends AnyLayer, W extends ZeroWhen = "get">(
  base: L,
  when: W = "get" as W,
): LayerWith<
  Zero<StateOf<L>>,
  Kept<
    L,
    | "gauge"
    | "resize"
    | "owns"
    | "sizeOf"
    | "goodSize"
    | "maxAlign"
    | "sites"
    | "verify"
    | ([W] extends ["get"] ? "reset" | "mark" | "rewind" : never)
  >
> => over(base, when);

const over: <L extends AnyLayer, W extends ZeroWhen>(base: L, when: W) => ReturnType<typeof zero<L, W>> = layer(
  function zero<S>(base: Layer<S>, when: ZeroWhen): Layer<Zero<S>> {
    if (when !== "get" && when !== "put" && when !== "both") {
      throw new TypeError(`Cannot compose zero: when must be "get", "put" or "both", got ${show(when)}`);
    }
    const { heap, get, put } = base, onGet = when !== "put", onPut = when !== "get", pristine = base.pristine === true;

    /** From which address on memory is known to be zero when it is handed out next. */
    const fresh = (): Ptr => pristine ? heap.fresh : 2 ** 32;

    /** Zeroes what lies between two addresses. */
    const wipe = (from: Ptr, to: Ptr): void => {
      const { u8 } = heap;
      if (to - from > 32) u8.fill(0, from, to); // a call, which pays from here on
      else for (let p = from; p < to; p++) u8[p] = 0;
    };

    /** Shrinks a block in place, of which nothing may be left behind, nor be lost if the layer below refuses. */
    const cut = (s: S, p: Ptr, old: number, size: number): boolean => {
      const kept = heap.u8.slice(p + size, p + old);
      let done = false;
      wipe(p + size, p + old);
      try {
        return done = base.resize!(s, p, old, size);
      } finally {
        if (!done) heap.u8.set(kept, p + size);
        kept.fill(0);
      }
    };

    return {
      heap,
      stateless: true,
      init: (size) => base.init(size),
      deinit: (s) => base.deinit(s),
      get: onGet
        ? (s, size, align) => {
          const from = fresh(), p = get(s, size, align), end = p + size;
          if (p !== 0) wipe(p, end < from ? end : from);
          return p;
        }
        : (s, size, align) => get(s, size, align),
      put: (s, p, size) => {
        if (onPut) wipe(p, p + size);
        put(s, p, size);
      },
      ...(base.resize && {
        resize: (s, p, old, size) => {
          if (size < old && onPut) return cut(s, p, old, size);
          const from = fresh(), end = p + size;
          if (!base.resize!(s, p, old, size)) return false;
          if (size > old && onGet) wipe(p + old, end < from ? end : from);
          return true;
        },
      }),
      ...share(base, "gauge", "owns", "sizeOf", "goodSize", "maxAlign", "sites", "verify"),
      ...share(base, "pristine", "divisible"),
      ...(onPut ? {} : share(base, "reset", "mark", "rewind")),
    };
  },
  { share, show },
);
