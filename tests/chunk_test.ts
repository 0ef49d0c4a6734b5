import { type AnyLayer, batch, bonwick, chunk, type Heap, init, layers, mmap, sbrk, stats } from "../mod.ts";
import { assert, assertEquals, assertFalse, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, backed, fill, freshHeap, levels, PAGE, random, stub } from "./kit.ts";

const MIB = 2 ** 20;

/** An arena over `stats`, and what that has out. */
function arenaOf(heap: Heap, bytes: number, growth?: number, retain?: number) {
  const below = stats(mmap(heap)), a = init(chunk(below, bytes, growth, retain));
  const gauge = () => below.gauge(a.state.base);
  const held = () => gauge().szalloc - gauge().szfree;
  return { heap, a, gauge, held };
}

/** Sizes of the chunks that an arena asks for, whose memory is none. */
function sizesOf(bytes: number, growth: number, requests: number[]): number[] {
  const { base, close } = backed(), a = init(chunk(base, bytes, growth));
  for (const size of requests) a.get(size);
  close();
  return base.calls.filter(([what]) => what === "get").map(([, size]) => size as number);
}

Deno.test("chunk: blocks lie behind one another, as aligned as asked", () => {
  const heap = freshHeap(), a = init(chunk(mmap(heap), 4096));
  const p = a.get(24),
    q = a.get(24),
    r = a.get(1, 1),
    s = a.get(1, 1),
    t = a.get(2, 2),
    u = a.get(4, 4),
    v = a.get(8, 8);
  assertEquals([q, r, s, t, u, v].map((x) => x - p), [32, 56, 57, 58, 60, 64]);
  assertEquals(p % 16, 0);
  assertEquals(a.get(0), p + 80); // no bytes have an address of their own
  assertEquals(a.get(5), p + 96);
  a.put(q, 24);
  assertEquals(a.get(16), p + 112); // put frees nothing
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: asks for a chunk at a time, and gives each back as it got it", () => {
  const { heap, base, close } = backed(), a = init(chunk(base, 1000));
  for (let i = 0; i < 100; i++) a.get(30);
  a.deinit();
  const gets = base.calls.filter(([what]) => what === "get"), puts = base.calls.filter(([what]) => what === "put");
  assertEquals(gets.length, Math.ceil(100 / Math.floor((1000 - 16) / 32)));
  assert(gets.every(([, size]) => size === 1000));
  assertEquals(puts.map(([, , size]) => size), gets.map(([, size]) => size));
  assertEquals(new Set(puts.map(([, p]) => p)).size, gets.length);
  assertEquals(base.calls.at(-1), ["deinit"]);
  close();
  assertAllFree(heap);
});

Deno.test("chunk: an oversize block gets a chunk of its own, and the current one goes on", () => {
  const heap = freshHeap(), a = init(chunk(stats(mmap(heap)), 4096));
  const gauge = () => [...levels(a.layer, a.state)][1].layer.gauge!(a.state.base);
  const p = a.get(16);
  const big = a.get(10_000);
  fill(heap, big, 10_000, 1);
  assertEquals(a.get(16), p + 16);
  assertEquals(gauge().szalloc, 4096 + 10_016);
  assertFilled(heap, big, 10_000, 1);
  a.deinit();
  assertEquals(gauge().szfree, 4096 + 10_016);
  assertAllFree(heap);
});

Deno.test("chunk: every size around the size of a chunk", () => {
  for (const bytes of [64, 100, 4096, 4097]) {
    const heap = freshHeap(), a = init(chunk(mmap(heap), bytes));
    const out: [p: number, size: number][] = [];
    for (let size = bytes - 70; size < bytes + 40; size++) {
      if (size < 0) continue;
      const p = a.get(size);
      assertEquals(p % 16, 0);
      fill(heap, p, size, size % 251);
      out.push([p, size]);
    }
    for (const [p, size] of out) assertFilled(heap, p, size, size % 251);
    a.deinit();
    assertAllFree(heap, `chunks of ${bytes}`);
  }
});

Deno.test("chunk: a chunk that adjoins the last extends it in place", () => {
  const heap = freshHeap(), a = init(chunk(mmap(heap), 4096)); // mmap's fresh pages adjoin
  const p = a.get(4000), q = a.get(2000), r = a.get(3000);
  assertEquals(q, p + 4000 + 16); // behind the record of the new chunk
  assertEquals(r, q + 2000 + 16);
  fill(heap, q, 2000, 2);
  fill(heap, p, 4000, 1);
  fill(heap, r, 3000, 3);
  assertFilled(heap, p, 4000, 1);
  assertFilled(heap, q, 2000, 2);
  a.deinit(); // each chunk goes back from where it starts, which is not where its record is
  assertAllFree(heap);
});

Deno.test("chunk: one that does not adjoin starts afresh", () => {
  const heap = freshHeap(), a = init(chunk(mmap(heap), 4096));
  const p = a.get(4000), between = heap.getPages(1), q = a.get(2000);
  assertEquals(q, between + PAGE + 16);
  fill(heap, p, 4000, 1);
  fill(heap, q, 2000, 2);
  heap.putPages(between, 1);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: chunks of chunks of a break", () => {
  const heap = freshHeap(), a = init(chunk(chunk(sbrk(heap), 100_000), 256));
  for (let i = 0; i < 5000; i++) fill(heap, a.get(i % 300), i % 300, i);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: the bytes of a chunk are checked when it is composed", () => {
  const base = mmap(freshHeap());
  for (const bytes of [63, 0, -4096, 64.5, NaN, Infinity, 2 ** 30 + 1]) {
    assertThrows(
      () => chunk(base, bytes),
      RangeError,
      "Cannot compose chunk: bytes in a chunk must be an integer from 64",
    );
  }
  for (const bytes of ["4096", null, undefined, {}, [4096], 4096n]) {
    assertThrows(
      () => chunk(base, bytes as number),
      TypeError,
      "Cannot compose chunk: bytes in a chunk must be a number",
    );
  }
  chunk(base, 64);
  chunk(base, 2 ** 30);
});

Deno.test("chunk: chunks grow by a factor, up to 64 MiB", () => {
  const full = (n: number) => Array.from({ length: n }, () => 900);
  assertEquals(sizesOf(1024, 1, full(4)), [1024, 1024, 1024, 1024]);
  assertEquals(sizesOf(1024, 2, full(8)), [1024, 2048, 4096, 8192]);
  assertEquals(sizesOf(1024, 16, full(25)), [1024, 16_384, 262_144]);
  assertEquals(sizesOf(1025, 1.5, full(6)), [1025, 1537, 2305, 3457]); // whole bytes
  assertEquals(sizesOf(64, 1.01, [32, 32, 32]), [64, 64]);
  assertEquals(sizesOf(1024, 2, [900, 900, 50_000, 900, 900]), [1024, 2048, 50_016, 4096]); // but for oversize ones
  const base = stub(freshHeap({ initial: 4096 }));
  const a = init(chunk(base, 2 ** 24, 2));
  for (let i = 0; i < 15; i++) a.get(2 ** 23 + 2 ** 22);
  assertEquals(base.calls.slice(1).map(([, size]) => size as number / MIB), [16, 32, 64, 64, 64]);
  assertEquals(sizesOf(2 ** 27, 16, [1]), [2 ** 27]); // larger from the start
});

Deno.test("chunk: when memory is too short to grow, a smaller chunk will do", () => {
  const heap = freshHeap({ maximum: 64 }), a = init(chunk(mmap(heap), 4096, 16));
  let bytes = 0;
  while (a.get(1000) !== 0) bytes += 1000;
  assert(bytes > 0.9 * 64 * 65536, `${bytes} bytes`);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: reset takes all back, and the same again takes no more memory", () => {
  const programs: ((get: (size: number) => void, round: number) => void)[] = [
    (get) => {
      for (let i = 0; i < 100; i++) get(300);
    },
    (get) => { // with blocks that have a chunk of their own
      for (let i = 0; i < 40; i++) get(i % 7 ? 300 : 10_000 + i);
    },
    (get) => get(100_000),
    (get) => {
      get(4064); // what just fits, and does not
      get(4065);
      get(4080);
    },
    (get, round) => { // in another order
      for (let i = 0; i < 40; i++) get((i + round) % 7 ? 300 : 10_000);
    },
  ];
  for (const bottom of [mmap, sbrk]) {
    for (const growth of [1, 1.5, 4]) {
      for (const [i, program] of programs.entries()) {
        const heap = freshHeap(), below = stats(bottom(heap) as AnyLayer), a = init(chunk(below, 4096, growth));
        const held: number[] = [];
        let theirs = 0;
        for (let round = 0; round < 30; round++) {
          const out: [p: number, size: number, byte: number][] = [];
          program((size) => {
            const p = a.get(size);
            fill(heap, p, size, out.length + round);
            out.push([p, size, (out.length + round) & 255]);
          }, round);
          for (const [p, size, byte] of out) assertFilled(heap, p, size, byte);
          assert(out.every(([p]) => a.owns(p)));
          a.reset();
          assertFalse(out.some(([p]) => a.owns(p)));
          const { szalloc, szfree } = below.gauge(a.state.base as never);
          held.push(szalloc - szfree);
          if (round === 5 && theirs === 0) theirs = bottom === mmap ? heap.getPages(1) : 0; // chunks adjoin no more
        }
        const what = `program ${i}, growth ${growth}: ${held}`;
        if (i < 4) assertEquals(held.at(-1), held[0], what);
        else assert(held.at(-1)! < 2 * held[0], what);
        a.deinit();
        if (theirs !== 0) heap.putPages(theirs, 1);
        assertAllFree(heap);
      }
    }
  }
});

Deno.test("chunk: reset keeps chunks up to a limit, and gives the others back", () => {
  for (const [retain, kept] of [[0, 0], [4095, 0], [4096, 1], [10_000, 2], [2 ** 32, 10], [Infinity, 10]]) {
    const { a, heap, held } = arenaOf(freshHeap(), 4096, 1, retain);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 10; i++) a.get(4000);
      assertEquals(held(), 10 * 4096);
      a.reset();
      assertEquals([held(), a.state.spared], [kept * 4096, kept * 4096]);
    }
    a.reset(); // of nothing
    assertEquals(held(), kept * 4096);
    a.deinit();
    assertEquals(held(), 0);
    assertAllFree(heap);
  }
});

Deno.test("chunk: blocks that get larger with every reset do not pile up", () => {
  const { a, heap, held } = arenaOf(freshHeap(), 4096);
  for (let i = 0; i < 300; i++) {
    a.get(100);
    fill(heap, a.get(10_000 + 100 * i), 10_000 + 100 * i, i);
    a.get(100);
    a.reset();
    assert(held() < 4096 + 2 * (10_000 + 100 * i) + 64, `${held()} bytes in round ${i}`);
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: what it keeps goes back before a request is refused", () => {
  const { a, heap, held } = arenaOf(freshHeap({ maximum: 4 }), 65_536);
  while (a.get(20_000) !== 0);
  a.reset();
  assert(held() > 2 * 65_536);
  const p = a.get(200_000);
  assert(p > 0 && held() === 200_016);
  fill(heap, p, 200_000, 1);
  assertEquals(a.get(100_000), 0);
  assert(a.get(1000) === 0); // there is no room for a chunk
  assertFilled(heap, p, 200_000, 1);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: a mark and back, nested, last in, first out", () => {
  const heap = freshHeap(), a = init(chunk(mmap(heap), 4096));
  const p = a.get(100), m = a.mark(), q = a.get(100), n = a.mark(), r = a.get(100);
  [p, q, r].forEach((x, i) => fill(heap, x, 100, i));
  a.rewind(n);
  assertEquals(a.get(100), n); // what comes is where the mark was
  fill(heap, n, 100, 9);
  [p, q].forEach((x, i) => assertFilled(heap, x, 100, i));
  const k = a.mark();
  a.mark();
  a.rewind(m); // spends those after it
  for (const spent of [k, n, m]) {
    assertThrows(
      () => a.rewind(spent),
      RangeError,
      `Cannot rewind to ${spent}: it is no mark of this arena that is left`,
    );
  }
  assertEquals([a.mark(), a.mark()], [m, m + 16]);
  a.rewind(m);
  assertFilled(heap, p, 100, 0);
  for (const none of [p, p + 16, 16, 2 ** 32 - 16]) assertThrows(() => a.rewind(none), RangeError, "Cannot rewind to ");
  const last = a.mark();
  a.reset(); // spends all
  assertThrows(() => a.rewind(last), RangeError, "Cannot rewind to ");
  const b = init(chunk(mmap(heap), 4096)), theirs = b.mark();
  assertThrows(() => a.rewind(theirs), RangeError, "it is no mark of this arena that is left");
  b.rewind(theirs);
  a.deinit();
  b.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: marks across chunks, with oversize blocks, again and again", () => {
  for (const [growth, adjoin] of [[1, true], [1, false], [2, true], [3, false]] as const) {
    const { a, heap, held } = arenaOf(freshHeap(), 1000, growth), between: number[] = [];
    const take = (n: number, byte: number) =>
      Array.from({ length: n }, (_, i): [p: number, size: number, byte: number] => {
        const size = i % 9 === 8 ? 5000 : 20 + i * 37 % 300, p = a.get(size);
        fill(heap, p, size, byte);
        if (!adjoin && i % 5 === 0 && between.length < 40) between.push(heap.getPages(1));
        return [p, size, byte];
      });
    const before = take(20, 1), sizes: number[] = [];
    for (let round = 0; round < 20; round++) {
      const m = a.mark(), some = take(30, 2), n = a.mark(), more = take(25, 3);
      for (const blocks of [before, some, more]) {
        for (const [p, size, byte] of blocks) assertFilled(heap, p, size, byte);
      }
      a.rewind(n);
      assert(more.slice(-1).every(([p]) => !some.some(([q]) => p === q)));
      take(25, 4);
      for (const blocks of [before, some]) for (const [p, size, byte] of blocks) assertFilled(heap, p, size, byte);
      a.rewind(m);
      for (const [p, size, byte] of before) assertFilled(heap, p, size, byte);
      assert(before.every(([p]) => a.owns(p)));
      sizes.push(held());
    }
    assertEquals(sizes.at(-1), sizes[2], String(sizes));
    a.deinit();
    for (const p of between) heap.putPages(p, 1);
    assertAllFree(heap);
  }
});

Deno.test("chunk: rewind gives back what is beyond the limit", () => {
  const { a, heap, held } = arenaOf(freshHeap(), 4096, 1, 4096);
  a.get(100);
  for (let round = 0; round < 5; round++) {
    const m = a.mark();
    for (let i = 0; i < 10; i++) a.get(4000);
    a.get(20_000);
    a.rewind(m);
    assertEquals(held(), 2 * 4096);
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: no memory for a mark", () => {
  const heap = freshHeap({ maximum: 1 }), a = init(chunk(mmap(heap), 15 * PAGE));
  while (a.get(1000) !== 0);
  while (a.get(16) !== 0);
  assertEquals(a.mark(), 0);
  assertThrows(() => a.rewind(PAGE), RangeError, "Cannot rewind");
  a.reset();
  assert(a.mark() > 0);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: the last block is resized in place, others only cut", () => {
  const heap = freshHeap(), a = init(chunk(mmap(heap), 4096));
  const p = a.get(100), q = a.get(100);
  fill(heap, q, 100, 1);
  assert(a.resize(q, 100, 3000));
  assertFilled(heap, q, 100, 1);
  assertEquals(a.get(1), q + 3008);
  assertFalse(a.resize(q, 3000, 3001));
  assert(a.resize(q, 3000, 10)); // but its room is lost
  assertFalse(a.resize(q, 10, 11));
  assert(a.resize(p, 100, 100));
  const r = a.get(10, 1), room = a.state.end - r;
  assert(a.resize(r, 10, room)); // to the last byte
  assertFalse(a.resize(r, room, room + 1));
  assert(a.resize(r, room, 0));
  assert(a.resize(r, 0, 0));
  assert(a.resize(r, 0, 5));
  assertEquals(a.get(1, 1), r + 5);
  const m = a.mark(), s = a.get(8);
  assert(a.resize(s, 8, 80));
  assertFalse(a.resize(r, 5, 6)); // a mark is behind it
  a.rewind(m);
  assertEquals(a.get(16), m);
  for (const size of [2 ** 31, 2 ** 32 - 1]) assertFalse(a.resize(m, 16, size));
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: an oversize block is resized as the layer below resizes its chunk", () => {
  const { a, heap, held } = arenaOf(freshHeap(), 4096);
  const p = a.get(24), big = a.get(10_000);
  fill(heap, big, 10_000, 7);
  assert(a.resize(big, 10_000, 100_000));
  assertEquals(held(), 4096 + 100_016);
  assertFilled(heap, big, 10_000, 7);
  fill(heap, big, 100_000, 7);
  assertEquals(a.get(24), p + 32); // the chunk in use goes on
  assert(a.resize(big, 100_000, 5000));
  assert(a.resize(big, 5000, 50_000));
  assertFilled(heap, big, 50_000, 7);
  const theirs = heap.getPages(1);
  assertFalse(a.resize(big, 50_000, 200_000)); // pages behind it are somebody else's
  assertFilled(heap, big, 50_000, 7);
  const other = a.get(20_000);
  assertFalse(a.resize(big, 50_000, 60_000)); // is not the newest
  assert(a.resize(other, 20_000, 30_000));
  assertFalse(a.resize(other, 30_000, 2 ** 32 - 1));
  for (const align of [32, 4096]) { // aligned, it does not lie behind its record
    const q = a.get(20_000, align);
    fill(heap, q, 20_000, 3);
    a.resize(q, 20_000, 21_000);
    assertFilled(heap, q, 20_000, 3);
  }
  const m = a.mark(), rest = a.get(30_000);
  assert(a.resize(rest, 30_000, 40_000));
  a.rewind(m);
  a.deinit();
  assertEquals(held(), 0);
  heap.putPages(theirs, 1);
  assertAllFree(heap);
  // A layer that cannot
  const c = init(chunk(bonwick(mmap(heap)), 4096)), d = init(chunk(chunk(stub(heap), 64), 64)), q = c.get(10_000);
  assertEquals(c.resize(q, 10_000, 10_001), true); // as far as it can
  assertEquals([c.resize(q, 10_001, 9000), d.resize(16, 16, 17)], [true, false]);
  c.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: a block of another allocator is never resized, wherever it lies", () => {
  const heap = freshHeap(), pages = init(mmap(heap)), a = init(chunk(mmap(heap), 4096));
  for (const size of [4096, 4096 - 16, 16]) {
    const theirs = pages.get(size);
    a.get(16); // adjoins it
    for (let i = 0; i < 3; i++) {
      for (const old of [size, size - 16]) assertFalse(a.resize(theirs, old || 1, size + 16));
      if (i === 0) a.reset();
      else a.rewind(a.mark());
    }
    const { ptr } = a.state;
    assert(a.resize(theirs, size, 1)); // cut, of which it takes nothing
    assertEquals(a.state.ptr, ptr);
  }
  a.deinit();
});

Deno.test("chunk: owns what lies in its chunks", () => {
  const heap = freshHeap(), base = mmap(heap), a = init(chunk(base, 4096)), b = init(chunk(base, 4096));
  const ours: number[] = [], theirs: number[] = [];
  for (let i = 0; i < 60; i++) {
    ours.push(a.get(i % 10 ? i * 10 : 9000), a.get(0), a.get(1, 1));
    theirs.push(b.get(i % 9 ? i * 10 : 6000), heap.getPages(1));
  }
  assert(ours.every((p) => a.owns(p) && !b.owns(p)));
  assert(theirs.every((p) => !a.owns(p)));
  assertEquals([0, 1, 16, 2 ** 32 - 16].filter((p) => a.owns(p)), []);
  b.deinit();
  a.deinit();
});

Deno.test("chunk: aligned up to 4096, in chunks, across them, and oversize", () => {
  const heap = freshHeap(), a = init(chunk(mmap(heap), 5000)), out: [p: number, size: number][] = [];
  assertEquals(a.layer.maxAlign, 4096);
  for (let i = 0; i < 300; i++) {
    const align = 1 << i % 13, size = [1, 100, 0, 3000, 5000, 9000][i % 6], p = a.get(size, align);
    assertEquals(p % align, 0, `${size} bytes aligned to ${align}`);
    fill(heap, p, size, i);
    out.push([p, size]);
  }
  out.forEach(([p, size], i) => assertFilled(heap, p, size, i & 255));
  assertThrows(() => a.get(16, 8192), RangeError, "alignment must be a power of two from 1 to 4096");
  a.deinit();
  assertAllFree(heap);
});

Deno.test("chunk: against a model: every block keeps its contents, whatever is resized, reset and rewound", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const pick = random(seed), heap = freshHeap(), bottoms = [mmap, sbrk, (h: Heap) => batch(bonwick(mmap(h)))];
    const stack = chunk(
      bottoms[seed % 3](heap) as AnyLayer,
      [64, 1000, 4096, 65_536][pick(4)],
      [1, 1.3, 2, 16][pick(4)],
    );
    const a = init(stack), what = `seed ${seed}, ${a}`;
    let out: [p: number, size: number, byte: number][] = [];
    const marks: [m: number, out: number][] = [];
    for (let i = 0; i < 500; i++) {
      const choice = pick(20);
      if (choice < 11) {
        const size = pick(pick(8) ? 200 : 12_000), align = 1 << pick(pick(5) ? 5 : 13), p = a.get(size, align);
        assert(p > 0 && p % align === 0, what);
        fill(heap, p, size, i);
        out.push([p, size, i & 255]);
      } else if (choice < 16 && out.length > 0) {
        const at = pick(3) ? out.length - 1 : pick(out.length), block = out[at], size = pick(pick(3) ? 300 : 20_000);
        if (a.resize(block[0], block[1], size)) {
          assertFilled(heap, block[0], Math.min(block[1], size), block[2]);
          block[1] = size;
          fill(heap, block[0], size, block[2]);
        } else assert(size > block[1]);
      } else if (choice < 18) marks.push([a.mark(), out.length]);
      else if (choice === 18 && marks.length > 0) {
        const [m, n] = marks.splice(pick(marks.length))[0];
        a.rewind(m);
        out = out.slice(0, n);
      } else if (pick(10) === 0) {
        a.reset();
        out = [];
        marks.length = 0;
      }
      if (i % 10 === 0) { for (const [p, size, byte] of out) assertFilled(heap, p, size, byte); }
      assert(out.every(([p]) => a.owns(p)), what);
    }
    for (const [p, size, byte] of out) assertFilled(heap, p, size, byte);
    a.deinit();
    assertAllFree(heap, what);
  }
});

Deno.test("chunk: growth and what to retain are checked when it is composed", () => {
  const base = mmap(freshHeap());
  for (const growth of [0, 0.99, -2, 16.01, 17, NaN, Infinity, -Infinity]) {
    assertThrows(
      () => chunk(base, 4096, growth),
      RangeError,
      `Cannot compose chunk: growth must be a factor from 1 to 16, got ${growth}`,
    );
  }
  for (const retain of [-1, 0.5, NaN, -Infinity, 2 ** 32 + 1]) {
    assertThrows(
      () => chunk(base, 4096, 1, retain),
      RangeError,
      "Cannot compose chunk: bytes to retain must be an integer from 0 to 4294967296, got ",
    );
  }
  // deno-lint-ignore no-explicit-any
  for (const wrong of ["2", null, {}, [2], 2n, true, () => 2] as any[]) {
    assertThrows(() => chunk(base, 4096, wrong), TypeError, "Cannot compose chunk: growth must be a number, got ");
    assertThrows(
      () => chunk(base, 4096, 2, wrong),
      TypeError,
      "Cannot compose chunk: bytes to retain must be a number",
    );
  }
  for (const [growth, retain] of [[1, 0], [16, 2 ** 32], [1.5, Infinity], [undefined, undefined]]) {
    const a = init(chunk(base, 4096, growth, retain));
    a.get(10);
    a.reset();
    a.deinit();
  }
  assertEquals(String(init(chunk(base, 4096, 2, 8192))), "chunk 4096 2 8192\nmmap");
});

Deno.test("chunk: has its capabilities whatever it stands on, and no others", () => {
  const heap = freshHeap(),
    names = ["gauge", "goodSize", "mark", "maxAlign", "owns", "reset", "resize", "rewind", "sizeOf"];
  for (const base of [mmap(heap), stats(batch(mmap(heap))), stub(heap), layers.null(heap)] as AnyLayer[]) {
    const arena = chunk(base, 64) as AnyLayer;
    assertEquals(names.filter((name) => name in arena), ["mark", "maxAlign", "owns", "reset", "resize", "rewind"]);
  }
});
