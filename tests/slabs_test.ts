import {
  type AnyLayer,
  type Coalesce,
  coalesce,
  fail,
  type Heap,
  init,
  limit,
  mmap,
  sbrk,
  type Slabs,
  slabs,
} from "../mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap } from "./kit.ts";
import { Program, skewed, units } from "./program.ts";

// deno-lint-ignore no-explicit-any
type State = Slabs<Coalesce<any>>;

/** Addresses in the magazine for blocks of `n` units, the top first, and how many it has room for. */
function magazineOf(s: State, n: number): { blocks: number[]; room: number } {
  const { magazines } = s, blocks = [], top = magazines[n];
  for (let i = top; magazines[i] !== 0; i--) blocks.push(magazines[i]);
  let room = blocks.length;
  while (magazines[top + 1 + room - blocks.length] !== 1) room++;
  return { blocks, room };
}

/** Units that are out. */
const outOf = (s: State): number => (s.taken - s.returned) | 0;

interface Slab {
  p: number;
  n: number;
  /** Blocks of it that are neither free nor fresh. */
  used: number;
}

/** The slabs of all sizes, as their lists have them. */
function slabsOf(heap: Heap, s: State, bytes: number): Slab[] {
  const { u32 } = heap, all: Slab[] = [];
  for (const list of [s.partial, s.full]) {
    for (let n = 1; n < list.length; n++) {
      for (let p = list[n], prev = 0; p !== 0; prev = p, p = u32[(p >>> 2) + 3]) {
        const [free, fresh, used, , before] = u32.subarray(p >>> 2, (p >>> 2) + 5), size = 16 * n;
        assertEquals([p % bytes, before], [0, prev]);
        let count = 0;
        for (let q = free; q !== 0; q = u32[q >>> 2], count++) {
          if (q < p || q >= fresh || (q - p - 32) % size !== 0) throw new Error(`${q} is no block of the slab at ${p}`);
        }
        const alone = used === 1 && free === 0 && fresh === p + bytes; // a slab for an aligned block
        if (!alone) assertEquals(used, (fresh - p - 32) / size - count, "blocks in use");
        assertEquals(list === s.full, count === 0 && fresh + size > p + bytes, "which list it is in");
        assert(used > 0, "a slab without blocks in use is kept");
        all.push({ p, n, used });
      }
    }
  }
  return all;
}

interface Parameters {
  largest: number;
  tiny: number;
  bytes: number;
}

/** Asserts that magazines, slabs and counts agree with one another, and with what is out. */
function assertSound(
  heap: Heap,
  s: State,
  { largest, tiny, bytes }: Parameters,
  out: readonly { p: number; size: number }[],
): void {
  const slabAt = new Map(slabsOf(heap, s, bytes).map((slab) => [slab.p, slab]));
  const used = new Map<Slab, number>(), seen = new Set<number>();
  let below = slabAt.size * bytes / 16;
  const note = (p: number, n: number) => {
    const slab = slabAt.get(p - p % bytes), right = 16 * n <= tiny ? slab?.n === n : slab === undefined;
    if (seen.has(p) || !right) throw new Error(`${p}, of ${n} units, is there twice, or in the wrong place`);
    seen.add(p);
    if (slab === undefined) return void (below += n);
    used.set(slab, (used.get(slab) ?? 0) + 1);
  };
  let total = 0;
  for (const { p, size } of out) {
    total += size > largest ? size >>> 4 : units(size);
    note(p, units(size));
  }
  for (let n = 1; n <= largest / 16; n++) {
    const { blocks, room } = magazineOf(s, n);
    assert(
      blocks.length <= room && room >= 2 * Math.sign(s.rooms[n]) && room === s.rooms[n],
      `${blocks.length} of ${room} blocks`,
    );
    for (const p of blocks) note(p, n);
  }
  assertEquals(outOf(s), total, "units out");
  assertEquals(s.base.out, below, "units out below");
  for (const slab of slabAt.values()) assertEquals(used.get(slab), slab.used, "blocks of a slab");
}

/** `slabs` over a new heap, a state and a program on it. */
function open(
  parameters: Partial<Parameters> = {},
  over: (heap: Heap) => AnyLayer = (heap) => mmap(heap),
  heap: Heap = freshHeap(),
  seed = 1,
) {
  const { largest = 256, tiny = 96, bytes = 2048 } = parameters;
  const layer = slabs(coalesce(over(heap), 8192), largest, tiny, bytes);
  const s: State = layer.init(), program = new Program(layer, s, seed);
  return { heap, layer, s, program, check: () => assertSound(heap, s, { largest, tiny, bytes }, program.out) };
}

const bases: Record<string, (heap: Heap) => AnyLayer> = {
  "pages": (heap) => mmap(heap),
  "a break": (heap) => sbrk(heap),
  "what cannot resize": (heap) => {
    const { resize: _, ...rest } = mmap(heap);
    return rest;
  },
  "what refuses one time in three": (heap) => fail(mmap(heap), 0.33),
};

for (const [name, over] of Object.entries(bases)) {
  Deno.test(`slabs: every call keeps magazines, slabs and counts in order, over ${name}`, () => {
    for (const [seed, largest, tiny, bytes] of [[1, 256, 96, 2048], [2, 64, 64, 1024], [3, 512, 16, 4096]] as const) {
      const { heap, layer, s, program, check } = open({ largest, tiny, bytes }, over, freshHeap(), seed);
      const few = () => program.pick(3) ? tiny : program.pick(1.5 * largest); // so that there are many of a size
      program.run(300, { get: 4, put: 1, resize: 1 }, few, check);
      assert(slabsOf(heap, s, bytes).length > 0);
      program.run(300, { get: 1, put: 3, align: 1 }, few, check);
      program.run(200, { get: 8, put: 6, resize: 3, align: 1 }, skewed(program.pick, 2 * largest), check);
      program.run(100, { get: 8, put: 6, resize: 3, align: 1, reset: 1 }, few, check);
      program.putAll(check);
      assert(program.resized > 20);
      layer.deinit(s);
      assertAllFree(heap);
    }
  });
}

Deno.test("slabs: while memory is short, refusals leave everything in order", () => {
  for (const maximum of [1, 2, 3]) {
    const { heap, layer, s, program, check } = open({}, undefined, freshHeap({ initial: 1, maximum }));
    for (let round = 0; round < 3; round++) {
      const { refused } = program, size = [16, 250, 100][round];
      while (program.refused < refused + 5) program.get(size);
      check();
      const before = [outOf(s), s.base.out], blocks = program.out.length;
      for (const size of [2 ** 31, 2 ** 32 - 65536, 2 ** 32 - 17, 2 ** 32 - 16, 2 ** 32 - 1]) {
        assertEquals([layer.get(s, size), layer.get(s, size, 1024)], [0, 0]);
        assert(!layer.resize(s, program.out[0].p, program.out[0].size, size));
      }
      assertEquals([outOf(s), s.base.out], before);
      program.run(100, { get: 2, put: 2, resize: 1, align: 1 }, () => program.pick(400), check);
      program.putAll();
      check();
      for (let i = 0; i < 0.8 * blocks; i++) assert(program.get(size), `${i} of ${blocks} blocks of ${size}`);
      program.putAll();
    }
    layer.deinit(s);
    assertAllFree(heap);
  }
});

Deno.test("slabs: a block that comes back is served again first", () => {
  const { layer, s } = open(), keep = layer.get(s, 1000); // so that nothing is given back
  for (const size of [0, 1, 16, 17, 100, 256]) {
    const [p, q] = [layer.get(s, size), layer.get(s, size)];
    layer.put(s, p, size);
    assertEquals(layer.get(s, size || 16), p);
    layer.put(s, p, size);
    layer.put(s, q, size);
    assertEquals([layer.get(s, size || 1), layer.get(s, size || 1)], [q, p]);
    layer.put(s, p, size);
    layer.put(s, q, size);
  }
  layer.put(s, keep, 1000);
  layer.deinit(s);
});

Deno.test("slabs: blocks of no bytes share the magazine of the smallest", () => {
  const { heap, layer, s, program, check } = open();
  program.get(16); // fills the magazine
  const { blocks } = magazineOf(s, 1);
  assert(blocks.length > 2);
  for (let i = 0; i < 200; i++) {
    program.get(i % 3 ? 0 : 16);
    check();
  }
  assert(program.out.some(({ p }) => p === blocks[0]));
  program.putAll(check);
  assertAllFree(heap);
  layer.deinit(s);
});

Deno.test("slabs: blocks that are not tiny come from below, and go back there, where they merge", () => {
  const { heap, layer, s, program, check } = open(), keep = program.get(2000)!;
  for (const size of [97, 128, 200, 256]) for (let i = 0; i < 300; i++) program.get(size);
  check();
  assertEquals(slabsOf(heap, s, 2048), []);
  for (const block of program.out.filter((block) => block !== keep)) program.put(block);
  check();
  const waits = 16 * (s.base.out - units(2000));
  assert(waits <= 4 * 512, `${waits} bytes wait`);
  program.putAll();
  assertAllFree(heap);
  layer.deinit(s);
});

Deno.test("slabs: tiny blocks come from slabs of their size, which go back", () => {
  for (
    const [size, tiny, bytes] of [[0, 16, 1024], [16, 16, 1024], [64, 64, 1024], [90, 96, 2048], [256, 256, 65536]]
  ) {
    const { heap, layer, s, program, check } = open({ tiny, bytes }), keep = program.get(3000)!;
    const room = Math.floor((bytes - 32) / (16 * units(size)));
    for (let i = 0; i < 10 * room; i++) program.get(size);
    check();
    const all = slabsOf(heap, s, bytes);
    assert(all.length >= 10 && all.length <= 11 && all.every(({ n }) => n === units(size)), `${all.length} slabs`);
    while (program.out.length > 1) {
      program.put(program.out.at(-1) === keep ? program.out[0] : program.out.at(-1)!);
      if (program.out.length % 50 === 0) check();
    }
    check();
    const left = slabsOf(heap, s, bytes).length;
    assert(left <= Math.ceil(magazineOf(s, units(size)).room / room) + 1, `${left} slabs are left`);
    program.putAll();
    assertAllFree(heap);
    layer.deinit(s);
  }
});

Deno.test("slabs: a slab is used again before there is another", () => {
  const { heap, layer, s, program, check } = open();
  for (let i = 0; i < 500; i++) program.get(64);
  const { length } = slabsOf(heap, s, 2048), { held } = s.base;
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 200; i++) program.put(program.out[program.pick(program.out.length)]);
    for (let i = 0; i < 200; i++) program.get(64);
    check();
  }
  assert(slabsOf(heap, s, 2048).length <= length + 10);
  assert(s.base.held < 1.3 * held, `${s.base.held}, ${held}`);
  program.putAll();
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("slabs: the room of a magazine grows with what is out, and shrinks again", () => {
  const { layer, s, program, check } = open(), room = (size: number) => magazineOf(s, units(size)).room;
  layer.put(s, layer.get(s, 128), 128);
  const least = room(128);
  assert(least >= 2 && least * 128 <= 1024);
  const keep = program.get(100)!;
  for (let i = 0; i < 20_000; i++) program.get(128);
  assert(room(128) >= 4 * least);
  check();
  for (const block of program.out.filter((block) => block !== keep)) layer.put(s, block.p, block.size);
  program.out.splice(0, Infinity, keep);
  for (let i = 0; i < 100; i++) program.get(128);
  program.putAll();
  for (let i = 0; i < 100; i++) program.get(128);
  assertEquals(room(128), least);
  check();
  layer.deinit(s);
});

Deno.test("slabs: small blocks aligned to more are like any other once they are back", () => {
  const { heap, layer, s, program, check } = open();
  assertEquals(layer.maxAlign, 1024);
  for (let i = 0; i < 100; i++) program.get(64);
  const sizes = [0, 1, 16, 96, 97, 256, 2000];
  for (let round = 0; round < 3; round++) {
    const aligned = sizes.flatMap((size) => [32, 64, 256, 1024].map((align) => program.get(size, align)!));
    check();
    for (const block of aligned) {
      program.put(block);
      check();
    }
    const p = layer.get(s, 256);
    assert(aligned.some((block) => block.p === p)); // out of the magazine
    layer.put(s, p, 256);
  }
  program.putAll();
  check();
  layer.deinit(s);
  assertAllFree(heap);
});

Deno.test("slabs: resize in the unit, over largest, and never of a slab's block", () => {
  const { layer, s, program, check } = open();
  const block = program.get(20)!;
  for (const size of [32, 17, 30]) assert(program.resize(block, size));
  program.put(block);
  // From below: grows into what is free behind it, from small to large and back
  const large = program.get(5000)!;
  for (const size of [256, 240, 255, 300, 100, 112, 97, 2000]) {
    assert(program.resize(large, size), `${size}`);
    check();
  }
  assertEquals(outOf(s), 2000 >>> 4);
  for (const size of [0, 16, 96]) assert(!program.resize(large, size)); // tiny
  program.put(large);
  check();
  const ofSlab = program.get(60)!;
  for (const size of [0, 16, 48, 65, 80, 256, 257, 5000, 2 ** 32 - 1]) assert(!program.resize(ofSlab, size), `${size}`);
  for (const size of [64, 49, 50]) assert(program.resize(ofSlab, size));
  check();
  program.putAll();
  check();
  layer.deinit(s);
});

Deno.test("slabs: goodSize is a whole number of units up to largest, and then that of the layer below", () => {
  const { layer } = open();
  for (const [size, good] of [[0, 16], [1, 16], [16, 16], [17, 32], [255, 256], [256, 256], [257, 272], [5000, 5008]]) {
    assertEquals(layer.goodSize(size), good);
  }
});

Deno.test("slabs: reset takes all blocks back", () => {
  const { heap, layer, s, program, check } = open();
  let held = 0;
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 600; i++) program.get(i % 3 ? 64 : i % 257);
    for (let i = 0; i < 100; i++) program.put(program.out[i]);
    if (round === 0) held = s.base.held;
    assertEquals(s.base.held, held);
    program.reset();
    check();
    assertEquals([outOf(s), slabsOf(heap, s, 2048).length], [0, 0]);
  }
  const keep = layer.get(s, 5000);
  program.run(200, { get: 2, put: 1 }, () => 64);
  program.putAll();
  layer.put(s, keep, 5000);
  assertAllFree(heap);
  layer.deinit(s);
});

Deno.test("slabs: owns every block of its own, of slabs and others", () => {
  const { heap, layer, s, program } = open(), t: State = layer.init(), other = new Program(layer, t);
  for (let i = 0; i < 300; i++) {
    program.get(i % 4 ? 64 : 5 * i);
    other.get(i % 4 ? 64 : 5 * i);
  }
  for (const { p } of program.out) assertEquals([layer.owns(s, p), layer.owns(t, p)], [true, false]);
  for (const { p } of other.out) assertEquals([layer.owns(s, p), layer.owns(t, p)], [false, true]);
  layer.deinit(s);
  layer.deinit(t);
  assertAllFree(heap);
});

Deno.test("slabs: has reset and owns where the layer below has", () => {
  const heap = freshHeap(), { reset: _, owns: __, ...rest } = coalesce(mmap(heap));
  const has = (layer: AnyLayer) =>
    ["gauge", "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "mark", "pristine", "divisible", "window"]
      .filter((name) => name in layer);
  assertEquals(has(slabs(coalesce(mmap(heap)))), ["resize", "owns", "reset", "goodSize", "maxAlign"]);
  assertEquals(has(slabs(rest)), ["resize", "goodSize", "maxAlign"]);
});

Deno.test("slabs: once all blocks have come back, all memory has", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { heap, layer, s, program } = open({ bytes: 2048 << seed % 3 }, undefined, freshHeap(), seed);
    const first = layer.get(s, 100); // so that nothing is empty before the end
    program.run(800, { get: 5, put: 2, resize: 1, align: 1 }, skewed(program.pick, seed % 2 ? 300 : 5000));
    if (seed % 2) layer.put(s, first, 100);
    program.putAll();
    if (seed % 2 === 0) layer.put(s, first, 100);
    assertEquals([outOf(s), s.base.out, s.base.held], [0, 0, 0], `${seed}`);
    assertAllFree(heap);
    layer.deinit(s);
  }
});

Deno.test("slabs: what is emptied again and again keeps its magazines, and gives all back the 64th time at the latest", () => {
  const { layer, s } = open();
  let kept = 0, longest = 0;
  for (let i = 0; i < 1000; i++) {
    layer.put(s, layer.get(s, 100), 100);
    kept = s.base.out > 0 ? kept + 1 : 0;
    longest = Math.max(longest, kept);
    if (i === 0) assertEquals(s.base.out, 0);
  }
  assertEquals(longest, 63);
  layer.deinit(s);
});

Deno.test("slabs: counts may wrap", () => {
  for (const start of [2 ** 31 - 500, -500]) {
    const { heap, layer, s, program, check } = open();
    s.taken = s.returned = start;
    const first = layer.get(s, 256);
    program.run(400, { get: 3, put: 2, resize: 1 }, skewed(program.pick, 500));
    program.putAll();
    layer.put(s, first, 256);
    check();
    assertEquals([outOf(s), s.base.out], [0, 0]);
    assert(s.taken !== start);
    layer.deinit(s);
    assertAllFree(heap);
  }
});

Deno.test("slabs: where there is no memory for a slab, what is not tiny is served", () => {
  const heap = freshHeap(), base = coalesce(limit(mmap(heap), 20_000), 1024), layer = slabs(base, 256, 96, 16_384);
  const s: State = layer.init(), program = new Program(layer, s);
  while (program.get(256));
  assert(program.out.length >= 19_000 / 256, `${program.out.length}`);
  assertEquals([layer.get(s, 16), layer.get(s, 0), layer.get(s, 96, 32)], [0, 0, 0]);
  assertSound(heap, s, { largest: 256, tiny: 96, bytes: 16_384 }, program.out);
  program.putAll();
  assertAllFree(heap);
  layer.deinit(s);
});

Deno.test("slabs: deinit gives all back, with blocks out", () => {
  const { heap, layer, s, program } = open();
  program.run(600, { get: 3, put: 1 }, () => program.pick(2) ? 64 : program.pick(2000));
  layer.deinit(s);
  assertAllFree(heap);
  const { layer: other, s: t, program: tiny } = open();
  tiny.run(600, { get: 3, put: 1 }, () => tiny.pick(97));
  assert(t.base.out > 0);
  other.deinit(t);
  assertEquals(t.base.out, 0); // each slab has been put
});

Deno.test("slabs: bad parameters", () => {
  const heap = freshHeap();
  // deno-lint-ignore no-explicit-any
  const of = (largest?: any, tiny?: any, bytes?: any) => () => slabs(coalesce(mmap(heap)), largest, tiny, bytes);
  for (const wrong of [-16, 0, 15, 17.5, NaN, Infinity, 4112, 2 ** 32]) {
    assertThrows(
      of(wrong),
      RangeError,
      "Cannot compose slabs: bytes in the largest block must be an integer from 16 to 4096",
    );
    assertThrows(
      of(256, wrong),
      RangeError,
      "Cannot compose slabs: bytes in the largest tiny block must be an integer from 16",
    );
  }
  assertThrows(of(104), RangeError, "Cannot compose slabs: bytes in a block must be a multiple of 16, got 104 and ");
  assertThrows(of(256, 40), RangeError, "bytes in a block must be a multiple of 16, got 256 and 40");
  assertThrows(
    of(256, 144, 1024),
    RangeError,
    "bytes in the largest tiny block must be an integer from 16 to 128, got 144",
  );
  for (const wrong of [-1024, 0, 512, 1000, 4097, 2 ** 17, NaN, Infinity]) {
    assertThrows(of(16, 16, wrong), RangeError, "Cannot compose slabs: bytes in a slab must be ");
  }
  for (const wrong of [null, "64", 64n, {}]) {
    assertThrows(of(wrong), TypeError, "Cannot compose slabs: bytes in the largest block must be a number");
    assertThrows(of(64, wrong), TypeError, "Cannot compose slabs: bytes in the largest tiny block must be a number");
    assertThrows(of(64, 64, wrong), TypeError, "Cannot compose slabs: bytes in a slab must be a number");
  }
  const { divisible: _, ...whole } = coalesce(mmap(heap)), { resize: __, ...rigid } = coalesce(mmap(heap));
  for (const base of [mmap(heap), whole, rigid, { ...coalesce(mmap(heap)), maxAlign: 1024 }, heap]) {
    assertThrows(
      () => slabs(base as never, 256, 96, 2048),
      TypeError,
      "Cannot compose slabs: the layer below must be divisible, resize and align to 2048, as coalesce(...) does",
    );
  }
  const a = init(slabs({ ...coalesce(mmap(heap)), maxAlign: 1024 }, 64, 64, 1024));
  a.put(a.get(10), 10);
  a.deinit();
  assertAllFree(heap);
  const b = init(slabs(coalesce(mmap(heap)), 64)); // what is tiny is no more than that
  b.put(b.get(64), 64);
  b.deinit();
  assertAllFree(heap);
});

Deno.test("slabs: what waits in magazines serves other sizes before a request is refused", () => {
  const heap = freshHeap({ initial: 2, maximum: 2 }), layer = slabs(coalesce(mmap(heap), 4096)), s = layer.init();
  const blocks: number[] = [];
  for (let p = layer.get(s, 256); p !== 0; p = layer.get(s, 256)) blocks.push(p);
  const last = blocks.pop()!, before = blocks.pop()!, next = blocks.pop()!;
  for (const p of [last, before, next]) layer.put(s, p, 256); // two or three of them wait
  assert(layer.get(s, 700) !== 0);
  layer.deinit(s);
  assertAllFree(heap);
});
