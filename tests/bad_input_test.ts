// Every public function of mod.ts (but for std's) with what it cannot work with: a clear error, and nothing has changed
import * as region from "../mod.ts";
import {
  affix,
  align,
  type AnyLayer,
  arena,
  batch,
  bigcache,
  bitmap,
  bonwick,
  buddy,
  bypass,
  bytealloc,
  bytefree,
  byteresize,
  cascade,
  check,
  chunk,
  coalesce,
  count,
  debug,
  describe,
  enter,
  enterAsync,
  escape,
  fallback,
  fixed,
  formatBytes,
  formatGauge,
  formatHistogram,
  formatSites,
  freelist,
  general,
  ground,
  Heap,
  histogram,
  init,
  kingsley,
  layer,
  layers,
  lea,
  limit,
  log,
  mmap,
  must,
  next,
  pipe,
  pool,
  powersOfTwo,
  quantize,
  reap,
  route,
  sbrk,
  shadow,
  sizeclass,
  sized,
  slab,
  slabs,
  specialise,
  split,
  stats,
  suppressing,
  top,
  trace,
  zero,
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

/** What composes a layer: of a layer below and one parameter, or nothing else. */
type Compose = (base: Any, wrong: Any) => unknown;

/** Layers that have a layer below, with parameters that are right. */
const overLayers: Record<string, (base: Any) => unknown> = {
  affix: (base) => affix(base, 16),
  align: (base) => align(base, 64),
  batch: (base) => batch(base),
  bigcache: (base) => bigcache(base),
  bitmap: (base) => bitmap(base, 16, 100),
  bonwick: (base) => bonwick(base),
  buddy: (base) => buddy(base),
  bypass: (base) => bypass(base),
  cascade: (base) => cascade(base),
  check: (base) => check(base),
  chunk: (base) => chunk(base, 4096),
  coalesce: (base) => coalesce(base),
  count: (base) => count(base),
  fail: (base) => region.fail(base, 1),
  "fallback, first": (base) => fallback(base, mmap()),
  "fallback, second": (base) => fallback(chunk(mmap(), 64), base),
  freelist: (base) => freelist(base, 16),
  histogram: (base) => histogram(base),
  limit: (base) => limit(base, 1000),
  log: (base) => log(base, () => {}),
  must: (base) => must(base),
  quantize: (base) => quantize(base, 16),
  "route, first": (base) => route(() => true, base, mmap()),
  "route, second": (base) => route(() => true, mmap(), base),
  debug: (base) => debug(base),
  shadow: (base) => shadow(base),
  sizeclass: (base) => sizeclass(base, [16], (base) => base),
  sized: (base) => sized(base),
  slab: (base) => slab(base, 16),
  slabs: (base) => slabs(base),
  "split, small": (base) => split(16, base, mmap()),
  "split, large": (base) => split(16, mmap(), base),
  stats: (base) => stats(base),
  trace: (base) => trace(base),
  zero: (base) => zero(base),
};

/** Layers and allocators that take a heap, with parameters that are right. */
const overHeaps: Record<string, (heap: Any) => unknown> = {
  arena: (heap) => arena(heap),
  fixed: (heap) => fixed({ start: 4096, bytes: 4096 }, heap),
  general: (heap) => general(heap),
  kingsley: (heap) => kingsley(heap),
  lea: (heap) => lea(heap),
  mmap: (heap) => mmap(heap),
  pipe: (heap) => pipe(heap),
  pool: (heap) => pool(16, heap),
  reap: (heap) => reap(heap),
  sbrk: (heap) => sbrk(heap),
  null: (heap) => layers.null(heap),
  std: (heap) => layers.std(heap),
  ground: (heap) => layers.ground(heap),
};

Deno.test("bad input: what is no layer, and what is no heap", () => {
  const heap = freshHeap();
  for (const [name, of] of Object.entries(overLayers)) {
    for (const wrong of notLayers) assertClear(`${name} of ${show(wrong)}`, "TypeError", () => of(wrong));
    // Which has no alignment
    const type = /^(buddy|slab)$/.test(name) ? "RangeError" : "TypeError";
    assertClear(`${name} of a heap`, type, () => of(heap));
  }
  for (const [name, of] of Object.entries(overHeaps)) {
    for (const wrong of [...notLayers.slice(1), mmap(heap), { size: 65536, fresh: 0 }]) {
      assertClear(`${name} of ${show(wrong)}`, "TypeError", () => of(wrong));
    }
  }
  assertAllFree(heap);
});

/** Parameters that are integers: from, to, and further ones that are wrong though they are in that range. */
const integers: Record<string, [of: Compose, least: number, most: number, ...wrong: number[]]> = {
  "affix, prefix": [(base, n) => affix(base, n), 0, 2 ** 20],
  "affix, suffix": [(base, n) => affix(base, 16, n), 0, 2 ** 20],
  align: [(base, n) => align(base, n), 32, 2 ** 30, 33, 48, 96, 4095, 2 ** 30 - 16],
  "arena, retain": [(base, n) => arena(base.heap, n), 0, Infinity],
  "bitmap, unit": [(base, n) => bitmap(base, n, 1), 16, 2 ** 32 - 32, 17, 24, 33],
  "bitmap, units": [(base, n) => bitmap(base, 16, n), 1, 2 ** 20],
  "bitmap, in all": [(base, n) => bitmap(base, 65_536, n), 1, 65_535],
  "buddy, least": [(base, n) => buddy(base, n), 16, 2 ** 20, 17, 24, 1000],
  "buddy, span": [(base, n) => buddy(base, 16, n), 4096, 2 ** 30, 4097, 5000, 12_288],
  "cascade, most": [(base, n) => cascade(chunk(base, 64), n), 1, Infinity],
  chunk: [(base, n) => chunk(base, n), 64, 2 ** 30],
  "chunk, retain": [(base, n) => chunk(base, 64, 1, n), 0, Infinity],
  coalesce: [(base, n) => coalesce(base, n), 1024, 2 ** 30],
  "fail, seed": [(base, n) => region.fail(base, 1, n), 0, 2 ** 32 - 1],
  "fixed, start": [({ heap }, start) => fixed({ start, bytes: 1 }, heap), 1, 65_535],
  "fixed, bytes": [({ heap }, bytes) => fixed({ start: 4096, bytes }, heap), 1, 61_440, 1, 15],
  freelist: [(base, n) => freelist(base, n), 0, 2 ** 30],
  "freelist, bound": [(base, n) => freelist(base, 16, n), 0, Infinity],
  "freelist, batch": [(base, n) => freelist(base, 16, 0, n), 0, 2 ** 30],
  limit: [(base, n) => limit(base, n), 0, Infinity],
  "limit, calls": [(base, n) => limit(base, 0, n), 0, Infinity],
  pool: [({ heap }, n) => pool(n, heap), 1, 2 ** 30],
  quantize: [(base, n) => quantize(base, n), 1, 2 ** 30],
  sizeclass: [(base, n) => sizeclass(base, [n], (b) => b), 16, 2 ** 20, 17, 40],
  "sizeclass, of two": [(base, n) => sizeclass(base, [64, n], (b) => b), 80, 2 ** 20, 16, 32, 64, 100],
  "slab, size": [(base, n) => slab(base, n, 1024), 1, 128],
  "slab, bytes": [(base, n) => slab(base, 16, n), 1024, 2 ** 22, 1025, 3000, 12_288],
  slabs: [(base, n) => slabs(coalesce(base), n), 16, 4096, 17, 100],
  "slabs, tiny": [(base, n) => slabs(coalesce(base), 64, n), 16, 64, 17, 50],
  "slabs, bytes": [(base, n) => slabs(coalesce(base), 16, 16, n), 1024, 65_536, 1025, 3000, 12_288],
  split: [(base, n) => split(n, base, base), 0, 2 ** 32 - 1],
  "debug, depth": [(base, n) => debug(base, { depth: n }), 0, 100],
  "debug, quarantine": [(base, n) => debug(base, { quarantine: n }), 0, 2 ** 32 - 1],
  "shadow, depth": [(base, n) => shadow(base, { depth: n }), 0, 100],
  "shadow, quarantine": [(base, n) => shadow(base, { quarantine: n }), 0, 2 ** 32 - 1],
  "trace, depth": [(base, n) => trace(base, { depth: n }), 1, 100],
  "trace, every": [(base, n) => trace(base, { every: n }), 1, 2 ** 32 - 1],
  "trace, bytes": [(base, n) => trace(base, { bytes: n }), 0, 2 ** 32 - 1],
};

Deno.test("bad input: numbers that layers are composed with", () => {
  const heap = freshHeap(), base = mmap(heap), numbers = notNumbers.filter((n) => typeof n !== "function");
  for (const [name, [of, least, most, ...wrong]] of Object.entries(integers)) {
    for (const n of name === "quantize" ? numbers : notNumbers) {
      if (n === undefined && !/^(limit|split|pool|chunk|align|quantize|affix, prefix)$/.test(name)) continue; // the default
      assertClear(`${name} of ${show(n)}`, "TypeError", () => of(base, n));
    }
    assertClear(`${name} of a bigint`, "TypeError", () => of(base, 16n));
    for (const n of [-1, -16, -0.5, 0.5, 16.5, 2 ** 20 + 0.5, NaN, -Infinity, least - 1, least - 16, ...wrong]) {
      assertClear(`${name} of ${n}`, "RangeError", () => of(base, n));
    }
    if (most === Infinity) continue;
    for (const n of [most + 1, 2 * most, 2 ** 53, Infinity]) {
      assertClear(`${name} of ${n}`, "RangeError", () => of(base, n));
    }
  }
  assertAllFree(heap);
  for (const [name, [of, least, most]] of Object.entries(integers)) {
    if (name.startsWith("fixed")) continue;
    of(base, least); // is not refused
    of(base, most);
  }
});

Deno.test("bad input: functions that layers are composed with", () => {
  const heap = freshHeap(), base = mmap(heap);
  for (const wrong of notFunctions) {
    const what = show(wrong);
    if (wrong !== undefined) {
      assertClear(`affix, onGet ${what}`, "TypeError", () => affix(base, 16, 0, wrong as Any));
      assertClear(`affix, onPut ${what}`, "TypeError", () => affix(base, 16, 0, undefined, wrong as Any));
    }
    assertClear(`log to ${what}`, "TypeError", () => log(base, wrong as Any));
    assertClear(`route by ${what}`, "TypeError", () => route(wrong as Any, base, base));
    assertClear(`sizeclass of ${what}`, "TypeError", () => sizeclass(base, [16], wrong as Any));
    if (typeof wrong === "number") continue;
    assertClear(`fail by ${what}`, "TypeError", () => region.fail(base, wrong as Any));
    assertClear(`quantize by ${what}`, "TypeError", () => quantize(base, wrong as Any));
  }
  for (const wrong of [0, -1, 1.5, -0.5, NaN, -Infinity]) {
    assertClear(`fail at ${wrong}`, "RangeError", () => region.fail(base, wrong));
    assertClear(`failAt ${wrong}`, "RangeError", () => failAt(base, wrong));
  }
  const roundings: [what: string, round: Any][] = [
    ["nothing", () => undefined],
    ["a text", () => "16"],
    ["less", (size: number) => size - 1],
    ["a fraction", (size: number) => size + 0.5],
    ["NaN", () => NaN],
    ["always more", (size: number) => size + 16],
    ["less for more", (size: number) => size === 100 ? 4096 : powersOfTwo(size)],
  ];
  for (const [what, round] of roundings) {
    assertClear(`quantize by a function that gives ${what}`, "RangeError", () => quantize(base, round));
  }
  for (const made of [undefined, null, 5, {}, heap, mmap(freshHeap())]) {
    assertClear(`sizeclass, made ${show(made)}`, "TypeError", () => sizeclass(base, [16], () => made as Any));
  }
  assertAllFree(heap);
});

Deno.test("bad input: other parameters of layers", () => {
  const heap = freshHeap(), base = mmap(heap);
  for (const wrong of [null, 0, "", "gets", true, {}]) {
    assertClear(`zero when ${show(wrong)}`, "TypeError", () => zero(base, wrong as Any));
  }
  for (
    const wrong of [undefined, null, 16, "16", {}, [], new Uint32Array([16]), Array(300).fill(16), [undefined], ["16"]]
  ) {
    assertClear(`classes ${show(wrong)}`, "TypeError", () => sizeclass(base, wrong as Any, (b) => b));
  }
  for (const wrong of [undefined, null, 5, "range", {}, [], { start: 4096 }, { bytes: 4096 }, new Uint8Array(16)]) {
    assertClear(`a range ${show(wrong)}`, "TypeError", () => fixed(wrong as Any, heap));
  }
  for (const wrong of [null, "2", NaN, 0.5, 0, -1, Infinity, 17]) {
    const type = typeof wrong === "number" ? "RangeError" : "TypeError";
    assertClear(`chunks that grow by ${show(wrong)}`, type, () => chunk(base, 64, wrong as Any));
  }
  for (const wrong of [null, 5, "every", true, () => {}, []]) {
    assertClear(`trace with ${show(wrong)}`, "TypeError", () => trace(base, wrong as Any));
  }
  for (const wrong of [null, 5, "options", true, () => {}, []]) {
    assertClear(`debug with ${show(wrong)}`, "TypeError", () => debug(base, wrong as Any));
    assertClear(`shadow with ${show(wrong)}`, "TypeError", () => shadow(base, wrong as Any));
  }
  for (const wrong of [null, 5, "vendor", {}, [5], [""], ["/vendor/", undefined]]) {
    assertClear(`trace that skips ${show(wrong)}`, "TypeError", () => trace(base, { skip: wrong as Any }));
  }
  assertClear("trace by calls and by bytes", "TypeError", () => trace(base, { every: 2, bytes: 2 }));
  for (const wrong of [...notNumbers, new Float64Array(2), { sizes: [] }, init(stats(base)).state]) {
    assertClear(`a histogram of ${show(wrong)}`, "TypeError", () => formatHistogram(wrong as Any));
  }
  assertAllFree(heap);
});

Deno.test("bad input: layers below that lack what is needed", () => {
  const heap = freshHeap(), other = freshHeap(), base = mmap(heap), { owns: _, ...foreign } = chunk(base, 64);
  assertClear("cascade of what has no owns", "TypeError", () => cascade(base as Any));
  assertClear("cascade of somebody else's that has no owns", "TypeError", () => cascade(foreign as Any));
  assertClear("fallback of what has no owns", "TypeError", () => fallback(base as Any, base));
  assertClear("check of what has no gauge", "TypeError", () => check(count(base) as Any));
  for (const below of [bonwick(base), layers.null(heap), chunk(base, 64)]) {
    assertClear("slab of what does not align", "RangeError", () => slab(below as Any, 16));
    assertClear("buddy of what does not align", "RangeError", () => buddy(below as Any));
  }
  for (const below of [base, freelist(coalesce(base), 16), batch(coalesce(base)), bypass(buddy(base))]) {
    assertClear("slabs of what is not divisible", "TypeError", () => slabs(below as Any));
  }
  assertClear(
    "slabs of what does not resize",
    "TypeError",
    () => slabs(bitmap(bonwick(base), 16, 64) as Any, 16, 16, 65_536),
  );
  const pairs: Record<string, (a: Any, b: Any) => unknown> = {
    fallback: (a, b) => fallback(chunk(a, 64), b),
    route: (a, b) => route(() => true, a, b),
    split: (a, b) => split(16, a, b),
  };
  for (const [name, of] of Object.entries(pairs)) {
    assertClear(`${name} over two heaps`, "TypeError", () => of(mmap(heap), mmap(other)));
  }
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

Deno.test("bad input: sites", () => {
  for (const wrong of [undefined, null, 5, "sites", {}, new Set(), [undefined], [5], [{}], [{ count: 1, bytes: 1 }]]) {
    assertClear(`sites ${show(wrong)}`, "TypeError", () => formatSites(wrong as Any));
  }
  for (const wrong of [null, 5, "all"]) {
    assertClear(`sites, format ${show(wrong)}`, "TypeError", () => formatSites([], wrong as Any));
  }
  for (const wrong of notNumbers.slice(1)) {
    assertClear(`so many sites: ${show(wrong)}`, "TypeError", () => formatSites([], { sites: wrong as Any }));
    assertClear(`so many frames: ${show(wrong)}`, "TypeError", () => formatSites([], { frames: wrong as Any }));
  }
  for (const wrong of [-1, 0.5, NaN, -Infinity]) {
    assertClear(`${wrong} sites`, "RangeError", () => formatSites([], { sites: wrong }));
    assertClear(`${wrong} frames`, "RangeError", () => formatSites([], { frames: wrong }));
  }
  for (
    const wrong of [undefined, null, 5, "fn:f", {}, [undefined], [5], [""], [" "], ["fn:"], ["file: "], ["ok", ""]]
  ) {
    assertClear(`suppressing ${show(wrong)}`, "TypeError", () => suppressing(wrong as Any));
  }
});

/** An allocator of each capability, and calls of it: whatever is asked of what, `p` being a block of 100 bytes. */
function abilities(
  heap: Heap,
): [name: string, make: () => region.AnyAllocator, call: (a: region.AnyAllocator) => unknown][] {
  const pages = () => init(mmap(heap)) as region.AnyAllocator,
    booked = () => init(batch(mmap(heap))) as region.AnyAllocator,
    sound = () => init({ ...mmap(heap), verify: () => {} }) as region.AnyAllocator;
  const arena = () => init(chunk(mmap(heap), 4096)) as region.AnyAllocator;
  return [
    ["resize", pages, (a) => a.resize(4096, 100, 200)],
    ["owns", booked, (a) => a.owns(4096)],
    ["sizeOf", booked, (a) => a.sizeOf(4096)],
    ["reset", arena, (a) => a.reset()],
    ["goodSize", pages, (a) => a.goodSize(100)],
    ["mark", arena, (a) => a.mark()],
    ["rewind", arena, (a) => a.rewind(4096)],
    ["verify", sound, (a) => a.verify()],
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
  assertClear("sites", "TypeError", () => a.sites());
  assertThrows(() => a.sites(), TypeError, "Cannot list the sites of null: none are recorded, trace(...) does that");
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
