import { type AnyLayer, batch, chunk, init, mmap, stats } from "../mod.ts";
import { powersOfTwo, quantize } from "../layers/quantize.ts";
import { conforms } from "../testing/mod.ts";
import { assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap, stub } from "./kit.ts";

const HUGE = 2 ** 32 - 1;
const roundings: [name: string, round: number | ((size: number) => number)][] = [
  ["1", 1],
  ["48", 48],
  ["100", 100],
  ["64", 64],
  ["65536", 65536],
  ["powersOfTwo", powersOfTwo],
  ["classes", (size) => [24, 100, 5000].find((most) => size <= most) ?? size],
];

for (const [name, round] of roundings) {
  Deno.test(`quantize: conforms, by ${name}`, () => {
    conforms((base) => quantize(base, round));
    conforms((base) => quantize(chunk(base, 1000), round), { frees: true });
    conforms((base) => quantize(batch(base), round), { frees: true });
    conforms((base) => batch(quantize(quantize(base, 40), round)), { frees: true });
  });
}

Deno.test("quantize: the layer below sees rounded sizes only", () => {
  const heap = freshHeap(), base = stub(heap, [4096, 8192]), a = init(quantize(base, 100));
  const p = a.get(1), q = a.get(100);
  a.get(0);
  a.get(101);
  assertEquals(a.resize(p, 1, 100), true); // without asking
  assertEquals(a.resize(p, 100, 101), false); // nobody below can
  a.put(p, 100);
  a.put(q, 99);
  assertEquals(base.calls.slice(1), [["get", 100], ["get", 100], ["get", 0], ["get", 200], ["put", p, 100], [
    "put",
    q,
    100,
  ]]);
});

Deno.test("quantize: resizes by rounded sizes", () => {
  const heap = freshHeap(), below = batch(mmap(heap)), a = init(quantize(below, powersOfTwo)), p = a.get(3000);
  const below2 = () => below.sizeOf(a.state, p);
  assertEquals(below2(), 4096);
  assertEquals(a.resize(p, 3000, 2049), true);
  assertEquals(below2(), 4096);
  assertEquals(a.resize(p, 2049, 4097), true);
  assertEquals(below2(), 8192);
  assertEquals(a.resize(p, 4097, 0), true);
  assertEquals(below2(), 1);
  assertEquals(a.resize(p, 0, HUGE), false);
  a.put(p, 0);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("quantize: what is rounded up beyond 2^32 - 1 cannot be had, nor resized to", () => {
  const heap = freshHeap(), base = stub(heap);
  base.resize = () => true;
  for (const [round, most] of [[powersOfTwo, 2 ** 31], [2 ** 30, 3 * 2 ** 30], [48, 2 ** 32 - 16]] as const) {
    const a = init(quantize(base, round) as AnyLayer), p = a.get(most);
    assertEquals(base.calls.at(-1), ["get", most]);
    const calls = base.calls.length;
    assertEquals([a.get(most + 1), a.get(HUGE), a.resize(p, most, most + 1), a.resize(p, most, HUGE)], [
      0,
      0,
      false,
      false,
    ]);
    assertEquals(base.calls.length, calls);
    assertEquals(a.resize(p, most, 1), true);
    assertEquals([a.goodSize(most), a.goodSize(most + 1), a.goodSize(HUGE)], [most, most + 1, HUGE]);
  }
});

Deno.test("quantize: a good size costs no more, whatever is good below", () => {
  const heap = freshHeap();
  assertEquals(quantize(chunk(mmap(heap), 64), 48).goodSize(49), 96);
  assertEquals(quantize(mmap(heap), 64).goodSize(5000), 8192);
  assertEquals(quantize(mmap(heap), 48).goodSize(100), 144); // 4096 would be rounded to 4128, of two pages
  assertEquals(quantize(mmap(heap), 48).goodSize(12_200), 12_288); // 3 pages are a multiple of 48
});

Deno.test("quantize: powers of two", () => {
  assertEquals([0, 1, 2, 3, 4, 5, 8, 9, 1000].map(powersOfTwo), [1, 1, 2, 4, 4, 8, 8, 16, 1024]);
  for (let power = 4; power <= 2 ** 31; power *= 2) {
    assertEquals([power - 1, power, power + 1].map(powersOfTwo), [power, power, 2 * power]);
  }
  assertEquals(powersOfTwo(HUGE), 2 ** 32);
});

Deno.test("quantize: has what is kept below, and no sizeOf, gauge or window", () => {
  const heap = freshHeap(), over = (base: AnyLayer) => Object.keys(quantize(base, 64));
  const own = ["heap", "stateless", "init", "deinit", "get", "put", "resize", "goodSize"];
  assertEquals(over(stub(heap)), own);
  assertEquals(over(batch(mmap(heap))), [...own, "owns", "reset", "maxAlign", "pristine"]);
  assertEquals(over(chunk(stats(mmap(heap)), 64)), [...own, "owns", "reset", "maxAlign", "mark", "rewind", "pristine"]);
  assertEquals(over(stats(stub(heap))), own);
  assertStrictEquals(quantize(mmap(heap), powersOfTwo), quantize(mmap(heap), powersOfTwo));
  assertEquals(String(init(quantize(mmap(heap), powersOfTwo))), "quantize function powersOfTwo\nmmap");
  const freelist: AnyLayer = { ...stub(heap), init: (size) => size };
  assertEquals([quantize(freelist, 64).init(100), quantize(freelist, 64).init()], [128, undefined]);
});

Deno.test("quantize: what is no rounding is refused", () => {
  const base = mmap(freshHeap());
  // deno-lint-ignore no-explicit-any -- what JavaScript can do
  const refused = (round: any, type: typeof RangeError | typeof TypeError, why: string) =>
    assertThrows(() => quantize(base, round), type, `Cannot compose quantize: ${why}`);
  const not = "rounding must be a number or a function, got ";
  for (const [round, shown] of [[undefined, "undefined"], ["64", '"64"'], [null, "null"], [{}, "a Object"]]) {
    refused(round, TypeError, not + shown);
  }
  for (const n of [0, -16, 0.5, NaN, Infinity, 2 ** 30 + 1]) {
    refused(n, RangeError, "bytes to round to must be an integer from 1 to 1073741824, got ");
  }
  const integer = "rounding must give an integer, at least the size, got ";
  refused((size: number) => size & -16, RangeError, integer + "0 for 1");
  refused((size: number) => size * 1.5, RangeError, integer + "1.5 for 1");
  refused((size: number) => size < 1e6 ? size : 1e6, RangeError, integer + "1000000 for ");
  refused((size: number) => (size + 15) & -16, RangeError, integer + "-2147483648 for "); // as 32-bit words
  refused(() => {}, RangeError, integer + "undefined for 0");
  refused(() => 2 ** 31, RangeError, integer + "2147483648 for 21");
  refused(
    (size: number) => size === 0 ? 16 : size,
    RangeError,
    "rounding must give no less for more, got 16 for 0, 1 for 1",
  );
  refused((size: number) => size + 8, RangeError, "rounding must leave what is rounded, got 8 for 0, 16 for 8");
});
