/** What takes part in a benchmark, and how ours do. */

import { bytealloc, bytefree, enter, type Heap, heap, init, type Layer, type Ptr } from "../mod.ts";

/** What a workload allocates from: a layer, or what passes for one. The state is handed to every call. */
// deno-lint-ignore no-explicit-any
export interface Malloc<S = any> {
  readonly heap: Pick<Heap, "u8" | "u32">;
  get(s: S, size: number): Ptr;
  put(s: S, p: Ptr, size: number): void;
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
