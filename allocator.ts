/**
 * Allocators: a layer and a state of it, to allocate from, to enter, and to look at.
 *
 * @module
 */

import { blame } from "./call_stack.ts";
import { describe, nameOf } from "./describe.ts";
import { ADDRESS_SPACE, assertInteger, show } from "./errors.ts";
import type { Gauge } from "./gauge.ts";
import type { Heap, Ptr } from "./heap.ts";
import {
  type Alignment,
  type AnyLayer,
  type Capability,
  type Kept,
  type Layer,
  ownFunctions,
  type StateOf,
  type Window,
} from "./layer.ts";
import { isFinding } from "./layers/check.ts";
import { chunk } from "./layers/chunk.ts";
import { nullLayer } from "./layers/system/null.ts";
import { addOwner, keep } from "./owners.ts";
import { printable } from "./printable.ts";
import type { Site } from "./sites.ts";

/**
 * What a region works with to which nothing is lent: an arena without memory. As the state of a chunk, so that an
 * engine sees one shape of window only.
 */
export const NO_WINDOW: Window = chunk(nullLayer(), 64).init();

/**
 * A layer and a state of it: something to allocate from, to enter, and to look at. Made by {@linkcode init}.
 *
 * `C` is what it can do: `"get"`, and the capabilities of the layer. Without the one that a method needs, a call of it
 * does not compile, and throws a `TypeError`. `any` stands for an allocator of which that is not known.
 *
 * `console.log` and `String` show each layer of the stack with its figures, also after it has been closed.
 */
// deno-lint-ignore no-explicit-any
export class Allocator<in out S = unknown, in C extends Capability | "get" = any> implements Disposable {
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
  /**
   * @internal What the blocks of other heaps are served by while this allocator's region is current, given what would
   * serve them otherwise: for regions that watch over everything that a program allocates.
   */
  _escort: ((outside: AnyAllocator) => AnyLayer) | undefined = undefined;
  /** @internal Whether it is such an escort. */
  _accompanies = false;
  #companions: Map<Heap, AnyAllocator> | undefined;
  #phase: "open" | "entered" | "closed" = "open";

  /** Use {@linkcode init}. */
  constructor(layer: Layer<S>) {
    const { get, put, window } = ownFunctions(layer);
    this.layer = layer;
    this.state = layer.init();
    this._get = get as AnyAllocator["_get"];
    this._put = put;
    this._window = window === undefined ? NO_WINDOW : window(this.state);
    addOwner(this);
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
   * @param align What it is aligned to at least, in bytes: 1, 2, 4, 8 or 16, the default; up to `maxAlign`, where the
   *   layer has that
   */
  get(size: number, align?: Alignment): Ptr;
  /** Address of a block aligned to `align`, a power of two up to the layer's `maxAlign`, or 0. */
  get(this: Allocator<S, "maxAlign">, size: number, align: number): Ptr;
  get(size: number, align = 16): Ptr {
    assertRequest(size, align, this.layer);
    return this._get(this.state, size, align);
  }

  /** Takes back the block at `p`, for which `size` bytes were asked. Whether it is one is for the layers to notice. */
  put(p: Ptr, size: number): void {
    assertBlock(p, size);
    this._put(this.state, p, size);
  }

  /**
   * Makes the block at `p`, of `old` bytes, one of `size` bytes where it is: the contents stay, up to the lesser of
   * both. False if that cannot be, and nothing has changed.
   */
  resize(this: Allocator<S, "resize">, p: Ptr, old: number, size: number): boolean {
    const { layer, state } = this._can("resize");
    assertResize(p, old, size);
    return layer.resize!(state, p, old, size);
  }

  /** Whether the block at `p` is of this allocator: true for each that is out, false for each of any other. */
  owns(this: Allocator<S, "owns">, p: Ptr): boolean {
    const { layer, state } = this._can("owns");
    assertInteger("look for a block", "address", p, 0, ADDRESS_SPACE - 1);
    return layer.owns!(state, p);
  }

  /** Size in bytes of the block at `p`, which is out: what was asked for. */
  sizeOf(this: Allocator<S, "sizeOf">, p: Ptr): number {
    const { layer, state } = this._can("sizeOf");
    assertInteger("look for a block", "address", p, 1, ADDRESS_SPACE - 1);
    return layer.sizeOf!(state, p);
  }

  /** Takes all blocks back at once, and keeps their memory for what comes. */
  reset(this: Allocator<S, "reset">): void {
    const { layer, state } = this._can("reset");
    layer.reset!(state);
  }

  /** What a request of `size` bytes takes in fact: asking for so many bytes costs no more. */
  goodSize(this: Allocator<S, "goodSize">, size: number): number {
    const { layer } = this._can("goodSize");
    assertInteger("round", "size in bytes", size, 0, ADDRESS_SPACE - 1);
    return layer.goodSize!(size);
  }

  /** A mark that {@linkcode Allocator.rewind} goes back to, or 0 when memory cannot be had for it. */
  mark(this: Allocator<S, "mark">): Ptr {
    const { layer, state } = this._can("mark");
    return layer.mark!(state);
  }

  /**
   * Takes back all blocks got since `mark` gave `m`, which is spent then, as are those that came after it. A
   * `RangeError` if `m` is no mark that is left.
   */
  rewind(this: Allocator<S, "rewind">, m: Ptr): void {
    const { layer, state } = this._can("rewind");
    assertInteger("rewind", "mark", m, 1, ADDRESS_SPACE - 1);
    layer.rewind!(state, m);
  }

  /**
   * Where the blocks that are out were allocated, those of the most bytes first, so far or until it was closed. A
   * `TypeError` if no layer has recorded that: `trace` does.
   */
  sites(this: Allocator<S, "sites">): readonly Site[] {
    if (this.layer.sites === undefined) {
      throw new TypeError(`Cannot list the sites of ${nameOf(this.layer)}: none are recorded, trace(...) does that`);
    }
    return this.layer.sites(this.state);
  }

  /** Looks at every block for damage, and throws a `MemoryError` that says what has been done to one. O(bytes out). */
  verify(this: Allocator<S, "verify">): void {
    const { layer, state } = this._can("verify");
    layer.verify!(state);
  }

  /** What the topmost layer has measured, so far or until it was closed. A `TypeError` if it does not measure. */
  gauge(this: Allocator<S, "gauge">): Gauge {
    if (this.layer.gauge === undefined) {
      throw new TypeError(`Cannot gauge ${nameOf(this.layer)}: it does not measure, stats(...) over it does`);
    }
    return this.layer.gauge(this.state);
  }

  /** Closes it: gives everything back to the heap. Its figures can still be read. */
  deinit(): void {
    if (this.#phase !== "open") throw this.#refusal("close");
    this._close(this.deinit);
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
    if (outside === undefined) keep(this); // the ground region, which is there before anybody asks for owners
  }

  /** @internal What serves the blocks of another heap. If it is not there, it is made where `outside` is given. */
  _companionOn(heap: Heap, outside: (() => AnyAllocator) | undefined): AnyAllocator | undefined {
    this.#companions ??= new Map();
    let a = this.#companions.get(heap);
    if (a === undefined && outside !== undefined) {
      const outer = outside();
      this.#companions.set(heap, a = new Allocator(this._escort!(outer)) as AnyAllocator);
      a._accompanies = true;
      a._enter(outer);
    }
    return a;
  }

  /** @internal What has served the blocks of other heaps. */
  get _companions(): readonly AnyAllocator[] {
    return [...this.#companions?.values() ?? []];
  }

  /** @internal Itself, if it is open and its layer has a capability. */
  _can(capability: Capability): this {
    if (this.layer[capability] === undefined) {
      throw new TypeError(`Cannot use ${capability} of ${nameOf(this.layer)}: it has no such capability`);
    }
    this._assertOpen("use");
    return this;
  }

  /** @internal */
  _assertOpen(action: string): void {
    if (this.#phase === "closed") throw this.#refusal(action);
  }

  /** @internal Closes it. What a layer finds is said of the call of `caller`, not of what that is made of. */
  _close(caller?: (...args: never[]) => unknown): void {
    this.#phase = "closed";
    this._get = this._put = Allocator.#refuse;
    try {
      this.layer.deinit(this.state);
    } catch (e) {
      if (caller !== undefined && isFinding(e)) blame(e, caller);
      throw e;
    }
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
export type AnyAllocator = Allocator<any, any>;

/** The allocator that {@linkcode init} makes of a layer. */
export type AllocatorOf<L> = 0 extends 1 & StateOf<L> ? AnyAllocator : Allocator<StateOf<L>, "get" | Kept<L>>;

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
export function init<L extends AnyLayer>(layer: L): AllocatorOf<L> {
  return new Allocator(layer) as AllocatorOf<L>;
}

/** Throws unless these can be asked of a layer: bytes, and an alignment. */
export function assertRequest(size: number, align: number, layer: AnyLayer): void {
  assertInteger("allocate", "size in bytes", size, 0, ADDRESS_SPACE - 1);
  if (isAlignment(align)) return;
  if (typeof align !== "number") throw new TypeError(`Cannot allocate: alignment must be a number, got ${show(align)}`);
  const most = layer.maxAlign ?? 16;
  if (align > most || align < 1 || !Number.isInteger(Math.log2(align))) {
    throw new RangeError(
      `Cannot allocate: alignment must be a power of two from 1 to ${most}, as the stack can, got ${align}`,
    );
  }
}

/** Throws unless a block of so many bytes can lie there. */
export function assertBlock(p: Ptr, size: number): void {
  assertInteger("free", "address", p, 1, ADDRESS_SPACE - 1);
  assertInteger("free", "size in bytes", size, 0, ADDRESS_SPACE - 1);
}

/** Throws unless a block can lie there, and be made one of `size` bytes. */
export function assertResize(p: Ptr, old: number, size: number): void {
  assertInteger("resize", "address", p, 1, ADDRESS_SPACE - 1);
  assertInteger("resize", "old size in bytes", old, 0, ADDRESS_SPACE - 1);
  assertInteger("resize", "new size in bytes", size, 0, ADDRESS_SPACE - 1);
}

/** Whether it is an alignment that every layer can be asked for: 1, 2, 4, 8 or 16. */
export function isAlignment(align: number): align is Alignment {
  return typeof align === "number" && (align & -align) === align && align > 0 && align <= 16;
}
