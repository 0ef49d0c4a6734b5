/**
 * `bigcache`: a cache of big blocks. Blocks that come back are kept to serve requests of about their size.
 *
 * Guarantees: sizes are rounded up to pages of 4 KiB; a request is served by a cached block of exactly its size if
 * there is one, or by cached blocks that adjoin and together are big enough but less than twice as big; up to 64 blocks
 * are cached, and one more evicts the smallest; `deinit` gives back everything, also what is still out. Costs: `get`
 * and `put` O(64); two ledgers, of 11 to 43 bytes a block each. Needs nothing of the layer below, which is worth
 * caching if it is slow.
 *
 * A block of the layer below is never split, so that it can be given back; a block that is served is a run of whole
 * ones, the shortest one that is big enough, and `put` finds that run again in the ledgers.
 *
 * @module
 */

import type { Ptr } from "../heap.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";
import { add, clear, drop, type Ledger, remove, reserve, sizeOf } from "./ledger.ts";

/** State of {@linkcode bigcache}. */
export interface Bigcache<S> {
  /** State of the layer below. */
  base: S;
  /** The blocks that this layer has from below, cached or out. */
  blocks: Ledger;
  /** What is out: address and rounded size of each run that was served. */
  out: Ledger;
  /** The cached blocks, in the order of their addresses: address in bytes and size in bytes of each. */
  cache: Uint32Array;
  /** Number of cached blocks. */
  cached: number;
}

/**
 * Caches blocks of whole pages.
 *
 * `put` of what this layer did not serve throws a `RangeError` and changes nothing.
 *
 * @example
 * ```ts
 * import { bigcache } from "./bigcache.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = bigcache(mmap());
 * const s = stack.init();
 * const p = stack.get(s, 100_000);
 * stack.put(s, p, 100_000);
 * stack.get(s, 101_000);           // p again: both are 25 pages
 * stack.deinit(s);
 * ```
 */
export const bigcache: <L extends AnyLayer>(
  base: L,
) => LayerWith<Bigcache<StateOf<L>>, "resize" | "owns" | "goodSize" | Kept<L, "verify">> = layer(
  function bigcache<S>(base: Layer<S>): Layer<Bigcache<S>> {
    const ROOM = 64; // blocks
    const heap = base.heap;
    const round = (size: number): number => Math.ceil((size || 1) / 4096) * 4096;

    /** Takes `n` blocks, from the `i`-th on, out of the cache. */
    const uncache = (s: Bigcache<S>, i: number, n: number): void => {
      s.cache.copyWithin(2 * i, 2 * (i + n), 2 * s.cached);
      s.cached -= n;
    };

    const evictSmallest = (s: Bigcache<S>): void => {
      const { cache } = s;
      let least = 0;
      for (let i = 1; i < s.cached; i++) if (cache[2 * i + 1] < cache[2 * least + 1]) least = i;
      const p = cache[2 * least], size = cache[2 * least + 1];
      uncache(s, least, 1);
      remove(heap, s.blocks, p);
      base.put(s.base, p, size);
    };

    const store = (s: Bigcache<S>, p: Ptr, size: number): void => {
      const { cache } = s;
      let i = s.cached++;
      for (; i > 0 && cache[2 * i - 2] > p; i--) {
        cache[2 * i] = cache[2 * i - 2];
        cache[2 * i + 1] = cache[2 * i - 1];
      }
      cache[2 * i] = p;
      cache[2 * i + 1] = size;
      if (s.cached > ROOM) evictSmallest(s);
    };

    /** Takes the best run of cached blocks for `need` bytes, or returns 0. */
    const hit = (s: Bigcache<S>, need: number): Ptr => {
      const { cache, cached } = s;
      let best = 2 * need, from = 0, blocks = 0;
      for (let i = 0; i < cached && best !== need; i++) {
        let size = 0, n = 0;
        do size += cache[2 * (i + n) + 1]; while (
          size < need && ++n + i < cached && cache[2 * i] + size === cache[2 * (i + n)]
        );
        if (size >= need && size < best) best = size, from = i, blocks = n + 1;
      }
      if (blocks === 0) return 0;
      const p = cache[2 * from];
      uncache(s, from, blocks);
      return p;
    };

    return {
      heap,
      init: () => ({
        base: base.init(),
        blocks: { table: 0, slots: 0, blocks: 0 },
        out: { table: 0, slots: 0, blocks: 0 },
        cache: new Uint32Array(2 * (ROOM + 1)), // one more, before it evicts
        cached: 0,
      }),
      deinit: (s) => {
        s.cached = 0;
        try {
          drop(base, s.base, s.out);
          clear(base, s.base, s.blocks);
        } finally {
          base.deinit(s.base);
        }
      },
      get: (s, size) => {
        const need = round(size);
        if (need > 2 ** 32 - 1 || !reserve(base, s.base, s.out)) return 0;
        let p = hit(s, need);
        if (p === 0) {
          if (!reserve(base, s.base, s.blocks)) return 0;
          p = base.get(s.base, need);
          if (p === 0) return 0;
          add(heap, s.blocks, p, need);
        }
        add(heap, s.out, p, need);
        return p;
      },
      put: (s, p, size) => {
        const need = round(size);
        if (sizeOf(heap, s.out, p) !== need) {
          throw new RangeError(`Cannot put the block at ${p}: it is not out with ${size} bytes`);
        }
        remove(heap, s.out, p);
        for (let have = 0; have < need;) {
          const block = sizeOf(heap, s.blocks, p + have);
          store(s, p + have, block);
          have += block;
        }
      },
      resize: (_, _p, old, size) => round(old) === round(size),
      owns: (s, p) => sizeOf(heap, s.out, p) >= 0,
      goodSize: (size) => Math.min(round(size), 2 ** 32 - 1),
      ...pass(base, "verify"),
    };
  },
  { add, clear, drop, pass, remove, reserve, sizeOf },
);
