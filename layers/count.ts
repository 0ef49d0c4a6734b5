/**
 * `count`: counts the calls that go through it, and no bytes: the cheapest way to see who asks how often.
 *
 * Guarantees: counts exact to 2^53, in the state; a call that throws is not counted. Costs an addition a call. Needs
 * nothing of the layer below, and has the capabilities that it has, its gauge included.
 *
 * @module
 */

import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";

/** State of {@linkcode count}. Out are `gets - puts` blocks, unless some went by a reset, a rewind or in parts. */
export interface Count<S> {
  /** State of the layer below. */
  base: S;
  /** Calls of `get` that were served. */
  gets: number;
  /** Calls of `get` that were refused: that returned 0. */
  refusals: number;
  /** Calls of `put`. */
  puts: number;
  /** Calls of `resize` that were served: that returned true. */
  resizes: number;
  /** Calls of `reset`. */
  resets: number;
}

/**
 * Counts calls in its state.
 *
 * @example
 * ```ts
 * import { count } from "./count.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = count(mmap());
 * const s = stack.init();
 * const p = stack.get(s, 100);
 * stack.resize(s, p, 100, 200);
 * stack.put(s, p, 200);
 * s;                 // { base: {}, gets: 1, refusals: 0, puts: 1, resizes: 1, resets: 0 }
 * ```
 */
export const count: <L extends AnyLayer>(base: L) => LayerWith<Count<StateOf<L>>, Kept<L>> = layer(
  function count<S>(base: Layer<S>): Layer<Count<S>> {
    const { heap, get, put } = base;
    return {
      heap,
      init: (size) => ({ base: base.init(size), gets: 0, refusals: 0, puts: 0, resizes: 0, resets: 0 }),
      deinit: (s) => base.deinit(s.base),
      get: (s, size, align) => {
        const p = get(s.base, size, align);
        if (p === 0) s.refusals++;
        else s.gets++;
        return p;
      },
      put: (s, p, size) => {
        put(s.base, p, size);
        s.puts++;
      },
      ...(base.resize && {
        resize: (s, p, old, size) => {
          if (!base.resize!(s.base, p, old, size)) return false;
          s.resizes++;
          return true;
        },
      }),
      ...(base.reset && {
        reset: (s) => {
          base.reset!(s.base);
          s.resets++;
        },
      }),
      ...pass(base, "gauge", "owns", "sizeOf", "goodSize", "maxAlign", "mark", "rewind", "sites", "verify"),
      ...pass(base, "pristine", "divisible"),
    };
  },
  { pass },
);
