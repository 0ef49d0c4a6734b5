/**
 * Putting switches in front of functions of a WebAssembly binary, with nothing renumbered and no instruction encoded anew.
 *
 * The body of each function moves, as it is, into a new function behind all others. In its place comes one that calls
 * through a new table, which holds the moved ones at first: a module so rewritten does what it did, until somebody puts other
 * functions into that table. A switch can have code of its own, too, and what that needs: globals, functions, a memory.
 *
 * ```text
 *   before:  func 8   body of malloc           after:  func 8   call_indirect TABLE[0]
 *                                                      func 94  body of malloc
 *                                                      table    "region.table" [94, ...]
 * ```
 *
 * Costs: linear time, and a copy of the module.
 *
 * @module
 */

import { show } from "../../errors.ts";
import { type Scope, typeCode, writeType } from "./assemble.ts";
import { WasmError, Writer } from "./bytes.ts";
import { type Export, type FuncType, type Kind, SECTION, type WasmModule } from "./module.ts";
import { type List, type Rewritten, splice } from "./splice.ts";

export type { Rewritten } from "./splice.ts";

/** What all names begin with under which a rewritten module exports more than it did. */
export const PREFIX = "region.";

/** A function that gets a switch in front. */
export interface Switch {
  /** What it is called: it is exported as `region.NAME`, what its body has moved to as `region.original.NAME`. */
  readonly name: string;
  /** Its index in the module. */
  readonly index: number;
  /** The code of the switch, in place of a call through the table. `scope` has the names of {@linkcode Rewriting}. */
  readonly body?: ((scope: Scope) => Writer) | undefined;
}

/** What is done to a module. */
export interface Rewriting {
  /** Element `i` of the table exported as `region.table` belongs to `switches[i]`: `original.NAME` in a scope. */
  readonly switches: readonly Switch[];
  /** Functions that are added, and exported as `region.NAME`. */
  readonly functions?: readonly { readonly name: string; readonly type: FuncType; body(scope: Scope): Writer }[];
  /** Globals that are added, can change, and are exported as `region.NAME`. */
  readonly globals?: readonly { readonly name: string; readonly type: "i32" | "i64"; readonly value: number }[];
  /** Pages of 64 KiB of a memory that is added, and exported as `region.memory`. Engines need to know several memories. */
  readonly memory?: number | undefined;
  /** Parts of the module that are exported as `region.NAME`, as if they had been so. */
  readonly exports?: readonly { readonly name: string; readonly kind: Kind; readonly index: number }[];
  /** Name that the module gets, which engines have in call stacks. */
  readonly moduleName?: string | undefined;
}

const KINDS: Readonly<Record<Kind, number>> = { func: 0, table: 1, memory: 2, global: 3, tag: 4 };
const FUNCREF = 0x70, MUTABLE = 0x01, END = 0x0b;

/**
 * Rewrites a module. What an engine took it takes afterwards, too.
 *
 * Throws a {@linkcode WasmError} if a function has no body in the module, which leaves nothing to be moved, if two switches are
 * for the same function, if the module has been rewritten already, or if there is no room in it for more.
 */
export function rewrite(module: WasmModule, rewriting: Rewriting): Rewritten {
  const { bytes, importedFunctions, bodies, types } = module, { switches, functions = [], globals = [] } = rewriting;
  const at = {
    moved: module.functions.length,
    functions: module.functions.length + switches.length,
    globals: module.globals.length,
    memory: module.memories.length,
    table: module.tables,
  };
  const scope = scopeOf(module, rewriting, at), exports = exportsOf(rewriting, at);
  check(module, rewriting, exports);
  const inPlace = switches.map(({ index, body }, i) => {
    return [index, body?.(scope) ?? trampoline(module, index, i, at.table)] as const;
  });
  const lists = {
    [SECTION.type]: list(functions, (w, { type }) => writeType(w, type)),
    [SECTION.function]: list([...switches, ...functions], (w, f, i) => {
      w.u32("index" in f ? module.functions[f.index] : types.length + i - switches.length);
    }),
    [SECTION.table]: list([switches.length], (w, n) => w.byte(FUNCREF, 0x01).u32(n).u32(n)),
    [SECTION.memory]: list(rewriting.memory === undefined ? [] : [rewriting.memory], (w, pages) => {
      w.byte(0x00).u32(pages);
    }),
    [SECTION.global]: list(globals, (w, { type, value }) => {
      w.byte(typeCode(type), MUTABLE);
      if (type === "i32") w.byte(0x41).s32(value).byte(END);
      else w.byte(0x42).s64(BigInt(value)).byte(END);
    }),
    [SECTION.export]: list(exports, (w, { name, kind, index }) => {
      w.name(PREFIX + name).byte(KINDS[kind]).u32(index);
    }),
    [SECTION.element]: list([switches.length], (w, n) => {
      // Active, for a table by its index, from element 0 on, functions
      w.byte(0x02).u32(at.table).byte(0x41, 0x00, END, 0x00).u32(n);
      for (let i = 0; i < n; i++) w.u32(at.moved + i);
    }),
    [SECTION.code]: list([...switches, ...functions], (w, f) => {
      if ("index" in f) w.sized(new Writer().piece(bytes.subarray(...bodies[f.index - importedFunctions])));
      else w.sized(f.body(scope));
    }),
  };
  return splice(module, {
    lists: new Map(Object.entries(lists).map(([id, list]) => [Number(id), list])),
    bodies: new Map(inPlace.sort(([a], [b]) => a - b)),
    names: { functions: namesOf(module, rewriting, at), module: rewriting.moduleName },
  });
}

/** The index of the first of each that is added. */
interface Indices {
  /** Of functions that have the bodies which switches are in place of. */
  readonly moved: number;
  /** Of functions that are new. */
  readonly functions: number;
  readonly globals: number;
  readonly memory: number;
  readonly table: number;
}

function check(module: WasmModule, { switches }: Rewriting, exports: readonly Export[]): void {
  const before = module.exports.find(({ name }) => name.startsWith(PREFIX));
  if (before !== undefined) {
    throw new WasmError(`Cannot rewrite the module: it has been so already, and exports ${show(before.name)}`, 0);
  }
  const seen = new Map<number, string>();
  for (const { index, name } of switches) {
    if (index < module.importedFunctions || module.functions[index] === undefined) {
      throw new WasmError(`Cannot rewrite function ${index}: the module has none of its own by that index`, 0);
    }
    if (seen.has(index)) {
      throw new WasmError(`Cannot rewrite function ${index}: it is both ${seen.get(index)} and ${name}`, 0);
    }
    seen.set(index, name);
  }
  const names = new Set<string>();
  for (const { name } of exports) {
    if (names.size === names.add(name).size) {
      throw new WasmError(`Cannot rewrite the module: it would export ${show(PREFIX + name)} twice`, 0);
    }
  }
}

/** The names that code can use, and what they stand for. */
function scopeOf(module: WasmModule, { switches, functions = [], globals = [] }: Rewriting, at: Indices): Scope {
  return {
    functions: Object.fromEntries([
      ...switches.map(({ name }, i) => [`original.${name}`, at.moved + i]),
      ...switches.map(({ name, index }) => [name, index]),
      ...functions.map(({ name }, i) => [name, at.functions + i]),
    ]),
    types: Object.fromEntries(switches.map(({ name, index }) => [name, module.functions[index]])),
    globals: Object.fromEntries(globals.map(({ name }, i) => [name, at.globals + i])),
    memory: at.memory,
    table: at.table,
  };
}

/** What is exported besides. */
function exportsOf({ switches, functions = [], globals = [], memory, exports = [] }: Rewriting, at: Indices): Export[] {
  return [
    { name: "table", kind: "table", index: at.table },
    ...switches.map(({ name, index }): Export => ({ name, kind: "func", index })),
    ...switches.map(({ name }, i): Export => ({ name: `original.${name}`, kind: "func", index: at.moved + i })),
    ...functions.map(({ name }, i): Export => ({ name, kind: "func", index: at.functions + i })),
    ...globals.map(({ name }, i): Export => ({ name, kind: "global", index: at.globals + i })),
    ...(memory === undefined ? [] : [{ name: "memory", kind: "memory", index: at.memory } as const]),
    ...exports,
  ];
}

/** Names in call stacks: what has moved keeps its own. */
function namesOf({ functionNames }: WasmModule, { switches, functions = [] }: Rewriting, at: Indices) {
  const names: [index: number, name: string][] = [];
  switches.forEach(({ index }, i) => {
    const name = functionNames.get(index);
    if (name !== undefined) names.push([at.moved + i, name]);
  });
  functions.forEach(({ name }, i) => names.push([at.functions + i, PREFIX + name]));
  return names;
}

function list<T>(items: readonly T[], write: (w: Writer, item: T, i: number) => void): List {
  const contents = new Writer();
  items.forEach((item, i) => write(contents, item, i));
  return { count: items.length, contents };
}

/** A body that calls element `i` of a table with its parameters. */
function trampoline(module: WasmModule, index: number, i: number, table: number): Writer {
  const type = module.functions[index], w = new Writer().byte(0x00);
  module.types[type]!.params.forEach((_, p) => w.byte(0x20).u32(p));
  return w.byte(0x41).s32(i).byte(0x11).u32(type).u32(table).byte(END);
}
