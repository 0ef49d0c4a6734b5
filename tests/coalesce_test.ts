import {
  type AnyLayer,
  batch,
  chunk,
  type Coalesce,
  coalesce,
  fail,
  type Heap,
  init,
  limit,
  mmap,
  nullLayer,
  sbrk,
} from "../mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, backed, freshHeap, PAGE, random } from "./kit.ts";
import { Program, skewed, units } from "./program.ts";

const MIB = 2 ** 20;

// deno-lint-ignore no-explicit-any
type State = Coalesce<any>;

/** Addresses and bytes of the spans, the newest first. */
function spansOf(heap: Heap, s: State): { p: number; size: number }[] {
  const spans = [];
  for (let p = s.spans; p !== 0; p = heap.u32[p >>> 2]) spans.push({ p, size: heap.u32[(p >>> 2) + 1] });
  return spans;
}

/** The bin for blocks of `n` units, as the file comment has it. */
function binOf(n: number): number {
  if (n < 32) return n;
  const log = Math.floor(Math.log2(n));
  return 32 * (log - 4) + Math.floor((n - 2 ** log) / 2 ** (log - 5));
}

/** Asserts that the bins, their maps, the marks and the spans agree with one another, and with what is out. */
function assertSound(heap: Heap, s: State, out?: readonly { p: number; size: number }[]): void {
  const { u32 } = heap, spans = spansOf(heap, s);
  assertEquals(spans.reduce((sum, { size }) => sum + size, 0), s.held, "bytes held");
  const inSpan = (p: number, end: number) => spans.some((span) => p >= span.p + 16 && end <= span.p + span.size);

  const free: { p: number; n: number }[] = [];
  for (let level = 0; level < s.maps.length; level++) {
    assertEquals((s.levels >>> level & 1) !== 0, s.maps[level] !== 0, `level ${level}`);
    for (let j = 0; j < 32; j++) {
      const bin = 32 * level + j;
      if ((s.maps[level] >>> j & 1) === 0 && s.bins[bin] === 0) continue;
      assertEquals((s.maps[level] >>> j & 1) !== 0, s.bins[bin] !== 0, `bin ${bin}`);
      for (let p = s.bins[bin], prev = 0; p !== 0; prev = p, p = u32[(p >>> 2) + 1]) {
        const n = u32[p >>> 2], end = p + 16 * n;
        if (binOf(n) !== bin || u32[(end >>> 2) - 1] !== n || u32[(p >>> 2) + 2] !== prev || !inSpan(p, end)) {
          throw new Error(`bin ${bin} has a block of ${n} units at ${p}, ${u32[(end >>> 2) - 1]} at its end`);
        }
        free.push({ p, n });
        if (free.length > 10_000) throw new Error("a bin is a circle");
      }
    }
  }

  free.sort((a, b) => a.p - b.p);
  for (const [i, { p, n }] of free.entries()) {
    const end = p + 16 * n;
    if (end === s.ptr || (i + 1 < free.length && end >= free[i + 1].p)) {
      throw new Error(`what is free adjoins at ${end}`);
    }
  }
  const marks = free.flatMap(({ p, n }) => n === 1 ? [p / 16] : [p / 16, p / 16 + n - 1]), marked: number[] = [];
  for (const [i, word] of s.bits.entries()) {
    for (let j = 0; word >>> j !== 0 && j < 32; j++) if (word >>> j & 1) marked.push(32 * (s.origin + i) + j);
  }
  assertEquals(marked, marks, "marks");

  const units_ = free.reduce((sum, { n }) => sum + n, 0);
  assertEquals(16 * (s.out + units_ + spans.length) + s.end - s.ptr, s.held, "out, free and the window");
  if (s.end !== 0) assert(s.ptr >= s.spans + 16 && s.end === spans[0].p + spans[0].size, "the window");
  if (out === undefined) return;
  assertEquals(out.reduce((sum, { size }) => sum + units(size), 0), s.out, "units out");
  const all = [...out.map(({ p, size }) => ({ p, n: units(size) })), ...free].sort((a, b) => a.p - b.p);
  for (const [i, { p, n }] of all.entries()) {
    if (i + 1 < all.length && p + 16 * n > all[i + 1].p) throw new Error(`blocks overlap at ${all[i + 1].p}`);
  }
}

/** `coalesce` over a new heap, or what is made of it, a state and a program on it. */
function open(bytes?: number, over: (heap: Heap) => AnyLayer = (heap) => mmap(heap), heap = freshHeap(), seed = 1) {
  const layer = coalesce(over(heap), bytes), s: State = layer.init();
  const program = new Program(layer, s, seed);
  return { heap, layer, s, program, check: () => assertSound(heap, s, program.out) };
}

/** A state and what is free, as text; not what block is to move, which is a hint. */
const snapshot = (heap: Heap, s: State): string => JSON.stringify([{ ...s, moving: 0 }, heap.free]);

/** A layer that can what `base` can, but for `resize`, and knows what it was asked. */
function rigid(base: AnyLayer): AnyLayer & { asked: number[] } {
  const { resize: _, ...rest } = base, asked: number[] = [];
  return { ...rest, asked, get: (s, size, align) => (asked.push(size), base.get(s, size, align)) };
}

const EVERYTHING = { get: 12, align: 2, put: 10, resize: 6, part: 2, together: 2 };

const bases: Record<string, (heap: Heap) => AnyLayer> = {
  "pages": (heap) => mmap(heap),
  "what cannot resize": (heap) => rigid(mmap(heap)),
  "spans that adjoin": (heap) => rigid(chunk(mmap(heap), MIB)),
  "a break": (heap) => sbrk(heap),
  "what refuses one time in three": (heap) => fail(rigid(mmap(heap)), 0.33),
};

for (const [name, over] of Object.entries(bases)) {
  Deno.test(`coalesce: every call keeps bins, marks and spans in order, over ${name}`, () => {
    for (const [seed, bytes, most] of [[1, 1024, 600], [2, 1024, 5000], [3, 8192, 3000]] as const) {
      const { heap, layer, s, program, check } = open(bytes, over, freshHeap(), seed), { pick } = program;
      const sizes = skewed(pick, most), modest = () => pick(200);
      // Alignments up to a page here, as the marks that are checked would be many
      Object.assign(program, { layer: { ...layer, maxAlign: 4096 } });
      program.run(300, EVERYTHING, sizes, check);
      program.run(150, { get: 3, put: 1, resize: 1 }, modest, check); // grows
      program.run(150, { get: 1, put: 4, part: 2, together: 2 }, sizes, check); // shrinks
      program.run(100, { ...EVERYTHING, reset: 1 }, sizes, check);
      program.putAll(check);
      assert(program.resized > 20);
      layer.deinit(s);
      assertAllFree(heap);
    }
  });
}

Deno.test("coalesce: every call keeps bins, marks and spans in order while memory is short", () => {
  for (const maximum of [1, 2, 3, 4]) {
    for (const over of [bases["pages"], bases["what cannot resize"]]) {
      const { heap, layer, s, program, check } = open(65536, over, freshHeap({ initial: 1, maximum }), maximum);
      for (let round = 0; round < 3; round++) {
        program.run(120, { ...EVERYTHING, get: 40 }, skewed(program.pick, 60_000), check);
        program.putAll(check);
        // As good as new
        const block = program.get(20_000)!;
        program.put(block);
      }
      assert(program.refused > 0);
      layer.deinit(s);
      assertAllFree(heap);
    }
  }
});

Deno.test("coalesce: a refusal changes nothing", () => {
  const { heap, layer, s, program, check } = open(65536, (heap) => mmap(heap), freshHeap({ initial: 1, maximum: 2 }));
  while (program.get(1000) !== undefined);
  program.put(program.out[5]);
  program.put(program.out[20]);
  const before = snapshot(heap, s);
  for (const size of [1024, 1025, 5000, 60_000, 10 ** 6]) assertEquals(layer.get(s, size), 0);
  for (const align of [1024, 4096, MIB]) assertEquals(layer.get(s, 1000, align), 0);
  for (const { p, size } of program.out) assert(!layer.resize(s, p, size, 200_000));
  assert(snapshot(heap, s) === before);
  check();
  assert(program.get(1000) && program.get(1000));
  program.putAll();
  layer.deinit(s);
});

Deno.test("coalesce: sizes that no memory has are refused, and nothing changes", () => {
  for (const [what, over] of Object.entries(bases).slice(0, 4)) {
    const { heap, layer, s, program, check } = open(65536, over, freshHeap({ initial: 1, maximum: 40 }));
    const [a, b] = [program.get(100)!, program.get(100)!];
    const before = snapshot(heap, s);
    const sizes = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 65536, 2 ** 32 - 4096, 2 ** 32 - 33, 2 ** 32 - 32]
      .concat([2 ** 32 - 31, 2 ** 32 - 17, 2 ** 32 - 16, 2 ** 32 - 15, 2 ** 32 - 1]);
    for (const size of sizes) {
      assertEquals(layer.get(s, size), 0, `${size} from ${what}`);
      for (const align of [32, 4096, MIB]) assertEquals(layer.get(s, size, align), 0, `${size} from ${what}`);
      for (const { p } of [a, b]) assertEquals(layer.resize(s, p, 100, size), false, `${size} in ${what}`);
      const good = layer.goodSize(size);
      assert(good >= size && good < 2 ** 32);
    }
    assert(snapshot(heap, s) === before);
    check();
    layer.deinit(s);
  }
  const { base } = backed({ maximum: 16 }), layer = coalesce(base), s = layer.init();
  layer.get(s, 10);
  for (let size = 2 ** 31; size < 2 ** 32; size += 2 ** 28 - 1) layer.get(s, size);
  for (const [call, size] of base.calls as [string, number][]) assert(call !== "get" || size < 2 ** 32);
});

Deno.test("coalesce: blocks have no header, and lie behind one another", () => {
  const { layer, s, check } = open();
  const p = layer.get(s, 16), q = layer.get(s, 0), r = layer.get(s, 17), t = layer.get(s, 100);
  assertEquals([q - p, r - q, t - r], [16, 16, 32]);
  assertEquals([p % PAGE, s.out], [16, 1 + 1 + 2 + 7]);
  check;
  layer.deinit(s);
});

Deno.test("coalesce: what comes back merges at once, on both sides", () => {
  for (const order of [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]) {
    for (const size of [16, 32, 320, 2048]) { // of which a bin is, three times, too
      const { layer, s, program, check } = open();
      const blocks = [size, size, size, 16].map((size) => program.get(size)!), { p } = blocks[0];
      for (const i of order) {
        program.put(blocks[i]);
        check();
      }
      const whole = 3 * 16 * units(size);
      assertEquals(layer.get(s, whole), p, `${size}, ${order}`);
      layer.deinit(s);
    }
  }
});

Deno.test("coalesce: a request takes the free block that fits it, not a larger one", () => {
  const { layer, s, program, check } = open(MIB);
  const sizes = [4000, 64, 2000, 48, 512, 1008, 1040], blocks = [];
  for (const size of sizes) {
    blocks.push(program.get(size)!);
    program.get(16); // so that they do not merge
  }
  for (const block of blocks) program.put(block);
  check();
  for (const i of [4, 1, 3, 5]) assertEquals(layer.get(s, sizes[i]), blocks[i].p, `${sizes[i]}`);
  // Of larger ones, a bin is all who can be sure to be as large
  assertEquals(layer.get(s, 1900), blocks[2].p);
  assertEquals(layer.get(s, 3500), blocks[0].p);
  assertEquals(layer.get(s, 480), blocks[0].p + 3504); // the rest of it, before anything that was never used
  layer.deinit(s);
});

Deno.test("coalesce: in its unit a block is resized where it is", () => {
  const { layer, s, program, check } = open();
  const block = program.get(17)!;
  program.get(16);
  for (const size of [32, 18, 31, 17, 20]) {
    assert(program.resize(block, size));
    check();
  }
  assert(!program.resize(block, 33));
  const none = program.get(0)!;
  program.get(16);
  assert(program.resize(none, 16) && program.resize(none, 0) && !program.resize(none, 17));
  check();
  layer.deinit(s);
});

Deno.test("coalesce: a block grows into the window, and into a span that grows in place", () => {
  const { heap, layer, s, program, check } = open(4096);
  const block = program.get(100)!, { p } = block;
  for (const size of [1000, 4000, 4096, 10_000, 300_000]) {
    assert(program.resize(block, size), `${size}`);
    assertEquals([s.ptr, spansOf(heap, s).length], [p + 16 * units(size), 1]);
    check();
  }
  assert(s.held >= 300_000 && s.held < 2 * 300_000);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("coalesce: a block grows into the free block behind it, all of it or a part", () => {
  for (const [more, rest] of [[16, 48], [48, 16], [64, 0]]) {
    const { layer, s, program, check } = open();
    const [block, behind] = [program.get(100)!, program.get(64)!];
    program.get(16);
    program.put(behind);
    assert(!program.resize(block, 112 + 65));
    check();
    assert(program.resize(block, 112 + more));
    check();
    const next = layer.get(s, 16);
    assertEquals(next === behind.p + more, rest > 0);
    layer.deinit(s);
  }
});

Deno.test("coalesce: a block that could not grow moves to where it can grow on", () => {
  const { layer, s, program, check } = open(MIB),
    walls = [1100, 30_000, 100_000].map((size) => {
      const block = program.get(size)!;
      program.get(16);
      return block;
    });
  const block = program.get(1040)!;
  program.get(16);
  for (const wall of walls) program.put(wall);
  assert(!program.resize(block, 1088));
  const moved = program.get(1088)!;
  assertEquals(moved.p, walls[2].p); // not to the hole that fits
  program.put(block);
  for (const size of [5000, 50_000, 100_000]) assert(program.resize(moved, size));
  check();
  assertEquals(program.get(1088)!.p, walls[0].p); // any other takes that
  assert(!program.resize(moved, 200_000));
  const large = program.get(200_000)!; // there is no such room: in the window
  assertEquals(s.ptr, large.p + 200_000);
  assert(!program.resize(moved, 2 ** 32 - 1));
  check();
  program.putAll(check);
  layer.deinit(s);
});

Deno.test("coalesce: what a block shrinks by is free, and merges with what is behind it", () => {
  const { layer, s, program, check } = open();
  const [block, behind] = [program.get(320)!, program.get(64)!], { p } = block;
  program.get(16);
  assert(program.resize(block, 300)); // 304
  check();
  program.put(behind);
  check();
  assert(program.resize(block, 100)); // 112
  check();
  assertEquals(layer.get(s, 320 - 112 + 64), p + 112);
  // Behind the last block is the window
  const last = program.get(1000)!;
  assert(program.resize(last, 0));
  assertEquals(s.ptr, last.p + 16);
  layer.deinit(s);
});

Deno.test("coalesce: resize passes no other block, and none of another span", () => {
  const { heap, layer, s, program } = open(1024, bases["spans that adjoin"]);
  const first = program.get(2000)!, second = program.get(2000)!;
  assertEquals(spansOf(heap, s).map(({ p, size }) => [p, size]).length, 2);
  assert(!program.resize(first, 3000) && !program.resize(second, 10_000));
  program.putAll();
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("coalesce: parts of blocks come back, and blocks that adjoin as one", () => {
  const { layer, s, program, check } = open(), block = program.get(320)!, { p } = block;
  program.get(16);
  program.putPart(block, 64, 128);
  check();
  assertEquals(layer.get(s, 128), p + 64);
  layer.put(s, p, 320); // three that adjoin
  program.out.splice(1, 2);
  check();
  assertEquals(layer.get(s, 320), p);
  const a = layer.get(s, 20), b = layer.get(s, 1000), c = layer.get(s, 0);
  layer.put(s, a, c + 16 - a); // up to the window
  assertEquals([s.ptr, b], [a, a + 32]);
  layer.deinit(s);
});

Deno.test("coalesce: goodSize is a whole number of units", () => {
  const { layer } = open();
  for (const [size, good] of [[0, 16], [1, 16], [16, 16], [17, 32], [1000, 1008], [2 ** 31 + 1, 2 ** 31 + 16]]) {
    assertEquals(layer.goodSize(size), good);
  }
});

Deno.test("coalesce: aligns up to a mebibyte, and what is in front and behind stays free", () => {
  const { layer, s, program, check } = open();
  assertEquals(layer.maxAlign, MIB);
  const first = program.get(32)!;
  for (let align = 32; align <= MIB; align *= 2) {
    const block = program.get(100, align)!; // asserts that it is
    check();
    // What is in front of it is served
    if (block.p - (first.p + 32) >= 16 && align === 32) assertEquals(layer.get(s, 16), first.p + 32);
    if (align === 32) layer.put(s, first.p + 32, 16);
  }
  program.putAll(check);
  layer.deinit(s);
});

Deno.test("coalesce: an aligned block is cut out of a free one that is just as long, or longer", () => {
  const { layer, s, program, check } = open(4 * MIB);
  const aligned = program.get(640, 4096)!; // a free block that is aligned, of the very size
  program.get(16);
  program.put(aligned);
  check();
  assertEquals(program.get(640, 4096)!.p, aligned.p);
  check();
  const large = program.get(20_016)!;
  program.putPart(large, 0, 20_000);
  check();
  const { held, ptr } = s, within = program.get(2000, 4096)!;
  check();
  assert(within.p > large.p && within.p + 2000 < large.p + 20_000, "in front and behind");
  assert(program.resize(within, large.p + 20_000 - within.p)); // to the end of what was free
  check();
  program.put(within);
  check();
  assertEquals(layer.get(s, 20_000 - 16 * 31), large.p); // merged with what is in front
  assertEquals([s.held, s.ptr], [held, ptr]);
  layer.deinit(s);
});

Deno.test("coalesce: an aligned block takes its place in the bin of its size, even if that is all there is", () => {
  const { heap, layer, s, program } = open(65536, (heap) => mmap(heap), freshHeap({ initial: 1, maximum: 2 }));
  const block = program.get(5000, 4096)!;
  while (program.get(500) || program.get(16));
  program.put(block);
  assertEquals(layer.get(s, 5000, 4096), block.p);
  assertEquals(layer.get(s, 5000, 4096), 0);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("coalesce: put takes an aligned block like any other", () => {
  const { heap, layer, s, program, check } = open(65536), { pick } = program;
  for (let i = 0; i < 300; i++) {
    if (pick(2) || program.out.length === 0) program.get(pick(3000), 32 << pick(12));
    else program.put(program.out[pick(program.out.length)]);
    if (i % 10 === 0) check();
  }
  program.putAll();
  assertAllFree(heap);
  layer.deinit(s);
});

Deno.test("coalesce: one span grows in place where the layer below can resize", () => {
  const { heap, layer, s, program } = open(8192);
  for (let i = 0; i < 1000; i++) program.get(1000);
  assertEquals(spansOf(heap, s).length, 1);
  assert(s.held < 1.15 * 1_008_000, `${s.held}`);
  program.putAll();
  assertAllFree(heap);
  layer.deinit(s);
});

Deno.test("coalesce: a span that was to grow, and may not, is left, and its rest is served", () => {
  const { heap, layer, s, program, check } = open(8192);
  const first = program.get(4976)!, wall = heap.getPages(1); // behind the span
  const second = program.get(5000)!;
  check();
  assertEquals(spansOf(heap, s).length, 2);
  assertEquals(layer.get(s, 3200), first.p + 4976);
  layer.put(s, first.p + 4976, 3200);
  // The first is given back once it is free, as nothing else is in it
  program.put(first);
  assertEquals(spansOf(heap, s).length, 1);
  check();
  program.put(second);
  heap.putPages(wall, 1);
  assertAllFree(heap);
  layer.deinit(s);
});

Deno.test("coalesce: spans grow with what is held", () => {
  const heap = freshHeap(), base = rigid(mmap(heap)), layer = coalesce(base, 4096), s = layer.init();
  for (let i = 0; i < 4000; i++) layer.get(s, 1000);
  assert(base.asked.length < 120, `${base.asked.length} spans`);
  assert(s.held < 1.1 * 4000 * 1008, `${s.held}`);
  for (const size of base.asked) assert(size >= 4096 && size % 4096 === 0, `${size}`);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("coalesce: where a span is refused, one that just does is taken", () => {
  const { heap, layer, s, program, check } = open(65536, (heap) => limit(rigid(mmap(heap)), 75_000));
  const blocks = [program.get(60_000)!, program.get(8000)!, program.get(6000)];
  assertEquals(blocks[2], undefined);
  assertEquals(s.held, 65536 + 8016);
  check();
  program.put(blocks[1]!); // frees a little span
  check();
  assert(program.get(8000));
  program.putAll(check);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("coalesce: a span is given back once all of its blocks are free, whatever its size", () => {
  for (const size of [16, 100, 900, 1000, 1008, 1500, 3000, 70_000]) {
    for (const bytes of [1024, 4096, 65536]) {
      const heap = freshHeap(), base = rigid(mmap(heap)), layer = coalesce(limit(base, 200_000), bytes);
      const s: State = layer.init(), first = new Program(layer, s), others = new Program(layer, s);
      // So much in the first spans that there are several, and then as much in others
      for (let i = 0; i < 70_000; i += units(size) * 16) first.get(size);
      for (let i = 0; i < 70_000; i += units(size) * 16) others.get(size);
      assertSound(heap, s, [...first.out, ...others.out]);
      first.putAll();
      assertSound(heap, s, others.out);
      const used = (span: { p: number; size: number }) =>
        span.p === s.spans || others.out.some(({ p }) => p > span.p && p < span.p + span.size);
      assert(spansOf(heap, s).every(used), `blocks of ${size}, spans of ${bytes}`);
      others.putAll();
      assertEquals(s.held, 0, `blocks of ${size}, spans of ${bytes}`);
      assertAllFree(heap);
      layer.deinit(s);
    }
  }
});

Deno.test("coalesce: little spans, where memory was short, go back, too", () => {
  for (const size of [100, 1000, 1008, 5000]) {
    const { heap, layer, s, program } = open(65536, (heap) => rigid(mmap(heap)), freshHeap({ initial: 1, maximum: 2 }));
    while (program.get(size));
    assert(spansOf(heap, s).length > 1);
    const keep = program.out.pop()!; // of the newest
    program.putAll();
    assert(spansOf(heap, s).length <= 1, `${spansOf(heap, s).length} spans`);
    layer.put(s, keep.p, keep.size);
    assertAllFree(heap);
    layer.deinit(s);
  }
});

Deno.test("coalesce: once all blocks have come back, all memory has", () => {
  for (const [name, over] of Object.entries(bases)) {
    if (name === "a break" || name === "spans that adjoin") continue; // which keep what comes back
    for (let seed = 1; seed <= 12; seed++) {
      const { heap, layer, s, program } = open([1024, 8192, 65536][seed % 3], over, freshHeap(), seed);
      const first = layer.get(s, 10); // so that nothing is empty before the end
      if (first === 0) continue;
      program.run(400, { ...EVERYTHING, put: 5, part: 1 }, skewed(program.pick, 10_000));
      if (seed % 2) layer.put(s, first, 10);
      program.putAll();
      if (seed % 2 === 0) layer.put(s, first, 10);
      assertEquals([s.out, s.held, s.spans], [0, 0, 0], `${name}, ${seed}`);
      assertAllFree(heap, `${name}, ${seed}`);
      layer.deinit(s);
    }
  }
});

Deno.test("coalesce: a span that is emptied again and again is kept, and given back the 64th time at the latest", () => {
  const heap = freshHeap(), base = rigid(mmap(heap)), layer = coalesce(base, 8192), s = layer.init();
  let kept = 0, longest = 0;
  for (let i = 0; i < 1000; i++) {
    layer.put(s, layer.get(s, 100), 100);
    kept = s.held > 0 ? kept + 1 : 0;
    longest = Math.max(longest, kept);
    if (i === 0) assertEquals(s.held, 0);
  }
  assertEquals(longest, 63);
  assert(base.asked.length < 30, `${base.asked.length}`);
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("coalesce: more than a span's bytes are never kept", () => {
  const { heap, layer, s, program } = open(8192);
  for (let i = 0; i < 100; i++) {
    program.get(100);
    if (i % 3 === 0) program.get(20_000);
    program.putAll();
    if (i % 3 === 0) assertAllFree(heap);
    assert(s.held <= 8192);
  }
  layer.deinit(s);
});

Deno.test("coalesce: the window's spare memory goes back while blocks are out", () => {
  const { heap, layer, s, program, check } = open(4096), keep = program.get(100)!;
  const large = program.get(10 ** 6)!;
  program.put(large);
  check();
  assert(s.held < 200_000, `${s.held}`);
  assert(program.get(10 ** 6));
  program.putAll();
  assertAllFree(heap);
  layer.deinit(s);
  void keep;
});

Deno.test("coalesce: reset takes all blocks back and keeps all spans", () => {
  const { heap, layer, s, program, check } = open(4096, (heap) => rigid(mmap(heap)));
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 50; i++) program.get(1000);
    const { held } = s, spans = spansOf(heap, s);
    assert(spans.length > 5);
    program.reset();
    check();
    assertEquals([s.held, s.out, spansOf(heap, s)], [held, 0, spans]);
    for (let i = 0; i < 50; i++) program.get(1000);
    assertEquals(s.held, held);
    check();
    program.reset();
  }
  // What is put after it can be given back
  program.get(1000);
  program.putAll();
  assertAllFree(heap);
  program.reset(); // of nothing
  check();
  assert(program.get(10));
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("coalesce: owns what is in its spans", () => {
  const { heap, layer, s, program } = open(1024, bases["spans that adjoin"]);
  const t: State = layer.init(), other = new Program(layer, t);
  for (let i = 0; i < 40; i++) {
    program.get(100 * i);
    other.get(100 * i);
  }
  for (const { p } of program.out) assertEquals([layer.owns(s, p), layer.owns(t, p)], [true, false]);
  for (const { p } of other.out) assertEquals([layer.owns(s, p), layer.owns(t, p)], [false, true]);
  const foreign = heap.getPages(1);
  for (const p of [0, 16, foreign, foreign + 16, 2 ** 32 - 16]) assertEquals(layer.owns(s, p), false);
  heap.putPages(foreign, 1);
  layer.deinit(s);
  layer.deinit(t);
  assertAllFree(heap);
});

Deno.test("coalesce: spans below those that it has, and far from them", () => {
  const heap = freshHeap(), low = heap.getPages(20), layer = coalesce(rigid(mmap(heap)), 8192), s: State = layer.init();
  const program = new Program(layer, s), check = () => assertSound(heap, s, program.out);
  const gap = heap.getPages(2000);
  program.get(5000);
  heap.putPages(low, 20); // in front of all
  for (let i = 0; i < 10; i++) program.get(5000);
  check();
  assert(program.out.some(({ p }) => p < gap) && program.out.some(({ p }) => p > gap));
  program.putAll(check);
  heap.putPages(gap, 2000);
  assertAllFree(heap);
  layer.deinit(s);
});

Deno.test("coalesce: a large window shrinks by more than 2 GiB", () => {
  const heap = freshHeap(), layer = coalesce(mmap(heap)), s: State = layer.init(), size = 2 ** 31 + 600 * MIB;
  const p = layer.get(s, 100), q = layer.get(s, size);
  assert(q > 0);
  layer.put(s, q, size);
  assert(s.held < 2 ** 30 && s.end <= heap.size, `${s.held}`);
  assertEquals([s.ptr, s.end], [p + 112, s.spans + s.held]);
  layer.put(s, p, 100);
  assertAllFree(heap);
  layer.deinit(s);
});

Deno.test("coalesce: over nothing it serves nothing", () => {
  const heap = freshHeap(), a = init(coalesce(nullLayer(heap)));
  for (const size of [0, 1, 1000, 2 ** 31, 2 ** 32 - 1]) assertEquals([a.get(size), a.get(size, 4096)], [0, 0]);
  assertEquals(a.owns(4096), false);
  a.reset();
  a.deinit();
});

Deno.test("coalesce: deinit gives back all spans, with blocks out", () => {
  const { heap, layer, s, program } = open(1024, (heap) => batch(rigid(mmap(heap)))), pick = random(4);
  for (let i = 0; i < 100; i++) program.get(pick(3000));
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("coalesce: bytes in a span must be 1024 to 2^30", () => {
  const heap = freshHeap();
  // deno-lint-ignore no-explicit-any
  const of = (bytes: any) => () => coalesce(mmap(heap), bytes);
  for (const bytes of [-1, 0, 16, 1023, 1024.5, NaN, Infinity, 2 ** 30 + 1, 2 ** 32]) {
    assertThrows(of(bytes), RangeError, `Cannot compose coalesce: bytes in a span must be an integer from 1024 to`);
  }
  for (const bytes of [null, "4096", 4096n, {}]) {
    assertThrows(of(bytes), TypeError, "Cannot compose coalesce: bytes in a span must be a number");
  }
  assertAllFree(heap);
  const a = init(coalesce(mmap(heap), 1033));
  a.put(a.get(1000), 1000);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("coalesce: a large span is given back when it is empty, though it is the newest and cannot shrink", () => {
  const heap = freshHeap(), { resize: _, ...base } = mmap(heap), stack = coalesce(base), s = stack.init();
  stack.get(s, 60_000);
  const p = stack.get(s, 50_000_000);
  stack.put(s, p, 50_000_000);
  assertEquals(s.held, 65_536);
  stack.deinit(s);
  assertAllFree(heap);
});
