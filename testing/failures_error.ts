/**
 * What `failuresOf` throws, and how it reads.
 *
 * @module
 */

import { formatFrames, type Frame } from "../frames.ts";
import { show } from "../errors.ts";
import { formatCount, plural } from "../gauge.ts";
import { LeakError } from "../layers/check.ts";
import { formatSites, keyOf, type Site, type SiteFormat } from "../sites.ts";

/** What can be wrong with how a program takes that an allocation fails. */
export type ProblemKind = "leak" | "swallow" | "error" | "damage" | "nondeterminism";

/** What went wrong in a run of the body. */
export interface Problem {
  /** The allocation that failed, from 1. 0 for a run without failure, which differed from the first. */
  readonly nth: number;
  /**
   * `"leak"`: blocks were left behind. `"swallow"`: it returned as if nothing had happened. `"error"`: it threw another
   * error than an `OutOfMemoryError`. `"damage"`: it misused memory. `"nondeterminism"`: it did not do what it had done
   * before, so that nothing can be said of it.
   */
  readonly kind: ProblemKind;
  /** What the body threw, or what was found afterwards: a `LeakError`, a `MemoryError`. */
  readonly error?: unknown;
  /** Of a leak, where the blocks were allocated. Empty where that was not looked for: see {@linkcode FailuresError}. */
  readonly sites: readonly Site[];
  /** The calls that led to the allocation that failed, the user's innermost first. */
  readonly frames: readonly Frame[];
}

/** Groups of problems, and calls of each, in a message: what can be taken in at a glance. */
const GROUPS = 3, CALLS = 2;

/** Lines of an error in a message: a `MemoryError` with its three call stacks. */
const MOST_LINES = 13;

const IN_MESSAGE: SiteFormat = { sites: 1, frames: CALLS };

/**
 * What `failuresOf` throws. The message has the problems by where the allocation is that failed, the most frequent ones
 * first. Where a leak comes from was looked for in the first runs of each such group.
 */
export class FailuresError extends Error {
  readonly #problems: readonly Problem[]; // private, or printing the error would print all of them
  /** Allocations of the body when none fails. */
  readonly allocations: number;
  /** Runs in which one of them failed. */
  readonly runs: number;

  /** Problems in so many runs, of a body that makes so many allocations. */
  constructor(problems: readonly Problem[], allocations: number, runs: number, report: SiteFormat = IN_MESSAGE) {
    const groups = groupProblems(problems).sort((a, b) => b.length - a.length || a[0].nth - b[0].nth);
    const shown = groups.slice(0, GROUPS), rest = groups.slice(GROUPS);
    const wrong = new Set(problems.map(({ nth }) => nth)).size, more = rest.reduce((n, group) => n + group.length, 0);
    const which = runs < allocations ? `one of ${formatCount(allocations)} allocations` : "another allocation";
    const lines = shown.flatMap((group) => linesOf(group, report));
    if (more > 0) lines.push(`  and ${plural(more, "more problem")}, at ${plural(rest.length, "other place")}`);
    const cause = shown.map(([{ kind, error }]) => kind === "error" ? error : undefined).find((e) =>
      e instanceof Error
    );
    const what = runs === 0
      ? "the body is not deterministic"
      : `${formatCount(wrong)} of ${plural(runs, "run")}, in each of which ${which} failed, went wrong`;
    super(
      `Cannot survive running out of memory: ${what}\n${lines.join("\n")}`,
      cause === undefined ? {} : { cause },
    );
    this.name = "FailuresError";
    this.#problems = problems;
    this.allocations = allocations;
    this.runs = runs;
  }

  /** Everything that went wrong, in the order of the runs. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }
}

/** Problems by what they are and where the allocation is that failed. */
export function groupKey({ kind, frames }: Problem): string {
  return `${kind}\n${keyOf(frames)}`;
}

function groupProblems(problems: readonly Problem[]): Problem[][] {
  const groups = new Map<string, Problem[]>();
  for (const problem of problems) {
    const key = groupKey(problem), group = groups.get(key);
    if (group === undefined) groups.set(key, [problem]);
    else group.push(problem);
  }
  return [...groups.values()];
}

/** What a run did, by what is wrong with that. */
export const WHAT: Record<ProblemKind, string> = {
  leak: "left blocks behind",
  swallow: "returned as if nothing had happened",
  error: "threw another error",
  damage: "misused memory",
  nondeterminism: "did not do what the one before had done",
};

function linesOf(group: readonly Problem[], report: SiteFormat): string[] {
  const { kind, nth, frames } = group[0], n = group.length;
  const example = group.find(({ sites }) => sites.length > 0) ?? group[0];
  const lines = [
    `  ${plural(n, "run")} ${WHAT[kind]}: ${n === 1 ? "that" : "the first is that"} in which allocation ` +
    `${formatCount(nth)} failed${frames.length > 0 ? ", at" : ""}`,
    ...formatFrames(frames, CALLS).map((line) => `    ${line}`),
  ];
  if (kind === "nondeterminism" && nth === 0) {
    lines[0] = "  a run in which none failed did not do what the first had done";
  }
  const text = example.sites.length > 0
    ? formatSites(example.sites, report)
    : example.error instanceof LeakError
    ? example.error.message.replace(/^Cannot .*?: /, "")
    : kind === "swallow"
    ? "if it can do without, the option swallow: true says so"
    : "error" in example
    ? textOf(example.error)
    : "";
  if (text !== "") lines.push(...text.split("\n").slice(0, MOST_LINES).map((line) => `    ${line.trimEnd()}`));
  return lines;
}

/** What was thrown, for people, whatever it is. */
function textOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return show(error);
  }
}
