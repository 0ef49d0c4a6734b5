import {
  type AnyAllocator,
  type AnyLayer,
  type Batch,
  batch,
  bigcache,
  bonwick,
  check,
  type Chunk,
  chunk,
  init,
  type LayerWith,
  type Mmap,
  mmap,
  nullLayer,
  sbrk,
  specialise,
  type Stats,
  stats,
} from "../mod.ts";
import { limit } from "../layers/limit.ts";
import { type Route, route, type Split, split } from "../layers/route.ts";
import { fixed } from "../layers/system/fixed.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "./assert.ts";
import { capabilities, churn, same } from "./churn.ts";
import { assertAllFree, freshHeap, stub } from "./kit.ts";

const even = (size: number) => size % 2 === 0;

Deno.test("split: up to the threshold to the one, beyond to the other, there and back", () => {
  const heap = freshHeap(), small = stub(heap), large = stub(heap), a = init(split(100, small, large));
  const sizes = [0, 1, 100, 101, 5000, 2 ** 32 - 1];
  for (const size of sizes) a.put(a.get(size), size);
  const sides = [small, large].map(({ calls }) => [
    calls.filter(([call]) => call === "get").map(([, size]) => size),
    calls.filter(([call]) => call === "put").map(([, , size]) => size),
  ]);
  assertEquals(sides, [[[0, 1, 100], [0, 1, 100]], [[101, 5000, 2 ** 32 - 1], [101, 5000, 2 ** 32 - 1]]]);
});

Deno.test("split: a threshold of nothing, and of everything", () => {
  const heap = freshHeap();
  for (const [threshold, size] of [[0, 0], [2 ** 32 - 1, 2 ** 32 - 1]]) {
    const small = stub(heap), large = stub(heap), a = init(split(threshold, small, large));
    a.get(size);
    assertEquals([small.calls.at(-1), large.calls.at(-1)], [["get", size], ["init"]]);
  }
});

Deno.test("route: by a predicate, nested for more", () => {
  const heap = freshHeap(), [x, y, z] = [stub(heap), stub(heap), stub(heap)];
  const a = init(route((size) => size === 64, x, route(even, y, z)));
  for (const size of [64, 66, 67]) a.put(a.get(size), size);
  for (const [base, size] of [[x, 64], [y, 66], [z, 67]] as const) {
    assertEquals(base.calls.slice(1).map(([call, ...args]) => [call, args.at(-1)]), [["get", size], ["put", size]]);
  }
});

Deno.test("route: alignments are passed on", () => {
  const heap = freshHeap(), a = init(split(100, sbrk(heap), sbrk(heap)));
  for (const size of [3, 300]) {
    assertEquals([a.get(size, 1), a.get(size, 1)].map((p) => p % size === 0), [false, false]);
  }
  for (const size of [100, 101]) assertEquals(a.get(size, 4096) % 4096, 0);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("route: a side without memory gives 0, and the other serves on", () => {
  const heap = freshHeap(), a = init(split(100, nullLayer(heap), mmap(heap)));
  assertEquals(a.get(100), 0);
  const p = a.get(101);
  assertEquals([p !== 0, a.get(2 ** 32 - 1)], [true, 0]);
  a.put(p, 101);
  const b = init(split(100, limit(chunk(mmap(heap), 4096), 200), limit(mmap(heap), 0)));
  assertEquals([b.get(101), b.get(100) !== 0, b.get(100) !== 0, b.get(100)], [0, true, true, 0]);
  b.deinit();
  assertAllFree(heap);
});

Deno.test("route: a block is resized on its side only", () => {
  const heap = freshHeap(), a = init(split(1000, batch(mmap(heap)), batch(mmap(heap))));
  const p = a.get(500), q = a.get(5000);
  assertEquals([a.resize(p, 500, 1000), a.resize(p, 1000, 1001), a.resize(q, 5000, 1000)], [true, false, false]);
  assertEquals([a.resize(q, 5000, 6000), a.resize(q, 6000, 1001)], [true, true]);
  assertEquals([a.sizeOf(p), a.sizeOf(q)], [1000, 1001]);
  a.put(p, 1000);
  a.put(q, 1001);
  a.deinit();
  const b = init(route(even, batch(mmap(heap)), batch(mmap(heap)))), r = b.get(101);
  assertEquals([b.resize(r, 101, 100), b.resize(r, 101, 103), b.sizeOf(r)], [false, true, 103]);
  b.deinit();
  assertAllFree(heap);
});

Deno.test("route: owns and reset, of both sides", () => {
  const heap = freshHeap(), a = init(split(100, chunk(mmap(heap), 4096), batch(mmap(heap))));
  const p = a.get(100), q = a.get(101), theirs = heap.getPages(1);
  assertEquals([p, q, theirs].map((x) => a.owns(x)), [true, true, false]);
  a.reset();
  assertEquals([p, q].map((x) => a.owns(x)), [false, false]);
  heap.putPages(theirs, 1);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("route: sizeOf asks the one that owns the block", () => {
  const heap = freshHeap(), a = init(split(100, batch(mmap(heap)), batch(mmap(heap))));
  const sizes = [0, 100, 101, 9000], blocks = sizes.map((size) => a.get(size));
  assertEquals(blocks.map((p) => a.sizeOf(p)), sizes);
  a.deinit();
  // Whether the first owns it is enough to know
  const booked = batch(mmap(heap)), { owns: _, ...blind } = booked;
  const b = init(split(100, booked, blind)), p = b.get(50), q = b.get(500);
  assertEquals([b.sizeOf(p), b.sizeOf(q), capabilities(b.layer).includes("owns")], [50, 500, false]);
  b.deinit();
  const c = init(split(100, blind, booked) as AnyLayer);
  assertThrows(() => c.sizeOf(16), TypeError, "no such capability");
  c.deinit();
  assertAllFree(heap);
});

Deno.test("split: goodSize stays on its side, and grows with the size", () => {
  const heap = freshHeap(), start = heap.getPages(1), buffer = fixed({ start, bytes: 4096 }, heap);
  for (
    const stack of [
      split(100, buffer, mmap(heap)),
      split(5000, mmap(heap), buffer),
      split(4096, mmap(heap), bonwick(mmap(heap))),
      split(0, buffer, buffer),
      split(2 ** 32 - 1, mmap(heap), mmap(heap)),
    ]
  ) {
    let last = 0;
    const sizes = [...Array.from({ length: 10_000 }, (_, i) => i), 2 ** 31, 2 ** 32 - 4096, 2 ** 32 - 1];
    for (const size of sizes) {
      const good = stack.goodSize(size);
      assert(good >= size && good >= last && stack.goodSize(good) === good, `${size}: ${good} after ${last}`);
      last = good;
    }
  }
  const stack = split(100, buffer, mmap(heap));
  assertEquals([1, 96, 97, 100, 101].map((size) => stack.goodSize(size)), [16, 96, 100, 100, 4096]);
});

Deno.test("route: deinit closes both, also if one throws", () => {
  const heap = freshHeap(), leaky = () => check(stats(batch(mmap(heap))));
  const stacks: [stack: AnyLayer, size: number][] = [
    [split(100, leaky(), chunk(mmap(heap), 4096)), 10],
    [split(100, chunk(mmap(heap), 4096), leaky()), 1000],
    [split(100, leaky(), leaky()), 1000],
  ];
  for (const [stack, size] of stacks) {
    const a = init(stack);
    a.put(a.get(1010 - size), 1010 - size);
    a.get(size);
    assertThrows(() => a.deinit(), Error, "Cannot close as free of leaks: 1 of 1 blocks");
    assertAllFree(heap);
  }
});

Deno.test("route: an init that throws leaves none of the other behind", () => {
  const heap = freshHeap(), first = stub(heap), second = stub(heap);
  second.init = () => {
    throw new Error("no state");
  };
  assertThrows(() => init(split(100, first, second)), Error, "no state");
  assertEquals(first.calls, [["init"], ["deinit"]]);
});

Deno.test("route: prints both stacks, with their figures, also after it has been closed", () => {
  const heap = freshHeap();
  const a = init(stats(split(1024, stats(chunk(mmap(heap), 4096)), route(even, mmap(heap), stats(mmap(heap))))));
  a.get(10);
  const p = a.get(1025);
  a.put(p, 1025);
  const text = () => String(a).replace(/  +(\d+) allocated[^\n]*/g, " [$1]");
  const expected = [
    "stats [2]",
    "split 1024",
    "  first: stats [1]",
    "         chunk 4096",
    "         mmap",
    "  second: route function even",
    "            first: mmap",
    "            second: stats [1]",
    "                    mmap",
  ].join("\n");
  assertEquals(text(), expected);
  a.deinit();
  assertEquals(text(), expected + "\n(closed)");
  assertAllFree(heap);
});

Deno.test("route: composing again gives the same layer", () => {
  const heap = freshHeap(), pages = mmap(heap), arena = chunk(pages, 64);
  assertStrictEquals(split(100, arena, pages), split(100, arena, pages));
  assertNotStrictEquals(split(100, arena, pages), split(101, arena, pages));
  assertStrictEquals(route(even, arena, pages), route(even, arena, pages));
  assertNotStrictEquals(route(even, arena, pages), route((size) => even(size), arena, pages));
});

Deno.test("route: capabilities, in the type and when it runs", () => {
  const heap = freshHeap(), pages = mmap(heap), books = batch(pages), arena = chunk(pages, 64);
  const both = split(100, books, books), some = split(100, arena, pages), by = route(even, books, books);
  const none = split(100, stub(heap), books);
  type All = "resize" | "owns" | "sizeOf" | "reset" | "maxAlign";
  same<typeof both, LayerWith<Split<Batch<Mmap>, Batch<Mmap>>, All | "goodSize">>(true);
  same<typeof by, LayerWith<Route<Batch<Mmap>, Batch<Mmap>>, All>>(true);
  same<typeof some, LayerWith<Route<Chunk<Mmap>, Mmap>, "resize" | "maxAlign">>(true);
  const gauged = route(even, stats(arena), stats(books));
  same<
    typeof gauged,
    LayerWith<Route<Stats<Chunk<Mmap>>, Stats<Batch<Mmap>>>, "resize" | "owns" | "reset" | "maxAlign">
  >(true);
  const stacks: [layer: AnyLayer, expected: string[]][] = [
    [both, ["goodSize", "maxAlign", "owns", "reset", "resize", "sizeOf"]],
    [by, ["maxAlign", "owns", "reset", "resize", "sizeOf"]],
    [some, ["maxAlign", "resize"]],
    [gauged, ["maxAlign", "owns", "reset", "resize"]],
    [none, []],
    [split(100, books, bigcache(pages)), ["goodSize", "owns", "resize"]],
  ];
  for (const [layer, expected] of stacks) assertEquals(capabilities(layer), expected);
  assertEquals([(some as AnyLayer).pristine, (none as AnyLayer).pristine], [true, undefined]);
  const [plain, reverse] = [split(100, books, stub(heap)), split(100, pages, arena)];
  assertEquals([(plain as AnyLayer).pristine, (reverse as AnyLayer).pristine], [undefined, true]);
  assertEquals([both.maxAlign, some.maxAlign, reverse.maxAlign], [2 ** 30, 4096, 4096]);
  // @ts-expect-error nothing measures: stats(...) over it does
  assertThrows(() => init(gauged).gauge(), TypeError, "it does not measure");
  // @ts-expect-error its sizes may be on any side
  assertThrows(() => init(by).goodSize(100), TypeError, "no such capability");
});

Deno.test("split: bad parameters are refused when it is composed", () => {
  const heap = freshHeap(), base = mmap(heap), other = mmap(freshHeap());
  for (const wrong of [-1, 1.5, NaN, Infinity, 2 ** 32]) {
    const message = `Cannot compose split: threshold in bytes must be an integer from 0 to 4294967295, got ${wrong}`;
    assertThrows(() => split(wrong, base, base), RangeError, message);
  }
  for (const wrong of [undefined, null, "100", base]) {
    const message = "Cannot compose split: threshold in bytes must be a number, got ";
    assertThrows(() => split(wrong as unknown as number, base, base), TypeError, message);
  }
  for (const wrong of [undefined, null, 5, {}, heap, init(base)]) {
    const as = wrong as unknown as typeof base;
    assertThrows(() => split(5, as, base), TypeError, "Cannot compose split: small must be a layer, got ");
    assertThrows(() => split(5, base, as), TypeError, "Cannot compose split: large must be a layer, got ");
  }
  const message = "Cannot compose split: small and large must be over the same heap";
  assertThrows(() => split(5, base, other), TypeError, message);
  assertAllFree(heap);
});

Deno.test("route: bad parameters are refused when it is composed", () => {
  const heap = freshHeap(), base = mmap(heap), other = mmap(freshHeap());
  for (const wrong of [undefined, null, 100, "even", base]) {
    const message = "Cannot compose route: predicate must be a function, got ";
    assertThrows(() => route(wrong as unknown as typeof even, base, base), TypeError, message);
  }
  for (const wrong of [undefined, null, 5, {}, heap]) {
    const as = wrong as unknown as typeof base;
    assertThrows(() => route(even, as, base), TypeError, "Cannot compose route: first must be a layer, got ");
    assertThrows(() => route(even, base, as), TypeError, "Cannot compose route: second must be a layer, got ");
  }
  const message = "Cannot compose route: first and second must be over the same heap";
  assertThrows(() => route(even, base, other), TypeError, message);
  assertAllFree(heap);
});

Deno.test("split: each has code of its own, with the threshold in it", () => {
  const heap = freshHeap(), before = specialise(true);
  try {
    const base = stub(heap);
    base.get = () => {
      throw new Error("from below");
    };
    const { stack } = assertThrows(() => init(split(100, base, mmap(heap))).get(10), Error, "from below");
    assertMatch(stack!, /region:route\.\d+/);
  } finally {
    specialise(before);
  }
});

Deno.test("route: at random, over layers of all kinds, specialised and not", () => {
  for (const on of [true, false]) {
    const before = specialise(on);
    try {
      const heap = freshHeap(),
        kinds: AnyLayer[] = [
          mmap(heap),
          sbrk(heap),
          batch(mmap(heap)),
          chunk(mmap(heap), 4096),
          bonwick(mmap(heap)),
        ];
      for (const x of kinds) {
        for (const y of kinds) {
          for (const stack of [split(300, x, y), route(even, x, y)] as AnyLayer[]) {
            const a: AnyAllocator = init(stack);
            assertEquals(churn(a, 900, 1, 300).refused, 0);
            a.deinit();
            assertAllFree(heap);
          }
        }
      }
    } finally {
      specialise(before);
    }
  }
});
