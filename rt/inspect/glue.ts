/**
 * Where the allocator of a minified build is, by the JavaScript that was built with it: Emscripten's glue gives the exports of a
 * module their names back, as in `k._malloc=c.Ia`.
 *
 * @module
 */

import { show } from "../../errors.ts";
import type { EntryName } from "./entries.ts";
import { ENTRY_NAMES, fits, spellings } from "../abi/spellings.ts";
import { bytesOf } from "../wasm/bytes.ts";
import { parseModule, type WasmModule } from "../wasm/module.ts";

/** Entries by what glue calls them, the name in C with an underscore in front. */
const ENTRIES: ReadonlyMap<string, EntryName> = new Map(
  [...ENTRY_NAMES].reverse().flatMap((name) => [...spellings(name)].reverse().map((s) => [`_${s}`, name])),
);

/** A name, with what is assigned to it behind. */
const ASSIGNED = /(?<![\w$])(_\w+)(?:["'`]\])?\s*=(?![=>])\s*/g;
/** A name with members, as in `c.Ia` or `Module["asm"]["Ia"]`. */
const MEMBERS = /[\w$]+(?:\.[\w$]+|\[\s*(?:"[^"\n]{1,200}"|'[^'\n]{1,200}')\s*\])*/y;
/** What another assignment goes on behind. */
const AND = /\s*=(?![=>])\s*/y;
/** The first argument of a call, as in `createExportWrapper("malloc", 1)`. */
const ARGUMENT = /\s*\(\s*(?:"([^"\n]{1,200})"|'([^'\n]{1,200})')/y;

/**
 * Finds by which names a module exports its allocator, in the JavaScript that was built with it. O(characters).
 *
 * Throws a `TypeError` if `js` is no string, and a `WasmError` if `source` is no module. What the text does not tell is absent.
 *
 * @param source The module, if it is at hand: then only names are taken that it exports a function by that can be it
 *
 * @example
 * ```ts
 * import { namesFromGlue } from "./glue.ts";
 *
 * console.log(namesFromGlue("k._malloc=c.Ia;k._free=c.Ja;")); // { malloc: "Ia", free: "Ja" }
 * ```
 */
export function namesFromGlue(js: string, source?: BufferSource | Uint8Array): Partial<Record<EntryName, string>> {
  assertScript("find names in glue", js);
  const module = source && parseModule(bytesOf(source));
  const found: Partial<Record<EntryName, string>> = {}, plain = new Set<EntryName>();
  for (const match of js.matchAll(ASSIGNED)) {
    const name = ENTRIES.get(match[1]);
    if (name === undefined || plain.has(name)) continue;
    const target = targetAt(js, match.index + match[0].length);
    if (target === undefined || ENTRIES.has(target) || (module && !exportsAs(module, name, target))) continue;
    const isPlain = match[1] === `_${name}`;
    if (isPlain) plain.add(name); // the name in C is better than that of an allocator
    if (isPlain || found[name] === undefined) found[name] = target;
  }
  return found;
}

/**
 * What the functions are called that a module exports under short names, in the JavaScript that was built with it: for the
 * `exports` of `symbols`.
 *
 * Throws a `TypeError` if `js` is no string.
 *
 * @example
 * ```ts
 * import { exportsFromGlue } from "./glue.ts";
 *
 * console.log(exportsFromGlue("k._sqlite3_exec=c.W;")); // { W: "sqlite3_exec" }
 * ```
 */
export function exportsFromGlue(js: string): Record<string, string> {
  assertScript("find names in glue", js);
  const found: Record<string, string> = {};
  for (const match of js.matchAll(ASSIGNED)) {
    const target = targetAt(js, match.index + match[0].length);
    if (target !== undefined && !Object.hasOwn(found, target) && target !== match[1]) found[target] = match[1].slice(1);
  }
  return found;
}

function assertScript(action: string, js: unknown): void {
  if (typeof js !== "string") throw new TypeError(`Cannot ${action}: expected the text of a script, got ${show(js)}`);
}

/** Of assignments in a row, as in `a=b=c.Ia`, so many are followed. */
const MOST = 8;

/** What is assigned at `at`: the last member of `a=b=c.Ia`, or the first argument of a call; undefined if it is neither. */
function targetAt(js: string, at: number): string | undefined {
  for (let n = 0; n < MOST; n++) {
    MEMBERS.lastIndex = at;
    const members = MEMBERS.exec(js)?.[0];
    if (members === undefined) return undefined;
    at += members.length;
    AND.lastIndex = at;
    const and = AND.exec(js);
    if (and !== null) {
      at += and[0].length;
      continue;
    }
    ARGUMENT.lastIndex = at;
    const argument = ARGUMENT.exec(js);
    if (argument !== null) return argument[1] ?? argument[2];
    return /(?:\.([\w$]+)|\[\s*["']([^"']*)["']\s*\])$/.exec(members)?.slice(1).find((m) => m !== undefined);
  }
  return undefined;
}

function exportsAs(module: WasmModule, name: EntryName, target: string): boolean {
  const index = module.exports.find((e) => e.kind === "func" && e.name === target)?.index;
  return index !== undefined && fits(name, module.types[module.functions[index]]);
}
