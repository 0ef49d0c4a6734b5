import {
  type AnyAllocator,
  type AnyLayer,
  type Batch,
  batch,
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
  stats,
} from "../mod.ts";
import { type Fallback, fallback } from "../layers/fallback.ts";
import { limit } from "../layers/limit.ts";
import { type Fixed, fixed } from "../layers/system/fixed.ts";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { capabilities, churn, same } from "./churn.ts";
import { assertAllFree, freshHeap, stub } from "./kit.ts";

/** A heap, and a buffer of one page in it. */
function buffered() {
  const heap = freshHeap(), start = heap.getPages(1);
  return {
    heap,
    start,
    buffer: fixed({ start, bytes: 4096 }, heap),
    close: () => (heap.putPages(start, 1), assertAllFree(heap)),
  };
}

Deno.test("fallback: what the first cannot serve, the second does, and each gets its blocks back", () => {
  const { heap, start, buffer, close } = buffered(), second = stub(heap), a = init(fallback(buffer, second));
  const p = a.get(4000), q = a.get(100), r = a.get(96);
  assertEquals([p, r, second.calls], [start, start + 4000, [["init"], ["get", 100]]]);
  a.put(q, 100);
  assertEquals(second.calls.at(-1), ["put", q, 100]);
  a.put(r, 96);
  a.put(p, 4000);
  assertEquals([a.get(4096), second.calls.length], [start, 3]); // they have come back to the first
  a.deinit();
  close();
});

Deno.test("fallback: memory that neither has gives 0, and what comes back serves again", () => {
  const { heap, buffer, close } = buffered(), a = init(fallback(buffer, limit(mmap(heap), 100)));
  const p = a.get(4096), q = a.get(100);
  assertEquals([p !== 0, q !== 0, a.get(1), a.get(0) !== 0, a.get(2 ** 32 - 1)], [true, true, 0, true, 0]);
  a.put(p, 4096);
  assertEquals(a.get(200), p);
  a.put(q, 100);
  a.deinit();
  const b = init(fallback(buffer, nullLayer(heap)));
  assertEquals([b.get(4097), b.get(4096)], [0, p]);
  b.deinit();
  heap.putPages(q + 4096, 1); // of no bytes, which is out still
  close();
});

Deno.test("fallback: a block is resized where it lies", () => {
  const { heap, start, buffer, close } = buffered(), a = init(fallback(buffer, mmap(heap)));
  const p = a.get(100), q = a.get(5000);
  assertEquals([a.resize(p, 100, 4096), a.resize(p, 4096, 4097), a.resize(p, 4096, 50)], [true, false, true]);
  assertEquals([a.resize(q, 5000, 20_000), a.resize(q, 20_000, 10)], [true, true]);
  a.put(q, 10);
  a.put(p, 50);
  assertEquals(a.get(4096), start);
  a.deinit();
  close();
});

Deno.test("fallback: owns, sizeOf and reset, of both", () => {
  const heap = freshHeap(), a = init(fallback(limit(batch(mmap(heap)), 1000), batch(mmap(heap))));
  const p = a.get(700), q = a.get(500), theirs = heap.getPages(1);
  assertEquals([p, q, theirs].map((x) => a.owns(x)), [true, true, false]);
  assertEquals([a.sizeOf(p), a.sizeOf(q), a.state.first.live], [700, 500, 700]);
  a.reset();
  assertEquals([p, q].map((x) => a.owns(x)), [false, false]);
  assertEquals(a.state.first.live, 0);
  heap.putPages(theirs, 1);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("fallback: goodSize costs no more, whichever serves it", () => {
  const { heap, buffer, close } = buffered(), stack = fallback(buffer, mmap(heap));
  const back = fallback(batch(mmap(heap)), buffer);
  let last = 0;
  for (const size of [...Array(10_000).keys(), 2 ** 32 - 4096, 2 ** 32 - 1]) {
    const good = stack.goodSize(size);
    assert(good >= size && good >= last && stack.goodSize(good) === good);
    assertEquals(back.goodSize(size), good);
    last = good;
  }
  assertEquals([0, 17, 4000, 4097].map((size) => stack.goodSize(size)), [16, 32, 4000, 4112]);
  close();
});

Deno.test("fallback: alignments up to the lesser of both", () => {
  const { heap, buffer, close } = buffered(), stack = fallback(buffer, mmap(heap)), a = init(stack);
  const p = a.get(10), q = a.get(10, 4096); // no room for it behind p
  assertEquals([stack.maxAlign, p % 4096, q % 4096, q > p + 4095], [4096, 0, 0, true]);
  assertThrows(() => a.get(10, 8192), RangeError, "1 to 4096");
  a.put(q, 10);
  a.deinit();
  close();
});

Deno.test("fallback: the second is asked for the same alignment", () => {
  const { heap, buffer, close } = buffered(), a = init(fallback(buffer, sbrk(heap)));
  a.get(4096);
  assertEquals(a.get(3, 1) + 3, a.get(3, 1));
  assertEquals(a.get(3, 256) % 256, 0);
  a.deinit();
  close();
});

Deno.test("fallback: of a state without the range, all from the second", () => {
  const { heap, buffer, close } = buffered(), stack = fallback(buffer, mmap(heap)), a = init(stack), b = init(stack);
  const p = a.get(10), q = b.get(10);
  assertEquals([a.layer.owns, p !== q, q % 4096], [undefined, true, 0]);
  b.put(q, 10);
  a.put(p, 10);
  b.deinit();
  a.deinit();
  close();
});

Deno.test("fallback: nested, from one buffer to the next", () => {
  const heap = freshHeap(), start = heap.getPages(1), at = (from: number) => ({ start: start + from, bytes: 64 });
  const stack = fallback(fixed(at(0), heap), fallback(fixed(at(128), heap), fixed(at(256), heap)));
  const a = init(stack), blocks = [64, 64, 64].map((size) => a.get(size));
  assertEquals([blocks, a.get(1)], [[start, start + 128, start + 256], 0]);
  for (const p of blocks) a.put(p, 64);
  for (const p of blocks) assertEquals(a.get(64), p);
  a.deinit();
  heap.putPages(start, 1);
  assertAllFree(heap);
});

Deno.test("fallback: deinit closes both, also if one throws", () => {
  const { heap, buffer, close } = buffered(), leaky = check(stats(batch(mmap(heap))));
  const a = init(fallback(buffer, leaky));
  a.get(5000);
  assertThrows(() => a.deinit(), Error, "Cannot close as free of leaks: 1 of 1 blocks");
  const b = init(buffer); // which has the range again
  assert(b.get(1) !== 0);
  b.deinit();
  const first = { ...leaky, owns: () => true }, c = init(fallback(first, chunk(mmap(heap), 4096)));
  c.get(10);
  assertThrows(() => c.deinit(), Error, "Cannot close as free of leaks: 1 of 1 blocks");
  close();
});

Deno.test("fallback: prints both stacks", () => {
  const heap = freshHeap(), a = init(fallback(chunk(mmap(heap), 64), stats(mmap(heap))));
  assertEquals(String(a).split("\n").map((line) => line.replace(/ {2,}0 all.*/, "")), [
    "fallback",
    "  first: chunk 64",
    "         mmap",
    "  second: stats",
    "          mmap",
  ]);
  a.deinit();
  const arena = chunk(mmap(heap), 64);
  assertStrictEquals(fallback(arena, mmap(heap)), fallback(arena, mmap(heap)));
});

Deno.test("fallback: capabilities, in the type and when it runs", () => {
  const { heap, buffer } = buffered(), pages = mmap(heap), books = batch(pages), arena = chunk(pages, 64);
  const some = fallback(buffer, pages), both = fallback(books, books), none = fallback(arena, stub(heap));
  same<typeof some, LayerWith<Fallback<Fixed, Mmap>, "resize" | "goodSize" | "maxAlign">>(true);
  same<
    typeof both,
    LayerWith<
      Fallback<Batch<Mmap>, Batch<Mmap>>,
      "resize" | "owns" | "sizeOf" | "reset" | "goodSize" | "maxAlign"
    >
  >(true);
  const owning = fallback(arena, books);
  same<
    typeof owning,
    LayerWith<Fallback<Chunk<Mmap>, Batch<Mmap>>, "resize" | "owns" | "reset" | "maxAlign">
  >(true);
  const stacks: [layer: AnyLayer, expected: string[]][] = [
    [some, ["goodSize", "maxAlign", "resize"]],
    [both, ["goodSize", "maxAlign", "owns", "reset", "resize", "sizeOf"]],
    [owning, ["maxAlign", "owns", "reset", "resize"]],
    [none, []],
  ];
  for (const [layer, expected] of stacks) assertEquals(capabilities(layer), expected);
  assertEquals([(some as AnyLayer).pristine, (none as AnyLayer).pristine], [true, undefined]);
  // @ts-expect-error nobody knows whether the second owns it
  assertThrows(() => init(some).owns(16), TypeError, "no such capability");
});

Deno.test("fallback: bad parameters are refused when it is composed", () => {
  const heap = freshHeap(), base = chunk(mmap(heap), 64), lacking = "Cannot compose fallback: first must have owns";
  // @ts-expect-error the first cannot say what it owns
  assertThrows(() => fallback(mmap(heap), base), TypeError, lacking);
  // @ts-expect-error the first cannot say what it owns
  assertThrows(() => fallback(stub(heap), base), TypeError, lacking);
  for (const wrong of [undefined, null, 5, {}, heap, init(base)]) {
    const as = wrong as unknown as typeof base;
    assertThrows(() => fallback(as, base), TypeError, "Cannot compose fallback: first must be a layer, got ");
    assertThrows(() => fallback(base, as), TypeError, "Cannot compose fallback: second must be a layer, got ");
  }
  const message = "Cannot compose fallback: first and second must be over the same heap";
  assertThrows(() => fallback(base, mmap(freshHeap())), TypeError, message);
  assertAllFree(heap);
});

Deno.test("fallback: at random, over layers of all kinds, specialised and not", () => {
  for (const on of [true, false]) {
    const before = specialise(on);
    try {
      const { heap, buffer, close } = buffered();
      const firsts = [
        buffer,
        limit(sbrk(heap), 2000),
        limit(batch(mmap(heap)), 3000),
        limit(chunk(mmap(heap), 64), 1000),
      ];
      const seconds = [mmap(heap), sbrk(heap), batch(mmap(heap)), chunk(mmap(heap), 4096), bonwick(mmap(heap))];
      for (const first of firsts) {
        for (const second of seconds) {
          const a = init(fallback(first as LayerWith<unknown, "owns">, second as AnyLayer)) as AnyAllocator;
          assertEquals(churn(a, 900, 1, 300).refused, 0);
          a.deinit();
        }
      }
      close();
    } finally {
      specialise(before);
    }
  }
});
