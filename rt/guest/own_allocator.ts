/**
 * The allocator that a guest has brought along, as the library calls it.
 *
 * What it calls of its own functions while it is at work is its own affair: these calls come to switches, too, and are told from
 * the guest's by {@linkcode OwnAllocator.inside}.
 *
 * @module
 */

import { ADDRESS_SPACE } from "../../errors.ts";
import type { Ptr } from "../../heap.ts";

/** Its functions, by their names in C. */
export type Originals = Readonly<Record<string, ((...args: number[]) => number) | undefined>>;

/** What is known of a guest and its own allocator. */
export interface About {
  /** Functions of that which call others of it. */
  readonly nested: ReadonlySet<string>;
  /** Why the guest must not be handed other blocks than those of that, if it must not. */
  missing(): string | undefined;
  /** Where its data ends. */
  readonly dataEnd: Ptr;
}

/** A guest's own allocator; one without functions, if it has none. */
export class OwnAllocator {
  /** Its functions. */
  readonly functions: Originals;
  readonly #memory: WebAssembly.Memory;
  readonly #nested: ReadonlySet<string>;
  readonly #turned: () => void;
  #inside = false;
  /** Where blocks can be of before the guest was served. */
  readonly #older: readonly [start: Ptr, end: Ptr];
  /** What of its memory is handed out by others. */
  readonly #ranges: [start: Ptr, end: Ptr][] = [];
  /** Blocks that lie 8 bytes behind the start of its own, and that. */
  readonly #shifted: Map<Ptr, Ptr> = new Map();

  /**
   * An allocator of a guest, in its memory.
   *
   * @param turned Is called when it begins to be at work, and when it ends
   */
  constructor(functions: Originals, { nested, dataEnd }: About, memory: WebAssembly.Memory, turned: () => void) {
    this.functions = functions;
    this.#memory = memory;
    this.#nested = nested;
    this.#older = [dataEnd, memory.buffer.byteLength];
    this.#turned = turned;
  }

  /** Whether it is at work now. */
  get inside(): boolean {
    return this.#inside;
  }

  /** Calls a function of it, which may call others of it. */
  run(name: string, ...args: number[]): number {
    const before = this.#inside;
    this.#inside = true;
    this.#turned();
    try {
      return this.functions[name]!(...args) >>> 0;
    } finally {
      this.#inside = before;
      this.#turned();
    }
  }

  /** A block of `size` bytes, aligned to 16 if that is wanted, and as it always aligns them if not; or 0. */
  get(size: number, wanted: boolean): Ptr {
    const p = this.#call("malloc", size);
    if ((p & 8) === 0 || !wanted) return p;
    this.free(p);
    const from = size + 8 < ADDRESS_SPACE ? this.#call("malloc", size + 8) : 0;
    if ((from & 8) === 0) return from;
    this.#shifted.set(from + 8, from);
    return from + 8;
  }

  /** Whether it can align blocks to more than it always does. */
  get aligns(): boolean {
    const { memalign, aligned_alloc, posix_memalign } = this.functions;
    return (memalign ?? aligned_alloc ?? posix_memalign) !== undefined;
  }

  /** A block of `size` bytes, aligned to `align`, a power of two from 32 on, or 0. For one that {@linkcode OwnAllocator.aligns}. */
  getAligned(align: number, size: number): Ptr {
    const name = ["memalign", "aligned_alloc"].find((name) => this.functions[name] !== undefined);
    if (name !== undefined) return this.run(name, align, size);
    const place = this.#call("malloc", 4); // where the address is written to
    if (place === 0) return 0;
    const failed = this.run("posix_memalign", place, align, size) !== 0;
    const p = failed ? 0 : new DataView(this.#memory.buffer).getUint32(place, true);
    this.free(place);
    return p;
  }

  /** Takes back a block that {@linkcode OwnAllocator.get} or {@linkcode OwnAllocator.getAligned} has given. */
  put(p: Ptr): void {
    const from = this.#shifted.get(p) ?? p;
    if (from !== p) this.#shifted.delete(p);
    this.free(from);
  }

  /** Frees what is at `p`, whatever that is; nothing, if it has no such function. */
  free(p: Ptr): void {
    if (this.functions.free !== undefined) this.#call("free", p);
  }

  /** Memory of it for others to hand out, or 0. */
  lend(bytes: number): Ptr {
    const p = this.run("malloc", bytes);
    if (p !== 0) this.#ranges.push([p, p + bytes]);
    return p;
  }

  /** Whether there is memory for others to hand out, of which it must not hear. */
  lent(p: Ptr): boolean {
    return this.#ranges.some(([start, end]) => p >= start && p < end);
  }

  /** Whether it can have served that before the guest was served otherwise. */
  mayHave(p: Ptr): boolean {
    const [start, end] = this.#older;
    return p >= start && p < end && p % 8 === 0 && this.functions.free !== undefined && !this.lent(p);
  }

  #call(name: string, arg: number): number {
    return this.#nested.has(name) ? this.run(name, arg) : this.functions[name]!(arg) >>> 0;
  }
}
