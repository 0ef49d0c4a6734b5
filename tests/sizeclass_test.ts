import {
  type AnyLayer,
  batch,
  bypass,
  cascade,
  chunk,
  coalesce,
  fail,
  type Freelist,
  freelist,
  type Heap,
  init,
  type Layer,
  limit,
  mmap,
  nullLayer,
  type Sizeclass,
  sizeclass,
  stats,
} from "../mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap, PAGE } from "./kit.ts";
import { Program, skewed } from "./program.ts";

const CLASSES = [16, 48, 64, 256, 1008];

/** A layer that notes, for each state, the size that it was told and what it was asked. */
function noting(base: AnyLayer): AnyLayer & { asked: [told: number | undefined, size: number][]; open: number } {
  const self = {
    heap: base.heap,
    asked: [] as [number | undefined, number][],
    open: 0,
    init: (size?: number) => (self.open++, { told: size, base: base.init() }),
    deinit: (s: { base: unknown }) => (self.open--, base.deinit(s.base)),
    get: (s: { told: number | undefined; base: unknown }, size: number, align?: number) => {
      self.asked.push([s.told, size]);
      return base.get(s.base, size, align as 16);
    },
    put: (s: { told: number | undefined; base: unknown }, p: number, size: number) => {
      self.asked.push([s.told, -size]);
      base.put(s.base, p, size);
    },
  };
  return self;
}

Deno.test("sizeclass: a request goes to the smallest class that holds it, and is that large", () => {
  const heap = freshHeap();
  let notes!: ReturnType<typeof noting>;
  const layer = sizeclass(coalesce(mmap(heap)), CLASSES, (base) => notes = noting(base)), s = layer.init();
  for (let size = 0; size <= 1008; size++) {
    const fits = CLASSES.find((c) => c >= size)!;
    layer.put(s, layer.get(s, size), size);
    assertEquals(notes.asked.splice(0), [[fits, fits], [fits, -fits]], `${size}`);
    assertEquals(layer.goodSize(size), fits);
  }
  const p = layer.get(s, 1009);
  layer.put(s, p, 1009);
  assertEquals([notes.asked, layer.goodSize(1009), layer.goodSize(2 ** 32 - 1)], [[], 1024, 2 ** 32 - 1]);
  layer.deinit(s);
  assertEquals(notes.open, 0);
  assertAllFree(heap);
});

Deno.test("sizeclass: all classes, and what is larger, share one state of the layer below", () => {
  const heap = freshHeap(), base = stats(mmap(heap)), layer = sizeclass(base, CLASSES, (base) => bypass(base));
  const s = layer.init(), program = new Program(layer, s);
  for (const size of [1, 20, 64, 100, 1000, 5000]) program.get(size);
  assertEquals(base.gauge(s.base).nalloc, 6);
  const t = layer.init(); // a state of its own
  assertEquals(base.gauge(t.base).nalloc, 0);
  program.putAll();
  layer.deinit(t);
  layer.deinit(s);
  assertEquals(base.gauge(s.base).szfree, 16 + 48 + 64 + 256 + 1008 + 5000);
  assertAllFree(heap);
});

Deno.test("sizeclass: gives back what the classes keep once nothing is out, where that merges", () => {
  const heap = freshHeap(),
    layer = sizeclass(coalesce(mmap(heap)), CLASSES, (base) => freelist(base)),
    s = layer.init();
  const program = new Program(layer, s, 3), first = layer.get(s, 10);
  program.run(500, { get: 3, put: 2, resize: 1 }, skewed(program.pick, 3000));
  program.putAll(() => assertEquals(s.out, program.out.length + 1));
  layer.put(s, first, 10);
  assertAllFree(heap);
  // Again and again: not each time, but the 64th at the latest
  const kept = () => (s.classes as Freelist<unknown>[]).reduce((sum, c) => sum + c.kept, 0);
  let times = 0, longest = 0;
  for (let i = 0; i < 1000; i++) {
    layer.put(s, layer.get(s, 10), 10);
    times = kept() > 0 ? times + 1 : 0;
    longest = Math.max(longest, times);
  }
  assertEquals(longest, 63);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("sizeclass: keeps what the classes have where below nothing merges", () => {
  const heap = freshHeap(), layer = sizeclass(mmap(heap), CLASSES, (base) => freelist(base)), s = layer.init();
  const p = layer.get(s, 10);
  layer.put(s, p, 10);
  assertEquals(layer.get(s, 10), p);
  layer.put(s, p, 10);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("sizeclass: resize stays in its class, and beyond all classes it is that of the layer below", () => {
  const heap = freshHeap(), layer = sizeclass(mmap(heap), CLASSES, (base) => freelist(base)), s = layer.init();
  const p = layer.get(s, 60);
  for (const size of [64, 49, 50]) assert(layer.resize(s, p, 60, size));
  for (const size of [48, 0, 65, 256, 1008, 1009, 2 ** 32 - 1]) assert(!layer.resize(s, p, 50, size));
  layer.put(s, p, 50);
  const q = layer.get(s, 2000);
  assert(layer.resize(s, q, 2000, 50_000) && layer.resize(s, q, 50_000, 1009) && !layer.resize(s, q, 1009, 1008));
  layer.put(s, q, 1009);
  const { resize: _, ...rest } = mmap(heap),
    rigid = sizeclass(rest as AnyLayer, [16], (base) => base),
    t = rigid.init();
  const r = rigid.get(t, 100);
  assert(!rigid.resize(t, r, 100, 101));
  rigid.put(t, r, 100);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("sizeclass: reset takes all back, and begins anew", () => {
  const heap = freshHeap(),
    layer = sizeclass(chunk(mmap(heap), PAGE), CLASSES, (base) => freelist(base)),
    s = layer.init();
  const program = new Program(layer, s);
  for (let round = 0; round < 3; round++) {
    const first = program.get(16)!;
    for (let i = 0; i < 100; i++) program.get(i * 11);
    for (let i = 0; i < 50; i++) program.put(program.out[i]);
    program.reset();
    assertEquals(s.out, 0);
    assertEquals(layer.get(s, 1000), first.p); // nothing is in a list any more
    program.reset();
  }
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("sizeclass: has maxAlign where the layer below and that of the classes have", () => {
  const heap = freshHeap();
  const has = (layer: AnyLayer) =>
    ["gauge", "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "mark", "pristine", "divisible", "window"]
      .filter((name) => name in layer);
  const over = (base: AnyLayer, make: (base: AnyLayer) => AnyLayer) => has(sizeclass(base, CLASSES, make));
  assertEquals(over(coalesce(mmap(heap)), (base) => freelist(base)), [
    "resize",
    "reset",
    "goodSize",
    "maxAlign",
  ]);
  assertEquals(over(mmap(heap), (base) => chunk(base, PAGE)), ["resize", "goodSize", "maxAlign"]);
  assertEquals(over(chunk(mmap(heap), PAGE), () => nullLayer(heap)), ["resize", "reset", "goodSize"]);
  assertEquals(over(nullLayer(heap), (base) => chunk(base, PAGE)), ["resize", "goodSize"]);
  assertEquals(sizeclass(mmap(heap), CLASSES, (base) => chunk(base, PAGE)).maxAlign, 4096); // the lesser
});

Deno.test("sizeclass: what is of all classes is no class's to use", () => {
  const heap = freshHeap();
  // A cascade resets the layer below when it is empty, and asks it what it owns: here that would be every class's
  assertThrows(
    () => sizeclass(coalesce(mmap(heap)), [32, 64], (base) => cascade(limit(base, 1000) as never)),
    TypeError,
    "Cannot compose cascade",
  );
  const stack = sizeclass(coalesce(mmap(heap), 4096), [32, 64], (base) => cascade(limit(batch(base), 1000)));
  const s = stack.init(), big = stack.get(s, 5000);
  stack.get(s, 64);
  stack.put(s, stack.get(s, 32), 32);
  assert(stack.get(s, 5000) !== big);
  stack.deinit(s);
  assertAllFree(heap);
});

Deno.test("sizeclass: a class that makes another state later has the base of its own state", () => {
  const heap = freshHeap(), stack = sizeclass(coalesce(mmap(heap)), [1024], (b) => cascade(limit(batch(b), 1024)));
  const a = stack.init(), b = stack.init();
  stack.get(a, 1000);
  const p = stack.get(a, 1000), q = stack.get(b, 1000);
  stack.deinit(b);
  const end = p + 1000;
  for (let pages = heap.getPages(1), i = 0; i < 4; i++, pages = heap.getPages(1)) {
    assert(pages + PAGE <= p || pages >= end, `${p} is in pages that are free`);
    heap.u8.fill(0, pages, pages + PAGE);
  }
  assert(p !== 0 && q !== 0);
  stack.deinit(a);
});

Deno.test("sizeclass: alignments go to the class", () => {
  const heap = freshHeap(),
    layer = sizeclass(coalesce(mmap(heap)), CLASSES, (base) => freelist(base)),
    s = layer.init();
  const program = new Program(layer, s);
  for (let align = 32; align <= layer.maxAlign; align *= 4) {
    for (const size of [0, 10, 1008, 2000]) program.get(size, align);
  }
  program.putAll();
  assertAllFree(heap);
  layer.deinit(s);
});

Deno.test("sizeclass: a refusal changes nothing, and memory that is back is served", () => {
  const heap = freshHeap({ initial: 1, maximum: 2 });
  const layer = sizeclass(coalesce(mmap(heap), 4096), CLASSES, (base) => freelist(base, 0, 500)), s = layer.init();
  const program = new Program(layer, s);
  for (let round = 0; round < 4; round++) {
    while (program.get(program.pick(2000)));
    const { out } = s;
    for (const size of [2 ** 31, 2 ** 32 - 65536, 2 ** 32 - 17, 2 ** 32 - 1]) assertEquals(layer.get(s, size), 0);
    assertEquals(s.out, out);
    program.run(300, { get: 2, put: 2, resize: 1, align: 1 }, () => program.pick(3000));
    program.putAll();
    assertEquals(s.out, 0);
  }
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("sizeclass: a class may be any layer, and classes up to 256 any sizes", () => {
  const many = Array.from({ length: 256 }, (_, i) => 4096 * (i + 1));
  const makes: [classes: number[], make: (base: AnyLayer) => AnyLayer][] = [
    [many, (base) => base],
    [[16], (base) => chunk(base, 1000)],
    [[2 ** 20], (base) => limit(freelist(base), 100_000)],
    [CLASSES, (base) => stats(freelist(base))],
    [CLASSES, (base) => sizeclass(base, [16, 32], (base) => freelist(base))],
    [CLASSES, (base) => fail(freelist(base), 0.1)],
  ];
  for (const [classes, make] of makes) {
    const heap = freshHeap(), layer: AnyLayer = sizeclass(batch(mmap(heap)), classes, make), s = layer.init();
    const program = new Program(layer, s);
    program.run(300, { get: 3, put: 2, resize: 1 }, skewed(program.pick, 3000));
    program.putAll();
    layer.deinit(s);
    assertAllFree(heap);
  }
});

Deno.test("sizeclass: sizes that change after it was composed change nothing", () => {
  const heap = freshHeap(), classes = [16, 64], layer = sizeclass(mmap(heap), classes, (base) => freelist(base));
  classes[1] = 32;
  const s: Sizeclass<unknown, Freelist<unknown>> = layer.init(), t = layer.init();
  assertEquals(s.classes.map(({ size }) => size), [16, 64]);
  layer.deinit(t);
});

const wrongClasses: [classes: unknown, type: ErrorConstructor, says: string][] = [
  [undefined, TypeError, "classes must be an array of 1 to 256 sizes, got undefined"],
  [16, TypeError, "classes must be an array of 1 to 256 sizes, got 16"],
  [new Uint32Array(2), TypeError, "classes must be an array of 1 to 256 sizes, got a Uint32Array"],
  [[], TypeError, "classes must be an array of 1 to 256 sizes, got an array of 0"],
  [Array.from({ length: 257 }, (_, i) => 16 * i + 16), TypeError, "of 1 to 256 sizes, got an array of 257"],
  [[16, "32"], TypeError, 'class 1, in bytes, must be a number, got "32"'],
  // deno-lint-ignore no-sparse-arrays
  [[16, , 32], TypeError, "class 1, in bytes, must be a number, got undefined"],
  [[0], RangeError, "class 0, in bytes, must be an integer from 16 to 1048576, got 0"],
  [[16, -32], RangeError, "class 1, in bytes, must be an integer from 16 to 1048576, got -32"],
  [[16, 32.5], RangeError, "class 1, in bytes, must be an integer"],
  [[NaN], RangeError, "class 0, in bytes, must be an integer"],
  [[2 ** 20 + 16], RangeError, "class 0, in bytes, must be an integer"],
  [[16, 16], RangeError, "classes must be ascending multiples of 16, got 16 as class 1"],
  [[32, 16], RangeError, "classes must be ascending multiples of 16, got 16 as class 1"],
  [[16, 40], RangeError, "classes must be ascending multiples of 16, got 40 as class 1"],
];

Deno.test("sizeclass: bad classes", () => {
  const heap = freshHeap();
  for (const [classes, type, says] of wrongClasses) {
    const e = assertThrows(() => sizeclass(mmap(heap), classes as number[], (base) => freelist(base)), type, says);
    assert(e.message.startsWith("Cannot compose sizeclass: "));
  }
});

Deno.test("sizeclass: bad makers", () => {
  const heap = freshHeap(), other = freshHeap();
  const of = (make: unknown) => () => sizeclass(mmap(heap), [16], make as () => AnyLayer);
  for (const wrong of [undefined, null, 5, "freelist", mmap(heap)]) {
    assertThrows(of(wrong), TypeError, "Cannot compose sizeclass: make must be a function");
  }
  for (const made of [undefined, null, 5, {}, { ...mmap(heap), get: 5 }, heap as Heap]) {
    assertThrows(
      of(() => made),
      TypeError,
      "Cannot compose sizeclass: make must return a layer over the same heap, got ",
    );
  }
  assertThrows(
    of(() => mmap(other)),
    TypeError,
    "Cannot compose sizeclass: make must return a layer over the same heap",
  );
  const e = new Error("of one's own");
  assertThrows(
    of(() => {
      throw e;
    }),
    Error,
    e.message,
  );
  assertAllFree(heap);
  const a = init(sizeclass(mmap(heap), [16], (base) => freelist(base)));
  a.put(a.get(10), 10);
  a.deinit();
  assertAllFree(heap);
});

/** A layer as other people write them: with `this`, and private state. */
class Theirs implements Layer<{ base: unknown; gets: number }> {
  #gets = 0;
  constructor(readonly base: AnyLayer) {}
  get heap(): Heap {
    return this.base.heap;
  }
  init() {
    return { base: this.base.init(), gets: 0 };
  }
  deinit(s: { base: unknown }) {
    this.base.deinit(s.base);
  }
  get(s: { base: unknown; gets: number }, size: number) {
    s.gets = ++this.#gets;
    return this.base.get(s.base, size);
  }
  put(s: { base: unknown }, p: number, size: number) {
    this.base.put(s.base, p, size);
  }
}

Deno.test("sizeclass: somebody else's layer may serve the classes", () => {
  const heap = freshHeap(),
    layer = sizeclass(mmap(heap), [16, 64], (base): Layer<{ base: unknown; gets: number }> => new Theirs(base));
  const s = layer.init();
  const p = layer.get(s, 10), q = layer.get(s, 60);
  assertEquals(s.classes.map(({ gets }) => gets), [1, 2]);
  layer.put(s, p, 10);
  layer.put(s, q, 60);
  layer.deinit(s);
  assertAllFree(heap);
});
