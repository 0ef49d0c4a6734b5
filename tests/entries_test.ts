import { type EntryName, findEntries, type Names } from "../rt/inspect/entries.ts";
import { parseModule } from "../rt/wasm/module.ts";
import { assertEquals, assertThrows } from "./assert.ts";
import { npmFile } from "./npm_files.ts";
import { list, section, sized } from "./wasm_kit.ts";
import { type Func, type Program, program } from "./wasm_program.ts";

const MALLOC = "(func (param $n i32) (result i32) (i32.add (local.get $n) (i32.const 16)))";
const FREE = "(func (param $p i32) (i32.store (i32.const 8) (local.get $p)))";
const TWO = "(func (param $a i32) (param $b i32) (result i32) (i32.add (local.get $a) (local.get $b)))";
const THREE =
  "(func (param $a i32) (param $b i32) (param $c i32) (result i32) (i32.add (local.get $a) (i32.add (local.get $b) (local.get $c))))";
const TEXTS: Readonly<Record<EntryName, string>> = {
  malloc: MALLOC,
  free: FREE,
  calloc: TWO,
  realloc: TWO,
  reallocarray: THREE,
  aligned_alloc: TWO,
  memalign: TWO,
  posix_memalign: THREE,
  malloc_usable_size: MALLOC,
};
const NAMES = Object.keys(TEXTS) as EntryName[];

function find(p: Program, names?: Names) {
  const module = parseModule(program(p)), entries = findEntries(module, names);
  return { ...entries, at: Object.fromEntries([...entries.found].map(([name, { index }]) => [name, index])) };
}

/** Functions that are exported by a name each. */
const exported = (texts: Readonly<Record<string, string>>): Record<string, Func> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { text, exports: [name] }]));
/** Functions that have a name each in the name section. */
const named = (texts: Readonly<Record<string, string>>): Record<string, Func> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { text, name }]));

Deno.test("entries: every entry is found by its export", () => {
  const { found, problems, imported, others } = find({ functions: exported(TEXTS) });
  assertEquals(
    [...found.values()],
    NAMES.map((name, index) => ({ name, index, declared: index, how: "export" as const, spelling: name })),
  );
  assertEquals([problems, imported.size, others], [[], 0, []]);
});

Deno.test("entries: every entry is found in the name section", () => {
  const { found, problems } = find({ functions: named(TEXTS) });
  assertEquals(
    [...found.values()],
    NAMES.map((name, index) => ({ name, index, declared: index, how: "name section" as const, spelling: name })),
  );
  assertEquals(problems, []);
});

Deno.test("entries: a module without an allocator has none, and no problem", () => {
  const { found, problems, imported, others } = find({ functions: exported({ main: MALLOC }) });
  assertEquals([found.size, imported.size, problems, others], [0, 0, [], []]);
  assertEquals(find({}).found.size, 0);
});

Deno.test("entries: other spellings", () => {
  for (
    const [spelling, name] of Object.entries({
      __libc_malloc: "malloc",
      emscripten_builtin_malloc: "malloc",
      dlmalloc: "malloc",
      emmalloc_malloc: "malloc",
      je_malloc: "malloc",
      mi_malloc: "malloc",
      rpmalloc: "malloc",
      _malloc: "malloc",
      dlfree: "free",
      __libc_calloc: "calloc",
      emscripten_builtin_memalign: "memalign",
      dlmalloc_usable_size: "malloc_usable_size",
      mi_usable_size: "malloc_usable_size",
      "~lib/rt/tlsf/__alloc": "malloc",
      "~lib/rt/stub/__free": "free",
      "dlmalloc::dlmalloc::Dlmalloc<A>::malloc": "malloc",
      "dlmalloc::dlmalloc::Dlmalloc<A>::malloc::h0123456789abcdef": "malloc",
      "<dlmalloc::dlmalloc::Dlmalloc<dlmalloc::sys::System>>::free": "free",
      "_ZN8dlmalloc8dlmalloc17Dlmalloc$LT$A$GT$6malloc17h4b5ac8e9f4ffa3b0E": "malloc",
      "_RNvMs_NtCs5DIgDgR6oyK_8dlmalloc8dlmallocINtB4_8DlmallocNtNtB6_3sys6SystemE4freeCs1a2b_3std": "free",
      "_RNvMs_NtCs5DIgDgR6oyK_8dlmalloc8dlmallocINtB4_8DlmallocNtNtB6_3sys6SystemE8memalignCs1a2b_3std": "memalign",
    } as Record<string, EntryName>)
  ) {
    assertEquals(find({ functions: named({ [spelling]: TEXTS[name] }) }).at, { [name]: 0 }, spelling);
  }
  for (const spelling of ["xmalloc", "malloc_trim", "sqlite3_malloc", "freeze", "my_free", "operator new"]) {
    assertEquals(find({ functions: named({ [spelling]: MALLOC }) }).at, {}, spelling);
  }
});

Deno.test("entries: an export comes before a name, and both can be one function", () => {
  const { at, problems } = find({ functions: { m: { text: MALLOC, name: "dlmalloc", exports: ["malloc"] } } });
  assertEquals([at, problems], [{ malloc: 0 }, []]);
});

Deno.test("entries: what does nothing but call another is followed to it", () => {
  const { found, problems } = find({
    functions: {
      dlmalloc: { text: MALLOC },
      inner: { text: "(func (param $n i32) (result i32) (call $dlmalloc (local.get $n)))" },
      malloc: { text: "(func (param $n i32) (result i32) (call $inner (local.get $n)))", exports: ["malloc"] },
      real: { text: TWO, name: "dlrealloc" },
      realloc: {
        text: "(func (param $p i32) (param $n i32) (result i32) (return (call $real (local.get $p) (local.get $n))))",
        exports: ["realloc"],
      },
    },
  });
  assertEquals(found.get("malloc")!.index, 0);
  assertEquals(found.get("malloc")!.declared, 2);
  assertEquals([found.get("realloc")!.index, found.get("realloc")!.declared], [3, 4]);
  assertEquals(problems, []);
});

Deno.test("entries: the wrappers that linkers put around the exports of commands are followed", () => {
  const { found } = find({
    functions: {
      ctors: { text: "(func)" },
      dtors: { text: "(func)" },
      free: { text: FREE, name: "free" },
      command: {
        text: "(func (param $p i32) (call $ctors) (call $free (local.get $p)) (call $dtors))",
        name: "free.command_export",
        exports: ["free"],
      },
    },
  });
  assertEquals([found.get("free")!.index, found.get("free")!.declared], [2, 3]);
});

Deno.test("entries: what does anything else is followed to nothing", () => {
  for (
    const text of [
      "(func (param $n i32) (result i32) (call $other (i32.add (local.get $n) (i32.const 1))))",
      "(func (param $n i32) (result i32) (call $other (i32.const 5)))",
      "(func (param $n i32) (result i32) (call $other (call $other (local.get $n))))",
      "(func (param $n i32) (result i32) (drop (call $other (local.get $n))) (i32.const 0))",
      "(func (param $n i32) (result i32) (local.set $n (i32.const 1)) (call $other (local.get $n)))",
      "(func (param $n i32) (result i32) (call $malloc (local.get $n)))",
    ]
  ) {
    const functions = { other: { text: MALLOC }, malloc: { text, exports: ["malloc"] } };
    assertEquals(find({ functions }).found.get("malloc")!.index, 1, text);
  }
  const swapped = "(func (param $a i32) (param $b i32) (result i32) (call $other (local.get $b) (local.get $a)))";
  const functions = { other: { text: TWO }, calloc: { text: swapped, exports: ["calloc"] } };
  assertEquals(find({ functions }).at, { calloc: 1 });
});

Deno.test("entries: functions that call each other in a circle", () => {
  const functions = {
    a: { text: "(func (param $n i32) (result i32) (call $b (local.get $n)))", exports: ["malloc"] },
    b: { text: "(func (param $n i32) (result i32) (call $a (local.get $n)))" },
  };
  assertEquals(find({ functions }).at.malloc < 2, true);
});

Deno.test("entries: a signature that is not that of C is told, and not used", () => {
  const { at, problems } = find({
    functions: exported({
      malloc: TWO,
      free: FREE,
      calloc: "(func (param $n i64) (param $m i32) (result i32) (i32.const 0))",
    }),
  });
  assertEquals(at, { free: 1 });
  assertEquals(problems, [
    'Not used as malloc is function 0 "malloc": it is (i32, i32) -> i32, not malloc(i32) -> i32',
    'Not used as calloc is function 2 "calloc": it is (i64, i32) -> i32, not calloc(i32, i32) -> i32',
  ]);
});

Deno.test("entries: one with another signature does not hide one that fits", () => {
  const { at, problems } = find({ functions: { ...exported({ malloc: TWO }), ...named({ dlmalloc: MALLOC }) } });
  assertEquals([at, problems.length], [{ malloc: 1 }, 1]);
});

Deno.test("entries: two allocators are told, and the one that is exported is used", () => {
  const { at, problems } = find({
    functions: { ...named({ je_malloc: MALLOC }), ...exported({ malloc: MALLOC, free: FREE }) },
  });
  assertEquals(at, { malloc: 1, free: 2 });
  assertEquals(problems, [
    'There are several of malloc: function 1 "malloc" is used, function 0 "je_malloc" is not, and may be another allocator',
  ]);
});

Deno.test("entries: a malloc around another, as with a lock, is one allocator", () => {
  const around =
    "(func (param $n i32) (result i32) (i32.store (i32.const 8) (i32.const 1)) (call $dlmalloc (local.get $n)))";
  for (const outer of ["export", "name"]) {
    const m: Func = outer === "export" ? { text: around, exports: ["malloc"] } : { text: around, name: "malloc" };
    const { at, problems } = find({ functions: { dlmalloc: { text: MALLOC, exports: ["dlmalloc"] }, m } });
    assertEquals([at, problems], [{ malloc: 1 }, []], outer);
  }
});

Deno.test("entries: two entries can be one function", () => {
  const thunk = "(func (param $a i32) (param $n i32) (result i32) (call $memalign (local.get $a) (local.get $n)))";
  const { found } = find({
    functions: { ...named({ memalign: TWO }), a: { text: thunk, exports: ["aligned_alloc"] } },
  });
  assertEquals([found.get("memalign")!.index, found.get("aligned_alloc")!.index], [0, 0]);
});

Deno.test("entries: those imported are told apart", () => {
  const { found, imported, problems } = find({
    imports: { "env.malloc": "(func (param i32) (result i32))", "env.free": "(func (param i32))", "env.log": "(func)" },
  });
  assertEquals([found.size, problems], [0, []]);
  assertEquals([...imported.values()].map((i) => [i.module, i.name, i.index]), [["env", "malloc", 0], [
    "env",
    "free",
    1,
  ]]);
});

Deno.test("entries: an import of another signature is told, and not used", () => {
  const { imported, problems } = find({ imports: { "env.malloc": "(func (param i64) (result i32))" } });
  assertEquals([imported.size, problems], [0, [
    'Not used as malloc is function 0 "malloc": it is (i64) -> i32, not malloc(i32) -> i32',
  ]]);
});

Deno.test("entries: what passes an import on is imported", () => {
  const text = "(func (param $n i32) (result i32) (call $env.malloc (local.get $n)))";
  const { found, imported } = find({
    imports: { "env.malloc": "(func (param i32) (result i32))" },
    functions: { m: { text, exports: ["malloc"] } },
  });
  assertEquals([found.size, imported.get("malloc")!.index], [0, 0]);
});

Deno.test("entries: a malloc of its own besides one that is imported is told", () => {
  const { at, imported, problems } = find({
    imports: { "env.malloc": "(func (param i32) (result i32))" },
    functions: exported({ malloc: MALLOC }),
  });
  assertEquals([at, imported.size], [{ malloc: 1 }, 1]);
  assertEquals(problems, ['It imports env.malloc and has function 1 "malloc"']);
});

Deno.test("entries: where they are given", () => {
  const p: Program = {
    imports: { "a.a": "(func (param i32) (result i32))", "a.z": "(func (param i32))" },
    functions: { m: { text: MALLOC, exports: ["a"] }, f: { text: FREE, name: "my_free" }, r: { text: TWO } },
  };
  const { found } = find(p, { malloc: "a", free: "my_free", realloc: 4 });
  assertEquals([...found.values()].map((e) => [e.name, e.index, e.how, e.spelling]), [
    ["malloc", 2, "given", "a"],
    ["free", 3, "given", "my_free"],
    ["realloc", 4, "given", ""],
  ]);
  const { imported } = find(p, { malloc: "a.a", free: "z" });
  assertEquals([imported.get("malloc")!.index, imported.get("free")!.index], [0, 1]);
  assertEquals(find(p, { free: 1 }).imported.get("free")!.name, "z");
});

Deno.test("entries: what is given comes before what is found", () => {
  const functions = { ...exported({ malloc: MALLOC }), ...named({ pool_malloc: MALLOC }) };
  assertEquals(find({ functions }, { malloc: "pool_malloc" }).at, { malloc: 1 });
});

Deno.test("entries: a thunk that is given is followed", () => {
  const { found } = find({
    functions: {
      m: { text: MALLOC },
      t: { text: "(func (param $n i32) (result i32) (call $m (local.get $n)))", exports: ["x"] },
    },
  }, { malloc: "x" });
  assertEquals([found.get("malloc")!.index, found.get("malloc")!.declared], [0, 1]);
});

Deno.test("entries: what is given wrong is refused", () => {
  const p: Program = { functions: { ...exported({ mallocate: MALLOC, pop: FREE }), ...named({ dlmallox: MALLOC }) } };
  const refuses = (names: unknown, type: ErrorConstructor, message: string) =>
    assertThrows(() => find(p, names as Names), type, message);
  refuses(
    { malloc: "mallloc" },
    RangeError,
    'Cannot find malloc: the module has no function "mallloc"; it has "mallocate", "dlmallox", "pop"',
  );
  refuses({ malloc: 3 }, RangeError, "Cannot find malloc: 3 must be the index of a function, an integer from 0 to 2");
  refuses({ malloc: 1.5 }, RangeError, "1.5 must be the index of a function");
  refuses({ malloc: -1 }, RangeError, "-1 must be the index of a function");
  refuses({ malloc: {} }, TypeError, "Cannot find malloc: expected a name or the index of a function, got a Object");
  refuses({ malloc: null }, TypeError, "Cannot find malloc: expected a name or the index of a function, got null");
  refuses({ mallok: "a" }, TypeError, "Cannot find the allocator: names must be of malloc, free,");
  refuses({ malloc: "pop" }, TypeError, 'Cannot use "pop" as malloc: expected malloc(i32) -> i32, got (i32)');
  refuses({ realloc: 0 }, TypeError, "Cannot use 0 as realloc: expected realloc(i32, i32) -> i32, got (i32) -> i32");
  assertThrows(() => find({}, { malloc: "m" }), RangeError, "it has no names of functions");
  assertEquals(find(p, { malloc: undefined } as unknown as Names).found.size, 0);
});

Deno.test("entries: names that say more than is there", () => {
  const names = section("custom", "name", 1, sized(list([7, "malloc"])));
  const module = parseModule(program({ functions: exported({ main: MALLOC }), custom: [names] }));
  assertEquals(findEntries(module).found.size, 0);
});

Deno.test("entries: a memory of 64-bit addresses is told, and nothing found", () => {
  const { found, problems } = find({
    memories: [[4, 1]],
    functions: exported({ malloc: "(func (param $n i64) (result i64) (local.get $n))" }),
  });
  assertEquals([found.size, problems], [0, [
    "Its memory has addresses of 64 bits (memory64), which is not supported",
  ]]);
});

Deno.test("entries: addresses that a loader gives are told", () => {
  const module = {
    ...parseModule(program({})),
    imports: [{ module: "GOT.func", name: "free", kind: "global" as const, index: 0 }],
  };
  assertEquals(findEntries(module).problems, [
    "It takes the address of free (GOT.func.free): calls through it go where its loader says",
  ]);
});

Deno.test("entries: functions of other languages", () => {
  const functions = {
    _Znwm: MALLOC,
    _ZdlPv: FREE,
    "operator new(unsigned long)": MALLOC,
    "operator delete[](void*, unsigned long)": "(func (param $p i32) (param $n i32))",
    "_RNvCsdBezzDwma51_7___rustc12___rust_alloc": TWO,
    "__rustc[4b5ac8e9f4ffa3b0]::__rust_dealloc": "(func (param $p i32) (param $n i32) (param $a i32))",
    __rdl_realloc: "(func (param $p i32) (param $n i32) (param $a i32) (param $m i32) (result i32) (i32.const 0))",
    "dlmalloc::dlmalloc::Dlmalloc<A>::malloc": TWO,
    "dlmalloc::dlmalloc::Dlmalloc<A>::dispose_chunk": "(func (param $p i32) (param $n i32))",
    "~lib/rt/itcms/__new": TWO,
    main: MALLOC,
  };
  const { others, found, problems } = find({
    imports: { "env._Znam": "(func (param i32) (result i32))" },
    functions: { ...named(functions), pin: { text: MALLOC, exports: ["__pin"] } },
  });
  assertEquals(others.map(({ language, name, imported }) => [language, name, imported]), [
    ["C++", "_Znam", true],
    ["C++", "_Znwm", false],
    ["C++", "_ZdlPv", false],
    ["C++", "operator new(unsigned long)", false],
    ["C++", "operator delete[](void*, unsigned long)", false],
    ["Rust", "__rust_alloc", false],
    ["Rust", "__rust_dealloc", false],
    ["Rust", "__rdl_realloc", false],
    ["Rust", "dlmalloc::dlmalloc::Dlmalloc<A>::malloc", false],
    ["Rust", "dlmalloc::dlmalloc::Dlmalloc<A>::dispose_chunk", false],
    ["AssemblyScript", "~lib/rt/itcms/__new", false],
    ["AssemblyScript", "__pin", false],
  ]);
  assertEquals([others[7].index, others[7].signature], [7, "(i32, i32, i32, i32) -> i32"]);
  assertEquals(found.size, 0);
  // With the allocator as a parameter it is no malloc of C
  assertEquals(problems.length, 1);
});

Deno.test("entries: names without an end take no time", () => {
  const names = [
    "operator new" + "(".repeat(50_000),
    "<".repeat(100_000) + "Dlmalloc<",
    "_ZN" + "9".repeat(100_000) + "E",
  ];
  const functions = Object.fromEntries(names.map((name, i) => [i, { text: MALLOC, name }]));
  assertEquals(find({ functions }).others.length, 0);
});

const REAL: Readonly<Record<string, [names: Names, found: Partial<Record<EntryName, number>>]>> = {
  "sql.js/dist/sql-wasm-debug.wasm": [{}, { malloc: 2234, free: 2236, memalign: 2240 }],
  "sql.js/dist/sql-wasm.wasm": [{ malloc: "Ia", free: "Ja" }, { malloc: 244, free: 243 }],
  "vscode-oniguruma/release/onig.wasm": [{}, { malloc: 218, free: 219 }],
  "harfbuzzjs/dist/harfbuzz.wasm": [{}, { malloc: 29, free: 6 }],
  "web-tree-sitter/web-tree-sitter.wasm": [{}, { malloc: 34, free: 51, calloc: 42, realloc: 93 }],
};

for (const [file, [names, expected]] of Object.entries(REAL)) {
  Deno.test(`entries: ${file}`, async () => {
    const { found, problems } = findEntries(parseModule(await npmFile(file)), names);
    assertEquals(Object.fromEntries([...found].map(([name, { index }]) => [name, index])), expected);
    assertEquals(problems, []);
  });
}

Deno.test("entries: tree-sitter-bash imports its allocator", async () => {
  const { found, imported } = findEntries(parseModule(await npmFile("tree-sitter-bash/tree-sitter-bash.wasm")));
  assertEquals([found.size, [...imported.keys()]], [0, ["malloc", "free", "calloc", "realloc"]]);
});
