import { assemble } from "../rt/wasm/assemble.ts";
import { Writer } from "../rt/wasm/bytes.ts";
import { parseModule, SECTION } from "../rt/wasm/module.ts";
import { PREFIX, rewrite, type Rewriting, type Rewritten } from "../rt/wasm/rewrite.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { npmFile } from "./npm_files.ts";
import {
  assertRefuses,
  binary,
  body,
  type Bytes,
  END,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  I32,
  I64,
  list,
  MODULES,
  section,
  sized,
  type,
  V128,
} from "./wasm_kit.ts";

type Binary = Uint8Array<ArrayBuffer>;
// deno-lint-ignore no-explicit-any -- functions of all kinds
type Functions = Record<string, any>;

const IMPORTS = (): WebAssembly.Imports => ({
  env: {
    memory: new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true }),
    base: 8,
    // deno-lint-ignore no-explicit-any -- TypeScript does not know it
    tag: new (WebAssembly as any).Tag({ parameters: ["i64"] }),
  },
});

/** An instance of a binary, which an engine has to take. */
const instance = (bytes: Binary, imports: WebAssembly.Imports = IMPORTS()): Functions =>
  new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports;

/** The binary with a switch in front of each of its functions, called `f0`, `f1` and so on by their indices. */
function all(bytes: Binary, more: Partial<Rewriting> = {}): Rewritten {
  const m = parseModule(bytes), switches = m.bodies.map((_, i) => m.importedFunctions + i).map(switchOf);
  return rewrite(m, { switches, ...more });
}

const switchOf = (index: number) => ({ name: `f${index}`, index });

for (const [name, bytes] of Object.entries(MODULES)) {
  Deno.test(`wasm_rewrite: ${name}: does what it did, with nothing renumbered`, () => {
    const rewritten = all(bytes), before = parseModule(bytes), after = parseModule(rewritten.bytes);
    const exports = instance(rewritten.bytes);
    if (before.exports.length > 0) assertEquals(exports.f(41), 42);
    assertEquals(exports["region.f0"](41), 42);
    assertEquals(exports["region.original.f0"](41), 42);
    assertEquals(exports["region.table"].length, before.bodies.length);
    assertEquals(exports["region.table"].get(0), exports["region.original.f0"]);

    assertEquals([after.types, after.imports], [before.types, before.imports]);
    assertEquals([after.memories, after.globals], [before.memories, before.globals]);
    assertEquals(after.exports.slice(0, before.exports.length), before.exports);
    assertEquals(after.functions, [...before.functions, ...before.functions.slice(before.importedFunctions)]);
    assertEquals(after.tables, before.tables + 1);
    for (const [i, [start, end]] of before.bodies.entries()) {
      const [s, e] = after.bodies[before.bodies.length + i];
      assertEquals(rewritten.bytes.subarray(s, e), bytes.subarray(start, end), "a body as it was");
    }
  });

  Deno.test(`wasm_rewrite: ${name}: calls what is put into the table`, () => {
    const exports = instance(all(bytes).bytes);
    const double = instance(binary(
      section("type", list(type([I32], [I32]))),
      section("function", list(0)),
      section("export", list(["double", 0, 0])),
      section("code", list(body("(func (param $x i32) (result i32) (i32.mul (local.get $x) (i32.const 2)))"))),
    )).double;
    exports["region.table"].set(0, double);
    assertEquals([exports["region.f0"](41), exports["region.original.f0"](41)], [82, 42]);
    if (exports.f) assertEquals(exports.f(41), 82);
  });

  Deno.test(`wasm_rewrite: ${name}: takes functions, globals, a memory and a name`, () => {
    const { bytes: rewritten } = rewrite(parseModule(bytes), {
      switches: [{
        name: "f",
        index: parseModule(bytes).importedFunctions,
        body: (scope) =>
          assemble(
            `(func (param $x i32) (result i32)
              (global.set $n (i32.add (global.get $n) (i32.const 1)))
              (i32.store offset=4 (i32.const 0) (local.get $x))
              (call $twice (call_indirect (type $f) (local.get $x) (i32.const 0))))`,
            scope,
          ),
      }],
      functions: [{
        name: "twice",
        type: { params: ["i32"], results: ["i32"] },
        body: (scope) =>
          assemble(
            "(func (param $x i32) (result i32) (call $original.f (call $original.f (local.get $x))))",
            scope,
          ),
      }],
      globals: [{ name: "n", type: "i32", value: 2 ** 32 - 2 }, { name: "wide", type: "i64", value: -5 }],
      memory: 1,
      exports: [{ name: "again", kind: "func", index: parseModule(bytes).importedFunctions }],
      moduleName: "called",
    });
    const exports = instance(rewritten);
    assertEquals(exports["region.f"](10), 13);
    assertEquals([exports["region.n"].value, exports["region.wide"].value], [-1, -5n]);
    assertEquals(new Uint32Array(exports["region.memory"].buffer)[1], 10);
    assertEquals([exports["region.twice"](1), exports["region.again"](1)], [3, 4]);
  });
}

/** What is in a section of names. */
function namesIn(bytes: Binary): Record<string, unknown> {
  const { functionNames, sections } = parseModule(bytes), section = sections.find(({ name }) => name === "name");
  const contents = section && bytes.subarray(section.body, section.end);
  const module = contents?.[0] === 0 ? new TextDecoder().decode(contents.subarray(3, 3 + contents[2])) : undefined;
  return { functions: Object.fromEntries(functionNames), ...module !== undefined && { module } };
}

const ONE = [section("type", list(type([], []))), section("function", list(0, 0))];
const EMPTY = section("code", list(sized(0, END), sized(0, END)));
const called = (...names: Bytes[]) => binary(...ONE, EMPTY, section("custom", "name", ...names));

Deno.test("wasm_rewrite: what has moved is called as it was", () => {
  const names = called(1, sized(list([0, "a"], [1, "b"])), 2, sized(list([0, list([0, "x"])])));
  assertEquals(namesIn(all(names).bytes), { functions: { 0: "a", 1: "b", 2: "a", 3: "b" } });
  assertEquals(namesIn(all(names, { moduleName: "m" }).bytes).module, "m");
  const one = called(0, sized("old"), 1, sized(list([1, "b"])));
  assertEquals(namesIn(all(one).bytes), { functions: { 1: "b", 3: "b" }, module: "old" });
  const added = { name: "more", type: { params: [], results: [] }, body: () => assemble("(func)") };
  const more = all(one, { moduleName: "new", functions: [added] }).bytes;
  assertEquals(namesIn(more), { functions: { 1: "b", 3: "b", 4: "region.more" }, module: "new" });
});

Deno.test("wasm_rewrite: without names there are none, but the module's if that is wanted", () => {
  const none = binary(...ONE, EMPTY);
  assertEquals(namesIn(all(none).bytes), { functions: {} });
  assertEquals(namesIn(all(none, { moduleName: "\u00fcber" }).bytes), { functions: {}, module: "\u00fcber" });
});

Deno.test("wasm_rewrite: names that are broken stay as they are", () => {
  for (const contents of [[1, 99, 0], [1, sized(99, 0, "a"), 7, 0xff], [0xff]]) {
    const bytes = called(...contents), { sections } = parseModule(bytes), after = all(bytes, { moduleName: "m" }).bytes;
    assert(WebAssembly.validate(after));
    const { start, end } = sections.at(-1)!;
    assertEquals(after.subarray(-(end - start)), bytes.subarray(start, end));
  }
});

Deno.test("wasm_rewrite: sections that have nothing to do with it are not touched", () => {
  for (const bytes of Object.values(MODULES)) {
    const before = parseModule(bytes), after = all(bytes), now = parseModule(after.bytes);
    const { type, import: imports, memory, tag, global, start, dataCount, data, custom } = SECTION;
    for (const s of before.sections) {
      if (![type, imports, memory, tag, global, start, dataCount, data, custom].includes(s.id as 0)) continue;
      if (s === before.sections.find(({ name }) => name === "name")) continue;
      const same = (t: typeof s) => `${after.bytes.subarray(t.start, t.end)}` === `${bytes.subarray(s.start, s.end)}`;
      assert(now.sections.some(same), `section ${s.id}`);
    }
  }
});

Deno.test("wasm_rewrite: values of all types go through a switch", () => {
  const turn = [I32, I64, F32, F64, V128, FUNCREF, EXTERNREF], turned = turn.toReversed();
  const lane = (i: number) => [i, 0, 0, 0];
  const module = binary(
    section("type", list(type(turn, turned), type([EXTERNREF], [EXTERNREF, I32, I32, I32, I32, I32, I32]))),
    section("function", list(0, 1)),
    section("export", list(["check", 0, 1])),
    section(
      "code",
      list(
        sized(0, [6, 5, 4, 3, 2, 1, 0].map((i) => [0x20, i]), END),
        sized(
          list([6, I32]),
          [0x41, 7, 0x42, 8, 0x43, 0, 0, 0x10, 0x41, 0x44, 0, 0, 0, 0, 0, 0, 0x24, 0x40], // 7, 8, 9, 10
          [0xfd, 12, ...[1, 2, 11, 4].flatMap(lane), 0xd0, FUNCREF, 0x20, 0, 0x10, 0], // a vector, null, what came; turn
          [0x21, 1, 0xa7, 0x21, 2, 0xa8, 0x21, 3, 0xaa, 0x21, 4, 0xfd, 27, 2, 0x21, 5, 0xd1, 0x21, 6],
          [1, 2, 3, 4, 5, 6].map((i) => [0x20, i]),
          END,
        ),
      ),
    ),
  );
  const came = { a: "reference" }, expected = [came, 7, 8, 9, 10, 11, 1];
  assertEquals(instance(module).check(came), expected);
  const exports = instance(all(module).bytes);
  assertEquals(exports.check(came), expected);
  assert(exports.check(came)[0] === came);
});

/** Counts its calls in a global: started by, exported twice, in a table, and called by another. */
const COUNTING = binary(
  section("type", list(type([], []), type([], [I32]))),
  section("import", list(["env", "log", 0, 0])),
  section("function", list(0, 1)),
  section("table", list([FUNCREF, 0, 3])),
  section("global", list([I32, 1, 0x41, 0, END])),
  section("export", list(["count", 0, 1], ["alias", 0, 1], ["all", 0, 2], ["table", 1, 0], ["n", 3, 0])),
  section("start", 1),
  section("element", list([0, 0x41, 1, END, list(1, 0)])),
  section(
    "code",
    list(
      body("(func (global.set $n (i32.add (global.get $n) (i32.const 1))) (call $log))", {
        globals: { n: 0 },
        functions: { log: 0 },
      }),
      body("(func (result i32) (call $count) (call_indirect (type $v) (i32.const 1)) (global.get $n))", {
        globals: { n: 0 },
        functions: { count: 1 },
        types: { v: 0 },
      }),
    ),
  ),
);

Deno.test("wasm_rewrite: whoever calls a function calls its switch", () => {
  let logged = 0;
  const imports = { env: { log: () => void logged++ } };
  const exports = instance(all(COUNTING).bytes, imports);
  assertEquals(exports.n.value, 1, "the start");
  exports.count();
  exports.alias();
  exports.table.get(1)();
  assertEquals([exports.all(), logged], [6, 6]);
  assertEquals([exports.count, exports.alias], [exports["region.f1"], exports.table.get(1)], "the same function");

  exports["region.table"].set(0, exports["region.table"].get(0)); // what it was
  assertEquals(exports.all(), 8);
  const nothing = instance(binary(...ONE, section("export", list(["nothing", 0, 0])), EMPTY)).nothing;
  exports["region.table"].set(0, nothing);
  for (const f of [exports.count, exports.alias, exports.table.get(1)]) f();
  assertEquals([exports.all(), logged], [8, 8]);
});

/** Functions that trap, by their names, each one calling the next. */
function trapping(): Binary {
  const text = [
    "(func (call $b) (drop (i32.const 1)))",
    "(func (drop (i32.const 99999)) (call $c))",
    "(func (unreachable))",
  ];
  const functions = { b: 2, c: 3 };
  return binary(
    section("custom", "before", ...new Array(99).fill(0)),
    section("type", list(type([], []))),
    section("import", list(["env", "log", 0, 0])),
    section("function", list(0, 0, 0)),
    section("export", list(["a", 0, 1])),
    section("code", list(...text.map((t) => body(t, { functions })))),
    section("custom", "name", 1, sized(list([1, "a"], [2, "b"], [3, "c"]))),
  );
}

/** The functions of a call stack that are of a guest, innermost first, and where in the binary they are. */
function frames(f: () => void): [name: string, offset: number][] {
  const stack = assertThrows(f, WebAssembly.RuntimeError).stack!;
  const lines = [...stack.matchAll(/at (?:\S*\.)?(\S+) \(wasm:.*?:(?:0x([0-9a-f]+)|1:(\d+))\)$/gm)];
  return lines.map(([, name, hex, decimal]) => [name, hex ? parseInt(hex, 16) : Number(decimal)]);
}

Deno.test("wasm_rewrite: an offset in a call stack is found in the binary before", () => {
  const imports = { env: { log() {} } }, bytes = trapping();
  const before = frames(() => instance(bytes, imports).a());
  assertEquals(before.map(([name]) => name), ["c", "b", "a"]);
  for (const switched of [[], [1], [2], [3], [1, 2], [3, 1], [3, 2, 1], [2, 1, 3]]) {
    const { bytes: after, moved } = rewrite(parseModule(bytes), { switches: switched.map(switchOf) });
    const now = frames(() => instance(after, imports).a()).map(([name, offset]) => [name, moved(offset)] as const);
    assertEquals(now.filter(([, offset]) => offset >= 0), before, `${switched}`);
    assertEquals(
      now.filter(([, offset]) => offset < 0).map(([name]) => name), // the switches
      before.map(([name]) => name).filter((_, i) => switched.includes(3 - i)),
    );
  }
});

Deno.test("wasm_rewrite: each byte of a body is where it was", () => {
  const bytes = trapping(), before = parseModule(bytes);
  const rewritten = rewrite(before, { switches: [2, 1].map(switchOf) }), after = parseModule(rewritten.bytes);
  const from: Record<number, number> = { 2: 2, 3: 1, 4: 0 };
  for (const [i, [start, end]] of after.bodies.entries()) {
    for (let at = start; at < end; at++) {
      const body = before.bodies[from[i]], expected = body ? body[0] + at - start : -1;
      assertEquals(rewritten.moved(at), expected, `${at}`);
    }
  }
  const places = Array.from(rewritten.bytes, (_, at) => rewritten.moved(at)), old = places.filter((at) => at >= 0);
  assertEquals(new Set(old).size, old.length, "a byte that was there once is there once");
  assertEquals(rewritten.bytes.filter((_, at) => places[at] >= 0), Uint8Array.from(old, (at) => bytes[at]));
  for (const at of [-1, NaN, rewritten.bytes.length, 2 ** 40]) assertEquals(rewritten.moved(at), -1);
});

Deno.test("wasm_rewrite: what cannot be rewritten is refused", () => {
  const m = parseModule(COUNTING), fs = (...indices: number[]) => ({ switches: indices.map(switchOf) });
  for (const index of [0, 3, -1, NaN, 1.5]) {
    assertRefuses(() => rewrite(m, fs(index)), `Cannot rewrite function ${index}: the module has none of its own`);
  }
  assertRefuses(
    () => rewrite(m, { switches: [{ name: "malloc", index: 1 }, { name: "calloc", index: 1 }] }),
    "Cannot rewrite function 1: it is both malloc and calloc",
  );
  assertRefuses(
    () => rewrite(m, { switches: [{ name: "malloc", index: 1 }, { name: "malloc", index: 2 }] }),
    'Cannot rewrite the module: it would export "region.malloc" twice',
  );
  assertRefuses(
    () => rewrite(m, { switches: [], exports: [{ name: "table", kind: "table", index: 0 }] }),
    'Cannot rewrite the module: it would export "region.table" twice',
  );
});

Deno.test("wasm_rewrite: a module that has been rewritten is refused", () => {
  const once = parseModule(all(COUNTING).bytes);
  assertRefuses(
    () => rewrite(once, { switches: [switchOf(2)] }),
    'Cannot rewrite the module: it has been so already, and exports "region.table"',
  );
  assertEquals(PREFIX, "region.");
});

Deno.test("wasm_rewrite: a module that is as large as can be is refused", () => {
  const most = 1_000_000, bodies = new Uint8Array(3 * most).map((_, i) => [2, 0, END][i % 3]);
  const bytes = binary(
    section("type", list(type([], []))),
    section("function", new Writer().u32(most).piece(new Uint8Array(most))),
    section("code", new Writer().u32(most).piece(bodies)),
  );
  assertRefuses(
    () => rewrite(parseModule(bytes), { switches: [switchOf(most - 1)] }),
    "Cannot rewrite the module: 1000001 things in section 3 are more than engines take",
  );
});

Deno.test("wasm_rewrite: modules off npm", async () => {
  const onig = await npmFile("vscode-oniguruma/release/onig.wasm"),
    names = WebAssembly.Module.exports(new WebAssembly.Module(onig));
  const rewritten = all(onig);
  assert(WebAssembly.validate(rewritten.bytes));
  assertEquals(WebAssembly.Module.exports(new WebAssembly.Module(rewritten.bytes)).slice(0, names.length), names);
});
