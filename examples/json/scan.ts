/**
 * Reading JSON: bytes to tokens, by RFC 8259 to the letter. What is not UTF-8 is refused, and so are a byte order mark and
 * halves of surrogate pairs, which have no UTF-8.
 *
 * @module
 */

import { heap, type Ptr, type std } from "../../mod.ts";
import { JsonError } from "./error.ts";
import { ascii, encode, sequence, utf8Length } from "./utf8.ts";

const QUOTE = 0x22, PLUS = 0x2b, MINUS = 0x2d, POINT = 0x2e, ZERO = 0x30, BACKSLASH = 0x5c, LOWER_U = 0x75;

/** By byte: 1 where it stands for itself in a string, being ASCII. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, c) => c >= 32 && c < 128 && c !== QUOTE && c !== BACKSLASH ? 1 : 0);

/** By byte: the character that it stands for after a backslash, or 0. */
const ESCAPES = new Uint8Array(256);
[...'"\\/bfnrt'].forEach((c, i) => ESCAPES[c.charCodeAt(0)] = '"\\/\b\f\n\r\t'.charCodeAt(i));

/** Texts of less than so many bytes are copied in a loop: for more, a call into the engine is faster. */
const SHORT = 48;

const POWERS_OF_10 = Float64Array.from({ length: 16 }, (_, i) => 10 ** i);

/** A place in a text, and what was read there last. */
export class Scanner {
  /** Next byte to read. */
  pos: number;
  /** After a number: its value. */
  value = 0;
  /** After a number: whether its value prints as it was written. */
  plain = true;
  /** After a number or string: where its text begins. */
  from = 0;
  /** After a number or string: bytes that {@linkcode copy} will write. */
  length = 0;

  readonly #start: number;
  readonly #end: number;
  #bytes: Uint8Array;
  #escaped = false;

  /** Over bytes, which may lie in the heap. */
  constructor(input: Uint8Array | std.Slice<number>) {
    const bytes = input instanceof Uint8Array ? input : input.heap.u8.subarray(input.ptr, input.ptr + input.len);
    // What lies in the heap is read through its current view, as parsing may grow it
    const inHeap = bytes.buffer === heap.u8.buffer;
    this.#bytes = inHeap ? heap.u8 : bytes;
    this.pos = this.#start = inHeap ? bytes.byteOffset : 0;
    this.#end = this.pos + bytes.length;
  }

  /** Skips white space, and returns the byte that follows, or -1 at the end. */
  space(): number {
    if (this.#bytes.length === 0) this.#bytes = heap.u8; // the heap has grown
    const bytes = this.#bytes, end = this.#end;
    for (let p = this.pos; p < end; p++) {
      const c = bytes[p];
      if (c > 0x20 || (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09)) {
        this.pos = p;
        return c;
      }
    }
    this.pos = end;
    return -1;
  }

  /** Reads a word whose first letter is there. */
  word(word: string): void {
    for (let i = 1; i < word.length; i++) {
      const p = this.pos + i;
      if (p >= this.#end || this.#bytes[p] !== word.charCodeAt(i)) this.fail(word, p);
    }
    this.pos += word.length;
  }

  /** Reads a number. */
  number(): void {
    const bytes = this.#bytes, end = this.#end, from = this.pos;
    const negative = bytes[from] === MINUS;
    let p = negative ? from + 1 : from, mantissa = 0, digits = 0, scale = 0, plain = true;
    if (p < end && bytes[p] === ZERO) {
      p++;
    } else {
      const at = p;
      for (; p < end && isDigit(bytes[p]); p++) mantissa = mantissa * 10 + bytes[p] - ZERO;
      digits = p - at;
      if (digits === 0) this.fail("a digit", p);
    }
    if (p < end && bytes[p] === POINT) {
      const at = ++p;
      for (; p < end && isDigit(bytes[p]); p++) mantissa = mantissa * 10 + bytes[p] - ZERO;
      scale = p - at;
      if (scale === 0) this.fail("a digit", p);
      plain = bytes[p - 1] !== ZERO;
    }
    if (p < end && (bytes[p] | 32) === 0x65) {
      p++;
      if (p < end && (bytes[p] === PLUS || bytes[p] === MINUS)) p++;
      if (p >= end || !isDigit(bytes[p])) this.fail("a digit", p);
      while (p < end && isDigit(bytes[p])) p++;
      digits = 16;
    }
    // A quotient of exact numbers is rounded once, hence right; 15 digits survive the way to a double and back
    const exact = digits + scale <= 15;
    const size = exact ? mantissa / POWERS_OF_10[scale] : Math.abs(Number(ascii(bytes, from, p)));
    this.value = negative ? -size : size;
    this.plain = plain && exact && (size >= 1e-6 || (size === 0 && !negative));
    this.from = from;
    this.length = p - from;
    this.#escaped = false;
    this.pos = p;
  }

  /** Reads a string whose quote is there. */
  string(): void {
    const bytes = this.#bytes, end = this.#end, from = this.pos + 1;
    let p = from, saved = 0;
    for (;;) {
      while (p < end && PLAIN[bytes[p]] === 1) p++;
      if (p >= end) this.fail("a closing quote", p);
      const c = bytes[p];
      if (c === QUOTE) break;
      if (c === BACKSLASH) {
        const code = this.#escape(p), width = widthOf(bytes, p, code);
        saved += width - utf8Length(code);
        p += width;
      } else {
        const n = c < 128 ? 0 : sequence(bytes, p, end);
        if (n === 0) this.fail(c < 128 ? "an escape in place of a control character" : "UTF-8", p);
        p += n;
      }
    }
    this.from = from;
    this.length = p - from - saved;
    this.#escaped = saved !== 0;
    this.pos = p + 1;
  }

  /** Writes the text of the number or string that was read last, without escapes, to an address in the heap. */
  copy(to: Ptr): void {
    if (this.#bytes.length === 0) this.#bytes = heap.u8;
    const bytes = this.#bytes, { u8 } = heap, { from, length } = this;
    if (this.#escaped) this.#unescape(u8, to);
    else if (length >= SHORT) u8.set(bytes.subarray(from, from + length), to);
    else for (let i = 0; i < length; i++) u8[to + i] = bytes[from + i];
  }

  /** Throws a {@linkcode JsonError} that says what should have been at `p`, and what is. */
  fail(expected: string, p: number = this.pos): never {
    throw new JsonError(expected, this.#bytes.subarray(this.#start, this.#end), p - this.#start);
  }

  #unescape(u8: Uint8Array, to: Ptr): void {
    const bytes = this.#bytes;
    for (let p = this.from, stop = to + this.length; to < stop;) {
      if (bytes[p] !== BACKSLASH) {
        u8[to++] = bytes[p++];
        continue;
      }
      const code = this.#escape(p);
      p += widthOf(bytes, p, code);
      to = encode(u8, to, code);
    }
  }

  /** Code point of the escape at `p`: of two of them for a surrogate pair. */
  #escape(p: number): number {
    const bytes = this.#bytes, c = p + 1 < this.#end ? bytes[p + 1] : 0;
    if (c !== LOWER_U) return ESCAPES[c] || this.fail("a character that can be escaped", p + 1);
    const high = this.#hex(p + 2);
    if ((high & 0xf800) !== 0xd800) return high;
    if (high >= 0xdc00) this.fail("the first half of a surrogate pair before the second", p);
    const then = p + 6;
    if (then + 1 < this.#end && bytes[then] === BACKSLASH && bytes[then + 1] === LOWER_U) {
      const low = this.#hex(then + 2);
      if ((low & 0xfc00) === 0xdc00) return 0x10000 + ((high & 0x3ff) << 10 | low & 0x3ff);
    }
    this.fail("the second half of a surrogate pair", then);
  }

  #hex(p: number): number {
    let code = 0;
    for (let i = p; i < p + 4; i++) {
      const c = i < this.#end ? this.#bytes[i] : 0, letter = (c | 32) - 0x57;
      if (isDigit(c)) code = code << 4 | c - ZERO;
      else if (letter >= 10 && letter < 16) code = code << 4 | letter;
      else this.fail("a hexadecimal digit", i);
    }
    return code;
  }
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

/** Bytes of the escape at `p`, which stands for a code point. */
function widthOf(bytes: Uint8Array, p: number, code: number): number {
  return bytes[p + 1] !== LOWER_U ? 2 : code < 0x10000 ? 6 : 12;
}
