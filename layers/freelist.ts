/**
 * `freelist`: keeps blocks of one size that come back, and serves them again, the last one first.
 *
 * Guarantees: a request is served from the list while it holds anything; at most `bound` bytes are kept there; what is
 * kept goes back at `deinit`. Costs: O(1), two loads and two stores, with a bound amortised over half of it; nothing for a block, as the list runs through the
 * free ones. Needs nothing of the layer below; if that takes back parts of blocks (`divisible`, as `coalesce` does), it
 * is asked for `batch` bytes at a time.
 *
 * ```
 * head -> | next | free | -> | next | free | -> 0
 * ```
 *
 * @module
 */

import { assertInteger } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";

/** State of {@linkcode freelist}. */
export interface Freelist<S> {
  /** State of the layer below. */
  base: S;
  /** Bytes in a block of the list, a multiple of 16. */
  size: number;
  /** Address of the first block of the list, or 0. */
  head: Ptr;
  /** Blocks in the list. */
  kept: number;
  /** Blocks that may be in the list. */
  room: number;
}

/**
 * Keeps blocks that come back for requests of the same size.
 *
 * @param base The layer below
 * @param size Bytes in a block, 1 to 2^30, rounded up to a multiple of 16: requests for less are rounded up to it, those
 *   for more passed on. 0, the default, in a `sizeclass`, which says at `init` what it is
 * @param bound Bytes to keep at most, but two blocks anyway. Default: no limit
 * @param batch Bytes to ask for at a time where `base` is divisible. Default: one block
 *
 * @example
 * ```ts
 * import { chunk } from "./chunk.ts";
 * import { freelist } from "./freelist.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = freelist(chunk(mmap(), 4096), 64);
 * const s = stack.init();
 * const p = stack.get(s, 50);
 * stack.put(s, p, 50);
 * stack.get(s, 60);                // p
 * stack.deinit(s);
 * ```
 */
export const freelist = <L extends AnyLayer>(
  base: L,
  size = 0,
  bound: number = Infinity,
  batch = 0,
): LayerWith<Freelist<StateOf<L>>, "resize" | Kept<L, "reset" | "owns" | "maxAlign" | "verify">> =>
  over(base, size, bound, batch);

const over: <L extends AnyLayer>(
  base: L,
  size: number,
  bound: number,
  batch: number,
) => ReturnType<typeof freelist<L>> = layer(
  function freelist<S>(base: Layer<S>, size: number, bound: number, batch: number): Layer<Freelist<S>> {
    assertInteger("compose freelist", "bytes in a block", size, 0, 2 ** 30);
    assertInteger("compose freelist", "bytes in a batch", batch, 0, 2 ** 30);
    if (bound !== Infinity) assertInteger("compose freelist", "bytes to keep", bound, 0, 2 ** 32);
    const { heap, get: baseGet, put: basePut } = base;

    /** Gets a block and, with it, others for the list, as many as are in a batch. */
    const refill = (s: Freelist<S>): Ptr => {
      const { size } = s, n = base.divisible ? Math.min(Math.floor(batch / size), s.room) : 0;
      const p = n > 1 ? baseGet(s.base, n * size) : 0;
      if (p === 0) return baseGet(s.base, size);
      const { u32 } = heap;
      let next = s.head;
      for (let q = p + (n - 1) * size; q > p; q -= size) {
        u32[q >>> 2] = next;
        next = q;
      }
      s.head = next;
      s.kept += n - 1;
      return p;
    };

    /** Gives back all but the first `keep` blocks, those that adjoin as one where that can be. */
    const trim = (s: Freelist<S>, keep: number): void => {
      const { u32 } = heap, { size } = s;
      let p = s.head, last = 0;
      for (let i = 0; i < keep; i++) {
        last = p;
        p = u32[p >>> 2];
      }
      if (last === 0) s.head = 0;
      else u32[last >>> 2] = 0;
      s.kept = keep;
      while (p !== 0) {
        let from = p, end = p + size;
        for (p = u32[p >>> 2]; base.divisible && p !== 0; p = u32[p >>> 2]) {
          if (p === end) end += size;
          else if (p + size === from) from = p;
          else break;
        }
        basePut(s.base, from, end - from);
      }
    };

    const slowGet = (s: Freelist<S>, n: number, align: number): Ptr => {
      if (n > s.size) return baseGet(s.base, n, align as 16);
      return align > 16 ? baseGet(s.base, s.size, align as 16) : refill(s);
    };

    const slowPut = (s: Freelist<S>, p: Ptr, n: number): void => {
      if (n > s.size) return basePut(s.base, p, n);
      trim(s, s.room >>> 1);
      put(s, p, n);
    };

    const get = (s: Freelist<S>, n: number, align = 16): Ptr => {
      const p = s.head;
      if (p === 0 || n > s.size || align > 16) return slowGet(s, n, align) >>> 0;
      s.head = heap.u32[p >>> 2];
      s.kept--;
      return p;
    };

    const put = (s: Freelist<S>, p: Ptr, n: number): void => {
      if (s.kept >= s.room || n > s.size) return slowPut(s, p, n);
      heap.u32[p >>> 2] = s.head;
      s.head = p;
      s.kept++;
    };

    return {
      heap,
      init: (told = 0) => {
        const all = size || told;
        if (all === 0) {
          throw new TypeError("Cannot init freelist: expected a size, or to be in a sizeclass, got neither");
        }
        const size_ = (all + 15 & -16) >>> 0, room = Math.max(2, Math.min(Math.floor(bound / size_), 2 ** 30));
        return { base: base.init(), size: size_, head: 0, kept: 0, room };
      },
      deinit: (s) => {
        try {
          trim(s, 0);
        } finally {
          base.deinit(s.base);
        }
      },
      get,
      put,
      resize: (s, p, old, n) => {
        if (old > s.size && n > s.size) return base.resize !== undefined && base.resize(s.base, p, old, n);
        return old <= s.size && n <= s.size;
      },
      ...(base.reset && {
        reset: (s) => {
          s.head = s.kept = 0;
          base.reset!(s.base);
        },
      }),
      ...pass(base, "owns", "maxAlign", "verify"),
    };
  },
  { assertInteger, pass },
);
