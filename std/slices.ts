/**
 * Slices as a whole: copied, compared and filled as bytes, not element by element.
 *
 * @module
 */

import { assertInteger, show } from "../errors.ts";
import { bytealloc, heapFor } from "./alloc.ts";
import { copy, equal, runsOf } from "./bytes.ts";
import { store } from "./element.ts";
import { assertOwner, assertSlice, enlarge, type Header, release, Slice } from "./header.ts";

/**
 * Appends the elements of `b` to `a`, and returns `a`. `b` stays as it is; it may be `a`, or a view of it.
 *
 * @example
 * ```ts
 * import { slalloc, slpush } from "./slice.ts";
 * import { sljoin } from "./slices.ts";
 * import { u8 } from "./type.ts";
 *
 * const a = slpush(slalloc(u8, 0), 1);
 * const b = slpush(slalloc(u8, 0), 2);
 * [...sljoin(a, b)];               // [1, 2]
 * ```
 */
export function sljoin<V>(a: Slice<V>, b: Slice<V>): Slice<V> {
  assertOwner("append to", a);
  assertAlike("join", a, b);
  const { len } = a, n = b.len, { size } = a.type;
  const old = len + n > a.cap ? enlarge(a, len + n) : undefined;
  copy(a.heap, a.ptr + len * size, b.heap, b.ptr, n * size);
  if (old !== undefined) release(a, old); // only now, as b may have been a view of it
  (a as Header<V>).len = len + n;
  return a;
}

/** A copy of a slice, from the current region: a slice of its own. */
export function sldup<V>(s: Slice<V>): Slice<V> {
  assertSlice("copy", s);
  const { type, len } = s, bytes = len * type.size;
  const heap = heapFor(type);
  const p = len === 0 ? 0 : bytealloc(bytes, type.align);
  copy(heap, p, s.heap, s.ptr, bytes);
  return new Slice(type, heap, p, len, false);
}

/** Copies the elements of `src` over those of `dst`, which may overlap. A `RangeError` unless they are equally many. */
export function slcp<V>(dst: Slice<V>, src: Slice<V>): void {
  assertAlike("copy", dst, src);
  if (dst.len !== src.len) {
    throw new RangeError(`Cannot copy a slice over another: expected ${dst.len} elements, got ${src.len}`);
  }
  copy(dst.heap, dst.ptr, src.heap, src.ptr, src.len * src.type.size);
}

/** Sets every element, and returns the slice. */
export function slfill<V>(s: Slice<V>, value: V): Slice<V> {
  assertSlice("fill", s);
  const { heap, ptr, len, type } = s;
  if (len === 0) return s;
  store(s._kind, type, heap, ptr, 0, value);
  const bytes = len * type.size;
  for (let done = type.size; done < bytes; done *= 2) copy(heap, ptr + done, heap, ptr, Math.min(done, bytes - done));
  return s;
}

/**
 * Whether two slices have equal elements. They are compared by their bytes, without the padding in structs; hence 0 and
 * -0 differ, and a NaN equals itself.
 */
export function sleq<V>(a: Slice<V>, b: Slice<V>): boolean {
  assertAlike("compare", a, b);
  if (a.len !== b.len) return false;
  const { type, len } = a, { size } = type;
  const runs = a._kind !== 11 ? undefined : runsOf(type);
  if (runs === undefined || runs[1] === size) return equal(a.heap, a.ptr, b.heap, b.ptr, len * size);
  for (let at = 0; at < len * size; at += size) {
    for (let r = 0; r < runs.length; r += 2) {
      if (!equal(a.heap, a.ptr + at + runs[r], b.heap, b.ptr + at + runs[r], runs[r + 1])) return false;
    }
  }
  return true;
}

/**
 * Elements `lo` to `hi - 1` of a slice as a view: it shares the memory and owns none. Its length is fixed, and freeing
 * it is an error. It is good until `s` grows or is freed.
 *
 * @param lo First element, 0 to `hi`. Default 0
 * @param hi One past the last element, up to `s.len`, which is the default
 *
 * @example
 * ```ts
 * import { slzalloc } from "./slice.ts";
 * import { slfill, slice } from "./slices.ts";
 * import { u8 } from "./type.ts";
 *
 * const xs = slzalloc(u8, 5);
 * slfill(slice(xs, 1, 3), 7);
 * [...xs];                         // [0, 7, 7, 0, 0]
 * ```
 */
export function slice<V>(s: Slice<V>, lo = 0, hi: number = s.len): Slice<V> {
  assertSlice("take a view of", s);
  assertInteger("take a view of a slice", "end", hi, 0, s.len);
  assertInteger("take a view of a slice", "start", lo, 0, hi);
  return new Slice(s.type, s.heap, s.ptr + lo * s.type.size, hi - lo, true);
}

/** Throws unless both are slices of the same type; the same struct on another heap will do. */
function assertAlike<V>(action: string, a: Slice<V>, b: Slice<V>): void {
  assertSlice(action, a);
  assertSlice(action, b);
  if (a.type !== b.type && (a.type.name !== b.type.name || a.type.size !== b.type.size)) {
    throw new TypeError(`Cannot ${action} slices: expected one of ${a.type.name}, got one of ${show(b.type.name)}`);
  }
}
