/**
 * `fail`: fails when it is told to, to see what the layers above and the program do when memory runs out.
 *
 * Guarantees: the same calls fail in every run. Only `get` fails; a `resize` or a `mark` is passed on and not counted.
 * Costs: a comparison, or what the predicate costs. Needs nothing of the layer below, and has the capabilities that it
 * has.
 *
 * @module
 */

import { assertInteger, show } from "../errors.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";
import { advance, fraction } from "../mulberry32.ts";

/** State of {@linkcode fail}. */
export interface Fail<S> {
  /** State of the layer below. */
  base: S;
  /** Calls of `get`, those that failed included. */
  gets: number;
  /** State of the generator, from 0 to 2^32 - 1. */
  random: number;
}

/**
 * Passes every request on to `base`, but some, for which it returns 0.
 *
 * @param base The layer below
 * @param when Which calls of `get` fail: the `when`th, an integer from 1, once (`Infinity`: none); each with a probability
 *   of `when`, more than 0 and less than 1; or those of which a function says so, given the number of the call, from 1,
 *   and the size in bytes. The function holds nothing that changes, so that every state fails alike
 * @param seed What the generator of a new state starts from, an integer from 0 to 2^32 - 1. Default 1
 *
 * @example
 * ```ts
 * import { fail } from "./fail.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = fail(mmap(), 2);
 * const s = stack.init();
 * const p = stack.get(s, 100);
 * stack.get(s, 100);               // 0
 * stack.put(s, p, 100);
 *
 * fail(mmap(), 0.01);              // one in a hundred
 * fail(mmap(), (_nth, size) => size > 65536);
 * ```
 */
export const fail: <L extends AnyLayer>(
  base: L,
  when: number | ((nth: number, size: number) => boolean),
  seed?: number,
) => LayerWith<Fail<StateOf<L>>, Kept<L>> = layer(
  function fail<S>(
    base: Layer<S>,
    when: number | ((nth: number, size: number) => boolean),
    seed = 1,
  ): Layer<Fail<S>> {
    if (typeof when !== "number" && typeof when !== "function") {
      throw new TypeError(`Cannot compose fail: when must be a number or a function, got ${show(when)}`);
    }
    if (typeof when === "number" && !(when > 0 && (when < 1 || when === Infinity || Number.isInteger(when)))) {
      throw new RangeError(
        `Cannot compose fail: when must be an integer from 1 or a probability between 0 and 1, got ${when}`,
      );
    }
    assertInteger("compose fail", "seed", seed, 0, 2 ** 32 - 1);
    const { heap, get, put } = base;

    const fails: (s: Fail<S>, size: number) => boolean = typeof when === "function"
      ? (s, size) => when(s.gets, size)
      : when < 1
      ? (s) => fraction(s.random = advance(s.random)) < when
      : (s) => s.gets === when;

    return {
      heap,
      init: (size) => ({ base: base.init(size), gets: 0, random: seed }),
      deinit: (s) => base.deinit(s.base),
      get: (s, size, align) => {
        s.gets++;
        return fails(s, size) ? 0 : get(s.base, size, align);
      },
      put: (s, p, size) => put(s.base, p, size),
      ...pass(base, "gauge", "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "mark", "rewind"),
      ...pass(base, "sites", "verify", "pristine", "divisible"),
    };
  },
  { advance, assertInteger, fraction, pass, show },
);
