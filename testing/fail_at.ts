/**
 * `failAt`: the layer `fail` as sweeps over every point of failure use it: at the `nth` call, or from there on.
 *
 * @module
 */

import { assertInteger } from "../errors.ts";
import type { AnyLayer, Kept, LayerWith, StateOf } from "../layer.ts";
import { type Fail, fail } from "../layers/fail.ts";

/** State of {@linkcode failAt}. */
export type FailAt<S> = Fail<S>;

/** Predicates for `fail` by where they begin: the same one makes the same layer. */
const since = new Map<number, (nth: number) => boolean>();

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
export function failAt<L extends AnyLayer>(
  base: L,
  nth: number,
  every = false,
): LayerWith<FailAt<StateOf<L>>, Kept<L>> {
  if (nth !== Infinity) {
    assertInteger("compose failAt", "number of the get that fails", nth, 1, Number.MAX_SAFE_INTEGER);
  }
  if (!every) return fail(base, nth);
  let when = since.get(nth);
  if (when === undefined) since.set(nth, when = (n) => n >= nth);
  return fail(base, when);
}
