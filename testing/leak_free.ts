/**
 * `leakFree`: a test that fails if it leaves blocks behind, and says where they were allocated.
 *
 * @module
 */

import type { AnyAllocator } from "../allocator.ts";
import { show } from "../errors.ts";
import { isClean } from "../gauge.ts";
import type { AnyLayer } from "../layer.ts";
import { check, LeakError } from "../layers/check.ts";
import { type Outcome, within } from "../region.ts";
import { assertBody, bring, findings, moveTo, named, placeOf, watch, watchful, type WatchOptions } from "./watch.ts";

/** How {@linkcode leakFree} watches a test. */
export interface LeakFreeOptions extends WatchOptions {
  /**
   * Captures no call stacks, which takes most of the time of a test that allocates a lot. If it leaks, it is run a second
   * time to see where. For a test that can be. Default false
   */
  again?: boolean;
}

/**
 * A function that runs `f` in a region of its own, with its own arguments and `this`, and throws a `LeakError` if anything
 * is still out at the end. What `f` returns, it returns; if that is a promise, the region lasts until it settles, steps
 * of a test and other tasks included. What allocates later, as a timer that `f` has left behind, is told by an `Error` that
 * the region is closed. It has the name of `f`, by which a test runner calls it.
 *
 * If `f` throws, that is what is thrown. A leak then comes with it as the last of its causes, or where it has no such
 * place, on `console.error`. Damage that a layer finds when it is closed, as `debug` does, is thrown as a leak is.
 *
 * Takes some tens of microseconds, and a few for each allocation, of which the call stack is captured.
 *
 * Throws a `TypeError` if `f` is no function, or a generator function, and what composing the stack throws.
 *
 * @param f A test, synchronous or not
 * @param options How it is watched, or the stack that serves it
 *
 * @example
 * ```ts
 * import { leakFree } from "./leak_free.ts";
 * import { std } from "../mod.ts";
 *
 * const test = leakFree(() => {
 *   const p = std.bytealloc(100);
 *   std.bytefree(p, 100);            // without this, it throws
 * });
 * test(); // or Deno.test("frees what it allocates", test)
 * ```
 */
export function leakFree<T, A extends unknown[], R>(
  f: (this: T, ...args: A) => R,
  options: LeakFreeOptions | AnyLayer = {},
): (this: T, ...args: A) => R {
  const action = "watch for leaks";
  assertBody(action, f);
  const [watching, { again = false }] = watch<LeakFreeOptions>(action, options, ["again"]), place = placeOf(leakFree);
  if (typeof again !== "boolean") throw new TypeError(`Cannot ${action}: again must be a boolean, got ${show(again)}`);

  const watched = function (this: T, ...args: A): R {
    const body = () => f.apply(this, args);
    const run = (
      a: AnyAllocator,
      conclude: (outcome: Outcome<Awaited<R>>, found: unknown, a: AnyAllocator) => unknown,
    ) => {
      return within(a, body, (outcome) => conclude(outcome, findings(a, watching, () => a._close()), a)) as R;
    };
    const result = (outcome: Outcome<Awaited<R>>, found: unknown) => {
      if (outcome.threw) {
        if (found !== undefined) bring(found, outcome.error, place);
        throw outcome.error;
      }
      if (found === undefined) return outcome.value;
      throw moveTo(place, found);
    };
    const traced = () => watchful(watching.layer, watching);
    if (!again) return run(traced(), result);
    return run(watchful(check(watching.measured), watching, false), (first, leak) => {
      if (first.threw || !(leak instanceof LeakError)) return result(first, leak);
      return run(traced(), (second, found, a) => {
        if (second.threw || [a, ...a._companions].every(({ layer, state }) => isClean(layer.gauge!(state)))) {
          leak.message += "; a second run, to see where, left nothing";
          return result(first, leak);
        }
        return result(first, found);
      });
    });
  };
  return named(watched, f);
}
