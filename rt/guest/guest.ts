/**
 * Guests: WebAssembly programs whose memory is served, or watched, by Region stacks.
 *
 * @module
 */

import { show } from "../../errors.ts";
import { type Gauge, plural } from "../../gauge.ts";
import { type Heap, heap as defaultHeap } from "../../heap.ts";
import type { AnyLayer } from "../../layer.ts";
import { chunk } from "../../layers/chunk.ts";
import { mmap } from "../../layers/system/mmap.ts";
import { printable } from "../../printable.ts";
import { type AnyAllocator, init } from "../../region.ts";
import type { Site } from "../../sites.ts";
import type { Adapter } from "./adapter.ts";
import { front } from "./front.ts";
import { PREFIX } from "../wasm/rewrite.ts";

/** A guest: an instance of a module whose allocator is served or watched. `E` is the type of what it exports. */
export class Guest<E extends object = WebAssembly.Exports> implements Disposable {
  /** What it is called in reports. */
  readonly name: string;
  /** The instance. */
  readonly instance: WebAssembly.Instance;
  /** What it exports, without what was added. */
  readonly exports: E;
  /** Its memory. */
  readonly memory: WebAssembly.Memory;
  /** The layer that its stack is over: its own allocator if it is watched, else one that serves it. */
  readonly bottom: AnyLayer;
  /** What serves it where no region on its heap is entered. */
  readonly ground: AnyAllocator;
  readonly #adapter: Adapter;
  /** Whether what serves it serves nobody else. */
  readonly #alone: boolean;

  /** Use `guest`. */
  constructor(
    name: string,
    instance: WebAssembly.Instance,
    memory: WebAssembly.Memory,
    adapter: Adapter,
    bottom: AnyLayer,
    alone: boolean,
  ) {
    this.name = name;
    this.instance = instance;
    this.memory = memory;
    this.bottom = bottom;
    this.ground = adapter.ground;
    this.#adapter = adapter;
    this.#alone = alone && adapter.heap !== defaultHeap;
    const own = Object.entries(instance.exports).filter(([name]) => !name.startsWith(PREFIX));
    this.exports = Object.fromEntries(own) as E;
  }

  /** The heap that its blocks lie in: what a region is over that is to serve it. */
  get heap(): Heap {
    return this.#adapter.heap;
  }

  /** Calls of `free` for what was no block that is known: of before it was served, by functions not found, or by mistake. */
  get strays(): number {
    return this.#adapter.strays.count;
  }

  /** What it has allocated where no region on its heap was entered. */
  gauge(): Gauge {
    return this.ground.gauge();
  }

  /** Where what is out was allocated, if its stack records that. */
  sites(): readonly Site[] {
    return this.ground.sites();
  }

  /** Looks at every block for damage, if its stack can. */
  verify(): void {
    this.ground.verify();
  }

  /**
   * An arena on its heap, to enter: all that the guest allocates in that region is freed at once when it is left.
   *
   * @param bytes Size of its first chunk, in bytes; the next ones double. Default: 64 KiB
   */
  arena(bytes = 65536): AnyAllocator {
    return init(front(chunk(mmap(this.heap), bytes, 2))) as AnyAllocator;
  }

  /**
   * Closes what serves it where no region is entered, and throws what its layers find then, as `check` does a leak. A guest
   * that was watched goes on with its own allocator alone; any other can allocate no more. Where it is served by what serves
   * another guest, or the program, that stays open.
   *
   * Throws an `Error` if it has been closed.
   */
  deinit(): void {
    const { ground } = this;
    if (ground.closed) ground.deinit(); // which says so
    if (this.#alone) this.#adapter.end(this.bottom, () => ground._close(this.deinit));
  }

  /** Closes it unless it is closed, for `using`. */
  [Symbol.dispose](): void {
    if (!this.ground.closed) this.deinit();
  }

  /** Its name, and what serves it. */
  toString(): string {
    const { name, ground, strays } = this;
    const rest = strays === 0 ? "" : `\n${plural(strays, "call")} of free for what is no block that is known`;
    return `guest ${show(name)}\n${ground}${rest}`;
  }
}

printable(Guest.prototype);
