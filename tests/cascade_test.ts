import {
  type AnyAllocator,
  type AnyLayer,
  batch,
  bypass,
  check,
  type Chunk,
  chunk,
  type Heap,
  init,
  type Layer,
  layer,
  type LayerWith,
  type Mmap,
  mmap,
  sbrk,
  specialise,
  stats,
} from "../mod.ts";
import { type Cascade, cascade } from "../layers/cascade.ts";
import { type Limit, limit } from "../layers/limit.ts";
import { fixed } from "../layers/system/fixed.ts";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { capabilities, churn, same } from "./churn.ts";
import { assertAllFree, freshHeap, stub } from "./kit.ts";

/** What has happened to the instances of a layer: how many were made, closed and reset. */
interface Seen {
  made: number;
  closed: number;
  reset: number;
}

/** A layer whose states are counted. */
const watched: <S, L extends Layer<S>>(base: L & Layer<S>, seen: Seen) => L = layer(
  function watched<S>(base: Layer<S>, seen: Seen): Layer<S> {
    return {
      ...base,
      stateless: true,
      init: () => (seen.made++, base.init()),
      deinit: (s) => (seen.closed++, base.deinit(s)),
      ...(base.reset && { reset: (s) => (seen.reset++, base.reset!(s)) }),
    };
  },
);

/** A cascade of arenas for 1000 bytes each, and what happens to them. */
function arenas(heap: Heap, most?: number) {
  const seen: Seen = { made: 0, closed: 0, reset: 0 };
  const a = init(cascade(watched(limit(chunk(mmap(heap), 4096), 1000), seen), most));
  return { a, seen };
}

/** A layer with `owns` and no `reset`: slots for three blocks. */
function slots(heap: Heap): LayerWith<{ base: number; out: boolean[] }, "owns"> {
  const base = mmap(heap), pages = base.init();
  return {
    heap,
    init: () => ({ base: base.get(pages, 3 * 64), out: [false, false, false] }),
    deinit: (s) => base.put(pages, s.base, 3 * 64),
    get: (s, size) => {
      const i = size > 64 ? -1 : s.out.indexOf(false);
      if (i < 0) return 0;
      s.out[i] = true;
      return s.base + 64 * i;
    },
    put: (s, p) => {
      s.out[(p - s.base) / 64] = false;
    },
    owns: (s, p) => s.out[(p - s.base) / 64] === true,
  };
}

Deno.test("cascade: another instance when all that there are refuse", () => {
  const heap = freshHeap(), { a, seen } = arenas(heap);
  const blocks = Array.from({ length: 10 }, () => a.get(600));
  assertEquals(new Set(blocks).size, 10);
  assertEquals([seen.made, a.state.others.length], [10, 9]);
  // What is left in each serves before another is made
  for (let i = 0; i < 10; i++) blocks.push(a.get(400));
  assertEquals([blocks.includes(0), seen.made], [false, 10]);
  assert(blocks.every((p) => a.owns(p)));
  assertEquals([a.owns(16), a.owns(heap.size)], [false, false]);
  blocks.push(a.get(1000), a.get(0));
  assertEquals([seen.made, seen.closed], [11, 0]);
  a.deinit();
  assertEquals(seen.closed, 11);
  assertAllFree(heap);
});

Deno.test("cascade: an instance that becomes empty is closed, but one is kept", () => {
  const heap = freshHeap(), { a, seen } = arenas(heap), blocks = Array.from({ length: 5 }, () => a.get(600));
  a.put(blocks[1], 600);
  assertEquals([seen.closed, a.state.blocks, a.state.others.length], [0, 0, 4]); // kept
  a.put(blocks[3], 600);
  assertEquals([seen.closed, a.state.blocks, a.state.others.length], [1, 0, 3]); // the newer one is kept
  const again = a.get(600);
  assertEquals([seen.made, a.state.blocks], [5, 1]); // and serves
  for (const p of [again, blocks[0], blocks[2], blocks[4]]) a.put(p, 600);
  assertEquals([seen.closed, a.state.others.length], [4, 0]);
  for (let i = 0; i < 1000; i++) a.put(a.get(600), 600); // one that comes and goes makes nothing
  assertEquals([seen.made, seen.closed], [5, 4]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("cascade: the instance that has the block, or the room, comes to the front", () => {
  const heap = freshHeap(), a = init(cascade(slots(heap)));
  const blocks = Array.from({ length: 12 }, () => a.get(64)),
    [first, second, third, fourth] = [0, 3, 6, 9].map((i) => blocks[i]);
  const order = () => [a.state, ...a.state.others.toReversed()].map((it) => it.base.base);
  assertEquals(order(), [fourth, third, second, first]);
  a.put(blocks[4], 64);
  assertEquals(order(), [second, fourth, third, first]);
  assertEquals(a.get(64), blocks[4]);
  a.put(blocks[0], 64);
  a.put(blocks[9], 64);
  assertEquals(order(), [fourth, first, second, third]);
  assertEquals([a.get(10), a.get(10)], [blocks[9], blocks[0]]);
  assertEquals(order(), [first, fourth, second, third]);
  assertEquals([a.state, ...a.state.others].map((it) => it.blocks), [3, 3, 3, 3]);
  for (const p of blocks) a.put(p, 64);
  assertEquals([a.state.blocks, a.state.others.length], [0, 0]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("cascade: an arena that becomes empty is reset, and serves again", () => {
  const heap = freshHeap(), seen: Seen = { made: 0, closed: 0, reset: 0 };
  const a = init(cascade(watched(chunk(mmap(heap), 4096), seen)));
  const first = a.get(4000), { pages } = heap.free;
  a.put(first, 4000);
  for (let i = 0; i < 100; i++) {
    assertEquals(a.get(4000), first);
    a.put(first, 4000);
  }
  assertEquals([seen, heap.free.pages], [{ made: 1, closed: 0, reset: 101 }, pages]);
  a.deinit();
  assertAllFree(heap);
  const { a: b, seen: twice } = arenas(heap), p = b.get(600), q = b.get(600);
  b.put(p, 600);
  assertEquals([twice.reset, b.get(1000), twice.made], [1, p, 2]); // only the empty one
  b.put(q, 600);
  b.deinit();
  assertAllFree(heap);
});

Deno.test("cascade: a request that even a fresh instance refuses gives 0, and leaves none behind", () => {
  const heap = freshHeap(), { a, seen } = arenas(heap), p = a.get(600);
  const before = heap.free;
  for (let i = 0; i < 3; i++) assertEquals([a.get(1001), a.get(2 ** 32 - 1)], [0, 0]);
  assertEquals([seen.made, seen.closed, a.state.others.length, a.state.blocks], [7, 6, 0, 1]);
  assertEquals(heap.free, before);
  a.put(p, 600);
  a.deinit();
  assertEquals(seen.made, seen.closed);
  assertAllFree(heap);
});

Deno.test("cascade: a fresh instance that throws is closed", () => {
  const heap = freshHeap(), base = slots(heap);
  const a = init(cascade({
    ...base,
    get: (s, size, align) => {
      if (size > 64) throw new Error("too large");
      return base.get(s, size, align);
    },
  }));
  const before = heap.free;
  assertThrows(() => a.get(65), Error, "too large");
  for (let i = 0; i < 3; i++) a.get(64);
  assertThrows(() => a.get(65), Error, "too large");
  assertEquals([heap.free, a.state.others.length], [before, 0]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("cascade: at most so many instances", () => {
  const heap = freshHeap(), { a, seen } = arenas(heap, 3);
  const blocks = [a.get(600), a.get(600), a.get(600)];
  assertEquals([a.get(600), a.get(400) !== 0, seen.made], [0, true, 3]);
  a.put(blocks[0], 600);
  assertEquals([a.get(600) !== 0, seen.made], [true, 3]);
  a.deinit();
  const one = arenas(heap, 1).a;
  assertEquals([one.get(600) !== 0, one.get(600)], [true, 0]);
  one.deinit();
  assertAllFree(heap);
});

Deno.test("cascade: memory that runs out gives 0, and what comes back serves again", () => {
  const heap = freshHeap({ initial: 1, maximum: 3 }), a = init(cascade(limit(chunk(mmap(heap), 4096), 4000)));
  const blocks: number[] = [];
  for (let p; (p = a.get(4000)) !== 0;) blocks.push(p);
  assertEquals(blocks.length, 3 * 16 - 1); // a page each
  assertEquals(a.get(4000), 0);
  for (const p of blocks.splice(0, 20)) a.put(p, 4000);
  assertEquals(heap.free.pages, 19); // one is kept
  for (let p; (p = a.get(4000)) !== 0;) blocks.push(p);
  assertEquals(blocks.length, 3 * 16 - 1);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("cascade: over a range that has one state at a time there is one instance", () => {
  const heap = freshHeap(), start = heap.getPages(1), a = init(cascade(fixed({ start, bytes: 4096 }, heap)));
  const p = a.get(4000);
  assertEquals([p, a.get(100), a.owns(p), a.state.others.length], [start, 0, true, 0]);
  a.put(p, 4000);
  assertEquals(a.get(100), start);
  a.deinit();
});

Deno.test("cascade: a block of no instance is refused, and changes nothing", () => {
  const heap = freshHeap(), a = init(cascade(batch(mmap(heap)))), p = a.get(100);
  const message = "the block at 16: no instance owns it";
  assertThrows(() => a.put(16, 100), RangeError, message);
  assertThrows(() => a.resize(16, 100, 50), RangeError, message);
  assertThrows(() => a.sizeOf(16), RangeError, message);
  assertThrows(() => a.put(p, 99), RangeError, "it is not out with 99 bytes"); // says the layer below
  assertEquals(a.state.blocks, 1);
  a.put(p, 100);
  assertThrows(() => a.put(p, 100), RangeError, "no instance owns it");
  assertEquals(a.state.blocks, 0);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("cascade: resize, sizeOf and reset, of each instance", () => {
  const heap = freshHeap(), a = init(cascade(limit(batch(mmap(heap)), 10_000)));
  const p = a.get(9000), q = a.get(8000), r = a.get(7000);
  assertEquals([p, q, r].map((x) => a.sizeOf(x)), [9000, 8000, 7000]);
  assertEquals([a.resize(p, 9000, 10_001), a.resize(p, 9000, 10_000)], [false, true]);
  assertEquals([a.sizeOf(p), a.resize(q, 8000, 100), a.sizeOf(q), a.owns(r)], [10_000, true, 100, true]);
  a.reset();
  assertEquals([p, q, r].map((x) => a.owns(x)), [false, false, false]);
  assertEquals([a.state, ...a.state.others].map((it) => [it.blocks, it.base.live]), [[0, 0], [0, 0], [0, 0]]);
  const kept = a.get(10_000);
  a.put(kept, 10_000);
  assertEquals(a.state.others.length, 0); // all that were empty are closed
  a.deinit();
  assertAllFree(heap);
});

Deno.test("cascade: deinit closes each instance, also if one throws", () => {
  const heap = freshHeap(), seen: Seen = { made: 0, closed: 0, reset: 0 };
  const base = check(stats(limit(batch(mmap(heap)), 4096)));
  const a = init(cascade(watched({ ...base, owns: (s, p) => base.owns!(s, p) } as typeof base & AnyLayer, seen)));
  for (let i = 0; i < 3; i++) a.get(4000);
  assertThrows(() => a.deinit(), Error, "Cannot close as free of leaks: 1 of 1 blocks");
  assertEquals([seen.made, seen.closed], [3, 3]);
  assertAllFree(heap);
});

Deno.test("cascade: prints the instance in front, also after it has been closed", () => {
  const heap = freshHeap(), a = init(cascade(limit(stats(batch(mmap(heap))), 1000), 5));
  a.get(600);
  a.get(601);
  const text = String(a).replace(/ {2,}/g, "  ");
  assertEquals(text.split("\n"), [
    "cascade 5",
    "limit 1000  1 allocated, 0 freed; 601 B allocated, 0 B freed, peak 601 B; 1 live, 601 B",
    "stats  1 allocated, 0 freed; 601 B allocated, 0 B freed, peak 601 B; 1 live, 601 B",
    "batch",
    "mmap",
  ]);
  a.deinit();
  assertEquals(String(a).replace(/ {2,}/g, "  "), `${text}\n(closed)`);
  assertStrictEquals(cascade(chunk(mmap(heap), 64), 5), cascade(chunk(mmap(heap), 64), 5));
});

Deno.test("cascade: capabilities, in the type and when it runs", () => {
  const heap = freshHeap(), stack = cascade(limit(chunk(mmap(heap), 4096), 20_000));
  same<
    typeof stack,
    LayerWith<Cascade<Limit<Chunk<Mmap>>>, "owns" | "resize" | "reset" | "maxAlign">
  >(true);
  assertEquals(capabilities(stack), ["maxAlign", "owns", "reset", "resize"]);
  assertEquals(capabilities(cascade(stats(batch(mmap(heap))))), [
    "goodSize",
    "maxAlign",
    "owns",
    "reset",
    "resize",
    "sizeOf",
  ]);
  assertEquals(capabilities(cascade(slots(heap))), ["owns"]);
  assertEquals((stack as AnyLayer).pristine, true);
  assertEquals((cascade(slots(heap)) as AnyLayer).pristine, undefined);
  const a = init(stack);
  assertEquals(a.get(100, 4096) % 4096, 0);
  assertThrows(() => (a as AnyAllocator).gauge(), TypeError, "it does not measure");
  a.deinit();
});

Deno.test("cascade: bad parameters are refused when it is composed", () => {
  const heap = freshHeap(), base = chunk(mmap(heap), 64);
  const lacking = "Cannot compose cascade: the layer below must have owns, as chunk(...) has";
  // @ts-expect-error the layer below has no owns
  assertThrows(() => cascade(mmap(heap)), TypeError, lacking);
  // @ts-expect-error the layer below has no owns
  assertThrows(() => cascade(stub(heap)), TypeError, lacking);
  for (const wrong of [0, -1, 1.5, NaN, -Infinity, 2 ** 32 + 1]) {
    assertThrows(() => cascade(base, wrong), RangeError, "Cannot compose cascade: number of instances must be an int");
  }
  for (const wrong of ["2", null, {}]) {
    assertThrows(() => cascade(base, wrong as unknown as number), TypeError, "number of instances must be a number");
  }
  for (const wrong of [undefined, null, 5, {}, heap]) {
    assertThrows(() => cascade(wrong as unknown as typeof base), TypeError, "Cannot compose cascade: ");
  }
  assertAllFree(heap);
});

Deno.test("cascade: at random, over layers of all kinds, specialised and not", () => {
  for (const on of [true, false]) {
    const before = specialise(on);
    try {
      const heap = freshHeap();
      for (
        const base of [
          limit(chunk(mmap(heap), 4096), 2000),
          limit(batch(mmap(heap)), 2000),
          limit(sbrk(heap), 2000),
          chunk(limit(mmap(heap), 4096), 1024),
          bypass(slots(heap)),
        ]
      ) {
        const a = init(cascade(base as LayerWith<unknown, "owns">));
        for (let seed = 1; seed <= 3; seed++) {
          const { served } = churn(a, 600, seed);
          assert(served > 50);
          assertEquals([a.state.blocks, a.state.others.length], [0, 0]);
        }
        a.deinit();
        assertAllFree(heap);
      }
    } finally {
      specialise(before);
    }
  }
});
