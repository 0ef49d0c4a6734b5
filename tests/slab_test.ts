import { type AnyLayer, batch, bonwick, type Heap, init, type Layer, mmap, sbrk, stats } from "../mod.ts";
import { slab } from "../layers/slab.ts";
import { assert, assertEquals, assertGreater, assertThrows } from "./assert.ts";
import { capabilities, heapFrom, putAll, refusing, turnOver } from "./turnover.ts";
import { assertAllFree, assertFilled, fill, freshHeap } from "./kit.ts";

const GIB = 2 ** 30;

/** Sizes around 100 bytes and, one in eight, larger than a block. */
const mixed = (pick: (n: number) => number) => pick(8) === 0 ? 101 + pick(9000) : pick(101);

/** What is out below a slab: blocks and bytes. */
function below(a: { state: { base: { nalloc: number; nfree: number; szalloc: number; szfree: number } } }) {
  const { nalloc, nfree, szalloc, szfree } = a.state.base;
  return { blocks: nalloc - nfree, bytes: szalloc - szfree };
}

Deno.test("slab: one size, from slabs of every size", () => {
  for (const bytes of [1024, 4096, 16384, 2 ** 20, 2 ** 22]) {
    for (const size of [1, 16, 17, 48, 100, bytes / 8 - 1, bytes / 8]) {
      const heap = freshHeap(), stack = slab(stats(mmap(heap)), size, bytes), a = init(stack);
      const block = Math.ceil(size / 16) * 16, blocks = Math.floor((bytes - 32) / block);
      const n = Math.min(2 * blocks + 1, 3000);
      const out = Array.from({ length: n }, (_, i) => a.get(i % (block + 1)));
      assert(out.every((p) => p > 0 && p % 16 === 0));
      out.forEach((p, i) => fill(heap, p, block, i));
      out.forEach((p, i) => assertFilled(heap, p, block, i));
      const slabs = Math.ceil(n / blocks);
      assertEquals(below(a), { blocks: slabs + 1, bytes: slabs * bytes + 256 }, `${size} bytes of ${bytes}`);
      a.deinit(); // with all of them out
      assertAllFree(heap, `${size} bytes of ${bytes}`);
    }
  }
});

Deno.test("slab: random programs", () => {
  for (let seed = 0; seed < 20; seed++) {
    for (const [size, bytes] of [[100, 1024], [100, 4096], [300, 16384]]) {
      const heap = freshHeap(), a = init(slab(mmap(heap), size, bytes));
      const { out, resized, refused: no } = turnOver(a, { seed, steps: 1500, size: mixed });
      assertEquals(no, 0);
      assertGreater(resized, 0);
      putAll(a, out);
      a.deinit();
      assertAllFree(heap, `seed ${seed}`);
    }
  }
});

Deno.test("slab: a slab that becomes empty is given back, and one is kept", () => {
  for (const order of ["first in, first out", "last in, first out", "in strides"]) {
    const heap = freshHeap(), a = init(slab(stats(mmap(heap)), 64, 4096)), n = 63 * 100; // blocks in 100 slabs
    const out = Array.from({ length: n }, () => a.get(64));
    assertEquals(below(a), { blocks: 101, bytes: 100 * 4096 + 512 });
    if (order === "last in, first out") out.reverse();
    if (order === "in strides") out.sort((p, q) => p % 4096 - q % 4096);
    for (const p of out) a.put(p, 64);
    assertEquals(below(a), { blocks: 2, bytes: 4096 + 512 }, order);
    // And what is kept serves
    for (let i = 0; i < 63; i++) a.get(64);
    assertEquals(below(a).blocks, 2);
    a.get(64);
    assertEquals(below(a).blocks, 3);
    a.deinit();
    assertEquals(below(a).bytes, 0);
    assertAllFree(heap, order);
  }
});

Deno.test("slab: serves from slabs with free blocks before it asks for more", () => {
  const heap = freshHeap(), a = init(slab(stats(mmap(heap)), 64, 4096));
  const out = Array.from({ length: 5000 }, () => a.get(64)), { nalloc } = a.state.base;
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < out.length; i += 3) a.put(out[i], 64);
    for (let i = 0; i < out.length; i += 3) out[i] = a.get(64);
  }
  assertEquals(new Set(out).size, out.length);
  assertEquals(a.state.base.nalloc, nalloc);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("slab: larger requests pass on with exactly their size", () => {
  const heap = freshHeap(), a = init(slab(stats(mmap(heap)), 100)); // blocks of 112 bytes
  const p = a.get(113), q = a.get(5000);
  assertEquals(below(a), { blocks: 2, bytes: 5113 });
  assertEquals(a.resize(q, 5000, 6000), true);
  assertEquals(below(a), { blocks: 2, bytes: 6113 });
  a.put(p, 113);
  a.put(q, 6000);
  assertEquals(below(a), { blocks: 0, bytes: 0 });
  a.deinit();
  assertAllFree(heap);
});

Deno.test("slab: resize and goodSize", () => {
  const heap = freshHeap(), a = init(slab(mmap(heap), 100)), p = a.get(10), q = a.get(5000);
  assertEquals([a.resize(p, 10, 112), a.resize(p, 112, 0), a.resize(p, 0, 113)], [true, true, false]);
  assertEquals([a.resize(q, 5000, 8192), a.resize(q, 8192, 100)], [true, false]);
  assertEquals([0, 1, 112, 113, 4096, 4097].map((size) => a.goodSize(size)), [112, 112, 112, 4096, 4096, 8192]);
  a.put(p, 0);
  a.put(q, 8192);
  // Over a layer that cannot resize, nor tell a good size
  const b = init(slab(refusing(heap, 0), 100));
  const r = b.get(5000);
  assertEquals([b.resize(r, 5000, 6000), b.resize(r, 5000, 10), b.goodSize(5000)], [false, false, 5000]);
  b.put(r, 5000);
  a.deinit();
  b.deinit();
  assertAllFree(heap);
});

Deno.test("slab: owns its blocks, small and large, and no other's", () => {
  const heap = freshHeap(), stack = slab(batch(mmap(heap)), 64, 4096), a = init(stack), b = init(stack);
  const blocks = (c: typeof a) => Array.from({ length: 300 }, (_, i) => c.get(i % 7 === 0 ? 5000 : 64));
  const mine = blocks(a), others = blocks(b), page = heap.getPages(1);
  assert(mine.every((p) => a.owns(p)));
  assert(others.every((p) => !a.owns(p) && b.owns(p)));
  // Whatever somebody else has where a slab has its header
  for (let index = 0; index < 10; index++) {
    heap.u32.fill(index, page >>> 2, (page >>> 2) + 1024);
    assertEquals([0, 64, 4000].map((at) => a.owns(page + at)), [false, false, false]);
  }
  assertEquals([0, 16, 2 ** 31, 2 ** 32 - 16].map((p) => a.owns(p)), [false, false, false, false]);
  // Slabs that went back are no longer owned
  mine.forEach((p, i) => a.put(p, i % 7 === 0 ? 5000 : 64));
  assertEquals(new Set(mine.filter((p) => a.owns(p)).map((p) => Math.floor(p / 4096))).size, 1);
  heap.putPages(page, 1);
  a.deinit();
  b.deinit();
  assertAllFree(heap);
});

Deno.test("slab: reset takes all blocks back, small and large", () => {
  const heap = freshHeap(), a = init(slab(stats(batch(mmap(heap))), 64, 4096));
  for (let round = 0; round < 3; round++) {
    const { out } = turnOver(a, { seed: round, steps: 1000, size: (pick) => pick(8) === 0 ? pick(9000) : pick(65) });
    assertGreater(out.length, 0);
    a.reset();
    assertEquals(below(a), { blocks: 0, bytes: 0 });
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("slab: has the capabilities that it can honour", () => {
  const heap = freshHeap();
  assertEquals(capabilities(slab(mmap(heap), 64)), ["resize", "goodSize"]);
  assertEquals(capabilities(slab(stats(batch(mmap(heap))), 64)), ["resize", "owns", "reset", "goodSize"]);
  assertEquals(capabilities(slab(sbrk(heap), 64, 4096)), ["resize", "owns", "reset", "goodSize"]);
  const a = init(slab(mmap(heap), 64));
  // @ts-expect-error a capability that it does not have
  assertThrows(() => a.owns(16), TypeError, "Cannot use owns");
  // @ts-expect-error a capability that it does not have
  assertThrows(() => a.reset(), TypeError, "Cannot use reset");
  // @ts-expect-error an alignment that it does not have
  assertThrows(() => a.get(16, 32), RangeError, "alignment must be a power of two from 1 to 16");
  init(slab(batch(mmap(heap)), 64)).owns(16);
});

Deno.test("slab: where memory runs out, nothing is lost and it goes on", () => {
  const heap = freshHeap({ initial: 1, maximum: 3 }), a = init(slab(mmap(heap), 100, 4096));
  for (let round = 0; round < 3; round++) {
    const { out, refused } = turnOver(a, { seed: round, steps: 4000, most: 3000, size: mixed });
    assertGreater(refused, 0);
    putAll(a, out);
    const blocks = [];
    for (let p; (p = a.get(100)) !== 0;) blocks.push(p);
    assertGreater(blocks.length, 36 * 40);
    for (const p of blocks) a.put(p, 100);
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("slab: every request to the layer below may fail", () => {
  for (let nth = 1, failed = 1; failed > 0; nth++) {
    const heap = freshHeap(), base = refusing(heap, nth), a = init(slab(base, 64, 1024));
    const out: number[] = [];
    failed = 0;
    while (out.length < 15 * 70) { // so that the table grows
      const p = a.get(64);
      if (p === 0) failed++;
      else out.push(p);
    }
    out.forEach((p, i) => fill(heap, p, 64, i));
    out.forEach((p, i) => assertFilled(heap, p, 64, i));
    assertEquals([failed, new Set(out).size], [base.gets < nth ? 0 : 1, out.length], `request ${nth}`);
    for (const p of out) a.put(p, 64);
    a.deinit();
    assertAllFree(heap, `request ${nth}`);
  }
});

Deno.test("slab: across 2 GiB, above it, and up to 4 GiB", () => {
  for (const address of [2 * GIB - 2 ** 18, 3 * GIB, 4 * GIB - 2 ** 18]) {
    const heap = heapFrom(address), free = heap.size < 4 * GIB ? undefined : heap.free;
    const a = init(slab(batch(mmap(heap)), 100, 4096)), size = mixed;
    const { out } = turnOver(a, { seed: 3, steps: 6000, most: 4000, size });
    assert(out.every(({ p }) => p >= address && a.owns(p)));
    putAll(a, out);
    a.deinit();
    assertEquals(heap.free.runs, 1);
    if (free !== undefined) assertEquals(heap.free, free);
  }
});

Deno.test("slab: its parameters are checked when it is composed", () => {
  const heap = freshHeap(), base = mmap(heap);
  const refused = (error: typeof TypeError | typeof RangeError, says: string, f: () => unknown) =>
    void assertThrows(f, error as typeof RangeError, `Cannot compose slab: ${says}`);
  for (const size of [0, -16, 2049, 16.5, NaN, Infinity]) {
    refused(RangeError, "bytes in a block must be an integer from 1 to 2048", () => slab(base, size));
  }
  refused(RangeError, "bytes in a block must be an integer from 1 to 128", () => slab(base, 129, 1024));
  for (const bytes of [512, 0, -4096, 1024.5, NaN, 2 ** 23]) {
    refused(RangeError, "bytes in a slab must be an integer from 1024 to 4194304", () => slab(base, 16, bytes));
  }
  refused(RangeError, "bytes in a slab must be a power of two, got 5000", () => slab(base, 16, 5000));
  for (const odd of ["64", null, {}, undefined] as unknown as number[]) {
    refused(TypeError, "bytes in a block must be a number", () => slab(base, odd));
    if (odd !== undefined) refused(TypeError, "bytes in a slab must be a number", () => slab(base, 64, odd));
  }
  const says = (need: number, have: number) => `maxAlign of the layer below must be at least ${need}, got ${have}`;
  refused(RangeError, says(8192, 4096), () => slab(sbrk(heap), 64, 8192));
  // @ts-expect-error a layer that cannot align
  refused(RangeError, says(16384, 16), () => slab(bonwick(base), 64));
  const plain: Layer<unknown> = bonwick(base) as AnyLayer;
  // @ts-expect-error a layer of which it is not known
  refused(RangeError, says(1024, 16), () => slab(plain, 64, 1024));
  for (const odd of [undefined, null, 5, {}, []] as unknown as ReturnType<typeof mmap>[]) {
    refused(TypeError, "expected a layer or a heap as its first argument", () => slab(odd, 64));
  }
  refused(RangeError, "", () => slab(heap as Heap & ReturnType<typeof mmap>, 64));
  assertAllFree(heap);
});
