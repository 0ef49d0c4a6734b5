/** Small WebAssembly binaries, put together by hand: no tool knows all that engines take, and none makes what is wrong. */

import { assemble, type Scope } from "../rt/wasm/assemble.ts";
import { WasmError, Writer } from "../rt/wasm/bytes.ts";
import { SECTION } from "../rt/wasm/module.ts";
import { assert, assertThrows } from "./assert.ts";

/** Bytes; a string is a name, with its length in front. */
export type Bytes = number | string | Writer | readonly Bytes[];

/** Puts bytes together. */
export function bytes(...all: readonly Bytes[]): Writer {
  const w = new Writer();
  for (const b of all) {
    if (typeof b === "number") w.byte(b);
    else if (typeof b === "string") w.name(b);
    else w.append(b instanceof Writer ? b : bytes(...b));
  }
  return w;
}

/** Bytes with their length in front. */
export const sized = (...all: readonly Bytes[]): Writer => new Writer().sized(bytes(...all));

/** A list, with its length in front. */
export const list = (...items: readonly Bytes[]): Writer => new Writer().u32(items.length).append(bytes(...items));

/** A section. */
export const section = (id: number | keyof typeof SECTION, ...contents: readonly Bytes[]): Writer =>
  new Writer().section(typeof id === "number" ? id : SECTION[id], bytes(...contents));

/** What every binary begins with. */
export const HEADER: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** A binary of these sections. */
export function binary(...sections: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  return bytes(HEADER, ...sections).bytes();
}

/** A body in the text format, with its length. */
export const body = (text: string, scope?: Scope): Writer => new Writer().sized(assemble(text, scope));

export const I32 = 0x7f, I64 = 0x7e, F32 = 0x7d, F64 = 0x7c, V128 = 0x7b, FUNCREF = 0x70, EXTERNREF = 0x6f, END = 0x0b;

/** A type of function. */
export const type = (params: readonly Bytes[], results: readonly Bytes[]): Writer =>
  bytes(0x60, list(...params), list(...results));

/** A constant. */
export const i32 = (value: number): Writer => new Writer().byte(0x41).s32(value);
const ADD_ONE = body("(func (param $x i32) (result i32) (i32.add (local.get $x) (i32.const 1)))");
const types = section("type", list(type([I32], [I32]))), functions = section("function", list(0));
const code = section("code", list(ADD_ONE)), exports = section("export", list(["f", 0, 0]));

/** Binaries with a function that is exported as "f" and adds one, each with something that not all have. */
export const MODULES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "nothing besides": binary(types, functions, exports, code),
  "nothing exported": binary(types, functions, code),
  "several memories": binary(
    types,
    functions,
    section("memory", list([0, 1], [1, 1, 2], [0, 0])),
    exports,
    code,
    section("data", list([0, i32(16), END, "first"], [2, 1, i32(1000), END, "second"], [1, "passive"])),
  ),
  "a memory and tables of 64-bit addresses": binary(
    types,
    functions,
    section("table", list([FUNCREF, 0x04, 3], [FUNCREF, 0x05, 1, 4])),
    section("memory", list([0x05, 1, 0x80, 0x80, 0x04])),
    exports,
    section("element", list([0, 0x42, 0, END, list(0)])),
    code,
    section("data", list([0, 0x42, 0x80, 0x20, END, "abc"])),
  ),
  "a shared memory": binary(
    types,
    section("import", list(["env", "memory", 2, 0x03, 1, 4])),
    functions,
    exports,
    code,
  ),
  "tables with expressions": binary(
    types,
    functions,
    section("table", list([0x40, 0, FUNCREF, 0, 2, 0xd2, 0, END], [0x40, 0, 0x63, 0, 1, 1, 3, 0xd0, 0, END])),
    exports,
    code,
  ),
  "exceptions": binary(
    section("type", list(type([I32], [I32]), type([I64], []))),
    section("import", list(["env", "tag", 4, 0, 1])),
    functions,
    section("memory", list([0, 1])),
    section("tag", list([0, 1], [0, 1])),
    section("global", list([I32, 0, i32(5), END])),
    section("export", list(["f", 0, 0], ["tag", 4, 2])),
    code,
  ),
  "typed references": binary(
    section("type", list(type([I32], [I32]), type([[0x63, 0], [0x64, 0], [0x64, 0xf0, 0x7f]], [[0x63, 0]]))),
    section("function", list(0, 1)),
    section("table", list([0x63, 0, 0, 1])),
    exports,
    section("code", list(ADD_ONE, sized(0, 0x20, 0, END))),
  ),
  "structs and arrays": binary(
    section(
      "type",
      list(
        type([I32], [I32]),
        [
          0x4e,
          list([0x50, 0, 0x5f, list([0x63, 1, 1], [0x78, 0])], [
            0x4f,
            1,
            1,
            0x5f,
            list([0x63, 1, 1], [0x78, 0], [F64, 0]),
          ]),
        ],
        [0x5f, list([I32, 1])],
        [0x5e, 0x78, 1],
        [0x50, 0, 0x60, 0, list(I32)],
        [0x4e, list()],
      ),
    ),
    functions,
    section(
      "global",
      list(
        [0x64, 3, 0, i32(3), 0xfb, 0, 3, END], // struct.new
        [0x64, 3, 0, 0xfb, 1, 3, END], // struct.new_default
        [0x64, 4, 0, i32(3), i32(5), 0xfb, 6, 4, END], // array.new
        [0x64, 4, 0, i32(5), 0xfb, 7, 4, END], // array.new_default
        [0x64, 4, 0, i32(5), i32(6), 0xfb, 8, 4, 2, END], // array.new_fixed
        [0x64, 0x6c, 0, i32(5), 0xfb, 28, END], // ref.i31
        [EXTERNREF, 0, i32(5), 0xfb, 28, 0xfb, 27, END], // extern.convert_any
        [0x6e, 0, 0xd0, EXTERNREF, 0xfb, 26, END], // any.convert_extern
        [I32, 0, i32(7), END],
      ),
    ),
    exports,
    code,
  ),
  "constants": binary(
    types,
    section("import", list(["env", "base", 3, I32, 0])),
    functions,
    section("memory", list([0, 1])),
    section(
      "global",
      list(
        [I32, 1, i32(-1), END],
        [I32, 0, i32(40), i32(3), i32(5), 0x6c, 0x6a, END], // 40 + 3 * 5
        [I32, 0, 0x23, 2, i32(60), 0x6b, END], // that - 60
        [I32, 0, 0x23, 0, i32(1), 0x6a, END],
        [I64, 0, 0x42, 5, 0x42, 0x7f, 0x7d, END],
        [F32, 0, 0x43, 0, 0, 0, 0, END],
        [F64, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, END],
        [V128, 0, 0xfd, 12, ...new Array(16).fill(0x0b), END],
        [FUNCREF, 0, 0xd2, 0, END],
        [EXTERNREF, 0, 0xd0, EXTERNREF, END],
        [I32, 0, i32(7), END],
      ),
    ),
    exports,
    code,
    section("data", list([0, 0x23, 0, END, "somewhere"], [0, 0x23, 2, i32(1000), 0x6a, END, "at 1055"])),
  ),
  "elements of all kinds": binary(
    types,
    functions,
    section("table", list([FUNCREF, 0, 9], [FUNCREF, 0, 9])),
    exports,
    section(
      "element",
      list(
        [0, i32(0), END, list(0)],
        [1, 0, list(0)],
        [2, 1, i32(3), END, 0, list(0)],
        [3, 0, list(0)],
        [4, i32(4), END, list([0xd2, 0, END])],
        [5, FUNCREF, list([0xd0, FUNCREF, END])],
        [6, 1, i32(4), END, FUNCREF, list([0xd2, 0, END])],
        [7, FUNCREF, list()],
      ),
    ),
    section("dataCount", 2),
    code,
    section("data", list([1, "a"], [1, "b"])),
  ),
  "values of all types, and several results": binary(
    section(
      "type",
      list(
        type([I32], [I32]),
        type([I32, I64, F32, F64, V128, FUNCREF, EXTERNREF], [EXTERNREF, FUNCREF, V128, F64, F32, I64, I32]),
      ),
    ),
    section("function", list(0, 1)),
    section("export", list(["f", 0, 0], ["turn", 0, 1])),
    section("code", list(ADD_ONE, sized(0, [6, 5, 4, 3, 2, 1, 0].map((i) => [0x20, i]), END))),
  ),
  "integers longer than they have to be": binary(
    [1, 0x8a, 0x80, 0x80, 0x80, 0x00, 0x81, 0x80, 0x00, 0x60, 0x81, 0x00, I32, 0x81, 0x00, I32],
    section("function", 0x81, 0x00, 0x80, 0x80, 0x00),
    section("memory", list([0, 0x81, 0x80, 0x80, 0x80, 0x00])),
    section("global", list([I32, 0, 0x41, 0xff, 0xff, 0xff, 0xff, 0x7f, END])),
    section("export", 0x81, 0x00, 0x81, 0x00, 0x66, 0, 0x80, 0x00),
    section("code", 0x81, 0x00, 0x87, 0x80, 0x00, 0, 0x20, 0, i32(1), 0x6a, END),
    section("data", list([0x80, 0x00, i32(8), END, 0x81, 0x00, 5])),
  ),
  "custom sections everywhere": binary(
    section("custom", "first", 1, 2, 3),
    types,
    section("custom", ""),
    functions,
    section("custom", "\ufeffname"),
    exports,
    code,
    section("custom", "name", 0, sized("names"), 1, sized(list([0, "add"])), 9, sized(1)),
    section("custom", "name", 1, sized(list([0, "another"]))),
  ),
};

/** Asserts that `f` throws a `WasmError` that says `message`, with an offset within the binary. */
export function assertRefuses(f: () => unknown, message: string, length: number = Infinity): WasmError {
  const error = assertThrows(f, WasmError, message);
  assert(error.offset >= 0 && error.offset <= length, `offset ${error.offset} is not within ${length} bytes`);
  return error;
}
