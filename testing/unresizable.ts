/**
 * `unresizable`: resizes no block in place, so that one that grows is a new one, as on a stack that cannot.
 *
 * @module
 */

import {
  type AnyLayer,
  type Capability,
  type Kept,
  type Layer,
  layer,
  type LayerWith,
  share,
  type StateOf,
} from "../layer.ts";

/** Passes every request on to `base`, but for `resize`, which it does not have. Costs nothing. */
export const unresizable: <L extends AnyLayer>(
  base: L,
) => LayerWith<StateOf<L>, Kept<L, Exclude<Capability, "resize">>> = layer(
  function unresizable<S>(base: Layer<S>): Layer<S> {
    const { heap, get, put } = base;
    return {
      heap,
      stateless: true,
      init: (size) => base.init(size),
      deinit: (s) => base.deinit(s),
      get: (s, size, align) => get(s, size, align),
      put: (s, p, size) => put(s, p, size),
      ...share(base, "gauge", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "mark", "rewind"),
      ...share(base, "sites", "verify", "pristine", "divisible"),
    };
  },
  { share },
);
