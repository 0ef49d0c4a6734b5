/**
 * Regions: the dynamic scopes in which an allocator serves every allocation.
 *
 * A program starts in the ground region. `enter` runs a function in a region of its own, `escape` in the region
 * outside.
 *
 * @module
 */

import {
  Allocator,
  type AnyAllocator,
  assertBlock,
  assertRequest,
  assertResize,
  isAlignment,
  NO_WINDOW,
} from "./allocator.ts";
import { assertFunction, show } from "./errors.ts";
import { type Heap, heap as defaultHeap, type Ptr } from "./heap.ts";
import type { Window } from "./layer.ts";
import { bonwick } from "./layers/bonwick.ts";
import { stats } from "./layers/stats.ts";
import { mmap } from "./layers/system/mmap.ts";

export { Allocator, type AllocatorOf, type AnyAllocator, init } from "./allocator.ts";

let groundAllocator: AnyAllocator = asGround(new Allocator(stats(bonwick(mmap()))));
/** What serves allocations that are made in no region: the ground region, or one that `begin` has put over it. */
let outermost: AnyAllocator = groundAllocator;

/**
 * What serves allocations now. Once there has been an `enterAsync`, that depends on who asks, wherever no `enter` or
 * `escape` is on the call stack: there `current` is `ambient`, which looks it up. Programs without pay nothing.
 */
let current: AnyAllocator = outermost;
/** The functions and the state of `current`, one step nearer: an entered allocator keeps them until it is left. */
let get: AnyAllocator["_get"] = outermost._get;
let put: AnyAllocator["_put"] = outermost._put;
let state: unknown = outermost.state;
/** What `current` lends, if it is on the default heap: what is bound to that need then not look which heap it gets. */
let window: Window = NO_WINDOW;
/** The heap of `current`; undefined for `ambient`, where that depends on who asks. */
let currentHeap: Heap | undefined = defaultHeap;
/** What serves allocations where no `enter` or `escape` is on the call stack: `outermost` or `ambient`. */
let bottom: AnyAllocator = outermost;
/** Calls of `enter` and `escape` on the call stack. While it is 0, `current` is `bottom`. */
let depth = 0;
/** Regions that tasks are in: while there are none, what serves does not depend on who asks, except where one is closed. */
let tasksOpen = 0;
/** Who wants to know that `current` has changed. */
let switched: (() => void) | undefined;

// For the hot path: an engine looks up what is imported at each use, and inlines a constant
const isAligned = isAlignment;

/**
 * Runs `f` in a region: every allocation inside is served by `a`, which is closed on the way out, on every path.
 * Returns what `f` returns.
 *
 * Throws what `f` throws; a `LeakError` from closing `a`, if `f` did not throw; an `Error` if `a` is closed or has been
 * entered already; a `TypeError` if `f` is asynchronous, for which there is {@linkcode enterAsync}.
 *
 * @example
 * ```ts
 * import { init } from "./allocator.ts";
 * import { bytealloc, enter } from "./region.ts";
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
  a._close(enter);
  return result;
}

/**
 * Runs `f` with every allocation served by the region outside the current one: what it allocates outlives the current
 * region. Inside `escape`, `escape` goes further out. Returns what `f` returns.
 *
 * Throws an `Error` in the ground region, which has no outside, or if the region outside has been closed meanwhile, and
 * a `TypeError` if `f` is asynchronous.
 *
 * @example
 * ```ts
 * import { init } from "./allocator.ts";
 * import { bytealloc, bytefree, enter, escape } from "./region.ts";
 * import { chunk } from "./layers/chunk.ts";
 * import { mmap } from "./layers/system/mmap.ts";
 *
 * const p = enter(init(chunk(mmap(), 4096)), () => {
 *   bytealloc(64);                 // gone with the region
 *   return escape(() => bytealloc(64));
 * });
 * bytefree(p, 64);
 * ```
 */
export function escape<T>(f: () => T): T {
  assertSync("escape", f);
  const outside = next();
  outside._assertOpen("escape to"); // which a task that has outlived its region may find closed
  return settled("escape", serve(outside, f));
}

/**
 * Runs the asynchronous function `f` in a region that it keeps across every `await`, also when others run in between,
 * each in its own. `a` is closed when the promise that `f` returns settles.
 *
 * From the first call on, allocations outside any `enter` and `escape` look up their region, some nanoseconds each.
 *
 * Rejects as {@linkcode enter} throws, and with an `Error` where the runtime has no `AsyncLocalStorage` (Deno, Node and
 * Bun have it).
 *
 * @example
 * ```ts
 * import { init } from "./allocator.ts";
 * import { bytealloc, enterAsync } from "./region.ts";
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
  tasksOpen++;
  let result;
  try {
    result = await atBottom(() => storage.run(a, async () => await f())); // what is waited for may run only then
  } catch (e) {
    closeAfter(a);
    throw e;
  } finally {
    taskClosed();
  }
  a._close(enterAsync);
  return result;
}

function taskClosed(): void {
  tasksOpen--;
  if (switched !== undefined) switched();
}

/**
 * Runs `f` in a region of `a`, which `done` is to close: at once if `f` returns, or when the promise settles that it
 * returns. For what does not know whether `f` is asynchronous.
 *
 * `done` is told what `f` has thrown, or rejected with, and its result, or what it throws, is the result.
 *
 * @internal
 */
export function within<T, U>(a: AnyAllocator, f: () => T, done: (outcome: Outcome<Awaited<T>>) => U): U | Promise<U> {
  assertAllocator("enter", a);
  assertFunction("enter a region", "body", f);
  const storage = findTasks();
  a._enter(top());
  if (storage !== undefined && bottom !== ambient) {
    bottom = ambient; // for good, as in enterAsync
    if (depth === 0) switchTo(bottom);
  }
  if (storage !== undefined) tasksOpen++;
  const close = (outcome: Outcome<Awaited<T>>): U => {
    try {
      return done(outcome);
    } finally {
      if (storage !== undefined) taskClosed();
    }
  };
  let result: T, promise: Promise<Awaited<T>> | undefined;
  const body = () => {
    result = serve(a, f);
    if (isPromise(result)) promise = Promise.resolve(result as Awaited<T>); // what is waited for may run only then
  };
  try {
    if (storage === undefined) body();
    else storage.run(a, body);
  } catch (error) {
    return close({ threw: true, error });
  }
  if (promise === undefined) return close({ threw: false, value: result! as Awaited<T> });
  if (storage === undefined) {
    promise.catch(() => {}); // the error below is the one to see
    return close({ threw: true, error: noTasks() });
  }
  return promise.then(
    (value) => close({ threw: false, value }),
    (error) => close({ threw: true, error }),
  );
}

/** What became of a body. */
export type Outcome<T> = { threw: false; value: T } | { threw: true; error: unknown };

/**
 * Makes `a` the region of all that is in no other, until {@linkcode end}: for the hooks of a test runner, which have no
 * body to run. What is outside of it is the ground region, or what was begun before.
 *
 * @internal
 */
export function begin(a: AnyAllocator): void {
  assertAllocator("begin", a);
  a._enter(outermost);
  settle(a);
}

/** Ends the region that was begun last, which is `a`, and closes it. @internal */
export function end(a: AnyAllocator): void {
  if (a !== outermost || a === groundAllocator) {
    throw new Error("Cannot end a region: it is not the one that was begun last");
  }
  settle(a._outside!);
  a._close();
}

/**
 * Puts `a` in place of the ground region, before a program starts: blocks of the one there was are no blocks of it.
 *
 * @internal
 */
export function replaceGround(a: AnyAllocator): void {
  assertAllocator("replace", a);
  if (outermost !== groundAllocator) throw new Error("Cannot replace the ground region: another region has been begun");
  groundAllocator = asGround(a);
  settle(groundAllocator);
}

/**
 * Address of a block of `size` bytes from the current region, or 0 when memory cannot be had.
 *
 * @param size Bytes, 0 to 2^32 - 1
 * @param align What it is aligned to at least, in bytes: a power of two, 16 by default. More than 16 is a `RangeError`
 *   where the stack that serves the region cannot do it: its `maxAlign` says what it can
 */
export function bytealloc(size: number, align = 16): Ptr {
  if (typeof size === "number" && size > 0 && (size >>> 0) === size && isAligned(align)) {
    const p = bump(size >>> 0, align); // an integer also where it came as a float, as 2 ** 10 does
    if (p !== 0) return p;
  } else assertRequest(size, align, top().layer);
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
  return get(state, size, align);
}

/**
 * Gives the block at `p`, for which `size` bytes were asked, back to the current region. Whether it is one of that
 * region's is for its layers to notice: `mmap`, `batch` and `bigcache` do.
 */
export function bytefree(p: Ptr, size: number): void {
  if (typeof p !== "number" || (p >>> 0) !== p || p === 0 || typeof size !== "number" || (size >>> 0) !== size) {
    assertBlock(p, size);
  }
  put(state, p, size);
}

/**
 * Makes the block at `p`, of `old` bytes, one of `size` bytes where it is, and returns true. False if the current
 * region cannot: then nothing has changed, and a new block, a copy and a `bytefree` do it (`std.realloc`).
 */
export function byteresize(p: Ptr, old: number, size: number): boolean {
  assertResize(p, old, size);
  const a = top();
  a._assertOpen("use"); // a task that has outlived its region may find it closed
  const { layer, state } = a;
  return old === size || (layer.resize !== undefined && layer.resize(state, p, old, size));
}

/** The allocator of the current region. */
export function top(): AnyAllocator {
  return current === ambient ? asyncTop() : current;
}

/** The heap that the blocks of the current region lie in. */
export function topHeap(): Heap {
  return currentHeap ?? top().heap;
}

/**
 * The allocator that serves the blocks of a heap: that of the innermost region that lies on it, or accompanies one that
 * does not, else `ground`.
 *
 * @internal
 */
export function topOn(heap: Heap, ground: AnyAllocator): AnyAllocator {
  return servingOn(heap, top(), ground, true)!;
}

/** The same, or undefined if it is one that accompanies a region and has not been asked for yet. @internal */
export function servedOn(heap: Heap, ground: AnyAllocator): AnyAllocator | undefined {
  return servingOn(heap, top(), ground, false);
}

function servingOn(
  heap: Heap,
  region: AnyAllocator | undefined,
  ground: AnyAllocator,
  make: boolean,
): AnyAllocator | undefined {
  for (let a = region; a !== undefined; a = a._outside) {
    if (a.closed) continue;
    if (a.layer.heap === heap) return a;
    if (a._escort === undefined) continue;
    const outside = a._outside;
    return a._companionOn(heap, make ? () => servingOn(heap, outside, ground, true)! : undefined);
  }
  return ground;
}

/** Whether it depends on which task asks what serves allocations. @internal */
export function isAmbient(): boolean {
  return current === ambient && tasksOpen > 0;
}

/** Calls `f` whenever the current region has changed, from now on. @internal */
export function onSwitch(f: () => void): void {
  switched = f;
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

/** Enters an allocator for good, as one that is in nobody's hands. */
function asGround(a: AnyAllocator): AnyAllocator {
  a._enter(undefined);
  a.reset = () => {
    throw new Error("Cannot reset the ground region: any part of the program may have blocks there");
  };
  return a;
}

/** Makes `a` what serves allocations that are made in no region. */
function settle(a: AnyAllocator): void {
  outermost = a;
  if (bottom !== ambient) {
    bottom = a;
    if (depth === 0) switchTo(a);
  } else if (switched !== undefined) switched();
}

function switchTo(a: AnyAllocator): void {
  current = a;
  get = a._get;
  put = a._put;
  state = a.state;
  currentHeap = a === ambient ? undefined : a.layer.heap;
  window = currentHeap === defaultHeap ? a._window : NO_WINDOW;
  if (switched !== undefined) switched();
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
  const storage = findTasks();
  if (storage === undefined) throw noTasks();
  return storage;
}

function noTasks(): Error {
  return new Error("Cannot enter a region asynchronously: this runtime has no AsyncLocalStorage to keep it");
}

/** What keeps the region of each task, or undefined where the runtime has no such thing. */
function findTasks(): AsyncStorage | undefined {
  if (tasks === undefined) {
    // Not an import: in a browser there is nothing to import
    const { process } = globalThis as { process?: { getBuiltinModule?(id: string): unknown } };
    const hooks = process?.getBuiltinModule?.("node:async_hooks") as
      | { AsyncLocalStorage: new () => AsyncStorage }
      | undefined;
    if (hooks !== undefined) tasks = new hooks.AsyncLocalStorage();
  }
  return tasks;
}

function asyncTop(): AnyAllocator {
  return tasks?.getStore() ?? outermost;
}

/** Serves each request from the region of the asynchronous task that asks. */
const ambient: AnyAllocator = new Allocator<null>({
  get heap() {
    return asyncTop().heap;
  },
  init: () => null,
  deinit: () => {},
  get(_, size, align?: number) {
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
const GeneratorFunction = (function* () {}).constructor;
const AsyncGeneratorFunction = (async function* () {}).constructor;

function assertAllocator(action: string, a: unknown): void {
  if (!(a instanceof Allocator)) {
    throw new TypeError(`Cannot ${action} a region: expected an allocator, as init(layer) makes, got ${show(a)}`);
  }
}

function assertSync(action: string, f: unknown, instead?: string): void {
  assertFunction(action, "body", f);
  if (Object.getPrototypeOf(f) === Function.prototype) return;
  if (f instanceof AsyncFunction || f instanceof AsyncGeneratorFunction) throw asyncRefusal(action, instead);
  if (f instanceof GeneratorFunction) {
    throw new TypeError(`Cannot ${action} with a generator function: it would run after the region is left`);
  }
}

/** The result of a body, unless it is a promise: then the body goes on outside the region. */
function settled<T>(action: string, result: T, instead?: string): T {
  if (isPromise(result)) {
    Promise.resolve(result).catch(() => {}); // the error below is the one to see
    throw asyncRefusal(action, instead);
  }
  return result;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== "function" && (typeof value !== "object" || value === null)) return false;
  return typeof (value as { then?: unknown }).then === "function";
}

function asyncRefusal(action: string, instead?: string): TypeError {
  const hint = instead ? `: use ${instead}, which keeps the region across every await` : ": it must return first";
  return new TypeError(`Cannot ${action} with an async function${hint}`);
}
