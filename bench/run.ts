/** Runs the workloads by the contenders, each in a process of its own, and makes a table of their ratios. */

import { fail, readArgs, readInteger } from "../examples/cli.ts";
import { contenders as allContenders, load } from "./contenders/mod.ts";
import { progress, publish, round, table, VERDICT, verdict } from "./report.ts";
import { roundOf, workloads as allWorkloads } from "./workloads.ts";

const help = `Runs workloads by contenders, and prints a table of their times.

deno task bench [--workload=NAMES] [--contender=NAMES] [--rounds=N] [--quick] [--keep]

--workload=NAMES   only these, as in pair,fifo: ${Object.keys(allWorkloads).join(", ")}
--contender=NAMES  only these: ${allContenders.join(", ")}
--rounds=N         processes for each workload and contender, interleaved (5)
--quick            some samples only, to see that everything runs: not for reading figures
--keep             write the table to bench/README.md; so it is anyway when everything has been run

A figure is the mean of a process's samples, and of the rounds the quietest.`;

const { flags } = readArgs(help, ["workload", "contender", "rounds", "quick", "keep"], 0);
const workloads = select("workload", Object.keys(allWorkloads)), contenders = select("contender", allContenders);
const rounds = readInteger("--rounds", flags.rounds, 5, 1, 1000), quick = flags.quick !== undefined;

/** Names chosen by a flag, as in "pair,fifo"; all of them without it. */
function select(flag: string, all: readonly string[]): readonly string[] {
  const names = flags[flag]?.split(",") ?? all;
  for (const name of names) if (!all.includes(name)) fail(`--${flag} must be of ${all.join(", ")}, got "${name}"`);
  return all.filter((name) => names.includes(name));
}

interface Cell {
  readonly workload: string;
  readonly contender: string;
  /** Nanoseconds an operation, in each round. */
  readonly ns: number[];
}

const cells: Cell[] = [];
for (const contender of contenders) {
  const c = await load(contender);
  for (const workload of workloads) {
    if (roundOf(allWorkloads[workload], c) !== undefined) cells.push({ workload, contender, ns: [] });
  }
}
if (cells.length === 0) fail("none of these contenders is up to any of these workloads");
cells.sort((a, b) => workloads.indexOf(a.workload) - workloads.indexOf(b.workload));

const start = performance.now(), total = cells.length * rounds;
for (let r = 0, done = 0; r < rounds; r++) {
  for (const cell of cells) {
    const left = done === 0 ? "" : `, ${Math.ceil((performance.now() - start) / done * (total - done) / 1000)} s left`;
    progress(`[${++done}/${total}] round ${r + 1}: ${cell.workload}, ${cell.contender}${left}`);
    cell.ns.push(await measure(cell));
  }
}

const full = flags.workload === undefined && flags.contender === undefined && !quick;
await publish(
  "workloads",
  [times(), figures(), await legend()].filter((t) => t !== "").join("\n\n"),
  full || flags.keep !== undefined,
);

/** Nanoseconds an operation, as a fresh process has it. */
async function measure({ workload, contender }: Cell): Promise<number> {
  const one = new URL("one.ts", import.meta.url).href;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bench", "--json", "--no-check", "--allow-read", "--allow-env", one, "--", workload, contender].concat(
      quick ? ["quick"] : [],
    ),
    cwd: new URL("..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  const result = code === 0 && JSON.parse(new TextDecoder().decode(stdout)).benches[0]?.results[0];
  if (!result?.ok) {
    console.error(`\n${new TextDecoder().decode(stderr)}Cannot bench ${contender}: ${workload} has failed`);
    Deno.exit(1);
  }
  return result.ok.avg / allWorkloads[workload].ops;
}

/** Nanoseconds an operation, in the quietest round; NaN if it was not run. */
function time(workload: string, contender: string): number {
  const cell = cells.find((cell) => cell.workload === workload && cell.contender === contender);
  return cell === undefined ? NaN : Math.min(...cell.ns);
}

/** The times: of the first contender in nanoseconds, of the others as multiples of that, where it has one. */
function times(): string {
  const [first, ...others] = contenders;
  const rows = workloads.map((w) => {
    const base = time(w, first), unit = `ns/${allWorkloads[w].op}`;
    const show = (ns: number, of: number) =>
      Number.isNaN(ns) ? "-" : Number.isNaN(of) ? `${round(ns)} ${unit}` : `${round(ns / of)} x`;
    return [w, show(base, NaN), ...others.map((c) => show(time(w, c), base))];
  });
  return table([["workload", ...contenders], ...rows]);
}

/** The figures that are wanted, of those that have been measured. */
function figures(): string {
  const pair = (contender: string) => time("pair", contender);
  const rows = [
    verdict("pair: wasm malloc / bonwick", pair("harfbuzz") / pair("bonwick"), ">=", 2.5),
    verdict("pair: MemPool / bonwick", pair("mempool") / pair("bonwick"), ">=", 12),
    verdict("pair: wasm malloc / region", pair("harfbuzz") / pair("region"), ">=", 1.3),
    verdict("pair: MemPool / region", pair("mempool") / pair("region"), ">=", 6),
    verdict("enter an arena, get, leave / pair of bonwick", time("enter", "region_arena") / pair("bonwick"), "<=", 60),
  ].filter(([, , got]) => got !== "NaN");
  return rows.length === 0 ? "" : table([VERDICT, ...rows]);
}

/** What the workloads and contenders are. */
async function legend(): Promise<string> {
  const about = await Promise.all(contenders.map(async (name) => [name, (await load(name)).about]));
  const lines = [...workloads.map((name) => [name, allWorkloads[name].about]), ...about];
  return lines.map(([name, about]) => `- **${name}**: ${about}`).join("\n");
}
