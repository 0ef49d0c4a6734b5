/**
 * Regions: the dynamic scopes in which an allocator serves every allocation.
 *
 * A program starts in the ground region. `enter` runs a function in a region of its own, `escape` in the region outside.
 *
 * @module
 */

import { ADDRESS_SPACE, assertFunction, assertInteger, show } from "./errors.ts";
import type { Gauge } from "./gauge.ts";
import { type Heap, heap as defaultHeap, type Ptr } from "./heap.ts";
import { type AnyLayer, describe, type Layer, nameOf, ownFunctions, type Window } from "./layer.ts";
import { bonwick } from "./layers/bonwick.ts";
import { chunk } from "./layers/chunk.ts";
import { stats } from "./layers/stats.ts";
import { nullLayer } from "./layers/system/null.ts";
import { mmap } from "./layers/system/mmap.ts";

/** What a region works with to which nothing is lent: an arena without memory, of the same shape as those with. */
const NO_WINDOW: Window = chunk(nullLayer(), 64).init();

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
    const { get, put } = ownFunctions(layer);
    this.layer = layer;
    this.state = layer.init();
    this._get = get;
    this._put = put;
    this._window = layer.window === undefined ? NO_WINDOW : layer.window(this.state);
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

  /** Takes back the block at `p`, for which `size` bytes were asked. */
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

// What `console.log` shows: in Deno, and in Node and Bun
for (const inspect of ["Deno.customInspect", "nodejs.util.inspect.custom"]) {
  Object.defineProperty(Allocator.prototype, Symbol.for(inspect), { value: Allocator.prototype.toString });
}

/** An allocator whatever its layer. */
// deno-lint-ignore no-explicit-any
export type AnyAllocator = Allocator<any>;

const groundAllocator: AnyAllocator = new Allocator(stats(bonwick(mmap())));
groundAllocator._enter(undefined);

/**
 * What serves allocations now. Once there has been an `enterAsync`, that depends on who asks, wherever no `enter` or
 * `escape` is on the call stack: there `current` is `ambient`, which looks it up. Programs without pay nothing.
 */
let current: AnyAllocator = groundAllocator;
/** What `current` lends, if it is on the default heap: what is bound to that need then not look which heap it gets. */
let window: Window = NO_WINDOW;
/** The heap of `current`; undefined for `ambient`, where that depends on who asks. */
let currentHeap: Heap | undefined = defaultHeap;
/** What serves allocations where no `enter` or `escape` is on the call stack: `groundAllocator` or `ambient`. */
let bottom: AnyAllocator = groundAllocator;
/** Calls of `enter` and `escape` on the call stack. */
let depth = 0;

/**
 * Makes an allocator of a stack: a fresh state for it, to allocate from or to {@linkcode enter}.
 *
 * @example
 * ```ts
 * import { init } from "./region.ts";
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

/**
 * Runs `f` in a region: every allocation inside is served by `a`, which is closed on the way out, on every path. Returns
 * what `f` returns.
 *
 * Throws what `f` throws; a `LeakError` from closing `a`, if `f` did not throw; an `Error` if `a` is closed or has been
 * entered already; a `TypeError` if `f` is asynchronous, for which there is {@linkcode enterAsync}.
 *
 * @example
 * ```ts
 * import { bytealloc, enter, init } from "./region.ts";
 * import { chunk } from "./layers/chunk.ts";
 * import { mmap } from "./layers/system/mmap.ts";
 *
 * enter(init(chunk(mmap(), 4096)), () => {
 *   for (let i = 0; i < 100; i++) bytealloc(64);
 * }); // all of them are freed
 * ```
 */
export function enter<S, T>(a: Allocator<S>, f: () => T): T {
  assertAllocator("enter", a);
  assertSync("enter a region", f, "enterAsync");
  a._enter(top());
  let result;
  try {
    result = settled("enter a region", serve(a, f), "enterAsync");
  } catch (e) {
    closeAfter(a);
    throw e;
  }
  a._close();
  return result;
}

/**
 * Runs `f` with every allocation served by the region outside the current one: what it allocates outlives the current
 * region. Inside `escape`, `escape` goes further out. Returns what `f` returns.
 *
 * Throws an `Error` in the ground region, which has no outside, and a `TypeError` if `f` is asynchronous.
 */
export function escape<T>(f: () => T): T {
  assertSync("escape", f);
  return settled("escape", serve(next(), f));
}

/**
 * Runs the asynchronous function `f` in a region that it keeps across every `await`, also when others run in between, each
 * in its own. `a` is closed when the promise that `f` returns settles.
 *
 * Rejects as {@linkcode enter} throws, and with an `Error` where the runtime has no `AsyncLocalStorage` (Deno, Node and
 * Bun have it).
 *
 * @example
 * ```ts
 * import { bytealloc, enterAsync, init } from "./region.ts";
 * import { chunk } from "./layers/chunk.ts";
 * import { mmap } from "./layers/system/mmap.ts";
 *
 * await enterAsync(init(chunk(mmap(), 4096)), async () => {
 *   bytealloc(64);
 *   await new Promise((done) => setTimeout(done, 1));
 *   bytealloc(64);                 // from the same chunk
 * });
 * ```
 */
export async function enterAsync<S, T>(a: Allocator<S>, f: () => Promise<T> | T): Promise<T> {
  assertAllocator("enter", a);
  assertFunction("enter a region", "body", f);
  const storage = ambientTasks();
  a._enter(top());
  // For good: what a task does after its region has been closed must not go to the ground region in silence
  bottom = ambient;
  let result;
  try {
    result = await atBottom(() => storage.run(a, f));
  } catch (e) {
    closeAfter(a);
    throw e;
  }
  a._close();
  return result;
}

/**
 * Address of a block of `size` bytes from the current region, or 0 when memory cannot be had.
 *
 * @param size Bytes, 0 to 2^32 - 1
 * @param align What it is aligned to at least, in bytes: 1, 2, 4, 8 or 16, the default
 */
export function bytealloc(size: number, align = 16): Ptr {
  if (size > 0 && (size >>> 0) === size && isAlignment(align)) {
    const p = bump(size >>> 0, align); // an integer also where it came as a float, as 2 ** 10 does
    if (p !== 0) return p;
  } else assertRequest(size, align);
  return request(size, align);
}

/**
 * A block of the default heap through the window that the current allocator lends, or 0. `size` is not 0.
 *
 * @internal
 */
export function bump(size: number, align: number): Ptr {
  const p = ((window.ptr + (align - 1)) & -align) >>> 0;
  const end = p + size;
  if (end > window.end) return 0;
  window.ptr = end;
  return p;
}

/**
 * A block from the current allocator, or 0.
 *
 * @internal
 */
export function request(size: number, align: number): Ptr {
  return current._get(current.state, size, align);
}

/** Gives the block at `p`, for which `size` bytes were asked, back to the current region. */
export function bytefree(p: Ptr, size: number): void {
  if ((p >>> 0) !== p || p === 0 || (size >>> 0) !== size) assertBlock(p, size);
  current._put(current.state, p, size);
}

/** The allocator of the current region. */
export function top(): AnyAllocator {
  return current === ambient ? asyncTop() : current;
}

/** The heap that the blocks of the current region lie in. */
export function topHeap(): Heap {
  return currentHeap ?? top().heap;
}

/** The allocator of the region outside the current one. An `Error` in the ground region, which has no outside. */
export function next(): AnyAllocator {
  const outside = top()._outside;
  if (outside === undefined) throw new Error("Cannot escape from the ground region: there is none outside");
  return outside;
}

/** The allocator of the ground region, in which the program started. It is never closed. */
export function ground(): AnyAllocator {
  return groundAllocator;
}

function switchTo(a: AnyAllocator): void {
  current = a;
  currentHeap = a === ambient ? undefined : a.layer.heap;
  window = currentHeap === defaultHeap ? a._window : NO_WINDOW;
}

/** Runs `f` with allocations served by `a`. */
function serve<T>(a: AnyAllocator, f: () => T): T {
  const before = current;
  switchTo(a);
  depth++;
  try {
    return f();
  } finally {
    switchTo(--depth === 0 ? bottom : before);
  }
}

/** Runs `f` as if no `enter` or `escape` were on the call stack. */
function atBottom<T>(f: () => T): T {
  const before = current, deep = depth;
  switchTo(bottom);
  depth = 0;
  try {
    return f();
  } finally {
    depth = deep;
    switchTo(deep === 0 ? bottom : before);
  }
}

/** Closes the allocator of a region whose body has thrown: that error is the one that comes out. */
function closeAfter(a: AnyAllocator): void {
  try {
    a._close();
  } catch {
    // The body's error comes first
  }
}

// The regions of asynchronous tasks

interface AsyncStorage {
  getStore(): AnyAllocator | undefined;
  run<T>(a: AnyAllocator, f: () => T): T;
}

let tasks: AsyncStorage | undefined;

function ambientTasks(): AsyncStorage {
  if (tasks === undefined) {
    // Not an import: in a browser there is nothing to import
    const { process } = globalThis as { process?: { getBuiltinModule?(id: string): unknown } };
    const hooks = process?.getBuiltinModule?.("node:async_hooks") as { AsyncLocalStorage: new () => AsyncStorage };
    if (hooks === undefined) {
      throw new Error("Cannot enter a region asynchronously: this runtime has no AsyncLocalStorage to keep it");
    }
    tasks = new hooks.AsyncLocalStorage();
  }
  return tasks;
}

function asyncTop(): AnyAllocator {
  return tasks?.getStore() ?? groundAllocator;
}

/** Serves each request from the region of the asynchronous task that asks. */
const ambient: AnyAllocator = new Allocator<null>({
  get heap() {
    return asyncTop().heap;
  },
  init: () => null,
  deinit: () => {},
  get(_, size, align) {
    const a = asyncTop();
    return a._get(a.state, size, align);
  },
  put(_, p, size) {
    const a = asyncTop();
    a._put(a.state, p, size);
  },
});

// What is asked of arguments

const AsyncFunction = (async () => {}).constructor;

function assertAllocator(action: string, a: unknown): void {
  if (!(a instanceof Allocator)) {
    throw new TypeError(`Cannot ${action} a region: expected an allocator, as init(layer) makes, got ${show(a)}`);
  }
}

function assertSync(action: string, f: unknown, instead?: string): void {
  assertFunction(action, "body", f);
  if (f instanceof AsyncFunction) throw asyncRefusal(action, instead);
}

/** The result of a body, unless it is a promise: then the body goes on outside the region. */
function settled<T>(action: string, result: T, instead?: string): T {
  if (typeof result === "object" && result !== null && typeof (result as { then?: unknown }).then === "function") {
    Promise.resolve(result).catch(() => {}); // the error below is the one to see
    throw asyncRefusal(action, instead);
  }
  return result;
}

function asyncRefusal(action: string, instead?: string): TypeError {
  const hint = instead ? `: use ${instead}, which keeps the region across every await` : ": it must return first";
  return new TypeError(`Cannot ${action} with an async function${hint}`);
}

function assertRequest(size: number, align: number): void {
  assertInteger("allocate", "size in bytes", size, 0, ADDRESS_SPACE - 1);
  if (!isAlignment(align)) {
    const Wrong = typeof align === "number" ? RangeError : TypeError;
    throw new Wrong(`Cannot allocate: alignment must be 1, 2, 4, 8 or 16, got ${show(align)}`);
  }
}

function assertBlock(p: Ptr, size: number): void {
  assertInteger("free", "address", p, 1, ADDRESS_SPACE - 1);
  assertInteger("free", "size in bytes", size, 0, ADDRESS_SPACE - 1);
}

function isAlignment(align: number): boolean {
  return (align & -align) === align && align > 0 && align <= 16;
}
