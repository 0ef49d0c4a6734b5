/** Compares `general` with allocators in WebAssembly modules, on the traffic that such allocators are made for. */

import { readArgs, readInteger } from "../examples/cli.ts";
import { ours, peers } from "./contenders/mod.ts";
import { legend, pick, select, Times } from "./measure.ts";
import { publish, table, VERDICT, verdict } from "./report.ts";
import { traffic } from "./traffic.ts";

const [general, ...others] = ours, allContenders = [general, ...peers, ...others];

const help = `Compares the allocator general() with others, and prints a table of their times.

deno task bench:general [--workload=NAMES] [--contender=NAMES] [--rounds=N] [--quick] [--keep]

--workload=NAMES   only these, as in pair,fifo: ${Object.keys(traffic).join(", ")}
--contender=NAMES  only these: ${allContenders.join(", ")}
--rounds=N         processes for each workload and contender, interleaved (5)
--quick            some samples only, to see that everything runs: not for reading figures
--keep             write the table to bench/README.md; so it is anyway when everything has been run

A figure is the mean of a process's samples, and of the rounds the quietest.`;

const { flags } = readArgs(help, ["workload", "contender", "rounds", "quick", "keep"], 0);
const workloads = pick(traffic, select("workload", flags.workload, Object.keys(traffic)));
const contenders = select("contender", flags.contender, allContenders);
const rounds = readInteger("--rounds", flags.rounds, 5, 1, 1000), quick = flags.quick !== undefined;

const times = new Times(workloads, contenders);
await times.measure(rounds, quick);

const full = flags.workload === undefined && flags.contender === undefined && !quick;
await publish(
  "general",
  [`${times}`, figures(), await legend(workloads, contenders)].filter((t) => t !== "").join("\n\n"),
  full || flags.keep !== undefined,
);

/** How often as long as `general` they take, on each workload. */
function ratios(contenders: readonly string[]): number[] {
  const all = contenders.flatMap((c) => Object.keys(workloads).map((w) => times.ns(w, c) / times.ns(w, general)));
  return all.filter((ratio) => !Number.isNaN(ratio));
}

/** The figures that are wanted, of those that have been measured. */
function figures(): string {
  const all = ratios(peers), least = (contenders: readonly string[]) => Math.min(...ratios(contenders));
  if (all.length === 0) return "";
  return table([
    VERDICT,
    ...peers.map((peer) => verdict(`${peer} / ${general}, the least on any workload`, least([peer]), ">", 1)),
    verdict(
      `peers / ${general}, geometric mean`,
      Math.exp(all.reduce((sum, x) => sum + Math.log(x), 0) / all.length),
      ">=",
      2,
    ),
    verdict(`bonwick / ${general}, the least on any workload`, least(["bonwick"]), ">", 1),
  ].filter(([, , got]) => !/Infinity|NaN/.test(got)));
}
