/**
 * `withRegion`: each test of a suite in a region of its own, by the hooks of its test runner.
 *
 * @module
 */

import type { AnyAllocator } from "../allocator.ts";
import { show } from "../errors.ts";
import type { AnyLayer } from "../layer.ts";
import { isFinding, LeakError } from "../layers/check.ts";
import { begin, end } from "../region.ts";
import { displace, findings, headline, mostOf, watch, watchful, type WatchOptions } from "./watch.ts";

/** What registers functions that a test runner calls before and after each test. */
export interface TestHooks {
  /** Registers a function to be called before each test. */
  beforeEach(f: (...args: unknown[]) => void): unknown;
  /** Registers a function to be called after each test. */
  afterEach(f: (...args: unknown[]) => void): unknown;
}

/** The regions of a suite, one for each test. */
export interface TestRegion {
  /** Begins the region of a test. */
  readonly beforeEach: () => void;
  /** Ends the region of a test. Throws a `LeakError` if anything is still out. */
  readonly afterEach: (...args: unknown[]) => void;
  /** The allocator of the test that runs. An `Error` if none does. */
  readonly allocator: AnyAllocator;
}

/** The regions that have been begun and have not ended, the innermost last. */
const open: AnyAllocator[] = [];

/**
 * Runs each test of a suite in a region of its own, and fails it, and no other, if it leaves anything behind: the
 * `LeakError` is thrown after the test, by a hook. Tests may be asynchronous; whatever runs in no other region meanwhile
 * is in that of the test, also what another test has left running. So the tests of a suite run one after the other. For
 * tests that run at the same time, there is `leakFree`.
 *
 * In suites within suites, each `withRegion` is a region of its own, the inner in the outer one: what the hooks of the
 * outer suite allocate is of the outer region, what the test does is of the inner one.
 *
 * What other hooks allocate for a test is part of it, if they are called between those of this, and then theirs to free.
 * In Deno these are the ones registered after it; in `node:test`, where `afterEach` is called in the order of
 * registration, a `beforeEach` registered after it, and an `afterEach` before it.
 *
 * A test that fails by itself is reported with its own failure. As test runners then pass over what a hook throws, a line
 * about the leak goes to `console.error`, wherever the runner does not tell that the test has passed.
 *
 * Throws an `Error` without hooks, given or of Deno.
 *
 * @param hooks Those of `node:test`, `@std/testing/bdd`, mocha, vitest and their like. Default: `Deno.test`. With `null`,
 *   none are registered: call `beforeEach` and `afterEach` of the result
 * @param options How a test is watched, or the stack that serves it
 *
 * @example
 * ```ts
 * import { withRegion } from "./with_region.ts";
 * import { std } from "../mod.ts";
 *
 * const test = withRegion(null);
 * test.beforeEach();
 * const p = std.bytealloc(100);
 * test.allocator.gauge().nalloc;   // 1
 * std.bytefree(p, 100);
 * test.afterEach();
 * ```
 */
export function withRegion(
  hooks?: TestHooks | null,
  options: WatchOptions | AnyLayer = {},
): TestRegion {
  const [watching] = watch("watch tests for leaks", options);
  const register = hooks === null ? null : assertHooks(hooks ?? hooksOfDeno());
  let current: AnyAllocator | undefined;

  const beforeEach = () => {
    if (current !== undefined) unwind(current); // the hook that should have ended it has not been called
    current = watchful(watching.layer, watching);
    begin(current);
    open.push(current);
  };
  const afterEach = function (this: unknown, ...args: unknown[]) {
    const a = current;
    if (a === undefined) {
      throw new Error(
        "Cannot end the region of a test: it has ended, as when tests run at the same time, for which there is leakFree",
      );
    }
    current = undefined;
    const found = unwind(a, (close) => findings(a, watching, close));
    if (found === undefined) return;
    if (found instanceof LeakError && passed(this, args[0]) !== true) {
      console.error(`LeakError: ${headline(found)}${mostOf(found)}`);
    }
    if (isFinding(found)) displace(found);
    throw found;
  };
  register?.beforeEach(beforeEach);
  register?.afterEach(afterEach);
  return {
    beforeEach,
    afterEach,
    get allocator() {
      if (current === undefined) throw new Error("Cannot tell the allocator of a test: no test is running");
      return current;
    },
  };
}

/** Ends a region, after those that were begun in it and that nobody has ended. */
function unwind(a: AnyAllocator, endOf: (close: () => void) => unknown = attempt): unknown {
  while (open.includes(a)) {
    const inner = open.pop()!, close = () => end(inner);
    if (inner === a) return endOf(close);
    attempt(close);
  }
  return undefined;
}

/** Ends the region of a test that has failed already, or that another error is told of. */
function attempt(close: () => void): void {
  try {
    close();
  } catch {
    // The region is closed, which is all that is wanted of it
  }
}

/** Whether a test has passed, if its runner tells: `node:test` and vitest the context, mocha `this`. */
function passed(self: unknown, context: unknown): boolean | undefined {
  const node = context as { passed?: unknown; task?: { result?: { state?: string } } } | null | undefined;
  if (typeof node?.passed === "boolean") return node.passed;
  const state = node?.task?.result?.state ??
    (self as { currentTest?: { state?: string } } | null | undefined)?.currentTest?.state;
  return typeof state === "string" ? state.startsWith("pass") : undefined;
}

function hooksOfDeno(): unknown {
  return (globalThis as { Deno?: { test?: unknown } }).Deno?.test;
}

function assertHooks(hooks: unknown): TestHooks {
  const { beforeEach, afterEach } = (hooks ?? {}) as Partial<TestHooks>;
  if (typeof beforeEach === "function" && typeof afterEach === "function") return hooks as TestHooks;
  throw new TypeError(
    `Cannot register with a test runner: expected its { beforeEach, afterEach }, got ${
      hooks === undefined ? "none, and there is no Deno.test that has some" : show(hooks)
    }`,
  );
}
