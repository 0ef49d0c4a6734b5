/**
 * `slab`: blocks of one size, cut from slabs that are aligned to their size, so that the slab of a block is found by
 * masking its address.
 *
 * Guarantees: requests of up to `size` bytes are served by blocks of that size; larger ones are passed on. A slab
 * without a block that is out is given back, but for the current one, the only one that a request takes from. `deinit`
 * gives all slabs back. Costs: `get`, `put` and `owns` O(1), amortised over a slab; 36 to 40 bytes a slab, and what is
 * left behind its last block. Needs alignment to the size of a slab of the layer below, which `mmap` and `align` have.
 *
 * ```
 * slab  | next, prev, free, used, index | block | block | .. | rest |
 * table | slab | slab | ..                      all slabs; a slab is ours if the slot at its index says so
 * partial -> slab -> slab -> 0                  those with free blocks, without the current one
 * free    -> block -> block -> 0                of the current slab, whose other blocks are all out or fresh
 * fresh   -> the first block of the current slab that was never in use
 * ```
 *
 * @module
 */

import { assertInteger, assertPowerOfTwo } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";
import { link, unlink } from "./slab_list.ts";

/** State of {@linkcode slab}. */
export interface Slab<S> {
  /** State of the layer below. */
  base: S;
  /** Address of the first free block of the current slab that was in use before, or 0. */
  free: Ptr;
  /** Address of the first block of the current slab that was never in use. */
  fresh: Ptr;
  /** Address after the last block of the current slab. */
  end: Ptr;
  /** Address of the current slab, or 0. */
  slab: Ptr;
  /** Address of the first slab of a list of the others with free blocks, or 0. */
  partial: Ptr;
  /** Address of the table of all slabs, or 0. */
  table: Ptr;
  /** Slots in the table, of 4 bytes each. */
  slots: number;
  /** Slabs in the table. */
  slabs: number;
}

/**
 * Serves requests of up to `size` bytes from slabs of `bytes` bytes; larger ones go to `base`.
 *
 * It has `owns` and `reset` where `base` has them, which has to do it for the larger blocks.
 *
 * @param base The layer below. It has to align to `bytes`
 * @param size Bytes in a block, 1 to an eighth of a slab; rounded up to a multiple of 16
 * @param bytes Bytes in a slab, a power of two from 1024 to 2^22. Default 16384
 *
 * @example
 * ```ts
 * import { mmap } from "./system/mmap.ts";
 * import { slab } from "./slab.ts";
 *
 * const stack = slab(mmap(), 48);
 * const s = stack.init();
 * const p = stack.get(s, 40);      // a block of 48 bytes
 * stack.resize(s, p, 40, 48);      // true
 * stack.put(s, p, 48);
 * stack.deinit(s);
 * ```
 */
// deno-lint-ignore no-explicit-any
export const slab = <L extends LayerWith<any, "maxAlign">>(
  base: L,
  size: number,
  bytes = 16384,
): LayerWith<Slab<StateOf<L>>, "resize" | "goodSize" | Kept<L, "owns" | "reset" | "verify">> => over(base, size, bytes);

// deno-lint-ignore no-explicit-any
const over: <L extends LayerWith<any, "maxAlign">>(
  base: L,
  size: number,
  bytes: number,
) => ReturnType<typeof slab<L>> = layer(
  function slab<S>(base: LayerWith<S, "maxAlign">, size: number, bytes: number): Layer<Slab<S>> {
    assertInteger("compose slab", "bytes in a slab", bytes, 1024, 2 ** 22);
    assertPowerOfTwo("compose slab", "bytes in a slab", bytes, 2 ** 22);
    assertInteger("compose slab", "bytes in a block", size, 1, bytes / 8);
    const aligned = base.maxAlign ?? 16;
    if (aligned < bytes) {
      throw new RangeError(
        `Cannot compose slab: maxAlign of the layer below must be at least ${bytes}, got ${aligned}`,
      );
    }
    const { heap, get: getBelow, put: putBelow } = base;
    const HEADER = 32; // bytes, of the words that these are the indices of:
    const FREE = 0, INDEX = 1, USED = 2; // block, slot, blocks; 3 and 4 link it
    const BYTES = bytes | 0, SIZE = (size + 15) & -16, BLOCKS = Math.trunc((BYTES - HEADER) / SIZE);

    /** Makes room for one more slab in the table; false when there is no memory. */
    const reserve = (s: Slab<S>): boolean => {
      if (s.slabs < s.slots) return true;
      const { table, slots } = s, more = Math.max(2 * slots, 64), p = getBelow(s.base, 4 * more);
      if (p === 0) return false;
      heap.u32.copyWithin(p >>> 2, table >>> 2, (table >>> 2) + slots);
      s.table = p;
      s.slots = more;
      if (slots !== 0) putBelow(s.base, table, 4 * slots);
      return true;
    };

    /** A slab from the layer below, in the table and with all its blocks fresh; 0 when there is no memory. */
    const addSlab = (s: Slab<S>): Ptr => {
      const slab = reserve(s) ? getBelow(s.base, BYTES, BYTES) : 0;
      if (slab === 0) return 0;
      const { u32 } = heap;
      u32[(slab >>> 2) + INDEX] = s.slabs;
      u32[(s.table >>> 2) + s.slabs++] = slab;
      s.fresh = slab + HEADER;
      s.end = s.fresh + BLOCKS * SIZE;
      return slab;
    };

    /** Gives back a slab that is in no list. The last in the table takes its slot. */
    const dropSlab = (s: Slab<S>, slab: Ptr): void => {
      const { u32 } = heap, table = s.table >>> 2, index = u32[(slab >>> 2) + INDEX], last = u32[table + --s.slabs];
      u32[table + index] = last;
      u32[(last >>> 2) + INDEX] = index;
      putBelow(s.base, slab, BYTES);
    };

    /** A block of another slab, which becomes the current one: all blocks of the last are out. */
    const refill = (s: Slab<S>): Ptr => {
      let slab = s.partial;
      if (slab !== 0) {
        s.partial = unlink(heap, slab, slab);
        s.free = heap.u32[(slab >>> 2) + FREE];
      } else if ((slab = addSlab(s)) === 0) return 0;
      // What the header says is right once all are out; until then the current slab's blocks are not counted
      heap.u32[(slab >>> 2) + FREE] = 0;
      heap.u32[(slab >>> 2) + USED] = BLOCKS;
      s.slab = slab;
      return get(s, SIZE);
    };

    const putElsewhere = (s: Slab<S>, p: Ptr, slab: Ptr): void => {
      const { u32 } = heap, at = slab >>> 2, free = u32[at + FREE];
      u32[p >>> 2] = free;
      u32[at + FREE] = p;
      if (free === 0) {
        link(heap, slab, s.partial);
        s.partial = slab;
      }
      if (--u32[at + USED] !== 0) return;
      s.partial = unlink(heap, slab, s.partial);
      dropSlab(s, slab);
    };

    const get = (s: Slab<S>, size: number, align?: number): Ptr => {
      if (size > SIZE) return getBelow(s.base, size, align);
      const p = s.free;
      if (p !== 0) {
        s.free = heap.u32[p >>> 2];
        return p;
      }
      const fresh = s.fresh;
      if (fresh === s.end) return refill(s) >>> 0;
      s.fresh = fresh + SIZE;
      return fresh;
    };

    const forget = (s: Slab<S>): void => {
      s.free =
        s.fresh =
        s.end =
        s.slab =
        s.partial =
        s.table =
        s.slots =
        s.slabs =
          0;
    };

    return {
      heap,
      init: () => ({ base: base.init(), free: 0, fresh: 0, end: 0, slab: 0, partial: 0, table: 0, slots: 0, slabs: 0 }),
      deinit: (s) => {
        const { table, slots, slabs } = s;
        forget(s);
        try {
          for (let i = 0; i < slabs; i++) putBelow(s.base, heap.u32[(table >>> 2) + i], BYTES);
          if (slots !== 0) putBelow(s.base, table, 4 * slots);
        } finally {
          base.deinit(s.base);
        }
      },
      get,
      put: (s, p, size) => {
        if (size > SIZE) return putBelow(s.base, p, size);
        const slab = (p & -BYTES) >>> 0;
        if (slab !== s.slab) return putElsewhere(s, p, slab);
        heap.u32[p >>> 2] = s.free;
        s.free = p;
      },
      resize: (s, p, old, size) => {
        if (old <= SIZE || size <= SIZE) return old <= SIZE && size <= SIZE;
        return base.resize !== undefined && base.resize(s.base, p, old, size);
      },
      goodSize: (size) => size <= SIZE ? SIZE : base.goodSize?.(size) ?? size,
      ...(base.owns && {
        owns: (s, p) => {
          // Whatever lies there: an index that is not of a slab of ours leads to none, or to another
          const { u32 } = heap, slab = (p & -BYTES) >>> 0, index = u32[(slab >>> 2) + INDEX];
          return (index < s.slabs && u32[(s.table >>> 2) + index] === slab) || base.owns!(s.base, p);
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
  { assertInteger, assertPowerOfTwo, link, pass, unlink },
);
