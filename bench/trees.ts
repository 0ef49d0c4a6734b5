/** Whole programs that build binary trees: the example, in its regions, against others that do the same. */

import { readArgs, readInteger } from "../examples/cli.ts";
import { progress, publish, quantile, table, VERDICT, verdict } from "./report.ts";

const help = `Times whole programs that build binary trees, and reads their peak memory.

deno task bench:trees [--depth=N] [--rounds=N] [--keep]

--depth=N   depth of the largest trees (20)
--rounds=N  runs of each program, interleaved (5)
--keep      write the figures to bench/README.md; so they are anyway at depth 20`;

const { flags } = readArgs(help, ["depth", "rounds", "keep"], 0);
const depth = readInteger("--depth", flags.depth, 20, 6, 26),
  rounds = readInteger("--rounds", flags.rounds, 5, 1, 1000);
const ROOT = new URL("..", import.meta.url);

interface Program {
  readonly name: string;
  readonly command: readonly string[];
  /** Of each run: milliseconds, and kibibytes at the peak, NaN where the system does not tell. */
  readonly wall: number[];
  readonly peak: number[];
}

const program = (name: string, ...command: string[]): Program => ({ name, command, wall: [], peak: [] });
const deno = (name: string, ...args: string[]): Program =>
  program(name, Deno.execPath(), "run", "--no-check", "--allow-read", "--allow-env", ...args);

const stacks = ["arena", "seed", "bonwick"];
const programs: Program[] = [
  deno("objects", "bench/trees/objects.ts", `${depth}`),
  deno("bump", "bench/trees/bump.ts", `${depth}`),
  ...stacks.map((stack) => deno(`region, ${stack}`, "examples/binarytree.ts", `${depth}`, `--stack=${stack}`)),
];
let expected: string | undefined;
const folder = await Deno.makeTempDir();
try {
  if (await compile(`${folder}/trees`)) programs.push(program("C", `${folder}/trees`, `${depth}`));
  else console.error("SKIPPED C: there is no cc here that builds bench/trees/trees.c");
  for (let r = 0; r < rounds; r++) {
    for (let i = 0; i < programs.length; i++) {
      const p = programs[(i + r) % programs.length];
      progress(`round ${r + 1} of ${rounds}: ${p.name}`);
      await run(p);
    }
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
await publish("trees", depth === 20 ? `${times()}\n\n${figures()}` : times(), flags.keep !== undefined || depth === 20);

/** Builds the program in C; false where it cannot be built. */
async function compile(out: string): Promise<boolean> {
  try {
    const cc = new Deno.Command("cc", { args: ["-O3", "-o", out, "bench/trees/trees.c"], cwd: ROOT });
    return (await cc.output()).success;
  } catch {
    return false;
  }
}

/** Runs a program once, to its end. */
async function run({ name, command, wall, peak }: Program): Promise<void> {
  const start = performance.now();
  const child = new Deno.Command(command[0], { args: command.slice(1), cwd: ROOT, stdout: "piped", stderr: "piped" })
    .spawn();
  let highest = NaN;
  const poll = setInterval(() => highest = peakOf(child.pid) ?? highest, 10);
  const { success, stdout, stderr } = await child.output();
  clearInterval(poll);
  wall.push(performance.now() - start);
  peak.push(highest);
  if (!success) {
    console.error(`\n${new TextDecoder().decode(stderr)}\nCannot time ${name}: it has failed`);
    Deno.exit(1);
  }
  const counted = nodes(new TextDecoder().decode(stdout));
  expected ??= counted;
  if (counted !== expected) throw new Error(`Cannot trust ${name}: it counted ${counted} nodes, not ${expected}`);
}

/** The numbers of nodes that a program has counted, at the ends of its first lines. */
function nodes(output: string): string {
  const lines = Math.floor((depth - 4) / 2) + 3; // for the stretched tree, each depth, the long-lived tree
  return output.split("\n").slice(0, lines).map((line) => /\d*$/.exec(line)![0]).join(", ");
}

/** The most memory that a process has had so far, in KiB, if it still runs and the system tells. */
function peakOf(pid: number): number | undefined {
  try {
    const line = /^VmHWM:\s*(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return line === null ? undefined : Number(line[1]);
  } catch {
    return undefined;
  }
}

/** Ratio of two programs, round by round: the middle one. */
function ratio(of: "wall" | "peak", name: string, to: string): number {
  const [a, b] = [name, to].map((name) => programs.find((p) => p.name === name)?.[of] ?? [NaN]);
  return quantile(a.map((x, i) => x / b[i]));
}

function times(): string {
  const show = (x: number, unit: string) => Number.isNaN(x) ? "-" : x.toFixed(x < 100 ? 2 : 0) + unit;
  const rows = programs.map(({ name, wall, peak }) => [
    name,
    show(quantile(wall) / 1000, " s"),
    show(ratio("wall", name, "objects"), ""),
    show(quantile(peak) / 1024, " MiB"),
    show(ratio("peak", name, "objects"), ""),
  ]);
  return table([[`binary trees, depth ${depth}`, "wall", "to objects", "peak memory", "to objects"], ...rows]);
}

/** The figures that are wanted, which are of depth 20. */
function figures(): string {
  const figure = (of: "wall" | "peak", stack: string, to: string, wanted: number) =>
    verdict(`${of}: region, ${stack} / ${to}`, ratio(of, `region, ${stack}`, to), "<=", wanted);
  return table([
    VERDICT,
    figure("wall", "seed", "objects", 0.7),
    figure("wall", "arena", "objects", 0.5),
    figure("peak", "seed", "objects", 0.12),
    figure("peak", "arena", "objects", 0.12),
    figure("wall", "seed", "C", 0.6),
    figure("wall", "arena", "C", 0.45),
  ].filter(([, , measured]) => measured !== "NaN"));
}
