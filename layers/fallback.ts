/**
 * `fallback`: what one layer cannot serve, another does.
 *
 * Guarantees: the second layer is asked only when the first has refused; a block goes back to the one that it is of. A
 * block is resized where it lies, and does not move from one to the other. Costs: `get` nothing while the first serves;
 * `put` a call of its `owns`; no bytes. Needs `owns` of the first, and both over the same heap; it has the capabilities
 * that both have.
 *
 * @module
 */

import { type AnyLayer, type Layer, layer, type LayerWith, type StateOf } from "../layer.ts";
import { assertPair, type Both, pair, type Paired } from "./pair.ts";

/** State of {@linkcode fallback}. */
export interface Fallback<A, B> {
  /** State of the layer that is asked first. */
  first: A;
  /** State of the layer that serves what the first refuses. */
  second: B;
}

/**
 * Serves from `first`, and from `second` what `first` refuses.
 *
 * @param first The layer that is asked first: it must have `owns`
 * @param second The layer that serves the rest
 *
 * @example
 * ```ts
 * import { heap } from "../heap.ts";
 * import { fallback } from "./fallback.ts";
 * import { fixed } from "./system/fixed.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const buffer = heap.getPages(1);
 * const stack = fallback(fixed({ start: buffer, bytes: 4096 }), mmap());
 * const s = stack.init();
 * const p = stack.get(s, 3000);    // in the buffer
 * const q = stack.get(s, 3000);    // a page
 * stack.put(s, p, 3000);
 * stack.put(s, q, 3000);
 * stack.deinit(s);
 * heap.putPages(buffer, 1);
 * ```
 */
export const fallback = <
  // deno-lint-ignore no-explicit-any
  A extends LayerWith<any, "owns">,
  B extends AnyLayer,
>(
  first: A,
  second: B,
): LayerWith<Fallback<StateOf<A>, StateOf<B>>, Paired<A, B> | Both<A, B, "resize" | "goodSize">> => {
  assertPair("fallback", { first, second });
  if (typeof first.owns !== "function") {
    throw new TypeError("Cannot compose fallback: first must have owns, as chunk(...) has");
  }
  return over(first, second);
};

const over: <
  // deno-lint-ignore no-explicit-any
  A extends LayerWith<any, "owns">,
  B extends AnyLayer,
>(first: A, second: B) => ReturnType<typeof fallback<A, B>> = layer(
  function fallback<A, B>(first: LayerWith<A, "owns">, second: Layer<B>): Layer<Fallback<A, B>> {
    const { get, put, owns } = first, { get: getOther, put: putOther } = second;
    return {
      ...pair(first, second),
      get: (s, size, align) => {
        const p = get(s.first, size, align);
        return p !== 0 ? p : getOther(s.second, size, align);
      },
      put: (s, p, size) => owns(s.first, p) ? put(s.first, p, size) : putOther(s.second, p, size),
      ...(first.resize && second.resize && {
        resize: (s, p, old, size) =>
          owns(s.first, p) ? first.resize!(s.first, p, old, size) : second.resize!(s.second, p, old, size),
      }),
      // The lesser costs no more than the size, whichever layer serves it
      ...(first.goodSize && second.goodSize && {
        goodSize: (size) => Math.min(first.goodSize!(size), second.goodSize!(size)),
      }),
    };
  },
  { pair },
);
