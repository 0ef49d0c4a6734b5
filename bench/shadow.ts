/** What accesses through `std` cost where `shadow` looks at them, and where nobody does. */

import { readArgs, readInteger } from "../examples/cli.ts";
import { child, interleave } from "./measure.ts";
import { publish, round, table, VERDICT, verdict } from "./report.ts";
import type { Costs } from "./shadow_one.ts";

const help = `Measures accesses through std without a shadow, after one, and under one, and prints the ratios.

deno task bench:shadow [--rounds=N] [--quick] [--keep]

--rounds=N  processes of each kind, interleaved (7)
--quick     some samples only, to see that everything runs: not for reading figures
--keep      write the figures to bench/README.md; so they are anyway without --quick`;

const { flags } = readArgs(help, ["rounds", "quick", "keep"], 0);
const rounds = readInteger("--rounds", flags.rounds, 7, 1, 1000), quick = flags.quick !== undefined;

const modes = ["never", "closed", "open"] as const;
const runs: Record<typeof modes[number], Costs[]> = { never: [], closed: [], open: [] };
await interleave(modes, rounds, (mode) => mode, async (mode) => {
  const what = `accesses, shadow ${mode}`, args = [mode, ...quick ? ["quick"] : []];
  runs[mode].push(await child(what, ["run"], "shadow_one.ts", args) as Costs);
});

const names = Object.keys(runs.never[0]);
/** Nanoseconds, in the quietest round. */
const std = (mode: typeof modes[number], name: string) => Math.min(...runs[mode].map((costs) => costs[name].std));
const plain = (name: string) => Math.min(...runs.never.map((costs) => costs[name].plain ?? NaN));
const ratio = (x: number) => Number.isNaN(x) ? "-" : x.toFixed(2);

const figures = [
  table([
    ["access", "never, ns", "to plain", "closed", "open"],
    ...names.map((name) => [
      name,
      round(std("never", name)),
      ratio(std("never", name) / plain(name)),
      ratio(std("closed", name) / std("never", name)),
      ratio(std("open", name) / std("never", name)),
    ]),
  ]),
  table([
    VERDICT,
    ...names.filter((name) => !Number.isNaN(plain(name))).map((name) =>
      verdict(`${name}: never / plain`, std("never", name) / plain(name), "<=", 1.05)
    ),
  ]),
];
await publish("shadow", figures.join("\n\n"), flags.keep !== undefined || !quick);
