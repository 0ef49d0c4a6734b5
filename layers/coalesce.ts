/**
 * `coalesce`: splits and merges. A block that comes back merges at once with the free memory on both sides, and a
 * request is cut from the free block that fits it well.
 *
 * Guarantees: two free blocks never adjoin; sizes are rounded up to 16 bytes and blocks have no header, so a block of
 * 16 bytes takes 16; a span all of whose blocks are free is given back (the last one the first time at once; if it is
 * emptied again and again, every 64th time at the latest); part of a block may be put, and blocks that adjoin as one.
 * Costs: O(1) for `get`, `put` and `resize`, O(log bytes) where a span comes or goes; one bit for 16 bytes, kept
 * outside the heap, and 4 KiB a state. Needs nothing of the layer below; with `resize` there, one span grows in place.
 *
 * Free blocks are kept in bins by size, found through two levels of bit maps (Masmano, Ripoll, Crespo and Real, "TLSF:
 * a new dynamic memory allocator for real-time systems", ECRTS 2004): of each multiple of 16 up to 496 bytes a bin,
 * above that 32 bins to each power of two. Instead of the usual boundary tags, which would take a word of each block
 * and with it its alignment, a bit map marks where free blocks begin and end; a free block has its size at both ends.
 *
 * ```
 * span | record | block | free | block | block | free, not in a bin |     from the layer below
 *                                              ptr                  end
 * free | units, next, prev, ......, units |      bits: 1 0 0 ... 0 1, of a unit of 16 bytes each
 * ```
 *
 * @module
 */

import { assertInteger } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";
import { losesPatience, type Patience } from "./patience.ts";

/** State of {@linkcode coalesce}. Sizes are in units of 16 bytes, where nothing else is said. */
export interface Coalesce<S> extends Patience {
  /** State of the layer below. */
  base: S;
  /** Address of the first free byte behind all blocks of the newest span. */
  ptr: Ptr;
  /** Address after that span. */
  end: Ptr;
  /** Address of the newest span's record, or 0. */
  spans: Ptr;
  /** Bytes in all spans. */
  held: number;
  /** Units that are out. */
  out: number;
  /** Bit `i`: whether a bin of level `i` holds anything. */
  levels: number;
  /** By level: bit `j` says whether bin `j` of it holds anything. */
  maps: Uint32Array;
  /** By level and bin: address of the first free block in it, or 0. */
  bins: Uint32Array;
  /** A bit for each unit: whether a free block begins or ends there. */
  bits: Uint32Array;
  /** Index of the first word of `bits`, were it to begin with address 0. */
  origin: number;
  /** What a block could not be resized to in place, last of all, or 0: the next request for so much is to move it. */
  moving: number;
}

/**
 * Splits and merges blocks of spans that it takes from `base`.
 *
 * @param base The layer below
 * @param bytes What is asked of `base` at a time, at least: 1024 to 2^30. Spans grow with what is held, by a sixteenth.
 *   Default 64 KiB
 *
 * @example
 * ```ts
 * import { coalesce } from "./coalesce.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = coalesce(mmap());
 * const s = stack.init();
 * const p = stack.get(s, 100), q = stack.get(s, 100);
 * stack.put(s, p, 100);
 * stack.put(s, q, 100);
 * stack.get(s, 200);               // p: both have merged
 * stack.deinit(s);
 * ```
 */
export const coalesce = <L extends AnyLayer>(
  base: L,
  bytes = 65536,
): LayerWith<Coalesce<StateOf<L>>, "resize" | "owns" | "reset" | "goodSize" | "maxAlign" | Kept<L, "verify">> =>
  over(base, bytes);

const over: <L extends AnyLayer>(base: L, bytes: number) => ReturnType<typeof coalesce<L>> = layer(
  function coalesce<S>(base: Layer<S>, bytes: number): Layer<Coalesce<S>> {
    assertInteger("compose coalesce", "bytes in a span", bytes, 1024, 2 ** 30);
    bytes &= -16;
    const UNITS = 0, NEXT = 1, PREV = 2; // words of a free block, of which the last one is UNITS again
    const OLDER = 0, SIZE = 1; // words of a span's record: address, bytes
    const RECORD = 16; // bytes
    const LEVELS = 25; // 2^28 units are 4 GiB
    const EXACT = 64; // units: below, each size has a bin
    const heap = base.heap;

    const unitsOf = (size: number): number => size === 0 ? 1 : (size + 15) >>> 4;

    const mark = (s: Coalesce<S>, p: Ptr): void => {
      s.bits[(p >>> 9) - s.origin] |= 1 << (p >>> 4);
    };
    const unmark = (s: Coalesce<S>, p: Ptr): void => {
      s.bits[(p >>> 9) - s.origin] &= ~(1 << (p >>> 4));
    };
    const isMarked = (s: Coalesce<S>, p: Ptr): boolean => (s.bits[(p >>> 9) - s.origin] >>> (p >>> 4) & 1) !== 0;

    /** Bin, counted through all levels, of free blocks of `n` units. */
    const binOf = (n: number): number => {
      if (n < EXACT) return n; // as what follows comes to
      const log = 31 - Math.clz32(n);
      return (log - 5) * 32 + (n >>> (log - 5)); // n >>> (log - 5) is 32 to 63: a level higher
    };

    /** Puts `n` units at `p` into a bin. */
    const link = (s: Coalesce<S>, p: Ptr, n: number): void => {
      const { u32 } = heap, { bins } = s, bin = binOf(n), next = bins[bin], at = p >>> 2;
      u32[at + UNITS] = n;
      u32[at + NEXT] = next;
      u32[at + PREV] = 0;
      u32[at + 4 * n - 1] = n;
      if (next !== 0) u32[(next >>> 2) + PREV] = p;
      else {
        s.maps[bin >>> 5] |= 1 << bin;
        s.levels |= 1 << (bin >>> 5);
      }
      bins[bin] = p;
    };

    /** Makes `n` units at `p` a free block, which adjoins no other. */
    const insert = (s: Coalesce<S>, p: Ptr, n: number): void => {
      link(s, p, n);
      mark(s, p);
      mark(s, p + 16 * (n - 1));
    };

    /** Takes the free block of `n` units at `p` out of its bin. Its marks stay. */
    const unlink = (s: Coalesce<S>, p: Ptr, n: number): void => {
      const { u32 } = heap, next = u32[(p >>> 2) + NEXT], prev = u32[(p >>> 2) + PREV];
      if (next !== 0) u32[(next >>> 2) + PREV] = prev;
      if (prev !== 0) u32[(prev >>> 2) + NEXT] = next;
      else {
        const bin = binOf(n);
        s.bins[bin] = next;
        if (next === 0 && (s.maps[bin >>> 5] &= ~(1 << bin)) === 0) s.levels &= ~(1 << (bin >>> 5));
      }
    };

    /** Makes the free block of `n` units at `p` one of `to` units at `q`, which overlap or adjoin. Marks are left alone. */
    const alter = (s: Coalesce<S>, p: Ptr, n: number, q: Ptr, to: number): void => {
      if (n < EXACT || to < EXACT || binOf(n) !== binOf(to)) {
        unlink(s, p, n);
        return link(s, q, to);
      }
      const { u32 } = heap, at = q >>> 2;
      if (p !== q) {
        const next = u32[(p >>> 2) + NEXT], prev = u32[(p >>> 2) + PREV];
        u32[at + NEXT] = next;
        u32[at + PREV] = prev;
        if (next !== 0) u32[(next >>> 2) + PREV] = q;
        if (prev !== 0) u32[(prev >>> 2) + NEXT] = q;
        else s.bins[binOf(n)] = q;
      }
      u32[at + UNITS] = to;
      u32[at + 4 * to - 1] = to;
    };

    const lowest = (map: number): number => 31 - Math.clz32(map & -map);

    /** A bin whose blocks all have `n` units or more, the first that holds any; 0 if there is none. */
    const findBin = (s: Coalesce<S>, n: number): number => {
      let bin = n;
      if (n >= EXACT) {
        const shift = 26 - Math.clz32(n);
        bin = binOf(n + (1 << shift) - 1); // those of its own bin may be smaller
      }
      const level = bin >>> 5, map = s.maps[level] & -1 << bin;
      if (map !== 0) return level << 5 | lowest(map);
      const levels = s.levels & -2 << level;
      if (levels === 0) return 0;
      const next = lowest(levels);
      return next << 5 | lowest(s.maps[next]);
    };

    /** As `findBin`, for a block that has been growing: the bin of the largest blocks, where it may grow on in place. */
    const findRoom = (s: Coalesce<S>, n: number): number => {
      if (s.levels === 0) return 0;
      const level = 31 - Math.clz32(s.levels), bin = level << 5 | (31 - Math.clz32(s.maps[level]));
      return bin > binOf(2 * n) ? bin : findBin(s, n);
    };

    /** Makes the marks reach over a span. */
    const cover = (s: Coalesce<S>, start: Ptr, end: Ptr): void => {
      const from = start >>> 9, to = Math.floor(end / 512) + 2; // one more, to look behind the last unit
      const { bits, origin } = s;
      if (bits.length > 0 && from >= origin && to <= origin + bits.length) return;
      const first = bits.length > 0 ? Math.min(from, origin) : from;
      const more = new Uint32Array(Math.max(to, origin + bits.length) - first + (bits.length >>> 1));
      if (bits.length > 0) more.set(bits, origin - first);
      s.bits = more;
      s.origin = first;
    };

    /** Lengthens the span that the window is in by `more` bytes in place; false if that cannot be. */
    const extend = (s: Coalesce<S>, more: number): boolean => {
      if (s.end === 0 || base.resize === undefined) return false;
      const span = s.spans, size = heap.u32[(span >>> 2) + SIZE];
      if (size + more >= 2 ** 32 || !base.resize(s.base, span, size, size + more)) return false;
      heap.u32[(span >>> 2) + SIZE] = size + more;
      s.held += more;
      s.end = span + size + more;
      cover(s, span, s.end);
      return true;
    };

    /** Takes a span of `size` bytes as the newest; what the last one has left goes to a bin. */
    const addSpan = (s: Coalesce<S>, size: number): boolean => {
      const span = base.get(s.base, size);
      if (span === 0) return false;
      cover(s, span, span + size);
      if (s.end > s.ptr) insert(s, s.ptr, (s.end - s.ptr) >>> 4);
      heap.u32[(span >>> 2) + OLDER] = s.spans;
      heap.u32[(span >>> 2) + SIZE] = size;
      s.spans = span;
      s.held += size;
      s.ptr = span + RECORD;
      s.end = span + size;
      return true;
    };

    /** What is asked of the layer below for `size` bytes: a multiple of what it should be at a time. */
    const rounded = (s: Coalesce<S>, size: number): number => {
      const step = Math.max(bytes, (s.held >>> 4) & -4096);
      return Math.ceil(size / step) * step;
    };

    /** Makes room for `n` units in the window where it is; false when that cannot be. */
    const widen = (s: Coalesce<S>, n: number): boolean => {
      const need = 16 * n - (s.end - s.ptr);
      return need <= 0 || extend(s, rounded(s, need)) || extend(s, need);
    };

    /** Makes room for `n` units in the window, if need be in a new span; false when there is no memory. */
    const grow = (s: Coalesce<S>, n: number): boolean => {
      const size = 16 * Math.max(n, EXACT) + RECORD; // so that no block that is a span of its own takes the hot path
      if (widen(s, n)) return true;
      if (size >= 2 ** 32) return false;
      if (s.end !== 0 && s.ptr === s.spans + RECORD) dropSpan(s, s.spans); // too small, and nothing is in it
      const ideal = rounded(s, size);
      return (ideal < 2 ** 32 && addSpan(s, ideal)) || addSpan(s, size);
    };

    /** Gives back the span at `span`, in which nothing is out and which is in no bin. */
    const dropSpan = (s: Coalesce<S>, span: Ptr): void => {
      const { u32 } = heap, size = u32[(span >>> 2) + SIZE];
      if (s.spans === span) {
        s.spans = u32[(span >>> 2) + OLDER];
        s.ptr = s.end = 0;
      } else {
        let newer = s.spans;
        while (u32[(newer >>> 2) + OLDER] !== span) newer = u32[(newer >>> 2) + OLDER];
        u32[(newer >>> 2) + OLDER] = u32[(span >>> 2) + OLDER];
      }
      s.held -= size;
      base.put(s.base, span, size);
    };

    /** The span of which all units but the record's are the `n` at `p`; 0 if there is none. */
    const spanOf = (s: Coalesce<S>, p: Ptr, n: number): Ptr => {
      const { u32 } = heap;
      for (let span = s.spans; span !== 0; span = u32[(span >>> 2) + OLDER]) {
        if (span + RECORD === p) return span + u32[(span >>> 2) + SIZE] === p + 16 * n ? span : 0;
      }
      return 0;
    };

    /** Once nothing is out: gives back the last span, unless it is small and becomes empty again and again. */
    const rest = (s: Coalesce<S>): void => {
      if (s.held > bytes) s.patience = s.penalty = 0;
      if (!losesPatience(s)) return;
      forget(s);
      while (s.spans !== 0) dropSpan(s, s.spans);
    };

    /** Empties the bins. */
    const forget = (s: Coalesce<S>): void => {
      if (s.levels === 0) return;
      s.levels = 0;
      s.bits.fill(0);
      s.bins.fill(0);
      s.maps.fill(0);
    };

    /** Takes the units from `p` to `ptr` back, and what is free in front of them. */
    const retreat = (s: Coalesce<S>, p: Ptr): void => {
      if (isMarked(s, p - 16)) {
        const n = heap.u32[(p >>> 2) - 1];
        unmark(s, p - 16);
        p -= 16 * n;
        unlink(s, p, n);
        unmark(s, p);
      }
      s.ptr = p;
      if (s.out === 0) return rest(s);
      const spare = s.end - p, step = Math.max(bytes, (s.held >>> 4) & -4096);
      if (spare < 4 * step) return;
      if (p === s.spans + RECORD) return dropSpan(s, s.spans);
      if (base.resize === undefined) return;
      const less = Math.floor((spare - step) / 4096) * 4096, size = heap.u32[(s.spans >>> 2) + SIZE];
      if (!base.resize(s.base, s.spans, size, size - less)) return;
      heap.u32[(s.spans >>> 2) + SIZE] = size - less;
      s.end -= less;
      s.held -= less;
    };

    /** Makes the `n` units at `p` free, which are not counted as out any more. */
    const free = (s: Coalesce<S>, p: Ptr, n: number): void => {
      const end = p + 16 * n;
      if (end === s.ptr) return retreat(s, p);
      const { u32 } = heap;
      const left = isMarked(s, p - 16) ? u32[(p >>> 2) - 1] : 0,
        right = isMarked(s, end) ? u32[(end >>> 2) + UNITS] : 0;
      const start = p - 16 * left, all = left + n + right;
      // Of the marks, those between the three go; a single unit's one mark is that of its begin and its end
      if (left > 1) unmark(s, p - 16);
      else if (left === 0) mark(s, p);
      if (right > 1) unmark(s, end);
      else if (right === 0) mark(s, end - 16);
      if (left > 0) {
        if (right > 0) unlink(s, end, right);
        alter(s, start, left, start, all);
      } else if (right > 0) alter(s, end, right, start, all);
      else link(s, start, all);
      if (u32[((start - RECORD) >>> 2) + SIZE] !== 16 * all + RECORD) return; // no record of that size is in front
      const span = spanOf(s, start, all);
      if (span === 0) return;
      unlink(s, start, all);
      unmark(s, start);
      unmark(s, start + 16 * (all - 1));
      dropSpan(s, span);
      if (s.out === 0) rest(s);
    };

    /** Cuts `n` units off the front of a block from a bin. */
    const take = (s: Coalesce<S>, bin: number, n: number): Ptr => {
      const p = s.bins[bin], m = heap.u32[(p >>> 2) + UNITS];
      unmark(s, p);
      if (m > n) {
        const rest = p + 16 * n;
        mark(s, rest);
        alter(s, p, m, rest, m - n);
      } else {
        unlink(s, p, m);
        unmark(s, p + 16 * (m - 1));
      }
      return p;
    };

    const slowGet = (s: Coalesce<S>, size: number, align: number): Ptr => {
      const n = unitsOf(size);
      if (size > 2 ** 32 - 32) return 0;
      if (align > 16) return getAligned(s, n, align);
      if (!grow(s, n)) return 0;
      const p = s.ptr;
      s.ptr = p + 16 * n;
      s.out += n;
      return p;
    };

    /** The first address from `p` on that is a multiple of `align`. */
    const aligned = (p: Ptr, align: number): Ptr => Math.ceil(p / align) * align;

    /** Where `n` aligned units begin in a free block that is as long as its bin's are, if one of the first few has them. */
    const seek = (s: Coalesce<S>, n: number, align: number): Ptr => {
      const { u32 } = heap;
      for (let p = s.bins[binOf(n)], tries = 8; p !== 0 && tries > 0; p = u32[(p >>> 2) + NEXT], tries--) {
        if (aligned(p, align) + 16 * n <= p + 16 * u32[(p >>> 2) + UNITS]) return p;
      }
      const bin = findBin(s, n + align / 16 - 1);
      return bin === 0 ? 0 : s.bins[bin];
    };

    const getAligned = (s: Coalesce<S>, n: number, align: number): Ptr => {
      let p = seek(s, n, align), have = 0;
      if (p !== 0) {
        have = heap.u32[(p >>> 2) + UNITS];
        unlink(s, p, have);
        unmark(s, p);
        unmark(s, p + 16 * (have - 1));
      } else {
        have = n + align / 16 - 1;
        if (16 * have > 2 ** 32 - 32 || !grow(s, have)) return 0;
        p = s.ptr;
        have = (aligned(p, align) - p) / 16 + n;
        s.ptr = p + 16 * have;
      }
      const start = aligned(p, align), before = (start - p) / 16, after = have - before - n;
      if (before > 0) insert(s, p, before);
      if (after > 0) insert(s, start + 16 * n, after);
      s.out += n;
      return start;
    };

    /** A block of `n` units that has to be cut from a larger one, or from the window. */
    const cut = (s: Coalesce<S>, n: number): Ptr => {
      const bin = n === s.moving ? findRoom(s, n) : findBin(s, n), p = bin === 0 ? s.ptr : take(s, bin, n);
      s.moving = 0;
      if (bin === 0) {
        if (p + 16 * n > s.end) return slowGet(s, 16 * n, 16);
        s.ptr = p + 16 * n;
      }
      s.out += n;
      return p;
    };

    // Both hot paths are short, for a block that is as large as its bin's, and has no free neighbour

    const get = (s: Coalesce<S>, size: number, align = 16): Ptr => {
      const n = size === 0 ? 1 : (size + 15) >>> 4;
      if (align > 16 || size > 16 * (EXACT - 1)) {
        return align > 16 || size > 2 ** 31 ? slowGet(s, size, align) : cut(s, n) >>> 0;
      }
      const { bins } = s, p = bins[n];
      if (p === 0) return cut(s, n) >>> 0;
      const { u32 } = heap, { bits, origin } = s, next = u32[(p >>> 2) + NEXT], first = p >>> 4, last = first + n - 1;
      bins[n] = next;
      if (next !== 0) u32[(next >>> 2) + PREV] = 0;
      else if ((s.maps[n >>> 5] &= ~(1 << n)) === 0) s.levels &= ~(1 << (n >>> 5));
      bits[(first >>> 5) - origin] &= ~(1 << first);
      bits[(last >>> 5) - origin] &= ~(1 << last);
      s.out += n;
      return p;
    };

    const put = (s: Coalesce<S>, p: Ptr, size: number): void => {
      const n = size === 0 ? 1 : (size + 15) >>> 4, { bits, origin } = s;
      const first = p >>> 4, last = first + n - 1, before = first - 1, after = first + n;
      s.out -= n;
      if (
        n >= EXACT || p + 16 * n === s.ptr ||
        ((bits[(before >>> 5) - origin] >>> before | bits[(after >>> 5) - origin] >>> after) & 1) !== 0
      ) return free(s, p, n);
      const { u32 } = heap, { bins } = s, next = bins[n], at = p >>> 2;
      u32[at + UNITS] = n;
      u32[at + NEXT] = next;
      u32[at + PREV] = 0;
      u32[at + 4 * n - 1] = n;
      bins[n] = p;
      if (next !== 0) u32[(next >>> 2) + PREV] = p;
      else {
        s.maps[n >>> 5] |= 1 << n;
        s.levels |= 1 << (n >>> 5);
      }
      bits[(first >>> 5) - origin] |= 1 << first;
      bits[(last >>> 5) - origin] |= 1 << last;
    };

    const cannot = (s: Coalesce<S>, to: number): false => {
      if (to >= EXACT && to !== Infinity) s.moving = to; // what is small seldom grows so far that it would be worth the room
      return false;
    };

    return {
      heap,
      init: () => ({
        base: base.init(),
        ptr: 0,
        end: 0,
        spans: 0,
        held: 0,
        out: 0,
        levels: 0,
        maps: new Uint32Array(LEVELS),
        bins: new Uint32Array(32 * LEVELS),
        bits: new Uint32Array(0),
        origin: 0,
        moving: 0,
        patience: 0,
        penalty: 0,
      }),
      deinit: (s) => {
        try {
          while (s.spans !== 0) dropSpan(s, s.spans);
        } finally {
          base.deinit(s.base);
        }
      },
      get,
      put,
      resize: (s, p, old, size) => {
        const n = unitsOf(old), to = size > 2 ** 32 - 32 ? Infinity : unitsOf(size), end = p + 16 * n;
        if (to <= n) {
          s.out -= n - to;
          if (to < n) free(s, p + 16 * to, n - to);
          return true;
        }
        if (end === s.ptr) {
          if (to === Infinity || !widen(s, to - n)) return cannot(s, to);
          s.ptr = end + 16 * (to - n);
        } else {
          const m = isMarked(s, end) ? heap.u32[(end >>> 2) + UNITS] : 0;
          if (n + m < to) return cannot(s, to);
          unlink(s, end, m);
          unmark(s, end);
          if (n + m > to) insert(s, p + 16 * to, n + m - to);
          else unmark(s, end + 16 * (m - 1));
        }
        s.out += to - n;
        return true;
      },
      owns: (s, p) => {
        const { u32 } = heap;
        for (let span = s.spans; span !== 0; span = u32[(span >>> 2) + OLDER]) {
          if (p > span && p < span + u32[(span >>> 2) + SIZE]) return true;
        }
        return false;
      },
      reset: (s) => {
        const { u32 } = heap;
        forget(s);
        s.out = 0;
        if (s.spans === 0) return;
        s.ptr = s.spans + RECORD;
        s.end = s.spans + u32[(s.spans >>> 2) + SIZE];
        for (let span = u32[(s.spans >>> 2) + OLDER]; span !== 0; span = u32[(span >>> 2) + OLDER]) {
          insert(s, span + RECORD, (u32[(span >>> 2) + SIZE] - RECORD) >>> 4);
        }
      },
      goodSize: (size) => size > 2 ** 32 - 16 ? size : 16 * unitsOf(size),
      maxAlign: 2 ** 20,
      divisible: true,
      ...pass(base, "verify"),
    };
  },
  { assertInteger, losesPatience, pass },
);
