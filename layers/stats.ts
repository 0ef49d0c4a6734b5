/**
 * `stats`: counts what goes through it.
 *
 * Guarantees: figures exact to 2^53; a `get` that failed is not counted; what a block grows by in place is allocated,
 * what it shrinks by is freed, and after `reset` everything is. Costs: some additions. Needs nothing of the layer
 * below.
 *
 * @module
 */

import {
  type AnyLayer,
  type Gauged,
  type Kept,
  type Layer,
  layer,
  type LayerWith,
  pass,
  type StateOf,
} from "../layer.ts";

/** State of {@linkcode stats}. */
export interface Stats<S> {
  /** State of the layer below. */
  base: S;
  /** Calls of `get` that were served. */
  nalloc: number;
  /** Calls of `put`. */
  nfree: number;
  /** Bytes asked for, in all. */
  szalloc: number;
  /** Bytes given back, in all. */
  szfree: number;
  /** Bytes out at the same time, at most. */
  watermark: number;
}

/**
 * Counts the calls and bytes that go through it: its gauge has the five figures.
 *
 * @example
 * ```ts
 * import { mmap } from "./system/mmap.ts";
 * import { stats } from "./stats.ts";
 *
 * const stack = stats(mmap());
 * const s = stack.init();
 * const p = stack.get(s, 100);
 * stack.put(s, p, 100);
 * stack.gauge(s);    // { nalloc: 1, nfree: 1, szalloc: 100, szfree: 100, watermark: 100 }
 * ```
 */
export const stats: <L extends AnyLayer>(
  base: L,
) => LayerWith<
  Stats<StateOf<L>>,
  "gauge" | Kept<L, "resize" | "owns" | "sizeOf" | "reset" | "goodSize" | "maxAlign">
> = layer(
  function stats<S>(base: Layer<S>): Gauged<Stats<S>> {
    const { heap, get, put } = base;
    return {
      heap,
      init: (size) => ({ base: base.init(size), nalloc: 0, nfree: 0, szalloc: 0, szfree: 0, watermark: 0 }),
      deinit: (s) => base.deinit(s.base),
      get: (s, size, align) => {
        const p = get(s.base, size, align);
        if (p === 0) return 0;
        s.nalloc++;
        s.szalloc += size;
        const live = s.szalloc - s.szfree;
        if (live > s.watermark) s.watermark = live;
        return p;
      },
      put: (s, p, size) => {
        put(s.base, p, size);
        s.nfree++;
        s.szfree += size;
      },
      gauge: ({ nalloc, nfree, szalloc, szfree, watermark }) => ({ nalloc, nfree, szalloc, szfree, watermark }),
      ...(base.resize && {
        resize: (s, p, old, size) => {
          if (!base.resize!(s.base, p, old, size)) return false;
          if (size < old) s.szfree += old - size;
          else s.szalloc += size - old;
          s.watermark = Math.max(s.watermark, s.szalloc - s.szfree);
          return true;
        },
      }),
      ...(base.reset && {
        reset: (s) => {
          base.reset!(s.base);
          s.nfree = s.nalloc;
          s.szfree = s.szalloc;
        },
      }),
      ...pass(base, "owns", "sizeOf", "goodSize", "maxAlign", "pristine"),
    };
  },
  { pass },
);
