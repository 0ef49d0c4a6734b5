// The layers that have none below: null, mmap, sbrk
import { chunk, init, layers, mmap, nullLayer, sbrk, stats } from "../mod.ts";
import { assert, assertEquals, assertLess, assertThrows } from "./assert.ts";
import { assertAllFree, fill, freshHeap, PAGE } from "./kit.ts";

Deno.test("null: has no memory", () => {
  const heap = freshHeap(), a = init(stats(layers.null(heap)));
  for (const size of [0, 1, 4096, 2 ** 32 - 1]) assertEquals(a.get(size), 0);
  assertEquals(a.gauge().nalloc, 0);
  a.put(16, 16);
  a.deinit();
  assertEquals(layers.null, nullLayer);
  assertAllFree(heap);
});

Deno.test("mmap: whole pages, each block on a page of its own", () => {
  const heap = freshHeap(), a = init(mmap(heap));
  const sizes = [0, 1, 4095, 4096, 4097, 8192, 8193];
  const blocks = sizes.map((size) => a.get(size));
  assertEquals(blocks, [1, 2, 3, 4, 5, 7, 9].map((page) => page * PAGE));
  for (const i of [1, 3, 5, 0, 2, 4, 6]) a.put(blocks[i], sizes[i]);
  assertAllFree(heap);
  assertEquals(a.get(8 * PAGE), PAGE); // what came back has merged
  a.put(PAGE, 8 * PAGE);
  a.deinit();
});

Deno.test("mmap: what is not a block that is out throws and changes nothing", () => {
  const heap = freshHeap(), a = init(mmap(heap)), p = a.get(5000);
  const before = heap.free;
  for (const [q, size] of [[p, 4096], [p, 8193], [p + PAGE, 1], [p + 16, 5000], [16, 1], [2 ** 32 - 16, 1]]) {
    assertThrows(() => a.put(q, size), RangeError, "Cannot put pages: ");
  }
  a.put(p, 8192); // the size is told in pages
  assertThrows(() => a.put(p, 5000), RangeError, "Cannot put pages: ");
  assertLess(before.pages, heap.free.pages);
  assertAllFree(heap);
});

Deno.test("sbrk: blocks lie behind one another, and all go back at deinit", () => {
  const heap = freshHeap(), a = init(sbrk(heap));
  const p = a.get(1), q = a.get(16), r = a.get(100), s = a.get(3, 1), t = a.get(3, 1), u = a.get(8, 8), v = a.get(0);
  assertEquals([q, r, s, t, u, v].map((x) => x - p), [16, 32, 132, 135, 144, 160 - 8 + 8]);
  assertEquals(a.get(16), v + 16); // no bytes have an address of their own
  a.put(r, 100);
  assertEquals(a.get(16), v + 32); // it only moves up
  for (let i = 0; i < 100; i++) assert(a.get(50_000) > v);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("sbrk: takes no memory until it is asked", () => {
  const heap = freshHeap(), a = init(sbrk(heap));
  assertAllFree(heap);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("sbrk: serves to its last byte, then refuses unharmed", () => {
  for (const size of [16, 4096, 4000, 100_000]) {
    const heap = freshHeap({ initial: 1, maximum: 20 }), a = init(stats(sbrk(heap)));
    let blocks = 0;
    while (a.get(size) !== 0) blocks++;
    assertEquals(blocks, Math.floor((20 * 65536 - PAGE) / size), `blocks of ${size}`);
    assertEquals([a.get(size), a.get(2 ** 32 - 1)], [0, 0]);
    assertEquals(a.gauge().nalloc, blocks);
    const left = 20 * 65536 - PAGE - blocks * size;
    if (left > 0) assert(a.get(left) > 0);
    assertEquals(a.get(1), 0);
    a.deinit();
    assertAllFree(heap);
  }
});

Deno.test("sbrk: its end is where somebody else's pages begin", () => {
  const heap = freshHeap(), a = init(sbrk(heap)), p = a.get(16);
  const theirs = heap.getPages(1), room = theirs - p;
  assertEquals(a.get(room), 0);
  const q = a.get(room - 16);
  assertEquals(q, p + 16);
  fill(heap, q, room - 16, 1);
  assertEquals([a.get(1), heap.u8[theirs]], [0, 0]);
  heap.putPages(theirs, 1);
  assertEquals(a.get(1), theirs); // they are gone: the break goes on
  a.deinit();
  assertAllFree(heap);
});

Deno.test("sbrk: two of them in one heap, each with a break of its own", () => {
  const heap = freshHeap(), a = init(sbrk(heap)), b = init(sbrk(heap));
  const x = a.get(64), y = b.get(64);
  fill(heap, x, 64, 1);
  fill(heap, y, 64, 2);
  assertEquals([a.get(1) - x, b.get(1) - y], [64, 64]);
  assertEquals([heap.u8[x + 63], heap.u8[y + 63]], [1, 2]);
  a.deinit();
  b.deinit();
  assertAllFree(heap);
});

Deno.test("mmap and sbrk: the default heap, and chunks over a break", () => {
  const a = init(chunk(sbrk(), 4096)), b = init(mmap());
  const p = a.get(100), q = b.get(100);
  assert(p > 0 && q > 0 && p !== q);
  b.put(q, 100);
  a.deinit();
  b.deinit();
});
