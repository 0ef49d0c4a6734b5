/**
 * What layers that stand on two others have in common. Not a layer; `route`, `split` and `fallback` are made with it.
 *
 * @module
 */

import { show } from "../errors.ts";
import { type AnyLayer, type Capability, isLayer, type Kept, type Layer } from "../layer.ts";

/** State of a layer that stands on two others. */
export interface Pair<A, B> {
  /** State of the first. */
  first: A;
  /** State of the second. */
  second: B;
}

/** Those of the capabilities `C` that two layers both have. */
export type Both<A, B, C extends Capability> = `${Extract<Kept<A, C>, Kept<B, C>>}`; // so that hovers show the names

/** The capabilities that {@linkcode pair} passes on: `sizeOf` only if the first says what it owns. */
export type Paired<A, B> = Both<
  A,
  B,
  "owns" | "reset" | "maxAlign" | "verify" | (A extends { readonly owns: unknown } ? "sizeOf" : never)
>;

/** A layer over two but for how it serves: what is left is `get` and `put`, and `resize` and `goodSize` if it can. */
export function pair<A, B>(first: Layer<A>, second: Layer<B>): Omit<Layer<Pair<A, B>>, "get" | "put"> {
  return {
    heap: first.heap,
    parts: { first, second },
    init: (size) => {
      const s = first.init(size);
      try {
        return { first: s, second: second.init(size) };
      } catch (e) {
        first.deinit(s);
        throw e;
      }
    },
    deinit: (s) => {
      try {
        second.deinit(s.second);
      } finally {
        first.deinit(s.first);
      }
    },
    ...(first.owns && second.owns && { owns: (s, p) => first.owns!(s.first, p) || second.owns!(s.second, p) }),
    ...(first.owns && first.sizeOf && second.sizeOf && {
      sizeOf: (s, p) => first.owns!(s.first, p) ? first.sizeOf!(s.first, p) : second.sizeOf!(s.second, p),
    }),
    ...(first.reset && second.reset && {
      reset: (s) => {
        first.reset!(s.first);
        second.reset!(s.second);
      },
    }),
    ...(first.verify && second.verify && {
      verify: (s) => {
        first.verify!(s.first);
        second.verify!(s.second);
      },
    }),
    ...(first.maxAlign && second.maxAlign && { maxAlign: Math.min(first.maxAlign, second.maxAlign) }),
    ...(first.pristine && second.pristine && { pristine: true }),
  };
}

/** Throws a `TypeError` unless both are layers, over the same heap. `layers` has them by the names of the parameters. */
export function assertPair(name: string, layers: Readonly<Record<string, AnyLayer>>): void {
  for (const [what, given] of Object.entries(layers)) {
    if (!isLayer(given)) throw new TypeError(`Cannot compose ${name}: ${what} must be a layer, got ${show(given)}`);
  }
  const [first, second] = Object.values(layers);
  if (first.heap !== second.heap) {
    throw new TypeError(`Cannot compose ${name}: ${Object.keys(layers).join(" and ")} must be over the same heap`);
  }
}
