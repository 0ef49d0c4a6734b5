import {
  type AnyAllocator,
  type AnyLayer,
  arena,
  bytealloc,
  bytefree,
  describe,
  enter,
  general,
  type Heap,
  heap as defaultHeap,
  init,
  kingsley,
  lea,
  mmap,
  pool,
  reap,
} from "../mod.ts";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap, PAGE } from "./kit.ts";
import { Program, skewed } from "./program.ts";

const ready: Record<string, (heap?: Heap) => AnyLayer> = {
  general: (heap) => general(heap),
  lea: (heap) => lea(heap),
  kingsley: (heap) => kingsley(heap),
  arena: (heap) => arena(heap),
  reap: (heap) => reap(heap),
  pool: (heap) => pool(24, heap),
};

/** Pages of a heap that are out. */
const used = (heap: Heap): number => (heap.size - heap.start) / PAGE - heap.free.pages;

/** Those that serve every size, and take every block back. */
const { arena: _arena, pool: _pool, ...everything } = ready;

/** Those that merge. */
const { kingsley: _kingsley, ...merging } = everything;

for (const [name, of] of Object.entries(ready)) {
  Deno.test(`ready: ${name} runs random programs, of small sizes and large`, () => {
    for (const [seed, most] of [[1, 300], [2, 5000], [3, 400_000]]) {
      const heap = freshHeap(), layer = of(heap), s = layer.init(), program = new Program(layer, s, seed);
      program.run(1000, { get: 6, put: 4, resize: 2 }, skewed(program.pick, most));
      program.run(300, { get: 2, put: 4, align: 1, resize: 2 }, skewed(program.pick, 2000));
      assert(program.resized > 50 && program.refused === 0);
      program.putAll();
      layer.deinit(s);
      assertAllFree(heap);
    }
  });

  Deno.test(`ready: ${name} refuses where memory is out, and goes on`, () => {
    for (const maximum of [2, 4]) {
      const heap = freshHeap({ initial: 1, maximum }), layer = of(heap), s = layer.init();
      const program = new Program(layer, s, maximum);
      for (let round = 0; round < 3; round++) {
        program.run(400, { get: 4, put: 1, resize: 1 }, skewed(program.pick, 20_000));
        for (const size of [2 ** 31, 2 ** 32 - 65536, 2 ** 32 - 4096, 2 ** 32 - 17, 2 ** 32 - 16, 2 ** 32 - 1]) {
          assertEquals([layer.get(s, size), layer.get(s, size, 1024 as 16)], [0, 0]);
          if (program.out.length > 0) assert(!layer.resize!(s, program.out[0].p, program.out[0].size, size));
        }
        program.putAll();
        if (layer.reset) program.reset();
        if (name !== "kingsley") assert(program.get(10_000) && program.get(100));
        program.putAll();
      }
      assert(program.refused > 0);
      layer.deinit(s);
      assertAllFree(heap);
    }
  });

  Deno.test(`ready: ${name} is over the program's heap if no other is given, and one layer`, () => {
    assertStrictEquals(of().heap, defaultHeap);
    const heap = freshHeap();
    assertStrictEquals(of(heap).heap, heap);
    for (const wrong of [null, 5, "heap", {}, mmap(heap)]) {
      assertThrows(
        () => of(wrong as Heap),
        TypeError,
        "Cannot compose mmap: expected a ",
      );
    }
    assertEquals(describe(of(), of().init()).includes("mmap"), true);
  });

  Deno.test(`ready: ${name} serves a region`, () => {
    const heap = freshHeap();
    enter(init(of(heap)), () => {
      const blocks = Array.from({ length: 500 }, (_, i) => [bytealloc(i * 7), i * 7]);
      for (const [p, size] of blocks.slice(100)) bytefree(p, size);
      for (const [p, size] of blocks.slice(0, 100)) bytefree(p, size);
    });
    assertAllFree(heap);
  });
}

for (const [name, of] of Object.entries(merging)) {
  Deno.test(`ready: ${name}: once all blocks have come back, all memory has`, () => {
    for (let seed = 1; seed <= 6; seed++) {
      const heap = freshHeap(), layer = of(heap), s = layer.init(), program = new Program(layer, s, seed);
      const first = layer.get(s, 100); // so that nothing is empty before the end
      program.run(800, { get: 5, put: 3, resize: 1 }, skewed(program.pick, [200, 5000, 500_000][seed % 3]));
      if (seed % 2) layer.put(s, first, 100);
      program.putAll();
      if (seed % 2 === 0) layer.put(s, first, 100);
      assertAllFree(heap, `${seed}`);
      layer.deinit(s);
    }
  });

  Deno.test(`ready: ${name} uses again what has come back, for other sizes, too`, () => {
    const heap = freshHeap(), layer = of(heap), s = layer.init(), program = new Program(layer, s);
    const keep = layer.get(s, 100);
    for (let i = 0; i < 2000; i++) program.get(400 + program.pick(400));
    const full = used(heap);
    for (const most of [200, 600, 5000, 20_000]) {
      program.putAll();
      for (let bytes = 0; bytes < 900_000;) bytes += program.get(program.pick(most))!.size;
      assert(used(heap) < 1.15 * full, `${used(heap)} pages for sizes up to ${most}, ${full} at first`);
    }
    program.putAll();
    layer.put(s, keep, 100);
    assertAllFree(heap);
    layer.deinit(s);
  });
}

for (const [name, of] of Object.entries(everything)) {
  Deno.test(`ready: ${name}: what is huge is pages of its own, which resize in place and go back at once`, () => {
    if (name === "reap") return; // one arena for all
    const heap = freshHeap(), a = init(of(heap)) as AnyAllocator, small = a.get(100), before = used(heap);
    const p = a.get(300_000);
    assertEquals([p % PAGE, a.goodSize(300_000), a.goodSize(262_145)], [0, 74 * PAGE, 65 * PAGE]);
    if (name !== "kingsley") assertEquals(a.goodSize(261_000), 261_008); // which is not
    assert(a.resize(p, 300_000, 900_000) && a.resize(p, 900_000, 270_000) && !a.resize(p, 270_000, 10_000));
    const q = a.get(500_000);
    a.put(p, 270_000);
    a.put(q, 500_000);
    assertEquals(used(heap), before);
    a.put(small, 100);
    a.deinit();
    assertAllFree(heap);
  });
}

Deno.test("ready: kingsley has a free list for each power of two, and keeps what comes back", () => {
  const heap = freshHeap(), a = init(kingsley(heap));
  for (const [size, good] of [[0, 16], [16, 16], [17, 32], [1000, 1024], [1025, 2048], [65_536, 65_536]]) {
    assertEquals(a.goodSize(size), good);
    const p = a.get(size);
    a.put(p, size);
    assertEquals(a.get(good), p);
    assert(a.resize(p, good, good / 2 + 1));
    a.put(p, good);
  }
  assertEquals(a.goodSize(65_537), 17 * PAGE);
  const { pages } = heap.free, blocks = [1, 2, 3].map(() => a.get(1024));
  for (const p of blocks) a.put(p, 1024);
  assertEquals(heap.free.pages, pages);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("ready: lea rounds small sizes up to 16 bytes", () => {
  const a = init(lea(freshHeap()));
  for (const [size, good] of [[0, 16], [1, 16], [100, 112], [256, 256], [257, 272], [5000, 5008]]) {
    assertEquals(a.goodSize(size), good);
  }
  a.deinit();
});

Deno.test("ready: an arena's chunks double, and reset keeps them, or so much as is said", () => {
  const heap = freshHeap(), a = init(arena(heap)), b = init(arena(heap, 0));
  for (let round = 0; round < 3; round++) {
    const p = a.get(1000);
    for (let i = 0; i < 300; i++) a.get(1000);
    const { runs } = heap.free;
    a.reset();
    assert(a.get(1000) > 0 && p > 0 && runs < 10);
  }
  b.get(100_000);
  const m = b.mark();
  b.get(1000);
  b.rewind(m);
  b.reset();
  a.deinit();
  b.deinit();
  assertAllFree(heap);
  for (const wrong of [-1, 0.5, NaN]) {
    assertThrows(() => arena(heap, wrong), RangeError, "Cannot compose chunk: ");
  }
  assertThrows(() => arena(heap, "1" as unknown as number), TypeError, "Cannot compose chunk: ");
});

Deno.test("ready: a reap bumps, serves what comes back, and resets", () => {
  const heap = freshHeap(), a = init(reap(heap)), p = a.get(1000), q = a.get(1000);
  assertEquals(q - p, 1008);
  a.put(p, 1000);
  assertEquals(a.get(500), p);
  a.reset();
  assertEquals([a.get(1000), a.owns(q)], [p, true]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("ready: a pool serves blocks of one size, again and again", () => {
  const heap = freshHeap(), a = init(pool(24, heap)), blocks = Array.from({ length: 1000 }, () => a.get(24));
  const { pages } = heap.free;
  assertEquals(new Set(blocks).size, 1000);
  for (const p of blocks) a.put(p, 24);
  const again = Array.from({ length: 1000 }, () => a.get(20));
  assertEquals([new Set([...blocks, ...again]).size, heap.free.pages], [1000, pages]);
  assert(a.owns(blocks[0]) && a.resize(blocks[0], 20, 32));
  a.reset();
  assertEquals(a.get(24), blocks[0]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("ready: a pool of no bytes, or too many, is refused", () => {
  for (const wrong of [0, -1, 0.5, NaN, Infinity, 2 ** 30 + 1]) {
    assertThrows(() => pool(wrong), RangeError, "Cannot compose pool: bytes in a block must be an integer from 1 to");
  }
  for (const wrong of [undefined, null, "24", 24n]) {
    assertThrows(() => pool(wrong as never), TypeError, "Cannot compose pool: bytes in a block must be a number");
  }
});
