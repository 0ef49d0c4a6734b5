import { type Entries, type EntryName, findEntries, type Names } from "../rt/inspect/entries.ts";
import { findHidden } from "../rt/inspect/hidden.ts";
import { elementFunctions } from "../rt/wasm/elements.ts";
import { parseModule } from "../rt/wasm/module.ts";
import { assert, assertEquals } from "./assert.ts";
import { guestBytes as guest } from "./guest_blocks.ts";
import { npmFile } from "./npm_files.ts";
import { MODULES } from "./wasm_kit.ts";
import { type Func, type Program, program } from "./wasm_program.ts";

/** What is hidden, by index, with what it looks like. */
function hiddenIn(bytes: Uint8Array, names: Names = {}, without: readonly EntryName[] = []) {
  const module = parseModule(bytes), entries = findEntries(module, names);
  const found = new Map([...entries.found].filter(([name]) => !without.includes(name)));
  const { hidden, sure, why } = findHidden(module, { ...entries, found } as Entries);
  return { hidden: Object.fromEntries(hidden.map(({ index, looks }) => [index, looks])), all: hidden, sure, why };
}

const REAL: Readonly<Record<string, [names: Names, hidden: Record<number, EntryName | undefined>]>> = {
  "sql.js/dist/sql-wasm-debug.wasm": [{}, { 2237: "calloc", 2238: "realloc" }],
  // One of its callocs has lost a parameter, and is none of C any more
  "sql.js/dist/sql-wasm.wasm": [{ malloc: "Ia", free: "Ja" }, { 644: undefined, 1265: "memalign", 1827: "realloc" }],
  "vscode-oniguruma/release/onig.wasm": [{}, { 220: "realloc", 222: "calloc" }],
  "harfbuzzjs/dist/harfbuzz.wasm": [{}, { 10: "calloc", 58: "realloc" }],
  "web-tree-sitter/web-tree-sitter.wasm": [{}, {}],
  "web-tree-sitter/debug/web-tree-sitter.wasm": [{}, {}],
};

for (const [file, [names, expected]] of Object.entries(REAL)) {
  Deno.test(`hidden: ${file}`, async () => {
    const bytes = await npmFile(file), { hidden, sure } = hiddenIn(bytes, names);
    assertEquals(hidden, expected);
    assert(sure);
    // Once they have names, nothing is hidden any more
    const given = Object.entries(expected).filter(([, looks]) => looks).map(([index, looks]) => [looks, Number(index)]);
    if (given.length < Object.keys(expected).length) return;
    assertEquals(hiddenIn(bytes, { ...names, ...Object.fromEntries(given) }).hidden, {});
  });
}

for (const name of ["own", "own_names", "own_command", "own_inlined", "command", "wasi_words"]) {
  Deno.test(`hidden: nothing in ${name}, of which every entry is known`, () => {
    const { hidden, sure } = hiddenIn(guest(name));
    assertEquals([hidden, sure], [{}, true]);
  });
}

Deno.test("hidden: entries that have no names are found", () => {
  const names = findEntries(parseModule(guest("own_names"))).found;
  const at = (name: EntryName) => names.get(name)!.index;
  const { all } = hiddenIn(guest("own_hidden"));
  // Both are one program; posix_memalign and aligned_alloc have one function that does their work, behind the first
  assertEquals(all.map(({ index, looks }) => [index, looks]), [
    [at("calloc"), "calloc"],
    [at("realloc"), "realloc"],
    [at("posix_memalign") + 1, "memalign"],
  ]);
  assertEquals(all.map(({ name }) => name), [undefined, undefined, undefined]);
});

Deno.test("hidden: each entry that is taken away is found", () => {
  const bytes = guest("own"), { found } = findEntries(parseModule(bytes));
  for (const name of ["calloc", "realloc", "malloc_usable_size"] as EntryName[]) {
    const { hidden } = hiddenIn(bytes, {}, [name]);
    assertEquals(hidden, { [found.get(name)!.index]: name }, name);
  }
  // What they share is found
  for (const without of [["posix_memalign"], ["aligned_alloc"], ["posix_memalign", "aligned_alloc"]] as EntryName[][]) {
    const { hidden } = hiddenIn(bytes, {}, without);
    assertEquals(Object.values(hidden), ["memalign"], `${without}`);
  }
  // It calls realloc, and does nothing by itself
  assertEquals(hiddenIn(bytes, {}, ["reallocarray"]).hidden, {});
});

Deno.test("hidden: AssemblyScript's collector reads what its allocator wrote", () => {
  const { all } = hiddenIn(guest("assembly"));
  assert(all.some(({ name }) => name === "~lib/rt/itcms/__new"), JSON.stringify(all));
});

Deno.test("hidden: functions in element segments of every kind are known", () => {
  for (const bytes of Object.values(MODULES)) elementFunctions(parseModule(bytes));
  assertEquals([...elementFunctions(parseModule(MODULES["elements of all kinds"]))], [0]);
  assertEquals(elementFunctions(parseModule(MODULES["nothing besides"])).size, 0);
});

Deno.test("hidden: nothing can be told of a module without an allocator", () => {
  const { hidden, sure, why } = hiddenIn(program({}));
  assertEquals([hidden, sure, why], [{}, false, "its malloc and free are not known"]);
});

const MALLOC =
  "(func (param $n i32) (result i32) (i32.store offset=2048 (i32.const 0) (local.get $n)) (i32.load offset=2052 (i32.const 0)))";
const FREE =
  "(func (param $p i32) (i32.store offset=2052 (i32.const 0) (local.get $p)) (i32.store offset=2048 (i32.const 0) (i32.const 0)))";
const CALLS =
  "(func (param $p i32) (param $n i32) (result i32) (call $free (local.get $p)) (call $malloc (local.get $n)))";

/** A module with malloc and free, which share addresses 2048 and 2052. */
function own(functions: Record<string, Func>, more: Program = {}): Uint8Array<ArrayBuffer> {
  return program({
    ...more,
    functions: {
      malloc: { text: MALLOC, exports: ["malloc"] },
      free: { text: FREE, exports: ["free"] },
      ...functions,
    },
  });
}

Deno.test("hidden: what calls malloc and free, and touches nothing of theirs, is not hidden", () => {
  const use = "(func (param $n i32) (result i32) (call $f (local.get $n) (i32.const 1)))";
  assertEquals(hiddenIn(own({ f: { text: CALLS }, use: { text: use, exports: ["use"] } })).hidden, {});
});

Deno.test("hidden: what touches their state is hidden, whether it is exported, in a table or called", () => {
  const touches =
    "(func (param $p i32) (param $n i32) (result i32) (call $free (local.get $p)) (drop (i32.load offset=2048 (i32.const 0))) (call $malloc (local.get $n)))";
  const calls = "(func (result i32) (call $f (i32.const 1) (i32.const 1)))";
  const ways: Record<string, Uint8Array> = {
    exported: own({ f: { text: touches, exports: ["grow"] } }),
    "in a table": own({ f: { text: touches } }, { table: ["f"] }),
    called: own({ f: { text: touches }, use: { text: calls, exports: ["use"] } }),
  };
  for (const [way, bytes] of Object.entries(ways)) {
    const { all, sure } = hiddenIn(bytes);
    assertEquals(all, [{
      index: 2,
      name: way === "exported" ? "grow" : undefined,
      looks: "realloc",
      why: "touches the state of malloc and free",
    }], way);
    assert(sure);
  }
});

Deno.test("hidden: what only malloc and free call is a part of them", () => {
  const part = "(func (param $n i32) (i32.store offset=2048 (i32.const 0) (local.get $n)))";
  const malloc = MALLOC.replace("(i32.load", "(call $part (i32.const 1)) (i32.load");
  const bytes = own({ malloc: { text: malloc, exports: ["malloc"] }, part: { text: part } });
  assertEquals(hiddenIn(bytes).hidden, {});
});

Deno.test("hidden: a part that another function calls gives that away", () => {
  const part = "(func (param $n i32) (result i32) (i32.store offset=2048 (i32.const 0) (local.get $n)) (i32.const 0))";
  const realloc = CALLS.replace("(call $malloc", "(drop (call $part (local.get $p))) (call $malloc");
  const use = "(func (param $n i32) (result i32) (call $f (local.get $n) (i32.const 1)))";
  const { all } = hiddenIn(own({ part: { text: part }, f: { text: realloc }, use: { text: use, exports: ["use"] } }));
  assertEquals(all.map(({ index, looks, why }) => [index, looks, why]), [
    [3, "realloc", "calls function 2, a part of the allocator"],
  ]);
});

Deno.test("hidden: the state is found behind a malloc and free that only take a lock", () => {
  const functions: Record<string, Func> = {
    inner_malloc: { text: MALLOC },
    inner_free: { text: FREE },
    malloc: {
      text:
        "(func (param $n i32) (result i32) (i32.store8 (i32.const 8) (i32.const 1)) (call $inner_malloc (local.get $n)))",
      exports: ["malloc"],
    },
    free: {
      text: "(func (param $p i32) (i32.store8 (i32.const 8) (i32.const 1)) (call $inner_free (local.get $p)))",
      exports: ["free"],
    },
    size: { text: "(func (param $p i32) (result i32) (i32.load offset=2048 (local.get $p)))", exports: ["size"] },
  };
  const { hidden, sure } = hiddenIn(program({ functions }));
  assertEquals([hidden, sure], [{ 4: undefined }, true]);
});

Deno.test("hidden: a part that others call, too, is hidden itself", () => {
  const part = "(func (param $n i32) (result i32) (i32.store offset=2048 (i32.const 0) (local.get $n)) (i32.const 0))";
  const realloc = CALLS.replace("(call $malloc", "(drop (call $part (local.get $p))) (call $malloc");
  const f = { text: realloc, exports: ["f"] };
  const trims = { text: "(func (param $n i32) (result i32) (call $part (local.get $n)))", exports: ["trim"] };
  assertEquals(Object.keys(hiddenIn(own({ part: { text: part }, f, trims })).hidden), ["2"]);
});

Deno.test("hidden: addresses of position-independent code", () => {
  // Too small to be told from a number, but for what they are added to
  const at = (flipped: boolean) =>
    flipped
      ? "(i32.add (global.get $env.__memory_base) (i32.const 40))"
      : "(i32.add (i32.const 40) (global.get $env.__memory_base))";
  for (const flipped of [false, true]) {
    const functions = {
      malloc: { text: `(func (param $n i32) (result i32) (i32.load ${at(false)}))`, exports: ["malloc"] },
      free: { text: `(func (param $p i32) (i32.store ${at(true)} (local.get $p)))`, exports: ["free"] },
      trim: { text: `(func (param $p i32) (result i32) (i32.load ${at(flipped)}))`, exports: ["trim"] },
      other: { text: "(func (param $p i32) (result i32) (i32.const 40))", exports: ["other"] },
    };
    const { hidden } = hiddenIn(program({ imports: { "env.__memory_base": "(global i32)" }, functions }));
    assertEquals(hidden, { 2: undefined }, `${flipped}`);
  }
});

Deno.test("hidden: a number that happens to be an address is no suspicion, two are", () => {
  // 2052 and 2084 are no masks
  const at = [2052, 2060, 2084].map((a) => `(i32.store offset=${a} (i32.const 0) (i32.const 1))`).join(" ");
  const functions = (text: string): Record<string, Func> => ({
    malloc: { text: `(func (param $n i32) (result i32) ${at} (i32.const 0))`, exports: ["malloc"] },
    free: { text: `(func (param $p i32) ${at})`, exports: ["free"] },
    f: { text, exports: ["f"] },
  });
  const one = "(func (param $a i32) (result i32) (call $malloc (i32.const 2052)))";
  assertEquals(hiddenIn(program({ functions: functions(one) })).hidden, {});
  const two = "(func (param $a i32) (result i32) (i32.add (i32.const 2052) (i32.const 2084)))";
  assertEquals(hiddenIn(program({ functions: functions(two) })).hidden, { 2: undefined });
});

/** Reads the word in front of a block as dlmalloc's free does, and its parameter. */
const HEAD = "(i32.and (i32.load (i32.sub (local.get $p) (i32.const 4))) (i32.const -8))";

Deno.test("hidden: what reads the word in front of a block is hidden, where free does that", () => {
  const size = `(func (param $p i32) (result i32) ${HEAD})`;
  const free = FREE.replace(/\)$/, ` (drop ${HEAD}))`);
  const f = { text: size, exports: ["size"] };
  assertEquals(hiddenIn(own({ f })).hidden, {});
  assertEquals(hiddenIn(own({ free: { text: free, exports: ["free"] }, f })).all, [
    { index: 2, name: "size", looks: "malloc_usable_size", why: "reads the word in front of a block, as free does" },
  ]);
});

Deno.test("hidden: what an entry was built into has no entry's looks", () => {
  const free = { text: FREE.replace(/\)$/, ` (drop ${HEAD}))`), exports: ["free"] };
  const looks = (text: string) => hiddenIn(own({ free, f: { text, exports: ["f"] } })).hidden[2];
  const calloc = (more: string) =>
    `(func (param $p i32) (param $n i32) (result i32) ${more} (local.set $p (call $malloc (i32.mul (local.get $p) (local.get $n)))) (drop ${HEAD}) (local.get $p))`;
  assertEquals(looks(calloc("")), "calloc");
  assertEquals(looks(calloc("(call $free (local.get $p))")), undefined);
  assertEquals(looks(calloc("(i32.store offset=3000 (i32.const 0) (i32.const 1))")), undefined);
  const size = (index: string) => `(func (param $p i32) (result i32) (local.set $p ${index}) ${HEAD})`;
  assertEquals(looks(size("(local.get $p)")), "malloc_usable_size");
  assertEquals(looks(size("(i32.load offset=3000 (local.get $p))")), undefined);
});

Deno.test("hidden: of several that look the same, those that call another are something else", () => {
  const free = { text: FREE.replace(/\)$/, ` (drop ${HEAD}))`), exports: ["free"] };
  const align = `(func (param $p i32) (param $n i32) (result i32) (drop (call $malloc (local.get $n))) ${HEAD})`;
  const both = align.replace("(drop", "(drop (call $align (local.get $p) (local.get $n))) (drop");
  const functions = { free, align: { text: align, exports: ["a"] }, both: { text: both, exports: ["b"] } };
  assertEquals(hiddenIn(own(functions)).hidden, { 2: "memalign", 3: undefined });
  const again = { ...functions, both: { text: align, exports: ["b"] } };
  assertEquals(hiddenIn(own(again)).hidden, { 2: undefined, 3: undefined });
});

Deno.test("hidden: an address that many functions touch is nobody's state", () => {
  const errno =
    "(func (param $a i32) (i32.store offset=2048 (i32.const 0) (i32.const 1)) (i32.store offset=2052 (i32.const 0) (i32.const 1)))";
  const functions = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`f${i}`, { text: errno, exports: [`f${i}`] }]),
  );
  const { hidden, sure, why } = hiddenIn(own(functions));
  assertEquals([hidden, sure], [{}, false]);
  assertEquals(why, "malloc and free have no fixed address in common that is theirs alone");
});

Deno.test("hidden: state in globals", () => {
  const bytes = program({
    globals: { root: 0, stack: 65536 },
    functions: {
      malloc: {
        text: "(func (param $n i32) (result i32) (global.set $stack (global.get $stack)) (global.get $root))",
        exports: ["malloc"],
      },
      free: {
        text: "(func (param $p i32) (global.set $stack (global.get $stack)) (global.set $root (local.get $p)))",
        exports: ["free"],
      },
      stack: { text: "(func (param $n i32) (result i32) (global.get $stack))", exports: ["stack"] },
      root: { text: "(func (param $n i32) (result i32) (global.get $root))", exports: ["root"] },
    },
  });
  assertEquals(hiddenIn(bytes).hidden, { 3: undefined });
});

Deno.test("hidden: a function that takes nothing can only ask, unless malloc was built into it", () => {
  const asks = "(func (result i32) (i32.load offset=2048 (i32.const 0)))";
  const store = "(i32.store offset=2048 (i32.const 0) (i32.const 1))";
  assertEquals(hiddenIn(own({ f: { text: asks, exports: ["mallinfo"] } })).hidden, {});
  const built = `(func ${store} ${store} ${store})`;
  assertEquals(hiddenIn(own({ f: { text: built, exports: ["main"] } })).hidden, { 2: undefined });
});

Deno.test("hidden: a module with many functions that touch many addresses takes linear time", () => {
  const stores = (n: number) =>
    Array.from({ length: n }, (_, i) => `(i32.store offset=${2048 + 4 * i} (i32.const 0) (i32.const 1))`).join(" ");
  const functions: Record<string, Func> = {
    malloc: { text: `(func (param $n i32) (result i32) ${stores(3000)} (i32.const 0))`, exports: ["malloc"] },
    free: { text: `(func (param $p i32) ${stores(3000)})`, exports: ["free"] },
  };
  for (let i = 0; i < 3000; i++) {
    const text = "(func (param $n i32) (result i32) (i32.store offset=2048 (i32.const 0) (i32.const 1)) (i32.const 0))";
    functions[`f${i}`] = { text: text.replace("2048", `${2048 + 4 * i}`), exports: [`f${i}`] };
  }
  assertEquals(Object.keys(hiddenIn(program({ functions, memories: [[0, 2]] })).hidden).length, 3000);
});
