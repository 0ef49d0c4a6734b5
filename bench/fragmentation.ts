/** Measures how much memory allocators take for what is asked of them. */

import { readArgs } from "../examples/cli.ts";
import { ours, peers } from "./contenders/mod.ts";
import type { Memory } from "./fragmentation_one.ts";
import { child, interleave, legend, pick, select } from "./measure.ts";
import { publish, round, table, VERDICT, verdict } from "./report.ts";
import { mixed } from "./traffic.ts";

const [general, ...others] = ours, allContenders = [general, ...peers, ...others], names = Object.keys(mixed(false));

const help = `Measures how much memory allocators take for what is asked of them, and prints a table.

deno task bench:fragmentation [--workload=NAMES] [--contender=NAMES] [--quick] [--keep]

--workload=NAMES   only these, as in churn,drift: ${names.join(", ")}
--contender=NAMES  only these: ${allContenders.join(", ")}
--quick            a tenth of the operations
--keep             write the table to bench/README.md; so it is anyway when everything has been run

A figure is the peak of the heap, from the start of the lowest block to the end of the highest that were ever out, as a
multiple of the peak of the bytes that were asked for and out.`;

const { flags } = readArgs(help, ["workload", "contender", "quick", "keep"], 0);
const quick = flags.quick !== undefined;
const workloads = pick(mixed(quick), select("workload", flags.workload, names));
const contenders = select("contender", flags.contender, allContenders);

const memory = new Map<string, Memory>();
const cells = Object.keys(workloads).flatMap((workload) => contenders.map((contender) => ({ workload, contender })));
await interleave(cells, 1, (c) => `${c.workload}, ${c.contender}`, async ({ workload, contender }) => {
  const args = [workload, contender, ...quick ? ["quick"] : []];
  const seen = await child(`${contender}: ${workload}`, ["run"], "fragmentation_one.ts", args);
  memory.set(`${workload} ${contender}`, seen as Memory);
});

const full = flags.workload === undefined && flags.contender === undefined && !quick;
await publish(
  "fragmentation",
  [peaks(), figures(), await legend(workloads, contenders)].filter((t) => t !== "").join("\n\n"),
  full || flags.keep !== undefined,
);

/** Bytes at the peak. A block that moves is out twice for a moment, but not where it is resized in place. */
function peak(workload: string, of: "live" | "rounded"): number {
  return Math.min(...contenders.map((c) => memory.get(`${workload} ${c}`)![of]));
}

/** Peak of the heap over the peak of what is live; NaN if it has not been measured. */
function ratio(workload: string, contender: string, of: "span" | "pages" = "span"): number {
  return (memory.get(`${workload} ${contender}`)?.[of] ?? NaN) / peak(workload, "live");
}

function peaks(): string {
  const columns = contenders.flatMap((c) => {
    const span = { title: c, figure: (w: string) => ratio(w, c) };
    return c === general ? [span, { title: `${c}, pages`, figure: (w: string) => ratio(w, c, "pages") }] : [span];
  });
  const rows = Object.keys(workloads).map((w) => [
    w,
    `${round(peak(w, "live") / 1024)} KiB`,
    (peak(w, "rounded") / peak(w, "live")).toFixed(3),
    ...columns.map(({ figure }) => figure(w).toFixed(3)),
  ]);
  return table([["workload", "peak live", "rounded to 16", ...columns.map(({ title }) => title)], ...rows]);
}

/** The figures that are wanted, of those that have been measured. */
function figures(): string {
  if (!contenders.includes(general)) return "";
  const rivals = contenders.filter((c) => peers.includes(c)), rows: string[][] = [];
  for (const w of Object.keys(workloads)) {
    rows.push(verdict(`${w}: ${general}`, ratio(w, general), "<=", 1.2));
    if (rivals.length > 0) {
      const least = Math.min(...rivals.map((peer) => ratio(w, peer)));
      rows.push(verdict(`${w}: ${general} / the least of the peers`, ratio(w, general) / least, "<=", 1));
    }
  }
  const after = Object.keys(workloads).map((w) => memory.get(`${w} ${general}`)!.after!);
  rows.push(
    verdict("everything put: runs of free pages, at most", Math.max(...after.map(({ runs }) => runs)), "<=", 1),
  );
  rows.push(
    verdict("everything put: pages still out, KiB", Math.max(...after.map(({ pages }) => pages / 1024)), "<=", 0),
  );
  return table([VERDICT, ...rows]);
}
