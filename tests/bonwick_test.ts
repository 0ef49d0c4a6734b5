import { bonwick, init, mmap, sbrk, stats } from "../mod.ts";
import { assert, assertEquals, assertFalse, assertLess } from "./assert.ts";
import { assertAllFree, assertFilled, backed, type Call, fill, freshHeap, random } from "./kit.ts";

const SPAN = 256 * 1024;

const spans = (calls: Call[], what: string) => calls.filter((c) => c[0] === what && c.at(-1) === SPAN).length;

Deno.test("bonwick: buckets of a power of two, from 16 bytes up", () => {
  const heap = freshHeap(), a = init(bonwick(mmap(heap)));
  for (let bucket = 16, size = 0; bucket <= 2048; bucket *= 2) {
    for (; size <= bucket; size++) {
      const p = a.get(size);
      assertEquals(p % 16, 0);
      a.put(p, size);
      // What came back last is what the bucket serves next, and no other bucket does
      assertEquals(a.get(bucket), p, `${size} bytes`);
      if (bucket < 2048) assert(a.get(2 * bucket) !== p);
      a.put(p, bucket);
    }
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bonwick: blocks of a bucket do not overlap", () => {
  for (let size = 16; size <= 2048; size *= 2) {
    const heap = freshHeap(), a = init(bonwick(mmap(heap)));
    const blocks = Array.from({ length: 2000 }, () => a.get(size)).sort((x, y) => x - y);
    for (let i = 1; i < blocks.length; i++) assert(blocks[i] - blocks[i - 1] >= size, `${size} bytes`);
    blocks.forEach((p, i) => fill(heap, p, size, i));
    blocks.forEach((p, i) => assertFilled(heap, p, size, i % 256));
    a.deinit();
    assertAllFree(heap);
  }
});

Deno.test("bonwick: big blocks come straight from below with exactly their size", () => {
  const { base, close } = backed(), a = init(bonwick(base));
  const sizes = [2049, 4096, 5000, 100_000];
  const blocks = sizes.map((size) => a.get(size));
  const gets = base.calls.filter(([what]) => what === "get").map(([, size]) => size);
  for (const size of sizes) assertEquals(gets.filter((s) => s === size).length, 1, `${size} bytes`);
  assertEquals(spans(base.calls, "get"), 0);
  const largest = a.get(2048); // is small
  assertEquals([spans(base.calls, "get"), base.calls.some(([, size]) => size === 2048)], [1, false]);
  a.put(largest, 2048);
  blocks.forEach((p, i) => a.put(p, sizes[i]));
  assertEquals(
    base.calls.filter(([what]) => what === "put"),
    blocks.map((p, i) => ["put", p, sizes[i]] satisfies Call),
  );
  a.deinit();
  close();
});

Deno.test("bonwick: one span serves many buckets, and spans that are empty are given back", () => {
  const { heap, base, close } = backed(), a = init(bonwick(base));
  for (let size = 16; size <= 2048; size *= 2) a.get(size);
  assertEquals(spans(base.calls, "get"), 1);
  const blocks = Array.from({ length: 20_000 }, () => a.get(100)); // 2.5 MiB, about ten spans
  const got = spans(base.calls, "get");
  assert(got >= 10, String(got));
  for (const p of blocks) a.put(p, 100);
  // The first is still in use, two are kept idle, and the magazine may hold blocks of another
  assert(spans(base.calls, "put") >= got - 4, String(spans(base.calls, "put")));
  assertLess(spans(base.calls, "put"), got);
  // What was kept serves any bucket
  for (let i = 0; i < 200; i++) fill(heap, a.get(1000), 1000, 1);
  assertEquals(spans(base.calls, "get"), got);
  a.deinit();
  assertEquals(spans(base.calls, "put"), got);
  close();
});

Deno.test("bonwick: serves from partial slabs before it asks for more", () => {
  const { base, close } = backed(), a = init(bonwick(base));
  const blocks = Array.from({ length: 10_000 }, () => a.get(64));
  const got = spans(base.calls, "get");
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < blocks.length; i += 3) a.put(blocks[i], 64);
    for (let i = 0; i < blocks.length; i += 3) blocks[i] = a.get(64);
  }
  assertEquals(new Set(blocks).size, blocks.length);
  assertEquals(spans(base.calls, "get"), got);
  a.deinit();
  close();
});

Deno.test("bonwick: slabs are found whatever the alignment of the spans", () => {
  for (const skew of [0, 16, 4096, 8192, 12_288, 16_384 - 16]) {
    const heap = freshHeap(), memory = sbrk(heap), s = memory.init();
    memory.get(s, (skew - memory.get(s, 16) - 16 + 2 ** 20) % 16_384); // the next block is at `skew`
    const base = { ...memory, init: () => s, deinit: () => {} }, a = init(bonwick(base)), pick = random(skew + 1);
    const out: [p: number, size: number, byte: number][] = [];
    for (let i = 0; i < 4000; i++) {
      if (pick(3) || out.length === 0) {
        const size = pick(2049), p = a.get(size);
        fill(heap, p, size, i % 256);
        out.push([p, size, i % 256]);
      } else {
        const [p, size, byte] = out.splice(pick(out.length), 1)[0];
        assertFilled(heap, p, size, byte);
        a.put(p, size);
      }
    }
    for (const [p, size, byte] of out) assertFilled(heap, p, size, byte);
    a.deinit();
    memory.deinit(s);
    assertAllFree(heap, `spans ${skew} bytes off`);
  }
});

Deno.test("bonwick: deinit gives back everything that is still out, big and small", () => {
  const heap = freshHeap(), a = init(bonwick(mmap(heap))), pick = random(5);
  for (let i = 0; i < 3000; i++) a.get(pick(pick(2) ? 300 : 10_000));
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bonwick: a small block is resized within its bucket, a big one as the layer below can", () => {
  const heap = freshHeap(), a = init(bonwick(mmap(heap)));
  for (let bucket = 16, least = 0; bucket <= 2048; least = bucket + 1, bucket *= 2) {
    const p = a.get(bucket);
    fill(heap, p, bucket, 1);
    for (const size of [least, bucket - 1, bucket]) {
      assert(a.resize(p, bucket, size) && a.resize(p, size, bucket), `${size} in ${bucket}`);
    }
    for (const size of [bucket + 1, 2 * bucket, least - 1, 4096, 2 ** 32 - 1]) {
      if (size >= 0) assertFalse(a.resize(p, bucket, size), `${size} in ${bucket}`);
    }
    assertFilled(heap, p, bucket, 1);
    assert(a.resize(p, bucket, least));
    a.put(p, least); // goes back to its bucket
    assertEquals(a.get(bucket), p);
  }
  const big = a.get(2049);
  fill(heap, big, 2049, 2);
  assert(a.resize(big, 2049, 200_000));
  assertFilled(heap, big, 2049, 2);
  assertFalse(a.resize(big, 200_000, 2048));
  assert(a.resize(big, 200_000, 4096));
  assertEquals(a.get(4096), big + 4096); // the pages behind it are free
  assertFalse(a.resize(big, 4096, 4097));
  a.put(big, 4096);
  a.deinit();
  assertAllFree(heap);
  const { base, close } = backed(), b = init(bonwick(base)), p = b.get(5000);
  assertFalse(b.resize(p, 5000, 5001) || b.resize(p, 5000, 4999)); // that one cannot
  assert(b.resize(b.get(10), 10, 16));
  b.deinit();
  close();
});

Deno.test("bonwick: a reset gives all back, and it goes on", () => {
  const heap = freshHeap(), below = stats(mmap(heap)), a = init(bonwick(below)), pick = random(3);
  a.reset(); // of nothing
  for (let round = 0; round < 4; round++) {
    const out: [p: number, size: number, byte: number][] = [];
    for (let i = 0; i < 3000; i++) {
      const size = pick(pick(20) ? 300 : 10_000), p = a.get(size);
      fill(heap, p, size, i);
      out.push([p, size, i & 255]);
      if (i % 3 === 0) {
        const [p, size, byte] = out.splice(pick(out.length), 1)[0];
        assertFilled(heap, p, size, byte);
        a.put(p, size);
      }
    }
    for (const [p, size, byte] of out) assertFilled(heap, p, size, byte);
    a.reset();
    assertAllFree(heap);
  }
  const g = below.gauge(a.state.base.base);
  assertEquals([g.nfree, g.szfree], [g.nalloc, g.szalloc]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bonwick: a good size is that of the bucket, or the layer's below", () => {
  const heap = freshHeap(), a = init(bonwick(mmap(heap))), { base, close } = backed(), b = init(bonwick(base));
  let last = 0;
  for (let size = 0; size < 9000; size++) {
    const good = a.goodSize(size);
    assert(good >= size && good >= last && a.goodSize(good) === good, `${size}: ${good}`);
    last = good;
    if (size <= 2048) {
      assertEquals(good, 2 ** Math.max(4, Math.ceil(Math.log2(size || 1))));
      assertEquals(b.goodSize(size), good);
      const p = a.get(size);
      assert(a.resize(p, size, good)); // and has that
      a.put(p, good);
    } else assertEquals([good, b.goodSize(size)], [Math.ceil(size / 4096) * 4096, size]);
  }
  assertEquals(a.goodSize(2 ** 32 - 1), 2 ** 32 - 1);
  a.deinit();
  b.deinit();
  close();
});
