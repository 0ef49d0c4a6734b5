/**
 * Text as UTF-8. A lone surrogate, which has no UTF-8, becomes U+FFFD, as everywhere on the web.
 *
 * @module
 */

import type { Heap, Ptr } from "../heap.ts";
import { at } from "./guard.ts";

/** Texts of up to so many UTF-16 units are looked through here; a call to the engine's coders costs more. */
const SHORT = 24;

const encoder: TextEncoder = new TextEncoder();
const decoder: TextDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Whether a text is short and nothing but ASCII. */
export function isShortAscii(text: string): boolean {
  const { length } = text;
  if (length > SHORT) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** Writes a text at `p`, in as many bytes as it is long, if it is short and nothing but ASCII; whether it is. */
export function writeShortAscii(u8: Uint8Array, p: Ptr, text: string): boolean {
  const { length } = text;
  if (length > SHORT) return false;
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    if (c > 127) return false;
    u8[p + i] = c;
  }
  return true;
}

/** The UTF-8 of a text, outside of the heap. */
export function encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of `n` bytes of UTF-8 at `p`. What is no UTF-8 becomes U+FFFD. */
export function decode(heap: Heap, p: Ptr, n: number): string {
  at(heap, p, n);
  const { u8 } = heap;
  if (n <= SHORT) {
    let text = "", i = 0;
    for (; i < n && u8[p + i] < 128; i++) text += String.fromCharCode(u8[p + i]);
    if (i === n) return text;
  }
  // Not every runtime decodes shared memory in place
  return decoder.decode(u8.buffer instanceof ArrayBuffer ? u8.subarray(p, p + n) : u8.slice(p, p + n));
}
