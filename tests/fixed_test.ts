import { type AnyLayer, bypass, Heap, init, type Layer, type LayerWith, specialise, stats } from "../mod.ts";
import { type Fixed, fixed } from "../layers/system/fixed.ts";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { capabilities, churn, same } from "./churn.ts";
import { assertAllFree, fill, freshHeap, PAGE, stub } from "./kit.ts";

/** A heap, and a run of its pages. */
function run(pages = 4): { heap: Heap; start: number; bytes: number } {
  const heap = freshHeap();
  return { heap, start: heap.getPages(pages), bytes: pages * PAGE };
}

Deno.test("fixed: serves the range to its last byte, then refuses unharmed", () => {
  for (const size of [1, 16, 100, 4096, 5000]) {
    const { heap, start, bytes } = run(), a = init(stats(fixed({ start, bytes }, heap)));
    const each = Math.ceil(size / 16) * 16, blocks: number[] = [];
    for (let p; (p = a.get(size)) !== 0;) blocks.push(p);
    assertEquals(blocks, Array.from({ length: Math.floor(bytes / each) }, (_, i) => start + i * each));
    const left = bytes - blocks.length * each;
    for (const more of [left + 1, 2 ** 31, 2 ** 32 - 1]) assertEquals(a.get(more), 0);
    if (left > 0) assertEquals(a.get(left), start + bytes - left);
    assertEquals([a.get(0), a.get(1, 1)], [0, 0]);
    assertEquals(a.gauge().nalloc, blocks.length + (left > 0 ? 1 : 0));
    a.deinit();
    heap.putPages(start, 4);
    assertAllFree(heap);
  }
});

Deno.test("fixed: touches no byte outside the range, wherever that starts and ends", () => {
  const { heap, start } = run();
  for (const [from, to] of [[0, 4096], [1, 100], [15, 33], [16, 47], [3, 4095]]) {
    heap.u8.fill(7);
    const a = init(fixed(heap.u8.subarray(start + from, start + to), heap));
    for (let p, size = 0; (p = a.get(size % 5)) !== 0; size++) {
      assert(p >= start + from && p + size % 5 <= start + to);
      fill(heap, p, size % 5, 1);
    }
    assert(heap.u8.subarray(0, start + from).every((byte) => byte === 7));
    assert(heap.u8.subarray(start + to).every((byte) => byte === 7));
    a.deinit();
  }
});

Deno.test("fixed: what is put last in, first out comes back", () => {
  const { heap, start, bytes } = run(), a = init(fixed({ start, bytes }, heap));
  const sizes = [5, 0, 16, 17, 100, 1], blocks = sizes.map((size) => a.get(size, 1));
  for (let i = sizes.length; i-- > 0;) a.put(blocks[i], sizes[i]);
  assertEquals(a.get(bytes), start);
  a.put(start, bytes);
  const p = a.get(100), q = a.get(100);
  a.put(p, 100); // not the last: it stays
  assertEquals(a.get(10), q + 112);
  a.deinit();
});

Deno.test("fixed: the last block is resized in place, any other is shrunk", () => {
  const { heap, start, bytes } = run(), a = init(fixed({ start, bytes }, heap));
  const p = a.get(100), q = a.get(100);
  assertEquals(a.resize(q, 100, 1000), true);
  assertEquals(a.get(16), q + 1008);
  a.put(q + 1008, 16);
  assertEquals(a.resize(q, 1000, bytes - 112 + 1), false);
  assertEquals(a.resize(q, 1000, 2 ** 32 - 1), false);
  assertEquals(a.resize(q, 1000, bytes - 112), true);
  assertEquals(a.get(0), 0);
  assertEquals(a.resize(q, bytes - 112, 0), true);
  assertEquals(a.resize(p, 100, 113), false);
  assertEquals(a.resize(p, 100, 112), true); // it has so many
  assertEquals(a.resize(p, 112, 1), true);
  const r = a.get(0);
  assertEquals(r, q + 16); // no bytes have an address of their own
  a.put(r, 0);
  a.put(q, 0);
  a.put(p, 1);
  assertEquals(a.get(16), q); // p had been shrunk when it was not the last
  a.deinit();
});

Deno.test("fixed: owns what lies below the break, and reset takes all back", () => {
  const { heap, start, bytes } = run(), a = init(fixed({ start, bytes }, heap));
  assertEquals(a.owns(start), false);
  const p = a.get(32);
  assertEquals([start - 16, p, p + 32, start + bytes].map((q) => a.owns(q)), [false, true, false, false]);
  a.reset();
  assertEquals(a.owns(p), false);
  assertEquals(a.get(bytes), start);
  a.deinit();
  assertEquals(a.layer.owns!(a.state, start), false);
});

Deno.test("fixed: alignments up to a page", () => {
  const { heap, start, bytes } = run(), a = init(fixed({ start: start + 1, bytes: bytes - 1 }, heap));
  for (const align of [1, 16, 32, 256, 4096]) assertEquals(a.get(10, align) % align, 0);
  assertEquals(a.get(10, 4096), start + 2 * PAGE);
  assertEquals(a.get(2 * PAGE, 4096), 0);
  assertThrows(() => a.get(10, 8192), RangeError, "1 to 4096");
  a.deinit();
});

Deno.test("fixed: goodSize is what a block takes", () => {
  const { heap, start, bytes } = run(), a = init(fixed({ start, bytes }, heap));
  assertEquals([0, 1, 16, 17, 100].map((size) => a.goodSize(size)), [16, 16, 16, 32, 112]);
  assertEquals([2 ** 32 - 16, 2 ** 32 - 15, 2 ** 32 - 1].map((size) => a.goodSize(size)), [
    2 ** 32 - 16,
    2 ** 32 - 1,
    2 ** 32 - 1,
  ]);
  const p = a.get(17);
  assertEquals(a.get(a.goodSize(17)), p + 32);
  assertEquals(a.get(17), p + 64);
  a.deinit();
});

Deno.test("fixed: one state at a time has the range, also after it has been closed", () => {
  const { heap, start, bytes } = run(), stack = fixed({ start, bytes }, heap), a = init(stack), b = init(stack);
  const p = a.get(100);
  assertEquals([b.get(1), b.get(0), b.owns(p)], [0, 0, false]);
  b.reset();
  assertEquals(b.get(1), 0);
  b.deinit();
  const c = init(stack);
  assertEquals([a.get(1), c.get(1)], [p + 112, 0]); // closing b was not closing a
  a.deinit();
  assertEquals(c.get(1), 0);
  const d = init(stack);
  assertEquals(d.get(1), start);
  c.deinit();
  d.deinit();
});

Deno.test("fixed: a range is { start, bytes } or any view, and the same range is the same layer", () => {
  const { heap, start, bytes } = run();
  const stack = fixed({ start, bytes }, heap);
  for (
    const view of [
      heap.u8.subarray(start, start + bytes),
      heap.f64.subarray(start / 8, (start + bytes) / 8),
      new DataView(heap.u8.buffer, start, bytes),
    ]
  ) assertStrictEquals(fixed(view, heap), stack);
  assertEquals(String(init(stack)), `fixed ${start} ${bytes}`);
  assertStrictEquals(fixed({ start: 64, bytes: 64 }), fixed({ start: 64, bytes: 64 })); // the default heap
});

Deno.test("fixed: goes on when the memory grows", () => {
  const { heap, start, bytes } = run(), a = init(fixed(heap.u8.subarray(start, start + bytes), heap));
  const p = a.get(100);
  fill(heap, p, 100, 5);
  const grown = heap.getPages(1000);
  assertEquals([heap.u8[p + 99], a.get(16)], [5, p + 112]);
  a.deinit();
  heap.putPages(grown, 1000);
  heap.putPages(start, 4);
  assertAllFree(heap);
});

Deno.test("fixed: in a memory of somebody else's, below what the heap hands out", () => {
  const memory = new WebAssembly.Memory({ initial: 1 }), heap = new Heap({ memory });
  const a = init(fixed({ start: 16, bytes: 65536 - 16 }, heap));
  assertEquals([a.get(65536 - 32), a.get(16), a.get(1)], [16, 65536 - 16, 0]);
  assertEquals(a.layer.pristine, true);
  a.deinit();
});

Deno.test("fixed: pristine unless the heap takes the range for untouched", () => {
  const { heap, start, bytes } = run(), pristine = (layer: AnyLayer) => layer.pristine === true;
  assertEquals(pristine(bypass(fixed({ start, bytes }, heap))), true);
  assertEquals(pristine(bypass(fixed({ start, bytes: bytes + 1 }, heap))), true); // the last byte is not used
  assertEquals(pristine(bypass(fixed({ start, bytes: bytes + 16 }, heap))), false);
});

Deno.test("fixed: above 2 GiB, and at the end of the address space", () => {
  // Somebody else's memory that says it is as large, of which nothing is touched
  const heap = freshHeap();
  Object.defineProperty(heap, "size", { value: 2 ** 32 });
  const top = 2 ** 32 - PAGE;
  const a = init(fixed({ start: 2 ** 31 - 32, bytes: top - (2 ** 31 - 32) }, heap));
  assertEquals([a.get(32), a.get(16), a.get(1, 4096)], [2 ** 31 - 32, 2 ** 31, 2 ** 31 + 4096]);
  const left = top - (2 ** 31 + 4096 + 16);
  assertEquals(a.get(left), 2 ** 31 + 4096 + 16);
  assertEquals([a.get(0), a.get(1, 4096), a.owns(top - 1), a.owns(2 ** 31)], [0, 0, true, true]);
  a.put(2 ** 31 + 4096 + 16, left);
  assertEquals(a.resize(2 ** 31 + 4096, 1, left + 16), true);
  assertEquals(a.resize(2 ** 31 + 4096, left + 16, 2 ** 32 - 1), false);
  a.deinit();
  assertThrows(() => fixed({ start: top - 16, bytes: 17 }, heap), RangeError, "an integer from 1 to 16, got 17");
});

Deno.test("fixed: bad ranges are refused, and take nothing", () => {
  const { heap, start, bytes } = run(), { size } = heap, other = freshHeap(), stale = other.u8.subarray(4096);
  other.getPages(100); // grows: what was a view on it is none now
  const refused: [range: unknown, error: typeof TypeError | typeof RangeError, message: string][] = [
    [undefined, TypeError, "range must be { start, bytes } or a view, got undefined"],
    [null, TypeError, "range must be { start, bytes } or a view, got null"],
    [4096, TypeError, "range must be { start, bytes } or a view, got 4096"],
    ["4096", TypeError, 'range must be { start, bytes } or a view, got "4096"'],
    [{}, TypeError, "start of the range, an address in bytes, must be a number, got undefined"],
    [{ start }, TypeError, "bytes in the range must be a number, got undefined"],
    [{ start: `${start}`, bytes }, TypeError, "must be a number"],
    [{ start: 0, bytes }, RangeError, `must be an integer from 1 to ${size - 1}, got 0`],
    [{ start: -16, bytes }, RangeError, "got -16"],
    [{ start: 16.5, bytes }, RangeError, "got 16.5"],
    [{ start: NaN, bytes }, RangeError, "got NaN"],
    [{ start: size, bytes }, RangeError, `got ${size}`],
    [{ start, bytes: 0 }, RangeError, `bytes in the range must be an integer from 1 to ${size - start}, got 0`],
    [{ start, bytes: -1 }, RangeError, "got -1"],
    [{ start, bytes: 1.5 }, RangeError, "got 1.5"],
    [{ start, bytes: size - start + 1 }, RangeError, `got ${size - start + 1}`],
    [{ start, bytes: Infinity }, RangeError, "got Infinity"],
    [{ start, bytes: 15 }, RangeError, `range must have 16 bytes on a multiple of 16, got 15 bytes at ${start}`],
    [{ start: start + 1, bytes: 30 }, RangeError, "range must have 16 bytes on a multiple of 16"],
    [heap.u8, RangeError, "got 0"],
    [heap.u8.subarray(64, 64), RangeError, "got 0"],
    [new Uint8Array(100), TypeError, "must be a view on the memory of the heap as it is now, got a Uint8Array"],
    [other.u8, TypeError, "on another"],
    [stale, TypeError, "on another"],
  ];
  const before = heap.free;
  for (const [range, error, message] of refused) {
    const e = assertThrows(() => fixed(range as Uint8Array, heap), error, message);
    assert(e.message.startsWith("Cannot compose fixed: "), e.message);
  }
  for (const wrong of [null, 5, {}, stub(heap)]) {
    const message = "Cannot compose fixed: expected a";
    assertThrows(() => fixed({ start, bytes }, wrong as unknown as Heap), TypeError, message);
    assertThrows(() => fixed(heap.u8.subarray(64, 128), wrong as unknown as Heap), TypeError, message);
  }
  assertEquals(heap.free, before);
});

Deno.test("fixed: capabilities, in the type and when it runs", () => {
  const { heap, start, bytes } = run(), stack = fixed({ start, bytes }, heap);
  same<typeof stack, LayerWith<Fixed, "resize" | "owns" | "reset" | "goodSize" | "maxAlign">>(true);
  assertEquals(capabilities(stack), ["goodSize", "maxAlign", "owns", "reset", "resize"]);
  assertEquals((stack as Layer<Fixed>).window, undefined); // its get rounds
});

Deno.test("fixed: at random, specialised and not", () => {
  for (const on of [true, false]) {
    const before = specialise(on);
    try {
      const { heap, start, bytes } = run(10), a = init(fixed({ start, bytes }, heap));
      for (let seed = 1; seed <= 5; seed++) {
        const { served, refused, resized } = churn(a, 900, seed);
        assert(served > 20 && refused > 20 && resized > 20, `${[served, refused, resized]}`);
        a.reset();
      }
      a.deinit();
      heap.putPages(start, 10);
      assertAllFree(heap);
    } finally {
      specialise(before);
    }
  }
});
