import { type AnyAllocator, batch, bypass, check, chunk, init, mmap, nullLayer, stats } from "../mod.ts";
import { failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertFalse, assertThrows } from "./assert.ts";
import { freshHeap, levels, stub } from "./kit.ts";

Deno.test("stats: the five figures", () => {
  const a = init(stats(mmap(freshHeap())));
  assertEquals(a.gauge(), { nalloc: 0, nfree: 0, szalloc: 0, szfree: 0, watermark: 0 });
  const p = a.get(100), q = a.get(50);
  a.put(p, 100);
  const r = a.get(70), s = a.get(0);
  assertEquals(a.gauge(), { nalloc: 4, nfree: 1, szalloc: 220, szfree: 100, watermark: 150 });
  a.put(q, 50);
  a.put(r, 70);
  a.put(s, 0);
  assertEquals(a.gauge(), { nalloc: 4, nfree: 4, szalloc: 220, szfree: 220, watermark: 150 });
});

Deno.test("stats: a get that failed is not counted, nor a put that was refused", () => {
  const a = init(stats(failAt(mmap(freshHeap()), 2)));
  const p = a.get(10);
  assertEquals(a.get(20), 0);
  const q = a.get(30);
  assertThrows(() => a.put(q, 9000), RangeError);
  assertEquals(a.gauge(), { nalloc: 2, nfree: 0, szalloc: 40, szfree: 0, watermark: 40 });
  a.put(p, 10);
  assertEquals(a.gauge(), { nalloc: 2, nfree: 1, szalloc: 40, szfree: 10, watermark: 40 });
  const none = init(stats(nullLayer(freshHeap())));
  none.get(10);
  assertEquals(none.gauge().nalloc, 0);
});

Deno.test("stats: exact beyond 2^32 bytes", () => {
  const a = init(stats(stub(freshHeap()))), huge = 2 ** 32 - 1;
  for (let i = 0; i < 1000; i++) {
    a.get(7);
    a.put(a.get(huge), huge);
  }
  assertEquals(a.gauge(), {
    nalloc: 2000,
    nfree: 1000,
    szalloc: 1000 * (huge + 7),
    szfree: 1000 * huge,
    watermark: huge + 7000,
  });
  for (let i = 0; i < 3; i++) a.get(huge);
  assertEquals(a.gauge().watermark, 7000 + 3 * huge);
});

Deno.test("stats: above and below a layer that changes what is asked", () => {
  const heap = freshHeap(), below = stats(mmap(heap)), a = init(stats(chunk(batch(bypass(below)), 4096)));
  for (let i = 0; i < 100; i++) a.put(a.get(100), 100);
  assertEquals(a.gauge(), { nalloc: 100, nfree: 100, szalloc: 10_000, szfree: 10_000, watermark: 100 });
  const state = [...levels(a.layer, a.state)].find(({ layer }) => layer === below)!.state;
  a.deinit();
  // 36 blocks of 112 bytes fit in a chunk: three of them, and a ledger of 128 bytes
  assertEquals(below.gauge(state), {
    nalloc: 4,
    nfree: 4,
    szalloc: 3 * 4096 + 128,
    szfree: 3 * 4096 + 128,
    watermark: 3 * 4096 + 128,
  });
});

Deno.test("stats: only a layer that measures has a gauge", () => {
  const a = init(chunk(stats(mmap(freshHeap())), 4096));
  assertThrows(
    () => (a as AnyAllocator).gauge(),
    TypeError,
    "Cannot gauge chunk(stats(mmap), 4096): it does not measure",
  );
  assertEquals(init(bypass(bypass(stats(mmap(freshHeap()))))).gauge().nalloc, 0);
});

Deno.test("stats: what a block grows by in place is allocated, what it shrinks by is freed", () => {
  const a = init(stats(chunk(mmap(freshHeap()), 4096))), p = a.get(100);
  assert(a.resize(p, 100, 150));
  assertEquals(a.gauge(), { nalloc: 1, nfree: 0, szalloc: 150, szfree: 0, watermark: 150 });
  assert(a.resize(p, 150, 30));
  assertEquals(a.gauge(), { nalloc: 1, nfree: 0, szalloc: 150, szfree: 120, watermark: 150 });
  assert(a.resize(p, 30, 160));
  assertEquals(a.gauge(), { nalloc: 1, nfree: 0, szalloc: 280, szfree: 120, watermark: 160 });
  assertFalse(a.resize(p, 160, 5000)); // is not counted
  assert(a.resize(p, 160, 160));
  a.put(p, 160);
  assertEquals(a.gauge(), { nalloc: 1, nfree: 1, szalloc: 280, szfree: 280, watermark: 160 });
});

Deno.test("stats: a reset frees everything", () => {
  const a = init(check(stats(chunk(mmap(freshHeap()), 4096))));
  for (let i = 0; i < 10; i++) a.get(100);
  a.reset();
  assertEquals(a.gauge(), { nalloc: 10, nfree: 10, szalloc: 1000, szfree: 1000, watermark: 1000 });
  a.get(50);
  assertEquals(a.gauge().szalloc - a.gauge().szfree, 50);
  a.reset();
  a.deinit(); // no leak
});

Deno.test("stats: passes on what it can count, and no more", () => {
  const heap = freshHeap();
  const capabilities = (layer: object) =>
    ["gauge", "goodSize", "mark", "maxAlign", "owns", "pristine", "reset", "resize", "rewind", "sizeOf", "window"]
      .filter((name) => name in layer);
  assertEquals(capabilities(stats(stub(heap))), ["gauge"]);
  assertEquals(capabilities(stats(mmap(heap))), ["gauge", "goodSize", "maxAlign", "pristine", "resize"]);
  assertEquals(
    capabilities(stats(chunk(mmap(heap), 64))), // a window and marks would pass it by
    ["gauge", "maxAlign", "owns", "pristine", "reset", "resize"],
  );
  const a = init(stats(batch(mmap(heap)))), p = a.get(100, 65536);
  assertEquals([p % 65536, a.owns(p), a.owns(p + 16), a.sizeOf(p), a.goodSize(5)], [0, true, false, 100, 4096]);
  assertThrows(() => a.resize(p, 99, 5), RangeError, `Cannot resize the block at ${p}`);
  assertEquals(a.gauge(), { nalloc: 1, nfree: 0, szalloc: 100, szfree: 0, watermark: 100 });
  a.deinit();
});
