/**
 * The entries of a table: open addressing, where a key is at the place that its hash gives, or in the run behind that.
 *
 * @module
 */

import { ADDRESS_SPACE, assertInteger } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { bytealloc, bytefree, heapFor } from "./alloc.ts";
import { copyWords } from "./bytes.ts";
import { load, store } from "./element.ts";
import { to } from "./guard.ts";
import { assertHere, guarded, type KeyType } from "./key.ts";
import type { Table } from "./table.ts";
import type { Type } from "./type.ts";

/** The header of a table as its functions change it. */
export type Header<K, V> = {
  -readonly [N in "heap" | "ptr" | "len" | "cap" | "_keys" | "_changes"]: Table<K, V>[N];
};

/** Address of entry `i`, 0 to `cap`, the spare one. */
export function entry<K, V>(t: Table<K, V>, i: number): Ptr {
  return t.ptr + t.cap * 4 + i * t._stride;
}

/** The value of entry `i`. */
export function valueAt<K, V>(t: Table<K, V>, i: number): V {
  return load(t._kind, t.type, t.heap, entry(t, i) + t._value, 0);
}

/** Sets the value of entry `i`. */
export function setValue<K, V>(t: Table<K, V>, i: number, value: V): void {
  store(t._kind, t.type, t.heap, entry(t, i) + t._value, 0, value);
}

/** Writes a key to the spare entry and returns its hash. */
export function stage<K, V>(t: Table<K, V>, key: K): number {
  return t._keys.stage(t.heap, entry(t, t.cap), key);
}

/** Index of the entry of a key, or -1. */
export function lookup<K, V>(t: Table<K, V>, key: K): number {
  return t.len === 0 ? -1 : find(t, stage(t, key));
}

/** Index of the entry of the key in the spare entry, or -1. */
export function find<K, V>(t: Table<K, V>, hash: number): number {
  const { u32 } = t.heap, hashes = t.ptr >>> 2, mask = t.cap - 1, spare = entry(t, t.cap);
  for (let i = hash & mask;; i = (i + 1) & mask) {
    const other = u32[hashes + i];
    if (other === 0) return -1;
    if (other === hash && t._keys.same(t.heap, spare, entry(t, i))) return i;
  }
}

/** Copies an entry, whose key is not there yet, to the first free place for its hash. */
export function insert<K, V>(t: Table<K, V>, hash: number, from: Ptr): void {
  const { u32 } = t.heap, hashes = t.ptr >>> 2, mask = t.cap - 1;
  let i = hash & mask;
  while (u32[hashes + i] !== 0) i = (i + 1) & mask;
  u32[hashes + i] = hash;
  copyWords(t.heap, entry(t, i), from, t._stride);
}

/** Empties the entry `hole`. */
export function remove<K, V>(t: Table<K, V>, hole: number): void {
  // Entries behind it that were put there because their own place was taken move up
  const { u32 } = t.heap, hashes = t.ptr >>> 2, mask = t.cap - 1;
  for (let i = (hole + 1) & mask; u32[hashes + i] !== 0; i = (i + 1) & mask) {
    if (((i - u32[hashes + i]) & mask) < ((i - hole) & mask)) continue;
    u32[hashes + hole] = u32[hashes + i];
    copyWords(t.heap, entry(t, hole), entry(t, i), t._stride);
    hole = i;
  }
  u32[hashes + hole] = 0;
}

/** Moves the table to a block of `cap` entries. */
export function rehash<K, V>(t: Table<K, V>, cap: number): void {
  const heap = heapFor(t.type), size = bytesFor(t, cap), { ptr: old, cap: had } = t;
  if (had !== 0) assertHere(t.heap);
  assertInteger("grow a table", "its size in bytes", size, 0, ADDRESS_SPACE - 1);
  const ptr = bytealloc(size, alignOf(t._keys, t.type));
  const from = entry(t, 0);
  const header: Header<K, V> = t;
  header.heap = heap;
  header.ptr = ptr;
  header.cap = cap;
  if (heap.guard !== undefined) header._keys = guarded(t._keys);
  heap.u8.fill(0, to(heap, ptr, size), ptr + cap * 4);
  if (had === 0) {
    heap.u8.fill(0, entry(t, cap), entry(t, cap + 1)); // keys have their padding from the spare entry
    return;
  }
  for (let i = 0; i < had; i++) {
    const hash = heap.u32[(old >>> 2) + i];
    if (hash !== 0) insert(t, hash, from + i * t._stride);
  }
  copyWords(heap, entry(t, cap), from + had * t._stride, t._stride);
  bytefree(old, bytesFor(t, had));
}

/** Bytes in a block of `cap` entries. */
export function bytesFor<K, V>(t: Table<K, V>, cap: number): number {
  return cap * 4 + (cap + 1) * t._stride;
}

/** Bytes that the block is aligned to. */
export function alignOf<K, V>(keys: KeyType<K>, type: Type<V>): number {
  return Math.max(4, keys.align, type.align);
}
