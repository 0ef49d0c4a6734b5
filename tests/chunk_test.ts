import { chunk, init, mmap, sbrk, stats } from "../mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, backed, fill, freshHeap, levels, PAGE } from "./kit.ts";

Deno.test("chunk: blocks lie behind one another, as aligned as asked", () => {
  const heap = freshHeap(), a = init(chunk(mmap(heap), 4096));
  const p = a.get(24),
    q = a.get(24),
    r = a.get(1, 1),
    s = a.get(1, 1),
    t = a.get(2, 2),
    u = a.get(4, 4),
    v = a.get(8, 8);
  assertEquals([q, r, s, t, u, v].map((x) => x - p), [32, 56, 57, 58, 60, 64]);
  assertEquals(p % 16, 0);
  assertEquals(a.get(0), p + 80); // no bytes have an address of their own
  assertEquals(a.get(5), p + 96);
  a.put(q, 24);
  assertEquals(a.get(16), p + 112); // put frees nothing
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: asks for a chunk at a time, and gives each back as it got it", () => {
  const { heap, base, close } = backed(), a = init(chunk(base, 1000));
  for (let i = 0; i < 100; i++) a.get(30);
  a.deinit();
  const gets = base.calls.filter(([what]) => what === "get"), puts = base.calls.filter(([what]) => what === "put");
  assertEquals(gets.length, Math.ceil(100 / Math.floor((1000 - 16) / 32)));
  assert(gets.every(([, size]) => size === 1000));
  assertEquals(puts.map(([, , size]) => size), gets.map(([, size]) => size));
  assertEquals(new Set(puts.map(([, p]) => p)).size, gets.length);
  assertEquals(base.calls.at(-1), ["deinit"]);
  close();
  assertAllFree(heap);
});

Deno.test("chunk: an oversize block gets a chunk of its own, and the current one goes on", () => {
  const heap = freshHeap(), a = init(chunk(stats(mmap(heap)), 4096));
  const gauge = () => [...levels(a.layer, a.state)][1].layer.gauge!(a.state.base);
  const p = a.get(16);
  const big = a.get(10_000);
  fill(heap, big, 10_000, 1);
  assertEquals(a.get(16), p + 16);
  assertEquals(gauge().szalloc, 4096 + 10_016);
  assertFilled(heap, big, 10_000, 1);
  a.deinit();
  assertEquals(gauge().szfree, 4096 + 10_016);
  assertAllFree(heap);
});

Deno.test("chunk: every size around the size of a chunk", () => {
  for (const bytes of [64, 100, 4096, 4097]) {
    const heap = freshHeap(), a = init(chunk(mmap(heap), bytes));
    const out: [p: number, size: number][] = [];
    for (let size = bytes - 70; size < bytes + 40; size++) {
      if (size < 0) continue;
      const p = a.get(size);
      assertEquals(p % 16, 0);
      fill(heap, p, size, size % 251);
      out.push([p, size]);
    }
    for (const [p, size] of out) assertFilled(heap, p, size, size % 251);
    a.deinit();
    assertAllFree(heap, `chunks of ${bytes}`);
  }
});

Deno.test("chunk: a chunk that adjoins the last extends it in place", () => {
  const heap = freshHeap(), a = init(chunk(mmap(heap), 4096)); // mmap's fresh pages adjoin
  const p = a.get(4000), q = a.get(2000), r = a.get(3000);
  assertEquals(q, p + 4000 + 16); // behind the record of the new chunk
  assertEquals(r, q + 2000 + 16);
  fill(heap, q, 2000, 2);
  fill(heap, p, 4000, 1);
  fill(heap, r, 3000, 3);
  assertFilled(heap, p, 4000, 1);
  assertFilled(heap, q, 2000, 2);
  a.deinit(); // each chunk goes back from where it starts, which is not where its record is
  assertAllFree(heap);
});

Deno.test("chunk: one that does not adjoin starts afresh", () => {
  const heap = freshHeap(), a = init(chunk(mmap(heap), 4096));
  const p = a.get(4000), between = heap.getPages(1), q = a.get(2000);
  assertEquals(q, between + PAGE + 16);
  fill(heap, p, 4000, 1);
  fill(heap, q, 2000, 2);
  heap.putPages(between, 1);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: chunks of chunks of a break", () => {
  const heap = freshHeap(), a = init(chunk(chunk(sbrk(heap), 100_000), 256));
  for (let i = 0; i < 5000; i++) fill(heap, a.get(i % 300), i % 300, i);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: the bytes of a chunk are checked when it is composed", () => {
  const base = mmap(freshHeap());
  for (const bytes of [63, 0, -4096, 64.5, NaN, Infinity, 2 ** 30 + 1]) {
    assertThrows(
      () => chunk(base, bytes),
      RangeError,
      "Cannot compose chunk: bytes in a chunk must be an integer from 64",
    );
  }
  for (const bytes of ["4096", null, undefined, {}, [4096], 4096n]) {
    assertThrows(
      () => chunk(base, bytes as number),
      TypeError,
      "Cannot compose chunk: bytes in a chunk must be a number",
    );
  }
  chunk(base, 64);
  chunk(base, 2 ** 30);
});
