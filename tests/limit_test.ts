import {
  type AnyLayer,
  batch,
  bonwick,
  chunk,
  init,
  type LayerWith,
  type Mmap,
  mmap,
  nullLayer,
  stats,
} from "../mod.ts";
import { type Limit, limit } from "../layers/limit.ts";
import { failAt } from "../testing/mod.ts";
import { assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { capabilities, churn, same } from "./churn.ts";
import { assertAllFree, freshHeap, stub } from "./kit.ts";

Deno.test("limit: as many bytes are out as the quota has, and no more", () => {
  const heap = freshHeap(), below = stub(heap), a = init(limit(below, 1000));
  const p = a.get(600);
  assertEquals(a.get(401), 0);
  const q = a.get(400);
  assertEquals([a.get(1), a.get(2 ** 32 - 1)], [0, 0]);
  const none = a.get(0);
  assertEquals([none !== 0, a.state.live, a.state.gets], [true, 1000, 3]);
  a.put(q, 400);
  assertEquals(a.get(401), 0);
  const r = a.get(400);
  a.put(p, 600);
  a.put(r, 400);
  a.put(none, 0);
  assertEquals(a.state.live, 0);
  // What exceeds is refused before the layer below is asked
  assertEquals(below.calls.filter(([call]) => call === "get").map(([, size]) => size), [600, 400, 0, 400]);
  a.deinit();
});

Deno.test("limit: no bytes at all, or all there are", () => {
  const heap = freshHeap(), none = init(limit(mmap(heap), 0)), p = none.get(0);
  assertEquals(none.get(1), 0);
  none.put(p, 0);
  const all = init(limit(stub(heap), Infinity)), whole = init(limit(stub(heap), 2 ** 32));
  for (const a of [all, whole]) assertEquals(a.get(2 ** 32 - 1) === 0, false);
  assertEquals([all.get(2 ** 32 - 1) !== 0, whole.get(2), whole.get(1) !== 0], [true, 0, true]);
  assertAllFree(heap);
});

Deno.test("limit: so many calls are served in all", () => {
  const heap = freshHeap(), a = init(limit(chunk(mmap(heap), 4096), Infinity, 3));
  const p = a.get(10);
  a.put(p, 10);
  a.get(10);
  a.reset();
  assertEquals([a.get(10) !== 0, a.get(10), a.get(0), a.state.gets], [true, 0, 0, 3]);
  a.reset();
  assertEquals(a.get(10), 0);
  a.deinit();
  const b = init(limit(mmap(heap), 100, 0));
  assertEquals(b.get(0), 0);
  assertAllFree(heap);
});

Deno.test("limit: what the layer below refuses is not counted", () => {
  const heap = freshHeap(), a = init(limit(failAt(mmap(heap), 1), 100, 1));
  assertEquals([a.get(100), a.state.live, a.state.gets], [0, 0, 0]);
  const p = a.get(100);
  assertThrows(() => a.put(p, 5000), RangeError); // what it does not take back is still out
  assertEquals([a.state.live, a.state.gets], [100, 1]);
  a.put(p, 100);
  assertEquals(a.state.live, 0);
  a.deinit();
  assertEquals(init(limit(nullLayer(heap), 100)).get(1), 0);
  assertAllFree(heap);
});

Deno.test("limit: a block is resized within the quota", () => {
  const heap = freshHeap(), a = init(limit(mmap(heap), 10_000)), p = a.get(100), q = a.get(1000);
  assertEquals(a.resize(q, 1000, 9901), false);
  assertEquals(a.state.live, 1100);
  assertEquals(a.resize(q, 1000, 9900), true);
  assertEquals([a.state.live, a.get(1)], [10_000, 0]);
  assertEquals(a.resize(p, 100, 5000), false);
  assertEquals(a.resize(q, 9900, 2000), true);
  const behind = heap.getPages(1); // in the way
  assertEquals(a.resize(q, 2000, 9000), false); // the layer below cannot
  assertEquals(a.state.live, 2100);
  a.put(q, 2000);
  a.put(p, 100);
  assertEquals(a.state.live, 0);
  heap.putPages(behind, 1);
  assertAllFree(heap);
});

Deno.test("limit: reset takes all back", () => {
  const heap = freshHeap(), a = init(limit(chunk(mmap(heap), 4096), 1000)), p = a.get(1000);
  assertEquals(a.owns(p), true);
  a.reset();
  assertEquals([a.state.live, a.owns(p), a.get(1000)], [0, false, p]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("limit: each state has a quota of its own", () => {
  const heap = freshHeap(), stack = limit(mmap(heap), 100), a = init(stack), b = init(stack);
  const p = a.get(100), q = b.get(100);
  assertEquals([p !== 0, q !== 0, a.get(1), b.get(1)], [true, true, 0, 0]);
  a.put(p, 100);
  b.put(q, 100);
  assertAllFree(heap);
});

Deno.test("limit: capabilities, in the type and when it runs", () => {
  const heap = freshHeap();
  const pages = limit(mmap(heap), 100), gauged = limit(stats(batch(mmap(heap))), 100), none = limit(stub(heap), 100);
  same<typeof pages, LayerWith<Limit<Mmap>, "resize" | "maxAlign">>(true); // more than was asked for would use up the quota
  const stacks: [layer: AnyLayer, expected: string[]][] = [
    [pages, ["maxAlign", "resize"]],
    [gauged, ["gauge", "maxAlign", "owns", "reset", "resize", "sizeOf"]],
    [limit(chunk(mmap(heap), 64), 100), ["maxAlign", "owns", "reset", "resize"]],
    [none, []],
  ];
  for (const [layer, expected] of stacks) assertEquals(capabilities(layer), expected);
  assertEquals([(pages as AnyLayer).pristine, (none as AnyLayer).pristine], [true, undefined]);
  const a = init(gauged), p = a.get(100);
  assertEquals([a.gauge().szalloc, a.sizeOf(p), a.owns(p), a.get(1, 4096)], [100, 100, true, 0]);
  assertThrows(() => a.put(p, 99), RangeError);
  assertEquals(a.state.live, 100);
  a.deinit();
  assertAllFree(heap);
  // @ts-expect-error a capability that it does not have: nobody counts what a rewind takes back
  assertThrows(() => init(limit(chunk(mmap(heap), 64), 100)).mark(), TypeError, "it has no such capability");
});

Deno.test("limit: bad quotas are refused when it is composed", () => {
  const base = mmap(freshHeap());
  assertThrows(() => limit(base, -1), RangeError, "Cannot compose limit: bytes out at a time must be an integer");
  for (const wrong of [-1, 0.5, NaN, -Infinity, 2 ** 32 + 1]) {
    assertThrows(() => limit(base, wrong), RangeError, `from 0 to 4294967296, got ${wrong}`);
  }
  for (const wrong of [-1, 0.5, NaN, -Infinity]) {
    assertThrows(() => limit(base, 1, wrong), RangeError, "Cannot compose limit: calls in all must be an integer");
  }
  for (const wrong of ["100", null, {}, 5n]) {
    assertThrows(() => limit(base, wrong as unknown as number), TypeError, "must be a number");
    assertThrows(() => limit(base, 1, wrong as unknown as number), TypeError, "must be a number");
  }
  // @ts-expect-error bytes are missing
  assertThrows(() => limit(base), TypeError, "must be a number, got undefined");
  for (const wrong of [undefined, null, 5, {}, freshHeap()]) {
    assertThrows(() => limit(wrong as unknown as typeof base, 1), TypeError, "Cannot compose limit: expected a layer");
  }
});

Deno.test("limit: prints with its quota, and composing it again gives the same layer", () => {
  const heap = freshHeap();
  assertStrictEquals(limit(mmap(heap), 100), limit(mmap(heap), 100));
  assertEquals(String(init(limit(mmap(heap), 100, 5))), "limit 100 5\nmmap");
});

Deno.test("limit: at random, over layers of all kinds", () => {
  const heap = freshHeap();
  for (const base of [mmap(heap), chunk(mmap(heap), 4096), batch(mmap(heap)), bonwick(mmap(heap))] as AnyLayer[]) {
    const a = init(limit(base, 5000));
    churn(a, 500, 1);
    assertEquals(a.state.live, 0);
    a.deinit();
    assertAllFree(heap);
  }
});
