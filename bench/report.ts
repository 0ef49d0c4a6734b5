/** What the benchmark scripts print, and keep in README.md beside this file. */

import { cpus } from "node:os";

const README = new URL("README.md", import.meta.url);
const encoder = new TextEncoder();

/** The middle one of some numbers; their `at`-quantile, from 0 up to 1. */
export function quantile(numbers: readonly number[], at = 0.5): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(at * (numbers.length - 1))];
}

/** A number with as many digits as are worth reading. */
export function round(x: number): string {
  return x < 0.1 ? x.toPrecision(1) : x.toFixed(x < 2 ? 2 : x < 100 ? 1 : 0);
}

/** A Markdown table. The first column is of names, the others of figures. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(3, ...rows.map((row) => row[i].length)));
  const lines = rows.map((row) => row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])));
  lines.splice(1, 0, widths.map((width, i) => i === 0 ? "-".repeat(width) : "-".repeat(width - 1) + ":"));
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** A figure that is wanted, and whether it was reached: the row of a table. */
export function verdict(what: string, got: number, relation: "<=" | ">=" | ">", wanted: number): string[] {
  const reached = relation === "<=" ? got <= wanted : relation === ">" ? got > wanted : got >= wanted;
  return [what, `${relation} ${wanted.toFixed(2)}`, got.toFixed(3), reached ? "yes" : "**no**"];
}

/** Titles of the columns of such a table. */
export const VERDICT: readonly string[] = ["figure", "wanted", "measured", "reached"];

/** Where and when the figures were taken. */
export function machine(): string {
  const { arch, os } = Deno.build, { deno, v8 } = Deno.version, processors = cpus();
  const today = new Date().toISOString().slice(0, 10);
  return `${processors[0].model}, ${processors.length} cores, ${os} ${arch}; Deno ${deno}, V8 ${v8}; ${today}.`;
}

/** Says how far a script has come, on standard error: in one line, if that is a terminal. */
export function progress(text: string): void {
  const line = Deno.stderr.isTerminal() ? `\r\x1b[K${text}` : `${text}\n`;
  Deno.stderr.writeSync(encoder.encode(line));
}

/** Prints a script's figures and, with `keep`, replaces its section of README.md by them. */
export async function publish(section: string, figures: string, keep: boolean): Promise<void> {
  if (Deno.stderr.isTerminal()) progress("");
  const text = `${machine()}\n\n${figures}`;
  console.log(text);
  if (!keep) return;
  const [begin, end] = [`<!-- begin ${section} -->`, `<!-- end ${section} -->`];
  const before = await Deno.readTextFile(README);
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`Cannot keep the figures: README.md has no section "${section}"`);
  await Deno.writeTextFile(README, `${before.slice(0, from + begin.length)}\n\n${text}\n\n${before.slice(to)}`);
  console.error("These figures are now in bench/README.md.");
}
