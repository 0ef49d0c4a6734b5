/**
 * `buddy`: the binary buddy system, after Knuth (The Art of Computer Programming 1, 2.5). Blocks are powers of two; one
 * that is too big is split into two buddies, and two free buddies merge.
 *
 * Guarantees: a block of 2^n bytes is aligned to 2^n; requests beyond a span are passed on. Free buddies merge at once,
 * so after everything was put at most one span is kept, in one piece. A block can be asked to be aligned to up to a
 * span, and shrinks, and grows into its free upper buddies, in place. `deinit` gives all spans back. Costs: `get`,
 * `put` and `resize` O(log (span / least)), `owns` O(1); rounding up to a power of two, a bit for each `least` bytes,
 * and 4 bytes for each span that the addresses up to the topmost one have room for. Needs alignment to a span of the
 * layer below, which `mmap` and `align` have.
 *
 * ```
 * order 3  | span                                          |      blocks of `least << order` bytes
 * order 2  | out                   |                       |
 * order 1  |                       | free      |           |      free blocks of an order -> a list, through them
 * order 0  |                                   | out | free|
 * pairs    0 | 0 1 | 0 0 0 1                                    1: just one of both buddies is a free block
 * ```
 *
 * Blocks carry no tags: `put` knows the order from the size, and the bit of the pair says whether the buddy is free.
 * What is aligned to more than its size is the lower end of a larger block, of which the rest is free.
 *
 * @module
 */

import { assertInteger, assertPowerOfTwo } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type Kept, layer, type LayerWith, pass, type StateOf } from "../layer.ts";

/** State of {@linkcode buddy}. */
export interface Buddy<S> {
  /** State of the layer below. */
  base: S;
  /** By order: address of the first free block of a list, or 0. */
  free: Uint32Array;
  /** Orders that have a free block, a bit each. */
  orders: number;
  /** Address of the table, or 0. The slot of a span, by its address / span, holds the address of its pairs, or 0. */
  table: Ptr;
  /** Slots in the table, of 4 bytes each. */
  slots: number;
}

/**
 * Serves blocks of powers of two, from `least` to `span` bytes; larger ones go to `base`.
 *
 * It has `owns` and `reset` where `base` has them, which has to do it for the larger blocks. A block that is put twice,
 * or with a size of another order, is not found out.
 *
 * @param base The layer below. It has to align to `span`
 * @param least Bytes in the smallest block, a power of two from 16 to `span`. Default 16
 * @param span Bytes in the largest block, and what is asked of `base`, a power of two from 4096 to 2^30. Default 1 MiB
 *
 * @example
 * ```ts
 * import { buddy } from "./buddy.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = buddy(mmap());
 * const s = stack.init();
 * const p = stack.get(s, 100);         // a block of 128 bytes
 * const q = stack.get(s, 24, 4096);    // one of 32 bytes
 * stack.resize(s, q, 24, 1000);        // true: what is behind it is free
 * stack.put(s, q, 1000);
 * stack.put(s, p, 100);
 * stack.deinit(s);
 * ```
 */
// deno-lint-ignore no-explicit-any
export const buddy = <L extends LayerWith<any, "maxAlign">>(
  base: L,
  least = 16,
  span: number = 2 ** 20,
): LayerWith<Buddy<StateOf<L>>, "resize" | "goodSize" | "maxAlign" | Kept<L, "owns" | "reset" | "verify">> =>
  over(base, least, span);

// deno-lint-ignore no-explicit-any
const over: <L extends LayerWith<any, "maxAlign">>(
  base: L,
  least: number,
  span: number,
) => ReturnType<typeof buddy<L>> = layer(
  function buddy<S>(base: LayerWith<S, "maxAlign">, least: number, span: number): LayerWith<Buddy<S>, "maxAlign"> {
    assertInteger("compose buddy", "bytes in a span", span, 4096, 2 ** 30);
    assertPowerOfTwo("compose buddy", "bytes in a span", span, 2 ** 30);
    assertInteger("compose buddy", "bytes in the smallest block", least, 16, span);
    assertPowerOfTwo("compose buddy", "bytes in the smallest block", least, span);
    const aligned = base.maxAlign ?? 16;
    if (aligned < span) {
      throw new RangeError(
        `Cannot compose buddy: maxAlign of the layer below must be at least ${span}, got ${aligned}`,
      );
    }
    const { heap, get: getBelow, put: putBelow } = base;
    const NEXT = 0, PREV = 1; // words of a free block
    const LEAST = least | 0, SPAN = span | 0;
    const LEAST_BITS = Math.log2(LEAST) | 0, SPAN_BITS = Math.log2(SPAN) | 0, LAST = SPAN_BITS - LEAST_BITS; // order
    const PAIRS = Math.max(SPAN / LEAST / 8, 4); // bytes of bits

    const orderOf = (size: number): number => 32 - LEAST_BITS - Math.clz32(((size || 1) - 1) | (LEAST - 1));

    /** Word at which the bits of the span of a block begin. */
    const pairsOf = (s: Buddy<S>, p: Ptr): number => {
      const { u32 } = heap;
      return u32[(s.table >>> 2) + (p >>> SPAN_BITS)] >>> 2;
    };

    /** Number of a pair of buddies, 1 for the halves of the span, 2 and 3 for their halves, ... */
    const pairOf = (p: Ptr, order: number): number => ((p & (SPAN - 1)) | SPAN) >>> (LEAST_BITS + order + 1);

    /** Whether just one of a block and its buddy is free. */
    const isHalfFree = (pairs: number, p: Ptr, order: number): boolean => {
      const pair = pairOf(p, order);
      return ((heap.u32[pairs + (pair >>> 5)] >>> (pair & 31)) & 1) !== 0;
    };

    /** Notes that a block has become free, or is no longer; whether just one of it and its buddy is free then. */
    const flip = (pairs: number, p: Ptr, order: number): boolean => {
      const { u32 } = heap, pair = pairOf(p, order), at = pairs + (pair >>> 5);
      const bits = u32[at] ^ (1 << (pair & 31));
      u32[at] = bits;
      return ((bits >>> (pair & 31)) & 1) !== 0;
    };

    /** Puts a free block into the list of its order. */
    const link = (s: Buddy<S>, p: Ptr, order: number): void => {
      const { u32 } = heap, next = s.free[order];
      u32[(p >>> 2) + NEXT] = next;
      u32[(p >>> 2) + PREV] = 0;
      if (next !== 0) u32[(next >>> 2) + PREV] = p;
      s.free[order] = p;
      s.orders |= 1 << order;
    };

    /** Takes a free block out of the list of its order. */
    const unlink = (s: Buddy<S>, p: Ptr, order: number): void => {
      const { u32 } = heap, next = u32[(p >>> 2) + NEXT], prev = u32[(p >>> 2) + PREV];
      if (next !== 0) u32[(next >>> 2) + PREV] = prev;
      if (prev !== 0) u32[(prev >>> 2) + NEXT] = next;
      else if ((s.free[order] = next) === 0) s.orders &= ~(1 << order);
    };

    /** Makes a block that is out one of the order `to`: frees its upper half, and that of the rest, ... */
    const split = (s: Buddy<S>, pairs: number, p: Ptr, order: number, to: number): void => {
      while (order > to) {
        const upper = p + (LEAST << --order);
        flip(pairs, upper, order);
        link(s, upper, order);
      }
    };

    /** Makes the table reach to a slot; false when there is no memory. */
    const reserve = (s: Buddy<S>, slot: number): boolean => {
      if (slot < s.slots) return true;
      const { table, slots } = s, more = Math.min(Math.max(2 * slots, slot + 1, 64), 2 ** 32 / SPAN);
      const p = getBelow(s.base, 4 * more);
      if (p === 0) return false;
      const { u32 } = heap, at = p >>> 2;
      u32.copyWithin(at, table >>> 2, (table >>> 2) + slots);
      u32.fill(0, at + slots, at + more);
      s.table = p;
      s.slots = more;
      if (slots !== 0) putBelow(s.base, table, 4 * slots);
      return true;
    };

    /** Takes a span, which is then a free block; false when there is no memory. */
    const addSpan = (s: Buddy<S>): boolean => {
      const span = getBelow(s.base, SPAN, SPAN), slot = span >>> SPAN_BITS;
      if (span === 0) return false;
      const pairs = reserve(s, slot) ? getBelow(s.base, PAIRS) : 0;
      if (pairs === 0) {
        putBelow(s.base, span, SPAN);
        return false;
      }
      const { u32 } = heap;
      u32.fill(0, pairs >>> 2, (pairs + PAIRS) >>> 2);
      u32[(s.table >>> 2) + slot] = pairs;
      link(s, span, LAST);
      return true;
    };

    /** Gives back a span that is in no list. */
    const dropSpan = (s: Buddy<S>, span: Ptr): void => {
      const { u32 } = heap, at = (s.table >>> 2) + (span >>> SPAN_BITS), pairs = u32[at];
      u32[at] = 0;
      putBelow(s.base, pairs, PAIRS);
      putBelow(s.base, span, SPAN);
    };

    const forget = (s: Buddy<S>): void => {
      s.free.fill(0);
      s.orders = s.table = s.slots = 0;
    };

    return {
      heap,
      init: () => ({ base: base.init(), free: new Uint32Array(LAST + 1), orders: 0, table: 0, slots: 0 }),
      deinit: (s) => {
        const { table, slots } = s;
        try {
          for (let i = 0; i < slots; i++) {
            if (heap.u32[(table >>> 2) + i] !== 0) dropSpan(s, i * SPAN);
          }
          if (slots !== 0) putBelow(s.base, table, 4 * slots);
        } finally {
          forget(s);
          base.deinit(s.base);
        }
      },
      get: (s, size, align = 16) => {
        if (size > SPAN) return getBelow(s.base, size, align);
        const order = orderOf(size);
        let fit = s.orders & (-1 << (align <= LEAST ? order : Math.max(order, orderOf(align))));
        if (fit === 0) {
          if (!addSpan(s)) return 0;
          fit = 1 << LAST;
        }
        const from = 31 - Math.clz32(fit & -fit), p = s.free[from], pairs = pairsOf(s, p);
        unlink(s, p, from);
        if (from < LAST) flip(pairs, p, from);
        split(s, pairs, p, from, order);
        return p;
      },
      put: (s, p, size) => {
        if (size > SPAN) return putBelow(s.base, p, size);
        const pairs = pairsOf(s, p);
        let order = orderOf(size);
        for (; order < LAST && !flip(pairs, p, order); order++) { // both are free
          const half = LEAST << order;
          unlink(s, (p ^ half) >>> 0, order);
          p = (p & ~half) >>> 0;
        }
        if (order === LAST && s.free[LAST] !== 0) dropSpan(s, p);
        else link(s, p, order);
      },
      resize: (s, p, old, size) => {
        if (old > SPAN && size > SPAN) return base.resize !== undefined && base.resize(s.base, p, old, size);
        if (old > SPAN || size > SPAN) return false;
        const from = orderOf(old), to = orderOf(size), pairs = pairsOf(s, p);
        split(s, pairs, p, from, to);
        if (((p >>> LEAST_BITS) & ((1 << to) - 1)) !== 0) return false; // it is an upper buddy
        for (let order = from; order < to; order++) if (!isHalfFree(pairs, p, order)) return false;
        for (let order = from; order < to; order++) {
          flip(pairs, p, order);
          unlink(s, p + (LEAST << order), order);
        }
        return true;
      },
      goodSize: (size) => size <= SPAN ? LEAST << orderOf(size) : base.goodSize?.(size) ?? size,
      maxAlign: SPAN,
      ...(base.owns && {
        owns: (s, p) => {
          const slot = p >>> SPAN_BITS;
          return (slot < s.slots && heap.u32[(s.table >>> 2) + slot] !== 0) || base.owns!(s.base, p);
        },
      }),
      ...(base.reset && {
        reset: (s) => {
          forget(s);
          base.reset!(s.base);
        },
      }),
      ...pass(base, "verify"),
    };
  },
  { assertInteger, assertPowerOfTwo, pass },
);
