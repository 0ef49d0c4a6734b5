/**
 * What a WebAssembly binary says of itself: its sections and where they lie, imports, functions, memories, tables, globals,
 * exports and names. The code is left alone.
 *
 * @module
 */

import { Reader, WasmError } from "./bytes.ts";

/** Ids of sections. */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** The order in which sections come, by id. A tag section is between memories and globals, a data count before the code. */
const ORDER: readonly number[] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** Place of a section among the others: what comes after it has a greater one. */
export function rankOf(id: number): number {
  return ORDER.indexOf(id);
}

/** A section. */
export interface Section {
  /** Which it is: see {@linkcode SECTION}. */
  readonly id: number;
  /** Name of a custom section, "" for the others. */
  readonly name: string;
  /** Where it begins, with its id, in bytes from the start of the file. */
  readonly start: number;
  /** Where its contents begin; of a custom section, behind its name. */
  readonly body: number;
  /** Where it ends. */
  readonly end: number;
}

/** What an import or export is of. */
export type Kind = "func" | "table" | "memory" | "global" | "tag";
const KINDS: readonly Kind[] = ["func", "table", "memory", "global", "tag"];

/** A type of function; `other` stands for a type that is none. */
export interface FuncType {
  /** Types of parameters, as in "i32". */
  readonly params: readonly string[];
  /** Types of results. */
  readonly results: readonly string[];
}

/** How large a memory or table is, and may become. */
export interface Limits {
  /** Least size, in pages of 64 KiB or elements. */
  readonly min: number;
  /** Greatest size, or undefined if none is said. */
  readonly max: number | undefined;
  /** Whether threads can share it. */
  readonly shared: boolean;
  /** Whether addresses have 64 bits. */
  readonly wide: boolean;
}

/** A global. */
export interface Global {
  /** Its type, as in "i32". */
  readonly type: string;
  /** Whether it can change. */
  readonly mutable: boolean;
  /** What it starts with, if that is a constant of 32 bits, unsigned. */
  readonly value: number | undefined;
}

/** Something imported. */
export interface Import {
  /** From which module. */
  readonly module: string;
  /** By which name. */
  readonly name: string;
  /** What it is. */
  readonly kind: Kind;
  /** Its index among those of its kind. */
  readonly index: number;
}

/** Something exported. */
export interface Export {
  /** By which name. */
  readonly name: string;
  /** What it is. */
  readonly kind: Kind;
  /** Its index among those of its kind. */
  readonly index: number;
}

/** A WebAssembly binary. */
export interface WasmModule {
  /** All of it. */
  readonly bytes: Uint8Array;
  /** In the order of the file. */
  readonly sections: readonly Section[];
  /** By index; undefined for one that is no type of a function. */
  readonly types: readonly (FuncType | undefined)[];
  readonly imports: readonly Import[];
  /** Indices of the types of all functions, those imported first. */
  readonly functions: readonly number[];
  /** How many of them are imported. */
  readonly importedFunctions: number;
  /** Number of tables, with those imported. */
  readonly tables: number;
  /** All memories, those imported first. */
  readonly memories: readonly Limits[];
  /** All globals, those imported first. */
  readonly globals: readonly Global[];
  readonly exports: readonly Export[];
  /** Where the contents of functions that are not imported lie: `[start, end]` of each, with its locals. */
  readonly bodies: readonly (readonly [start: number, end: number])[];
  /** Names of functions by index, from the section that has them. Empty if there is none that can be read. */
  readonly functionNames: ReadonlyMap<number, string>;
  /** Names of globals by index. */
  readonly globalNames: ReadonlyMap<number, string>;
  /** First address in bytes behind what the data segments write to, as far as their places are constants. */
  readonly dataEnd: number;
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d];

/**
 * Reads a binary. O(bytes), without the code.
 *
 * Throws a {@linkcode WasmError} if it is none, is cut off, or is a component.
 */
export function parseModule(bytes: Uint8Array): WasmModule {
  if (bytes.length < 8 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new WasmError("Cannot read the module: it is no WebAssembly, which begins with 00 61 73 6d", 0);
  }
  const version = bytes[4] | bytes[5] << 8, layer = bytes[6] | bytes[7] << 8;
  if (layer === 1) {
    throw new WasmError("Cannot read the module: it is a component, of which only core modules can be", 4);
  }
  if (version !== 1 || layer !== 0) {
    throw new WasmError(`Cannot read the module: it is of version ${version}, not 1`, 4);
  }

  const m = {
    bytes,
    sections: [] as Section[],
    types: [] as (FuncType | undefined)[],
    imports: [] as Import[],
    functions: [] as number[],
    importedFunctions: 0,
    tables: 0,
    memories: [] as Limits[],
    globals: [] as Global[],
    exports: [] as Export[],
    bodies: [] as [number, number][],
    functionNames: new Map<number, string>(),
    globalNames: new Map<number, string>(),
    dataEnd: 0,
  };
  const counts: Record<Kind, number> = { func: 0, table: 0, memory: 0, global: 0, tag: 0 };
  const file = new Reader(bytes, 8);
  let last = -1;
  while (!file.done) {
    const start = file.at, id = file.byte(), body = file.part(file.count("bytes of a section"));
    const name = id === SECTION.custom ? body.name() : "";
    if (id !== SECTION.custom) {
      const rank = rankOf(id);
      if (rank < 0) file.fail(`Cannot read the module: there is no section ${id}`, start);
      if (rank <= last) file.fail(`Cannot read the module: section ${id} is out of order`, start);
      last = rank;
    }
    m.sections.push({ id, name, start, body: body.at, end: body.end });
    read(id, name, body);
  }
  if (m.bodies.length !== m.functions.length - m.importedFunctions) {
    throw new WasmError("Cannot read the module: it has not as many bodies as functions", bytes.length);
  }
  return m;

  function read(id: number, name: string, r: Reader): void {
    switch (id) {
      case SECTION.type:
        readTypes(r, m.types);
        break;
      case SECTION.import:
        for (let n = r.count("imports", 4); n > 0; n--) {
          const module = r.name(), name = r.name(), kind = kindOf(r);
          m.imports.push({ module, name, kind, index: counts[kind]++ });
          if (kind === "func") m.functions.push(typeIndex(r, m.types.length));
          else if (kind === "table") readTable(r);
          else if (kind === "memory") m.memories.push(readLimits(r));
          else if (kind === "global") m.globals.push({ type: valueType(r), mutable: r.byte() === 1, value: undefined });
          else {
            r.byte();
            r.u32();
          }
        }
        m.importedFunctions = counts.func;
        m.tables = counts.table;
        break;
      case SECTION.function:
        for (let n = r.count("functions"); n > 0; n--) m.functions.push(typeIndex(r, m.types.length));
        break;
      case SECTION.table:
        m.tables += r.count("tables", 3);
        return;
      case SECTION.memory:
        for (let n = r.count("memories", 2); n > 0; n--) m.memories.push(readLimits(r));
        break;
      case SECTION.global:
        for (let n = r.count("globals", 4); n > 0; n--) {
          const type = valueType(r), mutable = r.byte() === 1, value = constant(r);
          m.globals.push({ type, mutable, value });
          if (value === undefined && !skipExpression(r)) return; // and those behind it stay unknown
        }
        break;
      case SECTION.export:
        for (let n = r.count("exports", 3); n > 0; n--) {
          const name = r.name(), kind = kindOf(r), index = r.u32();
          if (kind === "func" && index >= m.functions.length) {
            r.fail("Cannot read the module: it exports a function it lacks");
          }
          m.exports.push({ name, kind, index });
        }
        break;
      case SECTION.code:
        for (let n = r.count("bodies", 2); n > 0; n--) {
          const size = r.count("bytes of code"), at = r.at;
          r.skip(size);
          m.bodies.push([at, r.at]);
        }
        break;
      case SECTION.data:
        m.dataEnd = readDataEnd(r);
        return;
      case SECTION.custom:
        if (name === "name") readNames(r, m.functionNames, m.globalNames);
        return;
      default:
        return;
    }
    if (!r.done) r.fail(`Cannot read the module: section ${id} is longer than what it has`);
  }
}

function kindOf(r: Reader): Kind {
  const kind = KINDS[r.byte()];
  return kind ?? r.fail("Cannot read the module: something unknown is imported or exported", r.at - 1);
}

function typeIndex(r: Reader, types: number): number {
  const index = r.u32();
  return index < types ? index : r.fail(`Cannot read the module: it has no type ${index}`);
}

const VALUE_TYPES: Readonly<Record<number, string>> = {
  0x7f: "i32",
  0x7e: "i64",
  0x7d: "f32",
  0x7c: "f64",
  0x7b: "v128",
  0x70: "funcref",
  0x6f: "externref",
  0x69: "exnref",
};

function valueType(r: Reader): string {
  const byte = r.byte();
  if (byte === 0x63 || byte === 0x64) { // a reference, with what it is to
    r.skipInteger(33);
    return "ref";
  }
  return VALUE_TYPES[byte] ??
    (byte >= 0x64 && byte <= 0x77 ? "ref" : r.fail("Cannot read the module: unknown type", r.at - 1));
}

function readTypes(r: Reader, types: (FuncType | undefined)[]): void {
  for (let n = r.count("types"); n > 0; n--) readType(r, types);
}

function readType(r: Reader, types: (FuncType | undefined)[]): void {
  let form = r.byte();
  if (form === 0x4e) return readTypes(r, types); // a group of types that need each other
  if (form === 0x50 || form === 0x4f) { // a subtype, with what it is one of
    for (let n = r.count("supertypes"); n > 0; n--) r.u32();
    form = r.byte();
  }
  if (form === 0x60) {
    const params = valueTypes(r);
    types.push({ params, results: valueTypes(r) });
  } else if (form === 0x5f) {
    for (let n = r.count("fields", 2); n > 0; n--) fieldType(r);
    types.push(undefined);
  } else if (form === 0x5e) {
    fieldType(r);
    types.push(undefined);
  } else r.fail("Cannot read the module: unknown form of type", r.at - 1);
}

function valueTypes(r: Reader): string[] {
  return Array.from({ length: r.count("types") }, () => valueType(r));
}

function fieldType(r: Reader): void {
  const packed = r.bytes[r.at];
  if (packed === 0x78 || packed === 0x77) r.byte();
  else valueType(r);
  r.byte();
}

function readTable(r: Reader): void {
  valueType(r);
  readLimits(r);
}

function readLimits(r: Reader): Limits {
  const flags = r.byte();
  if (flags > 0x0f) r.fail("Cannot read the module: unknown kind of limits", r.at - 1);
  const wide = (flags & 4) !== 0, size = () => wide ? Number(r.u64()) : r.u32();
  const min = size(), max = (flags & 1) !== 0 ? size() : undefined;
  if ((flags & 8) !== 0) r.u32(); // size of a page
  return { min, max, shared: (flags & 2) !== 0, wide };
}

/** The value of an expression that is a constant of 32 bits, which is passed over; undefined if it is none. */
function constant(r: Reader): number | undefined {
  const at = r.at;
  if (r.byte() === 0x41) {
    const value = r.s32() >>> 0;
    if (r.byte() === 0x0b) return value;
  }
  r.at = at;
  return undefined;
}

/** Passes over a constant expression; false if something in it is unknown. */
function skipExpression(r: Reader): boolean {
  for (;;) {
    const op = r.byte();
    if (op === 0x0b) return true;
    if (op === 0x41 || op === 0x23 || op === 0xd2) r.skipInteger(33);
    else if (op === 0x42) r.skipInteger(64);
    else if (op === 0x43) r.skip(4);
    else if (op === 0x44) r.skip(8);
    else if (op === 0xd0) r.skipInteger(33);
    else if (op < 0x6a || op > 0x7e) return false; // else an addition, subtraction or multiplication
  }
}

function readDataEnd(r: Reader): number {
  let end = 0;
  for (let n = r.count("data segments"); n > 0; n--) {
    const mode = r.u32();
    if (mode > 2) r.fail("Cannot read the module: unknown kind of data segment");
    if (mode === 2) r.u32();
    let at: number | undefined;
    if (mode !== 1) {
      at = constant(r);
      if (at === undefined && !skipExpression(r)) return end;
    }
    const size = r.count("bytes of data");
    r.skip(size);
    if (at !== undefined) end = Math.max(end, at + size);
  }
  return end;
}

/** Names are for people: of a section that is broken, what could be read is taken. */
function readNames(r: Reader, functions: Map<number, string>, globals: Map<number, string>): void {
  try {
    while (!r.done) {
      const id = r.byte(), part = r.part(r.count("bytes of names"));
      const names = id === 1 ? functions : id === 7 ? globals : undefined;
      if (names === undefined) continue;
      for (let n = part.count("names", 2); n > 0; n--) names.set(part.u32(), part.name());
    }
  } catch (e) {
    if (!(e instanceof WasmError)) throw e;
  }
}
