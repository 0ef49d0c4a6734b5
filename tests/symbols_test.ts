// Calls in guests: what they are called, and that call stacks reach from where a guest allocates to the user's line
import {
  bytealloc,
  check,
  enter,
  formatSites,
  type Frame,
  init,
  LeakError,
  mmap,
  type Site,
  stats,
  suppressing,
  trace,
  WriteAfterFreeError,
} from "../mod.ts";
import { captureCallStack, framesOf } from "../call_stack.ts";
import { formatFrame, formatFrames } from "../frames.ts";
import {
  callerOf,
  moduleKey,
  type ModuleSymbols,
  registerModule,
  sourceMappingURL,
  type Symbols,
  symbolsOf,
} from "../rt/symbols/symbols.ts";
import { demangle } from "../rt/symbols/names.ts";
import { parseModule, type WasmModule } from "../rt/wasm/module.ts";
import { rewrite } from "../rt/wasm/rewrite.ts";
import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes, assertThrows } from "./assert.ts";
import { guestBytes } from "./guest_blocks.ts";

const here = import.meta.url;

/** Functions with names, but of the allocator none that is exported. */
const bytes = guestBytes("own_names");
const own = parseModule(bytes);
const minified = parseModule(guestBytes("own_minified"));

const indexOf = (name: string) => [...own.functionNames].find(([, n]) => n === name)![0];
const bodyOf = (name: string) => own.bodies[indexOf(name) - own.importedFunctions];

Deno.test("symbols: a call has the function's name, the module's, and the offset in the file", () => {
  const symbols = symbolsOf(own, undefined, "own"), [start] = bodyOf("deep_inner");
  assertEquals(symbols.name, "own");
  assertEquals(symbols.frame(start + 5), {
    name: "deep_inner",
    file: "own",
    line: 0,
    column: start + 5,
    module: "own",
  });
  assertEquals(formatFrame(symbols.frame(start + 5)), `deep_inner (own:0x${(start + 5).toString(16)})`);
});

Deno.test("symbols: a function has the bytes from the start of its body up to the end", () => {
  const { frame } = symbolsOf(own, undefined, "own");
  own.bodies.forEach(([start, end], i) => {
    const name = own.functionNames.get(i + own.importedFunctions)!;
    assertEquals([start, end - 1].map((offset) => frame(offset).name), [name, name]);
    assertEquals([frame(start - 1).name, i + 1 < own.bodies.length ? "" : frame(end).name], ["", ""]);
  });
  assertEquals(frame(0), { name: "", file: "own", line: 0, column: 0, module: "own" });
  assertEquals(frame(2 ** 32).name, "");
});

Deno.test("symbols: names are those given, else the binary's, else those of exports, else numbers", () => {
  const names = (m: WasmModule, given?: Symbols) => {
    const { frame } = symbolsOf(m, given, "m");
    return m.bodies.map(([start]) => frame(start).name);
  };
  const first = own.importedFunctions, exported = new Map(minified.exports.map((e) => [e.index, e]));
  assertEquals(names(own)[indexOf("leak") - first], "leak");
  assertEquals(names(own, { functions: { [indexOf("leak")]: "spill" } })[indexOf("leak") - first], "spill");
  assertEquals(minified.functionNames.size, 0);
  names(minified).forEach((name, i) => {
    const e = exported.get(i + minified.importedFunctions);
    assertEquals(name, e?.kind === "func" ? e.name : `function ${i + minified.importedFunctions}`);
  });
  assert(names(minified).some((name) => /^function \d+$/.test(name)));
  const [at] = [...exported.values()].filter(({ kind }) => kind === "func").map(({ index }) => index);
  assertEquals(names(minified, { functions: new Map([[at, "named"]]) })[at - minified.importedFunctions], "named");
});

Deno.test("symbols: names come as an object, a map or the text of a symbol map", () => {
  const [start] = own.bodies[6], index = 6 + own.importedFunctions;
  const name = (functions: Symbols["functions"]) => symbolsOf(own, { functions: functions! }, "m").frame(start).name;
  assertEquals(name({ [index]: "f" }), "f");
  assertEquals(name(new Map([[index, "g"]])), "g");
  assertEquals(name(`0:imported\n${index}:h\r\n\n9:other\n`), "h");
  assertEquals(name(`${index}:std::f\\28char\\20const*\\29`), "std::f(char const*)");
  assertEquals(name({}), own.functionNames.get(index)!);
  assertEquals(name(""), own.functionNames.get(index)!);
});

Deno.test("symbols: refuses what is none, and says why", () => {
  const refused: [given: unknown, why: string][] = [
    [7, "options must be an object, got 7"],
    ["1:f", 'options must be an object, got "1:f"'],
    [{ functions: 5 }, "functions must be names by index, or the text of a symbol map, got 5"],
    [{ functions: ["f"] }, "functions must be names by index, or the text of a symbol map, got an array of 1"],
    [{ functions: { f: "f" } }, 'an index of a function must be an integer from 0, got "f"'],
    [{ functions: { "-1": "f" } }, 'an index of a function must be an integer from 0, got "-1"'],
    [{ functions: { "01": "f" } }, 'an index of a function must be an integer from 0, got "01"'],
    [{ functions: new Map([[1.5, "f"]]) }, "an index of a function must be an integer from 0, got 1.5"],
    [{ functions: { 1: 2 } }, "the name of function 1 must be a string, got 2"],
    [{ functions: "1:f\nf" }, 'line 2 must be INDEX:NAME, got "f"'],
    [{ at: 5 }, "at must be a function, got 5"],
    [{ sourceMap: "{" }, "the source map is no JSON"],
    [{ sourceMap: "7" }, "expected a source map of version 3, got 7"],
    [{ sourceMap: "null" }, "expected a source map of version 3, got null"],
    [{ sourceMap: null }, "expected a source map of version 3, got null"],
    [{ sourceMap: { version: 2, mappings: "", sources: [] } }, "expected a source map of version 3, got a Object"],
    [{ sourceMap: { version: 3, sources: [] } }, "expected a source map of version 3, got a Object"],
  ];
  for (const [given, why] of refused) {
    const error = assertThrows(() => symbolsOf(own, given as Symbols, "own"), TypeError) as TypeError;
    assertStringIncludes(error.message, `Cannot read symbols: ${why}`);
  }
});

// Source maps

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** A number as source maps have it. */
function vlq(value: number): string {
  let rest = value < 0 ? -value * 2 + 1 : value * 2, text = "";
  do {
    text += DIGITS[(rest & 31) | (rest > 31 ? 32 : 0)];
    rest >>>= 5;
  } while (rest > 0);
  return text;
}

/** A source map whose lines and columns are from 0. */
function sourceMap(entries: readonly (readonly [offset: number, source: number, line: number, column: number])[]) {
  let before = [0, 0, 0, 0];
  const mappings = entries.map((entry) => {
    const text = entry.map((value, i) => vlq(value - before[i])).join("");
    before = [...entry];
    return text;
  });
  return { version: 3, sources: ["../src/inner.c", "../src/outer.c", ""], names: [], mappings: mappings.join(",") };
}

const [inner] = bodyOf("deep_inner"), [outer] = bodyOf("deep_outer");
const map = sourceMap([[outer + 4, 1, 9, 2], [outer + 8, 1, 11, 4], [inner + 4, 0, 41, 6], [inner + 12, 2, 3, 3]]);

Deno.test("symbols: a source map tells the file, the line and the column", () => {
  for (const given of [map, JSON.stringify(map), ")]}'\n" + JSON.stringify(map)]) {
    const { frame } = symbolsOf(own, { sourceMap: given }, "own");
    assertEquals(frame(inner + 4), { name: "deep_inner", file: "../src/inner.c", line: 42, column: 7, module: "own" });
    assertEquals(frame(inner + 11).line, 42);
    assertEquals([outer + 4, outer + 7, outer + 8, outer + 9].map((offset) => frame(offset).line), [10, 10, 12, 12]);
    assertEquals(formatFrame(frame(outer + 9)), "deep_outer (../src/outer.c:12:5)");
  }
});

Deno.test("symbols: what a source map has of one function is not taken for another's", () => {
  const { frame } = symbolsOf(own, { sourceMap: map }, "own"), [next] = bodyOf("dlmalloc");
  for (const offset of [outer + 3, inner + 3, inner + 12, next + 50, own.bodies[0][0]]) {
    assertEquals([frame(offset).file, frame(offset).line, frame(offset).column], ["own", 0, offset]);
  }
});

Deno.test("symbols: what a function of the caller's knows goes before all else, and what it leaves out does not", () => {
  const at = (offset: number) => {
    if (offset === inner) return { name: "given" };
    if (offset === inner + 5) return { file: "b.c", line: 3, module: "other" };
    if (offset === inner + 6) return undefined;
    throw new Error("of the caller's own");
  };
  const { frame } = symbolsOf(own, { at, sourceMap: map }, "own"), without = symbolsOf(own, { sourceMap: map }, "own");
  assertEquals(frame(inner), { ...without.frame(inner), name: "given" });
  assertEquals(frame(inner + 5), { name: "deep_inner", file: "b.c", line: 3, column: 0, module: "own" });
  for (const offset of [inner + 6, inner + 7]) assertEquals(frame(offset), without.frame(offset));
});

Deno.test("symbols: where nothing reads source maps, that is said", async () => {
  const program = `
    Object.defineProperty(globalThis.process, "getBuiltinModule", { value: undefined });
    const { symbolsOf } = await import("${new URL("../rt/symbols/symbols.ts", here)}");
    try { symbolsOf({ bodies: [], exports: [] }, { sourceMap: { version: 3, sources: [], mappings: "" } }, "m"); }
    catch (e) { console.log(String(e)); }`;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", "--no-check", program] }).output();
  const text = new TextDecoder().decode(stdout).trim();
  assertEquals(
    text,
    "TypeError: Cannot read symbols: nothing here reads source maps, in place of which `at` can be given",
  );
});

Deno.test("symbols: where the source map is, as the module says", () => {
  const name = [...new TextEncoder().encode("sourceMappingURL")], url = [...new TextEncoder().encode("own.wasm.map")];
  const section = (...rest: number[]) => [0, 1 + name.length + rest.length, name.length, ...name, ...rest];
  const withSection = (...rest: number[]) => parseModule(Uint8Array.from([...bytes, ...section(...rest)]));
  assertEquals(sourceMappingURL(own), undefined);
  assertEquals(sourceMappingURL(withSection(url.length, ...url)), "own.wasm.map");
  assertEquals(sourceMappingURL(withSection(99, ...url)), undefined);
  assertEquals(sourceMappingURL(withSection()), undefined);
});

Deno.test("symbols: names of several parts are taken apart, others stay as they are", () => {
  const cases: Record<string, string> = {
    _ZN3app5parseEv: "app::parse",
    _ZNK3app6Parser4nextEi: "app::Parser::next",
    _ZN4core3fmt9Formatter3pad17h0123456789abcdefE: "core::fmt::Formatter::pad",
    "_ZN5alloc3vec16Vec$LT$T$C$A$GT$4push17h0123456789abcdefE": "alloc::vec::Vec<T,A>::push",
    "_ZN4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE": "main::{{closure}}",
    "_ZN57_$LT$u32$u20$as$u20$core..ops..bit..BitAnd$LT$u32$GT$$GT$6bitand17h0123456789abcdefE":
      "<u32 as core::ops::bit::BitAnd<u32>>::bitand",
    "core::fmt::Formatter::pad::h0123456789abcdef": "core::fmt::Formatter::pad",
    "operator new(unsigned long)": "operator new(unsigned long)",
    _ZN3FooC1Ev: "_ZN3FooC1Ev",
    _ZN3std6vectorIiE4pushEv: "_ZN3std6vectorIiE4pushEv",
    _ZN9999aE: "_ZN9999aE",
    _ZNE: "_ZNE",
    _ZN: "_ZN",
    _ZN1: "_ZN1",
    _Znwm: "_Znwm",
    _RNvCs1234_7mycrate3foo: "_RNvCs1234_7mycrate3foo",
    "~lib/rt/tlsf/__alloc": "~lib/rt/tlsf/__alloc",
    malloc: "malloc",
  };
  for (const [name, readable] of Object.entries(cases)) assertEquals(demangle(name), readable);
});

Deno.test("symbols: a module's key is the same for the same, and can be written into a call stack", () => {
  const key = moduleKey("own", bytes, "watch");
  assertMatch(key, /^own#[\da-f]{8}$/);
  assertEquals(moduleKey("own", bytes.slice(), "watch"), key);
  const others = [moduleKey("own", bytes, "replace"), moduleKey("own", bytes.subarray(1), "watch")];
  assertEquals(new Set([key, ...others]).size, 3);
  assertMatch(moduleKey("a b/c:d\n(é)", bytes, ""), /^a_b_c_d_#[\da-f]{8}$/);
  assertLess(moduleKey("x".repeat(1000), bytes, "").length, 80);
});

// Call stacks

/** A module that hands on to JavaScript: what is in a table has to be a function of WebAssembly. */
const HANDS_ON = new WebAssembly.Module(
  // (module (import "e" "f" (func (param i32) (result i32))) (export "f" (func 0)))
  Uint8Array.of(
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127],
    ...[2, 7, 1, 1, 101, 1, 102, 0, 0, 7, 5, 1, 1, 102, 0, 0],
  ),
);

type Exports = Record<string, (...args: number[]) => number>;

/** A guest whose `malloc` calls a function first; with what its calls are called, and how that was found. */
function guestThat(calls: (size: number) => void, given?: Symbols, glue: readonly string[] = []) {
  const name = `own${guests++}`, key = moduleKey(name, bytes, "");
  const symbols = symbolsOf(own, given, name);
  const { bytes: rewritten, moved } = rewrite(own, {
    switches: [{ name: "malloc", index: indexOf("malloc") }],
    moduleName: key,
  });
  registerModule({ key, symbols, moved, glue });
  let callback = (n: number) => n;
  const imports = { env: { callback: (n: number) => callback(n) } };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(rewritten), imports);
  const malloc = exports["region.original.malloc"] as (size: number) => number;
  const f = (size: number) => {
    calls(size);
    return malloc(size);
  };
  const entry = new WebAssembly.Instance(HANDS_ON, { e: { f } }).exports.f as () => void;
  (exports["region.table"] as WebAssembly.Table).set(0, entry);
  (exports._initialize as () => void)();
  return { name, exports: exports as Exports, onCallback: (f: (n: number) => number) => void (callback = f) };
}

let guests = 0;

/** The calls that a guest was called by when it allocated last. */
function lastOf(given?: Symbols, glue?: readonly string[], depth = 8) {
  let stack = captureCallStack(0);
  const made = guestThat(
    function record() {
      stack = captureCallStack(depth);
    },
    given,
    glue,
  );
  return { ...made, last: () => framesOf(stack, depth).filter(({ name }) => name !== "record" && name !== "f") };
}

const split = (frames: readonly Frame[]) => ({
  calls: frames.filter(({ module }) => module === undefined).map(({ name }) => name),
  inside: frames.filter(({ module }) => module !== undefined).map(({ name }) => name),
});

Deno.test("symbols: a call stack has the user's calls, and behind them the guest's without what stands for malloc", () => {
  const { exports, last, name } = lastOf();
  function user() {
    exports.deep_outer(24);
  }
  user();
  const { calls, inside } = split(last());
  assertEquals(calls[0], "user");
  assertEquals(inside, ["deep_inner", "deep_middle", "deep_outer"]);
  for (const frame of last().filter(({ module }) => module !== undefined)) {
    assertEquals([frame.module, frame.file, frame.line], [name, name, 0]);
    const [start, end] = bodyOf(frame.name);
    assert(frame.column > start && frame.column < end);
    assertEquals(bytes[frame.column], 0x10, "at this offset of the file, there is a call");
  }
});

Deno.test("symbols: functions that have moved have the names and offsets that they had", () => {
  const key = moduleKey("moved", bytes, ""), stacks: Error[] = [];
  const { bytes: rewritten, moved } = rewrite(own, {
    switches: [{ name: "nest", index: indexOf("nest") }],
    moduleName: key,
  });
  registerModule({ key, symbols: symbolsOf(own, undefined, "moved"), moved });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(rewritten), {
    env: { callback: () => (stacks.push(captureCallStack(8)), 0) },
  });
  (exports as Exports).nest(1, 8);
  const frames = framesOf(stacks[0], 8), [start, end] = bodyOf("nest");
  assertEquals(split(frames).inside, ["nest"]);
  assert(frames.at(-1)!.column > start && frames.at(-1)!.column < end);
  assertEquals(bytes[frames.at(-1)!.column], 0x10);
});

Deno.test("symbols: however deep a guest is, the user's line is reached", () => {
  const { exports, last } = lastOf();
  function user() {
    exports.descend(100, 24);
  }
  user();
  const { calls, inside } = split(last());
  assert(calls.includes("user"));
  assertEquals(inside, ["deep_inner", ...Array(101).fill("descend")]);
});

Deno.test("symbols: if a guest is too deep, that is said", () => {
  const { exports, last } = lastOf();
  exports.descend(1000, 24);
  const { calls, inside } = split(last());
  assertEquals(calls, []);
  assertEquals(inside.slice(0, 2), ["deep_inner", "descend"]);
  assertEquals(inside.at(-1), "calls that were not recorded");
  assertMatch(
    formatFrames(last(), 3).join(),
    /^in own\d+: deep_inner <- descend <- \.\.\. \d+ more \.\.\. <- descend <- calls that were not recorded$/,
  );
});

Deno.test("symbols: guests in guests, with JavaScript in between", () => {
  const a = lastOf(), b = lastOf();
  a.onCallback(function between() {
    b.exports.deep_outer(8);
    return 0;
  });
  function user() {
    a.exports.nest(1, 8);
  }
  user();
  const { calls, inside } = split(b.last());
  assertEquals(calls.slice(0, 3), ["between", "callback", "user"]);
  assertEquals(inside, ["deep_inner", "deep_middle", "deep_outer", "nest", "nest"]);
  assertEquals(formatFrames(b.last(), 0), [
    `in ${b.name}: deep_inner <- deep_middle <- deep_outer`,
    `in ${a.name}: nest <- nest`,
  ]);
});

/** A stack that reads as a text. */
const stackOf = (...lines: string[]): Error => Object.defineProperty(new Error(), "stack", { value: lines.join("\n") });

/** Symbols that name a function by the offset. */
const plain = (name: string): ModuleSymbols => ({
  name,
  frame: (offset) => ({ name: `f${offset}`, file: name, line: 0, column: offset, module: name }),
});

Deno.test("symbols: what stands between is behind the user's calls, packages as well as files that are named", () => {
  registerModule({ key: "glue#0", symbols: plain("glue"), moved: (at) => at === 9 ? -1 : at, glue: ["/lib/glue.js"] });
  const others = [
    "    at a (file:///app/lib/glue.js:1:1)",
    "    at b (file:///app/node_modules/sql.js/dist/sql-wasm.js:2:2)",
    "    at user (file:///app/main.ts:3:3)",
    "    at c (file:///home/me/.cache/deno/npm/registry.example/@scope/name/1.2.3/index.js:4:4)",
    "    at d (file:///home/me/npm/app/main.ts:5:5)",
  ];
  const wasm = (offset: number) => `    at g (wasm://wasm/glue#0-0123abcd:wasm-function[0]:0x${offset.toString(16)})`;
  const names = (...lines: string[]) => framesOf(stackOf("Error", ...lines), 9).map(({ name }) => name);
  assertEquals(names(wasm(1), wasm(2), ...others), ["user", "d", "a", "b", "c", "f1", "f2"]);
  assertEquals(names(wasm(9), ...others), ["user", "d", "a", "b", "c"]); // called from outside: no call in the guest is left
  assertEquals(names(...others), ["a", "b", "user", "c", "d"]); // nothing to do with a guest
  assertEquals(names(wasm(1), ...others.slice(0, 2)), ["a", "b", "f1"]);
  assertEquals(names(wasm(1)), ["f1"]);
});

Deno.test("symbols: a depth counts the calls of JavaScript, and what is to be skipped is among these", () => {
  registerModule({ key: "depth#0", symbols: plain("depth") });
  const lines = [1, 2, 3].map((n) => `    at wasm://wasm/depth#0-0123abcd:wasm-function[0]:0x${n}`);
  lines.push("    at f (file:///depth.js:1:1)", "    at g (file:///a.ts:2:2)", "    at h (file:///a.ts:3:3)");
  const names = (depth: number, ...skip: string[]) => framesOf(stackOf(...lines), depth, skip).map(({ name }) => name);
  assertEquals(names(2), ["f", "g", "f1", "f2", "f3"]);
  assertEquals(names(2, "depth"), ["g", "h", "f1", "f2", "f3"]);
  assertEquals(names(9, "depth", "a.ts"), ["f", "g", "h", "f1", "f2", "f3"]);
});

Deno.test("symbols: calls are known as Deno, Node and Chrome write them, whatever the names", () => {
  registerModule({ key: "how#0", symbols: plain("how") });
  const place = "wasm://wasm/how#0-0123abcd:wasm-function";
  const rows = [
    `    at <anonymous> (${place}[0]:0x1)`, // Deno
    `    at how#0.parse (${place}[12]:0x2)`, // Node
    `    at void f (int (*) (int)) (${place}[12]:0x3)`,
    `    at ${place}[12]:0x4`,
    `    at async g (${place}[12]:0x5)`,
    `    at other (wasm://wasm/how-0123abcd:wasm-function[1]:0x6)`,
    `    at other (wasm://wasm/region:adapter-0123abcd:wasm-function[1]:0x7)`,
  ];
  assertEquals(framesOf(stackOf(...rows), 9).map(formatFrame), [
    "other (wasm://wasm/how-0123abcd:0x6)",
    ...[1, 2, 3, 4, 5].map((n) => `f${n} (how:0x${n})`),
  ]);
});

Deno.test("symbols: of two modules by the same key, the last is right", () => {
  const row = "    at wasm://wasm/twice#0-0123abcd:wasm-function[0]:0x1", read = stackOf(row);
  registerModule({ key: "twice#0", symbols: plain("first") });
  assertEquals(framesOf(read, 9)[0].module, "first");
  registerModule({ key: "twice#0", symbols: plain("second") });
  assertEquals(framesOf(stackOf(row), 9)[0].module, "second");
  assertEquals(framesOf(read, 9)[0].module, "first"); // as it has been read
});

Deno.test("symbols: the file of who has called", () => {
  assertEquals(callerOf(), here);
});

// Reports

const call = (name: string, line = 1): Frame => ({ name, file: "file:///app.ts", line, column: 2 });
const inside = (name: string, column = 0x1a2, file = "sql", line = 0): Frame => ({
  name,
  file,
  line,
  column,
  module: "sql",
});
const site = (count: number, bytes: number, ...frames: Frame[]): Site => ({ count, bytes, sampled: count, frames });

Deno.test("symbols: a report has the calls in a guest in a line", () => {
  const chain = [inside("sqlite3Malloc"), inside("function 12"), inside("step", 3, "../src/vdbe.c", 170)];
  assertEquals(
    formatSites([site(2, 64, call("query", 42), call("main", 9), ...chain)]),
    `  2 blocks, 64 B, allocated at
    query (file:///app.ts:42:2)
    main (file:///app.ts:9:2)
    in sql: sqlite3Malloc <- function 12 (0x1a2) <- step (vdbe.c:170)`,
  );
  assertEquals(formatFrames([inside("")], 3), ["in sql: 0x1a2"]);
  assertEquals(formatFrames([inside("f", 3, "main.c", 17)], 3), ["in sql: f (main.c:17)"]);
});

Deno.test("symbols: of many calls in a guest, a short report has both ends", () => {
  const many = (n: number) => [call("f"), ...Array.from({ length: n }, (_, i) => inside(`f${i}`))];
  assertEquals(formatFrames(many(9), 3)[1], "in sql: f0 <- f1 <- ... 5 more ... <- f7 <- f8");
  assertEquals(formatFrames(many(5), 3)[1], "in sql: f0 <- f1 <- f2 <- f3 <- f4"); // one is not left out for a word
  assertEquals(formatFrames(many(30))[1].split(" <- ").length, 30);
});

Deno.test("symbols: places from which a guest allocates in several ways are shown as one", () => {
  const ways = [
    site(1, 10, call("other"), inside("a")),
    site(1, 100, call("query"), call("main"), inside("a"), inside("prepare")),
    site(20, 20, call("query"), call("main"), inside("b"), inside("prepare")),
    site(1, 16, call("query"), call("test"), inside("b"), inside("prepare")),
    site(3, 12, call("query"), call("main"), inside("c")),
    site(1, 90, call("query")),
  ];
  assertEquals(
    formatSites(ways, { frames: 1 }),
    `  25 blocks, 148 B, allocated at
    query (file:///app.ts:1:2)
    1 block, 100 B, in sql: a <- prepare
    24 blocks, 48 B, in 2 other ways
  1 block, 90 B, allocated at
    query (file:///app.ts:1:2)
  1 block, 10 B, allocated at
    other (file:///app.ts:1:2)
    in sql: a`,
  );
  const all = formatSites(ways).split("\n");
  assertEquals(all.filter((line) => line.startsWith("  1 block, 16 B")).length, 1); // main is not test
  assert(all.includes("    3 blocks, 12 B, in sql: c"));
  assertEquals(formatSites(ways, { frames: 1, sites: 1 }).split("\n").at(-1), "  and 2 more, 100 B, at 2 other places");
  assertStringIncludes(formatSites([{ ...ways[1], sampled: 0 }, ways[2]]), "    about 1 block, 100 B, in sql: a");
  const alone = [site(1, 2, inside("b")), site(1, 1, inside("a"))]; // with no call that they could have in common
  assertEquals(formatSites(alone).split("\n"), [
    "  1 block, 2 B, allocated at",
    "    in sql: b",
    "  1 block, 1 B, allocated at",
    "    in sql: a",
  ]);
});

Deno.test("symbols: what a guest means to keep is known by its functions, its name and its source files", () => {
  const kept = site(1, 1, call("main"), inside("sqlite3_initialize", 3, "../src/main.c", 17));
  for (const pattern of ["fn:sqlite3_init*", "file:main.c", "file:sql", "sql"]) assert(suppressing([pattern])(kept));
  for (const pattern of ["fn:sqlite3", "file:sqlite", "fn:sql"]) assert(!suppressing([pattern])(kept));
});

Deno.test("symbols: a leak is reported with the user's line, then what the guest did", () => {
  const a = init(check(trace(stats(mmap()), { skip: ["no such file"] })));
  const { exports, name } = guestThat((size) => void bytealloc(size));
  function forgets() {
    exports.deep_outer(100);
    exports.deep_outer(100);
  }
  const error = assertThrows(() => enter(a, forgets), LeakError) as LeakError;
  assertEquals(error.sites.length, 2);
  for (const { frames } of error.sites) {
    assertEquals(split(frames).calls.slice(1, 3), ["f", "forgets"]);
    assertEquals(split(frames).inside, ["deep_inner", "deep_middle", "deep_outer"]);
  }
  const lines = error.message.split("\n").slice(1, 6).map((line) => line.replace(here, "HERE").replace(/:\d+:\d+/, ""));
  assertEquals(lines, [
    "  1 block, 100 B, allocated at",
    "    HERE",
    "    f (HERE)",
    "    forgets (HERE)",
    `    in ${name}: deep_inner <- deep_middle <- deep_outer`,
  ]);
});

Deno.test("symbols: an error about a block has the calls in the guest, too", () => {
  registerModule({ key: "error#0", symbols: plain("error") });
  const allocated = stackOf(
    "    at wasm://wasm/error#0-0123abcd:wasm-function[0]:0x1",
    "    at wasm://wasm/error#0-0123abcd:wasm-function[0]:0x2",
    "    at user (file:///a.ts:1:1)",
  );
  const error = new WriteAfterFreeError("Cannot", 16, { address: 16, size: 8, allocated });
  assertStringIncludes(error.message, "allocated at\n    user (file:///a.ts:1:1)\n    in error: f1 <- f2");
  assertEquals(error.allocated.map(({ name }) => name), ["user", "f1", "f2"]);
});
