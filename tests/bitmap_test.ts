import { type AnyLayer, bonwick, init, mmap, stats } from "../mod.ts";
import { bitmap } from "../layers/bitmap.ts";
import { assert, assertEquals, assertGreater, assertLess, assertThrows } from "./assert.ts";
import { capabilities, heapFrom, putAll, refusing, turnOver } from "./turnover.ts";
import { assertAllFree, assertFilled, fill, freshHeap, random } from "./kit.ts";

const GIB = 2 ** 30;

/** What `bitmap` is to do: first fit in an array. */
class Model {
  readonly out: boolean[];

  constructor(units: number) {
    this.out = Array(units).fill(false);
  }

  isFree(i: number, n: number): boolean {
    return i + n <= this.out.length && this.out.slice(i, i + n).every((out) => !out);
  }

  get(n: number): number {
    for (let i = 0; i + n <= this.out.length; i++) if (this.isFree(i, n)) return (this.out.fill(true, i, i + n), i);
    return -1;
  }
}

Deno.test("bitmap: first fit, as in an array, whatever the units", () => {
  for (const units of [1, 2, 31, 32, 33, 64, 100, 127, 500]) {
    for (const unit of [16, 48, 4096]) {
      const heap = freshHeap(), a = init(bitmap(mmap(heap), unit, units)), model = new Model(units);
      const pick = random(units * unit), out: [i: number, size: number, byte: number][] = [];
      let first = 0, resized = 0, refused = 0;
      for (let step = 0; step < 1500; step++) {
        // Mostly few units, at times more than a word of bits, or than there are
        const bytes = () =>
          Math.floor(unit * [pick(3), pick(6), pick(40), pick(100), pick(units + 2)][pick(5)]) - pick(2);
        const size = Math.max(0, bytes()), n = Math.ceil(size / unit) || 1, op = pick(10);
        if (out.length > 0 && op < 4) {
          const [[i, size, byte]] = out.splice(pick(out.length), 1), n = Math.ceil(size / unit) || 1;
          assertFilled(heap, first + i * unit, size, byte);
          a.put(first + i * unit, size);
          model.out.fill(false, i, i + n);
        } else if (out.length > 0 && op < 6) {
          const block = out[pick(out.length)], [i, old, byte] = block, had = Math.ceil(old / unit) || 1;
          const can = n <= had || model.isFree(i + had, n - had), p = first + i * unit;
          assertEquals(a.resize(p, old, size), can, `${had} to ${n} of ${units} units, step ${step}`);
          if (!can) continue;
          model.out.fill(false, i, i + had).fill(true, i, i + n);
          assertFilled(heap, p, Math.min(old, size), byte);
          fill(heap, p, size, byte);
          block[1] = size;
          resized++;
        } else {
          const i = model.get(n), p = a.get(size);
          if (first === 0 && p !== 0) first = p; // the first is the first unit
          assertEquals(p, i < 0 ? 0 : first + i * unit, `${n} of ${units} units, step ${step}`);
          if (p === 0) refused++;
          else {
            fill(heap, p, size, step);
            out.push([i, size, step % 256]);
          }
        }
      }
      for (const [i, size, byte] of out) assertFilled(heap, first + i * unit, size, byte);
      assertEquals(first % 16, 0);
      assertGreater(refused, 0);
      assertGreater(resized, 0);
      a.deinit();
      assertAllFree(heap);
    }
  }
});

Deno.test("bitmap: one run from the layer below, at the first get that can fit", () => {
  const heap = freshHeap(), a = init(bitmap(stats(mmap(heap)), 32, 1000)), gauge = () => a.state.base;
  assertEquals([a.get(32_001), a.get(2 ** 32 - 1), gauge().nalloc], [0, 0, 0]);
  const out = Array.from({ length: 1000 }, () => a.get(32));
  assertEquals(new Set(out).size, 1000);
  // A bit a unit, in words, and so many that units are aligned
  assertEquals([gauge().nalloc, gauge().szalloc], [1, 32_000 + 128]);
  assertEquals([a.get(1), a.get(0), gauge().nalloc], [0, 0, 1]);
  for (const p of out) a.put(p, 32);
  assertEquals(a.get(32_000), out[0]); // all of them are one again
  a.put(out[0], 32_000);
  a.deinit();
  assertEquals([gauge().nfree, gauge().szfree], [1, 32_128]);
  init(bitmap(mmap(heap), 32, 1000)).deinit(); // that took no run
  assertAllFree(heap);
});

Deno.test("bitmap: put and resize of what is not out are refused, and nothing has changed", () => {
  const heap = freshHeap(),
    a = init(bitmap(mmap(heap), 64, 100)),
    says = (what: string, p: number, size: number) =>
      `Cannot ${what} the block at ${p}: it is not out with ${size} bytes`;
  const refused = (p: number, size: number) => {
    const bits = [...heap.u32.slice(a.state.run >>> 2, (a.state.run >>> 2) + 4)], { first } = a.state;
    assertThrows(() => a.put(p, size), RangeError, says("put", p, size));
    assertThrows(() => a.resize(p, size, 0), RangeError, says("resize", p, size));
    assertEquals([...heap.u32.slice(a.state.run >>> 2, (a.state.run >>> 2) + 4)], bits);
    assertEquals(a.state.first, first);
  };
  refused(16, 64); // before there is a run
  const p = a.get(64), q = a.get(200), r = a.get(64);
  a.put(p, 64);
  refused(p, 64); // twice
  refused(r, 65); // more than it is
  refused(q + 16, 64); // not at a unit
  refused(q - 64, 128); // from before it
  refused(p - 64, 64); // the bits
  refused(p + 6400, 64); // behind the run
  refused(r, 6400);
  refused(16, 64);
  refused(2 ** 32 - 16, 64);
  const all = Array.from({ length: 95 }, () => a.get(64));
  assertEquals(a.get(64), 0);
  refused(all.at(-1)!, 128); // the bits that are of no unit are not out
  a.put(q, 200);
  a.put(r, 64);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bitmap: nothing grows beyond the run, whatever is in the units", () => {
  const heap = freshHeap(), a = init(bitmap(mmap(heap), 16, 128)), all = Array.from({ length: 128 }, () => a.get(16));
  for (const p of all) fill(heap, p, 16, 255);
  assertEquals([a.resize(all[127], 16, 17), a.resize(all[127], 16, 2 ** 32 - 1)], [false, false]);
  a.put(all[126], 16);
  assertEquals([a.resize(all[125], 16, 33), a.resize(all[125], 16, 32), a.get(1)], [false, true, 0]);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bitmap: with units of 16 bytes, blocks can be put in parts, and together", () => {
  const heap = freshHeap(), a = init(bitmap(mmap(heap), 16, 128)), p = a.get(160), q = a.get(48);
  assertEquals([a.layer.divisible, bitmap(mmap(heap), 32, 128).divisible], [true, undefined]);
  a.put(p + 32, 32);
  assertEquals(a.get(20), p + 32);
  a.put(p + 64, 96 + 48);
  assertEquals(a.get(144), p + 64);
  assertEquals(q, p + 160);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("bitmap: owns what lies in its run, reset makes all of it free", () => {
  const heap = freshHeap(), stack = bitmap(mmap(heap), 48, 200), a = init(stack), b = init(stack);
  assertEquals(a.owns(0), false);
  a.reset(); // before there is a run
  assert(heap.u8.every((byte) => byte === 0));
  for (let round = 0; round < 3; round++) {
    const mine = Array.from({ length: 200 }, () => a.get(48)), others = Array.from({ length: 200 }, () => b.get(40));
    assert(mine.every((p) => p !== 0 && a.owns(p) && !b.owns(p)));
    assert(others.every((p) => p !== 0 && b.owns(p) && !a.owns(p)));
    assertEquals([a.get(1), b.get(1)], [0, 0]);
    a.reset();
    b.reset();
    assertEquals(a.get(48 * 200), mine[0]);
    assertEquals([a.get(1), heap.free.runs <= 1], [0, true]);
    a.reset();
  }
  a.deinit();
  b.deinit();
  assertAllFree(heap);
});

Deno.test("bitmap: goodSize, and the capabilities that it has", () => {
  const heap = freshHeap(), stack = bitmap(mmap(heap), 48, 10), a = init(stack);
  assertEquals([0, 1, 48, 49, 480, 481].map((size) => a.goodSize(size)), [48, 48, 48, 96, 480, 528]);
  assertEquals([a.goodSize(2 ** 32 - 1), a.goodSize(2 ** 32 - 16)], [2 ** 32 - 1, 2 ** 32 - 16]);
  assertEquals(capabilities(stack), ["resize", "owns", "reset", "goodSize"]);
  assertEquals(capabilities(bitmap(bonwick(mmap(heap)), 48, 10)), ["resize", "owns", "reset", "goodSize"]);
  assertEquals([stack.pristine, bitmap(bonwick(mmap(heap)), 48, 10).pristine], [true, undefined]);
  // @ts-expect-error an alignment that it does not have
  assertThrows(() => a.get(16, 32), RangeError, "alignment must be a power of two from 1 to 16");
});

Deno.test("bitmap: writes to no block", () => {
  const heap = freshHeap(), a = init(bitmap(mmap(heap), 16, 4000)), pick = random(4), first = a.get(16);
  const out: [p: number, size: number][] = [[first, 16]];
  for (let i = 0; i < 3000; i++) {
    if (pick(2)) {
      const size = pick(200), p = a.get(size);
      if (p !== 0) out.push([p, size]);
    } else if (out.length > 0) a.put(...out.splice(pick(out.length), 1)[0]);
  }
  assert(heap.u8.subarray(first, first + 16 * 4000).every((byte) => byte === 0));
  a.deinit();
});

Deno.test("bitmap: where memory runs out, nothing is lost and it goes on", () => {
  const heap = freshHeap({ initial: 1, maximum: 3 });
  const big = init(bitmap(mmap(heap), 1024, 1000)), a = init(bitmap(mmap(heap), 64, 1000));
  assertEquals([big.get(16), big.owns(16)], [0, false]); // the run cannot be had
  for (let round = 0; round < 3; round++) {
    const { out, refused } = turnOver(a, { seed: round, steps: 3000, most: 2000, size: (pick) => pick(300) });
    assertGreater(refused, 0);
    putAll(a, out);
    a.put(a.get(64_000), 64_000);
  }
  a.deinit();
  big.deinit();
  assertAllFree(heap);
  // And the next time it can
  const b = init(bitmap(refusing(heap, 1), 64, 1000));
  assertEquals(b.get(16), 0);
  assertLess(0, b.get(16));
  b.deinit();
  assertAllFree(heap);
});

Deno.test("bitmap: across 2 GiB, above it, and up to 4 GiB", () => {
  for (const address of [2 * GIB - 2 ** 18, 3 * GIB, 4 * GIB - 2 ** 19]) {
    const heap = heapFrom(address), a = init(bitmap(mmap(heap), 48, 9000));
    const { out } = turnOver(a, { seed: 3, steps: 5000, most: 3000, size: (pick) => pick(300) });
    assert(out.length > 500 && out.every(({ p }) => p >= address && a.owns(p)));
    putAll(a, out);
    a.put(a.get(48 * 9000), 48 * 9000);
    a.deinit();
    assertEquals(heap.free.runs, 1);
  }
  const heap = freshHeap(), a = init(bitmap(mmap(heap), 2 ** 31 + 16, 1)), p = a.get(2 ** 31);
  assertEquals([a.owns(p + 2 ** 31 + 15), a.owns(p + 2 ** 31 + 16), a.get(1)], [true, false, 0]);
  a.put(p, 2 ** 31);
  assertEquals(a.get(0), p);
  a.deinit();
  assertEquals(heap.free.runs, 1);
});

Deno.test("bitmap: its parameters are checked when it is composed", () => {
  const heap = freshHeap(), base = mmap(heap);
  const refused = (error: typeof TypeError | typeof RangeError, says: string, f: () => unknown) =>
    void assertThrows(f, error as typeof RangeError, `Cannot compose bitmap: ${says}`);
  for (const unit of [0, -16, 15, 16.5, NaN, Infinity, 2 ** 32]) {
    refused(RangeError, "bytes in a unit must be an integer from 16 to 4294967280", () => bitmap(base, unit, 10));
  }
  for (const unit of [17, 24, 100]) {
    refused(RangeError, `bytes in a unit must be a multiple of 16, got ${unit}`, () => bitmap(base, unit, 10));
  }
  for (const units of [0, -1, 1.5, NaN, 2 ** 20 + 1]) {
    refused(RangeError, "units must be an integer from 1 to 1048576", () => bitmap(base, 16, units));
  }
  refused(RangeError, "bytes in all must be an integer from 0 to 4294967295", () => bitmap(base, 4096, 2 ** 20));
  for (const odd of ["64", null, {}, undefined] as unknown as number[]) {
    refused(TypeError, "bytes in a unit must be a number", () => bitmap(base, odd, 10));
    refused(TypeError, "units must be a number", () => bitmap(base, 16, odd));
  }
  for (const odd of [undefined, null, 5, {}, []] as unknown as AnyLayer[]) {
    refused(TypeError, "expected a layer or a heap as its first argument", () => bitmap(odd, 16, 10));
  }
  refused(TypeError, "expected a layer as its first argument, got a heap", () => bitmap(heap as never, 16, 10));
  assertAllFree(heap);
});
