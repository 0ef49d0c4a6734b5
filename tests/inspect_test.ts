import type { Names } from "../rt/inspect/entries.ts";
import { formatInspection, inspect } from "../rt/inspect/inspect.ts";
import { WasmError } from "../rt/wasm/bytes.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { guestBytes as guest } from "./guest_blocks.ts";
import { npmFile } from "./npm_files.ts";
import { type Bytes, list, section } from "./wasm_kit.ts";
import { Chance, mutated } from "./wasm_mutations.ts";
import { program } from "./wasm_program.ts";

const can = (bytes: Uint8Array<ArrayBuffer>, names: Names = {}) => {
  const { imports, watch, replace } = inspect(bytes, { names });
  return [imports, watch, replace].map((v) => v.can);
};

Deno.test("inspect: what can be done with each kind of guest", () => {
  const cases: Record<string, [imports: boolean, watch: boolean, replace: boolean]> = {
    own: [false, true, true],
    own_names: [false, true, true],
    own_command: [false, true, true],
    own_inlined: [false, true, true],
    own_hidden: [false, true, false],
    own_minified: [false, false, false],
    imports: [true, false, false],
    imports_memory: [true, false, false],
    operators: [true, false, false],
    rust: [true, false, false],
    command: [false, true, true],
    assembly: [false, true, false],
  };
  for (const [name, expected] of Object.entries(cases)) assertEquals(can(guest(name)), expected, name);
});

Deno.test("inspect: names make the difference", async () => {
  const hidden = guest("own_hidden"), { hidden: found } = inspect(hidden);
  assertEquals(can(hidden, Object.fromEntries(found.map(({ looks, index }) => [looks, index]))), [false, true, true]);
  const minified = guest("own_minified");
  const short: Record<string, string> = JSON.parse(
    await Deno.readTextFile(new URL("guests/own_minified.json", import.meta.url)),
  );
  const names = Object.fromEntries(
    ["malloc", "free", "calloc", "realloc", "aligned_alloc", "posix_memalign", "malloc_usable_size"].map((name) => [
      name,
      Object.keys(short).find((s) => short[s] === name) ?? short[name],
    ]),
  );
  assertEquals(can(minified, names), [false, true, true]);
});

Deno.test("inspect: where malloc and free seem to be is told if they were not found", async () => {
  const sql = await npmFile("sql.js/dist/sql-wasm.wasm");
  assertEquals(inspect(sql).guesses, { malloc: 244, free: 243 });
  assertEquals(inspect(sql, { names: { malloc: "Ia", free: "Ja" } }).guesses, {});
  assertEquals(inspect(guest("imports")).guesses, {});
  assertEquals(inspect(guest("rust")).guesses, {});
  const { guesses } = inspect(guest("own_minified"));
  assertEquals(can(guest("own_minified"), guesses), [false, true, false]);
});

Deno.test("inspect: where nothing is known of the state, replacing takes a realloc that is known", () => {
  const functions = {
    malloc: { text: "(func (param $n i32) (result i32) (local.get $n))", exports: ["malloc"] },
    free: { text: "(func (param $p i32))", exports: ["free"] },
  };
  const two = "(func (param $p i32) (param $n i32) (result i32) (local.get $p))";
  const without = inspect(program({ functions })).replace;
  assertEquals([without.can, without.why], [
    false,
    "there may be a realloc that was not found, as malloc and free have no fixed address in common that is theirs alone",
  ]);
  assert(inspect(program({ functions: { ...functions, realloc: { text: two, exports: ["realloc"] } } })).replace.can);
});

Deno.test("inspect: memories, and where a heap begins", async () => {
  const own = inspect(guest("own")), imports = inspect(guest("imports"));
  assertEquals([own.memory!.from, own.memory!.name, own.memory!.count], ["exported", "memory", 1]);
  assertEquals(own.heapBase.value, undefined);
  assert(own.heapBase.least > 65536);
  assertEquals(own.heapBase.how, "unknown");
  assert(imports.heapBase.value! >= imports.heapBase.least);
  assertEquals(imports.heapBase.how, "its exported global __heap_base");
  assertEquals(inspect(guest("assembly")).heapBase.how, "its named global __heap_base");
  const tree = inspect(await npmFile("web-tree-sitter/web-tree-sitter.wasm"));
  assertEquals(tree.memory, {
    from: "imported",
    name: "env.memory",
    min: 512,
    max: 32768,
    shared: false,
    wide: false,
    count: 1,
  });
  assertEquals(tree.heapBase, { value: undefined, least: 0, how: "what its loader gives as GOT.mem.__heap_base" });
});

Deno.test("inspect: heapBase is spoken of where a module that imports its allocator does not say it", () => {
  assert(!inspect(guest("imports")).imports.why.includes("heapBase"));
  const text = "(func (param i32) (result i32))";
  const { imports } = inspect(program({ imports: { "env.malloc": text } }));
  assertEquals([imports.can, imports.why], [
    true,
    "it imports malloc; what its memory has at first is left alone, unless heapBase says what is free",
  ]);
});

Deno.test("inspect: memories that cannot be dealt with", () => {
  const text = "(func (param $n i32) (result i32) (local.get $n))";
  const functions = { m: { text, exports: ["malloc"] } };
  const wide = inspect(program({ functions, memories: [[4, 1]] }));
  for (const { can, why } of [wide.imports, wide.watch, wide.replace]) {
    assertEquals([can, why], [false, "its memory has addresses of 64 bits, which is not supported"]);
  }
  const none = inspect(program({ functions, memories: [] }));
  assertEquals([none.memory, none.watch.why], [undefined, "it has no memory"]);
  const two = inspect(program({ functions, memories: [[0, 1], [0, 1]] }));
  assertEquals(two.memory!.count, 2);
  assertEquals(two.problems, ["It has 2 memories: an allocator is looked after only in the first"]);
  const shared = inspect(program({ functions, memories: [[3, 1, 2]] }));
  assert(shared.memory!.shared && formatInspection(shared).includes("shared by threads"));
});

Deno.test("inspect: what built a module", async () => {
  const producers = section(
    "custom",
    "producers",
    list(["language", list(["Rust", ""])], ["processed-by", list(["rustc", "1.80.0 (051478957 2024-07-21)"])]),
  );
  const tools = (custom: Bytes, names: string[] = [], imports: Record<string, string> = {}) =>
    inspect(program({
      imports,
      functions: Object.fromEntries(names.map((name) => [name, { text: "(func)", exports: [name] }])),
      custom: [custom],
    })).toolchain;
  assertEquals(tools(producers), ["rustc 1.80.0"]);
  assertEquals(tools(section("custom", "producers", list(["a"]))), []);
  assertEquals(tools([], ["__wbindgen_malloc"]), ["wasm-bindgen"]);
  assertEquals(tools([], ["__pin"]), ["AssemblyScript"]);
  assertEquals(tools([], [], { "a.a": "(func)", "a.b": "(func)" }), ["Emscripten, with short names"]);
  assertEquals(tools([], [], { "env.emscripten_resize_heap": "(func)" }), ["Emscripten"]);
  assertEquals(tools([], [], { "gojs.x": "(func)" }), ["Go"]);
  assertEquals(inspect(guest("command")).toolchain[0], "WASI");
  assertEquals(inspect(await npmFile("web-tree-sitter/web-tree-sitter.wasm")).toolchain, [
    "Emscripten",
    "WASI",
    "for dynamic linking",
  ]);
});

Deno.test("inspect: what it finds goes to JSON and back", () => {
  const found = inspect(guest("own_hidden"));
  const back = JSON.parse(JSON.stringify(found));
  assertEquals([back.entries.length, back.hidden.length, back.watch.can], [2, 3, true]);
  assertEquals(back.entries[0].name, "malloc");
});

Deno.test("inspect: bad input is refused", () => {
  assertThrows(() => inspect(new Uint8Array(3)), WasmError, "Cannot read the module");
  assertThrows(() => inspect("x" as never), TypeError, "Cannot read a module: expected its bytes");
  assertThrows(
    () => inspect(program({}), null as never),
    TypeError,
    "Cannot inspect the module: expected options, got",
  );
  assertThrows(() => inspect(program({}), { names: 5 as never }), TypeError, "names must be an object, got 5");
  assertThrows(() => inspect(program({}), { names: { free: "f" } }), RangeError, "Cannot find free");
});

Deno.test("inspect: code that no engine takes is refused", () => {
  const bytes = program({ functions: { f: { text: "(func (nop) (nop))" } } });
  bytes[bytes.lastIndexOf(0x01)] = 0x27;
  assertThrows(() => inspect(bytes), WasmError, "Cannot read the module: there is no instruction 0x27");
});

const READABLE: Record<string, string> = {
  "vscode-oniguruma/release/onig.wasm": `
module      473,151 bytes, Emscripten, WASI
memory      exported as memory, 16 MiB, at most 2 GiB
            it does not say where its heap begins, not below 382,544
allocator   malloc  function 218  export "malloc"
            free    function 219  export "free"
hidden      function 220, perhaps realloc: touches the state of malloc and free
            function 222, perhaps calloc: reads the word in front of a block
              that malloc gave

imports     no: it imports no functions of an allocator
watch       yes: its malloc and free are known; not seen are sizes that function
              220 (perhaps realloc) changes in place
replace     no: function 220 (perhaps realloc) and function 222 (perhaps calloc)
              are no known entries, and would be given blocks of another
              allocator

next        to see what it allocates and does not free:
              await guest(bytes, { allocator: "watch" })
            if the hidden functions are what they seem, say so, and look again:
              names: { realloc: 220, calloc: 222 }
              --names=realloc=220,calloc=222`,
  "web-tree-sitter/web-tree-sitter.wasm": `
module      210,415 bytes, Emscripten, WASI, for dynamic linking
memory      imported from env.memory, 32 MiB, at most 2 GiB
            its heap begins at what its loader gives as GOT.mem.__heap_base
allocator   malloc   function 34  export "malloc"
            free     function 51  export "free"
            calloc   function 42  export "calloc"
            realloc  function 93  export "realloc"

imports     no: it imports no functions of an allocator
watch       yes: its malloc, free, calloc and realloc are known
replace     yes: nothing else works on its blocks, known by 1 place that malloc
              and free share

next        to see what it allocates and does not free:
              await guest(bytes, { allocator: "watch" })
            to serve it from regions:
              await guest(bytes, { allocator: "replace" })`,
};

for (const [file, text] of Object.entries(READABLE)) {
  Deno.test(`inspect: ${file} in words`, async () => {
    assertEquals(formatInspection(inspect(await npmFile(file))), text.slice(1));
  });
}

Deno.test("inspect: lines in a terminal are short, and say what to do", async () => {
  const names = ["own", "own_hidden", "own_minified", "imports", "operators", "rust", "assembly", "command"];
  for (const name of names) {
    const text = formatInspection(inspect(guest(name)));
    for (const line of text.split("\n")) assert(line.length <= 80 && line === line.trimEnd(), line);
    assert(/^next {8}\S/m.test(text), name);
  }
  const sql = await npmFile("sql.js/dist/sql-wasm.wasm");
  assert(
    formatInspection(inspect(sql)).includes(
      "names: { malloc: 244, free: 243 }\n              --names=malloc=244,free=243\n",
    ),
  );
  const text = formatInspection(inspect(sql, { names: { malloc: "Ia", free: "Ja" } }));
  assert(
    text.includes('await guest(bytes, { allocator: "watch", names: { malloc: "Ia",\n                free: "Ja" } })'),
    text,
  );
  assert(text.includes("one of the hidden functions has an allocator's code built in"), text);
  assert(formatInspection(inspect(program({}))).includes("next "));
});

Deno.test("inspect: long lists are cut short", () => {
  const functions = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [`_Zn${i}`, { text: "(func)", name: `operator new(${"x".repeat(i)})` }]),
  );
  const text = formatInspection(inspect(program({ functions })));
  assert(text.includes("and 23 more") && text.split("\n").length < 30, text);
});

Deno.test("inspect: names do nothing to a terminal", () => {
  const text = "(func (param $n i32) (result i32) (local.get $n))";
  const functions = { f: { text, name: "operator new(\x1b[31m\n\u202e)" }, m: { text, exports: ["malloc"] } };
  const imports = { "a\x9b.free": "(func (param i32))" };
  const shown = formatInspection(inspect(program({ imports, functions })));
  assert(shown.includes("operator new(?[31m??)") && shown.includes("a?.free"), shown);
  assert(!/[^\n\P{C}]/u.test(shown), shown);
});

Deno.test("inspect: a module that is damaged is refused, or looked into", () => {
  const sources = [guest("own_hidden"), guest("own_command"), guest("assembly")];
  let refused = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const bytes = mutated(new Chance(seed), sources);
    try {
      formatInspection(inspect(bytes));
    } catch (e) {
      assert(e instanceof WasmError, `seed ${seed}: ${e}`);
      refused++;
    }
  }
  assert(refused > 50 && refused < 300, `${refused} were refused`);
});
