/** What composing layers costs: stacks against the same with nothing composed, in one process. */

import {
  type AnyLayer,
  arena,
  bonwick,
  bypass,
  chunk,
  general,
  kingsley,
  type Layer,
  lea,
  mmap,
  pool,
  reap,
  specialise,
  stats,
} from "../mod.ts";
import { readArgs, readInteger } from "../examples/cli.ts";
import { freelist } from "./freelist.ts";
import { chunkWithStats, freelistWithStats } from "./fused.ts";
import { others } from "./others.ts";
import { publish, round, table, VERDICT, verdict } from "./report.ts";
import { LEAST_ROUNDS, Runner, sample } from "./runner.ts";

const help = `Measures what composing layers costs, and prints the ratios.

deno task bench:compose [--rounds=N] [--keep]

--rounds=N  short samples of each stack, interleaved (300)
--keep      write the figures to bench/README.md; so they are anyway with 300 rounds or more`;

const { flags } = readArgs(help, ["rounds", "keep"], 0);
const rounds = readInteger("--rounds", flags.rounds, 300, LEAST_ROUNDS, 100_000);

interface Row {
  readonly name: string;
  /** What it is compared with: a row, for the ratio, and what that may be at most, if anything. */
  readonly to?: Row;
  readonly wanted?: number;
  readonly runner: Runner;
}

const four = <S>(x: Layer<S>): Layer<S> => bypass(bypass(bypass(bypass(x))));
const freelists = () => freelist(chunk(mmap(), 65536));

/** Stacks and what they are compared with. Where composition is not free, nothing is wanted of it. */
function compositions(free: boolean): Row[] {
  const rows: Row[] = [];
  const add = (name: string, stack: AnyLayer, to?: Row, wanted?: number): Row => {
    const row = { name, runner: new Runner(stack), ...to && { to }, ...free && wanted && { wanted } };
    rows.push(row);
    return row;
  };
  const before = specialise(free);
  const c = add("chunk", chunk(mmap(), 65536)), f = add("freelist", freelists()), b = add("bonwick", bonwick(mmap()));
  add("bonwick, once more", bonwick(mmap()), b);
  add("4 x bypass over chunk", four(chunk(mmap(), 65536)), c, 1.05);
  add("4 x bypass over freelist", four(freelists()), f, 1.05);
  add("4 x bypass over bonwick", four(bonwick(mmap())), b, 1.05);
  const ready = { general: general(), lea: lea(), kingsley: kingsley(), arena: arena(), reap: reap(), pool: pool(72) };
  for (const [name, stack] of Object.entries(ready)) {
    add(`4 x bypass over ${name}`, four(stack as AnyLayer), add(name, stack), 1.05);
  }
  const fusedChunk = add("stats and chunk, fused by hand", chunkWithStats(mmap(), 65536), c);
  const fusedFreelist = add("stats and freelist, fused by hand", freelistWithStats(chunk(mmap(), 65536)), f);
  add("stats over chunk", stats(chunk(mmap(), 65536)), fusedChunk, 1.15);
  add("stats over freelist", stats(freelists()), fusedFreelist, 1.15);
  add("stats over bonwick", stats(bonwick(mmap())), b);
  specialise(before);
  return rows;
}

for (const specialised of [true, false]) {
  const before = specialise(specialised);
  for (const stack of others()) new Runner(stack).run(0);
  specialise(before);
}

const on = compositions(true), off = compositions(false), rows = [...on, ...off];
sample(rows.map(({ runner }) => runner), rounds);

const ratio = ({ runner, to }: Row): number => runner.ns / to!.runner.ns;
const times = (row: Row, i: number): string[] => [
  row.name,
  round(row.runner.ns),
  row.runner.range,
  row.to?.name ?? "",
  row.to ? ratio(row).toFixed(2) : "",
  round(off[i].runner.ns),
  row.to ? ratio(off[i]).toFixed(2) : "",
];
const wanted = on.filter((row) => row.wanted !== undefined);

await publish(
  "composition",
  [
    table([["stack", "ns/pair", "loops", "compared with", "ratio", "unspecialised", "ratio"], ...on.map(times)]),
    table([VERDICT, ...wanted.map((row) => verdict(`${row.name} / ${row.to!.name}`, ratio(row), "<=", row.wanted!))]),
  ].join("\n\n"),
  flags.keep !== undefined || rounds >= 300,
);
