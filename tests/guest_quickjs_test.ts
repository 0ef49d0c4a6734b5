// QuickJS, a JavaScript engine, as npm's quickjs-emscripten has it: minified, and its memory is made by its glue
import { newQuickJSWASMModule, newQuickJSWASMModuleFromVariant, newVariant, RELEASE_SYNC } from "quickjs-emscripten";
import type { QuickJSContext, QuickJSWASMModule } from "quickjs-emscripten";
import { enter, general, init, LeakError, stats } from "../mod.ts";
import { debug } from "../layers/debug.ts";
import { type Guest, guest, type GuestOptions, instantiateWasm, intercept, WasmError } from "../rt/mod.ts";
import { namesFromGlue } from "../rt/inspect/glue.ts";
import { leakFree } from "../testing/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "./assert.ts";
import { linesOf, outOf } from "./lines_of.ts";
import { npmFile, npmUrl } from "./npm_files.ts";

/** A function that it has, and does not export. */
const REALLOC = 775;
const VARIANT = "@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module";
const bytes = await npmFile(`${VARIANT}.wasm`);
const names = namesFromGlue(await Deno.readTextFile(await npmUrl(`${VARIANT}.mjs`)));

async function asGuest(options: GuestOptions = {}): Promise<[QuickJSWASMModule, Guest]> {
  const hook = instantiateWasm(bytes, { names, name: "quickjs", ...options });
  const variant = newVariant(RELEASE_SYNC, {
    emscriptenModule: { instantiateWasm: hook, printErr: () => {} } as never,
  });
  return [await newQuickJSWASMModuleFromVariant(variant), await hook.guest];
}

const PROGRAM = String.raw`
class Shape { area() { return 0; } }
class Square extends Shape { #side; constructor(side) { super(); this.#side = side; } area() { return this.#side ** 2; } }
const shapes = Array.from({ length: 100 }, (_, i) => new Square(i));
const words = new Map();
for (const [word] of "the quick brown fox jumps over the lazy dog ".repeat(9).matchAll(/\b(\w)\w*\b/gu)) {
  words.set(word, (words.get(word) ?? 0) + 1);
}
const primes = [];
for (let i = 2; primes.length < 100; i++) if (primes.every((p) => i % p)) primes.push(i);
const parsed = JSON.parse(JSON.stringify({ deep: [1, [2, [3, { a: "\u{1f600}é" }]]], list: Array(150).fill(0).map((_, i) => ({ i })) }));
function* fibonacci(a = 0n, b = 1n) { for (;;) [a, b] = [b, a + b], yield a; }
const big = [];
for (const n of fibonacci()) { big.push(n); if (big.length === 200) break; }
const roots = new Float64Array(5000).map((_, i) => Math.sqrt(i));
let caught;
try { null.x; } catch (e) { caught = e.message; }
JSON.stringify({
  area: shapes.reduce((sum, s) => sum + s.area(), 0), words: [...words], last: primes.at(-1), deep: parsed.deep,
  count: parsed.list.length, big: String(big.at(-1)), roots: roots.reduce((a, b) => a + b).toFixed(6), caught,
  date: new Date(86400e3).toISOString(), swapped: "2026-11-22".replace(/(\d+)-(\d+)-(\d+)/, "$3.$2.$1"),
  sorted: [5, 3, 9, 1].toSorted === undefined ? [1, 3, 5, 9] : [5, 3, 9, 1].toSorted(),
});`;

/** What a program gives, and a function of the host that it calls. */
function work(quickjs: QuickJSWASMModule): unknown[] {
  const runtime = quickjs.newRuntime(), context = runtime.newContext();
  const results = [evaluate(context, PROGRAM)];
  const host = context.newFunction("host", (x) => context.newNumber(context.getNumber(x) * 2));
  context.setProp(context.global, "host", host);
  host.dispose();
  results.push(evaluate(context, "[1, 2, 3].map((x) => host(x)).join()"));
  const failed = context.evalCode("throw new TypeError('mine')");
  assert(failed.error !== undefined);
  results.push(context.dump(failed.error).message);
  failed.error.dispose();
  context.dispose();
  runtime.dispose();
  return results;
}

function evaluate(context: QuickJSContext, code: string): string {
  const handle = context.unwrapResult(context.evalCode(code));
  const result = context.getString(handle);
  handle.dispose();
  return result;
}

/** Makes the memory of a guest grow. */
function grow(quickjs: QuickJSWASMModule, g: Guest): void {
  const before = g.memory.buffer.byteLength;
  const length = leakFree(() => {
    const runtime = quickjs.newRuntime(), context = runtime.newContext();
    const long = context.newString("y".repeat(3e6)); // which the glue writes
    context.setProp(context.global, "long", long);
    long.dispose();
    const result = evaluate(
      context,
      "Array.from({ length: 400 }, (_, i) => long.slice(0, 1e5) + i).join('').length + ''",
    );
    context.dispose();
    runtime.dispose();
    return result;
  })();
  assertEquals(length, String(400 * 1e5 + 10 + 2 * 90 + 3 * 300));
  assert(g.memory.buffer.byteLength > before);
}

Deno.test("guest_quickjs: watched, gives the same results", async () => {
  const expected = work(await newQuickJSWASMModule(RELEASE_SYNC));
  const [quickjs, g] = await asGuest();
  const out = outOf(g), { nalloc } = g.gauge();
  assertEquals(work(quickjs), expected);
  assert(g.gauge().nalloc - nalloc > 3_000, `${g.gauge().nalloc - nalloc} blocks`);
  assertEquals(outOf(g), out);
  assertEquals(g.strays, 0);
});

Deno.test("guest_quickjs: all disposed is zero, in the first region already", async () => {
  const [quickjs] = await asGuest();
  const results = leakFree(() => work(quickjs))();
  assertEquals(leakFree(() => work(quickjs))(), results);
});

Deno.test("guest_quickjs: a handle that is not disposed is reported, with the line", async () => {
  const [quickjs] = await asGuest();
  // One to a number: the box that it lies in is lost for good, of which QuickJS says nothing itself
  const e = assertThrows(
    leakFree(() => {
      const runtime = quickjs.newRuntime(), context = runtime.newContext();
      context.newNumber(1).dispose();
      context.newNumber(2);
      context.dispose();
      runtime.dispose();
    }),
    LeakError,
  );
  assertEquals(linesOf(e, import.meta.url), { "context.newNumber(2);": 1 });
  assertEquals(e.bytes, 8);
  assertMatch(e.message, /guest_quickjs_test\.ts:\d+:\d+\n/);
});

Deno.test("guest_quickjs: a context or a runtime that is not disposed is reported, with the line", async () => {
  const [quickjs] = await asGuest();
  const e = assertThrows(
    leakFree(() => {
      const disposed = quickjs.newRuntime(), inside = disposed.newContext();
      evaluate(inside, "[1, 2, 3].join()");
      inside.dispose();
      disposed.dispose();
      const forgotten = quickjs.newRuntime();
      const open = forgotten.newContext();
      evaluate(open, "[1, 2, 3].join()");
    }),
    LeakError,
  );
  const lines = Object.keys(linesOf(e, import.meta.url));
  assertEquals(lines.slice(0, 2), ["const open = forgotten.newContext();", "const forgotten = quickjs.newRuntime();"]);
  assertEquals(lines.slice(2).every((line) => line.includes("const handle = ") || line.includes("open")), true);
});

Deno.test("guest_quickjs: of a runtime that lives longer, a context goes when QuickJS looks for cycles the next time", async () => {
  const [quickjs] = await asGuest();
  const runtime = quickjs.newRuntime();
  const test = leakFree(() => runtime.newContext().dispose());
  assertThrows(test, LeakError); // so a runtime is best closed in the test that needs it
  runtime.dispose();
});

Deno.test("guest_quickjs: its own assertion is not hidden", async () => {
  const [quickjs] = await asGuest();
  const test = leakFree(() => {
    const runtime = quickjs.newRuntime(), context = runtime.newContext();
    context.newObject();
    context.dispose();
    runtime.dispose();
  });
  const e = assertThrows(test, WebAssembly.RuntimeError, "list_empty(&rt->gc_obj_list)");
  assert(e.cause instanceof LeakError); // what is not freed because of it comes along
  assert(Object.keys(linesOf(e.cause, import.meta.url)).includes("context.newObject();"));
});

Deno.test("guest_quickjs: stacks that are deep in the guest reach the line of the test", async () => {
  const [quickjs] = await asGuest();
  const runtime = quickjs.newRuntime(), context = runtime.newContext();
  const deep =
    "globalThis.made = (function make(n) { return n ? { made: make(n - 1) } : JSON.parse('[[[[{}]]]]'); })(30); 1";
  const e = assertThrows(
    leakFree(() => {
      evaluate(context, deep);
    }),
    LeakError,
  );
  assert(e.blocks > 30);
  assertEquals(linesOf(e, import.meta.url)["elsewhere"], undefined);
});

Deno.test("guest_quickjs: the memory that the glue has made grows under it", async () => {
  const [quickjs, g] = await asGuest();
  grow(quickjs, g);
  assertEquals(work(quickjs), work(await newQuickJSWASMModule(RELEASE_SYNC)));
});

Deno.test("guest_quickjs: asynchronous tests, and again", async () => {
  const [quickjs] = await asGuest();
  const later = async (dispose: boolean) => {
    const runtime = quickjs.newRuntime();
    await new Promise((done) => setTimeout(done, 1));
    const context = runtime.newContext();
    const result = evaluate(context, "6 * 7");
    await Promise.resolve();
    context.newString("forgotten");
    if (dispose) {
      context.dispose();
      runtime.dispose();
    }
    return result;
  };
  for (const options of [{}, { again: true }]) {
    const e = await assertRejects(leakFree(() => later(true), options), LeakError);
    assertEquals(Object.keys(linesOf(e, import.meta.url)), ['context.newString("forgotten");']);
    const f = await assertRejects(leakFree(() => later(false), options), LeakError);
    assertEquals(Object.keys(linesOf(f, import.meta.url)).slice(0, 2).sort(), [
      "const context = runtime.newContext();",
      "const runtime = quickjs.newRuntime();",
    ]);
  }
});

Deno.test("guest_quickjs: intercepted, by the names in its glue", async () => {
  const [quickjs, [g, ...others]] = await intercept({ names }, () => newQuickJSWASMModule(RELEASE_SYNC));
  assertEquals(others, []);
  assertEquals(leakFree(() => work(quickjs))(), work(await newQuickJSWASMModule(RELEASE_SYNC)));
  assert(g.gauge().nalloc > 3_000);
});

Deno.test("guest_quickjs: watched with the hidden realloc named, too", async () => {
  const [quickjs, g] = await asGuest({ names: { ...names, realloc: REALLOC } });
  const expected = work(await newQuickJSWASMModule(RELEASE_SYNC)), before = outOf(g);
  assertEquals(leakFree(() => work(quickjs))(), expected);
  assertEquals(work(quickjs), expected); // in the ground region, where the guest's own realloc does it
  assertEquals(outOf(g), before);
  assertEquals(g.strays, 0);
});

Deno.test("guest_quickjs: replaced where its realloc is named, refused where it is not", async () => {
  assertEquals(names, { malloc: "v", free: "M" });
  const refused = await assertRejects(() => guest(bytes, { allocator: "replace", names }), WasmError);
  assertMatch(refused.message, /: function 775, perhaps realloc \([^)]*\); names can say/);
  const expected = work(await newQuickJSWASMModule(RELEASE_SYNC));
  const [quickjs, g] = await asGuest({ allocator: "replace", names: { ...names, realloc: REALLOC } });
  assertEquals(work(quickjs), expected);
  assertEquals(leakFree(() => work(quickjs))(), expected);
  assertEquals(enter(init(stats(general(g.heap))), () => work(quickjs)), expected); // in a region on its heap
  assertEquals(enter(g.arena(), () => work(quickjs)), expected);
  grow(quickjs, g);
  const e = assertThrows(leakFree(() => void quickjs.newRuntime()), LeakError);
  assertEquals(Object.keys(linesOf(e, import.meta.url)), [
    "const e = assertThrows(leakFree(() => void quickjs.newRuntime()), LeakError);",
  ]);
  assertEquals(g.strays, 0);
});

Deno.test("guest_quickjs: replaced by a stack that finds misuse, which it has none of", async () => {
  const [quickjs, g] = await asGuest({
    allocator: "replace",
    names: { ...names, realloc: REALLOC },
    stack: (bottom) => debug(bottom),
  });
  assertEquals(work(quickjs), work(await newQuickJSWASMModule(RELEASE_SYNC)));
  g.verify();
  assertEquals(g.strays, 0);
});
