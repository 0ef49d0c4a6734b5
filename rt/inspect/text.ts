/**
 * What was found in a module, in words.
 *
 * @module
 */

import { show } from "../../errors.ts";
import type { Other } from "./entries.ts";
import type { Hidden } from "./hidden.ts";
import type { Inspection, Verdict } from "./inspect.ts";

/** Columns of a line, and those in front of what it says. */
const WIDTH = 80, MARGIN = 12;
/** Of a list that can be long, so many are shown. */
const MOST = 8;

/** What {@linkcode inspect} found, for a terminal: lines of at most 80 columns, the last of which say what to do next. */
export function formatInspection(i: Inspection): string {
  const lines = [
    ...said("module", [`${counted(i.size)} bytes${i.toolchain.map((tool) => `, ${tool}`).join("")}`]),
    ...said("memory", memory(i)),
    ...said("allocator", allocator(i)),
    ...said("hidden", most(i.hidden.map(hidden))),
    ...said("others", most(i.others.map(other))),
    ...said("problems", i.problems),
    "",
    ...said("imports", [verdict(i.imports)]),
    ...said("watch", [verdict(i.watch)]),
    ...said("replace", [verdict(i.replace)]),
    "",
    ...said("next", next(i)),
  ];
  return lines.join("\n");
}

function hidden({ index, name, looks, why }: Hidden): string {
  return `function ${index}${name === undefined ? "" : ` ${show(name)}`}${looks ? `, perhaps ${looks}` : ""}: ${why}`;
}

function other({ language, name, signature, imported, index }: Other): string {
  return `${language}: ${name}${signature}, ${imported ? "imported" : `function ${index}`}`;
}

/** The first of a list, and how many more there are. */
function most(list: readonly string[]): string[] {
  return list.length <= MOST ? [...list] : [...list.slice(0, MOST - 1), `and ${list.length - MOST + 1} more`];
}

function memory({ memory: m, heapBase }: Inspection): string[] {
  if (m === undefined) return ["none"];
  const limits = `${size(m.min)}${m.max === undefined ? "" : `, at most ${size(m.max)}`}`;
  const kind = `${m.shared ? ", shared by threads" : ""}${m.wide ? ", with addresses of 64 bits" : ""}`;
  const name = m.name === "" ? "" : ` ${m.from === "imported" ? "from" : "as"} ${m.name}`;
  const least = heapBase.least > 0 ? `, not below ${counted(heapBase.least)}` : "";
  return [
    `${m.from === "its own" ? "not exported" : m.from}${name}, ${limits}${kind}`,
    heapBase.value !== undefined
      ? `its heap begins at ${counted(heapBase.value)}, by ${heapBase.how}`
      : heapBase.how === "unknown"
      ? `it does not say where its heap begins${least}`
      : `its heap begins at ${heapBase.how}${least}`,
  ];
}

function allocator({ entries, imported }: Inspection): string[] {
  const rows = [
    ...entries.map((e) => [
      e.name,
      `function ${e.index}`,
      `${e.how}${e.spelling === "" ? "" : ` "${e.spelling}"`}${
        e.declared === e.index ? "" : ` (function ${e.declared}, which calls it)`
      }`,
    ]),
    ...imported.map(({ name, from }) => [name, "imported", from]),
  ];
  if (rows.length === 0) return ["none found"];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd((widths[column] ?? 0) + 1)).join(" ").trimEnd());
}

function verdict({ can, why }: Verdict): string {
  return `${can ? "yes" : "no"}: ${why}`;
}

const WHERE =
  "if it has an allocator, names can say where: the name of an export, a name in the name section or the index " +
  "of a function. The JavaScript that was built with it may tell, by lines like k._malloc=c.Ia (--glue=FILE)";

/** What would make it possible to replace the allocator. */
function hints({ hidden, names }: Inspection): string[] {
  const looks = hidden.filter(({ looks }) => looks !== undefined), rest = hidden.length - looks.length;
  if (rest > 0) {
    const what = rest === 1 ? "one of the hidden functions has" : `${rest} of the hidden functions have`;
    return [`${what} an allocator's code built in, and cannot be named: it can only be watched`];
  }
  const more = Object.fromEntries(looks.map(({ looks, index }) => [looks!, index]));
  return ["if the hidden functions are what they seem, say so, and look again:", ...bothWays({ ...names, ...more })];
}

/** What to write, and what would help. */
function next(i: Inspection): string[] {
  const lines: string[] = [];
  const way = i.imports.can ? "imports" : i.replace.can ? "replace" : i.watch.can ? "watch" : undefined;
  if (i.imports.can) lines.push("its allocator is served by the region that is current:", call(i, "imports"));
  else {
    if (i.watch.can) lines.push("to see what it allocates and does not free:", call(i, "watch"));
    if (i.replace.can) lines.push("to serve it from regions:", call(i, "replace"));
  }
  if (way === "watch" && i.hidden.length > 0) lines.push(...hints(i));
  const guessed = Object.keys(i.guesses).length > 0;
  if (guessed) {
    const names = bothWays({ ...i.names, ...i.guesses });
    lines.push("these may be malloc and free; if so, say it, and look again:", ...names);
  }
  const known = ["malloc", "free"].every((name) => i.entries.some((e) => e.name === name));
  if (way === undefined && i.memory !== undefined && !i.memory.wide && !known) lines.push(WHERE);
  if (way === undefined && i.others.some((o) => o.language === "AssemblyScript")) {
    lines.push("AssemblyScript: with asc --debug and without -O, __alloc and __free are functions of their own");
  }
  if (way === undefined && !guessed && i.others.some((o) => o.language === "Rust")) {
    lines.push("Rust: its allocator is found by names, so keep them (wasm-bindgen --keep-debug)");
  }
  return lines.length > 0 ? lines : ["there is nothing to be done with it"];
}

function call(i: Inspection, way: string): string {
  const names = Object.keys(i.names).length === 0 || way === "imports" ? "" : `, ${written(i.names).trim()}`;
  return `  await guest(bytes, { allocator: "${way}"${names} })`;
}

function written(names: Inspection["names"]): string {
  return `  names: { ${Object.entries(names).map(([name, at]) => `${name}: ${JSON.stringify(at)}`).join(", ")} }`;
}

/** Names as an option of the library, and of the command line. */
function bothWays(names: Inspection["names"]): string[] {
  return [written(names), `  --names=${Object.entries(names).map(([name, at]) => `${name}=${at}`).join(",")}`];
}

/** Lines with a heading before the first. Nothing for nothing. What would do something to a terminal is replaced. */
function said(heading: string, paragraphs: readonly string[]): string[] {
  const lines = paragraphs.flatMap((text) => wrapped(text.replace(/\p{C}/gu, "?")));
  return lines.map((line, at) => `${at === 0 ? heading.padEnd(MARGIN) : " ".repeat(MARGIN)}${line}`.trimEnd());
}

function wrapped(text: string): string[] {
  const lines: string[] = [], indent = /^ */.exec(text)![0];
  let line = indent;
  for (const word of text.trim().split(" ")) {
    if (line.trim() !== "" && line.length + 1 + word.length > WIDTH - MARGIN) {
      lines.push(line);
      line = `${indent}  ${word}`;
    } else line += line.trim() === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}

function size(pages: number): string {
  const kib = pages * 64;
  if (kib < 1024) return `${kib} KiB`;
  return kib < 2 ** 20 ? `${round(kib / 1024)} MiB` : `${round(kib / 2 ** 20)} GiB`;
}

function round(n: number): string {
  return String(Math.round(n * 10) / 10);
}

function counted(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}
