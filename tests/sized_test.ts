import { type AnyLayer, batch, bonwick, chunk, init, mmap, sbrk, stats } from "../mod.ts";
import { sized } from "../layers/sized.ts";
import { conforms, failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, random, stub } from "./kit.ts";

Deno.test("sized: conforms, over what can align and what cannot", () => {
  conforms((base) => sized(base));
  conforms((base) => sized(chunk(base, 1000)), { frees: true });
  conforms((base) => sized(batch(base)), { frees: true });
  conforms((base) => sized(sized(bonwick(base))), { frees: true });
  conforms((base) => stats(batch(sized(base))), { frees: true });
  conforms((base) => sized(sbrk(base.heap)), { frees: true });
});

Deno.test("sized: put needs no size, and ignores one", () => {
  const heap = freshHeap(), stack = sized(batch(mmap(heap))), s = stack.init(), pick = random(3);
  const out: [p: number, size: number, byte: number][] = [];
  for (let i = 0; i < 200; i++) {
    const size = pick(4) === 0 ? 0 : pick(9000), align = [1, 16, 64, 4096][pick(4)], p = stack.get(s, size, align);
    assert(p % align === 0 && p % 16 === 0);
    fill(heap, p, size, i);
    out.push([p, size, i]);
  }
  for (const [i, [p, size, byte]] of out.entries()) {
    assertFilled(heap, p, size, byte);
    assertEquals(stack.sizeOf(s, p), size);
    if (i % 3 === 0) stack.put(s, p); // batch would refuse a wrong size
    else stack.put(s, p, i % 3 === 1 ? size : 12_345);
  }
  stack.deinit(s);
  assertAllFree(heap);
});

Deno.test("sized: a header of 16 bytes, or of the alignment", () => {
  const heap = freshHeap(), base = batch(mmap(heap)), stack = sized(base), s = stack.init();
  for (const [align, header] of [[1, 16], [16, 16], [32, 32], [8192, 8192]]) {
    const p = stack.get(s, 100, align), q = stack.get(s, 0, align);
    assertEquals([base.sizeOf(s, p - header), base.sizeOf(s, q - header)], [header + 100, header + 1]);
    assertEquals([p % align, q % align], [0, 0]);
  }
  stack.deinit(s);
  assertAllFree(heap);
});

Deno.test("sized: resizes in place, by the size that it remembers", () => {
  const heap = freshHeap({ initial: 1, maximum: 16 }), stack = sized(batch(mmap(heap))), s = stack.init();
  for (const align of [16, 64]) {
    const p = stack.get(s, 1000, align);
    fill(heap, p, 1000, 9);
    assertEquals(stack.resize(s, p, 1000, 9000), true);
    assertFilled(heap, p, 1000, 9);
    assertEquals([stack.resize(s, p, 5, 0), stack.sizeOf(s, p)], [true, 0]);
    assertEquals([stack.resize(s, p, 0, 700), stack.sizeOf(s, p)], [true, 700]);
    for (const size of [2 ** 32 - 1, 2 ** 32 - 16, 2 ** 31]) assertEquals(stack.resize(s, p, 700, size), false);
    assertEquals(stack.sizeOf(s, p), 700);
    stack.put(s, p);
  }
  stack.deinit(s);
  assertAllFree(heap);
});

Deno.test("sized: what is refused below is refused, and too much for the address space without asking", () => {
  const heap = freshHeap({ initial: 1, maximum: 3 }), a = init(sized(failAt(mmap(heap), 2))), p = a.get(10);
  assertEquals([a.get(10), a.get(1_000_000)], [0, 0]);
  a.put(p, 10);
  a.deinit();
  assertAllFree(heap);
  const base = stub(heap), b = init(sized(base)), calls = base.calls.length;
  for (const size of [2 ** 32 - 1, 2 ** 32 - 16]) assertEquals(b.get(size), 0);
  assertEquals(base.calls.length, calls);
  assertEquals(base.get(b.state, 2 ** 32 - 17) > 0, true);
});

Deno.test("sized: has what is kept below, and no owns, gauge or window", () => {
  const heap = freshHeap(), keys = (l: AnyLayer) => Object.keys(sized(l)).sort();
  const own = ["heap", "stateless", "init", "deinit", "get", "put", "sizeOf"];
  assertEquals(keys(stub(heap)), own.slice().sort());
  assertEquals(keys(batch(mmap(heap))), [...own, "resize", "reset", "goodSize", "maxAlign", "pristine"].sort());
  assertEquals(
    keys(chunk(mmap(heap), 64)),
    [...own, "resize", "reset", "maxAlign", "mark", "rewind", "pristine"].sort(),
  );
  assertEquals(sized(mmap(heap)).goodSize(0), 4080);
  assertEquals(sized(mmap(heap)).goodSize(4081), 8176);
  assertEquals(sized(mmap(heap)).goodSize(2 ** 32 - 1), 2 ** 32 - 1);
  const freelist: AnyLayer = { ...stub(heap), init: (size) => size };
  assertEquals([sized(freelist).init(100), sized(freelist).init()], [116, undefined]);
});

/** Checked, never run. */
export function types(): void {
  const stack = sized(chunk(mmap(), 64)), s = stack.init();
  stack.put(s, 16);
  stack.put(s, 16, 5);
  stack.get(s, 5, 64);
  stats(batch(stack));
  init(stack).sizeOf(16);
  // @ts-expect-error what is in front of somebody else's block says nothing
  init(stack).owns(16);
  // @ts-expect-error nothing below remembers sizes
  mmap().put({}, 16);
}

Deno.test("sized: needs a layer", () => {
  // deno-lint-ignore no-explicit-any -- what JavaScript can do
  for (const base of [undefined, 5, {}] as any[]) {
    assertThrows(() => sized(base), TypeError, "Cannot compose sized: expected a layer");
  }
});
