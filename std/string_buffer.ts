/**
 * String buffers: strings in the making.
 *
 * A buffer is a slice of bytes that doubles when it is full, so adding is O(bytes added), amortised. On an
 * `OutOfMemoryError` it is as before.
 *
 * @module
 */

import { assertInteger, show } from "../errors.ts";
import { to } from "./guard.ts";
import { reserve, type Slice } from "./header.ts";
import { printable } from "../printable.ts";
import { slalloc, slfree, slgrow, slpush } from "./slice.ts";
import { sljoin } from "./slices.ts";
import { assertBytes, text as textOf } from "./string.ts";
import { u8 } from "./type.ts";
import { encode, writeShortAscii } from "./utf8.ts";

/** A string in the making. Made by {@linkcode mksb}. */
export class StringBuffer {
  /** The bytes so far. */
  readonly bytes: Slice<number>;

  /** @internal */
  constructor(bytes: Slice<number>) {
    this.bytes = bytes;
  }

  /** Number of bytes so far. */
  get length(): number {
    return this.bytes.len;
  }

  /** The text so far. */
  toString(): string {
    return textOf(this.bytes);
  }
}
printable(StringBuffer.prototype);

/**
 * An empty string buffer, which takes no memory yet.
 *
 * @example
 * ```ts
 * import { slfree } from "./slice.ts";
 * import { text } from "./string.ts";
 * import { mksb, sbfin, sbputc, sbputs } from "./string_buffer.ts";
 *
 * const sb = mksb();
 * sbputs(sb, "price: 5 ");
 * sbputc(sb, 0x20ac);
 * const s = sbfin(sb);
 * text(s);                         // "price: 5 €"
 * slfree(s);
 * ```
 */
export function mksb(): StringBuffer {
  return new StringBuffer(slalloc(u8, 0));
}

/** Adds the UTF-8 of a text and returns the buffer. A lone surrogate becomes U+FFFD: keep pairs together. */
export function sbputs(sb: StringBuffer, text: string): StringBuffer {
  assertBuffer("add to", sb);
  if (typeof text !== "string") {
    throw new TypeError(`Cannot add to a string buffer: expected a text, got ${show(text)}`);
  }
  const { bytes } = sb, { len } = bytes;
  reserve(bytes, len + text.length); // no text takes less
  if (writeShortAscii(bytes.heap.u8, to(bytes.heap, bytes.ptr + len, text.length), text)) {
    slgrow(bytes, len + text.length);
  } else {
    const utf8 = encode(text);
    slgrow(bytes, len + utf8.length);
    bytes.heap.u8.set(utf8, to(bytes.heap, bytes.ptr + len, utf8.length));
  }
  return sb;
}

/** Adds a byte, 0 to 255, and returns the buffer. */
export function sbputb(sb: StringBuffer, byte: number): StringBuffer {
  assertBuffer("add to", sb);
  if ((byte & 255) !== byte) assertInteger("add to a string buffer", "byte", byte, 0, 255);
  slpush(sb.bytes, byte);
  return sb;
}

/** Adds the UTF-8 of a code point, 0 to 0x10FFFF, and returns the buffer. A surrogate becomes U+FFFD. */
export function sbputc(sb: StringBuffer, codepoint: number): StringBuffer {
  assertBuffer("add to", sb);
  assertInteger("add to a string buffer", "code point", codepoint, 0, 0x10ffff);
  const { bytes } = sb, c = codepoint >= 0xd800 && codepoint < 0xe000 ? 0xfffd : codepoint;
  reserve(bytes, bytes.len + 4);
  if (c < 0x80) slpush(bytes, c);
  else if (c < 0x800) slpush(slpush(bytes, 0xc0 | c >> 6), tail(c));
  else if (c < 0x10000) slpush(slpush(slpush(bytes, 0xe0 | c >> 12), tail(c >> 6)), tail(c));
  else slpush(slpush(slpush(slpush(bytes, 0xf0 | c >> 18), tail(c >> 12)), tail(c >> 6)), tail(c));
  return sb;
}

/** Adds the bytes of a slice and returns the buffer. */
export function sbputsl(sb: StringBuffer, s: Slice<number>): StringBuffer {
  assertBuffer("add to", sb);
  assertBytes("add to a string buffer", s);
  sljoin(sb.bytes, s);
  return sb;
}

/** The string, which is the caller's to free. The buffer is then empty, and can be used again. */
export function sbfin(sb: StringBuffer): Slice<number> {
  assertBuffer("finish", sb);
  const { bytes } = sb;
  (sb as { bytes: Slice<number> }).bytes = slalloc(u8, 0);
  return bytes;
}

/** Frees what a buffer holds. It is then empty. */
export function sbfree(sb: StringBuffer): void {
  assertBuffer("free", sb);
  slfree(sb.bytes);
}

/** The last byte, or one in the middle, of a code point: 6 bits of it. */
function tail(c: number): number {
  return 0x80 | c & 63;
}

function assertBuffer(action: string, sb: StringBuffer): void {
  if (!(sb instanceof StringBuffer)) {
    throw new TypeError(`Cannot ${action} a string buffer: expected one, got ${show(sb)}`);
  }
}
