/** Measures what an operation costs with more and more blocks live, and plots it. */

import { readArgs, readInteger } from "../examples/cli.ts";
import { baselines, ours, peers, ready } from "./contenders/mod.ts";
import { child, interleave, legend, select } from "./measure.ts";
import { type Line, plot } from "./plot.ts";
import { publish, round, table, VERDICT, verdict } from "./report.ts";
import type { Cost } from "./scaling_one.ts";

const LIVE = [1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000];

/** Blocks up to which a contender is measured, where more would take hours. */
const BEARABLE: Readonly<Record<string, number>> = { mempool: 10_000 };

const slow = Object.keys(BEARABLE), allContenders = [...new Set([...ours, ...ready, ...peers, ...slow, ...baselines])];

const help = `Measures what an operation costs with 1,000 to 1,000,000 blocks live, and prints a table.

deno task bench:scaling [--contender=NAMES] [--rounds=N] [--quick] [--keep]

--contender=NAMES  only these: ${allContenders.join(", ")}
--rounds=N         processes for each contender and number of blocks, interleaved (3)
--quick            1,000 and 10,000 blocks, few samples: not for reading figures
--keep             write the table to bench/README.md, and the plot beside it; so it is anyway when everything has been run

An operation is a pair: a block is put, another got in its place. A figure is the quietest of the samples in all rounds.`;

const { flags } = readArgs(help, ["contender", "rounds", "quick", "keep"], 0);
const contenders = select("contender", flags.contender, allContenders), quick = flags.quick !== undefined;
const rounds = readInteger("--rounds", flags.rounds, 3, 1, 1000), live = quick ? [1000, 10_000] : LIVE;
const keep = flags.keep !== undefined || (flags.contender === undefined && !quick);
const least = live[0], most = live[live.length - 1];

const costs = new Map<string, Cost>();
const cells = live.flatMap((n) =>
  contenders.filter((c) => n <= (BEARABLE[c] ?? Infinity)).map((contender) => ({ contender, n }))
);
await interleave(cells, rounds, ({ contender, n }) => `${contender}, ${n} blocks`, async ({ contender, n }) => {
  const args = [contender, `${n}`, ...quick ? ["quick"] : []];
  const cost = await child(`${contender}: ${n} blocks`, ["run"], "scaling_one.ts", args) as Cost;
  const key = `${contender} ${n}`, { anywhere, hot } = costs.get(key) ?? cost;
  costs.set(key, { anywhere: Math.min(anywhere, cost.anywhere), hot: Math.min(hot, cost.hot) });
});

if (keep) {
  const picture = plot(
    [
      { title: "A block anywhere among those that are live is put, another got", lines: lines("anywhere") },
      { title: "A block among the same 1,000 of those that are live is put, another got", lines: lines("hot") },
    ],
    "blocks live",
    "ns a pair",
  );
  await Deno.writeTextFile(new URL("scaling.svg", import.meta.url), picture);
}
await publish("scaling", [times(), figures(), await legend({}, contenders)].filter((t) => t !== "").join("\n\n"), keep);

/** Nanoseconds a pair; NaN if it has not been measured. */
function ns(contender: string, n: number, where: keyof Cost): number {
  return costs.get(`${contender} ${n}`)?.[where] ?? NaN;
}

function lines(where: keyof Cost): Line[] {
  return contenders.map((name) => ({
    name,
    points: live.map((n) => [n, ns(name, n, where)] as const).filter(([, y]) => !Number.isNaN(y)),
    style: baselines.includes(name) ? "baseline" : peers.includes(name) || slow.includes(name) ? "peer" : "ours",
  }));
}

function times(): string {
  const number = (n: number) => n.toLocaleString("en"), show = (x: number) => Number.isNaN(x) ? "-" : round(x);
  const columns = [least, ...quick ? [] : [30_000], most];
  const head = (["anywhere", "hot"] as const).flatMap((where) => [
    ...columns.map((n) => `${where}: ${number(n)}`),
    "ratio",
  ]);
  const rows = contenders.map((c) => [
    c,
    ...(["anywhere", "hot"] as const).flatMap((where) => [
      ...columns.map((n) => show(ns(c, n, where))),
      show(ns(c, most, where) / ns(c, least, where)),
    ]),
  ]);
  return table([["ns a pair", ...head], ...rows]);
}

/** The figures that are wanted, of those that have been measured. */
function figures(): string {
  const rows = (["hot", "anywhere"] as const).flatMap((where) =>
    contenders.filter((c) => ready.includes(c)).map((c) => {
      const what = `${c}, ${where}: ${most.toLocaleString("en")} blocks / ${least.toLocaleString("en")}`;
      return verdict(what, ns(c, most, where) / ns(c, least, where), "<=", 3);
    })
  );
  return rows.length === 0 ? "" : table([VERDICT, ...rows]);
}
