/**
 * Values as bytes: copied and compared without a look at what they are.
 *
 * @module
 */

import type { Heap, Ptr } from "../heap.ts";
import { at, copying } from "./guard.ts";
import type { ArrayType, FieldTypes, Struct } from "./struct.ts";
import type { Type } from "./type.ts";

// deno-lint-ignore no-explicit-any
type AnyType = Type<any>;

/** Copies `n` bytes from `q` in one heap to `p` in another or the same, where they may overlap. */
export function copy(heap: Heap, p: Ptr, from: Heap, q: Ptr, n: number): void {
  if (n === 0) return;
  if (heap.guard !== undefined || from.guard !== undefined) copying(heap, p, from, q, n);
  if (heap === from) heap.u8.copyWithin(p, q, q + n);
  else heap.u8.set(from.u8.subarray(q, q + n), p);
}

/** Copies `n` bytes, a multiple of 4, from `q` to `p`, both of which are multiples of 4, without overlap. */
export function copyWords(heap: Heap, p: Ptr, q: Ptr, n: number): void {
  if (n > 128) return copy(heap, p, heap, q, n);
  const { u32 } = heap;
  for (let w = 0; w < n >>> 2; w++) u32[(p >>> 2) + w] = u32[(q >>> 2) + w];
}

/** Whether `n` bytes at `p` in one heap and at `q` in another or the same are equal. */
export function equal(heap: Heap, p: Ptr, other: Heap, q: Ptr, n: number): boolean {
  at(heap, p, n);
  at(other, q, n);
  let i = 0;
  if (((p | q) & 3) === 0) {
    const a = heap.u32, b = other.u32, words = n >>> 2;
    for (let w = 0; w < words; w++) if (a[(p >>> 2) + w] !== b[(q >>> 2) + w]) return false;
    i = words * 4;
  }
  const a = heap.u8, b = other.u8;
  for (; i < n; i++) if (a[p + i] !== b[q + i]) return false;
  return true;
}

/** Calls `visit` for each scalar in a value of a type that begins at `offset` bytes. */
export function scalarsIn<V>(type: Type<V>, offset: number, visit: (type: AnyType, offset: number) => void): void {
  if ("fields" in type) {
    for (const field of Object.values((type as unknown as Struct<FieldTypes>).fields)) {
      scalarsIn(field.type, offset + field.offset, visit);
    }
  } else if ("of" in type) {
    const { of, length } = type as unknown as ArrayType<unknown>;
    for (let i = 0; i < length; i++) scalarsIn(of, offset + i * of.size, visit);
  } else {
    visit(type, offset);
  }
}

const RUNS: WeakMap<AnyType, number[]> = new WeakMap();

/** Where in a value the bytes are that count, without padding: offset and length of each run, in bytes. */
export function runsOf<V>(type: Type<V>): number[] {
  let runs = RUNS.get(type);
  if (runs === undefined) {
    runs = [];
    let end = -1;
    scalarsIn(type, 0, ({ size }, offset) => {
      if (offset === end) runs![runs!.length - 1] += size;
      else runs!.push(offset, size);
      end = offset + size;
    });
    RUNS.set(type, runs);
  }
  return runs;
}
