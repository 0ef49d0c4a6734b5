import { bytesOf, Reader, WasmError, Writer } from "../rt/wasm/bytes.ts";
import { parseModule, rankOf, SECTION } from "../rt/wasm/module.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import {
  assertRefuses,
  binary,
  type Bytes,
  END,
  FUNCREF,
  HEADER,
  I32,
  I64,
  list,
  MODULES,
  section,
  sized,
  type,
} from "./wasm_kit.ts";

const types = section("type", list(type([I32], [I32]))), functions = section("function", list(0));
const code = section("code", list(sized(0, 0x20, 0, END)));

for (const [name, bytes] of Object.entries(MODULES)) {
  Deno.test(`wasm_module: ${name}: read, as an engine does`, () => {
    const m = parseModule(bytes);
    assertEquals(m.bytes, bytes);
    const compiled = new WebAssembly.Module(bytes),
      named = (e: { name: string; kind: string }) => [e.name, e.kind.replace("function", "func")];
    assertEquals(m.exports.map(named), WebAssembly.Module.exports(compiled).map(named));
    assertEquals(m.imports.map(named), WebAssembly.Module.imports(compiled).map(named));
    for (const [start, end] of m.bodies) assertEquals([start < end, bytes[end - 1]], [true, END]);
    assertEquals(m.bodies.length, m.functions.length - m.importedFunctions);
  });

  Deno.test(`wasm_module: ${name}: cut off anywhere, refused or a shorter module`, () => {
    for (let n = 0; n < bytes.length; n++) {
      const cut = bytes.slice(0, n);
      if (WebAssembly.validate(cut)) parseModule(cut);
      else {
        try {
          parseModule(cut); // what is left to engines
        } catch (e) {
          assert(e instanceof WasmError && e.offset <= n, `${n}: ${e}`);
        }
      }
    }
  });
}

Deno.test("wasm_module: all that a binary says", () => {
  const bytes = binary(
    section("custom", "dylink.0", 1, 2),
    section("type", list(type([I32], [I32]), type([], [I64]))),
    section(
      "import",
      list(
        ["env", "log", 0, 1],
        ["env", "table", 1, FUNCREF, 0x01, 1, 10],
        ["env", "memory", 2, 0x03, 2, 4],
        ["env", "base", 3, I32, 0],
      ),
    ),
    functions,
    section("table", list([FUNCREF, 0, 1])),
    section("memory", list([0x05, 1, 9])),
    section("global", list([I32, 1, 0x41, 0x7f, END], [I64, 0, 0x42, 5, END], [I32, 0, 0x41, 0xc0, 0x00, END])),
    section("export", list(["f", 0, 1], ["m", 2, 1], ["g", 3, 2], ["t", 1, 0])),
    section("start", 0),
    code,
    section("data", list([0, 0x41, 0x10, END, "12345"], [0, 0x41, 0x08, END, "1"], [2, 1, 0x42, 0xff, 0x00, END, "1"])),
    section("custom", "name", 1, sized(list([0, "log"], [1, "f"])), 7, sized(list([1, "count"]))),
  );
  const m = parseModule(bytes);
  assertEquals(m.sections.map(({ id, name }) => name || id), ["dylink.0", 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, "name"]);
  assertEquals([...bytes.subarray(m.sections[0].body, m.sections[0].end)], [1, 2]);
  assertEquals(m.types, [{ params: ["i32"], results: ["i32"] }, { params: [], results: ["i64"] }]);
  assertEquals(m.imports, [
    { module: "env", name: "log", kind: "func", index: 0 },
    { module: "env", name: "table", kind: "table", index: 0 },
    { module: "env", name: "memory", kind: "memory", index: 0 },
    { module: "env", name: "base", kind: "global", index: 0 },
  ]);
  assertEquals([m.functions, m.importedFunctions, m.tables], [[1, 0], 1, 2]);
  assertEquals(m.memories, [
    { min: 2, max: 4, shared: true, wide: false },
    { min: 1, max: 9, shared: false, wide: true },
  ]);
  assertEquals(m.globals, [
    { type: "i32", mutable: false, value: undefined },
    { type: "i32", mutable: true, value: 0xffffffff },
    { type: "i64", mutable: false, value: undefined },
    { type: "i32", mutable: false, value: 64 },
  ]);
  assertEquals(m.exports, [
    { name: "f", kind: "func", index: 1 },
    { name: "m", kind: "memory", index: 1 },
    { name: "g", kind: "global", index: 2 },
    { name: "t", kind: "table", index: 0 },
  ]);
  assertEquals(m.bodies.map(([start, end]) => [...bytes.subarray(start, end)]), [[0, 0x20, 0, END]]);
  assertEquals([...m.functionNames], [[0, "log"], [1, "f"]]);
  assertEquals([...m.globalNames], [[1, "count"]]);
  assertEquals(m.dataEnd, 21, "of the first memory");
});

Deno.test("wasm_module: constants are calculated as far as they are integers", () => {
  const { globals, dataEnd } = parseModule(MODULES.constants);
  const none = undefined;
  assertEquals(globals.map(({ value }) => value), [
    none,
    0xffffffff,
    55,
    0xfffffffb,
    none,
    none,
    none,
    none,
    none,
    none,
    none,
    7,
  ]);
  assertEquals(dataEnd, 55 + 1000 + "at 1055".length);
  assertEquals(parseModule(MODULES["structs and arrays"]).globals.map(({ value }) => value), [...new Array(8), 7]);
  assertEquals(parseModule(MODULES["a memory and tables of 64-bit addresses"]).dataEnd, 4099);
  assertEquals(parseModule(MODULES["several memories"]).dataEnd, 21);
});

Deno.test("wasm_module: functions of all types of values", () => {
  const { types } = parseModule(MODULES["values of all types, and several results"]);
  const all = ["i32", "i64", "f32", "f64", "v128", "funcref", "externref"];
  assertEquals(types[1], { params: all, results: all.toReversed() });
  assertEquals(parseModule(MODULES["typed references"]).types[1], { params: ["ref", "ref", "ref"], results: ["ref"] });
});

Deno.test("wasm_module: a type is known if an engine knows it", () => {
  for (let code = 0; code < 0x100; code++) {
    if (code === 0x63 || code === 0x64) continue; // of which there is more
    const isIndex = code < 0x40 || code >= 0x80; // of a type of the module's own: that is for engines to look up
    for (const t of isIndex ? [[code]] : [[code], [0x63, code]]) {
      const bytes = binary(section("type", list(type([t], []))));
      if (WebAssembly.validate(bytes)) parseModule(bytes);
      else assertRefuses(() => parseModule(bytes), "");
    }
  }
});

Deno.test("wasm_module: a byte order mark is a part of a name", () => {
  const { sections } = parseModule(MODULES["custom sections everywhere"]);
  assertEquals(sections.filter(({ id }) => id === 0).map(({ name }) => name), [
    "first",
    "",
    "\ufeffname",
    "name",
    "name",
  ]);
});

Deno.test("wasm_module: of types that belong together each has its index", () => {
  const { types } = parseModule(MODULES["structs and arrays"]);
  const none = undefined;
  assertEquals(types, [{ params: ["i32"], results: ["i32"] }, none, none, none, none, {
    params: [],
    results: ["i32"],
  }]);
});

Deno.test("wasm_module: a section of names that is broken costs names only", () => {
  const name = (...contents: Bytes[]) =>
    parseModule(binary(types, functions, code, section("custom", "name", ...contents)));
  const names = (...contents: Bytes[]) => [...name(...contents).functionNames];
  assertEquals(names(1, sized(list([0, "f"]))), [[0, "f"]]);
  assertEquals(names(1, sized(list([0, "\ufefff"]))), [[0, "\ufefff"]], "a byte order mark is a part of a name");
  assertEquals(names(1, sized(list([0, "\u00e9".repeat(99)]))), [[0, "\u00e9".repeat(99)]]);
  assertEquals(
    names(1, sized(list([0, "f"], [1, 1, 0xff], [2, "g"]))),
    [[0, "f"], [1, "\ufffd"], [2, "g"]],
    "what is no UTF-8",
  );
  assertEquals(names(1, sized(9, [0, "f"])), [], "a number that is too great");
  assertEquals(names(1, sized(list([0, "f"])), 1, 99), [[0, "f"]], "a part that is too long");
  assertEquals(names(1, sized(3, [0, "f"], 0x80, 0x80)), [], "more than fit in");
  assertEquals(names(0xff), []);
  assertEquals(names(), []);
});

/** What is wrong with a binary, its bytes, and where that is. */
const WRONG: [problem: string, bytes: Uint8Array, offset: number][] = [
  ["it is empty", new Uint8Array(), 0],
  ["it is no WebAssembly", new TextEncoder().encode("<!DOCTYPE html>"), 0],
  ["it is no WebAssembly", new Uint8Array(HEADER.slice(0, 7)), 0],
  ["expected version 1, got 2", new Uint8Array([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]), 4],
  ["it is a component", new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]), 4],
  ["there is no section 14", binary(section(14)), 8],
  ["section 1 is out of order", binary(types, types), 16],
  ["section 6 is out of order", binary(section("export", 0), section("global", 0)), 11],
  ["section 12 is out of order", binary(section("code", 0), section("dataCount", 0)), 11],
  ["100 bytes of a section do not fit", binary(1, 100, 0), 9],
  ["a name is not UTF-8", binary(section("custom", 1, 0xff)), 11],
  ["100 bytes of a name do not fit", binary(section("custom", 100, 0)), 10],
  ["section 1 is longer than what it has", binary(section("type", 0, 0)), 11],
  ["it ends too early", binary(section("type", 1, 0x60, 0)), 13],
  ["there is no type 0x61", binary(section("type", list(type([], [0x61])))), 14],
  ["there is no type 0x5c", binary(section("type", list([0x5c, 0]))), 11],
  ["there is no type 0x7f", binary(section("type", list(type([[0x63, 0x7f]], [])))), 14],
  ["there is no type 0x4e", binary(section("type", list([0x4e, list([0x4e, 0])]))), 13],
  ["there is no mutability 0x2", binary(section("type", list([0x5e, I32, 2]))), 13],
  ["nothing is of kind 5", binary(section("import", list(["", "", 5, 0]))), 13],
  ["there is no type of function 0", binary(functions), 11],
  ["there is no type of function 0", binary(section("type", list([0x5e, I32, 0])), functions), 17],
  ["there are no limits of kind 0x8", binary(section("memory", list([8, 1, 0]))), 11],
  ["it exports a memory that it lacks", binary(section("export", list(["m", 2, 0]))), 11],
  ["it exports a func that it lacks", binary(section("export", list(["f", 0, 0]))), 11],
  [
    'it exports "m" twice',
    binary(section("memory", list([0, 1])), section("export", list(["m", 2, 0], ["m", 2, 0]))),
    20,
  ],
  ["an instruction is no constant", binary(section("global", list([I32, 0, 0x41, 1, 0x45, END]))), 15],
  ["an instruction is no constant", binary(section("global", list([I32, 0, 0xfb, 9, END]))), 13],
  ["an instruction is no constant", binary(section("global", list([I32, 0, 0xfd, 13, END]))), 13],
  ["expected a body for each of 1 functions, got 0", binary(types, functions), 20],
  ["expected a body for each of 0 functions, got 1", binary(code), 16],
  ["there is no data segment of kind 3", binary(section("data", list([3, 0]))), 11],
  ["9 bytes of data do not fit", binary(section("data", list([1, 9]))), 12],
];

for (const [problem, bytes, offset] of WRONG) {
  Deno.test(`wasm_module: ${problem}, at byte ${offset}`, () => {
    assert(!WebAssembly.validate(bytes as BufferSource));
    const error = assertRefuses(() => parseModule(bytes), `Cannot read the module: ${problem}`);
    assertEquals(error.offset, offset);
    // Of what is wrong with all of the file, it says no place
    assertEquals(
      / \(at byte .*\)$/.exec(error.message)?.[0],
      offset === 0 ? undefined : ` (at byte 0x${offset.toString(16)})`,
    );
  });
}

Deno.test("wasm_module: a number of things is not believed", () => {
  const GREAT = [0xff, 0xff, 0xff, 0xff, 0x0f];
  const lists = ["type", "import", "function", "table", "memory", "global", "export", "code", "data", "tag"] as const;
  for (const id of lists) assertRefuses(() => parseModule(binary(section(id, GREAT, 0, 0))), "do not fit");
  assertRefuses(() => parseModule(binary(section("type", 1, 0x60, GREAT))), "4294967295 parameters do not fit");
  assertRefuses(() => parseModule(binary(section("type", 1, 0x5f, GREAT))), "4294967295 fields do not fit");
  assertRefuses(() => parseModule(binary(section("type", 1, 0x50, GREAT))), "4294967295 supertypes do not fit");
  assertRefuses(() => parseModule(binary(section("type", 1, 0x4e, GREAT))), "4294967295 types of a group do not fit");
  const many = (n: number) => new Uint8Array(n).fill(I32);
  assertRefuses(
    () => parseModule(binary(section("type", 1, 0x60, new Writer().u32(1001).piece(many(1002))))),
    "1001 parameters are more than engines take, which is 1000",
  );
  assertRefuses(
    () => parseModule(binary(types, section("function", new Writer().u32(1_000_001).piece(new Uint8Array(1_000_001))))),
    "1000001 functions are more than engines take",
  );
  const sections = new Uint8Array(3 * 100_001).map((_, i) => i % 3 === 1 ? 1 : 0); // custom ones without a name
  assertRefuses(() => parseModule(binary(new Writer().piece(sections))), "it has more than 100000 sections");
});

Deno.test("wasm_module: integers have as many bytes as they may, and no more", () => {
  const read = <T>(f: (r: Reader) => T, ...bytes: number[]) => f(new Reader(new Uint8Array(bytes)));
  const u32 = (r: Reader) => r.u32(), s32 = (r: Reader) => r.s32(), u64 = (r: Reader) => r.u64();
  const s33 = (r: Reader) => r.signed(33), s64 = (r: Reader) => r.signed(64);
  const x = (n: number, last: number, byte = 0x80) => [...new Array(n).fill(byte), last];
  assertEquals(read(u32, 0x7f), 127);
  assertEquals(read(u32, ...x(4, 0x0f, 0xff)), 2 ** 32 - 1);
  assertEquals(read(u32, ...x(4, 0)), 0);
  assertEquals(read(s32, 0x7f), -1);
  assertEquals(read(s32, 0x3f), 63);
  assertEquals(read(s32, 0xff, 0x3f), 8191);
  assertEquals(read(s32, ...x(4, 0x78)), -(2 ** 31));
  assertEquals(read(s32, ...x(4, 0x07, 0xff)), 2 ** 31 - 1);
  assertEquals(read(s32, ...x(4, 0x7f, 0xff)), -1);
  assertEquals(read(s33, 0x70), -16n);
  assertEquals(read(s33, ...x(4, 0x0f, 0xff)), 2n ** 32n - 1n);
  assertEquals(read(s33, ...x(4, 0x70)), -(2n ** 32n));
  assertEquals(read(u64, ...x(9, 1, 0xff)), 2n ** 64n - 1n);
  assertEquals(read(u64, ...x(8, 1)), 2n ** 56n);
  assertEquals(read(s64, ...x(9, 0x7f)), -(2n ** 63n));
  assertEquals(read(s64, ...x(9, 0x00, 0xff)), 2n ** 63n - 1n);
  assertEquals(read(s64, 0xff, 0x7e), -129n);
  const tooLong: [(r: Reader) => unknown, number[]][] = [
    [u32, x(4, 0x10)],
    [u32, x(5, 0)],
    [u32, x(4, 0x8f)],
    [s32, x(4, 0x08)],
    [s32, x(4, 0x77)],
    [s32, x(5, 0)],
    [s33, x(4, 0x10)],
    [s33, x(4, 0x6f)],
    [u64, x(9, 2)],
    [u64, x(10, 0)],
    [s64, x(9, 1)],
    [s64, x(9, 0x7e)],
    [s64, x(9, 0x80)],
  ];
  for (const [f, bytes] of tooLong) {
    assertEquals(assertRefuses(() => read(f, ...bytes, 0), "an integer is too long").offset, 0, `${bytes}`);
  }
  for (const f of [u32, s32, s33, u64, s64]) assertRefuses(() => read<unknown>(f, 0x80), "it ends too early");
});

Deno.test("wasm_module: integers are written as they are read, as short as they can be", () => {
  const back = <T>(w: Writer, f: (r: Reader) => T) => {
    const r = new Reader(w.bytes()), value = f(r);
    assert(r.done);
    return [value, r.bytes.length];
  };
  for (const [value, length] of [[0, 1], [127, 1], [128, 2], [16383, 2], [16384, 3], [2 ** 31, 5], [2 ** 32 - 1, 5]]) {
    assertEquals(back(new Writer().u32(value), (r) => r.u32()), [value, length]);
  }
  for (const [value, length] of [[0, 1], [63, 1], [64, 2], [-64, 1], [-65, 2], [2 ** 31 - 1, 5], [-(2 ** 31), 5]]) {
    assertEquals(back(new Writer().s32(value), (r) => r.s32()), [value, length]);
    assertEquals(back(new Writer().s64(BigInt(value)), (r) => r.signed(64)), [BigInt(value), length]);
  }
  assertEquals(back(new Writer().s32(2 ** 32 - 1), (r) => r.s32()), [-1, 1]);
  for (const value of [2n ** 63n - 1n, -(2n ** 63n)]) {
    assertEquals(back(new Writer().s64(value), (r) => r.signed(64)), [value, 10]);
  }
});

Deno.test("wasm_module: a writer is as long as what it has, and knows what is from where", () => {
  const from = new Uint8Array([9, 8, 7, 6, 5, 4]).subarray(1);
  const w = new Writer().byte(1).piece(from.subarray(0, 2)).piece(from.subarray(2, 4)).piece(new Uint8Array());
  w.sized(new Writer().name("ab").piece(from.subarray(1, 3)));
  assertEquals([...w.bytes()], [1, 8, 7, 6, 5, 5, 2, 97, 98, 7, 6]);
  assertEquals(w.length, 11);
  assertEquals(w.copies(from), [{ at: 1, from: 0, length: 4 }, { at: 9, from: 1, length: 2 }]);
  const parts = new Writer().piece(from.subarray(0, 1)).piece(from.subarray(2, 3)).byte(0).piece(from.subarray(3, 4));
  assertEquals(parts.copies(from).map((copy) => copy.length), [1, 1, 1], "with something between them");
  const long = new Writer();
  for (let i = 0; i < 1000; i++) long.byte(i & 0xff);
  assertEquals([...long.bytes()], Array.from({ length: 1000 }, (_, i) => i & 0xff));
});

Deno.test("wasm_module: bytes, whatever holds them", () => {
  const bytes = MODULES.constants, padded = new Uint8Array(bytes.length + 9);
  padded.set(bytes, 5);
  assertEquals(bytesOf(bytes), bytes);
  assertEquals(bytesOf(bytes.buffer), bytes);
  assertEquals(bytesOf(padded.subarray(5, 5 + bytes.length)), bytes);
  assertEquals(bytesOf(new DataView(padded.buffer, 5, bytes.length)), bytes);
  assertEquals(bytesOf(bytes).buffer, bytes.buffer, "not copied");
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  for (const source of [shared, shared.buffer]) {
    const copy = bytesOf(source);
    assertEquals([copy, copy.buffer instanceof ArrayBuffer], [bytes, true]);
  }
  for (const source of [undefined, null, 5, "module.wasm", [0, 0x61], {}, { buffer: bytes.buffer }]) {
    assertThrows(() => bytesOf(source), TypeError, "Cannot read a module: expected its bytes, got ");
  }
});

Deno.test("wasm_module: the order of sections", () => {
  const { custom, table, memory, tag, global, element, dataCount, code } = SECTION;
  const ranks = [custom, table, memory, tag, global, element, dataCount, code].map(rankOf);
  assertEquals(ranks, ranks.toSorted((a, b) => a - b));
  assertEquals(rankOf(custom), -1);
});
