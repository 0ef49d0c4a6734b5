import { type AnyLayer, bonwick, chunk, init, mmap, stats } from "../mod.ts";
import { type Fail, fail } from "../layers/fail.ts";
import { failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertNotEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap, stub } from "./kit.ts";

/** Which of `n` calls a fresh state serves. */
function served(stack: AnyLayer, n: number, size = 10): boolean[] {
  const s = stack.init();
  return Array.from({ length: n }, () => stack.get(s, size) !== 0);
}

Deno.test("fail: the nth get fails, once", () => {
  const heap = freshHeap();
  assertEquals(served(fail(stub(heap), 1), 3), [false, true, true]);
  assertEquals(served(fail(stub(heap), 3), 5), [true, true, false, true, true]);
  assertEquals(served(fail(stub(heap), Infinity), 5), [true, true, true, true, true]);
});

Deno.test("fail: nothing is asked of the layer below for a get that fails", () => {
  const base = stub(freshHeap()), a = init(fail(base, 2));
  a.get(1);
  a.get(2);
  a.put(a.get(3), 3);
  a.deinit();
  assertEquals(base.calls.map(([what, size]) => what === "get" ? size : what), ["init", 1, 3, "put", "deinit"]);
  assertEquals((a.state as Fail<unknown>).gets, 3);
});

Deno.test("fail: each get fails with a probability, the same in every run", () => {
  const heap = freshHeap(),
    share = (when: number, seed?: number) => {
      const all = served(fail(stub(heap), when, seed), 10_000);
      return all.filter((ok) => !ok).length / all.length;
    };
  for (const when of [0.01, 0.3, 0.5, 0.99]) {
    // Five standard deviations of a binomial distribution
    const most = 5 * Math.sqrt(when * (1 - when) / 10_000);
    for (const seed of [0, 1, 2, 2 ** 31, 2 ** 32 - 1]) assert(Math.abs(share(when, seed) - when) < most, `${when}`);
  }
  const stack = fail(stub(heap), 0.5);
  assertEquals(served(stack, 100), served(stack, 100), "states are alike");
  assertEquals(served(stack, 100), served(fail(stub(heap), 0.5, 1), 100), "the seed is 1 if it is left out");
  assertNotEquals(served(stack, 100), served(fail(stub(heap), 0.5, 2), 100));
  const firsts = Array.from({ length: 100 }, (_, seed) => served(fail(stub(heap), 0.5, seed), 1)[0]);
  assert(Math.abs(firsts.filter(Boolean).length - 50) < 25, "seeds that are close give different runs");
});

Deno.test("fail: a function says which fail", () => {
  const asked: [number, number][] = [];
  const stack = fail(stub(freshHeap()), (nth, size) => (asked.push([nth, size]), size > 100 || nth === 2));
  const s = stack.init();
  assertEquals([10, 20, 101, 100].map((size) => stack.get(s, size) !== 0), [true, false, false, true]);
  assertEquals(asked, [[1, 10], [2, 20], [3, 101], [4, 100]]);
  const throwing = fail(stub(freshHeap()), () => {
    throw new Error("cannot tell");
  });
  assertThrows(() => throwing.get(throwing.init(), 1), Error, "cannot tell");
});

Deno.test("fail: passes on what the layer below can do, but its window", () => {
  const heap = freshHeap(),
    all = ["gauge", "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "mark"] as const;
  for (const base of [mmap(heap), chunk(mmap(heap), 64), stats(mmap(heap)), bonwick(mmap(heap))] as AnyLayer[]) {
    const stack: AnyLayer = fail(base, 1);
    for (const name of [...all, "rewind", "pristine", "divisible"] as (keyof AnyLayer)[]) {
      assertEquals(stack[name] === undefined, base[name] === undefined, name);
    }
    assertEquals(stack.window, undefined);
  }
  const a = init(fail(stats(chunk(mmap(heap), 4096)), 2)), p = a.get(100);
  assertEquals(a.get(1), 0);
  assertEquals([a.resize(p, 100, 200), a.owns(p), a.owns(1 << 20)], [true, true, false]);
  assertEquals(a.get(1, 1024) % 1024, 0);
  assertEquals(a.gauge().nalloc, 2, "a get that failed did not reach the gauge");
  a.reset();
  assertEquals(a.gauge().nfree, 2);
  const arena = init(fail(chunk(mmap(heap), 4096), 1)), m = arena.mark();
  assert(m > 0, "a mark does not fail");
  assertEquals(arena.state.gets, 0);
  arena.rewind(m);
  arena.deinit();
  a.deinit();
  assertAllFree(heap);
});

Deno.test("fail: bad input is refused where the stack is composed", () => {
  for (const when of [0, -1, 1.5, NaN, -Infinity, -0.5]) {
    assertThrows(() => fail(mmap(), when), RangeError, "Cannot compose fail: when must be an integer from 1 or a");
  }
  for (const when of ["1", null, undefined, {}, true]) {
    assertThrows(() => fail(mmap(), when as never), TypeError, "Cannot compose fail: when must be a number or a");
  }
  for (const seed of [-1, 0.5, NaN, 2 ** 32]) {
    assertThrows(() => fail(mmap(), 0.5, seed), RangeError, "Cannot compose fail: seed must be an integer from 0 to");
  }
  assertThrows(() => fail(mmap(), 0.5, "1" as never), TypeError, "seed must be a number");
});

Deno.test("fail: failAt of the same arguments is the same layer", () => {
  const base = mmap(freshHeap());
  assertStrictEquals(failAt(base, 3), fail(base, 3) as unknown);
  assertStrictEquals(failAt(base, 3, true), failAt(base, 3, true));
  assert(failAt(base, 3, true) !== failAt(base, 4, true));
  for (const every of [false, true]) {
    assertEquals(served(failAt(stub(freshHeap()), Infinity, every), 3), [true, true, true]);
    for (const wrong of [0, 0.5, "1"]) {
      assertThrows(() => failAt(base, wrong as number, every), Error, "Cannot compose");
    }
  }
});
