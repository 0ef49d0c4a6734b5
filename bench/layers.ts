/** What each layer costs: the catalogue in the README is told. */

import {
  affix,
  align,
  type AnyLayer,
  arena,
  batch,
  bigcache,
  bitmap,
  bonwick,
  buddy,
  bypass,
  cascade,
  check,
  chunk,
  coalesce,
  count,
  debug,
  fail,
  fallback,
  fixed,
  freelist,
  general,
  heap,
  histogram,
  kingsley,
  layers,
  lea,
  limit,
  log,
  mmap,
  must,
  pipe,
  pool,
  quantize,
  reap,
  route,
  sbrk,
  shadow,
  sizeclass,
  sized,
  slab,
  slabs,
  split,
  stats,
  trace,
  zero,
} from "../mod.ts";
import { readArgs, readInteger } from "../examples/cli.ts";
import { publish, round, table } from "./report.ts";
import { LEAST_ROUNDS, pairing, Runner, sample } from "./runner.ts";

const help = `Measures what each layer costs: one get and one put of a small block.

deno task bench:layers [--rounds=N] [--keep]

--rounds=N  short samples of each stack, interleaved (200)
--keep      write the figures to bench/README.md and to the catalogue in README.md; so they are anyway with 200 rounds
            or more`;

const { flags } = readArgs(help, ["rounds", "keep"], 0);
const rounds = readInteger("--rounds", flags.rounds, 200, LEAST_ROUNDS, 100_000);
const keep = flags.keep !== undefined || rounds >= 200;

const MOST = 2 ** 30; // bytes
const CLASSES = [16, 32, 64, 128];

/** What layers stand on that serve from another: blocks of one size, of which it can everything but align. */
const list = freelist(chunk(mmap(), 65536), 128), counted = stats(list);
const packed = bonwick(mmap()); // which aligns to 16 only

/** Pairs in a sample of what takes microseconds. */
const SLOW = 5000;

/**
 * A stack by the name of its topmost layer and, if what is below serves the blocks, that alone; and how many pairs are a
 * sample of it, if they take long.
 */
type Case = readonly [name: string, stack: AnyLayer, below?: AnyLayer, pairs?: number];

const CASES: readonly Case[] = [
  ["mmap", mmap()],
  ["sbrk", sbrk()],
  ["fixed", fixed({ start: heap.getPages(2048), bytes: 2048 * 4096 })],
  ["limit", limit(list, MOST), list],
  ["cascade", cascade(list), list],

  ["chunk", chunk(mmap(), 65536)],
  ["batch", batch(list), list],

  ["freelist", list],
  ["slab", slab(mmap(), 128)],
  ["slabs", slabs(coalesce(mmap()))],
  ["sizeclass", sizeclass(chunk(mmap(), 65536), CLASSES, (base) => freelist(base))],
  ["quantize", quantize(list, 64), list],
  ["bigcache", bigcache(mmap())],
  ["bonwick", bonwick(mmap())],

  ["coalesce", coalesce(mmap())],
  ["buddy", buddy(mmap())],
  ["bitmap", bitmap(mmap(), 16, 8192)],

  ["split", split(48, list, list), list],
  ["route", route((size) => size <= 48, list, list), list],
  ["fallback", fallback(list, list), list],

  ["align", align(packed, 64), packed],
  ["affix", affix(list, 16, 8), list],
  ["sized", sized(list), list],
  ["zero", zero(list), list],

  ["stats", counted, list],
  ["check", check(counted), counted],
  ["trace", trace(list), list, SLOW],
  ["trace, 1 in 1,000", trace(list, { every: 1000 }), list],
  ["debug", debug(list), list, SLOW],
  ["debug, no call stacks", debug(list, { depth: 0 }), list],
  ["shadow", shadow(list), list, SLOW],
  ["shadow, no call stacks", shadow(list, { depth: 0 }), list],
  ["count", count(list), list],
  ["histogram", histogram(list), list],
  ["log", log(list, () => {}), list],
  ["fail", fail(list, Infinity), list],
  ["must", must(list), list],
  ["bypass", bypass(list), list],

  ["pipe", pipe()],
  ["layers.ground", layers.ground()],
  ["layers.std", layers.std()],

  ["general", general()],
  ["lea", lea()],
  ["kingsley", kingsley()],
  ["arena", arena()],
  ["reap", reap()],
  ["pool", pool(128)],
];

/** Differences below this, in nanoseconds, are how well the code happened to be placed. */
const NOISE = 0.5;

/** Nanoseconds for people. */
const time = (ns: number): string => ns < 1000 ? `${ns.toFixed(1)} ns` : `${(ns / 1000).toFixed(1)} us`;

const runners = new Map<AnyLayer, Runner>();
for (const [, stack, below, pairs] of CASES) {
  if (below !== undefined && !runners.has(below)) runners.set(below, new Runner(below));
  if (!runners.has(stack)) runners.set(stack, new Runner(stack, pairs === undefined ? undefined : pairing(pairs)));
}
sample([...runners.values()], rounds);

const costs = new Map(CASES.map(([name, stack, below]) => {
  const { ns } = runners.get(stack)!;
  if (below === undefined) return [name, time(ns)];
  const more = ns - runners.get(below)!.ns;
  return [name, more < NOISE ? "+0 ns" : `+${time(more)}`];
}));

const row = ([name, stack, below]: Case): string[] => {
  const { ns, range } = runners.get(stack)!;
  return [name, round(ns), range, below ? round(runners.get(below)!.ns) : "", costs.get(name)!];
};

await publish(
  "layers",
  table([["layer", "ns/pair", "loops", "without it", "cost"], ...CASES.map(row)]),
  keep,
);
if (keep) await tell(costs);

/** Writes the costs to the last column of the catalogue: of each row that begins with a call of a layer. */
async function tell(costs: ReadonlyMap<string, string>): Promise<void> {
  const path = new URL("../README.md", import.meta.url), readme = await Deno.readTextFile(path);
  const [before, catalogue, after] = readme.split(/(?<=<!-- begin catalogue -->)|(?=<!-- end catalogue -->)/);
  if (after === undefined) throw new Error("Cannot keep the costs: README.md has no catalogue");
  const told = catalogue.replace(/(?:^\|.*\n)+/gm, (lines) => {
    const rows = lines.trimEnd().split("\n").map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
    for (const row of rows) {
      const cost = costs.get(row[0].match(/^`([\w.]+)\(/)?.[1] ?? "");
      if (cost !== undefined) row[row.length - 1] = cost;
    }
    const widths = rows[2].map((_, i) => Math.max(...rows.filter((_, r) => r !== 1).map((row) => row[i].length)));
    rows[1] = widths.map((width, i) => i < widths.length - 1 ? "-".repeat(width) : "-".repeat(width - 1) + ":");
    return rows.map((row) => {
      const cells = row.map((cell, i) => i < widths.length - 1 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
      return `| ${cells.join(" | ")} |\n`;
    }).join("");
  });
  await Deno.writeTextFile(path, before + told + after);
  console.error("The costs are now in the catalogue in README.md.");
}
