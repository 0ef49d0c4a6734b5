import {
  affix,
  align,
  type AnyLayer,
  batch,
  bigcache,
  bitmap,
  bonwick,
  buddy,
  bypass,
  bytealloc,
  cascade,
  check,
  chunk,
  coalesce,
  count,
  debug,
  describe,
  enter,
  fallback,
  fixed,
  freelist,
  type Heap,
  histogram,
  init,
  type Layer,
  layer,
  layers,
  limit,
  log,
  mmap,
  must,
  nullLayer,
  powersOfTwo,
  quantize,
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
  trace,
  zero,
} from "../mod.ts";
import { failAt } from "../testing/mod.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "./assert.ts";
import { freeNames } from "./free_names.ts";
import { assertAllFree, freshHeap, stub } from "./kit.ts";

/** Every combinator, by its name. */
const combinators: Record<string, (heap: Heap) => AnyLayer> = {
  null: (heap) => layers.null(heap),
  mmap: (heap) => mmap(heap),
  sbrk: (heap) => sbrk(heap),
  std: (heap) => layers.std(heap),
  pipe: (heap) => layers.pipe(heap),
  ground: (heap) => layers.ground(heap),
  bypass: (heap) => bypass(mmap(heap)),
  stats: (heap) => stats(mmap(heap)),
  check: (heap) => check(stats(mmap(heap))),
  batch: (heap) => batch(mmap(heap)),
  bonwick: (heap) => bonwick(mmap(heap)),
  bigcache: (heap) => bigcache(mmap(heap)),
  chunk: (heap) => chunk(mmap(heap), 4096),
  fail: (heap) => failAt(mmap(heap), 3),
  fixed: (heap) => fixed({ start: heap.getPages(2), bytes: 5000 }, heap),
  affix: (heap) => affix(mmap(heap), 10, 5, () => {}, () => {}),
  align: (heap) => align(chunk(mmap(heap), 4096), 16_384),
  bitmap: (heap) => bitmap(mmap(heap), 32, 1000),
  buddy: (heap) => buddy(mmap(heap)),
  cascade: (heap) => cascade(limit(chunk(mmap(heap), 4096), 2000)),
  coalesce: (heap) => coalesce(mmap(heap)),
  count: (heap) => count(mmap(heap)),
  fallback: (heap) => fallback(chunk(nullLayer(heap), 4096), mmap(heap)),
  freelist: (heap) => freelist(coalesce(mmap(heap)), 100, 1000, 1000),
  histogram: (heap) => histogram(mmap(heap)),
  limit: (heap) => limit(mmap(heap), 1000),
  log: (heap) => log(chunk(mmap(heap), 4096), () => {}),
  must: (heap) => must(mmap(heap)),
  quantize: (heap) => quantize(mmap(heap), powersOfTwo),
  route: (heap) => route((size: number) => size > 100, mmap(heap), chunk(mmap(heap), 4096)),
  split: (heap) => split(100, chunk(mmap(heap), 4096), mmap(heap)),
  debug: (heap) => debug(batch(mmap(heap)), { quarantine: 1000 }),
  shadow: (heap) => shadow(mmap(heap), { quarantine: 1000 }),
  sizeclass: (heap) => sizeclass(coalesce(mmap(heap)), [16, 128], (base) => freelist(base)),
  sized: (heap) => sized(mmap(heap)),
  slab: (heap) => slab(mmap(heap), 128),
  slabs: (heap) => slabs(coalesce(mmap(heap))),
  trace: (heap) => trace(batch(mmap(heap)), { every: 2, skip: ["/vendor/"] }),
  zero: (heap) => zero(mmap(heap), "both"),
};

Deno.test("layer: every layer of the catalogue is tried here", () => {
  const made = new Set(Object.keys(combinators));
  for (const [name, value] of Object.entries(layers)) {
    if (typeof value !== "function" || /Error$|^format|^powersOfTwo$|^nullLayer$/.test(name)) continue;
    if (["arena", "general", "kingsley", "lea", "pool", "reap"].includes(name)) continue; // which are made of others
    assert(made.has(name), `${name} is not in the list`);
  }
});

interface Compiled {
  names: string[];
  code: string;
}

/** Runs `f` specialising, with `Function` replaced by `stand`, and both put back after. */
function withFunction<T>(stand: unknown, f: () => T): T {
  const real = globalThis.Function, before = specialise(true);
  globalThis.Function = stand as FunctionConstructor;
  try {
    return f();
  } finally {
    globalThis.Function = real;
    specialise(before);
  }
}

/** What is compiled while `f` runs. */
function compiled(f: () => void): Compiled[] {
  const seen: Compiled[] = [];
  const Real = globalThis.Function;
  const Spy = function (...args: string[]) {
    seen.push({ names: args.slice(0, -1), code: args.at(-1)! });
    return new Real(...args);
  };
  withFunction(Spy, f);
  return seen;
}

/** What a content security policy does. */
function Refusing(): never {
  throw new EvalError("Code generation from strings disallowed for this context");
}

/** Runs a little program on a layer and returns what it saw. */
function exercise(l: AnyLayer): unknown {
  const a = init(l), p = a.get(100), q = a.get(3000);
  if (q !== 0) a.put(q, 3000);
  if (p !== 0) a.put(p, 100);
  const seen = [p, q, a.layer.gauge?.(a.state), String(a)];
  a.deinit();
  return seen;
}

for (const [name, of] of Object.entries(combinators)) {
  Deno.test(`layer: the factory of ${name} sees only its arguments, globals and the names it is given`, () => {
    const seen = compiled(() => of(freshHeap()));
    const own = seen.filter(({ code }) => code.includes(`function ${name}`));
    assert(own.length > 0, `${name} was not compiled`);
    for (const { names, code } of seen) {
      const source = code.match(/^"use strict"; return \((.*)\)\n\/\/# sourceURL=/s)![1];
      // What every host has, and nothing that only this one has
      const known =
        /^(undefined|NaN|Infinity|Math|Number|Object|Array|Map|Set|Symbol|\w*Error|\w*Array|DataView|Atomics)$/;
      for (const free of freeNames(source)) {
        assert(names.includes(free) || (known.test(free) && free in globalThis), `${name} uses ${free}`);
      }
      for (const given of names) assert(freeNames(source).has(given), `${name} is given ${given} and does not use it`);
    }
  });

  Deno.test(`layer: ${name} is the same layer specialised, switched off, and where code cannot be generated`, () => {
    const before = specialise(true);
    try {
      const on = of(freshHeap());
      specialise(false);
      const off = of(freshHeap());
      const refused = withFunction(Refusing, () => of(freshHeap()));
      assertNotStrictEquals(on.get, off.get);
      if (["std", "pipe", "ground"].includes(name)) return; // they do not serve another heap
      assertEquals(exercise(off), exercise(on));
      assertEquals(exercise(refused), exercise(on));
    } finally {
      specialise(before);
    }
  });
}

Deno.test("layer: the test for free names finds them", () => {
  const names = (source: string) => [...freeNames(source)].sort();
  assertEquals(names("function f(a, { b, c: [d] }, ...e) { return a + b + d + e + c + f; }"), ["c"]);
  assertEquals(names("(x = y) => { { let z; } return z; }"), ["y", "z"]);
  assertEquals(names("() => { for (let i = 0; i < n; i++); return i; }"), ["i", "n"]);
  assertEquals(names("() => ({ p, q: r, s() { return t.u[v]; } })"), ["p", "r", "t", "v"]);
  assertEquals(names("() => { try { a(); } catch (e) { b(e); } const g = () => h(); function h() {} return e; }"), [
    "a",
    "b",
    "e",
  ]);
});

Deno.test("layer: one instantiation per type", () => {
  const heap = freshHeap();
  const of = () => stats(chunk(batch(check(stats(mmap(heap)))), 4096));
  assertStrictEquals(of(), of());
  assertStrictEquals(bonwick(mmap(heap)), bonwick(mmap(heap)));
  assertNotStrictEquals<AnyLayer>(chunk(mmap(heap), 4096), chunk(mmap(heap), 8192));
  assertNotStrictEquals<AnyLayer>(mmap(heap), mmap(freshHeap()));
  assertNotStrictEquals(bypass(mmap(heap)), bypass(bypass(mmap(heap))));
  assertStrictEquals(mmap(), mmap());
  const a = init(of()), b = init(of()); // a layer is no state
  a.get(10);
  assertEquals([a.gauge().nalloc, b.gauge().nalloc], [1, 0]);
});

Deno.test("layer: composing in a loop does not compile in a loop", () => {
  const heap = freshHeap();
  const seen = compiled(() => {
    for (let i = 0; i < 100; i++) stats(chunk(batch(bypass(mmap(heap))), 4096));
  });
  assertEquals(seen.filter(({ code }) => !code.includes("function pass(")).length, 5);
  assertEquals(seen.length, 8); // pass for stats, chunk and batch, too
});

Deno.test("layer: each composition has code of its own, unless it is switched off", () => {
  const before = specialise(true);
  try {
    const [x, y] = [bypass(stub(freshHeap())), bypass(stub(freshHeap()))];
    assertNotStrictEquals(x.get, y.get);
    assertEquals(specialise(false), true);
    const heap = freshHeap();
    assertEquals(compiledNothing(() => chunk(mmap(heap), 4096)), true);
    assertEquals(specialise(true), false);
    // What was composed switched off is not what is composed switched on
    specialise(false);
    const off = mmap(heap);
    specialise(true);
    assertNotStrictEquals(mmap(heap), off);
    specialise(false);
    assertStrictEquals(mmap(heap), off);
  } finally {
    specialise(before);
  }
});

/** Whether `f` compiles nothing; it is run as things are switched. */
function compiledNothing(f: () => void): boolean {
  const real = globalThis.Function;
  let nothing = true;
  globalThis.Function = function () {
    nothing = false;
    throw new EvalError();
  } as unknown as FunctionConstructor;
  try {
    f();
  } finally {
    globalThis.Function = real;
  }
  return nothing;
}

Deno.test("layer: a factory whose names a minifier has changed still composes", () => {
  // As esbuild would write it: the name in the list is a string that stays, the one in the source does not
  const t = (size: number) => size + 1;
  const minified = layer(
    function one<S>(base: Layer<S>): Layer<S> {
      return {
        heap: base.heap,
        init: () => base.init(),
        deinit: (s) => base.deinit(s),
        get: (s, size) => base.get(s, t(size)),
        put: (s, p, size) => base.put(s, p, t(size)),
      };
    },
    { addOne: t },
  );
  const base = stub(freshHeap()), before = specialise(true);
  try {
    const a = init(minified(base as AnyLayer));
    a.get(10);
    assertEquals(base.calls.at(-1), ["get", 11]);
  } finally {
    specialise(before);
  }
});

Deno.test("layer: stack traces name the layers", () => {
  const before = specialise(true);
  try {
    const base = stub(freshHeap());
    base.get = () => {
      throw new Error("from below");
    };
    const a = init(chunk(bypass(base), 4096));
    const e = assertThrows(() => a.get(10), Error, "from below");
    assertMatch(e.stack!, /region:bypass\.\d+/);
    assertMatch(e.stack!, /region:chunk\.\d+/);
  } finally {
    specialise(before);
  }
});

/** Layers as other people write them: with `this`, with private state, with two parameters. */
class Counting implements Layer<{ n: number; base: unknown }> {
  #total = 0;
  constructor(readonly base: AnyLayer) {}
  get heap(): Heap {
    return this.base.heap;
  }
  get total(): number {
    return this.#total;
  }
  init() {
    return { n: 0, base: this.base.init() };
  }
  deinit(s: { n: number; base: unknown }) {
    this.base.deinit(s.base);
  }
  get(s: { n: number; base: unknown }, size: number) {
    this.#total++;
    s.n++;
    return this.base.get(s.base, size);
  }
  put(s: { n: number; base: unknown }, p: number, size: number) {
    this.base.put(s.base, p, size);
  }
}

Deno.test("layer: somebody else's plain objects compose with everything, and run in regions", () => {
  const heap = freshHeap(), theirs = new Counting(mmap(heap));
  const stacks: [stack: AnyLayer, asked: number][] = [
    [theirs, 10],
    [bypass(theirs), 10],
    [stats(theirs), 10],
    [chunk(theirs, 4096), 1],
    [stats(chunk(batch(check(stats(theirs))), 4096)), 2],
    [bonwick(theirs), 2],
    [new Counting(chunk(theirs, 64)), 10],
  ];
  for (const [stack, asked] of stacks) {
    const before = theirs.total, out: number[] = [];
    const a = init(stack);
    enter(a, () => {
      for (let i = 0; i < 10; i++) out.push(bytealloc(100, i % 2 ? 16 : 4));
      for (const p of out) a.put(p, 100);
    });
    assertEquals(theirs.total - before, asked, describe(stack, a.state));
    assertEquals(new Set(out).size, 10);
    assertAllFree(heap);
  }
  assertStrictEquals(bypass(theirs), bypass(theirs));
});

Deno.test("layer: a factory may return the layer it was given", () => {
  const maybe = layer((base: AnyLayer, on: boolean): AnyLayer => on ? stats(base) : base, { stats });
  const heap = freshHeap(), theirs = stub(heap);
  assertStrictEquals(maybe(mmap(heap), false), mmap(heap));
  assertStrictEquals(maybe(theirs, false), theirs);
  assertEquals(String(init(maybe(mmap(heap), false))), "mmap");
  assertEquals(String(init(maybe(theirs, false))), "layer");
  assertMatch(String(init(maybe(mmap(heap), true))), /^stats .*\nmmap$/);
});

Deno.test("layer: what a factory throws comes out, and composing works after", () => {
  const heap = freshHeap();
  for (let i = 0; i < 2; i++) assertThrows(() => chunk(mmap(heap), 1), RangeError, "Cannot compose chunk: ");
  const picky = layer(function picky(base: AnyLayer, n: number): AnyLayer {
    if (n < 0) throw new RangeError("Cannot compose picky");
    return { ...base };
  });
  assertThrows(() => picky(mmap(heap), -1), RangeError, "Cannot compose picky");
  const a = init(picky(mmap(heap), 1));
  a.put(a.get(10), 10);
  assertAllFree(heap);
});

Deno.test("layer: a stack describes itself, a line for each layer", () => {
  const heap = freshHeap(), a = init(stats(bypass(chunk(batch(check(stats(mmap(heap)))), 4096))));
  a.get(100);
  assertEquals(String(a).split("\n").map((line) => line.replace(/ {2,}/g, "  ")), [
    "stats  1 allocated, 0 freed; 100 B allocated, 0 B freed, peak 100 B; 1 live, 100 B",
    "bypass",
    "chunk 4096",
    "batch",
    "check",
    "stats  2 allocated, 0 freed; 4,224 B allocated, 0 B freed, peak 4,224 B; 2 live, 4,224 B",
    "mmap",
  ]);
  a.deinit();
  assertMatch(String(a), /2 allocated, 2 freed[^]*\nmmap\n\(closed\)$/);
  assertEquals(String(init(layers.null())), "null");
});

Deno.test("layer: a stack prints also where the state below is not where it is looked for", () => {
  const odd = layer(function odd<S>(base: Layer<S>): Layer<{ under: S }> {
    return {
      heap: base.heap,
      init: () => ({ under: base.init() }),
      deinit: (s) => base.deinit(s.under),
      get: (s, size) => base.get(s.under, size),
      put: (s, p, size) => base.put(s.under, p, size),
    };
  });
  assertMatch(String(init(odd(stats(mmap(freshHeap()))))), /^odd\nstats\nmmap$/);
});

Deno.test("layer: a copy of a layer with another get lends no window, so that its get is called", () => {
  const base = chunk(mmap(), 4096);
  let gets = 0;
  const copy: typeof base = { ...base, get: (s, size, align) => (gets++, base.get(s, size, align)) };
  for (const stack of [copy, bypass(copy)]) {
    gets = 0;
    enter(init(stack), () => {
      for (let i = 0; i < 10; i++) bytealloc(8);
    });
    assertEquals(gets, 10);
  }
});

Deno.test("layer: what is wrong with a factory is said", () => {
  const heap = freshHeap();
  // deno-lint-ignore no-explicit-any -- what JavaScript can do
  const wrong = (factory: any): () => unknown => () => layer(factory)(heap);
  assertThrows(wrong(() => null), TypeError, "expected a layer from its factory, got null");
  assertThrows(wrong((h: Heap) => h), TypeError, "expected a layer from its factory, got a Heap");
  assertThrows(wrong((heap: Heap) => ({ heap, init() {}, deinit() {}, get() {} })), TypeError, "without put");
  assertThrows(wrong((base: AnyLayer) => ({ ...stub(heap), heap: base.heap })), TypeError, "expected a layer as its");
  // deno-lint-ignore no-explicit-any
  assertThrows(() => mmap(mmap() as any), TypeError, "expected a heap as its first argument, got a layer");
});

Deno.test("layer: a name with a $ in it is found in the source", () => {
  const $where = () => new Error().stack ?? "";
  let stack = "";
  const note = (s: string) => void (stack = s);
  const dollar = layer(
    function dollar(base: AnyLayer): AnyLayer {
      note($where());
      return { ...base };
    },
    { $where, note },
  );
  const before = specialise(true);
  try {
    dollar(mmap(freshHeap()));
  } finally {
    specialise(before);
  }
  assertMatch(stack, /region:dollar\.\d+/);
});
