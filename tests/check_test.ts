import { batch, bypass, bytealloc, check, chunk, enter, type Gauged, init, LeakError, mmap, stats } from "../mod.ts";
import { assertEquals, assertFalse, assertStringIncludes, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap } from "./kit.ts";

Deno.test("check: throws what is still out, once the layers below are closed", () => {
  const heap = freshHeap(), a = init(check(stats(batch(mmap(heap)))));
  a.put(a.get(50), 50);
  a.get(100);
  a.get(20_000);
  const e = assertThrows(() => a.deinit(), LeakError);
  assertEquals([e.name, e.blocks, e.bytes], ["LeakError", 2, 20_100]);
  assertEquals(e.message, "Cannot close as free of leaks: 2 of 3 blocks, 19.6 KiB, still out");
  assertEquals(e.gauge, { nalloc: 3, nfree: 1, szalloc: 20_150, szfree: 50, watermark: 20_100 });
  assertAllFree(heap); // the batch has put them
});

Deno.test("check: is silent when all has come back, or all that reached it did", () => {
  const heap = freshHeap(), a = init(check(stats(mmap(heap))));
  a.put(a.get(100), 100);
  a.deinit();
  const b = init(chunk(batch(check(stats(mmap(heap)))), 4096));
  for (let i = 0; i < 100; i++) b.get(1000);
  b.deinit();
  assertAllFree(heap);
});

Deno.test("check: more coming back than went out is no less an error", () => {
  const ours = check(stats(chunk(mmap(freshHeap()), 4096)));
  const a = init(ours), p = a.get(100);
  a.put(p, 100);
  a.put(p, 100);
  assertStringIncludes(assertThrows(() => a.deinit(), LeakError).message, "1 more blocks and 100 B more came back");
  const b = init(ours);
  b.put(b.get(100), 99);
  assertEquals(assertThrows(() => b.deinit(), LeakError).bytes, 1);
  const c = init(ours);
  c.put(c.get(100), 101);
  assertEquals(assertThrows(() => c.deinit(), LeakError).bytes, -1);
});

Deno.test("check: comes out of enter, unless the body threw", () => {
  const leak = () => init(check(stats(chunk(mmap(freshHeap()), 4096))));
  assertEquals(assertThrows(() => enter(leak(), () => bytealloc(10)), LeakError).bytes, 10);
  const body = () => {
    bytealloc(10);
    throw new RangeError("the body's");
  };
  assertThrows(() => enter(leak(), body), RangeError, "the body's");
});

Deno.test("check: keeps the gauge, and needs one below", () => {
  assertEquals(init(check(bypass(check(stats(mmap(freshHeap())))))).gauge().nalloc, 0);
  const without = mmap(freshHeap()) as unknown as Gauged<unknown>;
  assertFalse("gauge" in without);
  assertThrows(() => check(without), TypeError, "Cannot compose check: the layer below must have a gauge");
});

Deno.test("check: passes on what the layer below can, and is content after a reset", () => {
  const heap = freshHeap(), a = init(check(stats(batch(mmap(heap))))), p = a.get(100, 8192);
  assertEquals([p % 8192, a.owns(p), a.sizeOf(p), a.goodSize(1)], [0, true, 100, 4096]);
  assertEquals(a.resize(p, 100, 9000), true);
  assertEquals(a.gauge().szalloc, 9000);
  a.reset();
  a.deinit();
  const b = init(check(stats(batch(mmap(heap))))), q = b.get(100);
  b.resize(q, 100, 9000);
  assertEquals(assertThrows(() => b.deinit(), LeakError).bytes, 9000);
  const names = ["goodSize", "mark", "maxAlign", "owns", "reset", "resize", "rewind", "sizeOf", "window"];
  for (const base of [stats(mmap(heap)), stats(chunk(mmap(heap), 64)), stats(batch(mmap(heap)))]) {
    const over = check(base);
    assertEquals(names.filter((name) => name in over), names.filter((name) => name in base));
  }
  assertAllFree(heap);
});
