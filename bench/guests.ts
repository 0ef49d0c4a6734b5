/** Programs in WebAssembly whose allocator is replaced or watched, against themselves with the allocator that they have. */

import { readArgs, readInteger } from "../examples/cli.ts";
import { type ContenderName, CONTENDERS } from "./guests/contenders.ts";
import { works } from "./guests/programs.ts";
import type { Measured } from "./guests_one.ts";
import { child, interleave, pick, select, wrap } from "./measure.ts";
import { publish, quantile, round, table, VERDICT, verdict } from "./report.ts";

const help = `Times programs in WebAssembly as guests, and as they are, and prints the ratios.

deno task bench:guests [--work=NAMES] [--rounds=N] [--quick] [--keep]

--work=NAMES  only these, as in pair,churn: ${Object.keys(works).join(", ")}
--rounds=N    processes for each program, interleaved (3)
--quick       some samples only, to see that everything runs: not for reading figures
--keep        write the figures to bench/README.md; so they are anyway when everything has been run

A ratio is one within a process, in which the samples are interleaved; of the processes' ratios it is the middle one, as a time is of
their times.`;

const { flags } = readArgs(help, ["work", "rounds", "quick", "keep"], 0);
const quick = flags.quick !== undefined, rounds = readInteger("--rounds", flags.rounds, quick ? 1 : 3, 1, 1000);
const chosen = pick(works, select("work", flags.work, Object.keys(works)));

type Process = Partial<Record<ContenderName, Measured>>;
const processes = new Map<string, Process[]>(Object.keys(chosen).map((work) => [work, []]));
await interleave(Object.keys(chosen), rounds, (work) => work, async (work) => {
  const args = [work, ...quick ? ["quick"] : []];
  processes.get(work)!.push(await child(work, ["run"], "guests_one.ts", args) as Process);
});

/** The middle one of what `f` makes of each process; NaN if that cannot be had of this program. */
const middle = (work: string, f: (one: Process) => number | undefined): number =>
  quantile(processes.get(work)?.map((one) => f(one) ?? NaN) ?? [NaN]);
const ratio = (work: string, name: ContenderName) => middle(work, (one) => one[name] && one[name].ns / one.own!.ns);

const names = Object.keys(CONTENDERS) as ContenderName[];
const rows = (cell: (work: string, name: ContenderName) => string) =>
  Object.keys(chosen).map((work) => [work, ...names.map((name) => cell(work, name))]);
const times = rows((work, name) => {
  if (name !== "own") return shown(ratio(work, name), " x");
  const ns = middle(work, (one) => one.own!.ns), unit = ns < 1e4 ? "ns" : "us";
  return shown(unit === "ns" ? ns : ns / 1000, ` ${unit}/${works[work].op}`);
});
const memory = rows((work, name) => shown(middle(work, (one) => one[name] && one[name].memory / 1024), ""));

function shown(x: number, unit: string): string {
  return Number.isNaN(x) ? "-" : unit === "" ? `${x}` : round(x) + unit;
}

const figure = (work: string, name: ContenderName, wanted: number) =>
  verdict(`${work}: ${name} / own`, ratio(work, name), "<=", wanted);
const figures = [
  ...["pair", "lifo"].map((work) => figure(work, "replace", 1.25)),
  figure("churn", "replace", 0.8),
  figure("trees", "replace", 1),
  figure("parse", "replace", 1),
  figure("parse", "arena", 0.9),
  ...["pair", "lifo", "churn", "trees", "parse"].map((work) => figure(work, "watch", 1.5)),
].filter(([, , measured]) => measured !== "NaN");

const legend = [...Object.entries(chosen).map(([name, { about }]) => [name, about]), ...Object.entries(CONTENDERS)];
await publish(
  "guests",
  [
    table([["time", ...names], ...times]),
    table([["memory, KiB", ...names], ...memory]),
    table([VERDICT, ...figures]),
    legend.map(([name, about]) => wrap(`- **${name}**: ${about}`)).join("\n"),
  ].join("\n\n"),
  (flags.work === undefined && !quick) || flags.keep !== undefined,
);
