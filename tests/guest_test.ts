// Making guests: what is asked of them, and what is wrong with it; several of them, and their memories
import {
  type AnyLayer,
  bytealloc,
  bytefree,
  check,
  debug,
  enter,
  general,
  Heap,
  heap,
  init,
  LeakError,
  stats,
} from "../mod.ts";
import { trace } from "../mod.ts";
import { type Guest, guest, type GuestOptions, instantiateWasm, intercept, interpose, WasmError } from "../rt/mod.ts";
import { bypass } from "../layers/bypass.ts";
import { topOn } from "../region.ts";
import { leakFree } from "../testing/mod.ts";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "./assert.ts";
import { type Exports, guestBytes } from "./guest_blocks.ts";
import { each, type Made, make, out, OWN, type Way, WAYS } from "./guest_kit.ts";
import { type Small, small } from "./guest_small.ts";
import { binary, body, END, I32, list, section, sized, type } from "./wasm_kit.ts";

const WATCH: readonly Way[] = OWN.filter(({ mode }) => mode === "watch");
const REPLACE: readonly Way[] = OWN.filter(({ mode }) => mode === "replace");
// deno-lint-ignore no-explicit-any
type Kind = new (...args: any[]) => Error;

const env = { callback: (i: number) => i };

/** A guest of a module that is made here. */
function of(bytes: Uint8Array<ArrayBuffer>, options: GuestOptions = {}): Made {
  const plan = interpose(bytes, options), imports = plan.imports(options.imports);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(plan.bytes), imports);
  const g = plan.attach(instance, imports);
  return { g, x: g.exports as Exports };
}

const smallOf = (made: Small, options: GuestOptions = {}) => of(small(made), options);

Deno.test("guest: what is served, and how", async () => {
  for (const allocator of ["watch", "replace"] as const) {
    const g = await guest(guestBytes("own"), { allocator, imports: { env }, name: "a name" });
    const x = g.exports as Exports;
    assertEquals(x.balanced(100, 24), 14850);
    assertEquals(g.gauge(), { nalloc: 101, nfree: 101, szalloc: 2800, szfree: 2800, watermark: 2800 });
    assertEquals(Object.keys(x).filter((name) => name.startsWith("region.")), []);
    assertEquals(g.name, "a name");
    assertEquals(g.memory, x.memory as unknown);
    assert(g.instance instanceof WebAssembly.Instance);
    assertEquals(g.ground.heap, g.heap);
    assertEquals(topOn(g.heap, g.ground), g.ground);
  }
  const imports = await guest(guestBytes("imports"));
  (imports.exports as Exports).do_malloc(10);
  assertEquals(imports.gauge().szalloc, 10);
});

Deno.test("guest: by default, an allocator that is imported is served, and any other watched", () => {
  const modes = ["imports", "operators", "rust", "own", "own_hidden", "own_names"].map((name) =>
    interpose(guestBytes(name)).mode
  );
  assertEquals(modes, ["imports", "imports", "imports", "watch", "watch", "watch"]);
});

each(WAYS, "guest: what it is printed as", (way) => {
  const { g, x } = make(way, { name: "mine" });
  x.do_malloc(100);
  x.do_free(72);
  const text = String(g);
  assertEquals(Deno.inspect(g), text);
  assert(text.startsWith('guest "mine"\n'), text);
  assertStringIncludes(text, "1 allocated, 0 freed; 100 B allocated");
  assertStringIncludes(text, "1 live, 100 B");
  assert(text.endsWith("\n1 call of free for what is no block that is known"), text);
});

each(WAYS, "guest: a stack of one's own", (way) => {
  const { g, x } = make(way, { stack: (bottom) => check(trace(stats(bottom))) as AnyLayer });
  const p = x.do_malloc(100);
  assertEquals(g.sites().length, 1);
  assertEquals(g.sites()[0].bytes, 100);
  assertEquals(out(g.gauge()), [1, 100]);
  const e = assertThrows(() => g.deinit(), LeakError);
  assertEquals(e.bytes, 100);
  x.do_free(p);
});

each(WATCH, "guest: after deinit, one that was watched goes on alone", (way) => {
  const { g, x } = make(way), p = x.do_malloc(100);
  assertEquals(x.balanced(10, 24), 135);
  const gauge = g.gauge();
  g.deinit();
  assert(g.ground.closed);
  assertEquals(x.balanced(10, 24), 135);
  const q = x.do_realloc(p, 10_000);
  assert(q !== 0);
  x.do_free(q);
  assertEquals(g.gauge(), gauge);
  assertStringIncludes(String(g), "(closed)");
  assertThrows(() => g.deinit(), Error, "Cannot close the allocator original: it has been closed");
  const a = g.arena();
  enter(a, () => x.leak(3, 24)); // regions can still be entered
  assertEquals(a.gauge().nalloc, 3);
});

each(WATCH, "guest: after deinit, blocks that layers had moved are gone", (way) => {
  const { g, x } = make(way, { stack: (bottom) => debug(bottom) });
  const p = x.do_malloc(100), q = x.do_malloc(200);
  g.deinit();
  x.do_free(p);
  x.do_free(x.do_realloc(q, 300));
  x.balanced(100, 100);
});

each(WAYS, "guest: after deinit, one that was not can allocate no more", (way) => {
  if (way.mode === "watch") return;
  const { g, x } = make(way), p = x.do_malloc(100), q = x.do_malloc(100);
  g.deinit();
  const message = `Cannot serve the guest ${g.name}: it has been closed`;
  assertThrows(() => x.do_malloc(100), Error, message);
  assertThrows(() => x.do_calloc(100, 1), Error, message);
  assertThrows(() => x.do_realloc(q, 1000), Error, message);
  x.do_free(p);
  x.do_free(q);
  const a = g.arena();
  enter(a, () => assert(x.do_malloc(10) !== 0));
});

Deno.test("guest: using closes it, once", async () => {
  let one: Guest;
  {
    using g = await guest(guestBytes("own"), { imports: { env } });
    (g.exports as Exports).leak(1, 24);
    one = g;
  }
  assert(one.ground.closed);
  one[Symbol.dispose]();
});

each(WAYS, "guest: two instances of one plan know nothing of each other", (way) => {
  const plan = interpose(guestBytes(way.mode === "imports" ? "imports" : "own"), { allocator: way.mode });
  const module = new WebAssembly.Module(plan.bytes);
  const two = [1, 2].map(() => {
    const imports = plan.imports({ env });
    return plan.attach(new WebAssembly.Instance(module, imports), imports);
  });
  two.forEach((g, i) => {
    const x = g.exports as Exports;
    for (let n = 0; n <= i; n++) x.do_malloc(100);
  });
  assertEquals(two.map((g) => g.gauge().nalloc), [1, 2]);
  const a = two[0].arena();
  enter(a, () => two.forEach((g) => (g.exports as Exports).do_malloc(10)));
  assertEquals(a.gauge().nalloc, 1);
  assertEquals(two[1].gauge().nalloc, 3);
});

Deno.test("guest: attaching, wrongly", () => {
  const plan = interpose(guestBytes("own"), { name: "own" }), module = new WebAssembly.Module(plan.bytes);
  const instance = new WebAssembly.Instance(module, { env });
  const attach = (value: unknown) => plan.attach(value as WebAssembly.Instance);
  for (const value of [undefined, null, {}, module, instance.exports]) {
    assertThrows(() => attach(value), TypeError, "Cannot attach to the guest own: expected an instance of it, got");
  }
  const other = new WebAssembly.Instance(new WebAssembly.Module(guestBytes("own")), { env });
  assertThrows(
    () => attach(other),
    TypeError,
    "Cannot attach to the guest own: it is no instance of the module that was",
  );
  const g = plan.attach(instance);
  const again = assertThrows(() => plan.attach(instance), Error);
  assertEquals(again.message, "Cannot attach to the guest own: this instance is served already");
  (g.exports as Exports).leak(1, 24);
  assertEquals(g.gauge().nalloc, 1);
});

Deno.test("guest: an import object is for one instance", () => {
  const plan = interpose(guestBytes("imports")), module = new WebAssembly.Module(plan.bytes), imports = plan.imports();
  const instance = () => new WebAssembly.Instance(module, imports);
  const message = "it was not instantiated with imports() of its own";
  assertThrows(() => plan.attach(instance()), TypeError, message);
  assertThrows(() => plan.attach(instance(), {}), TypeError, message);
  plan.attach(instance(), imports);
  assertThrows(() => plan.attach(instance(), imports), TypeError, message);
});

Deno.test("guest: options that are none", async () => {
  const refused = async (options: unknown, kind: typeof TypeError | typeof RangeError, message: string) => {
    const file = (options as GuestOptions | null)?.allocator === "imports" ? "imports" : "own";
    const e = await assertRejects(() => guest(guestBytes(file), options as GuestOptions), kind);
    assertStringIncludes(e.message, message);
  };
  await refused(null, TypeError, "Cannot make a guest: expected options, got null");
  await refused(5, TypeError, "Cannot make a guest: expected options, got 5");
  await refused({ alocator: "watch" }, TypeError, "Cannot make a guest: expected options among imports, allocator");
  await refused({ allocator: "own" }, TypeError, 'allocator must be one of imports, watch, replace, got "own"');
  await refused({ stack: 5 }, TypeError, "Cannot make a guest: stack must be a function of the layer below, got 5");
  await refused(
    { stack: () => 5, imports: { env } },
    TypeError,
    "stack must return a layer over the one it is given, got 5",
  );
  await refused({ stack: () => null, imports: { env } }, TypeError, "got null");
  await refused({ stack: () => general(), imports: { env } }, TypeError, "got one on another heap");
  await refused({ memory: {} }, TypeError, "memory must be a WebAssembly.Memory, got a Object");
  await refused({ name: 5 }, TypeError, "name must be a string, got 5");
  await refused({ imports: 5 }, TypeError, "imports must be an object, got 5");
  await refused({ allocator: "imports", heapBase: -1 }, RangeError, "heapBase");
  await refused({ allocator: "imports", heapBase: "0" }, TypeError, "heapBase");
  await refused({ allocator: "imports", heapBase: 2 ** 30 }, RangeError, "start");
  await refused(
    { allocator: "imports", heapBase: 1024 },
    RangeError,
    "heapBase must be 1032 at least, where its data ends",
  );
  await refused({ names: { maloc: "malloc" } }, TypeError, "names must be of malloc, free");
  await refused({ names: { malloc: "mallok" } }, RangeError, 'Cannot find malloc: the module has no function "mallok"');
  await refused(
    { names: { malloc: 100_000 } },
    RangeError,
    "Cannot find malloc: 100000 must be the index of a function",
  );
  await refused(
    { names: { malloc: "free" } },
    TypeError,
    'Cannot use "free" as malloc: expected malloc(i32) -> i32, got (i32)',
  );
  await refused({ glue: "x.js" }, TypeError, 'glue must be an array of strings, got "x.js"');
  await refused({ glue: [5] }, TypeError, "glue must be an array of strings, got an array of 1");
  await refused({ names: 5 }, TypeError, "names must be an object, got 5");
  await refused({ symbols: null }, TypeError, "symbols must be an object, got null");
});

Deno.test("guest: binaries that are none, or not to be served", async () => {
  const own = guestBytes("own");
  const refused = async (
    source: unknown,
    message: string,
    kind: Kind = WasmError,
    options?: GuestOptions,
  ) => {
    const e = await assertRejects(() => guest(source as BufferSource, options), kind);
    assertStringIncludes(e.message, message);
  };
  await refused("a string", "", TypeError);
  await refused(undefined, "", TypeError);
  await refused(
    new WebAssembly.Module(own),
    "expected the bytes of a module or a Response, got one that has been",
    TypeError,
  );
  await refused(Promise.resolve(5), "", TypeError);
  await refused(
    new Response("no", { status: 404, statusText: "Not Found" }),
    "the request for its module was answered with 404",
    TypeError,
  );
  await refused(new Uint8Array(0), "");
  await refused(new TextEncoder().encode("<!doctype html>"), "");
  for (const length of [4, 8, 100, 5000, own.length - 10]) await refused(own.subarray(0, length), "");
  await refused(binary(), "no malloc was found");
  await refused(
    small({ hidden: true }),
    "Cannot watch the allocator of the module: no malloc was found among its exports",
  );
  await refused(own, "Cannot serve the allocator of the module: it imports none", WasmError, { allocator: "imports" });
  await refused(guestBytes("own_hidden"), "Cannot replace the allocator of the module", WasmError, {
    allocator: "replace",
  });
  const rewritten = interpose(own).bytes;
  await refused(rewritten, "it has been so already");
  const wide = binary(
    section("type", list(type([I32], [I32]), type([I32], []))),
    section("function", list(0, 1)),
    section("memory", list([0x04, 1])),
    section("export", list(["malloc", 0, 0], ["free", 0, 1], ["memory", 2, 0])),
    section("code", list(sized(0, 0x20, 0, END), sized(0, END))),
  );
  await refused(wide, "addresses of 64 bits are not supported");
  const without = binary(
    section("type", list(type([I32], [I32]), type([I32], []))),
    section("function", list(0, 1)),
    section("export", list(["malloc", 0, 0], ["free", 0, 1])),
    section("code", list(sized(0, 0x20, 0, END), sized(0, END))),
  );
  await refused(without, "Cannot attach to the guest guest: it has no memory", TypeError);
});

Deno.test("guest: hooks and interceptions that cannot be", async () => {
  const hook = instantiateWasm(guestBytes("own").subarray(0, 100));
  hook({}, () => {});
  await assertRejects(() => hook.guest, WasmError);
  await assertRejects(() => intercept({}, 5 as never), TypeError, "Cannot intercept: body must be a function, got 5");
  await assertRejects(() => intercept({ allocator: 5 } as never, () => {}), TypeError, "allocator must be one of");
  await assertRejects(() => intercept({}, () => {}), Error, "no module became a guest, as none was instantiated");
  const before = { ...WebAssembly, instantiate: WebAssembly.instantiate, Module: WebAssembly.Module };
  let go = () => {};
  const first = intercept({}, async () => {
    await new Promise<void>((done) => go = done);
    return await WebAssembly.instantiate(guestBytes("own"), { env });
  });
  await assertRejects(() => intercept({}, () => {}), Error, "Cannot intercept: another interception has not ended");
  go();
  const [, guests] = await first;
  assertEquals(guests.length, 1);
  assertEquals(WebAssembly.instantiate, before.instantiate);
  assertEquals(WebAssembly.Module, before.Module);
});

each(OWN, "guest: what was allocated before it is served", (way) => {
  let early = 0;
  const { g, x } = make(way, { before: (x) => early = x.list_make(10) });
  assertEquals(g.gauge().nalloc, 0);
  assertEquals(x.list_sum(early), 45);
  x.list_free(early);
  assertEquals(g.strays, 10);
  assertEquals(out(g.gauge()), [0, 0]);
});

Deno.test("guest: a start function that allocates", () => {
  const { g, x } = smallOf({ starts: true });
  assertEquals((x.out as unknown as WebAssembly.Global).value, 1);
  assertEquals(g.gauge().nalloc, 0);
  x.do_malloc(10);
  assertEquals(g.gauge().nalloc, 1);
});

Deno.test("guest: an allocator that aligns to 8 bytes, below layers that count on 16", () => {
  for (const stack of [undefined, debug, stats, (b: AnyLayer) => check(trace(stats(b))) as AnyLayer]) {
    const { g, x } = smallOf({}, stack && { stack });
    const blocks = [1, 8, 16, 24, 100, 1000].map((size) => x.do_malloc(size));
    if (stack === undefined) assertEquals(blocks.map((p) => p % 16), [8, 8, 8, 8, 8, 8]);
    for (const p of blocks.splice(2)) x.do_free(p);
    for (const p of blocks) x.do_free(x.do_realloc(p, 200));
    g.deinit();
    assertEquals((x.out as unknown as WebAssembly.Global).value, 0);
  }
});

Deno.test("guest: an allocator whose functions call each other", () => {
  for (const stack of [undefined, (b: AnyLayer) => check(trace(stats(b))) as AnyLayer]) {
    const { g, x } = smallOf({ nested: true }, stack && { stack });
    const blocks = [1, 100, 1000].map((size) => x.do_malloc(size));
    assertEquals(out(g.gauge()), [3, 1101]);
    assertEquals(g.gauge().nalloc, 3);
    for (const p of blocks) x.do_free(p);
    assertEquals(out(g.gauge()), [0, 0]);
    const p = x.do_realloc(x.do_malloc(10), 20);
    assertEquals(out(g.gauge()), [1, 20]);
    x.do_free(p);
    assertEquals(g.strays, 0);
    g.deinit();
    assertEquals((x.out as unknown as WebAssembly.Global).value, 0);
  }
});

Deno.test("guest: an allocator that traps", () => {
  for (const nested of [false, true]) {
    const { g, x } = smallOf({ nested });
    const p = x.do_malloc(10);
    x.do_free(p);
    assertThrows(() => x.do_free(p), WebAssembly.RuntimeError);
    x.do_free(x.do_malloc(20));
    assertEquals(out(g.gauge()), [0, 0]);
    assertEquals([g.gauge().nalloc, g.strays], [2, 1]);
    enter(init(check(stats(g.bottom))), () => x.do_free(x.do_malloc(20)));
  }
});

Deno.test("guest: realloc to no bytes, where that frees and where it does not", () => {
  for (const frees of [true, false]) {
    const { g, x } = smallOf({ frees });
    const q = x.do_realloc(x.do_malloc(10), 0);
    assertEquals(q === 0, frees);
    assertEquals(out(g.gauge()), [frees ? 0 : 1, 0]);
    if (q !== 0) x.do_free(q);
    assertEquals(g.strays, 0);
    assertEquals((x.out as unknown as WebAssembly.Global).value, 0);
  }
});

each(OWN, "guest: a guest that grows its memory itself", (way) => {
  const { g, x } = make(way), blocks: number[] = [];
  for (let i = 0; i < 30; i++) {
    blocks.push(x.do_malloc(30_000 + i));
    assert(x.grow(i % 4) >= 0);
    blocks.push(x.do_malloc(i));
    enter(g.arena(1024), () => x.leak(10, 1000 * i));
    g.heap.u8[blocks.at(-1)!] = i;
  }
  assert(g.memory.buffer.byteLength > 45 * 65536);
  assertEquals(out(g.gauge())[0], 60);
  blocks.forEach((p) => x.do_free(p));
  assertEquals(out(g.gauge()), [0, 0]);
  assertEquals(g.strays, 0);
});

for (const allocator of ["watch", "replace"] as const) {
  Deno.test(`guest: ${allocator}: memory that has been used up`, () => {
    const { g, x } = smallOf({ pages: 3 }, { allocator });
    const blocks: number[] = [];
    for (let size = 4096; size >= 16; size /= 2) {
      for (let p = x.do_malloc(size); p !== 0; p = x.do_malloc(size)) blocks.push(p);
    }
    assert(blocks.length > 20, String(blocks.length));
    assertEquals(out(g.gauge())[0], blocks.length);
    const before = g.gauge(), p = blocks.at(-1)!;
    assertEquals(x.do_realloc(p, 10_000), 0);
    assertEquals(x.do_malloc(2 ** 31), 0);
    assertEquals(x.do_malloc(2 ** 32 - 1), 0);
    assertEquals(g.gauge(), before);
    for (const p of blocks) x.do_free(p);
    assertEquals(out(g.gauge()), [0, 0]);
    if (allocator === "replace") assert(x.do_malloc(10_000) !== 0); // that which is watched takes nothing back
  });
}

each(WAYS, "guest: blocks of no bytes, and of 16 MiB and more", (way) => {
  const { g, x } = make(way), sizes = [0, 0, 2 ** 24 - 2, 2 ** 24 - 1, 2 ** 24, 2 ** 24 + 1, 0];
  const blocks = sizes.map((size) => x.do_malloc(size) >>> 0);
  assertEquals(new Set(blocks).size, sizes.length);
  assertEquals(out(g.gauge()), [7, sizes.reduce((a, b) => a + b)]);
  assertEquals(g.gauge().watermark, 2 ** 26 - 2);
  const p = blocks.pop()!, q = x.do_realloc(p, 2 ** 24 + 5);
  assertEquals(out(g.gauge()), [7, 2 ** 26 - 2 + 2 ** 24 + 5]);
  const r = x.do_realloc(q, 5);
  assertEquals(out(g.gauge()), [7, 2 ** 26 - 2 + 5]);
  for (const p of [...blocks, r]) x.do_free(p);
  assertEquals(out(g.gauge()), [0, 0]);
  assertEquals(g.strays, 0);
});

each(OWN, "guest: addresses beyond 2 GiB", (way) => {
  const { g, x } = make(way), blocks: number[] = [];
  x.do_malloc(1); // the guest's own allocator takes the memory there is, and what is behind it when that is used up
  assert(x.grow(2 ** 15) > 0);
  for (let i = 0; i < 40; i++) blocks.push(x.do_malloc(100_000) >>> 0, x.do_malloc(24) >>> 0);
  assert(Math.max(...blocks) > 2 ** 31, String(Math.max(...blocks)));
  assertEquals(out(g.gauge()), [81, 40 * 100_024 + 1]);
  enter(g.arena(), () => assertEquals(x.tree_count(x.tree_make(6)), 127));
  for (const p of blocks) {
    const q = x.do_realloc(p, 30) >>> 0;
    x.do_free(q);
  }
  assertEquals(out(g.gauge()), [1, 1]);
  assertEquals(g.strays, 0);
});

// Several

each(OWN, "guest: a side module that imports the allocator of the main one", (way) => {
  const main = make(way), exports = main.g.exports as WebAssembly.ModuleImports;
  const side = interpose(guestBytes("imports_memory"), { name: "side" });
  assertEquals(side.mode, "imports");
  const imports = side.imports({ env: { memory: main.g.memory } });
  const g = side.attach(new WebAssembly.Instance(new WebAssembly.Module(side.bytes), imports), imports);
  const x = g.exports as Exports;
  assertEquals(g.heap, main.g.heap);
  const p = x.do_malloc(100), q = main.x.do_malloc(10);
  assertEquals(out(main.g.gauge()), [2, 110]);
  main.x.do_free(p);
  x.do_free(q);
  assertEquals(out(g.gauge()), [0, 0]);
  const a = main.g.arena();
  enter(a, () => x.do_free(x.do_calloc(10, 10)));
  assertEquals(a.gauge().nfree, 1);
  assertThrows(() => leakFree(() => x.do_malloc(40))(), LeakError, "1 of 1 blocks, 40 B");
  g.deinit(); // which leaves the other's alone
  main.x.do_free(x.do_malloc(1));
  // Or, not made a guest, with what the main one exports
  const plain = new WebAssembly.Instance(new WebAssembly.Module(guestBytes("imports_memory")), {
    env: { ...exports, memory: main.g.memory, memalign: exports.aligned_alloc },
  }).exports as Exports;
  const r = plain.do_malloc(64);
  assertEquals(out(main.g.gauge())[1] >= 64, true);
  plain.do_free(r);
});

for (
  const [first, second] of [["watch", "watch"], ["replace", "watch"], ["watch", "replace"], [
    "replace",
    "replace",
  ]] as const
) {
  Deno.test(`guest: two in one memory that have their own allocators, ${first} and ${second}`, () => {
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 100 }), imports = { env: { memory } };
    const one = smallOf({ imported: true, pages: 2 }, { allocator: first, imports });
    const two = smallOf({ imported: true, pages: 4, first: 2 * 65536 + 8 }, { allocator: second, imports });
    const p = one.x.do_malloc(10), q = two.x.do_malloc(20);
    assertEquals(one.g.gauge().szalloc, 10);
    assertEquals(two.g.gauge().szalloc, 20);
    const a = one.g.arena(1024);
    enter(a, () => {
      one.x.do_malloc(30);
      two.x.do_free(two.x.do_malloc(40));
    });
    assertEquals(a.gauge().szalloc, 30);
    assertEquals(two.g.gauge().szalloc, 60);
    const both = leakFree(() => {
      one.x.do_malloc(1);
      two.x.do_malloc(2);
    });
    assertThrows(both, LeakError, "2 of 2 blocks, 3 B");
    one.x.do_free(p);
    two.x.do_free(q);
    assertEquals(one.g.strays + two.g.strays, 0);
  });
}

each(WAYS, "guest: guests with memories of their own", (way) => {
  const a = make(way, { name: "a" }), b = make(way, { name: "b" });
  const e = assertThrows(
    () =>
      leakFree(() => {
        a.x.do_malloc(10);
        b.x.do_malloc(20);
        a.x.do_free(a.x.do_malloc(5));
        bytealloc(40);
      })(),
    LeakError,
  );
  assertEquals([e.blocks, e.bytes, e.sites.length], [3, 70, 3]);
  assertEquals(e.sites.map(({ frames }) => frames.some(({ module }) => module !== undefined)).sort(), [
    false,
    true,
    true,
  ]);
  const arena = a.g.arena();
  enter(arena, () => b.x.do_malloc(30));
  assertEquals(arena.gauge().nalloc, 0);
});

Deno.test("guest: one in the memory of the default heap", () => {
  const bytes = guestBytes("imports_memory"), imports = { env: { memory: heap.memory } };
  assertThrows(
    () => of(bytes, { imports }),
    RangeError,
    "heapBase must say where its data and stack end, as the default",
  );
  assertThrows(
    () => of(bytes, { imports, heapBase: 66576 }),
    RangeError,
    "its data and stack end at 66576, as the default",
  );
  const own = { allocator: "watch", imports } as const;
  assertThrows(() => smallOf({ imported: true }, own), RangeError, "its own allocator would serve from the memory of");
  const { g, x } = of(allocating(), { imports, heapBase: 4096 });
  assertEquals(g.heap, heap);
  const a = init(stats(general()));
  enter(a, () => {
    const p = x.get(100);
    assertEquals(a.gauge().szalloc, 100);
    bytefree(p, 100); // what the host frees is free
    x.put(x.get(8));
    for (const p of Array.from({ length: 3000 }, () => x.get(500))) x.put(p);
    assertEquals(out(a.gauge()), [0, 0]);
  });
  assertThrows(() => leakFree(() => x.get(7))(), LeakError, "1 of 1 blocks, 7 B");
  const arena = g.arena();
  enter(arena, () => {
    heap.memory.grow(64);
    const blocks = Array.from({ length: 50_000 }, () => x.get(200)); // beyond what the ledger had been made for
    assertEquals(new Set(blocks).size, 50_000);
    blocks.forEach((p) => x.put(p));
  });
  assertEquals(out(arena.gauge()), [0, 0]);
  g.deinit();
  assertEquals(g.ground.closed, false);
});

/** A module without data or stack that imports malloc, free and a memory of such limits: at least a page, by default. */
function allocating(limits: (number | number[])[] = [0, 1]): Uint8Array<ArrayBuffer> {
  const scope = { functions: { malloc: 0, free: 1 } };
  return binary(
    section("type", list(type([I32], [I32]), type([I32], []))),
    section("import", list(["env", "malloc", 0, 0], ["env", "free", 0, 1], ["env", "memory", 2, ...limits])),
    section("function", list(0, 1)),
    section("export", list(["get", 0, 2], ["put", 0, 3])),
    section(
      "code",
      list(
        body("(func (param $n i32) (result i32) (call $malloc (local.get $n)))", scope),
        body("(func (param $p i32) (call $free (local.get $p)))", scope),
      ),
    ),
  );
}

Deno.test("guest: a memory that threads share", () => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 200, shared: true });
  const { g, x } = of(allocating([3, 2, [0xc8, 1]]), { imports: { env: { memory } }, heapBase: 1024 });
  const p = x.get(100);
  new Heap({ memory }).refresh();
  memory.grow(20);
  const blocks = Array.from({ length: 100 }, () => x.get(10_000));
  assertEquals(out(g.gauge()), [101, 1_000_100]);
  for (const q of [p, ...blocks]) x.put(q);
  assertEquals(out(g.gauge()), [0, 0]);
});

Deno.test("guest: no allocator of a test is made for guests that the test does not use", () => {
  const idle = make(WAYS[0]);
  let asked = 0;
  const before = idle.g.gauge();
  leakFree(() => {
    asked++;
    assertEquals(topOn(heap, idle.g.ground) === idle.g.ground, false);
  })();
  assertEquals(asked, 1);
  assertEquals(idle.g.gauge(), before);
});

Deno.test("guest: errors are of their classes", () => {
  assertInstanceOf(assertThrows(() => interpose(new Uint8Array(3))), WasmError);
  assert(REPLACE.length === 2);
});

Deno.test("guest: a block that the host gets is aligned to 16 bytes, whatever the guest has asked for before", () => {
  const { g, x } = smallOf({});
  enter(init(bypass(g.bottom)), () => assertEquals(x.do_malloc(100) % 16, 8));
  assertEquals(g.ground.get(100) % 16, 0);
});
