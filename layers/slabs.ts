/**
 * `slabs`: small blocks, fast. Each size has a magazine of free blocks; tiny ones come from slabs.
 *
 * Guarantees: blocks of up to `largest` bytes are rounded up to a multiple of 16; a block that comes back is served again
 * first. Blocks of up to `tiny` bytes come from slabs of their size, which go back when none of their blocks is out; larger
 * ones come from the layer below and go back there, where they can merge. A magazine holds at most a 256th of the bytes
 * that are out, with two bounds: never less than 512 bytes (of tiny blocks 16 KiB) or two blocks, never more than 256
 * blocks. One that is not in use is emptied after a while; when nothing is out any more, all go back (the first time at
 * once; if that happens again and again, every 64th time at the latest). Costs: O(1), amortised over half a magazine; 32
 * bytes a slab, and its rest; a whole slab for each tiny block that is asked to be aligned to more than 16; 16 KiB a
 * state. Needs a layer below that is `divisible`, resizes and aligns, as `coalesce` does: a slab is aligned to its size, so
 * that the slab of a block is found by masking. Before a request is refused, all magazines are emptied.
 *
 * After Bonwick, "The Slab Allocator" (USENIX 1994), and Bonwick and Adams, "Magazines and Vmem" (USENIX 2001).
 *
 * ```
 * magazines | 0 | top of 16 | top of 32 | ... | 0 | block | block | .. | 1 | 0 | block | .. | 1 | ...
 *                                               magazine of 16 bytes         of 32 bytes
 * slab      | free, fresh, used, next, prev | block | block | block | ...
 *             free -> block -> block -> 0;  fresh -> the first block that was never in use
 * ```
 *
 * @module
 */

import { assertInteger, assertPowerOfTwo } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type Aligning, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";
import { losesPatience, type Patience } from "./patience.ts";
import { link, unlink } from "./slab_list.ts";

/** State of {@linkcode slabs}. Sizes are in units of 16 bytes. */
export interface Slabs<S> extends Patience {
  /** State of the layer below. */
  base: S;
  /**
   * The magazines. Word `i` is the index of the top of the magazine for blocks of `i` units, whose words are a 0 that
   * says "empty", then addresses of free blocks, and a 1 that says "full". Of 0 units it is always both.
   */
  magazines: Uint32Array;
  /** By size: blocks that the magazine has room for now. */
  rooms: Uint16Array;
  /** By size: address of the first slab of a list of those with free blocks, or 0. */
  partial: Uint32Array;
  /** By size: address of the first slab of a list of those without free blocks, or 0. */
  full: Uint32Array;
  /** By size: the top of the magazine when it was looked at last. */
  seen: Uint32Array;
  /** Requests that no magazine could serve: from time to time one makes idle blocks go back. */
  turn: number;
  /** What has been got, in units: a 32-bit word, which wraps. Two counts, as one would be the bottleneck of a pair. */
  taken: number;
  /** What has come back, in units, likewise. */
  returned: number;
}

/**
 * Serves small blocks from magazines and slabs, and what is larger from the layer below.
 *
 * @param base The layer below: `coalesce(...)`, or another that is divisible, resizes and aligns to `bytes`
 * @param largest Bytes in the largest block that waits in a magazine, a multiple of 16 up to 4096. Default 256
 * @param tiny Bytes in the largest block that comes from a slab, a multiple of 16 up to `largest` and an eighth of a slab.
 *   Default 80, or `largest` where that is less
 * @param bytes Bytes in a slab, a power of two from 1024 to 65536. Default 2048
 *
 * @example
 * ```ts
 * import { coalesce } from "./coalesce.ts";
 * import { slabs } from "./slabs.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = slabs(coalesce(mmap()));
 * const s = stack.init();
 * const p = stack.get(s, 100), q = stack.get(s, 100);
 * stack.put(s, p, 100);
 * stack.get(s, 100);               // p
 * stack.put(s, q, 100);
 * stack.deinit(s);
 * ```
 */
// deno-lint-ignore no-explicit-any
export const slabs = <L extends LayerWith<any, "resize" | "maxAlign">>(
  base: L,
  largest = 256,
  tiny: number = largest < 80 ? largest : 80,
  bytes = 2048,
): LayerWith<Slabs<StateOf<L>>, "resize" | "goodSize" | "maxAlign" | Kept<L, "reset" | "owns" | "verify">> =>
  over(base, largest, tiny, bytes);

// deno-lint-ignore no-explicit-any
const over: <L extends LayerWith<any, "resize" | "maxAlign">>(
  base: L,
  largest: number,
  tiny: number,
  bytes: number,
) => ReturnType<typeof slabs<L>> = layer(
  function slabs<S>(
    base: LayerWith<S, "resize" | "maxAlign">,
    largest: number,
    tiny: number,
    bytes: number,
  ): Layer<Slabs<S>> {
    assertPowerOfTwo("compose slabs", "bytes in a slab", bytes, 65536);
    assertInteger("compose slabs", "bytes in a slab", bytes, 1024, 65536);
    assertInteger("compose slabs", "bytes in the largest block", largest, 16, 4096);
    assertInteger("compose slabs", "bytes in the largest tiny block", tiny, 16, Math.min(largest, bytes / 8));
    if (largest % 16 !== 0 || tiny % 16 !== 0) {
      throw new RangeError(
        `Cannot compose slabs: bytes in a block must be a multiple of 16, got ${largest} and ${tiny}`,
      );
    }
    if (base.divisible !== true || base.resize === undefined || !(base.maxAlign >= bytes)) {
      throw new TypeError(
        `Cannot compose slabs: the layer below must be divisible, resize and align to ${bytes}, as coalesce(...) does`,
      );
    }
    const { heap, put: basePut, resize } = base, baseGet: Aligning<S>["get"] = base.get;
    const UNITS = largest / 16, EMPTY = 0, FULL = 1;
    const MOST = 256, ROW = MOST + 2; // blocks, words
    const TINY = tiny / 16; // units
    const TURNS = 64; // requests of which one looks at a magazine
    const LEAST = 32, LEAST_TINY = 1024; // units that a magazine may hold anyway, and if its blocks are tiny
    const SHARE = 8; // it may hold a 256th of what is out, as a shift
    const HEADER = 32, FREE = 0, FRESH = 1, USED = 2; // bytes; words of a slab, of which 3 and 4 link it

    /** Units that a block counts as being out. */
    const unitsOf = (size: number): number => size > largest ? size >>> 4 : size === 0 ? 1 : (size + 15) >>> 4;

    /** Index of the first word of the magazine for a size. */
    const rowOf = (units: number): number => UNITS + 3 + (units - 1) * ROW;

    const empty = new Uint32Array(UNITS + 3 + UNITS * ROW).fill(EMPTY);
    empty[0] = UNITS + 1;
    empty[UNITS + 2] = FULL;
    for (let i = 1; i <= UNITS; i++) {
      empty[i] = rowOf(i);
      empty[rowOf(i) + 1] = FULL;
    }

    /** Blocks that a magazine should have room for, as much as is out. A shift, as a division would take longer. */
    const roomFor = (s: Slabs<S>, units: number): number => {
      const least = units <= TINY ? LEAST_TINY : LEAST;
      return Math.min(
        MOST,
        Math.max(2, Math.max(least, (s.taken - s.returned | 0) >>> SHARE) >>> (32 - Math.clz32(units - 1))),
      );
    };

    /** Changes the room of a magazine, which holds less than that. */
    const setRoom = (s: Slabs<S>, units: number, room: number): void => {
      const { magazines, rooms } = s, row = rowOf(units);
      magazines[row + 1 + rooms[units]] = EMPTY;
      magazines[row + 1 + room] = FULL;
      rooms[units] = room;
    };

    /** Moves a slab from one list to the front of another. */
    const move = (slab: Ptr, units: number, from: Uint32Array, to: Uint32Array): void => {
      from[units] = unlink(heap, slab, from[units]);
      link(heap, slab, to[units]);
      to[units] = slab;
    };

    /** A new slab in front of a list, whose first fresh block is at an offset; 0 when there is no memory. */
    const addSlab = (s: Slabs<S>, list: Uint32Array, units: number, offset: number): Ptr => {
      const slab = baseGet(s.base, bytes, bytes) >>> 0;
      if (slab === 0) return 0;
      const { u32 } = heap, at = slab >>> 2;
      u32[at + FREE] = 0;
      u32[at + FRESH] = slab + offset;
      u32[at + USED] = 0;
      link(heap, slab, list[units]);
      list[units] = slab;
      return slab;
    };

    /** A tiny block aligned to more than its size may be: one in a slab of its own. */
    const getAligned = (s: Slabs<S>, units: number, align: number): Ptr => {
      const slab = addSlab(s, s.full, units, bytes);
      if (slab === 0) return 0;
      heap.u32[(slab >>> 2) + USED] = 1;
      return slab + align;
    };

    const isFull = (at: number, size: number): boolean =>
      heap.u32[at + FREE] === 0 && heap.u32[at + FRESH] + size > 4 * at + bytes;

    /** Fills the magazine with up to `n` blocks of a slab, and returns one more. */
    const fillFromSlab = (s: Slabs<S>, slab: Ptr, units: number, n: number): Ptr => {
      const { u32 } = heap, { magazines } = s, at = slab >>> 2, size = 16 * units, end = slab + bytes;
      const row = rowOf(units), most = row + n + 1;
      let top = row, free = u32[at + FREE], fresh = u32[at + FRESH];
      for (; free !== 0 && top < most; free = u32[free >>> 2]) magazines[++top] = free;
      for (; fresh + size <= end && top < most; fresh += size) magazines[++top] = fresh;
      u32[at + FREE] = free;
      u32[at + FRESH] = fresh;
      u32[at + USED] += top - row;
      if (isFull(at, size)) {
        move(slab, units, s.partial, s.full);
      }
      magazines[units] = top - 1;
      return magazines[top];
    };

    /**
     * Fills the magazine with up to `n` blocks from below, and returns one more: a block and, if what is behind it is
     * free, that many. So a hole that fits is used before anything larger is cut.
     */
    const fillFromBelow = (s: Slabs<S>, units: number, n: number): Ptr => {
      const size = 16 * units, p = baseGet(s.base, size) >>> 0, { magazines } = s;
      if (p === 0) return 0;
      if (resize(s.base, p, size, (n + 1) * size)) {
        let top = rowOf(units);
        for (let q = p + n * size; q > p; q -= size) magazines[++top] = q;
        magazines[units] = top;
      }
      return p;
    };

    /** Half fills an empty magazine and returns one more block, or 0. */
    const fill = (s: Slabs<S>, units: number): Ptr => {
      const room = roomFor(s, units), n = room >>> 1;
      setRoom(s, units, room);
      if (units > TINY) return fillFromBelow(s, units, n);
      const slab = s.partial[units] || addSlab(s, s.partial, units, HEADER);
      return slab === 0 ? 0 : fillFromSlab(s, slab, units, n);
    };

    /** Gives block `from` of a magazine, and those up to `to` that follow and are of the same slab, back to it. */
    const giveToSlab = (s: Slabs<S>, from: number, to: number, units: number): number => {
      const { u32 } = heap, { magazines } = s, slab = (magazines[from] & -bytes) >>> 0, at = slab >>> 2;
      if (isFull(at, 16 * units)) {
        move(slab, units, s.full, s.partial);
      }
      let i = from, free = u32[at + FREE];
      for (; i < to && (magazines[i] & -bytes) >>> 0 === slab; i++) {
        const p = magazines[i];
        u32[p >>> 2] = free;
        free = p;
      }
      u32[at + FREE] = free;
      u32[at + USED] -= i - from;
      if (u32[at + USED] === 0) {
        s.partial[units] = unlink(heap, slab, s.partial[units]);
        basePut(s.base, slab, bytes);
      }
      return i;
    };

    /** Takes blocks `from` up to `to` of a magazine back: those from below that adjoin as one. */
    const give = (s: Slabs<S>, from: number, to: number, units: number): void => {
      const { magazines } = s, size = 16 * units;
      for (let i = from; i < to;) {
        if (units <= TINY) {
          i = giveToSlab(s, i, to, units);
          continue;
        }
        let start = magazines[i], end = start + size;
        for (i++; i < to; i++) {
          const p = magazines[i];
          if (p === end) end += size;
          else if (p + size === start) start = p;
          else break;
        }
        basePut(s.base, start, end - start);
      }
    };

    /** Half empties a full magazine. */
    const drain = (s: Slabs<S>, units: number): void => {
      const { magazines } = s, end = magazines[units] + 1, room = roomFor(s, units);
      const keep = Math.min(end, rowOf(units) + 1 + (room >>> 1));
      give(s, keep, end, units);
      magazines[units] = keep - 1;
      setRoom(s, units, room);
    };

    const emptyMagazine = (s: Slabs<S>, units: number): void => {
      const { magazines } = s, row = rowOf(units);
      give(s, row + 1, magazines[units] + 1, units);
      magazines[units] = row;
    };

    /** Looks at one magazine, in turn, and empties it if it has not been in use since the last time. */
    const tend = (s: Slabs<S>): void => {
      s.turn = (s.turn + 1) & 0xffff;
      if ((s.turn & (TURNS - 1)) !== 0) return;
      const { magazines, seen } = s, units = (s.turn / TURNS) % UNITS + 1;
      if (magazines[units] === seen[units]) emptyMagazine(s, units);
      seen[units] = magazines[units];
    };

    const purge = (s: Slabs<S>): void => {
      for (let units = 1; units <= UNITS; units++) emptyMagazine(s, units);
    };

    /** Once nothing is out: empties the magazines, unless that happens again and again. */
    const rest = (s: Slabs<S>): void => {
      if (losesPatience(s)) purge(s);
    };

    /** What no magazine serves. */
    const serve = (s: Slabs<S>, size: number, align: number): Ptr => {
      if (size <= largest && align <= 16) return fill(s, unitsOf(size));
      return size <= tiny ? getAligned(s, unitsOf(size), align) : baseGet(s.base, size, align);
    };

    const slowGet = (s: Slabs<S>, size: number, align: number): Ptr => {
      tend(s);
      if (size === 0) return get(s, 1, align); // whose magazine need not be empty
      let p = serve(s, size, align);
      if (p === 0) {
        purge(s); // what waits may be what is lacking
        p = serve(s, size, align);
      }
      if (p !== 0) s.taken = (s.taken + unitsOf(size)) | 0;
      return p;
    };

    const slowPut = (s: Slabs<S>, p: Ptr, size: number): void => {
      const { magazines } = s, units = unitsOf(size);
      if (size > largest) basePut(s.base, p, size);
      else {
        if (magazines[magazines[units] + 1] === FULL) drain(s, units);
        magazines[++magazines[units]] = p;
      }
      s.returned = (s.returned + units) | 0;
      if (s.returned === s.taken) rest(s);
    };

    // All that is rare is one call, as each costs the loop around it: what is too large finds a magazine, that of 0 units,
    // which is both empty and full

    const get = (s: Slabs<S>, size: number, align: number = 16): Ptr => {
      const { magazines } = s,
        units = size > largest ? 0 : (size + 15) >>> 4,
        top = magazines[units],
        p = magazines[top];
      if (p === EMPTY || align > 16) return slowGet(s, size, align) >>> 0;
      magazines[units] = top - 1;
      s.taken = (s.taken + units) | 0;
      return p;
    };

    const put = (s: Slabs<S>, p: Ptr, size: number): void => {
      const { magazines } = s, units = size > largest ? 0 : (size + 15) >>> 4, top = magazines[units] + 1;
      const returned = (s.returned + units) | 0;
      if (magazines[top] === FULL || returned === s.taken) return slowPut(s, p, size);
      magazines[top] = p;
      magazines[units] = top;
      s.returned = returned;
    };

    return {
      heap,
      init: () => ({
        base: base.init(),
        magazines: empty.slice(),
        rooms: new Uint16Array(UNITS + 1),
        partial: new Uint32Array(TINY + 1),
        full: new Uint32Array(TINY + 1),
        seen: new Uint32Array(UNITS + 1),
        turn: 0,
        taken: 0,
        returned: 0,
        patience: 0,
        penalty: 0,
      }),
      deinit: (s) => {
        try {
          purge(s);
          for (const list of [s.partial, s.full]) {
            for (let units = 1; units <= TINY; units++) {
              for (let slab = list[units]; slab !== 0; slab = list[units]) {
                list[units] = unlink(heap, slab, list[units]);
                basePut(s.base, slab, bytes);
              }
            }
          }
        } finally {
          base.deinit(s.base);
        }
      },
      get,
      put,
      resize: (s, p, old, size) => {
        const from = unitsOf(old), to = unitsOf(size);
        if (from === to && old <= largest && size <= largest) return true;
        if (old <= tiny || size <= tiny) return false;
        if (!resize(s.base, p, old > largest ? old : 16 * from, size > largest ? size : 16 * to)) return false;
        s.taken = (s.taken + to - from) | 0;
        return true;
      },
      goodSize: (size) => size > largest ? base.goodSize?.(size) ?? size : 16 * unitsOf(size),
      ...(base.reset && {
        reset: (s) => {
          s.magazines.set(empty);
          for (const list of [s.rooms, s.partial, s.full]) list.fill(0);
          s.taken = s.returned = 0;
          base.reset!(s.base);
        },
      }),
      maxAlign: Math.min(base.maxAlign, bytes / 2), // so that an aligned block fits in a slab, behind the header
      ...pass(base, "owns", "verify"),
    };
  },
  { assertInteger, assertPowerOfTwo, link, losesPatience, pass, unlink },
);
