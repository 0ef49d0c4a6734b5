/**
 * A ledger: which blocks a layer has taken from the layer below, and of what size. Not a layer; `batch` and `bigcache`
 * keep one.
 *
 * A hash table in the heap (open addressing, linear probing, at most three quarters full), itself a block of the layer
 * below. Costs: O(1), amortised; 8 bytes a slot; it grows fourfold. Being kept apart from the blocks, it leaves a block
 * of a page a page, and blocks that adjoin do so still.
 *
 * ```
 * table -> | address, size | 0, - | address, size | ...
 * ```
 *
 * @module
 */

import type { Heap, Ptr } from "../heap.ts";
import type { Layer } from "../layer.ts";

/** A ledger, as part of a layer's state. Fresh: `{ table: 0, slots: 0, blocks: 0 }`. */
export interface Ledger {
  /** Address of the table, or 0. */
  table: Ptr;
  /** Slots in the table, of 8 bytes each: 0 or a power of two. */
  slots: number;
  /** Blocks booked. */
  blocks: number;
}

/** Makes room for one more block; false when `base` has no memory, and then nothing has changed. */
export function reserve<S>(base: Layer<S>, s: S, l: Ledger): boolean {
  if (4 * l.blocks < 3 * l.slots) return true;
  const { table, slots } = l, more = slots === 0 ? 16 : 4 * slots;
  const p = base.get(s, 8 * more);
  if (p === 0) return false;
  const { u32 } = base.heap;
  u32.fill(0, p >>> 2, (p >>> 2) + 2 * more);
  l.table = p;
  l.slots = more;
  l.blocks = 0;
  if (slots !== 0) {
    for (let i = table >>> 2, end = i + 2 * slots; i < end; i += 2) {
      if (u32[i] !== 0) add(base.heap, l, u32[i], u32[i + 1]);
    }
    base.put(s, table, 8 * slots);
  }
  return true;
}

/** Books a block. There must be room. */
export function add(heap: Heap, l: Ledger, p: Ptr, size: number): void {
  const { u32 } = heap, at = find(u32, l, p);
  u32[at] = p;
  u32[at + 1] = size;
  l.blocks++;
}

/** Size of a booked block in bytes, or -1 if it is not booked. */
export function sizeOf(heap: Heap, l: Ledger, p: Ptr): number {
  if (l.slots === 0) return -1;
  const { u32 } = heap, at = find(u32, l, p);
  return u32[at] === 0 ? -1 : u32[at + 1];
}

/** Books another size for a block; false if it is not booked. */
export function rebook(heap: Heap, l: Ledger, p: Ptr, size: number): boolean {
  if (l.slots === 0) return false;
  const { u32 } = heap, at = find(u32, l, p);
  if (u32[at] === 0) return false;
  u32[at + 1] = size;
  return true;
}

/** Unbooks a block; false if it is not booked. */
export function remove(heap: Heap, l: Ledger, p: Ptr): boolean {
  if (l.slots === 0) return false;
  const { u32 } = heap, table = l.table >>> 2, mask = l.slots - 1;
  let gap = find(u32, l, p);
  if (u32[gap] === 0) return false;
  // Whatever a probe would no longer reach across the gap moves into it (Knuth 6.4, algorithm R)
  let i = (gap - table) / 2;
  for (let j = (i + 1) & mask; u32[table + 2 * j] !== 0; j = (j + 1) & mask) {
    const at = table + 2 * j, distance = (j - hash(u32[at], mask)) & mask;
    if (distance < ((j - i) & mask)) continue;
    u32[gap] = u32[at];
    u32[gap + 1] = u32[at + 1];
    gap = at;
    i = j;
  }
  u32[gap] = 0;
  l.blocks--;
  return true;
}

/** Puts every booked block, and the table. */
export function clear<S>(base: Layer<S>, s: S, l: Ledger): void {
  for (let i = l.table >>> 2; l.blocks !== 0; i += 2) {
    const p = base.heap.u32[i];
    if (p === 0) continue;
    l.blocks--;
    base.put(s, p, base.heap.u32[i + 1]);
  }
  drop(base, s, l);
}

/** Puts the table, and forgets what was booked. */
export function drop<S>(base: Layer<S>, s: S, l: Ledger): void {
  const { table, slots } = l;
  l.table = l.slots = l.blocks = 0;
  if (slots !== 0) base.put(s, table, 8 * slots);
}

function hash(p: Ptr, mask: number): number {
  return Math.imul(p >>> 4, 0x9e3779b1) >>> Math.clz32(mask); // the top bits, which all others go into
}

/** Index, in 32-bit words, of the slot that holds `p`, or of the empty one where it belongs. */
function find(u32: Uint32Array, l: Ledger, p: Ptr): number {
  const table = l.table >>> 2, mask = l.slots - 1;
  for (let slot = hash(p, mask);; slot = (slot + 1) & mask) {
    const q = u32[table + 2 * slot];
    if (q === p || q === 0) return table + 2 * slot;
  }
}
