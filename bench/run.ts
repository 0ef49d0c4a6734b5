/** Runs the workloads by the contenders, each in a process of its own, and makes a table of their ratios. */

import { contenders } from "./contenders/mod.ts";
import { compare, type Times } from "./measure.ts";
import { table, VERDICT, verdict } from "./report.ts";
import { workloads } from "./workloads.ts";

await compare({
  purpose: "Runs workloads by contenders, and prints a table of their times.",
  task: "bench",
  section: "workloads",
  workloads,
  contenders,
  figures,
});

/** The figures that are wanted, of those that have been measured. */
function figures(times: Times): string {
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
