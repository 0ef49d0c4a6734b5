/**
 * Shadow memory: what each byte of a heap is to `shadow`, a byte for a byte, outside of the heap and only where it is
 * needed.
 *
 * @module
 */

import type { Heap, Ptr } from "../heap.ts";
import { FRESH_BYTE } from "./fences.ts";

/** Memory that no `shadow` knows of: whoever has it may do what he likes. */
export const OTHERS = 0;
/** In a block that is out, and written to. */
export const WRITTEN = 1;
/** In a block that is out, and not written to through `std`. */
export const UNWRITTEN = 2;
/** In a block that has been freed, or in memory that blocks were in. */
export const FREED = 3;
/** Around blocks. */
export const FENCE = 4;
/** In memory that blocks come from, and where none has been yet. */
export const NOBODYS = 5;
/** In pages that have been given back to the heap. */
export const RETURNED = 6;

/** Bytes in a piece, which is there if a byte in it is not others'. */
const PIECE = 65536;

/** What each byte of a heap is. From `UNWRITTEN` on it must not be read, from `FREED` on not written to either. */
export class ShadowMemory {
  readonly #heap: Heap;
  /** By address / 65536. */
  readonly #pieces: (Uint8Array | undefined)[] = [];

  /** All memory of a heap is others', but for so many bytes near null. */
  constructor(heap: Heap, near: number) {
    this.#heap = heap;
    this.mark(0, near, FENCE);
  }

  /** Makes the bytes from `from` up to `to` something. */
  mark(from: Ptr, to: Ptr, what: number): void {
    while (from < to) {
      const n = from >>> 16, end = Math.min(to, (n + 1) * PIECE);
      let piece = this.#pieces[n];
      if (piece === undefined && what !== OTHERS) piece = this.#pieces[n] = new Uint8Array(PIECE);
      piece?.fill(what, from - n * PIECE, end - n * PIECE);
      from = end;
    }
  }

  /** What a byte is. */
  at(p: Ptr): number {
    const piece = this.#pieces[p >>> 16];
    return piece === undefined ? OTHERS : piece[p & PIECE - 1];
  }

  /** Whether `bytes` bytes at `p`, all in the same piece, are others' or have been written to: what is so most often. */
  isCommon(p: Ptr, bytes: number): boolean {
    const piece = this.#pieces[p >>> 16];
    let i = p & PIECE - 1;
    const end = i + bytes;
    if (piece === undefined || end > PIECE) return false;
    while (i < end) if (piece[i++] > WRITTEN) return false;
    return true;
  }

  /** Address of the first byte from `from` up to `to` that is `least` or more, or `to`. */
  find(from: Ptr, to: Ptr, least: number): Ptr {
    while (from < to) {
      const n = from >>> 16, piece = this.#pieces[n], end = Math.min(to, (n + 1) * PIECE);
      if (piece === undefined) from = end;
      else for (; from < end; from++) if (piece[from & PIECE - 1] >= least) return from;
    }
    return to;
  }

  /** Address of the first byte from `from` up to `to` that is not like the first, or `to`. */
  findOther(from: Ptr, to: Ptr): Ptr {
    const what = this.at(from);
    while (from < to && this.at(from) === what) from++;
    return from;
  }

  /** The bytes from `from` up to `to`, which are in blocks that are out, or others', have been written to. */
  write(from: Ptr, to: Ptr): void {
    for (; from < to; from++) {
      const piece = this.#pieces[from >>> 16];
      if (piece !== undefined && piece[from & PIECE - 1] === UNWRITTEN) piece[from & PIECE - 1] = WRITTEN;
    }
  }

  /**
   * Whether a byte that is `UNWRITTEN` has been written to all the same, by what does not ask: a view of the heap, or
   * WebAssembly. It has if one of those around it is not what `debug` fills blocks with. Eight bytes are looked at, since
   * one may well be that by chance.
   */
  isWrittenRaw(p: Ptr): boolean {
    const { u8 } = this.#heap, start = p - (p & 7);
    for (let q = start; q < start + 8; q++) {
      if (u8[q] !== FRESH_BYTE && this.at(q) === UNWRITTEN) {
        this.write(start, start + 8);
        return true;
      }
    }
    return false;
  }

  /** Address of the first byte from `from` up to `to`, all of them in blocks or others', that nobody has written to. */
  findUnwritten(from: Ptr, to: Ptr): Ptr {
    for (;;) {
      from = this.find(from, to, UNWRITTEN);
      if (from === to || !this.isWrittenRaw(from)) return from;
    }
  }
}
