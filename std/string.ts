/**
 * Strings: slices of bytes that hold UTF-8.
 *
 * A string costs its bytes, and an empty one nothing. What is short and ASCII is converted without a call into the
 * engine.
 *
 * @module
 */

import { show } from "../errors.ts";
import { equal } from "./bytes.ts";
import { at, to } from "./guard.ts";
import { assertSlice, type Slice } from "./header.ts";
import { slalloc } from "./slice.ts";
import { u8 } from "./type.ts";
import { decode, encode, isShortAscii, writeShortAscii } from "./utf8.ts";

/**
 * A text as UTF-8, from the current region. A lone surrogate becomes U+FFFD.
 *
 * Throws an `OutOfMemoryError`.
 *
 * @example
 * ```ts
 * import { slfree } from "./slice.ts";
 * import { str, text } from "./string.ts";
 *
 * const s = str("naïve");
 * s.len;                           // 6, the bytes
 * text(s);                         // "naïve"
 * slfree(s);
 * ```
 */
export function str(text: string): Slice<number> {
  if (typeof text !== "string") throw new TypeError(`Cannot make a string: expected a text, got ${show(text)}`);
  if (isShortAscii(text)) {
    const s = slalloc(u8, text.length);
    writeShortAscii(s.heap.u8, to(s.heap, s.ptr, text.length), text);
    return s;
  }
  const bytes = encode(text), s = slalloc(u8, bytes.length);
  s.heap.u8.set(bytes, to(s.heap, s.ptr, bytes.length));
  return s;
}

/** The text that a slice of bytes holds as UTF-8. Bytes that are no UTF-8 become U+FFFD. */
export function text(s: Slice<number>): string {
  assertBytes("read as a text", s);
  return decode(s.heap, s.ptr, s.len);
}

/** Whether a slice of bytes holds the same as another, or the UTF-8 of a text. */
export function streq(a: Slice<number>, b: Slice<number> | string): boolean {
  assertBytes("compare", a);
  if (typeof b !== "string") {
    assertBytes("compare", b);
    return a.len === b.len && equal(a.heap, a.ptr, b.heap, b.ptr, a.len);
  }
  if (a.len < b.length || a.len > 3 * b.length) return false; // a UTF-16 unit is 1 to 3 bytes
  const bytes = encode(b), { u8 } = a.heap, p = at(a.heap, a.ptr, a.len);
  return a.len === bytes.length && bytes.every((byte, i) => u8[p + i] === byte);
}

/** Throws unless `s` is a slice of bytes. */
export function assertBytes(action: string, s: Slice<number>): void {
  assertSlice(action, s);
  if (s.type !== u8) {
    throw new TypeError(`Cannot ${action} a slice: its elements must be u8, got ${show(s.type.name)}`);
  }
}
