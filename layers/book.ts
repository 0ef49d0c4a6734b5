/**
 * A book: which blocks there are, of which sizes, and which there have been. Not a layer; `debug` keeps one.
 *
 * It lies outside of the heap, where no overrun reaches it. There is a row, a word, for each 16 bytes that a block may
 * start at, and rows for those 16 KiB of the heap only in which one has: a quarter of the blocks and what is around them.
 * So nothing has to be forgotten to bound it, and to look something up is to index, twice.
 *
 * ```
 * | directory                | rows of a page | rows of another page | ...
 * | 0 | 2048 | 0 | 1024 | ...| 0 | size, prefix, state | 0 | 0 | ...
 *       |                             24 bits, 5, 3
 *       index of the first row of the second 16 KiB of the heap; 0 for none
 * ```
 *
 * Such an index is a multiple of 1024. So what is looked up in a page without rows, which is one from 0 to 1023, is in the
 * directory, and is nothing: the bits of the state are 0 there.
 *
 * @module
 */

import type { Ptr } from "../heap.ts";

/** A book, as part of a layer's state. */
export interface Book {
  /** The directory, and the rows of the pages that have some. */
  rows: Int32Array;
  /** Words of the directory. */
  pages: number;
  /** Words in use, with the directory. */
  used: number;
  /** Sizes in bytes of the blocks of {@linkcode LARGE} and more, by address. */
  large: Map<Ptr, number>;
}

/** States of a block: out, freed, freed by a reset. 0 is none. */
export const LIVE = 1, FREED = 2, RESET = 3;

/** Size in bytes from which on it does not fit into a row. */
export const LARGE: number = 2 ** 24 - 1;

/** Rows for a page of 16 KiB. */
export const ROWS = 1024;

/** A block in a book. */
export interface Entry {
  /** Its address. */
  readonly p: Ptr;
  /** Its size in bytes. */
  readonly size: number;
  /** Bytes from the start of the block below to its own: 16, or its alignment if that is more. */
  readonly prefix: number;
  /** `LIVE`, `FREED` or `RESET`. */
  readonly state: number;
}

/** An empty book. */
export function newBook(): Book {
  return { rows: new Int32Array(2 * ROWS), pages: ROWS, used: ROWS, large: new Map() };
}

/** The block that is in the book at an address, whatever its state. */
export function entryAt({ rows, pages, large }: Book, p: Ptr): Entry | undefined {
  const page = p >>> 14;
  if (page >= pages || p % 16 !== 0) return undefined;
  const row = rows[rows[page] + (p >>> 4 & ROWS - 1)], state = row & 7, size = row >>> 8;
  if (state === 0) return undefined;
  return { p, size: size === LARGE ? large.get(p)! : size, prefix: 16 << (row >>> 3 & 31), state };
}

/** Enters a block, in place of the one that was there. */
export function enter(book: Book, { p, size, prefix, state }: Entry): void {
  if (size >= LARGE) book.large.set(p, size);
  const row = rowFor(book, p);
  book.rows[row] = Math.min(size, LARGE) << 8 | 27 - Math.clz32(prefix) << 3 | state;
}

/** The blocks that are in the book, in the order of their addresses. */
export function* entries(book: Book): Generator<Entry> {
  const { rows, pages } = book;
  for (let page = 0; page < pages; page++) {
    const first = rows[page];
    if (first === 0) continue;
    for (let i = 0; i < ROWS; i++) if (rows[first + i] !== 0) yield entryAt(book, page * 2 ** 14 + i * 16)!;
  }
}

/** Index of the row of an address, to be written to: its page gets rows if it has none. */
export function rowFor(book: Book, p: Ptr): number {
  const page = p >>> 14;
  if (page >= book.pages) widen(book, Math.max(2 * book.pages, (page | ROWS - 1) + 1));
  if (book.rows[page] === 0) {
    if (book.used === book.rows.length) {
      const { rows } = book;
      book.rows = new Int32Array(2 * rows.length);
      book.rows.set(rows);
    }
    book.rows[page] = book.used;
    book.used += ROWS;
  }
  return book.rows[page] + (p >>> 4 & ROWS - 1);
}

/** Makes the directory one of so many pages. */
function widen(book: Book, pages: number): void {
  const more = pages - book.pages, { rows } = book;
  book.rows = new Int32Array(rows.length + more);
  book.rows.set(rows.subarray(book.pages), pages);
  for (let page = 0; page < book.pages; page++) if (rows[page] !== 0) book.rows[page] = rows[page] + more;
  book.pages = pages;
  book.used += more;
}
