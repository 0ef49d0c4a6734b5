/** Runs workloads by contenders, each in a process of its own, interleaved over several rounds. */

import { fail, readArgs, readInteger } from "../examples/cli.ts";
import { load } from "./contenders/mod.ts";
import { progress, publish, round, table } from "./report.ts";
import { roundOf, type Workload } from "./workload.ts";

/** Names chosen by a flag, as in "pair,fifo"; all of them without it. */
export function select(flag: string, value: string | undefined, all: readonly string[]): readonly string[] {
  const names = value?.split(",") ?? all;
  for (const name of names) if (!all.includes(name)) fail(`--${flag} must be of ${all.join(", ")}, got "${name}"`);
  return all.filter((name) => names.includes(name));
}

/** Runs a script of this folder in a process of its own, and returns what it prints, which is JSON. */
export async function child(what: string, deno: readonly string[], script: string, args: string[]): Promise<unknown> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...deno, "--no-check", "--allow-read", "--allow-env", new URL(script, import.meta.url).href, ...args],
    cwd: new URL("..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  if (success) return JSON.parse(new TextDecoder().decode(stdout));
  console.error(`\n${new TextDecoder().decode(stderr)}Cannot bench ${what}: it has failed`);
  Deno.exit(1);
}

/** Calls `run` with each of `cells` in each round, one after the other, and shows how far it is. */
export async function interleave<Cell>(
  cells: readonly Cell[],
  rounds: number,
  name: (cell: Cell) => string,
  run: (cell: Cell) => Promise<void>,
): Promise<void> {
  const start = performance.now(), total = cells.length * rounds;
  for (let r = 0, done = 0; r < rounds; r++) {
    for (const cell of cells) {
      const left = done === 0
        ? ""
        : `, ${Math.ceil((performance.now() - start) / done * (total - done) / 1000)} s left`;
      progress(`[${++done}/${total}] round ${r + 1}: ${name(cell)}${left}`);
      await run(cell);
    }
  }
}

/** A table of times: a row for each workload, a column for each contender. */
export class Times {
  readonly #workloads: Readonly<Record<string, Workload>>;
  readonly #contenders: readonly string[];
  /** Nanoseconds an operation, in each round, by workload and contender. */
  readonly #ns: Map<string, number[]> = new Map();

  constructor(workloads: Readonly<Record<string, Workload>>, contenders: readonly string[]) {
    this.#workloads = workloads;
    this.#contenders = contenders;
  }

  /** Measures everything that can be run, so many times. */
  async measure(rounds: number, quick: boolean): Promise<void> {
    const cells: { workload: string; contender: string }[] = [];
    for (const contender of this.#contenders) {
      const c = await load(contender);
      for (const [workload, w] of Object.entries(this.#workloads)) {
        if (roundOf(w, c) !== undefined) cells.push({ workload, contender });
      }
    }
    if (cells.length === 0) fail("none of these contenders is up to any of these workloads");
    const names = Object.keys(this.#workloads);
    cells.sort((a, b) => names.indexOf(a.workload) - names.indexOf(b.workload));
    await interleave(cells, rounds, (c) => `${c.workload}, ${c.contender}`, async ({ workload, contender }) => {
      const key = `${workload} ${contender}`, ns = await this.#one(workload, contender, quick);
      this.#ns.set(key, [...this.#ns.get(key) ?? [], ns]);
    });
  }

  /** Nanoseconds an operation, as a fresh process has it. */
  async #one(workload: string, contender: string, quick: boolean): Promise<number> {
    const args = ["--", workload, contender, ...quick ? ["quick"] : []];
    // deno-lint-ignore no-explicit-any -- Deno has no type for it
    const { benches }: any = await child(`${contender}: ${workload}`, ["bench", "--json"], "one.ts", args);
    const { ok } = benches[0].results[0];
    if (ok === undefined) throw new Error(`Cannot bench ${contender}: ${workload} has failed`);
    return ok.avg / this.#workloads[workload].ops;
  }

  /** Nanoseconds an operation, in the quietest round; NaN if it was not run. */
  ns(workload: string, contender: string): number {
    return Math.min(...this.#ns.get(`${workload} ${contender}`) ?? [NaN]);
  }

  /** The times: of the first contender in nanoseconds, of the others as multiples of that, where it has one. */
  toString(): string {
    const [first, ...others] = this.#contenders;
    const rows = Object.entries(this.#workloads).map(([w, { op }]) => {
      const base = this.ns(w, first);
      const show = (ns: number, of: number) =>
        Number.isNaN(ns) ? "-" : Number.isNaN(of) ? `${round(ns)} ns/${op}` : `${round(ns / of)} x`;
      return [w, show(base, NaN), ...others.map((c) => show(this.ns(w, c), base))];
    });
    return table([["workload", ...this.#contenders], ...rows]);
  }
}

/**
 * A script that compares: reads its arguments, runs the workloads by the contenders, and prints a table of the times, the
 * `figures` made of them, and a legend; all of that is kept in a section of README.md if everything has been run.
 *
 * @param purpose What it does, in a sentence, for its help
 */
export async function compare(
  { purpose, task, section, workloads: allWorkloads, contenders: allContenders, figures }: {
    readonly purpose: string;
    readonly task: string;
    readonly section: string;
    readonly workloads: Readonly<Record<string, Workload>>;
    readonly contenders: readonly string[];
    figures(times: Times, workloads: readonly string[]): string;
  },
): Promise<void> {
  const names = Object.keys(allWorkloads);
  const help = `${purpose}

deno task ${task} [--workload=NAMES] [--contender=NAMES] [--rounds=N] [--quick] [--keep]

--workload=NAMES   only these, as in pair,fifo: ${names.join(", ")}
--contender=NAMES  only these: ${allContenders.join(", ")}
--rounds=N         processes for each workload and contender, interleaved (5)
--quick            some samples only, to see that everything runs: not for reading figures
--keep             write the table to bench/README.md; so it is anyway when everything has been run

A figure is the mean of a process's samples, and of the rounds the quietest.`;
  const { flags } = readArgs(help, ["workload", "contender", "rounds", "quick", "keep"], 0);
  const workloads = pick(allWorkloads, select("workload", flags.workload, names));
  const contenders = select("contender", flags.contender, allContenders);
  const rounds = readInteger("--rounds", flags.rounds, 5, 1, 1000), quick = flags.quick !== undefined;

  const times = new Times(workloads, contenders);
  await times.measure(rounds, quick);
  const parts = [`${times}`, figures(times, Object.keys(workloads)), await legend(workloads, contenders)];
  const full = flags.workload === undefined && flags.contender === undefined && !quick;
  await publish(section, parts.filter((part) => part !== "").join("\n\n"), full || flags.keep !== undefined);
}

/** What workloads and contenders are, in a list. */
export async function legend(
  workloads: Readonly<Record<string, { readonly about: string }>>,
  contenders: readonly string[],
): Promise<string> {
  const about = await Promise.all(contenders.map(async (name) => [name, (await load(name)).about]));
  const lines = [...Object.entries(workloads).map(([name, { about }]) => [name, about]), ...about];
  return lines.map(([name, about]) => wrap(`- **${name}**: ${about}`)).join("\n");
}

/** An item of a list in lines as `deno fmt` makes them. */
export function wrap(item: string): string {
  const lines = [""];
  for (const word of item.split(" ")) {
    const line = lines[lines.length - 1], longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= 120) lines[lines.length - 1] = longer;
    else lines.push(`  ${word}`);
  }
  return lines.join("\n");
}

/** Those of `all` with these names. */
export function pick<T>(all: Readonly<Record<string, T>>, names: readonly string[]): Readonly<Record<string, T>> {
  return Object.fromEntries(names.map((name) => [name, all[name]]));
}
