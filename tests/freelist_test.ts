import {
  type AnyLayer,
  batch,
  chunk,
  coalesce,
  type Freelist,
  freelist,
  type Heap,
  init,
  limit,
  mmap,
  nullLayer,
  sizeclass,
} from "../mod.ts";
import { failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, type Call, freshHeap, PAGE } from "./kit.ts";
import { Program, skewed } from "./program.ts";

type Noting = { calls: Call[] };

/** `base`, and what it is asked. */
function noting<L extends AnyLayer>(base: L): L & Noting {
  const calls: Call[] = [], layer: AnyLayer = base;
  return {
    ...base,
    calls,
    get: (s, size, align) => (calls.push(["get", size]), layer.get(s, size, align)),
    put: (s, p, size) => (calls.push(["put", p, size]), layer.put(s, p, size)),
  } as L & Noting;
}

/** Bytes of each put, and of each get. */
const puts = (base: Noting) => base.calls.flatMap((call) => call[0] === "put" ? [call[2]] : []);
const gets = (base: Noting) => base.calls.flatMap((call) => call[0] === "get" ? [call[1]] : []);

/** The blocks of the list, the first one first. */
function listOf(heap: Heap, s: Freelist<unknown>): number[] {
  const list = [];
  for (let p = s.head; p !== 0; p = heap.u32[p >>> 2]) list.push(p);
  assertEquals(list.length, s.kept);
  return list;
}

Deno.test("freelist: serves the block that came back last", () => {
  const heap = freshHeap(), base = noting(mmap(heap)), layer = freelist(base, 100), s = layer.init();
  const [p, q, r] = [1, 100, 112].map((size) => layer.get(s, size));
  layer.put(s, q, 100);
  layer.put(s, p, 1);
  layer.put(s, r, 112);
  assertEquals(listOf(heap, s), [r, p, q]);
  assertEquals([0, 64, 112].map((size) => layer.get(s, size)), [r, p, q]);
  assertEquals([gets(base), puts(base)], [[112, 112, 112], []]); // rounded up to 16
  layer.put(s, p, 64);
  layer.deinit(s);
  heap.putPages(q, 1);
  heap.putPages(r, 1);
  assertAllFree(heap);
});

Deno.test("freelist: what is larger, or aligned to more, comes from below", () => {
  const heap = freshHeap(), base = noting(mmap(heap)), layer = freelist(base, 64), s = layer.init();
  layer.put(s, layer.get(s, 64), 64);
  const large = layer.get(s, 65), aligned = layer.get(s, 10, 8192);
  assertEquals([gets(base), aligned % 8192, s.kept], [[64, 65, 64], 0, 1]);
  layer.put(s, large, 65);
  assertEquals(puts(base), [65]);
  layer.put(s, aligned, 10); // put needs no alignment
  assertEquals(s.head, aligned);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("freelist: keeps no more bytes than it may, but two blocks", () => {
  for (const [bound, most] of [[0, 2], [100, 2], [640, 10], [645, 10], [2 ** 32, 200], [Infinity, 200]]) {
    const heap = freshHeap(), base = noting(mmap(heap)), layer = freelist(base, 64, bound), s = layer.init();
    const program = new Program(layer, s);
    for (let i = 0; i < 200; i++) program.get(64);
    let kept = 0;
    program.putAll(() => kept = Math.max(kept, listOf(heap, s).length));
    assertEquals(kept, most);
    assertEquals(puts(base).length + s.kept, 200);
    // Half of it goes at a time, so that a list that is full is not at its bound at once again
    if (most < 200) assert(s.kept >= most >>> 1);
    layer.deinit(s);
    assertAllFree(heap);
  }
});

Deno.test("freelist: of a list that is full, the blocks that came first go back", () => {
  const heap = freshHeap(), base = noting(mmap(heap)), layer = freelist(base, 64, 256), s = layer.init();
  const [a, b, c, d, e] = [1, 2, 3, 4, 5].map(() => layer.get(s, 64));
  for (const p of [a, b, c, d, e]) layer.put(s, p, 64);
  assertEquals(listOf(heap, s), [e, d, c]);
  assertEquals(base.calls.slice(5), [["put", b, 64], ["put", a, 64]]);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("freelist: takes many at a time where the layer below takes parts back", () => {
  const heap = freshHeap(), base = noting(coalesce(mmap(heap)));
  const layer = freelist(base, 64, Infinity, 1000), s = layer.init();
  const blocks = Array.from({ length: 16 }, () => layer.get(s, 64));
  assertEquals(gets(base), [960, 960]); // 15 blocks each
  assertEquals(blocks.slice(1, 15).map((p, i) => p - blocks[i]), Array(14).fill(64)); // in the order of addresses
  for (const p of blocks) layer.put(s, p, 64);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("freelist: no more than there is room for, and one at a time where parts are not taken back", () => {
  const heap = freshHeap(), bounded = noting(coalesce(mmap(heap))), whole = noting(chunk(mmap(heap), PAGE));
  const a = init(freelist(bounded, 64, 256, PAGE)), b = init(freelist(whole, 64, Infinity, PAGE));
  a.get(64);
  b.get(64);
  assertEquals([gets(bounded), gets(whole)], [[256], [64]]);
  assertEquals((a.state as Freelist<unknown>).kept, 3);
  a.deinit();
  b.deinit();
  assertAllFree(heap);
});

Deno.test("freelist: where there is no memory for many, it takes one", () => {
  const heap = freshHeap(), layer = freelist(limit(coalesce(mmap(heap)), 200), 64, Infinity, 1024);
  assertEquals(layer.divisible, undefined);
  const base = noting({ ...limit(coalesce(mmap(heap)), 200), divisible: true });
  const one = freelist(base, 64, Infinity, 1024), s = one.init();
  assert(one.get(s, 64) && one.get(s, 64) && one.get(s, 64));
  assertEquals([one.get(s, 64), s.kept, gets(base)], [0, 0, [1024, 64, 1024, 64, 1024, 64, 1024, 64]]);
  one.deinit(s);
});

Deno.test("freelist: gives back blocks that adjoin as one", () => {
  const heap = freshHeap(), base = noting(coalesce(mmap(heap)));
  for (const order of [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [4, 0, 3, 1, 2]]) {
    base.calls.length = 0;
    const layer = freelist(base, 64), s = layer.init(), blocks = order.map(() => layer.get(s, 64));
    for (const i of order) layer.put(s, blocks[i], 64);
    layer.deinit(s);
    assertEquals(puts(base), [320], `${order}`);
    assertAllFree(heap);
  }
  const arena = noting(chunk(mmap(heap), PAGE)), layer = freelist(arena, 64), s = layer.init();
  const blocks = [layer.get(s, 64), layer.get(s, 64)];
  for (const p of blocks) layer.put(s, p, 64);
  layer.deinit(s);
  assertEquals(puts(arena), [64, 64]);
});

Deno.test("freelist: resize stays on its side of the size", () => {
  const heap = freshHeap(), layer = freelist(mmap(heap), 100), s = layer.init(), p = layer.get(s, 10);
  for (const size of [0, 100, 112, 1]) assert(layer.resize(s, p, 10, size));
  for (const size of [113, 5000, 2 ** 32 - 1]) assert(!layer.resize(s, p, 10, size));
  layer.put(s, p, 112);
  const q = layer.get(s, 113);
  assert(layer.resize(s, q, 113, 9000) && layer.resize(s, q, 9000, 120) && !layer.resize(s, q, 120, 112));
  layer.put(s, q, 120);
  assertEquals(s.kept, 1);
  const { resize: _, ...rest } = mmap(heap), rigid = freelist(rest as AnyLayer, 100), t = rigid.init();
  const r = rigid.get(t, 200);
  assert(!rigid.resize(t, r, 200, 100) && !rigid.resize(t, r, 200, 201) && !rigid.resize(t, r, 200, 199));
  rigid.put(t, r, 200);
  layer.deinit(s);
  rigid.deinit(t);
  assertAllFree(heap);
});

Deno.test("freelist: reset forgets the list, as its blocks are taken back below", () => {
  const heap = freshHeap(), layer = freelist(chunk(mmap(heap), PAGE), 64), s = layer.init();
  const p = layer.get(s, 64);
  layer.put(s, layer.get(s, 64), 64);
  layer.reset(s);
  assertEquals([s.head, s.kept, layer.get(s, 64)], [0, 0, p]);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("freelist: has of owns, reset and maxAlign what the layer below has, and no goodSize", () => {
  const heap = freshHeap(), arena = freelist(chunk(mmap(heap), PAGE), 64), pages = freelist(mmap(heap), 64);
  const plain = freelist(nullLayer(heap), 64);
  const has = (layer: AnyLayer) =>
    ["gauge", "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "mark", "pristine", "divisible", "window"]
      .filter((name) => name in layer);
  assertEquals(has(arena), ["resize", "owns", "reset", "maxAlign"]);
  assertEquals(has(pages), ["resize", "maxAlign"]);
  assertEquals(has(plain), ["resize"]);
  const s = arena.init(), t = arena.init(), p = arena.get(s, 10);
  assertEquals([arena.owns(s, p), arena.owns(t, p)], [true, false]);
  arena.deinit(s);
  arena.deinit(t);
});

Deno.test("freelist: random programs keep blocks apart, while memory runs out, too", () => {
  const bases: ((heap: Heap) => AnyLayer)[] = [
    (heap) => freelist(coalesce(mmap(heap)), 48, 1000, 512),
    (heap) => freelist(mmap(heap), 3000, 9000),
    (heap) => freelist(freelist(coalesce(mmap(heap), 8192), 200), 32, Infinity, 200),
  ];
  for (const of of bases) {
    const heap = freshHeap({ initial: 1, maximum: 3 }),
      layer = of(heap),
      s = layer.init(),
      program = new Program(layer, s);
    for (let round = 0; round < 4; round++) {
      program.run(300, { get: 8, align: 1, put: 4, resize: 3 }, skewed(program.pick, 7000));
      program.putAll();
    }
    assert(program.refused > 0);
    layer.deinit(s);
    assertAllFree(heap);
  }
});

Deno.test("freelist: what is refused below is refused, and the list stays", () => {
  const heap = freshHeap(), layer = freelist(failAt(mmap(heap), 3, true), 64), s = layer.init();
  const p = layer.get(s, 64), q = layer.get(s, 64);
  layer.put(s, p, 64);
  assertEquals([layer.get(s, 100), layer.get(s, 64, 4096), s.kept], [0, 0, 1]);
  assertEquals([layer.get(s, 64), layer.get(s, 64)], [p, 0]);
  for (const size of [2 ** 31, 2 ** 32 - 16, 2 ** 32 - 1]) assertEquals(layer.get(s, size), 0);
  layer.put(s, p, 64);
  layer.put(s, q, 64);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("freelist: the size of a block is said at init where all requests are of one", () => {
  const heap = freshHeap(), layer = freelist(mmap(heap)), s = layer.init(100);
  assertEquals(s.size, 112);
  layer.put(s, layer.get(s, 112), 112);
  assertEquals(s.kept, 1);
  layer.deinit(s);
  assertThrows(
    () => layer.init(),
    TypeError,
    "Cannot init freelist: expected a size, or to be in a sizeclass, got neither",
  );
  const a = init(sizeclass(coalesce(mmap(heap)), [16, 64], (base) => freelist(base)));
  a.put(a.get(60), 60);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("freelist: bad parameters", () => {
  const heap = freshHeap();
  // deno-lint-ignore no-explicit-any
  const of = (...params: any[]) => () => (freelist as any)(mmap(heap), ...params);
  for (const wrong of [-1, 0.5, NaN, Infinity, 2 ** 30 + 1]) {
    assertThrows(of(wrong), RangeError, "Cannot compose freelist: bytes in a block must be an integer from 0 to");
    assertThrows(of(16, 100, wrong), RangeError, "Cannot compose freelist: bytes in a batch must be an integer from 0");
  }
  for (const wrong of [-1, 0.5, NaN, -Infinity, 2 ** 32 + 1]) {
    assertThrows(of(16, wrong), RangeError, "Cannot compose freelist: bytes to keep must be an integer from 0 to");
  }
  for (const wrong of [null, "16", 16n, {}]) {
    assertThrows(of(wrong), TypeError, "Cannot compose freelist: bytes in a block must be a number");
    assertThrows(of(16, wrong), TypeError, "Cannot compose freelist: bytes to keep must be a number");
    assertThrows(of(16, 100, wrong), TypeError, "Cannot compose freelist: bytes in a batch must be a number");
  }
  const a = init(freelist(batch(mmap(heap)), 1));
  a.get(16);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("freelist: a size of its own holds in a sizeclass, too", () => {
  const heap = freshHeap(), stack = sizeclass(coalesce(mmap(heap)), [16, 256], (base) => freelist(base, 64));
  const s = stack.init();
  assertEquals(s.classes.map(({ size }) => size), [64, 64]);
  stack.deinit(s);
});
