/** What it costs to watch a program: counting, tracing, checking. Each measurement has processes of its own. */

import { readArgs, readInteger } from "../examples/cli.ts";
import { watches } from "./json_suite.ts";
import { child, interleave } from "./measure.ts";
import { publish, quantile, round, table, VERDICT, verdict } from "./report.ts";
import type { Captures, Pairs, Suite } from "./watching_one.ts";

const help = `Measures what it costs to find leaks and memory errors, and prints the ratios.

deno task bench:watching [--rounds=N] [--quick] [--keep]

--rounds=N  processes for each measurement, interleaved (5)
--quick     some samples only, to see that everything runs: not for reading figures
--keep      write the figures to bench/README.md; so they are anyway without --quick

A ratio is one within a process; of the processes' ratios it is the middle one, as a time is of their times.`;

const { flags } = readArgs(help, ["rounds", "quick", "keep"], 0);
const quick = flags.quick !== undefined, rounds = readInteger("--rounds", flags.rounds, quick ? 1 : 5, 1, 1000);

const pairs: Pairs[] = [],
  later: Pairs[] = [],
  churn: Pairs[] = [],
  captures: Captures[] = [],
  warm: Suite[] = [],
  whole: Suite[] = [];
const measurements: Record<string, () => Promise<void>> = {
  pairs: async () => void pairs.push(await one("pairs") as Pairs),
  "pairs, later": async () => void later.push(await one("pairs, later") as Pairs),
  churn: async () => void churn.push(await one("churn") as Pairs),
  captures: async () => void captures.push(await one("captures") as Captures),
  suite: async () => void warm.push(await one("suite") as Suite),
  "deno test": async () => void whole.push(await denoTest()),
};

function one(measurement: string): Promise<unknown> {
  const deno = ["run", "--v8-flags=--expose-gc"], args = [measurement, ...quick ? ["quick"] : []];
  return child(measurement, deno, "watching_one.ts", args);
}

/** Milliseconds the JSON suite takes as a user runs it, from start to exit. */
async function denoTest(): Promise<Suite> {
  const suite: Suite = {}, script = new URL("json_suite.ts", import.meta.url).href;
  for (const watch of Object.keys(watches)) {
    const args = ["test", "--no-check", "--quiet", "--allow-env", "--allow-read", script, "--", watch];
    const start = performance.now();
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: new URL("..", import.meta.url),
      env: { NO_COLOR: "1" },
    }).output();
    suite[watch] = performance.now() - start;
    if (success) continue;
    for (const text of [stdout, stderr]) console.error(new TextDecoder().decode(text));
    throw new Error(`Cannot bench the JSON suite: it has failed with ${watch}`);
  }
  return suite;
}

await interleave(Object.keys(measurements), rounds, (name) => name, (name) => measurements[name]());

/** The middle one of what `f` makes of each process. */
const middle = <T>(all: readonly T[], f: (one: T) => number): number => quantile(all.map(f));

const STACKS = Object.keys(pairs[0].bonwick), ON = Object.keys(pairs[0]), CHURNED = Object.keys(churn[0]);
const pairRows = (all: readonly Pairs[], when = ""): string[][] =>
  Object.keys(all[0]).map((x) => [
    x + when,
    ...STACKS.map((stack) => {
      const ns = middle(all, (one) => one[x][stack]);
      return stack === "x" ? `${round(ns)} ns` : `${round(middle(all, (one) => one[x][stack] / one[x].x))} x`;
    }),
  ]);

const DEPTHS = Object.keys(captures[0].get), LIVE = Object.keys(captures[0].report);
const captureRows = DEPTHS.map((depth) => {
  const [user, captured] = depth.split(", ");
  const us = middle(captures, ({ get }) => get[depth]), bytes = middle(captures, ({ bytes }) => bytes[depth]);
  return [user, captured, `${round(us)} us`, `${round(bytes)} B`];
});
const reports = LIVE.map((n) => {
  const ms = middle(captures, ({ report }) => report[n]);
  return `${Number(n).toLocaleString("en")}: ${round(ms)} ms`;
});

const suiteRows = Object.keys(watches).map((watch) => {
  const cells = [warm, whole].flatMap((all) => [
    `${round(middle(all, (one) => one[watch]))} ms`,
    `${round(middle(all, (one) => one[watch] / one.plain))} x`,
  ]);
  return [watch, ...cells];
});

const ratio = (all: readonly Pairs[], x: string, stack: string, to: string) =>
  middle(all, (one) => one[x][stack] / one[x][to]);
const checked = "check(stats(x))", sampled = "trace(stats(x), { every: 1000 })", debugged = "debug(x, { depth: 0 })";
const wanted = [
  ...ON.map((x) => verdict(`${checked} / x, x = ${x}`, ratio(pairs, x, checked, "x"), "<=", 1.3)),
  ...ON.map((x) => verdict(`${checked} / x, x = ${x}, later`, ratio(later, x, checked, "x"), "<=", 1.3)),
  ...ON.map((x) => verdict(`${sampled} / stats(x), x = ${x}`, ratio(pairs, x, sampled, "stats(x)"), "<=", 1.2)),
  ...CHURNED.map((x) => verdict(`${sampled} / stats(x), x = ${x}`, ratio(churn, x, sampled, "stats(x)"), "<=", 1.2)),
  ...DEPTHS.filter((depth) => depth.endsWith(", 8")).map((depth) => {
    const us = middle(captures, ({ get }) => get[depth]);
    return verdict(`a get under trace, us, ${depth.split(", ")[0]} calls deep`, us, "<=", 6);
  }),
  ...ON.map((x) => verdict(`${debugged} / x, x = ${x}`, ratio(pairs, x, debugged, "x"), "<=", 6)),
  verdict("JSON suite: leakFree / plain, deno test", middle(whole, (one) => one.leakFree / one.plain), "<=", 4),
  verdict("JSON suite: leakFree / plain, warm", middle(warm, (one) => one.leakFree / one.plain), "<=", 4),
];

await publish(
  "watching",
  [
    table([["a pair", ...STACKS], ...pairRows(pairs), ...pairRows(later, ", later"), ...pairRows(churn)]),
    table([["calls of the user", "kept", "a get", "a live block"], ...captureRows]),
    `A report, by live blocks, ${reports.join("; ")}.`,
    table([["JSON suite", "warm", "to plain", "deno test", "to plain"], ...suiteRows]),
    table([VERDICT, ...wanted]),
  ].join("\n\n"),
  !quick || flags.keep !== undefined,
);
