import { type AnyLayer, batch, bonwick, type Heap, init, mmap, sbrk, stats } from "../mod.ts";
import { type Buddy, buddy } from "../layers/buddy.ts";
import { assert, assertEquals, assertGreater, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, random } from "./kit.ts";
import { type Block, capabilities, heapFrom, putAll, refusing, turnOver } from "./turnover.ts";

const GIB = 2 ** 30;

const orderOf = (size: number, least: number) => Math.max(0, Math.ceil(Math.log2(Math.max(size, 1) / least)));

/** The free blocks of a state, by order, and the addresses of its spans. */
function inside(heap: Heap, s: Buddy<unknown>, span: number): { free: number[][]; spans: number[] } {
  const { u32 } = heap, spans = [];
  for (let i = 0; i < s.slots; i++) if (u32[(s.table >>> 2) + i] !== 0) spans.push(i * span);
  const free = Array.from(s.free, (head, order) => {
    const list = [];
    for (let p = head, prev = 0; p !== 0; prev = p, p = u32[p >>> 2]) {
      assertEquals(u32[(p >>> 2) + 1], prev);
      list.push(p);
    }
    assertEquals((s.orders >>> order) & 1, list.length > 0 ? 1 : 0);
    return list;
  });
  return { free, spans };
}

/** Asserts that free blocks and those that are out make up the spans exactly, and that no two free buddies are left. */
function assertSound(heap: Heap, s: Buddy<unknown>, least: number, span: number, out: readonly Block[]): void {
  const { free, spans } = inside(heap, s, span), parts: [from: number, to: number][] = [];
  free.forEach((list, order) => {
    const bytes = least * 2 ** order;
    for (const p of list) {
      assertEquals(p % bytes, 0);
      parts.push([p, p + bytes]);
      const other = Math.floor(p / bytes) % 2 === 0 ? p + bytes : p - bytes;
      assert(bytes === span || !list.includes(other), `${bytes} bytes at ${p} and at ${other} are free`);
    }
  });
  for (const { p, size } of out) {
    if (size > span) continue;
    const bytes = least * 2 ** orderOf(size, least);
    assertEquals(p % bytes, 0);
    parts.push([p, p + bytes]);
  }
  parts.sort(([p], [q]) => p - q);
  let i = 0;
  for (const start of spans) {
    for (let at = start; at < start + span; at = parts[i++][1]) assertEquals(parts[i]?.[0], at);
  }
  assertEquals(i, parts.length);
  assert(free.at(-1)!.length <= 1, "more than one span is kept");
}

/** What is out below: blocks and bytes. */
function below(a: { state: { base: { nalloc: number; nfree: number; szalloc: number; szfree: number } } }) {
  const { nalloc, nfree, szalloc, szfree } = a.state.base;
  return { blocks: nalloc - nfree, bytes: szalloc - szfree };
}

/** Many small ones, some up to a span, few beyond. */
const mixed = (span: number) => (pick: (n: number) => number) =>
  pick(20) === 0 ? pick(2 * span) : pick(4) === 0 ? pick(span / 4) : pick(100);

Deno.test("buddy: random programs leave nothing but free and used blocks, with no two free buddies", () => {
  for (const [least, span] of [[16, 4096], [16, 16384], [64, 2 ** 16], [4096, 4096], [1024, 2 ** 20], [16, 2 ** 20]]) {
    for (let seed = 0; seed < 6; seed++) {
      const heap = freshHeap(), a = init(buddy(mmap(heap), least, span));
      const { out, resized, refused } = turnOver(a, {
        seed,
        steps: 2000,
        size: mixed(Math.min(span, 40_000)),
        align: (pick) => pick(3) === 0 ? 2 ** pick(Math.log2(span) + 1) : 16,
        most: 100,
        check: (out) => assertSound(heap, a.state, least, span, out),
      });
      assertEquals(refused, 0);
      assertGreater(resized, 0);
      putAll(a, out);
      assertSound(heap, a.state, least, span, []);
      const { free, spans } = inside(heap, a.state, span);
      assertEquals([free.flat().length, spans.length], [1, 1]); // one span, in one piece
      a.deinit();
      assertAllFree(heap, `seed ${seed}, ${least} to ${span}`);
    }
  }
});

Deno.test("buddy: every size gets the next power of two, aligned to itself", () => {
  const heap = freshHeap(), a = init(buddy(mmap(heap), 32, 16384));
  for (let size = 0; size <= 16384; size += size < 300 ? 1 : 97) {
    const p = a.get(size), bytes = 32 * 2 ** orderOf(size, 32);
    assertEquals([p % bytes, a.goodSize(size)], [0, bytes], `${size} bytes`);
    assertSound(heap, a.state, 32, 16384, [{ p, size, byte: 0 }]);
    a.put(p, size);
  }
  assertEquals([16384, 16385, 20_480].map((size) => a.goodSize(size)), [16384, 20_480, 20_480]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("buddy: any alignment up to a span, at no more than the size", () => {
  const heap = freshHeap(), a = init(buddy(mmap(heap), 16, 65536)), out: Block[] = [];
  assertEquals(a.layer.maxAlign, 65536);
  for (let align = 1; align <= 65536; align *= 2) {
    for (const size of [0, 24, 100, 5000, 65536, 70_000]) {
      const p = a.get(size, align);
      assertEquals(p % align, 0, `${size} bytes at ${p}`);
      fill(heap, p, size, out.length);
      out.push({ p, size, byte: out.length });
      assertSound(heap, a.state, 16, 65536, out);
    }
  }
  putAll(a, out);
  assertThrows(() => a.get(16, 131_072), RangeError, "alignment must be a power of two from 1 to 65536");
  a.deinit();
  assertAllFree(heap);
});

Deno.test("buddy: a span of blocks uses the span to its last byte", () => {
  const heap = freshHeap(), a = init(buddy(stats(mmap(heap)))), n = 2 ** 20 / 16;
  const out = Array.from({ length: n }, () => a.get(16));
  // The span, a bit for each block, and the table
  assertEquals(below(a), { blocks: 3, bytes: 2 ** 20 + n / 8 + 256 });
  assertEquals(new Set(out).size, n);
  const pick = random(1);
  out.sort(() => pick(3) - 1);
  for (const p of out) a.put(p, 16);
  const { nalloc } = a.state.base, p = a.get(2 ** 20); // is one piece again
  assertEquals(a.state.base.nalloc, nalloc);
  fill(heap, p, 2 ** 20, 1);
  a.put(p, 2 ** 20);
  a.deinit();
  assertEquals(below(a), { blocks: 0, bytes: 0 });
  assertAllFree(heap);
});

Deno.test("buddy: spans that become free are given back, and one is kept", () => {
  const heap = freshHeap(), a = init(buddy(stats(mmap(heap)), 16, 4096));
  const out = Array.from({ length: 100 }, () => a.get(4000)), most = below(a).blocks;
  assertEquals(most, 2 * 100 + 1);
  for (let round = 0; round < 3; round++) { // nothing comes and goes while a span is filled and emptied
    const { nalloc } = a.state.base, p = a.get(4096);
    a.put(p, 4096);
    a.put(a.get(16), 16);
    assertEquals(a.state.base.nalloc, nalloc + (round === 0 ? 2 : 0));
  }
  for (const p of out) a.put(p, 4000);
  assertEquals(below(a).blocks, 2 + 1);
  a.deinit();
  assertEquals(below(a).bytes, 0);
  assertAllFree(heap);
});

Deno.test("buddy: shrinks in place, and grows into free upper buddies", () => {
  const heap = freshHeap(), a = init(buddy(mmap(heap), 16, 4096)), p = a.get(16);
  const sound = (size: number, ...more: Block[]) =>
    assertSound(heap, a.state, 16, 4096, [{ p, size, byte: 0 }, ...more]);
  for (const [old, size] of [[16, 17], [17, 4096], [4096, 2048], [2048, 0], [0, 1000], [1000, 1024], [1024, 1]]) {
    fill(heap, p, old, size);
    assertEquals(a.resize(p, old, size), true, `${old} to ${size} bytes`);
    assertFilled(heap, p, Math.min(old, size), size);
    sound(size);
  }
  const q = a.get(100); // 128 bytes, at 128
  assertEquals(q, p + 128);
  const other = { p: q, size: 100, byte: 0 };
  assertEquals([a.resize(p, 1, 129), a.resize(p, 1, 128)], [false, true]);
  assertEquals([a.resize(q, 100, 129), a.resize(q, 100, 256)], [false, false]); // it is an upper buddy
  sound(128, other);
  a.put(p, 128);
  assertEquals(a.resize(q, 100, 129), false);
  assertEquals([a.resize(q, 100, 4097), a.resize(q, 100, 2 ** 32 - 1)], [false, false]);
  a.put(q, 100);
  // Large ones, as the layer below does it
  const r = a.get(5000);
  assertEquals([a.resize(r, 5000, 8000), a.resize(r, 8000, 4096)], [true, false]);
  a.put(r, 8000);
  const b = init(buddy(refusing(heap, 0), 16, 4096)), t = b.get(5000);
  assertEquals([b.resize(t, 5000, 8000), b.resize(t, 5000, 10), b.goodSize(5000)], [false, false, 5000]);
  b.put(t, 5000);
  a.deinit();
  b.deinit();
  assertAllFree(heap);
});

Deno.test("buddy: owns its blocks, small and large, and no other's", () => {
  const heap = freshHeap(), stack = buddy(batch(mmap(heap)), 16, 8192), a = init(stack), b = init(stack);
  const blocks = (c: typeof a) => Array.from({ length: 300 }, (_, i) => c.get(i % 7 === 0 ? 9000 : 100));
  const mine = blocks(a), others = blocks(b), page = heap.getPages(1);
  assert(mine.every((p) => a.owns(p)));
  assert(others.every((p) => !a.owns(p) && b.owns(p)));
  assertEquals([0, 16, page, 2 ** 31, 2 ** 32 - 16].map((p) => a.owns(p)), [false, false, false, false, false]);
  mine.forEach((p, i) => a.put(p, i % 7 === 0 ? 9000 : 100));
  assertEquals(new Set(mine.filter((p) => a.owns(p)).map((p) => Math.floor(p / 8192))).size, 1);
  heap.putPages(page, 1);
  a.deinit();
  b.deinit();
  assertAllFree(heap);
});

Deno.test("buddy: reset takes all blocks back, small and large", () => {
  const heap = freshHeap(), a = init(buddy(stats(batch(mmap(heap))), 16, 8192));
  for (let round = 0; round < 3; round++) {
    const { out } = turnOver(a, { seed: round, steps: 1000, size: mixed(8192) });
    assertGreater(out.length, 0);
    a.reset();
    assertEquals(below(a), { blocks: 0, bytes: 0 });
    assertSound(heap, a.state, 16, 8192, []);
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("buddy: deinit gives back everything that is still out", () => {
  const heap = freshHeap(), a = init(buddy(mmap(heap), 16, 65536)), pick = random(5);
  for (let i = 0; i < 3000; i++) a.get(pick(pick(2) ? 300 : 60_000));
  a.deinit();
  assertAllFree(heap);
});

Deno.test("buddy: has the capabilities that it can honour", () => {
  const heap = freshHeap();
  assertEquals(capabilities(buddy(mmap(heap))), ["resize", "goodSize", "maxAlign"]);
  const all = ["resize", "owns", "reset", "goodSize", "maxAlign"];
  assertEquals(capabilities(buddy(stats(batch(mmap(heap))), 64)), all);
  assertEquals(capabilities(buddy(sbrk(heap), 64, 4096)), all);
  const a = init(buddy(mmap(heap)));
  // @ts-expect-error a capability that it does not have
  assertThrows(() => a.owns(16), TypeError, "Cannot use owns");
  // @ts-expect-error a capability that it does not have
  assertThrows(() => a.reset(), TypeError, "Cannot use reset");
  init(buddy(batch(mmap(heap)))).owns(16);
  init(buddy(buddy(mmap(heap)), 16, 4096)).deinit(); // it aligns, so it can be below another
  assertAllFree(heap);
});

Deno.test("buddy: over buddy, over a break", () => {
  for (const base of [(heap: Heap) => buddy(mmap(heap)), (heap: Heap) => sbrk(heap)]) {
    const heap = freshHeap(), a = init(buddy(base(heap) as ReturnType<typeof sbrk>, 16, 4096));
    const { out } = turnOver(a, { seed: 1, steps: 3000, size: mixed(4096) });
    assertSound(heap, a.state, 16, 4096, out);
    putAll(a, out);
    a.deinit();
    assertAllFree(heap);
  }
});

Deno.test("buddy: where memory runs out, nothing is lost and it goes on", () => {
  const heap = freshHeap({ initial: 1, maximum: 3 }), a = init(buddy(mmap(heap), 16, 8192));
  for (let round = 0; round < 3; round++) {
    const check = (out: readonly Block[]) => assertSound(heap, a.state, 16, 8192, out);
    const { out, refused } = turnOver(a, { seed: round, steps: 3000, most: 2000, size: mixed(8192), check });
    assertGreater(refused, 0);
    putAll(a, out);
    check([]);
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("buddy: every request to the layer below may fail", () => {
  for (let nth = 1, refused = 1; refused > 0; nth++) {
    const heap = freshHeap(), base = refusing(heap, nth), a = init(buddy(base, 1024, 4096)), out: Block[] = [];
    refused = 0;
    while (out.length < 300) { // 75 spans, so that the table grows
      const p = a.get(1024);
      if (p === 0) {
        refused++;
        assertSound(heap, a.state, 1024, 4096, out);
      } else {
        fill(heap, p, 1024, out.length % 256);
        out.push({ p, size: 1024, byte: out.length % 256 });
      }
    }
    assertEquals(refused, base.gets < nth ? 0 : 1, `request ${nth}`);
    assertSound(heap, a.state, 1024, 4096, out);
    putAll(a, out);
    a.deinit();
    assertAllFree(heap, `request ${nth}`);
  }
});

Deno.test("buddy: across 2 GiB, above it, and up to 4 GiB", () => {
  for (const address of [2 * GIB - 2 ** 19, 3 * GIB, 4 * GIB - 2 ** 20]) {
    const heap = heapFrom(address), a = init(buddy(batch(mmap(heap)), 16, 65536));
    const check = (out: readonly Block[]) => assertSound(heap, a.state, 16, 65536, out);
    const { out } = turnOver(a, { seed: 3, steps: 4000, most: 2000, size: mixed(4000), check });
    assert(out.length > 500 && out.every(({ p }) => p >= address && a.owns(p)));
    putAll(a, out);
    check([]);
    a.deinit();
    assertEquals(heap.free.runs, 1);
  }
  const heap = freshHeap(), a = init(buddy(mmap(heap), 16, GIB)), p = a.get(GIB), q = a.get(GIB, GIB);
  assertEquals([p, q], [GIB, 2 * GIB]);
  assertEquals([a.resize(q, GIB, 16), a.resize(q, 16, GIB / 2 + 1), a.get(2 ** 32 - 1)], [true, true, 0]);
  a.put(q, GIB);
  a.put(p, GIB);
  a.deinit();
  assertEquals(heap.free.runs, 1);
});

Deno.test("buddy: its parameters are checked when it is composed", () => {
  const heap = freshHeap(), base = mmap(heap);
  const refused = (error: typeof TypeError | typeof RangeError, says: string, f: () => unknown) =>
    void assertThrows(f, error as typeof RangeError, `Cannot compose buddy: ${says}`);
  for (const least of [0, -16, 8, 16.5, NaN, 2 ** 21]) {
    const says = "bytes in the smallest block must be an integer from 16 to 1048576";
    refused(RangeError, says, () => buddy(base, least));
  }
  refused(RangeError, "bytes in the smallest block must be a power of two, got 48", () => buddy(base, 48));
  for (const span of [2048, 0, -4096, 4096.5, NaN, 2 ** 31]) {
    refused(RangeError, "bytes in a span must be an integer from 4096 to 1073741824", () => buddy(base, 16, span));
  }
  refused(RangeError, "bytes in a span must be a power of two, got 5000", () => buddy(base, 16, 5000));
  for (const odd of ["64", null, {}] as unknown as number[]) {
    refused(TypeError, "bytes in the smallest block must be a number", () => buddy(base, odd));
    refused(TypeError, "bytes in a span must be a number", () => buddy(base, 16, odd));
  }
  const says = (need: number, have: number) => `maxAlign of the layer below must be at least ${need}, got ${have}`;
  refused(RangeError, says(8192, 4096), () => buddy(sbrk(heap), 16, 8192));
  // @ts-expect-error a layer that cannot align
  refused(RangeError, says(2 ** 20, 16), () => buddy(bonwick(base)));
  // @ts-expect-error a layer of which it is not known
  refused(RangeError, says(4096, 16), () => buddy(bonwick(base) as AnyLayer, 16, 4096));
  for (const odd of [undefined, null, 5, {}, []] as unknown as ReturnType<typeof mmap>[]) {
    refused(TypeError, "expected a layer or a heap as its first argument", () => buddy(odd));
  }
  refused(RangeError, "", () => buddy(heap as Heap & ReturnType<typeof mmap>));
  assertAllFree(heap);
});
