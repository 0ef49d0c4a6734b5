import { batch, init, mmap, stats } from "../mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, PAGE, random } from "./kit.ts";

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
