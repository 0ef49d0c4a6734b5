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

/** State of {@linkcode stats}. Its figures are what the gauge says, less what was carried over. */
export interface Stats<S> {
  /** State of the layer below. */
  base: S;
  /** Calls of `get` that were served. */
  nalloc: number;
  /** Calls of `put`. */
  nfree: number;
  /** Bytes asked for. */
  szalloc: number;
  /** Bytes given back. */
  szfree: number;
  /** Bytes out at the same time, at most. */
  watermark: number;
  /** Calls of `get`, and as many of `put`, that were carried over. */
  carriedCalls: number;
  /** Bytes asked for, and given back, that were carried over. */
  carriedBytes: number;
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
  "gauge" | Kept<L, "resize" | "owns" | "sizeOf" | "reset" | "goodSize" | "maxAlign" | "sites" | "verify">
> = layer(
  function stats<S>(base: Layer<S>): Gauged<Stats<S>> {
    if (base.counts) return base as unknown as Gauged<Stats<S>>; // it would count the same
    const { heap, get, put } = base;

    /**
     * Takes what has come back out of the figures, which so remain small integers. Engines keep others in boxes, and would
     * do so in the state of every other `stats`, too.
     */
    const carry = (s: Stats<S>): void => {
      s.carriedCalls += s.nfree;
      s.nalloc -= s.nfree;
      s.nfree = 0;
      s.carriedBytes += s.szfree;
      s.szalloc -= s.szfree;
      s.szfree = 0;
    };
    const LARGE = 2 ** 30;

    return {
      heap,
      init: (size) => ({
        base: base.init(size),
        nalloc: 0,
        nfree: 0,
        szalloc: 0,
        szfree: 0,
        watermark: 0,
        carriedCalls: 0,
        carriedBytes: 0,
      }),
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
        if (s.szfree > LARGE) carry(s);
      },
      gauge: ({ nalloc, nfree, szalloc, szfree, watermark, carriedCalls, carriedBytes }) => ({
        nalloc: carriedCalls + nalloc,
        nfree: carriedCalls + nfree,
        szalloc: carriedBytes + szalloc,
        szfree: carriedBytes + szfree,
        watermark,
      }),
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
          carry(s);
        },
      }),
      ...pass(base, "owns", "sizeOf", "goodSize", "maxAlign", "sites", "verify", "pristine"),
    };
  },
  { pass },
);
