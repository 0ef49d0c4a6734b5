/**
 * `bonwick`: a slab allocator for general use, after Bonwick's "The Slab Allocator" (USENIX 1994) and Bonwick and
 * Adams' "Magazines and Vmem" (USENIX 2001).
 *
 * Guarantees: small blocks (up to 2048 bytes) come from buckets of a power of two, 16 bytes up. A bucket serves from
 * its magazine, a stack of up to 63 free blocks, which is half filled from and half emptied to slabs. Empty slabs are
 * kept for any bucket to use, and given back once more than two spans are wholly empty. Big blocks come straight from
 * the layer below. `deinit` gives back everything that is still out. Costs: O(1), amortised over half a magazine; 32
 * bytes a slab of 16 KiB, and rounding up to the bucket. Needs nothing of the layer below.
 *
 * Slabs are aligned to their size, so that the slab of a block is found by masking its address. They are cut from spans
 * of 16, of which one is lost at the most if the layer below does not align the span so.
 *
 * ```
 * span  | .. | slab | slab | slab | ...                                   256 KiB, from the layer below
 * slab  | free, fresh, used, next, prev, span, run, busy | block | block | ...  16 KiB
 *         free -> block -> block -> 0;  fresh -> the first block that was never in use
 * ```
 *
 * @module
 */

import type { Ptr } from "../heap.ts";
import {
  type Alignment,
  type AnyLayer,
  type Kept,
  type Layer,
  layer,
  type LayerWith,
  pass,
  type StateOf,
} from "../layer.ts";
import { type Batch, batch } from "./batch.ts";
import { link, unlink } from "./slab_list.ts";

/** State of {@linkcode bonwick}. */
export interface Bonwick<S> {
  /** State of the layer below, which books the spans and the big blocks. */
  base: S;
  /**
   * The magazines. A bucket goes by the leading zeros of its size, 21 to 28. Word `bucket` is the index of the top of
   * its magazine, which is a row of 64 words: a 0 that says "empty", then addresses of free blocks. What is too big for
   * any bucket finds a row that is both empty and full.
   */
  magazines: Uint32Array;
  /** By bucket less 21: address of the first slab of a list of those with free blocks, or 0. */
  partial: Uint32Array;
  /** Address of the first empty slab of a list, or 0. */
  empty: Ptr;
  /** Spans all of whose slabs are empty. */
  idle: number;
}

/**
 * A slab allocator over `base`, for general use.
 *
 * @example
 * ```ts
 * import { bonwick } from "./bonwick.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = bonwick(mmap());
 * const s = stack.init();
 * const p = stack.get(s, 24);      // from the bucket of 32 bytes
 * stack.put(s, p, 24);
 * stack.deinit(s);
 * ```
 */
export const bonwick = <L extends AnyLayer>(
  base: L,
): LayerWith<Bonwick<Batch<StateOf<L>>>, "resize" | "reset" | "goodSize" | Kept<L, "verify">> =>
  over<Batch<StateOf<L>>, Kept<L, "verify">>(batch(base));

const over: <S, C extends "verify">(
  base: LayerWith<S, "reset" | C>,
) => LayerWith<Bonwick<S>, "resize" | "goodSize" | "reset" | C> = layer(function bonwick<S>(
  base: Layer<S>,
): Layer<Bonwick<S>> {
  const LARGEST = 2048; // bytes in a block of the last bucket
  const SLAB = 16384; // bytes
  const SPAN = 16 * SLAB;
  const HEADER = 32; // bytes, of the words that these are the indices of:
  const FREE = 0, FRESH = 1, USED = 2, SPAN_OF = 5; // of a slab: block, block, blocks, span; 3 and 4 link it
  const RUN = 6, BUSY = 7; // of a span, in its first slab: what `base` gave, slabs that are not empty
  const IDLE = 2; // spans that may be kept idle
  const FIRST = 21, LAST = 28; // buckets
  const ROW = 64, NO_ROW = 63; // words, word
  const HALF = 32; // blocks
  const heap = base.heap;

  /** Leading zeros of the size less one: 28 for up to 16 bytes, ... 21 for up to 2048; less for a big block. */
  const bucketOf = (size: number): number => Math.clz32((size - 1) | 15);
  const sizeOf = (bucket: number): number => 1 << (32 - bucket);

  /** Gets a span and makes its slabs empty ones; false when there is no memory. */
  const addSpan = (s: Bonwick<S>): boolean => {
    const run = base.get(s.base, SPAN);
    if (run === 0) return false;
    const { u32 } = heap, span = (run + SLAB - 1 & -SLAB) >>> 0;
    for (let slab = span + SPAN - (span === run ? 1 : 2) * SLAB; slab >= span; slab -= SLAB) {
      u32[(slab >>> 2) + SPAN_OF] = span;
      link(heap, slab, s.empty);
      s.empty = slab;
    }
    u32[(span >>> 2) + RUN] = run;
    u32[(span >>> 2) + BUSY] = 0;
    s.idle++;
    return true;
  };

  /** Gives back a span whose slabs are all empty. */
  const dropSpan = (s: Bonwick<S>, span: Ptr): void => {
    const { u32 } = heap, run = u32[(span >>> 2) + RUN];
    for (let slab = span; slab + SLAB <= run + SPAN; slab += SLAB) s.empty = unlink(heap, slab, s.empty);
    base.put(s.base, run, SPAN);
  };

  /** An empty slab, with all its blocks fresh, in no list; 0 when there is no memory. */
  const addSlab = (s: Bonwick<S>): Ptr => {
    if (s.empty === 0 && !addSpan(s)) return 0;
    const { u32 } = heap, slab = s.empty, at = slab >>> 2;
    s.empty = unlink(heap, slab, slab);
    if (u32[(u32[at + SPAN_OF] >>> 2) + BUSY]++ === 0) s.idle--;
    u32[at + FREE] = 0;
    u32[at + FRESH] = slab + HEADER;
    u32[at + USED] = 0;
    return slab;
  };

  /** Whether none of the blocks of `size` bytes in the slab at the word `at` is free. */
  const isFull = (at: number, size: number): boolean => {
    const { u32 } = heap;
    return u32[at + FREE] === 0 && u32[at + FRESH] + size > 4 * at + SLAB;
  };

  /** Half fills an empty magazine, from one slab; false when there is no memory. */
  const fill = (s: Bonwick<S>, bucket: number): boolean => {
    const { magazines, partial } = s;
    let slab = partial[bucket - FIRST];
    if (slab === 0) {
      if ((slab = addSlab(s)) === 0) return false;
      link(heap, slab, 0);
      partial[bucket - FIRST] = slab;
    }
    const { u32 } = heap, at = slab >>> 2, size = sizeOf(bucket), end = slab + SLAB;
    const row = magazines[bucket], full = row + HALF;
    let top = row, free = u32[at + FREE], fresh = u32[at + FRESH];
    for (; free !== 0 && top < full; free = u32[free >>> 2]) magazines[++top] = free;
    for (; fresh + size <= end && top < full; fresh += size) magazines[++top] = fresh;
    u32[at + FREE] = free;
    u32[at + FRESH] = fresh;
    u32[at + USED] += top - row;
    if (isFull(at, size)) partial[bucket - FIRST] = unlink(heap, slab, slab);
    magazines[bucket] = top;
    return true;
  };

  /** Half empties a full magazine: the blocks that have been in there longest go back to their slabs. */
  const drain = (s: Bonwick<S>, bucket: number): void => {
    const { magazines, partial } = s, { u32 } = heap, row = (bucket - FIRST + 1) * ROW, size = sizeOf(bucket);
    for (let i = row + 1; i <= row + HALF; i++) {
      const p = magazines[i], slab = (p & -SLAB) >>> 0, at = slab >>> 2;
      if (isFull(at, size)) {
        link(heap, slab, partial[bucket - FIRST]);
        partial[bucket - FIRST] = slab;
      }
      u32[p >>> 2] = u32[at + FREE];
      u32[at + FREE] = p;
      if (--u32[at + USED] === 0) retire(s, slab, bucket);
    }
    magazines.copyWithin(row + 1, row + HALF + 1, row + ROW);
    magazines[bucket] -= HALF;
  };

  /** Makes a slab of a bucket, none of whose blocks is in use, an empty one. */
  const retire = (s: Bonwick<S>, slab: Ptr, bucket: number): void => {
    const { u32 } = heap, span = u32[(slab >>> 2) + SPAN_OF];
    s.partial[bucket - FIRST] = unlink(heap, slab, s.partial[bucket - FIRST]);
    link(heap, slab, s.empty);
    s.empty = slab;
    if (--u32[(span >>> 2) + BUSY] !== 0) return;
    if (s.idle < IDLE) s.idle++;
    else dropSpan(s, span);
  };

  const slowGet = (s: Bonwick<S>, size: number, align?: Alignment): Ptr => {
    if (size > LARGEST) return base.get(s.base, size, align);
    return size !== 0 && !fill(s, bucketOf(size)) ? 0 : get(s, size || 1);
  };

  const slowPut = (s: Bonwick<S>, p: Ptr, size: number): void => {
    if (size > LARGEST) return base.put(s.base, p, size);
    if (size !== 0) drain(s, bucketOf(size));
    put(s, p, size || 1);
  };

  const get = (s: Bonwick<S>, size: number, align?: Alignment): Ptr => {
    const { magazines } = s, bucket = bucketOf(size), top = magazines[bucket], p = magazines[top];
    if (p === 0) return slowGet(s, size, align) >>> 0;
    magazines[bucket] = top - 1;
    return p;
  };

  const put = (s: Bonwick<S>, p: Ptr, size: number): void => {
    const { magazines } = s, bucket = bucketOf(size), top = magazines[bucket] + 1;
    if ((top & (ROW - 1)) === 0) return slowPut(s, p, size);
    magazines[top] = p;
    magazines[bucket] = top;
  };

  const emptyMagazines = (magazines: Uint32Array): void => {
    for (let bucket = FIRST; bucket <= LAST; bucket++) magazines[bucket] = (bucket - FIRST + 1) * ROW;
  };

  return {
    heap,
    init: () => {
      const magazines = new Uint32Array((LAST - FIRST + 2) * ROW);
      magazines.fill(NO_ROW, 0, FIRST);
      emptyMagazines(magazines);
      return { base: base.init(), magazines, partial: new Uint32Array(LAST - FIRST + 1), empty: 0, idle: 0 };
    },
    deinit: (s) => {
      s.magazines.fill(0);
      s.partial.fill(0);
      s.empty = s.idle = 0;
      base.deinit(s.base);
    },
    get,
    put,
    resize: (s, p, old, size) => {
      if (old > LARGEST && size > LARGEST) return base.resize !== undefined && base.resize(s.base, p, old, size);
      return Math.max(old, size) <= LARGEST && bucketOf(old || 1) === bucketOf(size || 1);
    },
    goodSize: (size) => size > LARGEST ? base.goodSize?.(size) ?? size : sizeOf(bucketOf(size || 1)),
    ...(base.reset && {
      reset: (s) => {
        emptyMagazines(s.magazines);
        s.partial.fill(0);
        s.empty = s.idle = 0;
        base.reset!(s.base);
      },
    }),
    ...pass(base, "verify"),
  };
}, { link, pass, unlink });
