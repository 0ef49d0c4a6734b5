/** Runs the workloads by the contenders, each in a process of its own, and makes a table of their ratios. */

import { readArgs, readInteger } from "../examples/cli.ts";
import { contenders as allContenders } from "./contenders/mod.ts";
import { legend, pick, select, Times } from "./measure.ts";
import { publish, table, VERDICT, verdict } from "./report.ts";
import { workloads as allWorkloads } from "./workloads.ts";

const help = `Runs workloads by contenders, and prints a table of their times.

deno task bench [--workload=NAMES] [--contender=NAMES] [--rounds=N] [--quick] [--keep]

--workload=NAMES   only these, as in pair,fifo: ${Object.keys(allWorkloads).join(", ")}
--contender=NAMES  only these: ${allContenders.join(", ")}
--rounds=N         processes for each workload and contender, interleaved (5)
--quick            some samples only, to see that everything runs: not for reading figures
--keep             write the table to bench/README.md; so it is anyway when everything has been run

A figure is the mean of a process's samples, and of the rounds the quietest.`;

const { flags } = readArgs(help, ["workload", "contender", "rounds", "quick", "keep"], 0);
const workloads = pick(allWorkloads, select("workload", flags.workload, Object.keys(allWorkloads)));
const contenders = select("contender", flags.contender, allContenders);
const rounds = readInteger("--rounds", flags.rounds, 5, 1, 1000), quick = flags.quick !== undefined;

const times = new Times(workloads, contenders);
await times.measure(rounds, quick);

const full = flags.workload === undefined && flags.contender === undefined && !quick;
await publish(
  "workloads",
  [`${times}`, figures(), await legend(workloads, contenders)].filter((t) => t !== "").join("\n\n"),
  full || flags.keep !== undefined,
);

/** The figures that are wanted, of those that have been measured. */
function figures(): string {
  const pair = (contender: string) => times.ns("pair", contender);
  const rows = [
    verdict("pair: wasm malloc / bonwick", pair("harfbuzz") / pair("bonwick"), ">=", 2.5),
    verdict("pair: MemPool / bonwick", pair("mempool") / pair("bonwick"), ">=", 12),
    verdict("pair: wasm malloc / region", pair("harfbuzz") / pair("region"), ">=", 1.3),
    verdict("pair: MemPool / region", pair("mempool") / pair("region"), ">=", 6),
    verdict(
      "enter an arena, get, leave / pair of bonwick",
      times.ns("enter", "region_arena") / pair("bonwick"),
      "<=",
      60,
    ),
  ].filter(([, , got]) => got !== "NaN");
  return rows.length === 0 ? "" : table([VERDICT, ...rows]);
}
