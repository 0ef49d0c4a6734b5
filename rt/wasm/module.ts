/**
 * What a WebAssembly binary says of itself: its sections and where they lie, imports, functions, memories, tables, globals,
 * exports and names. The code is left alone, and so are elements: whether those are right is for an engine to say.
 *
 * @module
 */

import { show } from "../../errors.ts";
import { Reader } from "./bytes.ts";
import { type Constant, readConstant } from "./constants.ts";
import type { Export, Global, Import, Kind, WasmModule } from "./model.ts";
import { Names, readNames } from "./names.ts";
import { readSections, SECTION } from "./sections.ts";
import { type FuncType, type Limits, readLimits, readMutable, readTypes, readValueType } from "./types.ts";

export type { Export, Global, Import, Kind, WasmModule } from "./model.ts";
export { HEADER, rankOf, SECTION, type Section } from "./sections.ts";
export type { FuncType, Limits } from "./types.ts";

/**
 * Reads a binary. O(bytes) at most, and the code is passed over.
 *
 * Throws a {@linkcode WasmError} if it is no WebAssembly, is cut off, is a component, or has what no engine takes.
 */
export function parseModule(bytes: Uint8Array): WasmModule {
  const sections = readSections(bytes), m = new Draft();
  for (const { id, body, end } of sections) {
    const read = READERS[id];
    if (read === undefined) continue;
    const r = new Reader(bytes, body, end);
    read(r, m);
    if (!r.done) r.fail(`section ${id} is longer than what it has`);
  }
  const named = sections.find(({ name }) => name === "name"); // of several, engines know the first
  const functionNames = new Names(bytes), globalNames = new Names(bytes);
  if (named !== undefined) readNames(new Reader(bytes, named.body, named.end), functionNames, globalNames);
  const own = m.functions.length - m.importedFunctions;
  if (m.bodies.length !== own) {
    new Reader(bytes, bytes.length).fail(`expected a body for each of ${own} functions, got ${m.bodies.length}`);
  }
  const { types, imports, functions, importedFunctions, memories, globals, exports, bodies, dataEnd } = m;
  return {
    bytes,
    sections,
    types,
    imports,
    functions,
    importedFunctions,
    tables: m.counts.table,
    memories,
    globals,
    exports,
    bodies,
    functionNames,
    globalNames,
    dataEnd,
  };
}

/** What has been read so far. */
class Draft {
  readonly types: (FuncType | undefined)[] = [];
  readonly imports: Import[] = [];
  readonly functions: number[] = [];
  importedFunctions = 0;
  readonly memories: Limits[] = [];
  readonly globals: Global[] = [];
  readonly exports: Export[] = [];
  readonly bodies: [start: number, end: number][] = [];
  dataEnd = 0;
  /** How many there are of each kind. */
  readonly counts: Record<Kind, number> = { func: 0, table: 0, memory: 0, global: 0, tag: 0 };
  /** What globals start with: those that can change are in no constant. */
  readonly #constants: Constant[] = [];

  constant = (r: Reader): Constant => readConstant(r, (index) => this.#constants[index]);

  global(type: string, mutable: boolean, value?: Constant): void {
    this.globals.push({ type, mutable, value: typeof value === "number" ? value : undefined });
    this.#constants.push(value);
    this.counts.global++;
  }

  func(r: Reader): void {
    const at = r.at, type = r.u32();
    if (this.types[type] === undefined) r.fail(`there is no type of function ${type}`, at);
    this.functions.push(type);
    this.counts.func++;
  }

  table(r: Reader): void {
    readValueType(r);
    readLimits(r);
    this.counts.table++;
  }

  memory(r: Reader): void {
    this.memories.push(readLimits(r));
    this.counts.memory++;
  }

  tag(r: Reader): void {
    r.u32(); // an attribute, of which there is one so far
    r.u32();
    this.counts.tag++;
  }
}

const KINDS: readonly Kind[] = ["func", "table", "memory", "global", "tag"];

function readKind(r: Reader): Kind {
  const code = r.byte();
  return KINDS[code] ?? r.fail(`nothing is of kind ${code}`, r.at - 1);
}

const HAS_START = 0x40; // in place of the type of a table, whose elements do not start with null

/** How sections are read, by their ids. */
const READERS: Readonly<Record<number, (r: Reader, m: Draft) => void>> = {
  [SECTION.type]: (r, m) => readTypes(r, m.types),
  [SECTION.import]: (r, m) => {
    for (let n = r.count("imports", 4); n > 0; n--) {
      const module = r.name(), name = r.name(), kind = readKind(r);
      m.imports.push({ module, name, kind, index: m.counts[kind] });
      if (kind === "global") m.global(readValueType(r), readMutable(r));
      else m[kind](r);
    }
    m.importedFunctions = m.counts.func;
  },
  [SECTION.function]: (r, m) => {
    for (let n = r.count("functions"); n > 0; n--) m.func(r);
  },
  [SECTION.table]: (r, m) => {
    for (let n = r.count("tables", 3); n > 0; n--) {
      const start = r.bytes[r.at] === HAS_START;
      if (start) r.skip(2);
      m.table(r);
      if (start) m.constant(r);
    }
  },
  [SECTION.memory]: (r, m) => {
    for (let n = r.count("memories", 2); n > 0; n--) m.memory(r);
  },
  [SECTION.tag]: (r, m) => {
    for (let n = r.count("tags", 2); n > 0; n--) m.tag(r);
  },
  [SECTION.global]: (r, m) => {
    for (let n = r.count("globals", 4); n > 0; n--) m.global(readValueType(r), readMutable(r), m.constant(r));
  },
  [SECTION.export]: (r, m) => {
    const names = new Set<string>();
    for (let n = r.count("exports", 3); n > 0; n--) {
      const at = r.at, name = r.name(), kind = readKind(r), index = r.u32();
      if (index >= m.counts[kind]) r.fail(`it exports a ${kind} that it lacks`, at);
      if (names.has(name)) r.fail(`it exports ${show(name)} twice`, at);
      names.add(name);
      m.exports.push({ name, kind, index });
    }
  },
  [SECTION.code]: (r, m) => {
    for (let n = r.count("bodies", 3); n > 0; n--) {
      const size = r.count("bytes of a body", 1, Infinity), start = r.at;
      r.skip(size);
      m.bodies.push([start, r.at]);
    }
  },
  [SECTION.data]: (r, m) => {
    for (let n = r.count("data segments", 2); n > 0; n--) {
      const at = r.at, mode = r.u32(), PASSIVE = 1, INDEXED = 2;
      if (mode > INDEXED) r.fail(`there is no data segment of kind ${mode}`, at);
      const memory = mode === INDEXED ? r.u32() : 0, address = mode === PASSIVE ? undefined : m.constant(r);
      const size = r.count("bytes of data", 1, Infinity);
      r.skip(size);
      if (memory === 0 && address !== undefined) m.dataEnd = Math.max(m.dataEnd, Number(address) + size);
    }
  },
};
