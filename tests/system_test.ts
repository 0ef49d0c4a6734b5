// The layers that have none below: null, mmap, sbrk
import { chunk, init, layers, mmap, nullLayer, sbrk, stats } from "../mod.ts";
import { assert, assertEquals, assertFalse, assertLess, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, PAGE, random } from "./kit.ts";

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

Deno.test("mmap: resizes in place, to whole pages", () => {
  const heap = freshHeap({ maximum: 4 }), a = init(mmap(heap)), p = a.get(5000);
  fill(heap, p, 5000, 1);
  assert(a.resize(p, 5000, 8192)); // the same pages
  assert(a.resize(p, 8192, 0));
  assertEquals(a.get(1), p + PAGE);
  assertFalse(a.resize(p, 0, 5000)); // that is in the way
  a.put(p + PAGE, 1);
  assert(a.resize(p, 0, 100_000));
  assertFilled(heap, p, 4096, 1);
  for (const size of [2 ** 20, 2 ** 31, 2 ** 32 - 1]) assertFalse(a.resize(p, 100_000, size));
  a.put(p, 100_000);
  assertAllFree(heap);
  for (const [q, old] of [[p, 100_000], [p, 1], [p + 16, 1], [16, 1]]) {
    assertThrows(() => a.resize(q, old, 1), RangeError, "Cannot resize pages: ");
    assertThrows(() => a.resize(q, old, 2 * old + 4096), RangeError, "Cannot resize pages: ");
  }
  assertAllFree(heap);
});

Deno.test("mmap: aligned up to a gibibyte, and a good size is of whole pages", () => {
  const heap = freshHeap(), a = init(mmap(heap)), out: [p: number, size: number][] = [];
  assertEquals(a.layer.maxAlign, 2 ** 30);
  for (let align = 1; align <= 2 ** 22; align *= 2) {
    const size = 3 * align, p = a.get(size, align);
    assertEquals(p % Math.max(align, 4096), 0);
    out.push([p, size]);
  }
  for (const [p, size] of out) a.put(p, size); // which needs no alignment
  assertAllFree(heap);
  assertEquals(a.get(100, 2 ** 30), 2 ** 30);
  assertThrows(() => a.get(100, 2 ** 31 as number), RangeError, "a power of two from 1 to 1073741824");
  a.put(2 ** 30, 100);
  assertEquals([0, 1, 4096, 4097].map((n) => a.goodSize(n)), [4096, 4096, 4096, 8192]);
  assertEquals([2 ** 32 - 4097, 2 ** 32 - 1].map((n) => a.goodSize(n)), [2 ** 32 - 4096, 2 ** 32 - 1]);
  assertAllFree(heap);
});

Deno.test("sbrk: the last block is resized in place, others only cut", () => {
  const heap = freshHeap({ maximum: 40 }), a = init(sbrk(heap));
  const p = a.get(100), q = a.get(100);
  fill(heap, q, 100, 1);
  assert(a.resize(q, 100, 100_000));
  assertFilled(heap, q, 100, 1);
  assertEquals(a.get(1), q + 100_000);
  assertFalse(a.resize(q, 100_000, 100_001));
  assert(a.resize(q, 100_000, 10) && a.resize(p, 100, 100) && a.resize(p, 100, 0));
  const r = a.get(0);
  assert(a.resize(r, 0, 2_000_000)); // more than is reserved
  fill(heap, r, 2_000_000, 2);
  const { brk } = a.state;
  for (const size of [3_000_000, 2 ** 31, 2 ** 32 - 1]) assertFalse(a.resize(r, 2_000_000, size));
  assertEquals(a.state.brk, brk);
  assert(a.resize(r, 2_000_000, 0));
  assert(a.resize(r, 0, 7));
  assertEquals(a.get(1, 1), r + 7);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("sbrk: a block of another allocator is never resized, though it ends where the segment starts", () => {
  const heap = freshHeap(), pages = init(mmap(heap)), theirs = pages.get(4096), a = init(sbrk(heap));
  assertFalse(a.resize(theirs, 4096, 5000));
  assertEquals(a.get(16), theirs + 4096);
  a.reset();
  assertEquals(a.state.brk, theirs + 4096);
  assertFalse(a.resize(theirs, 4096, 5000));
  assertEquals(a.get(16), theirs + 4096);
  a.deinit();
  pages.put(theirs, 4096);
  assertAllFree(heap);
});

Deno.test("sbrk: owns the blocks of its segment, until a reset", () => {
  const heap = freshHeap(), a = init(sbrk(heap)), b = init(sbrk(heap));
  assertFalse(a.owns(0) || a.owns(PAGE));
  const p = a.get(100), q = b.get(100), r = a.get(0);
  assertEquals([p, q, r, r + 16].map((x) => a.owns(x)), [true, false, true, false]);
  assertEquals([p, q, r].map((x) => b.owns(x)), [false, true, false]);
  a.reset();
  assertFalse(a.owns(p) || a.owns(r));
  const free = heap.free;
  for (let round = 0; round < 5; round++) { // the memory is kept
    for (let i = 0; i < 10; i++) fill(heap, a.get(50_000), 50_000, i);
    a.reset();
    assertEquals(heap.free, free);
  }
  assertEquals(a.get(1), p);
  a.deinit();
  b.deinit();
  assertAllFree(heap);
  init(sbrk(heap)).reset(); // of nothing
});

Deno.test("sbrk: aligned up to 4096, also its first block", () => {
  for (let align = 1; align <= 4096; align *= 2) {
    const heap = freshHeap(), a = init(sbrk(heap)), pick = random(align);
    for (let i = 0; i < 20; i++) assertEquals(a.get(pick(3000), align) % align, 0);
    a.deinit();
    assertAllFree(heap);
  }
  assertThrows(() => init(sbrk(freshHeap())).get(1, 8192 as number), RangeError, "a power of two from 1 to 4096");
});

Deno.test("null, std, ground and pipe: can do nothing beyond get and put", () => {
  const heap = freshHeap();
  const names = ["gauge", "goodSize", "mark", "maxAlign", "owns", "reset", "resize", "rewind", "sizeOf", "window"];
  for (const layer of [layers.null(heap), layers.std(), layers.ground(), layers.pipe()] as object[]) {
    assertEquals(names.filter((name) => name in layer), []);
  }
});
