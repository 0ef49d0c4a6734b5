import { type AnyAllocator, type AnyLayer, batch, bonwick, chunk, enter, init, mmap, stats, std } from "../mod.ts";
import { formatHistogram, histogram } from "../layers/histogram.ts";
import { failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, backed, freshHeap, levels, random, stub } from "./kit.ts";

/** The buckets in use, as `[bucket, count]`. */
const used = (counts: Float64Array) => [...counts.entries()].filter(([, n]) => n > 0);

Deno.test("histogram: sizes by power of two", () => {
  const { base, heap } = backed(), a = init(histogram(base));
  base.get = ((get) => (s, size) => size > 1e9 ? 2 ** 31 + 16 * size % 2 ** 30 : get(s, size))(base.get);
  for (const size of [0, 1, 2, 3, 4, 7, 8, 1023, 1024, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) a.get(size);
  assertEquals(used(a.state.sizes), [
    [0, 1],
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 1],
    [10, 1],
    [11, 1],
    [31, 1],
    [32, 2],
  ]);
  assertEquals(a.state.clock, 12);
  assertEquals(heap.size > 0 && a.state.born.blocks, 12);
});

Deno.test("histogram: a lifetime is the number of blocks got between get and put", () => {
  const a = init(histogram(mmap(freshHeap())));
  a.put(a.get(1), 1);
  assertEquals(used(a.state.lifetimes), [[0, 1]]);
  const old = a.get(1);
  for (let i = 0; i < 3; i++) a.put(a.get(1), 1);
  a.put(old, 1);
  assertEquals(used(a.state.lifetimes), [[0, 4], [2, 1]]);
});

Deno.test("histogram: agrees with a Map that books the same", () => {
  const heap = freshHeap(), a = init(histogram(bonwick(mmap(heap)))), pick = random(3);
  const births = new Map<number, [size: number, birth: number]>(), lifetimes = new Map<number, number>();
  for (let i = 0, clock = 0; i < 20_000; i++) {
    if (pick(2) === 0 || births.size === 0) {
      const size = pick(200), p = a.get(size);
      births.set(p, [size, ++clock]);
    } else {
      const [p, [size, birth]] = [...births][pick(Math.min(births.size, 20))];
      const bucket = clock === birth ? 0 : Math.floor(Math.log2(clock - birth)) + 1;
      lifetimes.set(bucket, (lifetimes.get(bucket) ?? 0) + 1);
      births.delete(p);
      a.put(p, size);
    }
  }
  assertEquals(new Map(used(a.state.lifetimes)), lifetimes);
  assertEquals(a.state.born.blocks, births.size);
  a.deinit();
  assertEquals(a.state.unput, births.size);
  assertAllFree(heap);
});

Deno.test("histogram: the clock goes on beyond 2^32", () => {
  const a = init(histogram(mmap(freshHeap())));
  a.state.clock = 2 ** 32 - 2;
  const p = a.get(1), q = a.get(1), r = a.get(1);
  assertEquals(a.state.clock, 2 ** 32 + 1);
  a.put(q, 1);
  a.put(p, 1);
  a.put(r, 1);
  assertEquals(used(a.state.lifetimes), [[0, 1], [1, 1], [2, 1]]);
});

Deno.test("histogram: a get that failed, and a put that was refused, are not counted", () => {
  const heap = freshHeap(), a = init(histogram(failAt(mmap(heap), 2))), before = structuredClone(a.state.sizes);
  assertEquals(a.get(100), 0, "the ledger is the first, the block the second");
  assertEquals([a.state.sizes, a.state.clock, a.state.born.blocks], [before, 0, 0]);
  const p = a.get(100);
  assertThrows(() => a.put(p, 9000), RangeError);
  assertEquals([used(a.state.lifetimes), a.state.born.blocks], [[], 1]);
  a.put(p, 100);
  assertEquals([used(a.state.lifetimes), a.state.born.blocks], [[[0, 1]], 0]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("histogram: where the ledger cannot grow, get returns 0 and nothing has changed", () => {
  // The ledger is got first, and grows for the 13th block
  for (const [nth, served] of [[1, 0], [14, 12]]) {
    const heap = freshHeap(), below = stats(failAt(mmap(heap), nth)), a = init(histogram(below));
    const blocks = Array.from({ length: served }, () => a.get(10));
    assert(blocks.every((p) => p !== 0));
    const before = structuredClone(a.state);
    assertEquals(a.get(10), 0);
    const { base, ...own } = a.state;
    assertEquals({ ...own, base: { ...base, base: { ...base.base, gets: nth - 1 } } }, before);
    blocks.push(a.get(10));
    assert(blocks[served] !== 0, "memory is back");
    for (const p of blocks) a.put(p, 10);
    a.deinit();
    assertEquals([below.gauge(base).nalloc, below.gauge(base).szalloc], [base.nfree, base.szfree]);
    assertAllFree(heap);
  }
});

Deno.test("histogram: in a heap that is full, it goes on", () => {
  const heap = freshHeap({ initial: 1, maximum: 3 }), a = init(histogram(mmap(heap))), out: number[] = [];
  for (let p = a.get(4096); p !== 0; p = a.get(4096)) out.push(p);
  assert(out.length > 20);
  assertEquals([a.state.clock, used(a.state.sizes)], [out.length, [[13, out.length]]]);
  for (const p of out.splice(0)) a.put(p, 4096);
  const again = a.get(4096);
  assert(again !== 0);
  a.put(again, 4096);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("histogram: a block that it does not know is passed on, and not counted", () => {
  const base = stub(freshHeap()), a = init(histogram(base));
  a.put(4096, 10);
  assertEquals(base.calls, [["init"], ["put", 4096, 10]]);
  assertEquals([used(a.state.lifetimes), a.state.born.blocks], [[], 0]);
});

Deno.test("histogram: what is out at a reset or at deinit is counted as never put", () => {
  for (const over of [batch, bonwick, (base: AnyLayer) => chunk(base, 4096)] as ((base: AnyLayer) => AnyLayer)[]) {
    const heap = freshHeap(), below = stats(mmap(heap)), a: AnyAllocator = init(histogram(over(below)));
    for (let i = 0; i < 100; i++) a.get(i);
    a.put(a.get(5), 5);
    a.reset();
    assertEquals([a.state.unput, a.state.born.blocks], [100, 0]);
    for (let i = 0; i < 50; i++) a.put(a.get(i), i);
    a.get(7);
    assertEquals(formatHistogram(a.state).split("\n").at(-1), "never put: 101 blocks");
    a.deinit();
    assertEquals(formatHistogram(a.state).split("\n").at(-1), "never put: 101 blocks");
    assertEquals(a.state.lifetimes[0], 51);
    const { state } = [...levels(a.layer, a.state)].find(({ layer }) => layer === below)!, g = below.gauge(state);
    assertEquals([g.nfree, g.szfree], [g.nalloc, g.szalloc]);
    assertAllFree(heap);
  }
});

Deno.test("histogram: passes on what it can", () => {
  const heap = freshHeap(), a = init(histogram(batch(mmap(heap))));
  const p = a.get(100, 8192);
  assertEquals([p % 8192, a.owns(p), a.owns(p + 4096), a.sizeOf(p), a.goodSize(1)], [0, true, false, 100, 4096]);
  assertEquals([a.resize(p, 100, 5000), a.sizeOf(p)], [true, 5000]);
  a.put(p, 5000);
  assertEquals([used(a.state.sizes), used(a.state.lifetimes)], [[[7, 1]], [[0, 1]]], "a resize changes neither");
  assertEquals(histogram(mmap(heap)).pristine, true);
  const arena: AnyLayer = histogram(stats(chunk(mmap(heap), 64)));
  for (const name of ["gauge", "mark", "rewind", "window", "divisible"] as const) {
    assertEquals(arena[name], undefined, `${name}: the ledger is a block, too`);
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("histogram: prints bars, from the first bucket in use to the last", () => {
  const a = init(histogram(mmap(freshHeap()))), { sizes, lifetimes } = a.state;
  assertEquals(
    formatHistogram(a.state),
    "size of a block:\n  none\nlifetime of a block, in blocks got meanwhile:\n  none\nnever put: 0 blocks",
  );
  sizes[5] = 1234;
  sizes[7] = 3;
  sizes[11] = 617;
  lifetimes[0] = 1;
  lifetimes[1] = 1_000_000;
  lifetimes[2] = 500_000;
  a.get(2 ** 10 + 5);
  assertEquals(
    formatHistogram(a.state),
    `size of a block:
        16..31 B |######################################## 1,234
        32..63 B | 0
       64..127 B |# 3
      128..255 B | 0
      256..511 B | 0
    512..1,023 B | 0
  1,024..2,047 B |##################### 618
lifetime of a block, in blocks got meanwhile:
     0 |# 1
     1 |######################################## 1,000,000
  2..3 |#################### 500,000
never put: 1 block`,
  );
  for (const wrong of [undefined, null, {}, 3]) {
    assertThrows(() => formatHistogram(wrong as never), TypeError, "Cannot format as a histogram: expected the state");
  }
  sizes[32] = sizes[0] = 1;
  const lines = formatHistogram(a.state).split("\n");
  assertEquals([lines[1].trim(), lines[33].trim()], ["0 B |# 1", "2,147,483,648..4,294,967,295 B |# 1"]);
});

Deno.test("histogram: of a program in a region", () => {
  const a = init(histogram(bonwick(mmap())));
  enter(a, () => {
    for (let i = 0; i < 1000; i++) std.free(std.f64, std.alloc(std.f64));
  });
  assertEquals([used(a.state.sizes), used(a.state.lifetimes), a.state.unput], [[[4, 1000]], [[0, 1000]], 0]);
});
