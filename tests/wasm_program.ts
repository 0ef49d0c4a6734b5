/** Small modules of functions in the text format, with names, exports and imports as builds have them. */

import { binary, body, type Bytes, bytes, END, FUNCREF, I32, i32, list, section, sized, type } from "./wasm_kit.ts";

/** A function. */
export interface Func {
  /** `(func (param $a i32) (result i32) ...)`, which calls others by their ids. */
  readonly text: string;
  /** Names that it is exported by. */
  readonly exports?: readonly string[];
  /** Its name in the name section. */
  readonly name?: string;
}

/** What a module has. */
export interface Program {
  /**
   * Functions by ids, as in `{ "env.malloc": "(func (param i32) (result i32))" }`; the id says what is imported. Globals,
   * which come behind, are `"(global i32)"`.
   */
  readonly imports?: Readonly<Record<string, string>>;
  /** Functions by ids. */
  readonly functions?: Readonly<Record<string, Func>>;
  /** Flags and sizes of memories. */
  readonly memories?: readonly Bytes[];
  /** Initial values of mutable globals of 32 bits, by ids. */
  readonly globals?: Readonly<Record<string, number>>;
  /** Ids of functions in a table. */
  readonly table?: readonly string[];
  /** Other sections, behind all. */
  readonly custom?: readonly Bytes[];
}

const CODES: Readonly<Record<string, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c };

const GLOBAL = "(global i32)";

/** Puts a module together. */
export function program(
  { imports = {}, functions = {}, memories = [[0, 1]], globals = {}, table = [], custom = [] }: Program,
): Uint8Array<ArrayBuffer> {
  const own = Object.values(functions), all = Object.keys(imports);
  const taken = all.filter((id) => imports[id] !== GLOBAL), base = all.filter((id) => imports[id] === GLOBAL);
  const types = [...new Set([...taken.map((id) => imports[id]), ...own.map(({ text }) => text)].map(typeOf))];
  const first = taken.length;
  const scope = {
    functions: indices([...taken, ...Object.keys(functions)]),
    globals: indices([...base, ...Object.keys(globals)]),
  };
  const exported = own.flatMap(({ exports = [] }, i) => exports.map((name): Bytes => [name, 0, index(first + i)]));
  const names = own.flatMap(({ name }, i): Bytes[] => name === undefined ? [] : [[index(first + i), name]]);
  return binary(
    section("type", list(...types.map((t) => type(codes(t.split(">")[0]), codes(t.split(">")[1]))))),
    section(
      "import",
      list(
        ...taken.map((id): Bytes => [named(id), 0, types.indexOf(typeOf(imports[id]))]),
        ...base.map((id): Bytes => [named(id), 3, I32, 0]),
      ),
    ),
    section("function", list(...own.map(({ text }) => index(types.indexOf(typeOf(text)))))),
    section("table", list([FUNCREF, 0, index(table.length)])),
    section("memory", list(...memories)),
    section("global", list(...Object.values(globals).map((value): Bytes => [I32, 1, i32(value), END]))),
    section("export", list(...exported)),
    section("element", list([0, 0x41, 0, END, list(...table.map((id) => index(scope.functions[id])))])),
    section("code", list(...own.map(({ text }) => body(text, scope)))),
    ...custom,
    names.length > 0 ? section("custom", "name", 1, sized(list(...names))) : [],
  );
}

const index = (i: number): Bytes => bytes().u32(i);

function named(id: string): Bytes {
  const dot = id.indexOf(".");
  return [id.slice(0, dot), id.slice(dot + 1)];
}

function indices(ids: readonly string[]): Record<string, number> {
  return Object.fromEntries(ids.map((id, i) => [id, i]));
}

/** The types of a function, as in "i32,i32>i32". */
function typeOf(text: string): string {
  const types = (what: string) =>
    [...text.matchAll(new RegExp(`\\(${what}\\s+(?:\\$\\S+\\s+)?(\\w+)\\)`, "g"))].map(([, type]) => type).join();
  return `${types("param")}>${types("result")}`;
}

function codes(types: string): number[] {
  return types.split(",").filter(Boolean).map((type) => CODES[type]);
}
