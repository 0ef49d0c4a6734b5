/**
 * What the state of a layer that a guest's own code knows has counted: in the guest's globals while it serves, else here.
 *
 * @module
 */

import type { Gauge } from "../../gauge.ts";
import { AREA, type Controls } from "./switches.ts";

/** The figures of such a state, and its part of the guest's memory for lists. Exact to 2^53; at most 4 GiB can be out. */
export class Area {
  /** Which one it is. */
  slot: number;
  /** Where its part of the memory begins, in bytes. */
  start: number;
  readonly #memory: WebAssembly.Memory;
  #words: Uint32Array;
  /** The guest's globals, while they are this area's. */
  #controls: Controls | undefined;
  #nalloc = 0;
  #nfree = 0;
  #szfree = 0;
  #live = 0;
  #watermark = 0;

  /** The area of a slot, all zero. */
  constructor(memory: WebAssembly.Memory, slot: number) {
    this.slot = slot;
    this.start = slot * AREA;
    this.#memory = memory;
    this.#words = new Uint32Array(memory.buffer);
    this.#wipe();
  }

  /** Takes another slot, with nothing in its part of the memory. */
  move(slot: number): void {
    this.slot = slot;
    this.start = slot * AREA;
    this.#wipe();
    if (this.#controls === undefined) return;
    this.#controls.area.value = this.start;
    this.#controls.slot.value = slot;
  }

  /** The memory, in words of 32 bits. */
  get words(): Uint32Array {
    if (this.#words.length === 0) this.#words = new Uint32Array(this.#memory.buffer); // it has grown
    return this.#words;
  }

  /** Bytes that are out. */
  get live(): number {
    return this.#controls === undefined ? this.#live : this.#controls.live.value >>> 0;
  }

  /** Bytes out at the same time, at most. */
  get watermark(): number {
    return this.#controls === undefined ? this.#watermark : this.#controls.watermark.value >>> 0;
  }

  /** Hands the figures over to the guest's own code. */
  bind(controls: Controls): void {
    controls.area.value = this.start;
    controls.slot.value = this.slot;
    controls.live.value = this.#live;
    controls.watermark.value = this.#watermark;
    this.#controls = controls;
  }

  /** Takes them back. */
  unbind(): void {
    const { nalloc, nfree, szfree } = this.#controls!;
    this.#live = this.live;
    this.#watermark = this.watermark;
    this.#nalloc += Number(nalloc.value);
    this.#nfree += Number(nfree.value);
    this.#szfree += Number(szfree.value);
    nalloc.value = nfree.value = szfree.value = 0n;
    this.#controls = undefined;
  }

  /** What has been counted. */
  gauge(): Gauge {
    const c = this.#controls, szfree = this.#szfree + Number(c?.szfree.value ?? 0);
    return {
      nalloc: this.#nalloc + Number(c?.nalloc.value ?? 0),
      nfree: this.#nfree + Number(c?.nfree.value ?? 0),
      szalloc: szfree + this.live,
      szfree,
      watermark: this.watermark,
    };
  }

  /** Counts a block of `bytes` bytes that goes out. */
  countIn(bytes: number): void {
    this.#nalloc++;
    this.#add(bytes);
  }

  /** Counts a block of `bytes` bytes that comes back. */
  countOut(bytes: number): void {
    this.#nfree++;
    this.#szfree += bytes;
    this.#add(-bytes);
  }

  /** Counts that a block of `old` bytes is one of `bytes` bytes now: what it grows by goes out, what it shrinks by comes back. */
  countResize(old: number, bytes: number): void {
    if (bytes < old) this.#szfree += old - bytes;
    this.#add(bytes - old);
  }

  /** Counts that all has come back. */
  countAllOut(): void {
    const { nalloc, nfree } = this.gauge(), { live } = this;
    this.#nfree += nalloc - nfree;
    this.#szfree += live;
    this.#add(-live);
  }

  #wipe(): void {
    this.words.fill(0, this.start >>> 2, (this.start + AREA) >>> 2);
  }

  #add(bytes: number): void {
    const live = this.live + bytes, c = this.#controls, more = live > this.watermark;
    if (c === undefined) {
      this.#live = live;
      if (more) this.#watermark = live;
    } else {
      c.live.value = live;
      if (more) c.watermark.value = live;
    }
  }
}
