import {
  type AnyLayer,
  batch,
  bigcache,
  bonwick,
  bypass,
  bytealloc,
  check,
  chunk,
  enter,
  type Heap,
  init,
  mmap,
  sbrk,
  stats,
} from "../mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { assertFilled, fill, freshHeap, PAGE, random } from "./kit.ts";

const stacks = (heap: Heap): AnyLayer[] => [
  mmap(heap),
  sbrk(heap),
  bypass(mmap(heap)),
  stats(mmap(heap)),
  check(stats(mmap(heap))),
  batch(mmap(heap)),
  chunk(mmap(heap), 4096),
  chunk(sbrk(heap), 10_000),
  bonwick(mmap(heap)),
  bigcache(mmap(heap)),
  stats(chunk(batch(stats(bigcache(bonwick(mmap(heap))))), 32 * 1024)),
];

/** A heap of which all but what lies from `from` bytes to `to` is out. Touches none of it. */
function heapBetween(from: number, to: number): Heap {
  const heap = freshHeap();
  assertEquals(heap.getPages(from / PAGE - 1), PAGE);
  if (to < 2 ** 32) {
    const gap = heap.getPages((to - from) / PAGE), rest = heap.getPages((2 ** 32 - to) / PAGE - 1);
    assertEquals([gap, rest], [from, to]);
    heap.putPages(gap, (to - from) / PAGE);
  } else {
    const gap = heap.getPages((2 ** 32 - from) / PAGE - 1);
    assertEquals(gap, from);
    heap.putPages(gap, (2 ** 32 - from) / PAGE - 1);
  }
  return heap;
}

const MIB = 2 ** 20, GIB = 2 ** 30;
const places: [name: string, from: number, to: number][] = [
  ["across 2 GiB", 2 * GIB - MIB, 2 * GIB + MIB],
  ["above 2 GiB", 3 * GIB, 3 * GIB + 2 * MIB],
  ["at the end of 4 GiB", 4 * GIB - 2 * MIB, 4 * GIB],
];

for (const [name, from, to] of places) {
  Deno.test(`high addresses: every layer ${name}, until memory runs out`, () => {
    const heap = heapBetween(from, to), whole = heap.free;
    for (const layer of stacks(heap)) {
      const a = init(layer), what = String(a), pick = random(9);
      const out: [p: number, size: number, byte: number][] = [];
      for (let i = 0, failed = 0; failed < 20; i++) {
        const size = pick(pick(4) ? 2000 : 30_000), p = a.get(size);
        if (p === 0) {
          failed++;
          continue;
        }
        assert(p >= from && p + size <= to && p % 16 === 0, `${size} bytes at ${p} from ${what}`);
        fill(heap, p, size, i % 256);
        out.push([p, size, i % 256]);
        if (i % 3 === 0) {
          const [p, size, byte] = out.splice(pick(out.length), 1)[0];
          assertFilled(heap, p, size, byte);
          a.put(p, size);
        }
      }
      assert(out.length > 50, what);
      for (const [p, size, byte] of out) {
        assertFilled(heap, p, size, byte);
        a.put(p, size);
      }
      a.deinit();
      assertEquals(heap.free, whole, what);
    }
  });
}

Deno.test("high addresses: a region bumps to the last byte that can be had", () => {
  const heap = heapBetween(4 * GIB - 8 * PAGE, 4 * GIB), whole = heap.free;
  enter(init(chunk(mmap(heap), PAGE)), () => {
    let last = 0;
    for (let p; (p = bytealloc(1008)) !== 0; last = p) assert(p > last);
    assert(last + 2 * 1008 > 4 * GIB - PAGE); // the last page is never handed out
    assertEquals([bytealloc(2 ** 32 - 1), bytealloc(2 ** 32 - 16)], [0, 0]);
  });
  assertEquals(heap.free, whole);
});

Deno.test("high addresses: one block of more than 2 GiB", () => {
  for (const bottom of [mmap, sbrk]) {
    const heap = freshHeap(), size = 2 * GIB + 12_345;
    const a = init(bigcache(batch(bottom(heap) as AnyLayer))), p = a.get(size);
    heap.u8[p + size - 1] = 42;
    a.put(p, size);
    assertEquals([a.get(size), heap.u8[p + size - 1]], [p, 42]);
    const b = init(chunk(bonwick(mmap(heap)), 4096)), q = b.get(GIB);
    assert(q > 2 * GIB);
    b.deinit();
    a.deinit();
    assertEquals(heap.free.runs, 1);
  }
});
