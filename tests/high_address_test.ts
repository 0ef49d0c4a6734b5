import {
  affix,
  align,
  type AnyAllocator,
  type AnyLayer,
  arena,
  batch,
  bigcache,
  bitmap,
  bonwick,
  buddy,
  bypass,
  bytealloc,
  cascade,
  check,
  chunk,
  coalesce,
  count,
  enter,
  fallback,
  freelist,
  general,
  type Heap,
  histogram,
  init,
  kingsley,
  lea,
  limit,
  log,
  mmap,
  pool,
  powersOfTwo,
  quantize,
  reap,
  route,
  sbrk,
  sizeclass,
  sized,
  slab,
  slabs,
  split,
  stats,
  zero,
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
  ...newer(heap),
];

const wholePages = (size: number) => size % 4096 === 0;

/** Layers that cut, merge and route. */
const newer = (heap: Heap): AnyLayer[] => [
  coalesce(mmap(heap)),
  coalesce(sbrk(heap), 4096),
  slabs(coalesce(mmap(heap))),
  slab(mmap(heap), 1000),
  freelist(coalesce(mmap(heap)), 512, 100_000, 4096),
  sizeclass(coalesce(mmap(heap)), [64, 512, 2048, 8192], (base) => freelist(base)),
  general(heap),
  lea(heap),
  kingsley(heap),
  arena(heap),
  reap(heap),
  pool(1000, heap),
  buddy(mmap(heap), 64, 65_536),
  bitmap(mmap(heap), 64, 30_000),
  cascade(bitmap(mmap(heap), 16, 4000)),
  cascade(limit(chunk(mmap(heap), 4096), 100_000)),
  fallback(limit(coalesce(mmap(heap)), 300_000), mmap(heap)),
  route(wholePages, mmap(heap), coalesce(mmap(heap))),
  split(1000, chunk(mmap(heap), 4096), mmap(heap)),
  align(mmap(heap), 8192),
  align(coalesce(mmap(heap)), 256),
  affix(coalesce(mmap(heap)), 20, 5),
  quantize(coalesce(mmap(heap)), powersOfTwo),
  sized(coalesce(mmap(heap))),
  zero(coalesce(mmap(heap)), "both"),
  log(histogram(count(coalesce(mmap(heap)))), () => {}),
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

for (const [name, from, to] of places) {
  Deno.test(`high addresses: blocks are resized, marked and reset ${name}, until memory runs out`, () => {
    const heap = heapBetween(from, to), whole = heap.free;
    const stacks: AnyLayer[] = [
      chunk(mmap(heap), 4096),
      chunk(mmap(heap), 4096, 2),
      chunk(sbrk(heap), 10_000, 1.5),
      sbrk(heap),
      mmap(heap),
      batch(mmap(heap)),
      bonwick(mmap(heap)),
      ...newer(heap),
    ];
    for (const layer of stacks) {
      const a = init(layer) as AnyAllocator, what = String(a), pick = random(5), { reset, mark } = a.layer;
      for (let round = 0; round < (reset ? 3 : 1); round++) {
        const out: [p: number, size: number, byte: number][] = [], marks: [m: number, out: number][] = [];
        let resized = 0;
        for (let i = 0, failed = 0; failed < 10; i++) {
          const size = pick(pick(5) ? 3000 : 20_000),
            align = layer.maxAlign ? Math.min(1 << pick(13), layer.maxAlign) : 16,
            p = a.get(size, align);
          if (p === 0) {
            failed++;
            const [m, n] = marks.pop() ?? [0, 0];
            if (m === 0) continue;
            a.rewind(m);
            out.length = n;
            continue;
          }
          assert(p >= from && p + size <= to && p % align === 0, `${size} bytes at ${p} from ${what}`);
          assertEquals(layer.owns?.(a.state, p) ?? true, true);
          fill(heap, p, size, i);
          out.push([p, size, i & 255]);
          const block = out[pick(2) ? out.length - 1 : pick(out.length)], [q, old, byte] = block, more = pick(9000);
          if (a.resize(q, old, more)) {
            resized++;
            assertFilled(heap, q, Math.min(old, more), byte);
            fill(heap, q, more, byte);
            block[1] = more;
          }
          if (mark && i % 50 === 49) {
            const m = a.mark();
            if (m !== 0) marks.push([m, out.length]);
          }
        }
        assert(resized > 10, `${resized} in ${what}`);
        for (const [p, size, byte] of out) {
          assertFilled(heap, p, size, byte);
          if (!reset) a.put(p, size);
        }
        if (reset) a.reset();
      }
      a.deinit();
      assertEquals(heap.free, whole, what);
    }
  });
}

Deno.test("high addresses: a block grows in place over 2 GiB and up to the end", () => {
  for (
    const grown of [
      (heap: Heap) => sbrk(heap),
      (heap: Heap) => chunk(mmap(heap), 4096),
      (heap: Heap) => mmap(heap),
      (heap: Heap) => coalesce(mmap(heap)),
    ]
  ) {
    const heap = heapBetween(2 * GIB - MIB, 4 * GIB),
      whole = heap.free,
      a = init(grown(heap) as AnyLayer) as AnyAllocator;
    const p = a.get(10_000), room = 4 * GIB - PAGE - p;
    heap.u8[p] = 1;
    assert(a.resize(p, 10_000, 2 * MIB));
    heap.u8[p + 2 * MIB - 1] = 2;
    assert(a.resize(p, 2 * MIB, room), String(a));
    for (const size of [room + 1, 2 ** 32 - 1]) assertEquals(a.resize(p, room, size), false);
    heap.u8[p + room - 1] = 3;
    assertEquals([heap.u8[p], heap.u8[p + 2 * MIB - 1], heap.u8[p + room - 1], a.get(1)], [1, 2, 3, 0]);
    assert(a.resize(p, room, 100));
    a.put(p, 100);
    a.deinit();
    assertEquals(heap.free, whole);
  }
});
