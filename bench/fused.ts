/**
 * `stats` fused by hand with the layer that it is over: what a compiler of templates would make of the composition.
 * They count what `stats` counts, and are not made by `layer()`, so that each has its code to itself anyway.
 */

import type { Gauge, Gauged, Layer, Window } from "../mod.ts";
import type { Freelist } from "./freelist.ts";

type Counts = { -readonly [K in keyof Gauge]: number };

/** What `chunk` needs to bump. */
interface Bump<S> extends Window {
  base: S;
  /** Address of the newest chunk, or 0. */
  chunks: number;
}

const gauge = ({ nalloc, nfree, szalloc, szfree, watermark }: Counts): Gauge => ({
  nalloc,
  nfree,
  szalloc,
  szfree,
  watermark,
});

/** `stats(freelist(base))`, in one layer. */
export function freelistWithStats<S>(base: Layer<S>): Gauged<Freelist<S> & Counts> {
  const heap = base.heap;
  return {
    heap,
    init: () => ({
      base: base.init(),
      heads: new Uint32Array(32),
      nalloc: 0,
      nfree: 0,
      szalloc: 0,
      szfree: 0,
      watermark: 0,
    }),
    deinit: (s) => base.deinit(s.base),
    get: (s, size) => {
      const { heads } = s, bucket = Math.clz32((size - 1) | 15);
      let p = heads[bucket];
      if (p !== 0) heads[bucket] = heap.u32[p >>> 2];
      else if ((p = base.get(s.base, 1 << (32 - bucket))) === 0) return 0;
      s.nalloc++;
      s.szalloc += size;
      const live = s.szalloc - s.szfree;
      if (live > s.watermark) s.watermark = live;
      return p;
    },
    put: (s, p, size) => {
      const { heads } = s, bucket = Math.clz32((size - 1) | 15);
      heap.u32[p >>> 2] = heads[bucket];
      heads[bucket] = p;
      s.nfree++;
      s.szfree += size;
    },
    gauge,
  };
}

/** `stats(chunk(base, bytes))`, in one layer, but for oversize requests. */
export function chunkWithStats<S>(base: Layer<S>, bytes: number): Gauged<Bump<S> & Counts> {
  const RECORD = 16;
  const heap = base.heap;
  return {
    heap,
    init: () => ({
      base: base.init(),
      ptr: 0,
      end: 0,
      chunks: 0,
      nalloc: 0,
      nfree: 0,
      szalloc: 0,
      szfree: 0,
      watermark: 0,
    }),
    deinit: (s) => {
      while (s.chunks !== 0) {
        const record = s.chunks;
        s.chunks = heap.u32[record >>> 2];
        base.put(s.base, record, bytes);
      }
      base.deinit(s.base);
    },
    get: (s, size, align = 16) => {
      let p = ((s.ptr + (align - 1)) & -align) >>> 0;
      if (p + size > s.end || size === 0) {
        const run = size > bytes - RECORD ? 0 : base.get(s.base, bytes);
        if (run === 0) return 0;
        heap.u32[run >>> 2] = s.chunks;
        s.chunks = run;
        s.end = run + bytes;
        p = run + RECORD;
      }
      s.ptr = p + size;
      s.nalloc++;
      s.szalloc += size;
      const live = s.szalloc - s.szfree;
      if (live > s.watermark) s.watermark = live;
      return p;
    },
    put: (s, _, size) => {
      s.nfree++;
      s.szfree += size;
    },
    gauge,
  };
}
