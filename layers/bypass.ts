/**
 * `bypass`: passes every request on. The template for a layer of your own: copy this file, then change what it does.
 *
 * Costs nothing. Needs nothing of the layer below, and has the capabilities that it has.
 *
 * A layer that remembers nothing uses the state of the layer below, as this one does. One that does remember something
 * has a state that holds the other as `base`: `init: () => ({ base: base.init(), calls: 0 })`, and passes on `s.base`.
 *
 * @module
 */

import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, share, type StateOf } from "../layer.ts";

/** State of {@linkcode bypass}: that of the layer below. */
export type Bypass<S> = S;

/**
 * Passes every request on to `base`.
 *
 * @example
 * ```ts
 * import { bypass } from "./bypass.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = bypass(bypass(mmap()));
 * const s = stack.init();
 * const p = stack.get(s, 100);
 * stack.put(s, p, 100);
 * stack.deinit(s);
 * ```
 */
export const bypass: <L extends AnyLayer>(base: L) => LayerWith<Bypass<StateOf<L>>, Kept<L>> = layer(
  function bypass<S>(base: Layer<S>): Layer<Bypass<S>> {
    const { heap, get, put } = base; // constants, which an engine inlines; members it would look up
    return {
      heap,
      stateless: true,
      init: (size) => base.init(size),
      deinit: (s) => base.deinit(s),
      get: (s, size, align) => get(s, size, align),
      put: (s, p, size) => put(s, p, size),
      ...share(base, "gauge", "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "mark", "rewind"),
      ...share(base, "sites", "verify"),
      // Only where `get` and `put` are passed on as they are: through a window, a region allocates without a call of `get`
      ...share(base, "pristine", "divisible", "window"),
    };
  },
  { share },
);
