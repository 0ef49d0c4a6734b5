/** UTF-8, byte by byte. */

import { heap, type Ptr } from "../../mod.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Texts of up to so many bytes are looked through here: a call into the engine costs more. */
const SHORT = 24;

/** Length in bytes of the sequence at `p`, or 0 if it is not UTF-8 (Unicode 16, table 3-7). */
export function sequence(bytes: Uint8Array, p: number, end: number): number {
  const c = bytes[p];
  if (c < 0x80) return 1;
  const n = c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
  if (n === 0 || p + n > end) return 0;
  const second = bytes[p + 1];
  const least = c === 0xe0 ? 0xa0 : c === 0xf0 ? 0x90 : 0x80, most = c === 0xed ? 0x9f : c === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let i = 2; i < n; i++) if ((bytes[p + i] & 0xc0) !== 0x80) return 0;
  return n;
}

/** Bytes that a code point takes. */
export function utf8Length(code: number): number {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/** Writes a code point at `p`, and returns the address behind it. */
export function encode(u8: Uint8Array, p: Ptr, code: number): Ptr {
  const n = utf8Length(code);
  if (n === 1) {
    u8[p] = code;
    return p + 1;
  }
  for (let i = n - 1; i > 0; i--) {
    u8[p + i] = 0x80 | code & 0x3f;
    code >>>= 6;
  }
  u8[p] = 0xf00 >>> n & 0xf0 | code; // 110....., 1110.... or 11110...
  return p + n;
}

/** The text of bytes that are ASCII. */
export function ascii(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

/** The text of `n` bytes in the heap. */
export function decode(p: Ptr, n: number): string {
  const { u8 } = heap;
  if (n <= SHORT) {
    let i = p;
    while (i < p + n && u8[i] < 0x80) i++;
    if (i === p + n) return ascii(u8, p, i);
  }
  return decoder.decode(u8.subarray(p, p + n));
}
