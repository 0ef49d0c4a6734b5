import { batch, chunk, init, mmap, stats } from "../mod.ts";
import { assert, assertEquals, assertFalse, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, backed, fill, freshHeap, PAGE, random, stub } from "./kit.ts";

Deno.test("batch: puts what is still out at deinit, each with its size", () => {
  const heap = freshHeap(), below = stats(mmap(heap)), a = init(batch(below));
  for (let i = 0; i < 1000; i++) a.get(1 + i * 37 % 20_000);
  a.deinit();
  const g = below.gauge(a.state.base);
  assertEquals([g.nfree, g.szfree], [g.nalloc, g.szalloc]);
  assertAllFree(heap);
});

Deno.test("batch: blocks come and go in any order", () => {
  const heap = freshHeap(), below = stats(mmap(heap)), a = init(batch(below)), pick = random(3);
  const out: [p: number, size: number][] = [];
  for (let i = 0; i < 5000; i++) {
    if (pick(5) < 3) {
      const size = pick(5000), p = a.get(size);
      fill(heap, p, size, p / PAGE);
      out.push([p, size]);
    } else if (out.length > 0) {
      const [p, size] = out.splice(pick(out.length), 1)[0];
      assertFilled(heap, p, size, p / PAGE & 255);
      a.put(p, size);
    }
    assertEquals(a.state.out.blocks, out.length);
  }
  a.deinit();
  const g = below.gauge(a.state.base);
  assertEquals([g.nfree, g.szfree], [g.nalloc, g.szalloc]);
  assertAllFree(heap);
});

Deno.test("batch: keeps its ledger apart, so that a block of a page is a page", () => {
  const heap = freshHeap(), a = init(batch(mmap(heap)));
  const first = a.get(PAGE);
  for (let i = 1; i < 10; i++) assertEquals(a.get(PAGE), first + i * PAGE);
  a.deinit();
});

Deno.test("batch: a block that is not out throws and changes nothing", () => {
  const heap = freshHeap(), a = init(batch(mmap(heap)));
  assertThrows(() => a.put(4096, 10), RangeError, "Cannot put the block at 4096: it is not out");
  const p = a.get(5000), q = a.get(100);
  for (const [x, size] of [[p + 16, 5000], [p + PAGE, 100], [1, 1]]) {
    assertThrows(() => a.put(x, size), RangeError, "Cannot put the block at ");
  }
  a.put(p, 5000);
  assertThrows(() => a.put(p, 5000), RangeError, `Cannot put the block at ${p}: it is not out`);
  a.put(q, 100);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("batch: a block that the layer below refuses to take stays booked", () => {
  const heap = freshHeap(), a = init(batch(mmap(heap))), p = a.get(5000);
  assertThrows(() => a.put(p, 9000), RangeError); // of another size
  assertEquals(a.state.out.blocks, 1);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("batch: of nothing takes nothing", () => {
  const heap = freshHeap(), a = init(batch(mmap(heap)));
  assertAllFree(heap);
  a.deinit();
  assertAllFree(heap);
  assert(a.closed);
});

Deno.test("batch: a put with another size is refused", () => {
  const heap = freshHeap(), a = init(batch(stats(mmap(heap)))), p = a.get(100);
  assertThrows(() => a.put(p, 101), RangeError, `Cannot put the block at ${p}: it is not out with 101 bytes`);
  a.put(p, 100);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("batch: owns what is out, and knows its size", () => {
  const heap = freshHeap(), a = init(batch(mmap(heap))), b = init(batch(mmap(heap)));
  assertFalse(a.owns(0) || a.owns(PAGE));
  const out = [0, 1, 100, 5000, 100_000].map((size) => [a.get(size), size]), theirs = b.get(100);
  for (const [p, size] of out) {
    assertEquals([a.owns(p), b.owns(p), a.sizeOf(p)], [true, false, size]);
    assertFalse(a.owns(p + 16) || a.owns(p - 1));
  }
  assertFalse(a.owns(theirs) || a.owns(0) || a.owns(2 ** 32 - 1));
  const [p, size] = out[2];
  a.put(p, size);
  assertFalse(a.owns(p));
  a.deinit();
  b.deinit();
  assertAllFree(heap);
});

Deno.test("batch: resizing books the new size", () => {
  const heap = freshHeap(), a = init(batch(chunk(mmap(heap), 2 ** 20))), out: [p: number, size: number][] = [];
  for (let i = 0; i < 200; i++) {
    const p = a.get(i);
    assert(a.resize(p, i, i * 7 % 300));
    out.push([p, i * 7 % 300]);
  }
  for (const [p, size] of out) assertEquals(a.sizeOf(p), size);
  const [p, size] = out[101];
  assertFalse(a.resize(p, size, 10_000)); // is not the last
  for (const wrong of [size - 1, size + 1, 101]) {
    for (const to of [0, size, 10_000]) {
      assertThrows(() => a.resize(p, wrong, to), RangeError, `the block at ${p}: it is not out with ${wrong} bytes`);
    }
    assertThrows(() => a.put(p, wrong), RangeError, `Cannot put the block at ${p}`);
  }
  assertThrows(() => a.resize(p + 1, size, 5), RangeError, "Cannot resize the block at ");
  assertEquals([a.sizeOf(p), a.state.out.blocks], [size, 200]);
  for (const [p, size] of out) a.put(p, size);
  assertThrows(() => a.resize(p, size, 5), RangeError, "Cannot resize the block at ");
  a.deinit();
  assertAllFree(heap);
});

Deno.test("batch: what was resized goes back at deinit with its new size", () => {
  const heap = freshHeap(), below = stats(mmap(heap)), a = init(batch(below)), p = a.get(100);
  assert(a.resize(p, 100, 50_000));
  a.deinit();
  const g = below.gauge(a.state.base);
  assertEquals([g.nfree, g.szfree], [g.nalloc, g.szalloc]);
  assertAllFree(heap);
});

Deno.test("batch: a reset puts everything, and it goes on", () => {
  const heap = freshHeap(), below = stats(mmap(heap)), a = init(batch(below));
  a.reset(); // of nothing
  for (let round = 0; round < 5; round++) {
    const out = Array.from({ length: 100 }, (_, i) => a.get(i * 50));
    a.reset();
    assertFalse(out.some((p) => a.owns(p)));
    assertThrows(() => a.put(out[0], 0), RangeError, "Cannot put the block at ");
    assertAllFree(heap);
  }
  a.put(a.get(10), 10);
  a.deinit();
  const g = below.gauge(a.state.base);
  assertEquals([g.nfree, g.szfree], [g.nalloc, g.szalloc]);
  assertAllFree(heap);
});

Deno.test("batch: has what the layer below has, and what its ledger gives", () => {
  const capabilities = (layer: object) =>
    ["gauge", "goodSize", "mark", "maxAlign", "owns", "pristine", "reset", "resize", "rewind", "sizeOf", "window"]
      .filter((name) => name in layer);
  const heap = freshHeap();
  assertEquals(capabilities(batch(stub(heap))), ["owns", "reset", "sizeOf"]);
  assertEquals(
    capabilities(batch(mmap(heap))),
    ["goodSize", "maxAlign", "owns", "pristine", "reset", "resize", "sizeOf"],
  );
  assertEquals(
    capabilities(batch(chunk(mmap(heap), 64))), // marks would take back what is booked
    ["maxAlign", "owns", "pristine", "reset", "resize", "sizeOf"],
  );
  const { base, close } = backed(), a = init(batch(base));
  assertThrows(
    () => (a as unknown as { resize(...args: number[]): boolean }).resize(16, 1, 1),
    TypeError,
    "resize of batch",
  );
  a.deinit();
  close();
});
