/** A free list by size class: a layer as a user might write it. */

import { type Layer, layer } from "../mod.ts";

/** State of {@linkcode freelist}. */
export interface Freelist<S> {
  base: S;
  /** By leading zeros of the size: address of the first free block of a list, or 0. */
  heads: Uint32Array;
}

/** Keeps what comes back, for requests of the same power of two. Sizes are 1 to 2^30 bytes. */
export const freelist: <S>(base: Layer<S>) => Layer<Freelist<S>> = layer(
  function freelist<S>(base: Layer<S>): Layer<Freelist<S>> {
    const heap = base.heap;
    return {
      heap,
      init: () => ({ base: base.init(), heads: new Uint32Array(32) }),
      deinit: (s) => base.deinit(s.base),
      get: (s, size) => {
        const { heads } = s, bucket = Math.clz32((size - 1) | 15), p = heads[bucket];
        if (p === 0) return base.get(s.base, 1 << (32 - bucket));
        heads[bucket] = heap.u32[p >>> 2];
        return p;
      },
      put: (s, p, size) => {
        const { heads } = s, bucket = Math.clz32((size - 1) | 15);
        heap.u32[p >>> 2] = heads[bucket];
        heads[bucket] = p;
      },
    };
  },
);
