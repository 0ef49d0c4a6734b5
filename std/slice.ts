/**
 * Slices: sequences of values in the heap that know their length and can grow.
 *
 * A slice is a small mutable header in JavaScript over a block in the heap. The functions that change it do so in
 * place. It belongs to no region: a block comes from the region that is current when it is needed, and goes back to the
 * one that is current when it is not needed any more. A slice that is to outlive a region is grown in `escape(() =>
 * ...)`.
 *
 * Guarantees: when memory cannot be had, an `OutOfMemoryError` is thrown and the slice is as before; a slice without
 * elements that has had none takes no memory; one that grows stays where it is if the region that its block came from
 * is the current one and can resize it, as an arena can its last block. Costs: some nanoseconds for `get` and `set`;
 * O(1) amortised for `slpush`, as the block doubles, or more where the region rounds up so far; up to half of that is
 * free.
 *
 * ```
 * ptr -> | 0 | 1 | 2 | ... | len - 1 | free |      a block of cap elements
 *                ^ at(2)
 * ```
 *
 * @module
 */

import { assertInteger } from "../errors.ts";
import { bytealloc, bytefree, heapFor } from "./alloc.ts";
import { copy } from "./bytes.ts";
import { load, store } from "./element.ts";
import { to } from "./guard.ts";
import { assertHere, assertOwner, type Header, most, reserve, Slice } from "./header.ts";
import { assertType, type Type } from "./type.ts";

/**
 * A slice of `len` elements with unspecified contents, from the current region.
 *
 * Throws a `RangeError` if the elements take 4 GiB or more, and an `OutOfMemoryError`.
 *
 * @param type Type of the elements
 * @param len Number of elements, 0 or more
 *
 * @example
 * ```ts
 * import { slalloc, slfree, slpush } from "./slice.ts";
 * import { i32 } from "./type.ts";
 *
 * const xs = slalloc(i32, 0);
 * for (let i = 0; i < 5; i++) slpush(xs, i * i);
 * [...xs];                         // [0, 1, 4, 9, 16]
 * xs.get(4);                       // 16
 * slfree(xs);
 * ```
 */
export function slalloc<V>(type: Type<V>, len: number): Slice<V> {
  assertType("allocate a slice", type);
  assertInteger("allocate a slice", `number of elements of ${type.size} bytes`, len, 0, most(type));
  const heap = heapFor(type);
  return new Slice(type, heap, len === 0 ? 0 : bytealloc(len * type.size, type.align), len, false);
}

/** Like {@linkcode slalloc}, with every byte of the elements 0. */
export function slzalloc<V>(type: Type<V>, len: number): Slice<V> {
  const s = slalloc(type, len), bytes = len * type.size;
  s.heap.u8.fill(0, to(s.heap, s.ptr, bytes), s.ptr + bytes);
  return s;
}

/** Gives the block back to the current region and makes `s` an empty slice. A `TypeError` if it is a view. */
export function slfree<V>(s: Slice<V>): void {
  assertOwner("free", s);
  if (s.cap === 0) return;
  assertHere("free", s);
  bytefree(s.ptr, s.cap * s.type.size); // which a layer may refuse: then the slice is as before
  const header: Header<V> = s;
  header.ptr = header.len = header.cap = 0;
  header._from = undefined;
}

/**
 * Makes the slice `len` elements long and returns it: those that it had stay, new ones have unspecified contents.
 *
 * @param len Number of elements. Fewer than there are cut the slice short; the block stays
 */
export function slgrow<V>(s: Slice<V>, len: number): Slice<V> {
  assertOwner("grow", s);
  assertInteger("grow a slice", `number of elements of ${s.type.size} bytes`, len, 0, most(s.type));
  reserve(s, len);
  (s as Header<V>).len = len;
  return s;
}

/**
 * Adds an element at the end and returns the slice.
 *
 * Throws a `TypeError` if `s` is a view, whose length is fixed: `sldup(s)` is a slice of its own.
 */
export function slpush<V>(s: Slice<V>, value: V): Slice<V> {
  if (!(s?.len < s?.cap)) { // it is full, or a view, or no slice at all
    assertOwner("push to", s);
    return slput(s, s.len, value);
  }
  store(s._kind, s.type, s.heap, s.ptr, s.len, value);
  (s as Header<V>).len++;
  return s;
}

/** Takes the last element off the slice and returns it. A `RangeError` if there is none. */
export function slpop<V>(s: Slice<V>): V {
  assertOwner("pop from", s);
  const last = s.len - 1;
  if (last < 0) throw new RangeError("Cannot pop from a slice: it is empty");
  const value = load(s._kind, s.type, s.heap, s.ptr, last);
  (s as Header<V>).len = last;
  return value;
}

/** Inserts an element before element `i`, 0 to `len`, and returns the slice. O(len - i). */
export function slput<V>(s: Slice<V>, i: number, value: V): Slice<V> {
  assertOwner("insert into", s);
  assertInteger("insert into a slice", "index", i, 0, s.len);
  const fresh = s.cap === 0;
  reserve(s, s.len + 1);
  const { heap, len } = s, { size } = s.type;
  const p = s.ptr + i * size, behind = (len - i) * size;
  copy(heap, p + size, heap, p, behind);
  try {
    store(s._kind, s.type, heap, s.ptr, i, value);
  } catch (e) {
    if (fresh) slfree(s);
    else copy(heap, p, heap, p + size, behind);
    throw e;
  }
  (s as Header<V>).len = len + 1;
  return s;
}

/** Deletes element `i`, 0 to `len - 1`, and returns the slice. O(len - i). */
export function sldel<V>(s: Slice<V>, i: number): Slice<V> {
  assertOwner("delete from", s);
  if (s.len === 0) throw new RangeError("Cannot delete from a slice: it is empty");
  assertInteger("delete from a slice", "index", i, 0, s.len - 1);
  const { heap, len } = s, { size } = s.type;
  const p = s.ptr + i * size;
  copy(heap, p, heap, p + size, (len - 1 - i) * size);
  (s as Header<V>).len = len - 1;
  return s;
}
