import { type AnyLayer, batch, bonwick, chunk, type Heap, init, mmap, stats } from "../mod.ts";
import { affix, type AffixHook } from "../layers/affix.ts";
import { conforms, failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, stub } from "./kit.ts";

const PREFIX = 16, SUFFIX = 5, CANARY = 0xcb;

/** Writes prefix and suffix full. */
const place: AffixHook = (heap, p, size) => {
  fill(heap, p - PREFIX, PREFIX, CANARY);
  fill(heap, p + size, SUFFIX, CANARY);
};

/** Throws unless both are as they were written. */
const verify: AffixHook = (heap, p, size) => {
  const { u8 } = heap;
  for (let i = p - PREFIX; i < p + size + SUFFIX; i++) {
    if ((i < p || i >= p + size) && u8[i] !== CANARY) throw new Error(`Cannot free: byte ${i - p} is overwritten`);
  }
};

for (const [prefix, suffix] of [[0, 0], [0, 1], [1, 0], [16, 16], [100, 7]]) {
  Deno.test(`affix: conforms, with ${prefix} bytes in front and ${suffix} behind`, () => {
    conforms((base) => affix(base, prefix, suffix));
    conforms((base) => affix(chunk(base, 1000), prefix, suffix), { frees: true });
    conforms((base) => affix(batch(base), prefix, suffix), { frees: true });
    conforms((base) => stats(batch(affix(bonwick(base), prefix, suffix))), { frees: true });
  });
}

Deno.test("affix: prefix and suffix are nobody else's, whatever is called", () => {
  // The kit writes blocks full and calls in any order; verify finds an affix that was touched
  conforms((base) => affix(base, PREFIX, SUFFIX, place, verify));
  conforms((base) => affix(bonwick(base), PREFIX, SUFFIX, place, verify), { frees: true });
  conforms((base) => affix(batch(base), PREFIX, SUFFIX, place, verify), { frees: true });
  conforms((base) => affix(affix(base, 3, 1), PREFIX, SUFFIX, place, verify));
});

Deno.test("affix: what the layer below is asked for", () => {
  const heap = freshHeap(), base = stub(heap);
  const asked = (prefix: number, suffix: number, size: number) => {
    const a = init(affix(base, prefix, suffix)), p = a.get(size);
    a.put(p, size);
    const [[, bytes], [, start, back]] = base.calls.slice(-2);
    assertEquals(back, bytes);
    return [bytes, p - start!];
  };
  assertEquals(asked(0, 0, 100), [100, 0]);
  assertEquals(asked(0, 0, 0), [0, 0]);
  assertEquals(asked(1, 0, 100), [116, 16]);
  assertEquals(asked(17, 3, 100), [135, 32]);
  assertEquals(asked(16, 0, 0), [17, 16]); // it would start where the one below ends
  assertEquals(asked(16, 1, 0), [17, 16]);
});

Deno.test("affix: a canary that has been overwritten is found, and the block stays out", () => {
  const heap = freshHeap(), a = init(affix(batch(mmap(heap)), PREFIX, SUFFIX, place, verify));
  for (const at of [-PREFIX, -1, 10, 10 + SUFFIX - 1]) {
    const p = a.get(10);
    fill(heap, p, 10, 1);
    heap.u8[p + at] ^= 1;
    const e = assertThrows(() => a.put(p, 10), Error, "Cannot free: byte ");
    assertEquals(e.message, `Cannot free: byte ${at} is overwritten`);
    heap.u8[p + at] ^= 1;
    a.put(p, 10);
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("affix: a block that onGet throws for is given back", () => {
  let calls = 0;
  const heap = freshHeap(),
    throwing = () => {
      if (++calls === 2) throw new Error("from onGet");
    };
  const a = init(affix(mmap(heap), 16, 16, throwing)), p = a.get(100), { free } = heap;
  assertThrows(() => a.get(5000), Error, "from onGet");
  assertEquals(heap.free, free);
  a.put(p, 100);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("affix: hooks are called with the heap, the address and the size, once for each get and put", () => {
  const heap = freshHeap(), seen: unknown[] = [];
  const note = (what: string): AffixHook => (h, p, size) => seen.push(what, h === heap, p, size);
  const a = init(affix(failAt(mmap(heap), 2), 16, 0, note("get"), note("put")) as AnyLayer), p = a.get(7);
  assertEquals(a.get(8), 0);
  a.put(p, 7);
  assertEquals(seen, ["get", true, p, 7, "put", true, p, 7]);
  const only = init(affix(mmap(heap), 16, 0, undefined, note("put")));
  seen.length = 0;
  only.put(only.get(9), 9);
  assertEquals(seen, ["put", true, p, 9]);
});

Deno.test("affix: a resize carries the suffix, and no hook sees it", () => {
  const heap = freshHeap({ initial: 1, maximum: 16 }), seen: string[] = [];
  const a = init(affix(batch(mmap(heap)), 16, 3, () => void seen.push("get"), () => void seen.push("put")));
  const p = a.get(1000), suffix = (at: number) => [...heap.u8.subarray(p + at, p + at + 3)];
  heap.u8.set([1, 2, 3], p + 1000);
  heap.u8.set([9, 8, 7], p - 16);
  fill(heap, p, 1000, 4);
  let old = 1000;
  for (const size of [1001, 9000, 8999, 500, 498, 0, 600]) {
    assertEquals([a.resize(p, old, size), ...suffix(size)], [true, 1, 2, 3]);
    old = size;
  }
  for (const size of [2 ** 31, 2 ** 32 - 1]) assertEquals([a.resize(p, 600, size), ...suffix(600)], [false, 1, 2, 3]);
  assertThrows(() => a.resize(p, 601, 5), RangeError);
  assertEquals(suffix(600), [1, 2, 3]);
  assertEquals([...heap.u8.subarray(p - 16, p - 13)], [9, 8, 7]);
  assertEquals(seen, ["get"]);
  a.put(p, 600);
  assertEquals(seen, ["get", "put"]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("affix: a suffix survives what the layer below does with what is cut off", () => {
  const heap = freshHeap(), base = mmap(heap);
  const spoiling: AnyLayer = {
    ...base,
    resize: (s, p, old, size) => base.resize(s, p, old, size) && (fill(heap, p + size, old - size, 0xee), true),
  };
  const a = init(affix(spoiling, 0, 4) as AnyLayer), p = a.get(1000);
  fill(heap, p, 500, 5);
  heap.u8.set([1, 2, 3, 4], p + 1000);
  assertEquals(a.resize(p, 1000, 500), true);
  assertEquals([...heap.u8.subarray(p + 500, p + 504)], [1, 2, 3, 4]);
  assertFilled(heap, p, 500, 5);
});

Deno.test("affix: what is refused below is refused, and too much for the address space without asking", () => {
  const heap = freshHeap({ initial: 1, maximum: 3 });
  const a = init(affix(failAt(mmap(heap), 2), PREFIX, SUFFIX, place, verify)), p = a.get(10);
  assertEquals([a.get(10), a.get(1_000_000)], [0, 0]);
  a.put(p, 10);
  a.deinit();
  assertAllFree(heap);
  const base = stub(heap), b = init(affix(base, 16, 4)), calls = base.calls.length;
  for (const size of [2 ** 32 - 1, 2 ** 32 - 20]) assertEquals(b.get(size), 0);
  assertEquals(base.calls.length, calls);
  assert(b.get(2 ** 32 - 21) > 0);
});

Deno.test("affix: has what is kept below, and no owns, sizeOf, maxAlign, gauge or window", () => {
  const heap = freshHeap(), keys = (l: AnyLayer) => Object.keys(affix(l, 16, 4)).sort();
  const own = ["heap", "stateless", "init", "deinit", "get", "put"];
  assertEquals(keys(stats(stub(heap))), own.slice().sort());
  assertEquals(keys(batch(mmap(heap))), [...own, "resize", "reset", "goodSize", "pristine"].sort());
  assertEquals(keys(chunk(mmap(heap), 64)), [...own, "resize", "reset", "mark", "rewind", "pristine"].sort());
  assertEquals(affix(mmap(heap), 16, 4).goodSize(10), 4076);
  assertEquals(affix(mmap(heap), 16, 4).goodSize(2 ** 32 - 1), 2 ** 32 - 1);
  const freelist: AnyLayer = { ...stub(heap), init: (size) => size };
  assertEquals([affix(freelist, 16, 4).init(100), affix(freelist, 16, 4).init()], [120, undefined]);
  assertStrictEquals(affix(mmap(heap), 16), affix(mmap(heap), 16, 0));
  assertStrictEquals(affix(mmap(heap), 16, 5, place, verify), affix(mmap(heap), 16, 5, place, verify));
  assertEquals(String(init(affix(mmap(heap), 16))), "affix 16 0\nmmap");
});

/** Checked, never run. */
export function types(heap: Heap): void {
  init(affix(chunk(mmap(heap), 64), 8)).mark();
  // @ts-expect-error what is in front of somebody else's block says nothing
  init(affix(chunk(mmap(heap), 64), 8)).owns(16);
  // @ts-expect-error a prefix would have to be as long
  init(affix(mmap(heap), 8)).get(16, 64);
  // @ts-expect-error no function
  affix(mmap(heap), 8, 8, "place");
}

Deno.test("affix: what makes no sense is refused", () => {
  const base = mmap(freshHeap());
  // deno-lint-ignore no-explicit-any -- what JavaScript can do
  const compose = (...args: any[]) => () => affix(base, ...(args as [number]));
  for (const n of [-1, 0.5, NaN, Infinity, 2 ** 20 + 1]) {
    const why = `must be an integer from 0 to 1048576, got ${n}`;
    assertThrows(compose(n), RangeError, `Cannot compose affix: bytes of prefix ${why}`);
    assertThrows(compose(0, n), RangeError, `Cannot compose affix: bytes of suffix ${why}`);
  }
  assertThrows(compose(), TypeError, "Cannot compose affix: bytes of prefix must be a number, got undefined");
  assertThrows(compose(0, "4"), TypeError, 'Cannot compose affix: bytes of suffix must be a number, got "4"');
  assertThrows(compose(0, 4, null), TypeError, "Cannot compose affix: onGet must be a function, got null");
  assertThrows(compose(0, 4, place, 5), TypeError, "Cannot compose affix: onPut must be a function, got 5");
});
