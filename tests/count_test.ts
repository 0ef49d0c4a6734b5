import { batch, chunk, init, mmap, stats } from "../mod.ts";
import { count } from "../layers/count.ts";
import { conforms, failAt } from "../testing/mod.ts";
import { assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap } from "./kit.ts";

Deno.test("count: conforms, with what the layer below can", () => {
  conforms((base) => count(base));
  conforms((base) => count(chunk(base, 1000)), { frees: true });
  conforms((base) => count(batch(base)), { frees: true });
  conforms((base) => count(stats(base)));
  conforms((base) => stats(chunk(count(base), 1000)), { frees: true });
});

Deno.test("count: each call", () => {
  const heap = freshHeap(), a = init(count(batch(failAt(mmap(heap), 3))));
  const counts = () => {
    const { gets, refusals, puts, resizes, resets } = a.state;
    return [gets, refusals, puts, resizes, resets];
  };
  assertEquals(counts(), [0, 0, 0, 0, 0]);
  const p = a.get(10); // the first request below is for the ledger
  assertEquals(a.get(10), 0);
  const q = a.get(5000);
  assertEquals(counts(), [2, 1, 0, 0, 0]);
  a.put(p, 10);
  a.put(q, 5000);
  a.get(0);
  assertEquals(counts(), [3, 1, 2, 0, 0]);
  a.reset();
  assertEquals(counts(), [3, 1, 2, 0, 1]);
  a.deinit();
  assertEquals(counts(), [3, 1, 2, 0, 1]);
  assertAllFree(heap);
});

Deno.test("count: resizes that were served, and nothing that throws", () => {
  const heap = freshHeap(), a = init(count(batch(mmap(heap)))), p = a.get(100), q = a.get(100);
  assertEquals(a.resize(p, 100, 4096), true);
  assertEquals(a.resize(p, 4096, 2 ** 31), false); // q lies behind it
  assertThrows(() => a.resize(p, 100, 200), RangeError);
  assertThrows(() => a.put(p, 5), RangeError);
  assertEquals([a.state.gets, a.state.puts, a.state.resizes, a.state.refusals], [2, 0, 1, 0]);
  a.put(p, 4096);
  a.put(q, 100);
  assertEquals(a.state.puts, 2);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("count: the gauge is that of the layer below; without one there is none", () => {
  const a = init(count(stats(mmap(freshHeap()))));
  a.put(a.get(100), 100);
  assertEquals(a.gauge(), { nalloc: 1, nfree: 1, szalloc: 100, szfree: 100, watermark: 100 });
  assertEquals("gauge" in count(mmap(freshHeap())), false);
  assertEquals("window" in count(chunk(mmap(freshHeap()), 64)), false);
});
