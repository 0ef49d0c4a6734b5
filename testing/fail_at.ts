/**
 * `failAt`: a layer that fails when it is told to, to see what the layers above do when memory runs out.
 *
 * @module
 */

import { type Layer, layer } from "../layer.ts";

/** State of {@linkcode failAt}. */
export interface FailAt<S> {
  /** State of the layer below. */
  base: S;
  /** Calls of `get` so far. */
  gets: number;
}

/**
 * Passes every request on to `base` but the `nth`, for which it returns 0.
 *
 * @param base The layer below
 * @param nth Which `get` fails, from 1; `Infinity` for none
 * @param every Whether all that follow fail, too. Default false
 *
 * @example
 * ```ts
 * import { failAt } from "./fail_at.ts";
 * import { mmap } from "../layers/system/mmap.ts";
 *
 * const stack = failAt(mmap(), 2);
 * const s = stack.init();
 * const p = stack.get(s, 100);
 * stack.get(s, 100);               // 0
 * stack.put(s, p, 100);
 * ```
 */
export const failAt: <S>(base: Layer<S>, nth: number, every?: boolean) => Layer<FailAt<S>> = layer(
  function failAt<S>(base: Layer<S>, nth: number, every = false): Layer<FailAt<S>> {
    const { heap, get, put } = base;
    return {
      heap,
      init: () => ({ base: base.init(), gets: 0 }),
      deinit: (s) => base.deinit(s.base),
      get: (s, size, align) => {
        s.gets++;
        return s.gets === nth || (every && s.gets > nth) ? 0 : get(s.base, size, align);
      },
      put: (s, p, size) => put(s.base, p, size),
    };
  },
);
