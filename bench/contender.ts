/** What takes part in a benchmark, and how ours do. */

import { bytealloc, bytefree, enter, type Heap, heap, init, type Layer, type Ptr } from "../mod.ts";

/** What a workload allocates from: a layer, or what passes for one. The state is handed to every call. */
// deno-lint-ignore no-explicit-any
export interface Malloc<S = any> {
  readonly heap: Pick<Heap, "u8" | "u32">;
  // deno-lint-ignore no-explicit-any -- some layers can be asked for any alignment, some for those up to 16
  get(s: S, size: number, align?: any): Ptr;
  put(s: S, p: Ptr, size: number): void;
  /** Makes a block another size where it is, as a layer does it. */
  resize?(s: S, p: Ptr, old: number, size: number): boolean;
  /** Makes a block another size, as C does it: where it is, or with its contents moved. */
  realloc?(s: S, p: Ptr, old: number, size: number): Ptr;
}

/** Makes a block another size by what there is for it: returns where it is then, or 0, and it is as before. */
export function realloc<S>(a: Malloc<S>, s: S, p: Ptr, old: number, size: number): Ptr {
  if (a.realloc !== undefined) return a.realloc(s, p, old, size);
  if (a.resize !== undefined && a.resize(s, p, old, size)) return p;
  const to = a.get(s, size);
  if (to === 0) return 0;
  a.heap.u8.copyWithin(to, p, p + Math.min(old, size));
  a.put(s, p, old);
  return to;
}

/** A column of the table: what a file in `contenders/` exports as `contender`. */
export interface Contender {
  /** What it is, for the legend. */
  readonly about: string;
  /**
   * Runs `f` with something to allocate from, and takes back all that is out then, if it `closes`. Without a `scope` it
   * is plain objects that a workload makes, if that can be.
   */
  scope?<T>(f: (a: Malloc, s: unknown) => T): T;
  /** Whether it takes blocks back one by one; otherwise `put` does nothing. */
  readonly frees?: boolean;
  /** The only size in bytes that it serves, if there is but one. */
  readonly size?: number;
  /** Whether it takes back everything at the end of a scope. */
  readonly closes?: boolean;
}

/** A stack that is called directly: a fresh state for each scope. */
export function direct<S>(about: string, stack: Layer<S>, frees: boolean): Contender {
  return {
    about,
    frees,
    closes: true,
    scope: (f) => {
      const s = stack.init();
      try {
        return f(stack, s);
      } finally {
        stack.deinit(s);
      }
    },
  };
}

/** What a WebAssembly module that allocates in a memory of its own exports. */
export interface Exports {
  readonly memory: WebAssembly.Memory;
  malloc(size: number): number;
  free(p: number): void;
  realloc?(p: number, size: number): number;
}

/** As much as any workload needs, in pages of 64 KiB. */
const ENOUGH = 4096;

/**
 * An allocator in such a module. Its memory is made as large as it will be before anything is allocated, so that
 * neither growing it nor views that go stale cost it time; pages that are not touched cost nothing.
 */
export function peer(about: string, { memory, malloc, free, realloc }: Exports, growable = true): Contender {
  if (growable) memory.grow(ENOUGH);
  const a: Malloc<null> = {
    heap: { u8: new Uint8Array(memory.buffer), u32: new Uint32Array(memory.buffer) },
    get: (_, size) => malloc(size),
    put: (_, p) => free(p),
    ...realloc && { realloc: (_: null, p: Ptr, _old: number, size: number) => realloc(p, size) },
  };
  return { about, frees: true, scope: (f) => f(a, null) };
}

/** Whatever serves the current region. */
const regional: Malloc<null> = {
  heap,
  get: (_, size) => bytealloc(size),
  put: (_, p, size) => bytefree(p, size),
};

/** A stack that serves a region: a fresh one for each scope. */
export function inRegion<S>(about: string, stack: Layer<S>, frees: boolean): Contender {
  return { about, frees, closes: true, scope: (f) => enter(init(stack), () => f(regional, null)) };
}
