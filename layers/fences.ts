/**
 * Fences around blocks, and what blocks are filled with: how `debug` sees that somebody has written where nothing of his
 * is.
 *
 * ```
 * live    | fd ...      | cd ...           | fd fd ...           |
 * freed   | fd ... | dd ...                       | fd ...         |
 *         p - 16   p - 8  p                  p + size              endOf(p, size)
 * ```
 *
 * Nearly all of it is written and compared 8 bytes at a time: as floats, for none of these patterns is one that does not
 * equal itself.
 *
 * @module
 */

import { formatCount } from "../gauge.ts";
import type { Heap, Ptr } from "../heap.ts";

/** Bytes of the fence in front of a block. */
export const FENCE = 16;

/** What is in fences, in blocks that nothing has been written to, in freed ones: a byte. */
export const FENCE_BYTE = 0xfd, FRESH_BYTE = 0xcd, FREED_BYTE = 0xdd;

/** The same as a word, and as floats. */
const FENCE_WORD = 0xfdfdfdfd,
  FENCES = float(FENCE_BYTE, 8),
  FRESH = float(FRESH_BYTE, 8),
  FREED = float(FREED_BYTE, 8);

/** The float in which a block ends, by how many of its bytes are the block's. */
const ENDS = Float64Array.from({ length: 8 }, (_, bytes) => float(FRESH_BYTE, bytes));

/** Floats from which on the engine's own way to fill is the faster. */
const MANY = 256;

/** Where the fence behind a block ends: it is 9 to 16 bytes long, the rest of 8 bytes and 8 more. */
export function endOf(p: Ptr, size: number): Ptr {
  return p + size - size % 8 + 16;
}

/** Fences a block, and fills it. */
export function enclose(f64: Float64Array, p: Ptr, size: number): void {
  const start = p >>> 3, end = p + size >>> 3;
  f64[start - 2] = FENCES;
  f64[start - 1] = FENCES;
  if (end - start > MANY) f64.fill(FRESH, start, end);
  else for (let i = start; i < end; i++) f64[i] = FRESH;
  f64[end] = ENDS[size & 7];
  f64[end + 1] = FENCES;
}

/** Fences a block where it ends now, and fills it from where it ended before. */
export function extend({ u8 }: Heap, p: Ptr, old: number, size: number): void {
  if (size > old) u8.fill(FRESH_BYTE, p + old, p + size);
  u8.fill(FENCE_BYTE, p + size, endOf(p, size));
}

/** Whether the fences of a block are whole. */
export function isEnclosed(f64: Float64Array, u32: Uint32Array, p: Ptr, size: number): boolean {
  const start = p >>> 3, end = p + size >>> 3, word = p + size >>> 2, shift = (size & 3) << 3;
  return f64[start - 2] === FENCES && f64[start - 1] === FENCES &&
    u32[word] >>> shift === FENCE_WORD >>> shift && u32[word + 1] === FENCE_WORD &&
    f64[end + 1] === FENCES;
}

/** Where what a freed block is filled with begins, 8 bytes before it, and where it ends, 1 to 8 bytes behind it. */
export function filled(p: Ptr, size: number): readonly [from: Ptr, to: Ptr] {
  return [p - 8, p + size - size % 8 + 8];
}

/** Fills a freed block, and what of its fences is next to it. */
export function fillFreed(f64: Float64Array, p: Ptr, size: number): void {
  const start = (p >>> 3) - 1, end = (p + size >>> 3) + 1;
  if (end - start > MANY) f64.fill(FREED, start, end);
  else for (let i = start; i < end; i++) f64[i] = FREED;
}

/** Whether nothing has been written to a freed block, nor to what of its fences is next to it. */
export function isUntouched(f64: Float64Array, p: Ptr, size: number): boolean {
  const start = (p >>> 3) - 1, end = (p + size >>> 3) + 1;
  for (let i = start; i < end; i++) if (f64[i] !== FREED) return false;
  return true;
}

/** What has been written where nothing should have been. */
export interface Damage {
  /** Where the first of it is, counted in bytes from the start of the block. */
  readonly offset: number;
  /** Bytes that are not as they were. */
  readonly bytes: number;
  /** What is there: "2a 00", "01 02 03 04 ...". */
  readonly hex: string;
}

/** Bytes of damage that are shown. */
const SHOWN = 8;

/** What in a piece of memory is not the byte it should be, and makes it that again; undefined if all is. */
export function repair({ u8 }: Heap, p: Ptr, from: Ptr, to: Ptr, byte: number): Damage | undefined {
  let first = -1, last = 0, bytes = 0;
  for (let i = from; i < to; i++) {
    if (u8[i] === byte) continue;
    if (first < 0) first = i;
    last = i;
    bytes++;
  }
  if (first < 0) return undefined;
  const shown = u8.slice(first, Math.min(last + 1, first + SHOWN));
  const hex = Array.from(shown, (b) => b.toString(16).padStart(2, "0")).join(" ") +
    (last >= first + SHOWN ? " ..." : "");
  u8.fill(byte, from, to);
  return { offset: first - p, bytes, hex };
}

/** Damage as messages tell it: "3 bytes ... have been overwritten, from offset 13 on: 01 02 03". */
export function damageText({ offset, bytes, hex }: Damage, where: string, when = ""): string {
  const what = bytes === 1 ? `1 byte ${where} has` : `${formatCount(bytes)} bytes ${where} have`;
  return `${what} been overwritten${when}, ${bytes === 1 ? `at offset ${offset}` : `from offset ${offset} on`}: ${hex}`;
}

/** A float of 8 bytes, of which the first are `byte` and the others a fence's. */
function float(byte: number, bytes: number): number {
  const all = new Uint8Array(8).fill(FENCE_BYTE).fill(byte, 0, bytes);
  return new Float64Array(all.buffer)[0];
}
