/**
 * `failuresOf`: runs a test once for each allocation that it makes, with that one failing.
 *
 * @module
 */

import { assertInteger, show } from "../errors.ts";
import type { AnyLayer } from "../layer.ts";
import { FailuresError, type Problem, type ProblemKind } from "./failures_error.ts";
import { drive, Sweep, type Wanted } from "./sweep.ts";
import { assertBody, named, placeOf, watch, type WatchOptions } from "./watch.ts";

export { FailuresError, type Problem, type ProblemKind };

/** What {@linkcode failuresOf} looks for, and how. */
export interface FailuresOptions extends WatchOptions {
  /** Runs at most, for an even choice of the allocations. Default `Infinity`: one for each */
  most?: number;
  /** Allocations that the body makes at least: less is an error, as it shows little. Default 1 */
  least?: number;
  /** Whether the body may return though an allocation has failed: it can do without. Default false */
  swallow?: boolean;
  /** Classes of errors that the body may throw besides `OutOfMemoryError`. Default: none */
  // deno-lint-ignore no-explicit-any -- whatever it is constructed with
  allow?: readonly (abstract new (...args: any[]) => unknown)[];
  /**
   * Whether blocks are resized in place where the stack can. Default false: one that grows, or shrinks, is a new one, as
   * it may be anywhere, and so is another allocation that can fail.
   */
  inPlace?: boolean;
}

const OPTIONS = ["most", "least", "swallow", "allow", "inPlace"] as const;

/** What a body returns that is run many times. */
export type Swept<R> = R extends PromiseLike<unknown> ? Promise<void> : void;

/**
 * A function that runs `f` many times, with its own arguments and `this`, to see whether it survives running out of
 * memory: twice as it is, to count its allocations, then once for each of them with that one failing. It has the name of
 * `f`, and returns a promise if `f` does.
 *
 * In the first two runs `f` must throw nothing and leave nothing behind, otherwise that is thrown, as `leakFree` does. In
 * each of the others it has to throw an `OutOfMemoryError`, or an error that has one among its causes or, as an
 * `AggregateError`, among its errors, and leave nothing behind. Whatever else it does is told in a {@linkcode FailuresError}: it leaks; it returns as if nothing had happened,
 * which `swallow` allows; it throws another error, unless one of `allow`; it does damage that a layer such as `debug`
 * notices; or it is not deterministic and makes another number of allocations.
 *
 * An allocation is a `get` that reaches the region of the test. Those from stacks that `f` makes for itself do not, unless
 * they are built on `pipe()`. As `f` is run again and again, each time in a region of its own, let it keep no block from
 * run to run, as a cache does, and have no steps of a test: a step may be such a function itself.
 *
 * Takes as long as `n` runs for `n` allocations, which make about `n * n / 2`. After two seconds it tells on the standard
 * error how far it is.
 *
 * Throws a `TypeError` or a `RangeError` for bad parameters, and what composing the stack throws.
 *
 * @param f A test, synchronous or not
 * @param options What it looks for, or the stack that serves it
 *
 * @example
 * ```ts
 * import { failuresOf } from "./failures_of.ts";
 * import { std } from "../mod.ts";
 *
 * const test = failuresOf(() => {
 *   const p = std.bytealloc(100);
 *   try {
 *     std.bytefree(std.bytealloc(100), 100);
 *   } finally {
 *     std.bytefree(p, 100);
 *   }
 * });
 * test(); // runs it four times: twice to count, and once for each allocation
 * ```
 */
export function failuresOf<T, A extends unknown[], R>(
  f: (this: T, ...args: A) => R,
  options: FailuresOptions | AnyLayer = {},
): (this: T, ...args: A) => Swept<R> {
  const action = "fail allocations of a body";
  assertBody(action, f);
  const [watching, given] = watch<FailuresOptions>(action, options, OPTIONS);
  const wanted = { ...watching, ...readWanted(action, given) }, place = placeOf(failuresOf);
  const swept = function (this: T, ...args: A): Swept<R> {
    const sweep = new Sweep(wanted, () => f.apply(this, args), place);
    return drive(sweep.runs()) as Swept<R>;
  };
  return named(swept, f);
}

function readWanted(action: string, options: FailuresOptions): Pick<Wanted, typeof OPTIONS[number]> {
  const { most = Infinity, least = 1, swallow = false, allow = [], inPlace = false } = options;
  if (most !== Infinity) assertInteger(action, "most, a number of runs,", most, 1, Number.MAX_SAFE_INTEGER);
  assertInteger(action, "least, a number of allocations,", least, 0, Number.MAX_SAFE_INTEGER);
  for (const [name, value] of Object.entries({ swallow, inPlace })) {
    if (typeof value !== "boolean") {
      throw new TypeError(`Cannot ${action}: ${name} must be a boolean, got ${show(value)}`);
    }
  }
  if (!Array.isArray(allow) || allow.some((of) => typeof of !== "function")) {
    throw new TypeError(`Cannot ${action}: allow must be an array of classes, got ${show(allow)}`);
  }
  return { most, least, swallow, allow, inPlace };
}
