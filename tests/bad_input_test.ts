// Every public function of mod.ts (but for std's) with what it cannot work with: a clear error, and nothing has changed
import * as region from "../mod.ts";
import {
  type AnyLayer,
  batch,
  bigcache,
  bonwick,
  bypass,
  bytealloc,
  bytefree,
  byteresize,
  check,
  chunk,
  describe,
  enter,
  enterAsync,
  escape,
  formatBytes,
  formatGauge,
  ground,
  Heap,
  init,
  layer,
  layers,
  mmap,
  next,
  pipe,
  sbrk,
  specialise,
  stats,
  top,
} from "../mod.ts";
import { show } from "../errors.ts";
import { failAt } from "../testing/mod.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
  fail,
} from "./assert.ts";
import { assertAllFree, freshHeap } from "./kit.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

/** Asserts that `f` throws an error of the type named, by the grammar "Cannot X: Y", as long as a sentence. */
function assertClear(what: string, type: "TypeError" | "RangeError" | "Error", f: () => unknown): void {
  let e: unknown;
  try {
    const result = f();
    e = undefined;
    if (result !== undefined) what += ` (which returned ${String(result)})`;
  } catch (thrown) {
    e = thrown;
  }
  if (e === undefined) fail(`nothing was thrown by ${what}`);
  assertInstanceOf(e, Error);
  assertEquals(e.name, type, `${what}: ${e.message}`);
  assertMatch(e.message, /^Cannot [a-z][^\n]*[^.\n]$/, what);
  assert(
    !/n't|is not a function|object Object|^Cannot (read|mix|convert|destructure)/.test(e.message) &&
      e.message.length < 200,
    `${what}: ${e.message}`,
  );
}

const notNumbers: unknown[] = [undefined, null, "16", "", true, {}, [], [16], () => 16];
const notSizes = [-1, -16, 0.5, 16.5, NaN, Infinity, -Infinity, 2 ** 32, 2 ** 53, -(2 ** 32) + 16];
const notFunctions: unknown[] = [undefined, null, 5, "f", {}, []];
const notLayers: unknown[] = [undefined, null, 5, "mmap", {}, [], () => {}, mmap, { heap: {} }, { ...mmap(), get: 5 }];

/** Runs `f` over doors to allocate through: an allocator, and the current region, with and without a window. */
function throughEach(f: (door: { get: Any; put: Any; name: string }) => void): void {
  const heap = freshHeap(), stack = () => stats(chunk(batch(stats(mmap(heap))), 4096));
  const checked = (name: string, a: region.AnyAllocator, door: { get: Any; put: Any }) => {
    const p = door.get(100), before = [String(a), JSON.stringify(a.state), heap.free];
    f({ ...door, name });
    assertEquals([String(a), JSON.stringify(a.state), heap.free], before, name);
    // As usable as before
    assert(door.get(100) > p);
    door.put(p, 100);
  };
  const a = init(stack()), b = init(stack()), c = init(chunk(batch(mmap()), 4096));
  checked("an allocator", a, {
    get: (...args: Any) => (a.get as Any)(...args),
    put: (...args: Any) => (a.put as Any)(...args),
  });
  a.deinit();
  enter(b, () => checked("a region", b, { get: bytealloc, put: bytefree }));
  assertAllFree(heap);
  enter(c, () => checked("a region that bumps", c, { get: bytealloc, put: bytefree }));
}

Deno.test("bad input: sizes, alignments and addresses", () => {
  throughEach(({ get, put, name }) => {
    for (const size of notNumbers) {
      assertClear(`get ${show(size)} from ${name}`, "TypeError", () => get(size));
      assertClear(`put of ${show(size)} bytes in ${name}`, "TypeError", () => put(4096, size));
      assertClear(`put at ${show(size)} in ${name}`, "TypeError", () => put(size, 16));
    }
    for (const size of notSizes) {
      assertClear(`get ${size} from ${name}`, "RangeError", () => get(size));
      assertClear(`put of ${size} bytes in ${name}`, "RangeError", () => put(4096, size));
      assertClear(`put at ${size} in ${name}`, "RangeError", () => put(size, 16));
    }
    assertClear(`put at null in ${name}`, "RangeError", () => put(0, 16));
    for (const align of [0, -1, 3, 5, 12, 48, 8192, 1.5, NaN, Infinity, -16, 2 ** 32, 2 ** 32 + 16]) {
      for (const size of [10, 0, 5000]) {
        assertClear(`${size} bytes aligned to ${align} from ${name}`, "RangeError", () => get(size, align));
      }
    }
    for (const align of notNumbers.slice(1)) {
      assertClear(`aligned to ${show(align)} from ${name}`, "TypeError", () => get(10, align));
    }
  });
});

Deno.test("bad input: a bigint or a symbol is a TypeError, if the engine's own", () => {
  throughEach(({ get, put }) => {
    const odd = [16n, Symbol("16")];
    for (const f of odd.flatMap((x) => [() => get(x), () => get(16, x), () => put(x, 16), () => put(16, x)])) {
      let e;
      try {
        f();
      } catch (thrown) {
        e = thrown;
      }
      assertInstanceOf(e, TypeError);
    }
  });
});

Deno.test("bad input: blocks that are not out, where that is known", () => {
  const heap = freshHeap();
  const stacks: [stack: AnyLayer, p: number][] = [mmap(heap), batch(mmap(heap)), bigcache(mmap(heap))].map((
    l,
  ) => [l, 0]);
  for (const [stack] of stacks) {
    const a = init(stats(stack)), p = a.get(5000);
    for (const q of [p + 1, p + 16, p + 4096, p - 4096, 1, 16, 2 ** 32 - 4096, 2 ** 32 - 1]) {
      if (q > 0) assertClear(`put at ${q} in ${a}`, "RangeError", () => a.put(q, 5000));
    }
    assertEquals(a.gauge().nfree, 0);
    a.put(p, 5000);
    assertClear(`double put in ${a}`, "RangeError", () => a.put(p, 5000));
    assertEquals(a.gauge().nfree, 1);
    a.deinit();
    assertAllFree(heap);
  }
});

Deno.test("bad input: composing", () => {
  const heap = freshHeap(), over = { batch, bigcache, bonwick, bypass, check, stats };
  for (const wrong of notLayers) {
    for (const [name, of] of Object.entries(over)) {
      assertClear(`${name} of ${show(wrong)}`, "TypeError", () => (of as Any)(wrong));
    }
    assertClear(`chunk of ${show(wrong)}`, "TypeError", () => chunk(wrong as Any, 4096));
    assertClear(`failAt of ${show(wrong)}`, "TypeError", () => failAt(wrong as Any, 1));
    assertClear(`init of ${show(wrong)}`, "TypeError", () => init(wrong as Any));
    if (wrong === undefined) continue; // the default heap
    for (
      const [name, of] of Object.entries({
        mmap,
        sbrk,
        pipe,
        null: layers.null,
        std: layers.std,
        ground: layers.ground,
      })
    ) {
      assertClear(`${name} of ${show(wrong)}`, "TypeError", () => (of as Any)(wrong));
    }
  }
  // A heap where a layer belongs, and the other way round
  for (const [name, of] of Object.entries(over)) assertClear(`${name} of a heap`, "TypeError", () => (of as Any)(heap));
  assertClear("chunk of a heap", "TypeError", () => chunk(heap as Any, 4096));
  for (
    const [name, of] of Object.entries({ mmap, sbrk, pipe, null: layers.null, std: layers.std, ground: layers.ground })
  ) {
    assertClear(`${name} of a layer`, "TypeError", () => (of as Any)(mmap(heap)));
  }
  assertClear("check of what has no gauge", "TypeError", () => check(chunk(stats(mmap(heap)), 64) as Any));
  assertAllFree(heap);
});

Deno.test("bad input: making layers", () => {
  for (const f of [region.pass, region.share]) assertEquals(Object.keys(f(mmap(), "gauge", "reset")), []);
  for (const wrong of notFunctions) assertClear(`layer of ${show(wrong)}`, "TypeError", () => layer(wrong as Any));
  for (const made of [undefined, null, 5, "layer", {}, { heap: {} }]) {
    const odd = layer(function odd() {
      return made as Any;
    } as Any) as Any;
    assertClear(`a factory that returns ${show(made)}`, "TypeError", () => odd(mmap()));
  }
  for (const wrong of [undefined, null, 1, "on"]) {
    assertClear(`specialise ${wrong}`, "TypeError", () => specialise(wrong as Any));
  }
  for (const wrong of notLayers) assertClear(`describe ${show(wrong)}`, "TypeError", () => describe(wrong as Any, {}));
});

Deno.test("bad input: regions", async () => {
  const heap = freshHeap(), make = () => init(stats(chunk(mmap(heap), 4096)));
  const a = make();
  for (const wrong of notFunctions) {
    assertClear(`enter ${show(wrong)}`, "TypeError", () => enter(a, wrong as Any));
    assertClear(`escape ${show(wrong)}`, "TypeError", () => escape(wrong as Any));
    await rejects(`enterAsync ${show(wrong)}`, () => enterAsync(a, wrong as Any));
  }
  for (const wrong of [...notLayers, mmap(heap), a.state]) {
    assertClear(`enter with ${show(wrong)}`, "TypeError", () => enter(wrong as Any, () => 1));
    await rejects(`enterAsync with ${show(wrong)}`, () => enterAsync(wrong as Any, () => 1));
  }
  assertClear("escape from the ground", "Error", () => escape(() => 1));
  assertClear("next of the ground", "Error", next);
  assert(!a.closed);
  enter(a, () => bytealloc(10)); // as usable as before
  for (const f of [() => enter(a, () => 1), () => a.get(1), () => a.put(16, 1), () => a.deinit()]) {
    assertClear("a closed allocator", "Error", f);
  }
  assertClear("the gauge of what has none", "TypeError", () => (init(mmap(heap)) as region.AnyAllocator).gauge());
  assertClear("closing the ground", "Error", () => ground().deinit());
  assertStrictEquals(top(), ground());
  assertAllFree(heap);

  async function rejects(what: string, f: () => Promise<unknown>): Promise<void> {
    const e = await assertRejects(f, TypeError);
    assertClear(what, "TypeError", () => {
      throw e;
    });
  }
});

Deno.test("bad input: heaps", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  for (const wrong of [null, 5, "heap", true, () => {}]) {
    assertClear(`a heap with ${show(wrong)}`, "TypeError", () => new Heap(wrong as Any));
  }
  for (const wrong of notNumbers.slice(1)) {
    assertClear(`initial ${show(wrong)}`, "TypeError", () => new Heap({ initial: wrong as Any }));
    assertClear(`maximum ${show(wrong)}`, "TypeError", () => new Heap({ maximum: wrong as Any }));
    assertClear(`start ${show(wrong)}`, "TypeError", () => new Heap({ memory, start: wrong as Any }));
  }
  for (const wrong of [...notSizes, 65537]) {
    assertClear(`initial ${wrong}`, "RangeError", () => new Heap({ initial: wrong }));
    assertClear(`maximum ${wrong}`, "RangeError", () => new Heap({ maximum: wrong }));
    assertClear(`start ${wrong}`, "RangeError", () => new Heap({ memory, start: wrong === 65537 ? 65537 : wrong }));
  }
  assertClear("more at first than at most", "RangeError", () => new Heap({ initial: 5, maximum: 4 }));
  for (const wrong of [null, 5, {}, new ArrayBuffer(8), new Heap({ initial: 0 })]) {
    assertClear(`a memory that is ${typeof wrong}`, "TypeError", () => new Heap({ memory: wrong as Any }));
  }
  assertClear("start without memory", "TypeError", () => new Heap({ start: 16 }));
  assertEquals(memory.buffer.byteLength, 65536);
});

Deno.test("bad input: figures", () => {
  for (const wrong of notNumbers) {
    assertClear(`bytes ${show(wrong)}`, "TypeError", () => formatBytes(wrong as Any));
    assertClear(`a gauge of ${show(wrong)}`, "TypeError", () => formatGauge(wrong as Any));
  }
});

/** An allocator of each capability, and calls of it: whatever is asked of what, `p` being a block of 100 bytes. */
function abilities(
  heap: Heap,
): [name: string, make: () => region.AnyAllocator, call: (a: region.AnyAllocator) => unknown][] {
  const pages = () => init(mmap(heap)) as region.AnyAllocator,
    booked = () => init(batch(mmap(heap))) as region.AnyAllocator;
  const arena = () => init(chunk(mmap(heap), 4096)) as region.AnyAllocator;
  return [
    ["resize", pages, (a) => a.resize(4096, 100, 200)],
    ["owns", booked, (a) => a.owns(4096)],
    ["sizeOf", booked, (a) => a.sizeOf(4096)],
    ["reset", arena, (a) => a.reset()],
    ["goodSize", pages, (a) => a.goodSize(100)],
    ["mark", arena, (a) => a.mark()],
    ["rewind", arena, (a) => a.rewind(4096)],
  ];
}

Deno.test("bad input: a capability that the stack lacks", () => {
  const heap = freshHeap(), a = init(layers.null(heap)) as region.AnyAllocator;
  for (const [name, , call] of abilities(heap)) {
    const e = assertThrows(() => call(a), TypeError);
    assertStrictEquals(e.message, `Cannot use ${name} of null: it has no such capability`);
    const b = init(layers.null(heap)) as region.AnyAllocator;
    b.deinit();
    assertThrows(() => call(b), TypeError, `Cannot use ${name} of null`);
  }
  assertClear("a gauge", "TypeError", () => a.gauge());
});

Deno.test("bad input: capabilities of an allocator that has been closed", () => {
  const heap = freshHeap();
  for (const [name, make, call] of abilities(heap)) {
    const a = make();
    a.get(100);
    a.deinit();
    assertClear(`${name} of a closed allocator`, "Error", () => call(a));
    const e = assertThrows(() => call(a), Error, "it has been closed");
    assertEquals(e.name, "Error");
    assertThrows(() => a.get(100, 4096), Error, "it has been closed");
  }
});

Deno.test("bad input: what capabilities are asked", () => {
  const heap = freshHeap();
  for (const make of [() => batch(mmap(heap)), () => chunk(mmap(heap), 4096)] as (() => AnyLayer)[]) {
    const a = init(make()) as region.AnyAllocator, p = a.get(100), can = (name: keyof AnyLayer) => name in a.layer;
    const before = () => [JSON.stringify(a.state), heap.free];
    const was = before();
    for (const wrong of notNumbers) {
      const what = `${show(wrong)} in ${a}`;
      assertClear(`resize at ${what}`, "TypeError", () => a.resize(wrong as Any, 100, 200));
      assertClear(`resize of ${what}`, "TypeError", () => a.resize(p, wrong as Any, 200));
      assertClear(`resize to ${what}`, "TypeError", () => a.resize(p, 100, wrong as Any));
      assertClear(`owns ${what}`, "TypeError", () => a.owns(wrong as Any));
      if (can("sizeOf")) assertClear(`sizeOf ${what}`, "TypeError", () => a.sizeOf(wrong as Any));
      if (can("goodSize")) assertClear(`goodSize ${what}`, "TypeError", () => a.goodSize(wrong as Any));
      if (can("rewind")) assertClear(`rewind ${what}`, "TypeError", () => a.rewind(wrong as Any));
    }
    for (const wrong of notSizes) {
      const what = `${wrong} in ${a}`;
      assertClear(`resize at ${what}`, "RangeError", () => a.resize(wrong, 100, 200));
      assertClear(`resize of ${what}`, "RangeError", () => a.resize(p, wrong, 200));
      assertClear(`resize to ${what}`, "RangeError", () => a.resize(p, 100, wrong));
      assertClear(`owns ${what}`, "RangeError", () => a.owns(wrong));
      if (can("sizeOf")) assertClear(`sizeOf ${what}`, "RangeError", () => a.sizeOf(wrong));
      if (can("goodSize")) assertClear(`goodSize ${what}`, "RangeError", () => a.goodSize(wrong));
      if (can("rewind")) assertClear(`rewind ${what}`, "RangeError", () => a.rewind(wrong));
    }
    assertClear("resize at null", "RangeError", () => a.resize(0, 100, 200));
    if (can("sizeOf")) assertClear("sizeOf null", "RangeError", () => a.sizeOf(0));
    if (can("rewind")) assertClear("rewind to null", "RangeError", () => a.rewind(0));
    assertEquals(a.owns(0), false);
    assertEquals(before(), was);
    assert(a.resize(p, 100, 200)); // as usable as before
    a.deinit();
    assertAllFree(heap);
  }
});

Deno.test("bad input: alignments beyond what the stack can", () => {
  const heap = freshHeap();
  for (
    const [stack, most] of [[mmap(heap), 2 ** 30], [chunk(mmap(heap), 4096), 4096], [bonwick(mmap(heap)), 16]] as const
  ) {
    const a = init(stack as AnyLayer) as region.AnyAllocator, free = heap.free;
    for (const align of [0, -1, -4096, 3, 48, 4095, 2 * most, 2 ** 31, 2 ** 32, 2 ** 53, 1.5, NaN, Infinity]) {
      for (const size of [0, 1, 5000]) {
        const e = assertThrows(() => a.get(size, align as Any), RangeError);
        assertStrictEquals(
          e.message,
          `Cannot allocate: alignment must be a power of two from 1 to ${most}, as the stack can, got ${align}`,
        );
      }
    }
    assertEquals(heap.free, free);
    a.deinit();
  }
  assertAllFree(heap);
});

Deno.test("bad input: every public function is in this file", () => {
  const source = Deno.readTextFileSync(new URL(import.meta.url));
  for (const [name, value] of Object.entries(region)) {
    // LeakError and OutOfMemoryError are made by the library
    if (typeof value !== "function" || /Error$|^nullLayer$|^Allocator$/.test(name)) continue;
    assert(new RegExp(`\\b${name}\\b`).test(source), `${name} is not tested with bad input`);
  }
});

Deno.test("bad input: what is no number at all", () => {
  // deno-lint-ignore no-explicit-any
  for (const bad of [8n, Symbol("8"), "8", null, {}] as any[]) {
    const a = init(mmap());
    for (
      const f of [
        () => bytealloc(bad),
        () => bytealloc(8, bad),
        () => bytefree(bad, 8),
        () => bytefree(16, bad),
        () => byteresize(bad, 8, 16),
        () => byteresize(16, bad, 16),
        () => byteresize(16, 8, bad),
        () => a.get(bad),
        () => a.get(8, bad),
        () => a.put(bad, 8),
        () => new Heap().getPages(bad),
      ]
    ) {
      assertThrows(f, TypeError, "Cannot ");
    }
    a.deinit();
  }
  // deno-lint-ignore no-explicit-any
  assertThrows(() => new Heap({ shared: "no" as any }), TypeError, "Cannot make a heap: shared must be a boolean");
});
