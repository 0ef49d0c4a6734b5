/**
 * `stats`: counts what goes through it.
 *
 * Guarantees: figures exact to 2^53; a `get` that failed is not counted. Costs: some additions on 32-bit words. Needs
 * nothing of the layer below.
 *
 * @module
 */

import type { Gauge } from "../gauge.ts";
import { type Gauged, type Layer, layer } from "../layer.ts";

/** State of {@linkcode stats}. */
export interface Stats<S> {
  /** State of the layer below. */
  base: S;
  /**
   * The figures as 32-bit words, which is what an engine adds fastest, the low one of two first: calls of `get` that were
   * served (words 0, 1) and their bytes (2, 3), calls of `put` (4, 5) and their bytes (6, 7), bytes out at most (8).
   */
  words: Uint32Array;
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
export const stats: <S>(base: Layer<S>) => Gauged<Stats<S>> = layer(
  function stats<S>(base: Layer<S>): Gauged<Stats<S>> {
    const sum = (words: Uint32Array, i: number): number => words[i + 1] * 2 ** 32 + words[i];

    /** Adds `size` bytes to a figure, and returns its low word. */
    const add = (words: Uint32Array, i: number, size: number): number => {
      const low = (words[i] + size) >>> 0;
      words[i] = low;
      if (low < size) words[i + 1]++;
      return low;
    };

    return {
      heap: base.heap,
      init: () => ({ base: base.init(), words: new Uint32Array(9) }),
      deinit: (s) => base.deinit(s.base),
      get: (s, size, align) => {
        const p = base.get(s.base, size, align);
        if (p === 0) return 0;
        const { words } = s;
        if (++words[0] === 0) words[1]++;
        const live = (add(words, 2, size) - words[6]) >>> 0;
        // The low words tell, unless more came back than went out
        if (live > words[8]) words[8] = Math.max(words[8], sum(words, 2) - sum(words, 6));
        return p;
      },
      put: (s, p, size) => {
        base.put(s.base, p, size);
        const { words } = s;
        if (++words[4] === 0) words[5]++;
        add(words, 6, size);
      },
      gauge: ({ words }): Gauge => ({
        nalloc: sum(words, 0),
        nfree: sum(words, 4),
        szalloc: sum(words, 2),
        szfree: sum(words, 6),
        watermark: words[8],
      }),
    };
  },
);
