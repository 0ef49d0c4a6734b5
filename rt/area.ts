/**
 * What a guest's own code counts: the figures of the state of a layer, in the memory that the guest got for them.
 *
 * @module
 */

import type { Gauge } from "../gauge.ts";
import { AREA, OFFSET } from "./switches.ts";

const GIB4 = 2 ** 32;

/** The area of a slot, read and written from outside the guest. Exact to 2^53. */
export class Area {
  /** Which one it is. */
  readonly slot: number;
  /** Where it begins, in bytes. */
  readonly start: number;
  readonly #memory: WebAssembly.Memory;
  #words: Uint32Array;

  /** The area of a slot, all zero. */
  constructor(memory: WebAssembly.Memory, slot: number) {
    this.slot = slot;
    this.start = slot * AREA;
    this.#memory = memory;
    this.#words = new Uint32Array(memory.buffer);
    this.words.fill(0, this.start >>> 2, (this.start + AREA) >>> 2);
  }

  /** The memory, in words of 32 bits. */
  get words(): Uint32Array {
    if (this.#words.length === 0) this.#words = new Uint32Array(this.#memory.buffer); // it has grown
    return this.#words;
  }

  /** Bytes that are out. */
  get live(): number {
    return this.#get(OFFSET.szalloc) - this.#get(OFFSET.szfree);
  }

  /** Bytes out at the same time, at most. */
  get watermark(): number {
    return this.#get(OFFSET.watermark);
  }

  /** When fewer bytes than these are out, the guest's own code asks what to do with what it keeps. */
  get floor(): number {
    return this.#get(OFFSET.floor);
  }

  set floor(bytes: number) {
    this.#set(OFFSET.floor, Math.max(0, bytes));
  }

  /** What has been counted. */
  gauge(): Gauge {
    return {
      nalloc: this.#get(OFFSET.nalloc),
      nfree: this.#get(OFFSET.nfree),
      szalloc: this.#get(OFFSET.szalloc),
      szfree: this.#get(OFFSET.szfree),
      watermark: this.watermark,
    };
  }

  /** Counts a block of `bytes` bytes that goes out. */
  countIn(bytes: number): void {
    this.#set(OFFSET.nalloc, this.#get(OFFSET.nalloc) + 1);
    this.#grow(bytes);
  }

  /** Counts a block of `bytes` bytes that comes back. */
  countOut(bytes: number): void {
    this.#set(OFFSET.nfree, this.#get(OFFSET.nfree) + 1);
    this.#set(OFFSET.szfree, this.#get(OFFSET.szfree) + bytes);
  }

  /** Counts that a block has been resized. */
  countResize(old: number, bytes: number): void {
    if (bytes > old) this.#grow(bytes - old);
    else this.#set(OFFSET.szfree, this.#get(OFFSET.szfree) + old - bytes);
  }

  #grow(bytes: number): void {
    this.#set(OFFSET.szalloc, this.#get(OFFSET.szalloc) + bytes);
    const live = this.live;
    if (live > this.watermark) this.#set(OFFSET.watermark, live);
  }

  #get(offset: number): number {
    const i = (this.start + offset) >>> 2, words = this.words;
    return words[i] + words[i + 1] * GIB4;
  }

  #set(offset: number, value: number): void {
    const i = (this.start + offset) >>> 2, words = this.words;
    words[i] = value;
    words[i + 1] = value / GIB4;
  }
}
