/** What it takes to make a module a guest: time and memory, by its size. Each measurement has a process of its own. */

import { readArgs, readInteger } from "../examples/cli.ts";
import { child, interleave } from "./measure.ts";
import { publish, quantile, round, table, VERDICT, verdict } from "./report.ts";
import { MODULES } from "./rewriting_modules.ts";
import type { Times } from "./rewriting_one.ts";

const help = `Measures how fast binaries are rewritten, and the memory that takes, and prints the figures.

deno task bench:rewriting [--rounds=N] [--quick] [--keep]

--rounds=N  processes for each module, interleaved (5)
--quick     one run only, to see that everything runs: not for reading figures
--keep      write the figures to bench/README.md; so they are anyway without --quick

A figure is the middle one of the processes'.`;

const { flags } = readArgs(help, ["rounds", "quick", "keep"], 0);
const quick = flags.quick !== undefined, rounds = readInteger("--rounds", flags.rounds, quick ? 1 : 5, 1, 1000);

const names = Object.keys(MODULES);
const times = new Map<string, Times[]>(names.map((name) => [name, []]));
/** Of the largest: what a process has besides is more than the small ones. */
const peaks: number[] = [], largest = names[names.length - 1];
const folder = await Deno.makeTempDir(), fileOf = (name: string) => `${folder}/${names.indexOf(name)}.wasm`;
try {
  for (const name of names) await Deno.writeFile(fileOf(name), await MODULES[name]());
  await interleave(names, rounds, (name) => name, async (name) => {
    const one = (what: string) => {
      const args = [what, fileOf(name), ...quick ? ["quick"] : []];
      return child(name, ["run", "--v8-flags=--expose-gc"], "rewriting_one.ts", args);
    };
    times.get(name)!.push(await one("times") as Times);
    if (name === largest) peaks.push(await one("peak") as number);
  });
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** Bytes in a microsecond, which is 10^6 bytes in a second. */
const speed = (name: string, of: "first" | "rewrite" | "interpose") =>
  quantile(times.get(name)!.map((run) => run.bytes / run[of]));
const peak = quantile(peaks);

const rows = names.map((name) => {
  const [{ bytes, functions }] = times.get(name)!;
  return [
    name,
    `${(bytes / 1e6).toFixed(1)} MB`,
    functions.toLocaleString("en"),
    `${round(speed(name, "first"))} MB/s`,
    `${round(speed(name, "rewrite"))} MB/s`,
    `${round(speed(name, "interpose"))} MB/s`,
    name === largest && peak > 0 ? `${round(peak)} x` : "-",
  ];
});
const wanted = [
  ...names.map((name) => verdict(`rewrite ${name}: MB/s`, speed(name, "rewrite"), ">=", 100)),
  ...names.map((name) => verdict(`interpose ${name}: MB/s`, speed(name, "interpose"), ">=", 100)),
  ...peak > 0 ? [verdict(`${largest}: memory / module`, peak, "<=", 3)] : [],
];
await publish(
  "rewriting",
  [
    table([["module", "size", "functions", "first", "rewrite", "interpose", "memory"], ...rows]),
    table([VERDICT, ...wanted]),
  ].join("\n\n"),
  !quick || flags.keep !== undefined,
);
