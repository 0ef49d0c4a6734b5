/**
 * `must`: throws where 0 would be returned, for code that does not look.
 *
 * Guarantees: `get` and `mark` return an address or throw; when they throw, the state is as before, and the stack goes
 * on working. Costs a comparison. Needs nothing of the layer below, and has the capabilities that it has. It belongs on
 * top: a layer above it is made for a 0.
 *
 * @module
 */

import { nameOf } from "../describe.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, share, type StateOf } from "../layer.ts";
import { OutOfMemoryError } from "../out_of_memory.ts";

/** State of {@linkcode must}: that of the layer below. */
export type Must<S> = S;

/**
 * Throws an {@linkcode OutOfMemoryError} when `base` has no memory. Its `size` is what was asked for in bytes, 0 if
 * that was a mark.
 *
 * @example
 * ```ts
 * import { must } from "./must.ts";
 * import { nullLayer } from "./system/null.ts";
 * import { OutOfMemoryError } from "../out_of_memory.ts";
 *
 * const stack = must(nullLayer());
 * try {
 *   stack.get(stack.init(), 100);
 * } catch (e) {
 *   if (!(e instanceof OutOfMemoryError)) throw e;
 *   e.message;       // "Cannot allocate 100 B: null is out of memory"
 * }
 * ```
 */
export const must: <L extends AnyLayer>(base: L) => LayerWith<Must<StateOf<L>>, Kept<L>> = layer(
  function must<S>(base: Layer<S>): Layer<Must<S>> {
    const { heap, get, put } = base;
    const refuse = (size: number): never => {
      throw new OutOfMemoryError(size, nameOf(base));
    };
    return {
      heap,
      stateless: true,
      init: (size) => base.init(size),
      deinit: (s) => base.deinit(s),
      get: (s, size, align) => {
        const p = get(s, size, align);
        return p === 0 ? refuse(size) : p;
      },
      put: (s, p, size) => put(s, p, size),
      ...(base.mark && { mark: (s) => base.mark!(s) || refuse(0) }),
      ...share(base, "gauge", "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "rewind"),
      ...share(base, "sites", "verify"),
      ...share(base, "pristine", "divisible", "window"), // what a window has no room for is asked of `get`
    };
  },
  { nameOf, OutOfMemoryError, share },
);
