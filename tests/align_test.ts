import { type AnyLayer, batch, bigcache, bonwick, chunk, init, mmap, sbrk, stats } from "../mod.ts";
import { align } from "../layers/align.ts";
import { conforms, failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, PAGE, random, stub } from "./kit.ts";

/** A layer without its `maxAlign`, so that aligning is left to `align`. */
function unaligned(base: AnyLayer): AnyLayer {
  const { maxAlign: _, ...rest } = base;
  return { ...rest, get: (s, size) => base.get(s, size) };
}

for (const n of [32, 64, 4096, 65536]) {
  Deno.test(`align: conforms, to ${n} bytes`, () => {
    conforms((base) => align(base, n));
    conforms((base) => align(unaligned(base), n));
    conforms((base) => align(chunk(base, 1000), n), { frees: true });
    conforms((base) => align(unaligned(chunk(base, 1000)), n), { frees: true });
    conforms((base) => align(unaligned(batch(base)), n), { frees: true });
    conforms((base) => stats(batch(align(bonwick(base), n))), { frees: true });
    conforms((base) => chunk(align(align(unaligned(base), n), 32), 1000), { frees: true });
  });
}

Deno.test("align: every block, whatever is asked for", () => {
  for (const n of [32, 128, 4096, 8192, 2 ** 17]) {
    const heap = freshHeap();
    for (const base of [mmap(heap), sbrk(heap), chunk(mmap(heap), 4096), bonwick(mmap(heap)), bigcache(mmap(heap))]) {
      const a = init(align(base as AnyLayer, n)), pick = random(n), out: [p: number, size: number][] = [];
      for (let i = 0; i < 60; i++) {
        const size = pick(3) === 0 ? 0 : pick(3000), p = a.get(size, ([1, 16, 32] as const)[pick(3)] as 1);
        assertEquals(p % n, 0);
        fill(heap, p, size, i);
        out.push([p, size]);
      }
      assertEquals(new Set(out.map(([p]) => p)).size, 60);
      for (const [i, [p, size]] of out.entries()) {
        assertFilled(heap, p, size, i);
        a.put(p, size);
      }
      a.deinit();
      assertAllFree(heap, String(a));
    }
  }
});

Deno.test("align: asks the layer below for it where that can, and adds nothing", () => {
  const heap = freshHeap(), base = stub(heap), asked: unknown[] = [], { get } = base;
  const able: AnyLayer = { ...base, maxAlign: 4096, get: (s, size, align) => (asked.push(align), get(s, size)) };
  const s = align(able, 64), state = s.init(), p = s.get(state, 100);
  s.get(state, 5, 16);
  s.get(state, 5, 64);
  s.get(state, 5, 128);
  s.put(state, p, 100);
  assertEquals(asked, [64, 64, 64, 128]);
  assertEquals(base.calls.slice(1), [["get", 100], ["get", 5], ["get", 5], ["get", 5], ["put", p, 100]]);
  assertEquals([s.maxAlign, align(able, 4096).maxAlign, align(able, 8192).maxAlign], [4096, 4096, 8192]);
  assertEquals(align(able, 8192).get(state, 100) % 8192, 0);
  assertEquals([base.calls.at(-1), asked.at(-1)], [["get", 8292], undefined]);
});

Deno.test("align: a block below is longer by n, and gets back as long", () => {
  const heap = freshHeap(), base = batch(unaligned(mmap(heap))), a = init(align(base, 65536));
  const p = a.get(5), q = a.get(65536), below = (p: number) => base.sizeOf(a.state, heap.u32[(p >>> 2) - 1]);
  assertEquals([below(p), below(q)], [65536 + 5, 65536 + 65536]);
  assertEquals([a.sizeOf(p), a.sizeOf(q)], [5, 65536]);
  a.put(p, 5); // which batch would refuse with a wrong size
  a.put(q, 65536);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("align: resizes in place, and keeps the contents", () => {
  const heap = freshHeap({ initial: 1, maximum: 16 }),
    a = init(align(batch(unaligned(mmap(heap))), 128) as AnyLayer),
    p = a.get(1000);
  fill(heap, p, 1000, 9);
  assertEquals(a.resize(p, 1000, 9000), true);
  assertFilled(heap, p, 1000, 9);
  for (const [from, to] of [[9000, 0], [0, 1], [1, 0], [0, 5000]]) {
    assertEquals([a.resize(p, from, to), a.sizeOf(p)], [true, to]);
  }
  assertEquals([a.resize(p, 5000, 2 ** 32 - 1), a.resize(p, 5000, 2 ** 31)], [false, false]);
  assertEquals(a.sizeOf(p), 5000);
  assertThrows(() => a.resize(p, 4000, 100), RangeError);
  a.put(p, 5000);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("align: without bytes, a block lies in its block below still", () => {
  const heap = freshHeap(), below = batch(unaligned(mmap(heap))), a = init(align(below, 4096));
  for (const size of [0, 1]) {
    const p = a.get(size), start = heap.u32[(p >>> 2) - 1];
    assertEquals(start, p - 4096); // aligned already, so that it takes all it can
    assert(p < start + below.sizeOf(a.state, start));
    assertEquals(a.sizeOf(p), size);
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("align: too much for the address space is refused without asking", () => {
  const heap = freshHeap(), base = stub(heap), a = init(align(base, 2 ** 20)), gets = base.calls.length;
  for (const size of [2 ** 32 - 1, 2 ** 32 - 2 ** 20]) assertEquals(a.get(size), 0);
  assertEquals(base.calls.length, gets);
  const pages = init(align(mmap(heap), 2 ** 30));
  for (const size of [2 ** 32 - 1, 2 ** 32 - 2 ** 20, 2 ** 32 - 4096]) assertEquals(pages.get(size), 0);
  assertAllFree(heap);
});

Deno.test("align: at the end of the address space", () => {
  const heap = freshHeap(), GIB = 2 ** 30;
  const most = heap.getPages((4 * GIB - 4 * 65536) / PAGE - 1); // all but the last 256 KiB
  heap.putPages(heap.getPages(63), 63); // the memory has grown now
  const whole = heap.free;
  for (const base of [mmap(heap), unaligned(mmap(heap))]) {
    const a = init(align(base, 65536)), out: number[] = [];
    for (let p; (p = a.get(1000)) !== 0;) out.push(p);
    assert(out.length >= 2);
    for (const p of out) {
      assert(p % 65536 === 0 && p >= 4 * GIB - 4 * 65536);
      a.put(p, 1000);
    }
    a.deinit();
    assertEquals(heap.free, whole);
  }
  assert(most > 0);
});

Deno.test("align: what is refused below is refused", () => {
  const heap = freshHeap({ initial: 1, maximum: 3 });
  for (const base of [mmap(heap), unaligned(mmap(heap))]) {
    const a = init(align(failAt(base, 2), 64)), p = a.get(10);
    assertEquals([a.get(10), a.get(1_000_000)], [0, 0]);
    a.put(p, 10);
    a.deinit();
    assertAllFree(heap);
  }
});

Deno.test("align: has the same capabilities in both ways", () => {
  const heap = freshHeap(), books = batch(mmap(heap)), arena = chunk(stats(mmap(heap)), 4096);
  const keys = (l: AnyLayer) => Object.keys(l).filter((key) => key !== "divisible").sort();
  for (const base of [books, arena] as AnyLayer[]) {
    assertEquals(keys(align(base, 64)), keys(align(unaligned(base), 64)));
  }
  const own = ["heap", "stateless", "init", "deinit", "get", "put", "maxAlign", "pristine"];
  assertEquals(keys(align(books, 64)), [...own, "goodSize", "reset", "resize", "sizeOf"].sort());
  assertEquals(keys(align(arena, 64)), [...own, "mark", "reset", "resize", "rewind"].sort());
  const freelist: AnyLayer = { ...stub(heap), init: (size) => size };
  assertEquals([align(freelist, 64).init(100), align(freelist, 64).init()], [164, undefined]);
  assertEquals(align({ ...freelist, maxAlign: 64 }, 64).init(100), 100);
});

/** Checked, never run. */
export function types(): void {
  init(align(bonwick(mmap()), 64)).get(100, 32);
  init(align(chunk(mmap(), 64), 64)).mark();
  // @ts-expect-error what is in front of somebody else's block says nothing
  init(align(chunk(mmap(), 64), 64)).owns(64);
  // @ts-expect-error figures of the layer below would count padding
  init(align(stats(mmap()), 64)).gauge();
}

Deno.test("align: what is no alignment is refused", () => {
  const base = mmap(freshHeap());
  // deno-lint-ignore no-explicit-any -- what JavaScript can do
  const compose = (n: any) => () => align(base, n);
  for (const n of [16, 0, -64, 2 ** 31, 64.5, NaN, Infinity]) {
    const why = `Cannot compose align: alignment in bytes must be an integer from 32 to 1073741824, got ${n}`;
    assertThrows(compose(n), RangeError, why);
  }
  for (const n of [48, 33, 2 ** 30 - 1]) {
    assertThrows(compose(n), RangeError, `Cannot compose align: alignment in bytes must be a power of two, got ${n}`);
  }
  for (const n of [undefined, "64", null]) {
    assertThrows(compose(n), TypeError, "Cannot compose align: alignment in bytes must be a number, got ");
  }
});
