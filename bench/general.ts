/** Compares `general` with allocators in WebAssembly modules, on the traffic that such allocators are made for. */

import { ours, peers } from "./contenders/mod.ts";
import { compare, type Times } from "./measure.ts";
import { table, VERDICT, verdict } from "./report.ts";
import { traffic } from "./traffic.ts";

const [general, ...others] = ours;

await compare({
  purpose: "Compares the allocator general() with others, and prints a table of their times.",
  task: "bench:general",
  section: "general",
  workloads: traffic,
  contenders: [general, ...peers, ...others],
  figures,
});

/** How often as long as `general` they take, on each workload. */
function ratios(times: Times, workloads: readonly string[], contenders: readonly string[]): number[] {
  const all = contenders.flatMap((c) => workloads.map((w) => times.ns(w, c) / times.ns(w, general)));
  return all.filter((ratio) => !Number.isNaN(ratio));
}

/** The figures that are wanted, of those that have been measured. */
function figures(times: Times, workloads: readonly string[]): string {
  const all = ratios(times, workloads, peers);
  const least = (contenders: readonly string[]) => Math.min(...ratios(times, workloads, contenders));
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
