/**
 * The ledger of a guest: of each block, by its address alone, how many bytes were asked for and which allocator served it.
 *
 * It is a table in a WebAssembly memory of its own, so that code in the guest can look things up without leaving it: a word
 * for each granule of 8 or 16 bytes of the guest's memory. What does not fit into a word, and what that code must not look up, is
 * kept in a map.
 *
 * ```text
 *   word:   31             8 7      0        0 where no block starts
 *          | bytes asked for | slot  |        slot = 255: see the map
 * ```
 *
 * Costs: O(1); a quarter (granules of 16 bytes) or half of the guest's memory in addresses, of which what no block starts near
 * is never touched.
 *
 * @module
 */

import type { Ptr } from "../../heap.ts";

/** Where the table begins in its memory, in bytes. What is in front of it belongs to others. */
export const TABLE = 0x80000;

/** Bytes from which on a size is in the map. */
export const LARGE = 0xffffff;

/** Greatest number of a slot. */
export const MOST_SLOTS = 254;

/** In place of a slot: that, and the size, is in the map. */
const IN_MAP = 255;

/** A block as the ledger has it. */
export interface Entry {
  /** Bytes asked for. */
  readonly size: number;
  /** Slot of the allocator that served it. */
  readonly slot: number;
  /** What its allocator has served in fact, if that could not align it: it lies in there. */
  readonly whole: Whole | undefined;
}

/** A block that another one lies in. */
export interface Whole {
  /** Where it begins. */
  readonly p: Ptr;
  /** Bytes that its allocator was asked for. */
  readonly size: number;
}

const WASM_PAGE = 65536;

/** Blocks by their addresses. */
export class Ledger {
  /** The memory that the table is in. */
  readonly memory: WebAssembly.Memory;
  /** Binary logarithm of the bytes in a granule. */
  readonly shift: number;
  /** Granules that there are words for: from address `covered << shift` on there are none. */
  covered = 0;
  readonly #others: Map<Ptr, Entry> = new Map();
  #words: Uint32Array = new Uint32Array(0);

  /** A ledger in a memory that nobody else grows. */
  constructor(memory: WebAssembly.Memory, shift: number) {
    this.memory = memory;
    this.shift = shift;
    this.#cover();
  }

  /** Makes the table long enough for a memory of so many bytes; what of it cannot be had goes to the map. */
  reach(bytes: number): void {
    const missing = TABLE + Math.ceil(bytes / 2 ** this.shift) * 4 - this.memory.buffer.byteLength;
    if (missing <= 0) return;
    try {
      this.memory.grow(Math.ceil(missing / WASM_PAGE));
    } catch {
      // The map does as well, only slower
    }
    this.#cover();
  }

  /** First address, in bytes, that the table has no word for. */
  get end(): Ptr {
    return this.covered * 2 ** this.shift;
  }

  /** Whether a block can be looked up in the table. */
  covers(p: Ptr): boolean {
    return p >>> this.shift < this.covered && (p & ((1 << this.shift) - 1)) === 0;
  }

  /** Enters a block. One that lies in another, `whole`, is kept from code in the guest. */
  set(p: Ptr, size: number, slot: number, whole?: Whole): void {
    const fits = this.covers(p) && size < LARGE && whole === undefined;
    if (!fits) this.#others.set(p, { size, slot, whole });
    else if (this.#inMap(p)) this.#others.delete(p);
    if (this.covers(p)) this.#words[p >>> this.shift] = fits ? (size << 8 | slot) >>> 0 : LARGE << 8 | IN_MAP;
  }

  /** Gives a block another slot. */
  assign(p: Ptr, slot: number): void {
    this.set(p, this.sizeOf(p), slot, this.wholeOf(p));
  }

  /** The slot of a block, 0 for what is none. */
  slotOf(p: Ptr): number {
    return this.#inMap(p) ? this.#others.get(p)?.slot ?? 0 : this.#words[p >>> this.shift] & 0xff;
  }

  /** Bytes asked for of a block, -1 for what is none. */
  sizeOf(p: Ptr): number {
    if (this.#inMap(p)) return this.#others.get(p)?.size ?? -1;
    const word = this.#words[p >>> this.shift];
    return word === 0 ? -1 : word >>> 8;
  }

  /** What a block lies in, if that is not itself. */
  wholeOf(p: Ptr): Whole | undefined {
    return this.#inMap(p) ? this.#others.get(p)?.whole : undefined;
  }

  /** Strikes a block out. */
  delete(p: Ptr): void {
    if (this.#inMap(p)) this.#others.delete(p);
    if (this.covers(p)) this.#words[p >>> this.shift] = 0;
  }

  /** The block that begins before `p` and reaches beyond it, if one does: O(distance). */
  around(p: Ptr): Ptr {
    for (const q of this.#others.keys()) if (q < p && this.#inMap(q) && p < q + this.sizeOf(q)) return q;
    for (let i = Math.min(p >>> this.shift, this.covered - 1), most = 0; i >= 0 && most < 65536; i--, most++) {
      if (this.#words[i] === 0) continue;
      const q = (i << this.shift) >>> 0;
      return q < p && p < q + this.sizeOf(q) ? q : 0;
    }
    return 0;
  }

  /** Calls `f` with each block. O(memory). */
  forEach(f: (p: Ptr, size: number, slot: number) => void): void {
    const words = this.#words;
    for (let i = 0; i < words.length; i++) {
      if (words[i] === 0) continue;
      const p = (i << this.shift) >>> 0;
      f(p, this.sizeOf(p), this.slotOf(p));
    }
    for (const [p, { size, slot }] of this.#others) if (!this.covers(p)) f(p, size, slot);
  }

  /** Whether the map is where a block would be found. */
  #inMap(p: Ptr): boolean {
    return !this.covers(p) || (this.#words[p >>> this.shift] & 0xff) === IN_MAP;
  }

  #cover(): void {
    const { end } = this;
    this.#words = new Uint32Array(this.memory.buffer, TABLE);
    this.covered = this.#words.length;
    // Below, code in the guest may have written over what is in the map, of a block that is gone with its region
    for (const p of this.#others.keys()) {
      if (p >= end && this.covers(p)) this.#words[p >>> this.shift] = LARGE << 8 | IN_MAP;
    }
  }
}
