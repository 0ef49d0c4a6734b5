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

import { type Scope, typeCode } from "./assemble.ts";
import { Reader, WasmError, Writer } from "./bytes.ts";
import { type FuncType, type Kind, parseModule, rankOf, SECTION, type Section, type WasmModule } from "./module.ts";

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

/** A module that has been rewritten. */
export interface Rewritten {
  /** The binary. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where an instruction was in the binary before, by where it is now, in bytes from the start; -1 if it is new. */
  moved(offset: number): number;
}

const KINDS: Readonly<Record<Kind, number>> = { func: 0, table: 1, memory: 2, global: 3, tag: 4 };
const FUNCREF = 0x70, MUTABLE = 0x01, END = 0x0b;

/** What is added to a section that is a list. */
interface Added {
  count: number;
  contents: Writer;
}

/**
 * Rewrites a module.
 *
 * Throws a {@linkcode WasmError} if a function has no body in the module, which leaves nothing to be moved, or if something
 * is exported by such a name already.
 */
export function rewrite(module: WasmModule, rewriting: Rewriting): Rewritten {
  const { bytes, importedFunctions } = module;
  const { switches, functions = [], globals = [], memory, moduleName } = rewriting;
  for (const { index } of switches) {
    if (index < importedFunctions || index >= module.functions.length) {
      throw new WasmError(`Cannot rewrite function ${index}: the module has none of its own by that index`, 0);
    }
  }
  const moved = module.functions.length, more = moved + switches.length, table = module.tables;
  const typeOf = (index: number) => module.functions[index];
  const scope: Scope = {
    functions: {
      ...Object.fromEntries(switches.map(({ name }, i) => [`original.${name}`, moved + i])),
      ...Object.fromEntries(switches.map(({ name, index }) => [name, index])),
      ...Object.fromEntries(functions.map(({ name }, i) => [name, more + i])),
    },
    types: Object.fromEntries(switches.map(({ name, index }) => [name, typeOf(index)])),
    globals: Object.fromEntries(globals.map(({ name }, i) => [name, module.globals.length + i])),
    memory: module.memories.length,
    table,
  };
  const exports: { name: string; kind: Kind; index: number }[] = [
    { name: "table", kind: "table", index: table },
    ...switches.map(({ name, index }) => ({ name, kind: "func" as const, index })),
    ...switches.map(({ name }, i) => ({ name: `original.${name}`, kind: "func" as const, index: moved + i })),
    ...functions.map(({ name }, i) => ({ name, kind: "func" as const, index: more + i })),
    ...globals.map(({ name }, i) => ({ name, kind: "global" as const, index: module.globals.length + i })),
    ...(memory === undefined ? [] : [{ name: "memory", kind: "memory" as const, index: module.memories.length }]),
    ...(rewriting.exports ?? []),
  ];
  if (module.exports.some(({ name }) => name.startsWith(PREFIX))) {
    throw new WasmError("Cannot rewrite the module: it has been rewritten already", 0);
  }

  const added: Record<number, Added> = {
    [SECTION.type]: list(functions, (w, { type: { params, results } }) => {
      w.byte(0x60).u32(params.length).byte(...params.map(typeCode)).u32(results.length).byte(...results.map(typeCode));
    }),
    [SECTION.function]: list([...switches, ...functions], (w, f, i) => {
      w.u32("index" in f ? typeOf(f.index) : module.types.length + i - switches.length);
    }),
    [SECTION.table]: list([table], (w) => w.byte(FUNCREF, 0x01).u32(switches.length).u32(switches.length)),
    [SECTION.memory]: list(memory === undefined ? [] : [memory], (w, pages) => w.byte(0x00).u32(pages)),
    [SECTION.global]: list(globals, (w, { type, value }) => {
      w.byte(typeCode(type), MUTABLE, type === "i32" ? 0x41 : 0x42).s32(value).byte(END);
    }),
    [SECTION.export]: list(exports, (w, { name, kind, index }) => w.name(PREFIX + name).byte(KINDS[kind]).u32(index)),
    [SECTION.element]: list([table], (w) => {
      // Active, for a table by its index, from element 0 on, functions
      w.byte(0x02).u32(table).byte(0x41, 0x00, END, 0x00).u32(switches.length);
      switches.forEach((_, i) => w.u32(moved + i));
    }),
  };
  const inPlace = switches.map((s, i) => s.body?.(scope) ?? trampoline(module, s.index, i, table));
  const behind = functions.map(({ body }) => body(scope));

  const out = new Writer().piece(bytes.subarray(0, 8));
  const missing = Object.keys(added).map(Number).filter((id) =>
    added[id].count > 0 && !module.sections.some((s) => s.id === id)
  ).sort((a, b) => rankOf(a) - rankOf(b));
  const addMissing = (rank: number) => {
    while (missing.length > 0 && rankOf(missing[0]) < rank) {
      const id = missing.shift()!, { count, contents } = added[id];
      out.section(id, new Writer().u32(count).append(contents));
    }
  };
  let named = false;
  for (const section of module.sections) {
    if (section.id !== SECTION.custom) addMissing(rankOf(section.id));
    const more = added[section.id];
    if (section.id === SECTION.code) out.section(section.id, code(module, switches, section, inPlace, behind));
    else if (more !== undefined && more.count > 0) out.section(section.id, lengthened(bytes, section, more));
    else if (section.id === SECTION.custom && section.name === "name" && !named) {
      named = true;
      out.append(names(module, switches, section, moduleName));
    } else out.piece(bytes.subarray(section.start, section.end));
  }
  addMissing(Infinity);
  if (!named && moduleName !== undefined) {
    out.section(SECTION.custom, new Writer().name("name").append(nameOf(moduleName)));
  }
  const result = out.bytes();
  let bodies: WasmModule["bodies"] | undefined; // read when the first call stack is
  return {
    bytes: result,
    moved: (offset) => offsetBefore(module, switches, bodies ??= parseModule(result).bodies, offset),
  };
}

function list<T>(items: readonly T[], write: (w: Writer, item: T, i: number) => void): Added {
  const contents = new Writer();
  items.forEach((item, i) => write(contents, item, i));
  return { count: items.length, contents };
}

/** A section that is a list, with more behind. */
function lengthened(bytes: Uint8Array, { body, end }: Section, more: Added): Writer {
  const r = new Reader(bytes, body, end), count = r.u32();
  return new Writer().u32(count + more.count).piece(bytes.subarray(r.at, end)).append(more.contents);
}

/** A body that calls element `i` of a table with its parameters. */
function trampoline(module: WasmModule, index: number, i: number, table: number): Writer {
  const type = module.functions[index], w = new Writer().byte(0x00);
  module.types[type]!.params.forEach((_, p) => w.byte(0x20).u32(p));
  return w.byte(0x41).s32(i).byte(0x11).u32(type).u32(table).byte(END);
}

/** The code, with switches in place of bodies, and the bodies and other functions behind. */
function code(
  { bytes, importedFunctions, bodies }: WasmModule,
  switches: readonly Switch[],
  { body, end }: Section,
  inPlace: readonly Writer[],
  behind: readonly Writer[],
): Writer {
  const r = new Reader(bytes, body, end), out = new Writer().u32(r.u32() + switches.length + behind.length);
  const bodyOf = ({ index }: Switch) => bodies[index - importedFunctions];
  let at = r.at;
  for (const s of switches.toSorted((a, b) => a.index - b.index)) {
    const own = s.index - importedFunctions;
    // The length in front of a body is what lies between it and the one before
    out.piece(bytes.subarray(at, own === 0 ? r.at : bodies[own - 1][1])).sized(inPlace[switches.indexOf(s)]);
    at = bodyOf(s)[1];
  }
  out.piece(bytes.subarray(at, end));
  for (const s of switches) {
    const [start, stop] = bodyOf(s);
    out.u32(stop - start).piece(bytes.subarray(start, stop));
  }
  for (const w of behind) out.sized(w);
  return out;
}

/** The section of names, with names for the functions that were moved, and one for the module. */
function names(module: WasmModule, switches: readonly Switch[], section: Section, moduleName?: string): Writer {
  const { bytes } = module, first = module.functions.length;
  try {
    const r = new Reader(bytes, section.body, section.end), out = new Writer().name("name");
    if (moduleName !== undefined) out.append(nameOf(moduleName));
    while (!r.done) {
      const start = r.at, id = r.byte(), part = r.part(r.u32());
      if (id === 1) {
        const count = part.u32(), more = switches.filter(({ index }) => module.functionNames.has(index));
        const w = new Writer().u32(count + more.length).piece(bytes.subarray(part.at, part.end));
        for (const s of more) w.u32(first + switches.indexOf(s)).name(module.functionNames.get(s.index)!);
        out.byte(id).sized(w);
      } else if (id !== 0 || moduleName === undefined) out.piece(bytes.subarray(start, part.end));
    }
    return new Writer().section(SECTION.custom, out);
  } catch (e) {
    if (!(e instanceof WasmError)) throw e;
    return new Writer().piece(bytes.subarray(section.start, section.end)); // nobody could read it before either
  }
}

function nameOf(moduleName: string): Writer {
  return new Writer().byte(0x00).sized(new Writer().name(moduleName));
}

function offsetBefore(
  module: WasmModule,
  switches: readonly Switch[],
  now: WasmModule["bodies"],
  offset: number,
): number {
  const body = now.findIndex(([start, end]) => offset >= start && offset < end);
  const own = body - module.bodies.length, { importedFunctions, bodies } = module;
  if (body < 0 || switches.some(({ index }) => index - importedFunctions === body)) return -1;
  const before = own < 0
    ? bodies[body]
    : own < switches.length
    ? bodies[switches[own].index - importedFunctions]
    : undefined;
  return before === undefined ? -1 : before[0] + offset - now[body][0];
}
