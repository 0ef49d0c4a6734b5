/**
 * What a guest's allocating functions are made of: blocks that are known by their addresses alone, as those of C are.
 *
 * @module
 */

import type { Heap, Ptr } from "../../heap.ts";

/** Blocks that are known by their addresses. All addresses and sizes are unsigned, in bytes. */
export interface Blocks {
  /** The heap that they lie in. It is read at each use: the memory of a guest that brings one is there after its imports. */
  readonly heap: Heap;
  /** Address of a block of `size` bytes, aligned to `align`, a power of two from 16 to 2^31; 0 when memory cannot be had. */
  get(size: number, align: number): Ptr;
  /** Takes back what is at `p`, which is not 0. If that is no block, it is dealt with here. */
  put(p: Ptr): void;
  /** Bytes that were asked for at `p`; -1 if that is no block, as 0 is none. */
  sizeOf(p: Ptr): number;
  /** Makes the block at `p` one of `size` bytes where it is; false, and nothing has changed, if that cannot be. */
  resize(p: Ptr, size: number): boolean;
  /**
   * Makes the block at `p`, of `old` bytes, one of `size` bytes elsewhere, aligned to `align`, in the region that it is of:
   * its contents are copied, up to the lesser of both, and it is put. 0, and nothing has changed, when memory cannot be had.
   * `old` is -1 if there is no block at `p`, which is dealt with here.
   */
  move(p: Ptr, old: number, size: number, align: number): Ptr;
}

/** Alignment of every block, in bytes: that of C's `max_align_t`. */
export const ALIGN = 16;

/** Makes the block at `p` one of `size` bytes, here or elsewhere: its address, or 0, and it is as before. */
export function resized(blocks: Blocks, p: Ptr, size: number, align: number): Ptr {
  const old = blocks.sizeOf(p);
  if (old >= 0 && blocks.resize(p, size)) return p;
  const q = blocks.move(p, old, size, align);
  return q === 0 && size <= old ? p : q; // as it is, a block is long enough for fewer bytes
}

/** Makes `size` bytes at `p` zero, unless that is 0, and returns it. */
export function zeroed(heap: Heap, p: Ptr, size: number): Ptr {
  if (p === 0) return 0;
  if (p + size > heap.u8.length) heap.refresh(); // threads share the memory, and the guest has grown it
  if (size > 256) heap.u8.fill(0, p, p + size);
  else {
    const { u8, u32 } = heap, words = (p >>> 2) + (size >>> 2), end = p + size;
    for (let i = p >>> 2; i < words; i++) u32[i] = 0;
    for (let q = words * 4; q < end; q++) u8[q] = 0;
  }
  return p;
}

/** What a block is aligned to for which a power of two is asked. */
export function atLeast16(align: number): number {
  return Math.max(ALIGN, align >>> 0);
}

/** Whether it is a power of two, taken for unsigned. */
export function isPowerOfTwo(n: number): boolean {
  return n !== 0 && (n & (n - 1)) === 0;
}
