/**
 * The runs of a body, each with another allocation failing, and what is wrong with what it does then.
 *
 * @module
 */

import { type AnyAllocator, init } from "../allocator.ts";
import { type CallStack, captureCallStack, framesOf, USUAL_DEPTH } from "../call_stack.ts";
import { formatCount } from "../gauge.ts";
import type { AnyLayer, Gauged } from "../layer.ts";
import { check, LeakError } from "../layers/check.ts";
import { fail } from "../layers/fail.ts";
import { MemoryError } from "../memory_errors.ts";
import { OutOfMemoryError } from "../out_of_memory.ts";
import { type Outcome, within } from "../region.ts";
import { FailuresError, groupKey, type Problem, type ProblemKind, WHAT } from "./failures_error.ts";
import { Progress } from "./progress.ts";
import { unresizable } from "./unresizable.ts";
import { bring, findings, moveTo, traced, type Watch } from "./watch.ts";

/** Runs of each group of problems that are repeated with call stacks. */
const REPEATS = 3;

/** What is looked for, and how: as options of `failuresOf`. */
export interface Wanted extends Watch {
  readonly most: number;
  readonly least: number;
  readonly swallow: boolean;
  // deno-lint-ignore no-explicit-any -- whatever it is constructed with
  readonly allow: readonly (abstract new (...args: any[]) => unknown)[];
  readonly inPlace: boolean;
}

/** What became of a run. */
export interface Run {
  readonly outcome: Outcome<unknown>;
  /** What was found when the region was closed. */
  readonly found: unknown;
  /** Allocations that it asked for. */
  readonly gets: number;
  /** The call stack of the one that failed. */
  readonly stack: CallStack | undefined;
}

/** The runs of a body. */
export class Sweep {
  readonly #wanted: Wanted;
  readonly #body: () => unknown;
  /** Where it was asked for. */
  readonly #place: CallStack;
  readonly #depth: number;
  /** What serves a run, and what does so with call stacks. */
  readonly #fast: AnyLayer;
  readonly #traced: AnyLayer;
  /** Which allocation fails, and its call stack once it has. */
  #nth = 0;
  #stack: CallStack | undefined;

  constructor(wanted: Wanted, body: () => unknown, place: CallStack) {
    this.#wanted = wanted;
    this.#body = body;
    this.#place = place;
    this.#depth = wanted.tracing.depth ?? USUAL_DEPTH;
    const when = (nth: number) => nth === this.#nth && this.#fails();
    const over = (base: AnyLayer) => check(fail(base, when) as Gauged<unknown>);
    const base = (wanted.inPlace ? wanted.measured : unresizable(wanted.measured)) as Gauged<unknown>;
    this.#traced = over(traced(base, wanted.tracing));
    // What is meant to stay is told by where it comes from
    this.#fast = wanted.suppressed === undefined ? over(base) : this.#traced;
  }

  #fails(): true {
    this.#stack = captureCallStack(this.#depth);
    return true;
  }

  /** Runs the body with the `nth` allocation failing, or none. */
  #run(layer: AnyLayer, nth: number): Run | Promise<Run> {
    const a: AnyAllocator = init(layer);
    this.#nth = nth;
    this.#stack = undefined;
    return within(a, this.#body, (outcome) => {
      const found = findings(a, this.#wanted, () => a._close());
      return { outcome, found, gets: a.state.gets as number, stack: this.#stack };
    });
  }

  /** All of them. What it yields may be promised, and it is to be resumed with what that becomes. */
  *runs(): Generator<Run | Promise<Run>, void, Run> {
    const { most, least } = this.#wanted;
    const first = yield this.#run(this.#traced, 0), allocations = first.gets;
    this.#assertClean(first);
    if (allocations < least) {
      const error = new Error(
        `Cannot fail allocations of a body: expected at least ${formatCount(least)} in its region, got ` +
          formatCount(allocations),
      );
      throw moveTo(this.#place, error, true);
    }
    const second = yield this.#run(this.#fast, 0);
    this.#assertClean(second);
    const runs = Math.min(most, allocations), problems: Problem[] = [];
    if (second.gets !== allocations) {
      const hint = second.gets < allocations ? ": what the body makes once and keeps is to be made before it" : "";
      const error = new Error(
        `${formatCount(allocations)} allocations in the first run, ${formatCount(second.gets)} in the second${hint}`,
      );
      throw moveTo(this.#place, new FailuresError([problem(0, "nondeterminism", error)], allocations, 0), true);
    }
    const repeated = new Map<string, number>(), progress = new Progress();
    for (let i = 0; i < runs; i++) {
      const nth = 1 + (runs === 1 ? 0 : Math.round(i * (allocations - 1) / (runs - 1)));
      progress.show(() => `failuresOf: ${formatCount(i)} of ${formatCount(runs)} allocations failed so far`);
      const run = yield this.#run(this.#fast, nth), wrong = this.#problems(nth, run);
      if (wrong.length === 0) continue;
      const again = wrong.map(groupKey).some((key) => (repeated.get(key) ?? 0) < REPEATS);
      for (const key of wrong.map(groupKey)) repeated.set(key, (repeated.get(key) ?? 0) + 1);
      if (!again) problems.push(...wrong);
      else problems.push(...compare(wrong, this.#problems(nth, yield this.#run(this.#traced, nth))));
    }
    progress.done();
    if (problems.length > 0) {
      throw moveTo(this.#place, new FailuresError(problems, allocations, runs, this.#wanted.report), true);
    }
  }

  /** Throws what a run did in which no allocation failed, if it should not have. */
  #assertClean({ outcome, found }: Run): void {
    if (outcome.threw) {
      if (found !== undefined) bring(found, outcome.error, this.#place);
      throw outcome.error;
    }
    if (found !== undefined) throw moveTo(this.#place, found);
  }

  /** What was wrong with a run in which an allocation should have failed. */
  #problems(nth: number, { outcome, found, gets, stack }: Run): Problem[] {
    const { swallow, allow } = this.#wanted;
    const frames = () => stack === undefined ? [] : framesOf(stack, this.#depth, this.#wanted.tracing.skip);
    if (gets < nth) {
      const error = new Error(`it made ${formatCount(gets)} allocations only`, {
        cause: outcome.threw ? outcome.error : found,
      });
      return [problem(nth, "nondeterminism", error)];
    }
    const problems: Problem[] = [];
    if (!outcome.threw) {
      if (!swallow) problems.push(problem(nth, "swallow", undefined, frames()));
    } else if (!causes(outcome.error).some((e) => [OutOfMemoryError, ...allow].some((of) => e instanceof of))) {
      problems.push(problem(nth, outcome.error instanceof MemoryError ? "damage" : "error", outcome.error, frames()));
    }
    if (found instanceof LeakError) problems.push(problem(nth, "leak", found, frames(), found.sites));
    else if (found !== undefined) problems.push(problem(nth, "damage", found, frames()));
    return problems;
  }
}

function problem(
  nth: number,
  kind: ProblemKind,
  error: unknown,
  frames: Problem["frames"] = [],
  sites: Problem["sites"] = [],
): Problem {
  return { nth, kind, ...(error !== undefined && { error }), sites, frames };
}

/** Problems as they were when the run was repeated, or that they were not there then. */
function compare(before: readonly Problem[], after: readonly Problem[]): Problem[] {
  return before.map((was) => {
    const is = after.find(({ kind }) => kind === was.kind);
    if (is !== undefined) return is;
    const error = new Error("once, but not when it was repeated, it " + WHAT[was.kind], { cause: was.error });
    return problem(was.nth, "nondeterminism", error, was.frames);
  });
}

/** An error, its causes, and those that an `AggregateError` is made of, as far as they can be read. */
function causes(error: unknown): unknown[] {
  const all = new Set([error]);
  try {
    for (const e of all) { // those that are added meanwhile, too
      if (e === undefined || e === null) continue;
      all.add((e as { cause?: unknown }).cause);
      if (e instanceof AggregateError) { for (const one of e.errors) all.add(one); }
    }
  } catch {
    // It defends itself
  }
  return [...all];
}

/** Runs a generator to its end, at once unless it yields promises. */
export function drive<T>(runs: Generator<T | Promise<T>, void, T>): void | Promise<void> {
  let step = runs.next();
  while (!step.done) {
    if (step.value instanceof Promise) return driveAsync(runs, step.value);
    step = runs.next(step.value);
  }
}

async function driveAsync<T>(runs: Generator<T | Promise<T>, void, T>, first: Promise<T>): Promise<void> {
  let step = runs.next(await first);
  while (!step.done) step = runs.next(await step.value);
}
