/**
 * Allocators: a layer and a state of it, to allocate from, to enter, and to look at.
 *
 * @module
 */

import { ADDRESS_SPACE, assertInteger, show } from "./errors.ts";
import type { Gauge } from "./gauge.ts";
import type { Heap, Ptr } from "./heap.ts";
import { type AnyLayer, describe, type Layer, nameOf, ownFunctions, type Window } from "./layer.ts";
import { chunk } from "./layers/chunk.ts";
import { nullLayer } from "./layers/system/null.ts";
import { printable } from "./printable.ts";

/**
 * What a region works with to which nothing is lent: an arena without memory. As the state of a chunk, so that an engine
 * sees one shape of window only.
 */
export const NO_WINDOW: Window = chunk(nullLayer(), 64).init();

/**
 * A layer and a state of it: something to allocate from, to enter, and to look at. Made by {@linkcode init}.
 *
 * `console.log` and `String` show each layer of the stack with its figures, also after it has been closed.
 */
export class Allocator<in out S = unknown> implements Disposable {
  /** The stack that serves the requests. */
  readonly layer: Layer<S>;
  /** Its state. */
  readonly state: S;

  /** @internal The functions of the layer, where a region finds them at once; closing replaces them by errors. */
  _get: (s: S, size: number, align?: number) => Ptr;
  /** @internal */
  _put: (s: S, p: Ptr, size: number) => void;
  /** @internal What the layer lends to the region it serves. */
  readonly _window: Window;
  /** @internal The allocator of the region outside, once this one has been entered. */
  // deno-lint-ignore no-explicit-any
  _outside: Allocator<any> | undefined = undefined;
  #phase: "open" | "entered" | "closed" = "open";

  /** Use {@linkcode init}. */
  constructor(layer: Layer<S>) {
    const { get, put, window } = ownFunctions(layer);
    this.layer = layer;
    this.state = layer.init();
    this._get = get;
    this._put = put;
    this._window = window === undefined ? NO_WINDOW : window(this.state);
  }

  /** The heap that its blocks lie in. */
  get heap(): Heap {
    return this.layer.heap;
  }

  /** Whether it has been closed. */
  get closed(): boolean {
    return this.#phase === "closed";
  }

  /**
   * Address of a block of `size` bytes, 0 to 2^32 - 1, or 0 when memory cannot be had.
   *
   * @param align What it is aligned to at least, in bytes: 1, 2, 4, 8 or 16, the default
   */
  get(size: number, align = 16): Ptr {
    assertRequest(size, align);
    return this._get(this.state, size, align);
  }

  /** Takes back the block at `p`, for which `size` bytes were asked. Whether it is one is for the layers to notice. */
  put(p: Ptr, size: number): void {
    assertBlock(p, size);
    this._put(this.state, p, size);
  }

  /** What the topmost layer has measured, so far or until it was closed. A `TypeError` if it does not measure. */
  gauge(): Gauge {
    if (this.layer.gauge === undefined) {
      throw new TypeError(`Cannot gauge ${nameOf(this.layer)}: it does not measure, stats(...) over it does`);
    }
    return this.layer.gauge(this.state);
  }

  /** Closes it: gives everything back to the heap. Its figures can still be read. */
  deinit(): void {
    if (this.#phase !== "open") throw this.#refusal("close");
    this._close();
  }

  /** Closes it unless it is closed, for `using`. */
  [Symbol.dispose](): void {
    if (this.#phase !== "closed") this.deinit();
  }

  /** Each layer of the stack in a line, the topmost first, with its parameters and figures. */
  toString(): string {
    return describe(this.layer, this.state) + (this.closed ? "\n(closed)" : "");
  }

  /** @internal */
  _enter(outside: AnyAllocator | undefined): void {
    if (this.#phase !== "open") throw this.#refusal("enter");
    this.#phase = "entered";
    this._outside = outside;
  }

  /** @internal */
  _assertOpen(action: string): void {
    if (this.#phase === "closed") throw this.#refusal(action);
  }

  /** @internal */
  _close(): void {
    this.#phase = "closed";
    this._get = this._put = Allocator.#refuse;
    this.layer.deinit(this.state);
  }

  static #refuse(this: AnyAllocator): never {
    throw this.#refusal("use");
  }

  #refusal(action: string): Error {
    const why = this.#phase === "closed" ? "it has been closed" : "it serves a region already";
    return new Error(`Cannot ${action} the allocator ${nameOf(this.layer)}: ${why}`);
  }
}

printable(Allocator.prototype);

/** An allocator whatever its layer. */
// deno-lint-ignore no-explicit-any
export type AnyAllocator = Allocator<any>;

/**
 * Makes an allocator of a stack: a fresh state for it, to allocate from or to {@linkcode enter}.
 *
 * @example
 * ```ts
 * import { init } from "./allocator.ts";
 * import { chunk } from "./layers/chunk.ts";
 * import { mmap } from "./layers/system/mmap.ts";
 * import { stats } from "./layers/stats.ts";
 *
 * const a = init(stats(chunk(mmap(), 4096)));
 * a.get(100);
 * a.gauge().szalloc;               // 100
 * a.deinit();
 * ```
 */
export function init<S>(layer: Layer<S>): Allocator<S>;
/** Makes an allocator of one of several stacks, as a choice between them gives. */
export function init(layer: AnyLayer): AnyAllocator;
export function init(layer: AnyLayer): AnyAllocator {
  return new Allocator(layer);
}

/** Throws unless these can be asked for: bytes, and an alignment. */
export function assertRequest(size: number, align: number): void {
  assertInteger("allocate", "size in bytes", size, 0, ADDRESS_SPACE - 1);
  if (!isAlignment(align)) {
    const Wrong = typeof align === "number" ? RangeError : TypeError;
    throw new Wrong(`Cannot allocate: alignment must be 1, 2, 4, 8 or 16, got ${show(align)}`);
  }
}

/** Throws unless a block of so many bytes can lie there. */
export function assertBlock(p: Ptr, size: number): void {
  assertInteger("free", "address", p, 1, ADDRESS_SPACE - 1);
  assertInteger("free", "size in bytes", size, 0, ADDRESS_SPACE - 1);
}

/** Whether it is an alignment that a block can be asked for with: 1, 2, 4, 8 or 16. */
export function isAlignment(align: number): boolean {
  return typeof align === "number" && (align & -align) === align && align > 0 && align <= 16;
}
