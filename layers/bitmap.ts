/**
 * `bitmap`: one run of units, and a bit for each that says whether it is free.
 *
 * Guarantees: a block is as many adjoining units as it needs, the first that are free; adjoining free units are one, so
 * nothing has to be merged. What does not fit is refused. Blocks can be resized in place. The run is taken at the first
 * `get` and given back at `deinit`. Costs: `get` looks at units / 32 words at most, from the first on that has a free
 * unit; `put` and `resize` at those of the block; 1 bit a unit, and rounding up to units. Needs nothing of the layer
 * below.
 *
 * ```
 * run  | 0001 1111 0110 .. | unit | unit | unit | unit | ..
 *        1: the unit is free | block       | block| free
 * ```
 *
 * @module
 */

import { assertInteger } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";

/** State of {@linkcode bitmap}. */
export interface Bitmap<S> {
  /** State of the layer below. */
  base: S;
  /** Address of the run, which starts with the bits, or 0. */
  run: Ptr;
  /** Index of a word of bits before which no unit is free, in words of 4 bytes. */
  first: number;
}

/**
 * Serves runs of adjoining units, out of `units` in all, each of `unit` bytes.
 *
 * Where a unit is 16 bytes, a block can be put in parts. `put` and `resize` of units that are not out throw a
 * `RangeError` and change nothing.
 *
 * @param base The layer below
 * @param unit Bytes in a unit, a multiple of 16
 * @param units Units in all, 1 to 2^20; together less than 4 GiB
 *
 * @example
 * ```ts
 * import { bitmap } from "./bitmap.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = bitmap(mmap(), 64, 1000);
 * const s = stack.init();
 * const p = stack.get(s, 100);     // two units
 * stack.resize(s, p, 100, 1000);   // true: 16 units
 * stack.put(s, p, 1000);
 * stack.get(s, 64_001);            // 0: it would be 1001 units
 * stack.deinit(s);
 * ```
 */
export const bitmap: <L extends AnyLayer>(
  base: L,
  unit: number,
  units: number,
) => LayerWith<Bitmap<StateOf<L>>, "resize" | "owns" | "reset" | "goodSize" | Kept<L, "verify">> = layer(
  function bitmap<S>(base: Layer<S>, unit: number, units: number): Layer<Bitmap<S>> {
    assertInteger("compose bitmap", "bytes in a unit", unit, 16, 2 ** 32 - 16);
    if (unit % 16 !== 0) {
      throw new RangeError(`Cannot compose bitmap: bytes in a unit must be a multiple of 16, got ${unit}`);
    }
    assertInteger("compose bitmap", "units", units, 1, 2 ** 20);
    const heap = base.heap;
    const WORDS = Math.ceil(units / 32), MAP = Math.ceil(WORDS / 4) * 16; // bytes of bits, so that units are aligned
    const BYTES = MAP + unit * units;
    assertInteger("compose bitmap", "bytes in all", BYTES, 0, 2 ** 32 - 1);
    const FREE = -1, OUT = 0; // as bits

    const unitsFor = (size: number): number => Math.ceil(size / unit) || 1;
    const trailingZeros = (word: number): number => 32 - Math.clz32(~word & (word - 1));

    /** The bits of a word at which `n` adjoining ones start, `n` at most 31. */
    const starts = (word: number, n: number): number => {
      for (let have = 1; have < n && word !== 0;) { // `have` adjoining ones start at each bit that is left
        const more = Math.min(have, n - have);
        word &= word >>> more;
        have += more;
      }
      return word;
    };

    /** Index of the first of `n` adjoining free units, or -1. */
    const find = (s: Bitmap<S>, n: number): number => {
      const { u32 } = heap, map = s.run >>> 2;
      while (s.first < WORDS && u32[map + s.first] === 0) s.first++;
      for (let i = s.first, before = 0; i < WORDS; i++) { // `before` units are free right before the word
        const word = u32[map + i];
        if (before + trailingZeros(~word) >= n) return 32 * i - before;
        const here = n < 32 ? starts(word, n) : 0;
        if (here !== 0) return 32 * i + trailingZeros(here);
        before = word === 0xffffffff ? before + 32 : Math.clz32(~word);
      }
      return -1;
    };

    /** Bits of a word from the `i`-th unit's on, at most 32, that are of the units up to `end`. */
    const mask = (i: number, end: number): number => (-1 >>> Math.max(32 - (end - i), i & 31)) << (i & 31);

    /** Whether all `n` units from the `i`-th on are FREE or OUT. */
    const are = (s: Bitmap<S>, what: number, i: number, n: number): boolean => {
      const { u32 } = heap, map = s.run >>> 2, end = i + n;
      for (; i < end; i = (i | 31) + 1) {
        if (((u32[map + (i >>> 5)] ^ what) & mask(i, end)) !== 0) return false;
      }
      return true;
    };

    /** Makes free what is out and the other way round: `n` units from the `i`-th on. */
    const flip = (s: Bitmap<S>, i: number, n: number): void => {
      const { u32 } = heap, map = s.run >>> 2, end = i + n;
      for (; i < end; i = (i | 31) + 1) u32[map + (i >>> 5)] ^= mask(i, end);
    };

    const free = (s: Bitmap<S>, i: number, n: number): void => {
      flip(s, i, n);
      s.first = Math.min(s.first, i >>> 5);
    };

    /** Makes all units free. */
    const clear = (s: Bitmap<S>): void => {
      heap.u32.fill(0, s.run >>> 2, (s.run + MAP) >>> 2); // bits that are of no unit stay so
      flip(s, 0, units);
      s.first = 0;
    };

    /** Takes the run; false when there is no memory. */
    const begin = (s: Bitmap<S>): boolean => {
      const run = base.get(s.base, BYTES);
      if (run === 0) return false;
      s.run = run;
      clear(s);
      return true;
    };

    /** Index of the first unit of a block that is out. */
    const indexOf = (s: Bitmap<S>, p: Ptr, size: number, action: string): number => {
      const i = (p - s.run - MAP) / unit, n = unitsFor(size);
      if (s.run === 0 || i >>> 0 !== i || i + n > units || !are(s, OUT, i, n)) {
        throw new RangeError(`Cannot ${action} the block at ${p}: it is not out with ${size} bytes`);
      }
      return i;
    };

    return {
      heap,
      init: () => ({ base: base.init(), run: 0, first: 0 }),
      deinit: (s) => {
        const run = s.run;
        s.run = s.first = 0;
        try {
          if (run !== 0) base.put(s.base, run, BYTES);
        } finally {
          base.deinit(s.base);
        }
      },
      get: (s, size) => {
        const n = unitsFor(size);
        if (n > units || (s.run === 0 && !begin(s))) return 0;
        const i = find(s, n);
        if (i < 0) return 0;
        flip(s, i, n);
        return s.run + MAP + i * unit;
      },
      put: (s, p, size) => free(s, indexOf(s, p, size, "put"), unitsFor(size)),
      resize: (s, p, old, size) => {
        const i = indexOf(s, p, old, "resize"), n = unitsFor(old), to = unitsFor(size);
        if (to < n) free(s, i + to, n - to);
        else if (i + to > units || !are(s, FREE, i + n, to - n)) return false;
        else flip(s, i + n, to - n);
        return true;
      },
      owns: (s, p) => s.run !== 0 && p >= s.run + MAP && p < s.run + BYTES,
      reset: (s) => {
        if (s.run !== 0) clear(s);
      },
      goodSize: (size) => Math.min(unitsFor(size) * unit, 2 ** 32 - 1),
      ...(unit === 16 && { divisible: true }),
      ...pass(base, "verify", "pristine"),
    };
  },
  { assertInteger, pass },
);
