import {
  batch,
  bytealloc,
  check,
  chunk,
  coalesce,
  count,
  enter,
  init,
  type Layer,
  layers,
  mmap,
  stats,
} from "../mod.ts";
import { type AnyAllocator, type Site, std, trace } from "../mod.ts";
import { fail } from "../layers/fail.ts";
import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap, stub } from "./kit.ts";

const here = import.meta.url;

/** The first call of each site, and its figures. */
const said = (sites: readonly Site[]) =>
  sites.map(({ count, bytes, sampled, frames }) => [frames[0].name, count, bytes, sampled]);

const none: readonly Site[] = [];

Deno.test("trace: says where the blocks that are out were allocated, those of the most bytes first", () => {
  const heap = freshHeap(), a = init(trace(coalesce(mmap(heap)), { depth: 1 }));
  const small = () => a.get(10), large = () => a.get(5000);
  const gone = [small(), small()], big = large(), kept = [small(), small(), small()];
  for (const p of gone) a.put(p, 10);
  assertEquals(said(a.sites()), [["large", 1, 5000, 1], ["small", 3, 30, 3]]);
  assertEquals(said(a.sites()), [["large", 1, 5000, 1], ["small", 3, 30, 3]]); // asked again
  for (const { frames: [{ file, line, column }] } of a.sites()) {
    assertStrictEquals(file, here);
    const source = Deno.readTextFileSync(new URL(file)).split("\n")[line - 1];
    assert(source.slice(column - 1).startsWith("get("), source);
  }
  a.put(big, 5000);
  for (const p of kept) a.put(p, 10);
  assertEquals(a.sites(), none);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("trace: the same line called from elsewhere is another site, as far as depth reaches", () => {
  const sites = (depth: number) => {
    const a = init(trace(chunk(mmap(freshHeap()), 4096), { depth }));
    const inner = () => a.get(10);
    const first = () => inner(), second = () => inner();
    first();
    second();
    return a.sites().map(({ count, frames }) => [count, ...frames.map(({ name }) => name)]);
  };
  assertEquals(sites(1), [[2, "inner"]]);
  assertEquals(sites(2), [[1, "inner", "first"], [1, "inner", "second"]]);
  assertEquals(sites(3).map((site) => site.length), [4, 4]);
});

Deno.test("trace: has no more calls than depth, and as many where there are", () => {
  for (const depth of [1, 2, 8, 30, 100]) {
    const a = init(trace(chunk(mmap(freshHeap()), 4096), { depth }));
    const down = (n: number): number => n === 0 ? a.get(10) : down(n - 1);
    down(150);
    const [{ frames }] = a.sites();
    assertEquals(frames.map(({ name, file }) => [name, file]), Array(depth).fill(["down", here]));
  }
  const a = init(trace(mmap(freshHeap())));
  const down = (n: number): number => n === 0 ? a.get(10) : down(n - 1);
  down(20);
  assertEquals(a.sites()[0].frames.length, 8);
});

Deno.test("trace: follows resize, and a resize that is refused changes nothing", () => {
  const heap = freshHeap({ maximum: 4 }), a = init(trace(coalesce(mmap(heap)), { depth: 1 }));
  const p = a.get(100);
  assert(a.resize(p, 100, 30));
  assertEquals(a.sites().map(({ count, bytes }) => [count, bytes]), [[1, 30]]);
  assert(a.resize(p, 30, 2000));
  assertEquals(a.sites().map(({ count, bytes }) => [count, bytes]), [[1, 2000]]);
  assert(!a.resize(p, 2000, 2 ** 30));
  assertEquals(a.sites().map(({ count, bytes }) => [count, bytes]), [[1, 2000]]);
  a.put(p, 2000);
  assertEquals(a.sites(), none);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("trace: knows of nothing after a reset, and of what comes then", () => {
  for (const options of [{}, { every: 2 }, { bytes: 1 }]) {
    const a = init(trace(chunk(mmap(freshHeap()), 4096), options));
    for (let i = 0; i < 100; i++) a.get(100);
    assert(a.sites().length > 0);
    a.reset();
    assertEquals(a.sites(), none);
    // The same addresses again, most of which were samples
    const after = () => a.get(100), blocks = Array.from({ length: 100 }, after);
    assertEquals(new Set(said(a.sites()).map(([name]) => name)), new Set(["after"]));
    for (const p of blocks) a.put(p, 100);
    assertEquals(a.sites(), none);
    a.deinit();
  }
});

Deno.test("trace: says after it is closed what was out then", () => {
  const a = init(trace(batch(mmap(freshHeap())), { depth: 1 }));
  a.put(a.get(100), 100);
  a.get(200);
  a.deinit();
  assertEquals(a.sites().map(({ count, bytes }) => [count, bytes]), [[1, 200]]);
});

Deno.test("trace: a get that failed is not recorded, nor a put that was refused", () => {
  const heap = freshHeap(), a = init(trace(fail(mmap(heap), 2)));
  const p = a.get(100), q = a.get(100);
  assertEquals([p > 0, q, a.sites().length, a.sites()[0].count], [true, 0, 1, 1]);
  assertThrows(() => a.put(p + 16, 100), RangeError);
  assertEquals(a.sites()[0].count, 1);
  a.put(p, 100);
  assertEquals(a.sites(), none);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("trace: blocks of no bytes, and at addresses above 2 GiB", () => {
  const heap = freshHeap(), high = 2 ** 32 - 4096, a = init(trace(stub(heap, [16, 2 ** 31, high]), { depth: 1 }));
  for (const p of [16, 2 ** 31, high]) assertEquals(a.get(0), p);
  assertEquals(a.sites().map(({ count, bytes }) => [count, bytes]), [[3, 0]]);
  for (const p of [high, 16, 2 ** 31]) a.put(p, 0);
  assertEquals(a.sites(), none);
});

/** What a program leaves out that allocates in turn at two places, small blocks and large ones. */
function alternating(a: AnyAllocator, rounds: number, least = 16): { small: number; large: number } {
  const small = () => a.get(least), large = () => a.get(1000);
  for (let i = 0; i < rounds; i++) {
    small();
    large();
  }
  const at = (name: string) => a.sites().find(({ frames }) => frames[0].name === name);
  assertEquals(a.sites().length, 2, "a place is missing");
  return { small: at("small")!.count, large: at("large")!.count };
}

const within = (estimate: number, truth: number, margin: number) =>
  assert(Math.abs(estimate - truth) < margin * truth, `${estimate} for ${truth}`);

Deno.test("trace: one in every n calls, also of a program that allocates at n places in turn", () => {
  for (const every of [2, 10, 64]) {
    const a = init(trace(chunk(mmap(freshHeap()), 65536), { every, depth: 1 })), rounds = 200 * every;
    const { small, large } = alternating(a, rounds);
    within(small, rounds, 0.25);
    within(large, rounds, 0.25);
    const sampled = a.sites().reduce((sum, { sampled }) => sum + sampled, 0);
    within(sampled, 2 * rounds / every, 0.2);
    for (const site of a.sites()) assert(site.sampled < site.count);
    const bytes = a.sites().reduce((sum, { bytes }) => sum + bytes, 0);
    within(bytes, 1016 * rounds, 0.25);
    a.deinit();
  }
});

Deno.test("trace: one in so many bytes: large blocks sooner, and as a whole no more", () => {
  const a = init(trace(chunk(mmap(freshHeap()), 65536), { bytes: 1000, depth: 1 })), rounds = 1200;
  const { small, large } = alternating(a, rounds, 200), by = new Map(said(a.sites()).map(([name, , , n]) => [name, n]));
  within(small, rounds, 0.25);
  within(large, rounds, 0.05);
  assert(Number(by.get("large")) > 3 * Number(by.get("small")));
  a.deinit();

  // Blocks that are much larger than what is between two samples are all met
  const b = init(trace(stub(freshHeap()), { bytes: 16, depth: 1 }));
  for (let i = 0; i < 500; i++) b.get(2 ** 32 - 1);
  assertEquals(b.sites().map(({ count, sampled, bytes }) => [count, sampled, bytes]), [[
    500,
    500,
    500 * (2 ** 32 - 1),
  ]]);
});

Deno.test("trace: sampled blocks are forgotten when they come back, resized, and after others at the same address", () => {
  for (const options of [{ every: 3 }, { bytes: 300 }]) {
    const heap = freshHeap(), a = init(trace(coalesce(mmap(heap)), options)), live = new Map<number, number>();
    for (let i = 0; i < 3000; i++) {
      const p = a.get(100);
      live.set(p, 100);
      if (i % 3 === 0 && a.resize(p, 100, 50)) live.set(p, 50);
      if (i % 2 === 0) {
        const [q, size] = live.entries().next().value!;
        a.put(q, size);
        live.delete(q);
      }
    }
    const bytes = a.sites().reduce((sum, { bytes }) => sum + bytes, 0);
    within(bytes, [...live.values()].reduce((sum, size) => sum + size, 0), 0.2);
    for (const [p, size] of live) a.put(p, size);
    assertEquals(a.sites(), none);
    a.deinit();
    assertAllFree(heap);
  }
});

Deno.test("trace: states that are short-lived are sampled as a whole", () => {
  const stack = trace(chunk(mmap(freshHeap()), 4096), { every: 100 });
  let samples = 0;
  for (let i = 0; i < 2000; i++) {
    const a = init(stack);
    for (let j = 0; j < 5; j++) a.get(10);
    samples += a.sites().length;
    a.deinit();
  }
  within(samples, 100, 0.4);
});

Deno.test("trace: skips the calls of files that it is told, unless there are no others", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${dir}/helper.js`,
      "export const helper = (f, n = 12) => n === 0 ? f() : helper(f, n - 1);\nexport const obtain = (a) => a.get(10);",
    );
    const { helper, obtain } = await import(`file://${dir}/helper.js`);
    const names = (options: Parameters<typeof trace>[1], f: (a: AnyAllocator) => void) => {
      const a = init(trace(mmap(freshHeap()), options));
      f(a);
      return a.sites()[0].frames.map(({ name }) => name);
    };
    const user = (a: AnyAllocator) => obtain(a);
    assertEquals(names({ depth: 2 }, user), ["obtain", "user"]);
    assertEquals(names({ depth: 1, skip: ["/helper.js"] }, user), ["user"]);
    assertEquals(names({ depth: 1, skip: ["/other/", "/helper.js"] }, user), ["user"]);
    assertEquals(names({ depth: 1, skip: ["/helper.js", "_test.ts"] }, user), ["obtain"]); // there are no others
    const down = (a: AnyAllocator, n = 8): void => n === 0 ? helper(() => obtain(a)) : down(a, n - 1);
    assertEquals(names({ depth: 8, skip: [dir] }, down), ["", ...Array(7).fill("down")]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("trace: options that are equal make the same layer", () => {
  const base = mmap(freshHeap());
  assertStrictEquals(trace(base), trace(base, {}));
  assertStrictEquals(trace(base), trace(base, { depth: 8, every: 1, bytes: 0, skip: [] }));
  assertStrictEquals(trace(base, { skip: ["a", "b"] }), trace(base, { skip: ["a", "b"] }));
  assert(trace(base, { skip: ["a"] }) !== trace(base, { skip: ["b"] }));
});

Deno.test("trace: passes on what the layer below can, but for marks", () => {
  const heap = freshHeap(), books = trace(stats(batch(mmap(heap)))), a = init(books), p = a.get(100, 8192);
  assertEquals([p % 8192, a.owns(p), a.sizeOf(p), a.goodSize(1), a.gauge().nalloc], [0, true, 100, 4096, 1]);
  a.reset();
  a.deinit();
  const arena = trace(chunk(mmap(heap), 64));
  for (const name of ["mark", "rewind", "window", "divisible"] as const) assert(!(name in arena), name);
  let verified = 0;
  const b = init(trace({ ...mmap(heap), verify: () => void verified++ } as never)) as AnyAllocator;
  b.verify();
  assertEquals(verified, 1);
  assertAllFree(heap);
});

Deno.test("trace: in a region, what std allocates is the user's line", () => {
  const a = init(check(stats(trace(mmap(freshHeap()), { depth: 2 }))));
  enter(a, () => {
    const makesText = () => std.str("leak"), makesBytes = () => bytealloc(10000);
    const s = makesText(), p = makesBytes();
    assertEquals(said(a.sites()), [["makesBytes", 1, 10000, 1], ["makesText", 1, 4, 1]]);
    for (const { frames } of a.sites()) assertEquals(frames.map(({ file }) => file), [here, here]);
    std.slfree(s);
    std.bytefree(p, 10000);
  });
  assertEquals(a.sites(), none);
});

Deno.test("trace: prints as its options, and its state for what it is", () => {
  const a = init(stats(trace(count(mmap(freshHeap())), { depth: 4, every: 100, skip: ["/vendor/"] })));
  a.get(100);
  const lines = Deno.inspect(a, { colors: false }).split("\n");
  assertEquals(lines.map((line) => line.split("  ")[0]), ["stats", 'trace 4 100 0 "/vendor/"', "count", "mmap"]);
  assertStrictEquals(Deno.inspect(a), String(a));
  const b = init(trace(mmap(freshHeap())));
  for (let i = 0; i < 1000; i++) b.get(100);
  assertMatch(String(b), /^trace .*\nmmap/);
  assert(String(b).length < 200, "it prints what it holds");
});

Deno.test("trace: serves a region through layers that have no state, and lends no window", () => {
  const a = init(trace(chunk(mmap(), 65536), { depth: 1 }));
  enter(a, () => {
    for (let i = 0; i < 10; i++) bytealloc(16); // which a region would take from the window of an arena
    assertEquals(a.sites()[0].count, 10);
  });
  const p: Layer<unknown> = layers.pipe() as never;
  assert(p.sites === undefined);
});
