/**
 * `split` and `route`: a request goes to one of two layers, by its size.
 *
 * Guarantees: `get` and `put` of a size go to the same layer, and to no other; where that has no memory, `get` returns
 * 0. A block is resized in place only if both sizes go to the same layer. Costs: a comparison for `split`, a call of
 * the predicate for `route`, which an engine inlines; no bytes. Needs nothing of the layers below but that they are
 * over the same heap, and has the capabilities that both have (`sizeOf` asks the one that owns the block, so the first
 * must have `owns`; `route` has no `goodSize`).
 *
 * @module
 */

import { ADDRESS_SPACE, assertFunction, assertInteger } from "../errors.ts";
import { type AnyLayer, type Layer, layer, type LayerWith, type StateOf } from "../layer.ts";
import { assertPair, type Both, pair, type Paired } from "./pair.ts";

/** State of {@linkcode route}. */
export interface Route<A, B> {
  /** State of the layer that serves the sizes for which the predicate is true. */
  first: A;
  /** State of the layer that serves the others. */
  second: B;
}

/** State of {@linkcode split}: `first` is that of the layer for small blocks, `second` of the one for large blocks. */
export type Split<A, B> = Route<A, B>;

/**
 * Sends requests of the sizes for which `predicate` is true to `first`, the others to `second`. For more than two
 * layers, nest it.
 *
 * @param predicate Whether a size in bytes, 0 to 2^32 - 1, is the first layer's. It must answer the same for the same
 *   size every time. Each function makes a layer of its own: in a loop, compose with one that is made outside
 * @param first The layer for sizes for which it is true
 * @param second The layer for all others
 *
 * @example
 * ```ts
 * import { chunk } from "./chunk.ts";
 * import { route } from "./route.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const wholePages = (size: number) => size % 4096 === 0;
 * const stack = route(wholePages, mmap(), chunk(mmap(), 65536));
 * const s = stack.init();
 * const p = stack.get(s, 8192);    // two pages
 * stack.put(s, p, 8192);
 * stack.get(s, 8193);              // from the arena
 * stack.deinit(s);
 * ```
 */
export const route = <A extends AnyLayer, B extends AnyLayer>(
  predicate: (size: number) => boolean,
  first: A,
  second: B,
): LayerWith<Route<StateOf<A>, StateOf<B>>, Paired<A, B> | Both<A, B, "resize">> => {
  assertFunction("compose route", "predicate", predicate);
  assertPair("route", { first, second });
  return routed(first, second, predicate);
};

/**
 * Sends requests of up to `threshold` bytes to `small`, the others to `large`. For more than two layers, nest it.
 *
 * @param threshold The size in bytes, 0 to 2^32 - 1, up to which a block is small
 * @param small The layer for small blocks
 * @param large The layer for large blocks
 *
 * @example
 * ```ts
 * import { chunk } from "./chunk.ts";
 * import { split } from "./route.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = split(1024, chunk(mmap(), 65536), mmap());
 * const s = stack.init();
 * stack.get(s, 100);               // from the arena
 * const p = stack.get(s, 5000);    // pages of its own
 * stack.put(s, p, 5000);
 * stack.deinit(s);
 * ```
 */
export const split = <A extends AnyLayer, B extends AnyLayer>(
  threshold: number,
  small: A,
  large: B,
): LayerWith<Split<StateOf<A>, StateOf<B>>, Paired<A, B> | Both<A, B, "resize" | "goodSize">> => {
  assertInteger("compose split", "threshold in bytes", threshold, 0, ADDRESS_SPACE - 1);
  assertPair("split", { small, large });
  return halved(small, large, threshold);
};

const routed: <A extends AnyLayer, B extends AnyLayer>(
  first: A,
  second: B,
  predicate: (size: number) => boolean,
) => ReturnType<typeof route<A, B>> = layer(
  function route<A, B>(
    first: Layer<A>,
    second: Layer<B>,
    predicate: (size: number) => boolean,
  ): Layer<Route<A, B>> {
    const { get, put } = first, { get: getOther, put: putOther } = second;
    return {
      ...pair(first, second),
      get: (s, size, align) => predicate(size) ? get(s.first, size, align) : getOther(s.second, size, align),
      put: (s, p, size) => predicate(size) ? put(s.first, p, size) : putOther(s.second, p, size),
      ...(first.resize && second.resize && {
        resize: (s, p, old, size) => {
          const side = predicate(old);
          if (predicate(size) !== side) return false;
          return side ? first.resize!(s.first, p, old, size) : second.resize!(s.second, p, old, size);
        },
      }),
    };
  },
  { pair },
);

const halved: <A extends AnyLayer, B extends AnyLayer>(
  small: A,
  large: B,
  threshold: number,
) => ReturnType<typeof split<A, B>> = layer(
  function split<A, B>(small: Layer<A>, large: Layer<B>, threshold: number): Layer<Split<A, B>> {
    return {
      ...routed(small, large, (size: number) => size <= threshold),
      ...(small.goodSize && large.goodSize && {
        goodSize: (size) => size <= threshold ? Math.min(small.goodSize!(size), threshold) : large.goodSize!(size),
      }),
    };
  },
  { routed },
);
