import { batch, bypass, bytealloc, check, chunk, enter, formatSites, type Gauged, init, LeakError } from "../mod.ts";
import { mmap, stats, trace } from "../mod.ts";
import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "./assert.ts";
import { assertAllFree, freshHeap } from "./kit.ts";
import { parseCallStack } from "../call_stack.ts";

Deno.test("check: throws what is still out, once the layers below are closed", () => {
  const heap = freshHeap(), a = init(check(stats(batch(mmap(heap)))));
  a.put(a.get(50), 50);
  a.get(100);
  a.get(20_000);
  const e = assertThrows(() => a.deinit(), LeakError);
  assertEquals([e.name, e.blocks, e.bytes], ["LeakError", 2, 20_100]);
  assertEquals(e.message, "Cannot close as free of leaks: 2 of 3 blocks, 19.6 KiB, still out");
  assertEquals(e.gauge, { nalloc: 3, nfree: 1, szalloc: 20_150, szfree: 50, watermark: 20_100 });
  assertAllFree(heap); // the batch has put them
});

Deno.test("check: is silent when all has come back, or all that reached it did", () => {
  const heap = freshHeap(), a = init(check(stats(mmap(heap))));
  a.put(a.get(100), 100);
  a.deinit();
  const b = init(chunk(batch(check(stats(mmap(heap)))), 4096));
  for (let i = 0; i < 100; i++) b.get(1000);
  b.deinit();
  assertAllFree(heap);
});

Deno.test("check: more coming back than went out is no less an error", () => {
  const ours = check(stats(chunk(mmap(freshHeap()), 4096)));
  const a = init(ours), p = a.get(100);
  a.put(p, 100);
  a.put(p, 100);
  assertStringIncludes(assertThrows(() => a.deinit(), LeakError).message, "1 more block and 100 B more came back");
  const b = init(ours);
  b.put(b.get(100), 99);
  const less = assertThrows(() => b.deinit(), LeakError),
    odd = "debug finds what was freed twice, or with a wrong size";
  assertEquals(less.bytes, 1);
  assertStringIncludes(less.message, `: as many blocks came back as went out, but 1 B less: ${odd}`);
  const c = init(ours);
  c.put(c.get(100), 101);
  const more = assertThrows(() => c.deinit(), LeakError);
  assertEquals(more.bytes, -1);
  assertStringIncludes(more.message, `: as many blocks came back as went out, but 1 B more: ${odd}`);
});

Deno.test("check: comes out of enter, unless the body threw", () => {
  const leak = () => init(check(stats(chunk(mmap(freshHeap()), 4096))));
  assertEquals(assertThrows(() => enter(leak(), () => bytealloc(10)), LeakError).bytes, 10);
  const body = () => {
    bytealloc(10);
    throw new RangeError("the body's");
  };
  assertThrows(() => enter(leak(), body), RangeError, "the body's");
});

Deno.test("check: keeps the gauge, and needs one below", () => {
  assertEquals(init(check(bypass(check(stats(mmap(freshHeap())))))).gauge().nalloc, 0);
  const without = mmap(freshHeap()) as unknown as Gauged<unknown>;
  assertFalse("gauge" in without);
  assertThrows(() => check(without), TypeError, "Cannot compose check: the layer below must have a gauge");
});

Deno.test("check: passes on what the layer below can, and is content after a reset", () => {
  const heap = freshHeap(), a = init(check(stats(batch(mmap(heap))))), p = a.get(100, 8192);
  assertEquals([p % 8192, a.owns(p), a.sizeOf(p), a.goodSize(1)], [0, true, 100, 4096]);
  assertEquals(a.resize(p, 100, 9000), true);
  assertEquals(a.gauge().szalloc, 9000);
  a.reset();
  a.deinit();
  const b = init(check(stats(batch(mmap(heap))))), q = b.get(100);
  b.resize(q, 100, 9000);
  assertEquals(assertThrows(() => b.deinit(), LeakError).bytes, 9000);
  const names = [
    "goodSize",
    "mark",
    "maxAlign",
    "owns",
    "reset",
    "resize",
    "rewind",
    "sites",
    "sizeOf",
    "verify",
    "window",
  ];
  for (
    const base of [stats(mmap(heap)), stats(trace(mmap(heap))), stats(chunk(mmap(heap), 64)), stats(batch(mmap(heap)))]
  ) {
    const over = check(base);
    assertEquals(names.filter((name) => name in over), names.filter((name) => name in base));
  }
  assertAllFree(heap);
});

Deno.test("check: over trace, says where what is still out was allocated", () => {
  const a = init(check(stats(trace(batch(mmap(freshHeap())), { depth: 2 }))));
  const text = () => a.get(10), buffer = () => a.get(1000);
  text();
  a.put(text(), 10);
  for (let i = 0; i < 3; i++) buffer();
  const e = assertThrows(() => a.deinit(), LeakError);
  assertEquals(e.sites.map(({ count, bytes, frames }) => [frames[0].name, count, bytes]), [["buffer", 3, 3000], [
    "text",
    ...[1, 10],
  ]]);
  assertStrictEquals(
    e.message,
    `Cannot close as free of leaks: 4 of 5 blocks, 3,010 B, still out\n${formatSites(e.sites)}`,
  );
  assertMatch(
    e.message,
    /still out\n {2}3 blocks, 3,000 B, allocated at\n {4}buffer \(file:.*check_test\.ts:\d+:\d+\)\n/,
  );
  assertEquals(a.sites(), e.sites);
});

Deno.test("check: the message has the three largest sites and three calls of each, the error all", () => {
  const a = init(check(stats(trace(batch(mmap(freshHeap()))))));
  const deep = (n: number): number => n === 0 ? a.get(10) : deep(n - 1);
  for (const f of [() => a.get(1), () => a.get(2), () => a.get(3), () => a.get(4), () => deep(6)]) f();
  const e = assertThrows(() => a.deinit(), LeakError), lines = e.message.split("\n");
  assertEquals([e.sites.length, e.sites[0].frames.length], [5, 8]);
  assertEquals(lines.filter((line) => line.endsWith("allocated at")).length, 3);
  assertEquals(lines.filter((line) => line.startsWith("    ")).length, 7);
  assertEquals([lines.length, lines.at(-1)], [12, "  and 2 more, 3 B, at 2 other places"]);
  assert(!Deno.inspect(e, { colors: false }).includes("frames:"), "printing it prints every site");
});

Deno.test("check: without trace there are no sites, and the message is as short as can be", () => {
  const figures = { nalloc: 5000, nfree: 1, szalloc: 7_000_000, szfree: 0, watermark: 7_000_000 };
  const e = new LeakError(figures);
  assertEquals(e.sites, []);
  assertStrictEquals(e.message, "Cannot close as free of leaks: 4,999 of 5,000 blocks, 6.7 MiB, still out");
  const more = new LeakError({ ...figures, nfree: 6000, szfree: 7_000_100 });
  assertEquals([more.blocks, more.bytes], [-1000, -100]);
  assertStrictEquals(
    more.message,
    "Cannot close as free of leaks: 1,000 more blocks and 100 B more came back than went out: " +
      "debug finds what was freed twice, or with a wrong size",
  );
});

Deno.test("check: no message has fewer than no bytes", () => {
  const says = (puts: readonly number[]) => {
    const a = init(check(stats(chunk(mmap(freshHeap()), 4096)))), p = a.get(100);
    a.get(50);
    for (const size of puts) a.put(p, size);
    return assertThrows(() => a.deinit(), LeakError).message.replace("Cannot close as free of leaks: ", "");
  };
  const hint = ": debug finds what was freed twice, or with a wrong size";
  assertEquals(says([]), "2 of 2 blocks, 150 B, still out");
  assertEquals(says([150]), "1 of 2 blocks, 0 B, still out");
  assertEquals(says([170]), "1 of 2 blocks still out, although 20 B more came back than went out" + hint);
  assertEquals(says([100, 10]), "as many blocks came back as went out, but 40 B less" + hint);
  assertEquals(says([100, 60]), "as many blocks came back as went out, but 10 B more" + hint);
  assertEquals(says([100, 10, 10]), "1 more block came back than went out, but 30 B less" + hint);
  assertEquals(says([100, 40, 10]), "1 more block and 0 B more came back than went out" + hint);
  assertEquals(says([100, 40, 30]), "1 more block and 20 B more came back than went out" + hint);
});

Deno.test("check: more came back than went out, with sites of what did not", () => {
  const a = init(check(stats(trace(chunk(mmap(freshHeap()), 4096)))));
  const p = a.get(100), q = a.get(50);
  a.put(p, 100);
  a.put(p, 100);
  const e = assertThrows(() => a.deinit(), LeakError);
  assertEquals([e.blocks, e.bytes, e.sites.length, e.sites[0].bytes], [0, -50, 1, 50]);
  assert(q > 0);
});

Deno.test("check: is blamed on the line that closes it", () => {
  const leaking = () => {
    const a = init(check(stats(chunk(mmap(freshHeap()), 4096))));
    a.get(10);
    return a;
  };
  const closing = () => leaking().deinit(), entering = () => enter(leaking(), () => {});
  for (const f of [closing, entering]) {
    const [{ name, file }] = parseCallStack(assertThrows(f, LeakError).stack!);
    assertEquals([name, file], [f.name, import.meta.url]);
  }
});
