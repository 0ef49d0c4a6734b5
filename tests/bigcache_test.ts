import { bigcache, init, mmap, stats } from "../mod.ts";
import { assert, assertEquals, assertFalse, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, PAGE, random } from "./kit.ts";

/** A cache, and what it asks of the layer below. */
function cacheOf() {
  const heap = freshHeap(), below = stats(mmap(heap)), a = init(bigcache(below));
  const asked = () => below.gauge(a.state.base);
  return { heap, a, asked, pages: (n: number) => a.get(n * PAGE), put: (p: number, n: number) => a.put(p, n * PAGE) };
}

Deno.test("bigcache: an exact fit hits, rounded to pages", () => {
  const { heap, a, asked } = cacheOf();
  const p = a.get(100_000);
  a.put(p, 100_000);
  const { nalloc, nfree } = asked();
  for (const size of [100_000, 101_000, 102_400, 98_305]) { // all are 25 pages
    assertEquals(a.get(size), p);
    a.put(p, size);
  }
  assertEquals([asked().nalloc, asked().nfree], [nalloc, nfree]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bigcache: an exact fit is preferred to a bigger one that comes first", () => {
  const { a, pages, put } = cacheOf();
  const big = pages(5), gap = pages(1), exact = pages(4);
  put(big, 5);
  put(exact, 4);
  assertEquals(pages(4), exact);
  assertEquals(pages(3), big);
  put(gap, 1);
  a.deinit();
});

Deno.test("bigcache: a block twice as big as asked, or smaller, does not serve", () => {
  const { a, pages, put } = cacheOf();
  const p = pages(8);
  put(p, 8);
  const small = pages(4);
  assert(small !== p);
  assert(pages(9) !== p);
  assertEquals(pages(5), p);
  put(p, 5); // as it was asked for: the block is whole again
  assertEquals(pages(8), p);
  a.deinit();
});

Deno.test("bigcache: merges blocks that adjoin", () => {
  const { heap, a, asked, pages, put } = cacheOf();
  const p = pages(3), q = pages(2), r = pages(4);
  assertEquals([q, r], [p + 3 * PAGE, p + 5 * PAGE]);
  put(r, 4);
  put(p, 3);
  put(q, 2);
  const { nalloc } = asked();
  assertEquals(pages(9), p);
  heap.u8.fill(1, p, p + 9 * PAGE);
  put(p, 9); // falls apart into what the layer below gave
  assertEquals(pages(5), p);
  assertEquals(pages(4), r);
  assertEquals(asked().nalloc, nalloc);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bigcache: blocks with a gap between them do not merge", () => {
  const { a, pages, put } = cacheOf();
  const p = pages(3), gap = pages(1), q = pages(3);
  put(p, 3);
  put(q, 3);
  assert(pages(6) > q);
  put(gap, 1);
  assertEquals(pages(7), p);
  a.deinit();
});

Deno.test("bigcache: caches 64 blocks; one more evicts the smallest", () => {
  const { heap, a, asked, pages, put } = cacheOf();
  const sizes = Array.from({ length: 65 }, (_, i) => 10 + (i * 7) % 65); // all distinct, 10 to 74 pages
  const blocks = sizes.map((n) => pages(n));
  blocks.forEach((p, i) => i < 64 && put(p, sizes[i]));
  const { szfree, nfree } = asked();
  put(blocks[64], sizes[64]);
  const least = Math.min(...sizes.slice(0, 64));
  assertEquals([asked().nfree, asked().szfree], [nfree + 1, szfree + least * PAGE]);
  assertEquals(a.state.cached, 64);
  a.deinit();
  const g = asked();
  assertEquals([g.nfree, g.szfree], [g.nalloc, g.szalloc]);
  assertAllFree(heap);
});

Deno.test("bigcache: deinit gives back what is cached and what is out", () => {
  const { heap, a, asked, pages, put } = cacheOf();
  const pick = random(11), out: [p: number, n: number][] = [];
  for (let i = 0; i < 3000; i++) {
    if (pick(2) || out.length === 0) {
      const n = 1 + pick(12), p = pages(n);
      assert(out.every(([q, m]) => q >= p + n * PAGE || q + m * PAGE <= p), "blocks overlap");
      out.push([p, n]);
    } else put(...out.splice(pick(out.length), 1)[0]);
  }
  a.deinit();
  const g = asked();
  assertEquals([g.nfree, g.szfree], [g.nalloc, g.szalloc]);
  assertAllFree(heap);
});

Deno.test("bigcache: what it did not serve throws and changes nothing", () => {
  const { heap, a, pages, put } = cacheOf();
  assertThrows(() => put(PAGE, 1), RangeError, "Cannot put the block at 4096: it is not out");
  const p = pages(3), q = pages(2);
  for (const [x, n] of [[p + PAGE, 2], [p + 16, 3], [q + 2 * PAGE, 1], [q, 3]]) {
    assertThrows(() => put(x, n), RangeError, "Cannot put the block at ");
    assertEquals(a.state.cached, 0);
  }
  put(p, 3);
  assertThrows(() => put(p, 3), RangeError, "Cannot put the block at "); // it is cached, not out
  assertThrows(() => put(p, 5), RangeError, "Cannot put the block at "); // of which the first half is
  assertEquals(a.state.cached, 1);
  assertEquals(pages(3), p);
  assert(pages(3) !== p);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bigcache: a put with another size is refused, and a live neighbour stays live", () => {
  const heap = freshHeap(), a = init(bigcache(mmap(heap))), x = a.get(4096), y = a.get(4096);
  for (const [p, size] of [[x, 4097], [x, 8192], [y + 16, 4096], [y, 1 << 20]]) {
    assertThrows(() => a.put(p, size), RangeError, `Cannot put the block at ${p}: it is not out with ${size} bytes`);
  }
  a.put(x, 4096);
  a.put(y, 4096);
  const z = a.get(8192); // both of them
  assertEquals(z, Math.min(x, y));
  assertThrows(() => a.put(z, 4096), RangeError); // part of it
  assertThrows(() => a.put(z + 4096, 4096), RangeError);
  a.put(z, 8192);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bigcache: a block smaller than all that are cached is the one evicted", () => {
  const heap = freshHeap(), a = init(bigcache(stats(mmap(heap))));
  const big = Array.from({ length: 64 }, () => a.get(8192)), small = a.get(4096);
  for (const p of big) a.put(p, 8192);
  a.put(small, 4096);
  assertEquals(a.state.cached, 64);
  for (let i = 0; i < 64; i++) assert(big.includes(a.get(8192)));
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bigcache: a block is resized within its pages", () => {
  const { heap, a, asked } = cacheOf(), p = a.get(5000);
  fill(heap, p, 5000, 1);
  const { szalloc } = asked();
  assert(a.resize(p, 5000, 8192) && a.resize(p, 8192, 4097) && a.resize(p, 4097, 6000));
  for (const size of [8193, 4096, 0, 2 ** 32 - 1]) assertFalse(a.resize(p, 6000, size));
  assertFilled(heap, p, 5000, 1);
  a.put(p, 6000);
  assertEquals(a.get(8192), p);
  assertEquals(asked().szalloc, szalloc);
  const q = a.get(0);
  assert(a.resize(q, 0, 4096));
  a.put(q, 4096);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bigcache: owns what is out, not what is cached", () => {
  const { a, heap } = cacheOf(), b = init(bigcache(mmap(heap)));
  assertFalse(a.owns(0) || a.owns(PAGE));
  const p = a.get(100), q = a.get(10_000), theirs = b.get(100);
  assertEquals([p, q, theirs, p + 16, q + PAGE, 0].map((x) => a.owns(x)), [true, true, false, false, false, false]);
  a.put(q, 10_000);
  assertEquals([p, q].map((x) => a.owns(x)), [true, false]);
  a.deinit();
  b.deinit();
});

Deno.test("bigcache: a good size is of whole pages", () => {
  const { a } = cacheOf();
  assertEquals([0, 1, 4096, 4097].map((n) => a.goodSize(n)), [4096, 4096, 4096, 8192]);
  assertEquals(a.goodSize(2 ** 32 - 1), 2 ** 32 - 1);
  assertEquals(["maxAlign", "mark", "reset", "sizeOf", "pristine"].filter((name) => name in a.layer), []);
  a.deinit();
});
