import { Heap, init, mmap, zero } from "../mod.ts";
import { assert, assertEquals, assertFalse, assertGreater, assertLess, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap, PAGE } from "./kit.ts";

const WASM_PAGE = 65536;

/** A WebAssembly module that grows the memory it imports: (func (export "grow") (param i32) (result i32) memory.grow). */
export function growerOf(memory: WebAssembly.Memory, shared = false): (delta: number) => number {
  const section = (id: number, ...body: number[]) => [id, body.length, ...body];
  const text = (s: string) => [s.length, ...new TextEncoder().encode(s)];
  const limits = shared ? [3, 0, 0x80, 0x80, 4] : [0, 0]; // a shared memory must tell its maximum: 65536
  const module = new WebAssembly.Module(
    new Uint8Array([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, 1, 0x60, 1, 0x7f, 1, 0x7f), // type: i32 -> i32
      ...section(2, 1, ...text("env"), ...text("memory"), 2, ...limits),
      ...section(3, 1, 0), // one function, of that type
      ...section(7, 1, ...text("grow"), 0, 0),
      ...section(10, 1, 6, 0, 0x20, 0, 0x40, 0, 0x0b), // local.get 0; memory.grow; end
    ]),
  );
  return new WebAssembly.Instance(module, { env: { memory } }).exports.grow as (delta: number) => number;
}

/** Reads and writes the last byte of the memory through every view. */
function assertViewsCover(heap: Heap): void {
  const last = heap.size - 8;
  heap.u64[last >>> 3] = 0x0102030405060708n;
  assertEquals(heap.u8[last], 8);
  assertEquals(heap.i8[last + 7], 1);
  assertEquals(heap.u16[last >>> 1], 0x0708);
  assertEquals(heap.i16[last >>> 1], 0x0708);
  assertEquals(heap.u32[last >>> 2], 0x05060708);
  assertEquals(heap.i32[(last >>> 2) + 1], 0x01020304);
  assertEquals(heap.i64[last >>> 3], 0x0102030405060708n);
  heap.f64[last >>> 3] = 1.5;
  assertEquals(heap.u32[(last >>> 2) + 1], 0x3ff80000);
  heap.f32[last >>> 2] = 0.5;
  assertEquals(heap.u32[last >>> 2], 0x3f000000);
  heap.u64[last >>> 3] = 0n;
}

Deno.test("heap: hands out runs of pages, takes them back, merges them", () => {
  const heap = freshHeap();
  const a = heap.getPages(2), b = heap.getPages(3), c = heap.getPages(1), d = heap.getPages(1);
  assertEquals([a, b, c, d], [1, 3, 6, 7].map((page) => page * PAGE)); // page 0 is null's
  heap.putPages(a, 2);
  heap.putPages(c, 1);
  heap.putPages(b, 3); // with both neighbours
  assertEquals(heap.getPages(6), a);
  heap.putPages(a, 6);
  heap.putPages(d, 1); // with its neighbour and the tail
  assertAllFree(heap);
});

Deno.test("heap: uses freed runs before it grows, and the smallest address first", () => {
  const heap = freshHeap();
  const runs = Array.from({ length: 100 }, () => heap.getPages(4));
  const size = heap.size;
  for (const i of [70, 20, 50]) heap.putPages(runs[i], 4);
  assertEquals(heap.getPages(4), runs[20]);
  assertEquals(heap.getPages(4), runs[50]);
  assertEquals(heap.getPages(4), runs[70]);
  for (let i = 0; i < 1000; i++) heap.putPages(heap.getPages(200), 200);
  assertLess(heap.size, 2 * size + 200 * PAGE);
});

Deno.test("heap: misuse throws and changes nothing", () => {
  const heap = freshHeap({ initial: 2 });
  const p = heap.getPages(3), q = heap.getPages(2), r = heap.getPages(1);
  heap.putPages(q, 2);
  const before = heap.free;
  const wrong: [p: unknown, n: unknown][] = [
    [q, 2], // is free
    [p, 2],
    [p, 4],
    [p + PAGE, 2],
    [p + 1, 3],
    [p + 0.5, 3],
    [0, 1],
    [-PAGE, 1],
    [NaN, 3],
    [Infinity, 3],
    [2 ** 32, 1],
    [p, 0],
    [p, -3],
    [p, NaN],
    [p, 3.5],
    [p, 2 ** 32 + 3], // the same 32-bit word
    [p, 2 ** 31 + 3],
    [p, "3"],
    [String(p), 3],
    [p, undefined],
    [undefined, 3],
    [null, 1],
    [{}, 1],
  ];
  for (const [p, n] of wrong) {
    assertThrows(() => heap.putPages(p as number, n as number), Error, "Cannot put pages: ");
    assertEquals(heap.free, before, `${n} pages at ${p}`);
  }
  for (const [p, n] of wrong) {
    try {
      assertFalse(heap.extendPages(p as number, n as number, 2), `${n} pages at ${p}`);
    } catch (e) {
      assert(e instanceof TypeError || e instanceof RangeError, String(e));
    }
    assertEquals(heap.free, before, `${n} pages at ${p}`);
  }
  for (const n of [0, -1, 1.5, NaN, Infinity, "1", undefined, null, {}]) {
    assertThrows(() => heap.getPages(n as number), Error, "Cannot get pages: number of pages must be ");
    assertThrows(
      () => heap.extendPages(p, 3, n as number),
      Error,
      "Cannot extend pages: number of pages to add must be",
    );
  }
  assertEquals(heap.free, before);
  heap.putPages(p, 3);
  heap.putPages(r, 1);
  assertAllFree(heap);
});

Deno.test("heap: grows geometrically", () => {
  const heap = freshHeap();
  let grows = 0;
  const sizes = new Set<number>();
  const p = heap.getPages(1);
  for (let i = 0; i < 20_000; i++) { // 80 MiB, a page at a time
    heap.getPages(1);
    if (!sizes.has(heap.size)) grows++;
    sizes.add(heap.size);
  }
  assertLess(grows, 25);
  assertLess(heap.size, 2 * 20_000 * PAGE);
  heap.putPages(p, 1);
});

Deno.test("heap: refuses what does not fit, unharmed and without growing for it", () => {
  const heap = freshHeap({ maximum: 4 });
  for (const n of [64, 65, 1000, 2 ** 20 - 1, 2 ** 20, 2 ** 31, 2 ** 32, 2 ** 40]) assertEquals(heap.getPages(n), 0);
  assertEquals(heap.size, WASM_PAGE);
  assertEquals(heap.getPages(63), PAGE); // all but the page that is null's
  assertEquals(heap.getPages(1), 0);
  heap.putPages(PAGE, 63);
  assertAllFree(heap);
});

Deno.test("heap: a run grows in place where the pages behind it are free, or the memory can grow", () => {
  const heap = freshHeap({ maximum: 4 });
  const a = heap.getPages(2), b = heap.getPages(3), c = heap.getPages(4);
  assertFalse(heap.extendPages(a, 2, 1));
  heap.putPages(b, 3);
  assertFalse(heap.extendPages(a, 2, 4));
  assert(heap.extendPages(a, 2, 2));
  assert(heap.extendPages(a, 4, 1));
  assertFalse(heap.extendPages(a, 5, 1));
  assertFalse(heap.extendPages(c, 4, 100));
  assert(heap.extendPages(c, 4, 63 - 5 - 4)); // to the end of the memory
  assertFalse(heap.extendPages(c, 58, 1));
  heap.putPages(c, 58);
  heap.putPages(a, 5);
  assertAllFree(heap);
});

Deno.test("heap: views cover the memory after it has grown, whoever grew it", () => {
  const ours = freshHeap();
  assertViewsCover(ours);
  ours.getPages(100);
  assertViewsCover(ours);
  for (const shared of [false, true]) {
    const heap = freshHeap({ shared });
    assertViewsCover(heap);
    heap.memory.grow(3);
    assertEquals(heap.size, 4 * WASM_PAGE);
    assertViewsCover(heap);
    heap.getPages(100);
    assertViewsCover(heap);
    growerOf(heap.memory, shared)(2);
    if (shared) heap.refresh(); // the one growth that cannot be seen
    assertViewsCover(heap);
    assertEquals(heap.u8.length, heap.size);
    assertEquals(heap.u32.buffer instanceof SharedArrayBuffer, shared);
  }
});

Deno.test("heap: pages that others grew are theirs", () => {
  for (const shared of [false, true]) {
    const heap = freshHeap({ shared }), grow = growerOf(heap.memory, shared);
    const theirs: [start: number, end: number][] = [], ours: [p: number, n: number][] = [];
    for (let i = 0; i < 60; i++) {
      if (i % 3 === 0) {
        const start = (i % 2 ? grow : (n: number) => heap.memory.grow(n))(1 + i % 2) * WASM_PAGE;
        theirs.push([start, heap.size]);
        heap.refresh();
        heap.u8.fill(0xee, start, heap.size);
      }
      const n = 1 + i * 7 % 40, p = heap.getPages(n);
      for (const [start, end] of theirs) assert(p + n * PAGE <= start || p >= end, `${n} pages at ${p}`);
      heap.u8.fill(i, p, p + n * PAGE);
      ours.push([p, n]);
      if (i % 2) heap.putPages(...ours.splice(i % ours.length, 1)[0]);
    }
    for (const [p, n] of ours) heap.putPages(p, n);
    for (const [start, end] of theirs) assert(heap.u8.subarray(start, end).every((byte) => byte === 0xee));
    const foreign = theirs.reduce((sum, [start, end]) => sum + end - start, 0);
    assertEquals(heap.free.pages, (heap.size - foreign) / PAGE - 1);
  }
});

Deno.test("heap: a run at the end does not grow in place over somebody else's pages", () => {
  const heap = freshHeap(), p = heap.getPages(15); // all there is
  heap.memory.grow(1);
  assertFalse(heap.extendPages(p, 15, 1));
  assertGreater(heap.getPages(1), 2 * WASM_PAGE - 1);
});

Deno.test("heap: over a memory that somebody else made", () => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 8 });
  new Uint8Array(memory.buffer).fill(0xee, 0, 10_000);
  const heap = new Heap({ memory, start: 10_000 });
  assertEquals(heap.memory, memory);
  assertEquals(heap.start, 3 * PAGE); // the first whole page
  assertEquals(heap.free.pages, 32 - 3);
  const p = heap.getPages(29);
  assertEquals(p, heap.start);
  heap.u8.fill(1, p, p + 29 * PAGE);
  const q = heap.getPages(64);
  assertEquals(q, 2 * WASM_PAGE);
  assertEquals(heap.getPages(1000), 0); // more than its maximum, which only the memory knows
  heap.u8.fill(2, q, q + 64 * PAGE);
  heap.putPages(p, 29);
  heap.putPages(q, 64);
  assertAllFree(heap);
  assert(heap.u8.subarray(0, 10_000).every((byte) => byte === 0xee));
});

Deno.test("heap: over a memory without a start, everything there is stays theirs", () => {
  const memory = new WebAssembly.Memory({ initial: 2 });
  const heap = new Heap({ memory });
  assertEquals(heap.free.pages, 0);
  assertEquals(heap.getPages(1), 2 * WASM_PAGE);
});

Deno.test("heap: more comes from whoever owns the memory, in pieces anywhere in it", () => {
  const memory = new WebAssembly.Memory({ initial: 32 });
  const pieces = [100, 300, 480, 700, 600]; // the third from within the memory as it is now to beyond it
  const heap = new Heap({
    memory,
    more: (bytes) => {
      const at = pieces.shift();
      if (at === undefined) return 0;
      const p = at * PAGE + 16;
      if (p + bytes > memory.buffer.byteLength) {
        memory.grow(Math.ceil((p + bytes - memory.buffer.byteLength) / WASM_PAGE));
      }
      return p;
    },
  });
  assertEquals(heap.free, { pages: 0, longest: 0, runs: 0 });
  const out: [p: number, n: number][] = [];
  for (const n of [7, 9, 100, 40, 64, 16]) {
    const p = heap.getPages(n);
    assert(p > 0);
    assert(out.every(([q, m]) => p + n * PAGE <= q || q + m * PAGE <= p));
    heap.u8.fill(n, p, p + n * PAGE);
    out.push([p, n]);
  }
  assertEquals(heap.getPages(1000), 0);
  assertEquals(out.map(([p]) => Math.floor(p / PAGE)), [101, 108, 301, 481, 701, 601]);
  for (const [p, n] of out) assert(heap.u8.subarray(p, p + n * PAGE).every((byte) => byte === n));
  for (const [p, n] of out) heap.putPages(p, n);
  const { pages, longest, runs } = heap.free;
  assertEquals([longest, runs], [100, 5]); // each piece is whole again
  assertEquals(pages, 16 + 100 + 40 + 64 + 55); // the last one is a quarter of what there was
});

Deno.test("heap: views cover what more has had a shared memory grow by, in code that tells nobody", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 100, shared: true });
  const grow = (pages: number) => WebAssembly.Memory.prototype.grow.call(memory, pages);
  const heap = new Heap({ memory, more: (bytes) => grow(Math.ceil(bytes / WASM_PAGE)) * WASM_PAGE });
  const p = heap.getPages(1);
  heap.u32[p >>> 2] = 42;
  assertEquals(new Uint32Array(memory.buffer)[p >>> 2], 42);
});

Deno.test("heap: what more gives may have been used before", () => {
  const memory = new WebAssembly.Memory({ initial: 32 }), dirty = new Uint8Array(memory.buffer).fill(7);
  const heap = new Heap({ memory, start: 0, more: () => 0 });
  assertEquals([dirty[100], heap.fresh], [7, 2 ** 32]);
  const grown = new Heap({
    memory,
    more: (bytes) => {
      const p = memory.grow(Math.ceil(bytes / WASM_PAGE)) * WASM_PAGE;
      new Uint8Array(memory.buffer).fill(7, p);
      return p;
    },
  });
  const a = init(zero(mmap(grown))), p = a.get(100);
  assertEquals(grown.u8.subarray(p, p + 100), new Uint8Array(100));
});

Deno.test("heap: two heaps share one memory", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const heaps = [new Heap({ memory, start: 0 }), new Heap({ memory })];
  const out: { heap: Heap; p: number; n: number; byte: number }[] = [];
  for (let i = 0; i < 80; i++) {
    const heap = heaps[i % 2], n = 1 + i % 9, p = heap.getPages(n);
    heap.u8.fill(i, p, p + n * PAGE);
    out.push({ heap, p, n, byte: i });
  }
  for (const { heap, p, n, byte } of out) {
    assert(heap.u8.subarray(p, p + n * PAGE).every((b) => b === byte));
    heap.putPages(p, n);
  }
});

Deno.test("heap: empty at first, and with no room to grow", () => {
  const empty = new Heap({ initial: 0 });
  assertEquals([empty.size, empty.free.pages], [0, 0]);
  assertEquals(empty.getPages(16), PAGE);
  assertViewsCover(empty);
  const none = new Heap({ initial: 0, maximum: 0 });
  assertEquals(none.getPages(1), 0);
});

Deno.test("heap: up to the end of 4 GiB", () => {
  const heap = freshHeap({ maximum: 65536 });
  const low = heap.getPages(2 ** 19 + 1000); // over 2 GiB
  const high = heap.getPages(1);
  assertEquals(high, (2 ** 19 + 1001) * PAGE);
  const rest = 2 ** 20 - 1 - (2 ** 19 + 1002);
  assertEquals(heap.getPages(rest + 1), 0); // the last page is never handed out: its end would be no address
  const last = heap.getPages(rest);
  assertEquals(last + rest * PAGE, 2 ** 32 - PAGE);
  assertEquals(heap.getPages(1), 0);
  heap.u8[last + rest * PAGE - 1] = 42;
  heap.u32[high >>> 2] = 7;
  assertEquals([heap.u8[2 ** 32 - PAGE - 1], heap.u32[high >>> 2]], [42, 7]);
  assertViewsCover(heap);
  heap.putPages(high, 1);
  assertFalse(heap.extendPages(low, 2 ** 19 + 1000, 2));
  assert(heap.extendPages(low, 2 ** 19 + 1000, 1));
  heap.putPages(low, 2 ** 19 + 1001);
  heap.putPages(last, rest);
  assertAllFree(heap);
});

Deno.test("heap: aligned runs, of every alignment, in holes and at the tail", () => {
  for (let align = 1; align <= 2 ** 10; align *= 2) {
    const heap = freshHeap({ maximum: 1000 }), out: [p: number, n: number][] = [];
    for (const n of [1, 3, align, 1, align + 1, 2]) {
      const gap = heap.getPages(1), p = heap.getPages(n, align);
      assertEquals(p % (align * PAGE), 0, `${n} pages aligned to ${align} at ${p}`);
      heap.u8.fill(1, p, p + n * PAGE);
      out.push([gap, 1], [p, n]);
    }
    const taken = out.reduce((sum, [, n]) => sum + n, 0);
    assertEquals(heap.free.pages, heap.size / PAGE - 1 - taken); // nothing before or after them is lost
    out.sort(([p], [q]) => p - q);
    for (let i = 1; i < out.length; i++) assert(out[i - 1][0] + out[i - 1][1] * PAGE <= out[i][0]);
    // The holes that they leave serve the same again, without growing
    const { size } = heap;
    for (const [p, n] of out) {
      if (p % (align * PAGE) !== 0) continue;
      heap.putPages(p, n);
      const q = heap.getPages(n, align);
      assert(q <= p && q % (align * PAGE) === 0);
      heap.putPages(q, n);
      assertEquals(heap.getPages(n, align), q);
      heap.putPages(q, n);
      assert(heap.getPages(n) <= p);
    }
    assertEquals(heap.size, size);
  }
  for (const [n, align] of [[5, 1], [5, 4], [16, 16], [3, 2 ** 10]]) {
    const heap = freshHeap(), p = heap.getPages(n, align);
    heap.putPages(p, n);
    assertAllFree(heap); // one run again
  }
});

Deno.test("heap: runs aligned to as much as there is", () => {
  const heap = freshHeap();
  const p = heap.getPages(1, 2 ** 19), q = heap.getPages(3, 2 ** 18);
  assertEquals([p, q], [2 ** 31, 2 ** 30]);
  assertEquals(heap.getPages(1, 2 ** 20), 0); // the one such page is null's
  assertEquals(heap.getPages(2, 2 ** 19), 0);
  const r = heap.getPages(2 ** 18 - 1, 2 ** 18); // to the end but for the last page, which is never handed out
  assertEquals(r, 3 * 2 ** 30);
  assertEquals(heap.getPages(2 ** 18, 2 ** 18), 0);
  heap.putPages(p, 1);
  heap.putPages(r, 2 ** 18 - 1);
  heap.putPages(q, 3);
  assertAllFree(heap);
});

Deno.test("heap: an aligned run is had as long as there is room for it", () => {
  const heap = freshHeap({ maximum: 1 }); // pages 1 to 15
  assertEquals([1, 2, 3].map(() => heap.getPages(4, 4)), [4 * PAGE, 8 * PAGE, 12 * PAGE]);
  assertEquals([heap.getPages(4, 4), heap.getPages(2, 2), heap.getPages(1)], [0, 2 * PAGE, PAGE]);
  const small = freshHeap({ maximum: 2 });
  assertEquals(small.getPages(16, 16), 16 * PAGE); // all that it can grow to
  assertEquals(small.getPages(1, 16), 0);
  small.putPages(16 * PAGE, 16);
  assertAllFree(small);
  const shared = freshHeap({ maximum: 6 });
  shared.memory.grow(1); // somebody else's, so the tail moves
  assertEquals(shared.getPages(20, 16), 32 * PAGE);
  assertEquals(shared.getPages(16, 32), 64 * PAGE);
  const moved = freshHeap({ initial: 16 });
  moved.getPages(253);
  moved.memory.grow(1); // from the page after this one, the next that is aligned is further than from the tail
  assertEquals(moved.getPages(1, 256), 512 * PAGE);
});

Deno.test("heap: alignments that are none are refused", () => {
  const heap = freshHeap();
  for (const align of [0, -1, -4, 3, 6, 1.5, NaN, Infinity, 2 ** 21, 2 ** 32, 2 ** 32 + 2]) {
    for (const n of [1, 100]) {
      assertThrows(() => heap.getPages(n, align), RangeError, "Cannot get pages: alignment in pages must be a");
    }
  }
  for (const align of [null, "4", 4n, true, {}, [4], Symbol("4")]) {
    const e = assertThrows(() => heap.getPages(1, align as number), TypeError, "Cannot get pages: alignment in pages");
    assert(!e.message.includes("convert"));
  }
  assertThrows(() => heap.getPages(0, 4), RangeError, "Cannot get pages: number of pages");
  assertEquals(heap.getPages(2 ** 40, 4), 0);
  assertEquals(heap.size, WASM_PAGE);
  assertAllFree(heap);
});

Deno.test("heap: a run is resized in place where that can be", () => {
  const heap = freshHeap({ maximum: 4 }), a = heap.getPages(4), b = heap.getPages(2);
  assert(heap.resizePages(a, 4, 4));
  assertFalse(heap.resizePages(a, 4, 5)); // b is behind it
  assert(heap.resizePages(a, 4, 1));
  assertEquals(heap.free.longest, heap.size / PAGE - 7);
  assertEquals(heap.getPages(2), a + PAGE); // what was cut off
  assertFalse(heap.resizePages(a, 1, 2));
  heap.putPages(a + PAGE, 2);
  assertFalse(heap.resizePages(a, 1, 5));
  assert(heap.resizePages(a, 1, 4));
  assert(heap.resizePages(b, 2, 59)); // as the memory grows
  assertFalse(heap.resizePages(b, 59, 60));
  for (const to of [2 ** 20, 2 ** 32, 2 ** 53]) assertFalse(heap.resizePages(b, 59, to));
  assert(heap.resizePages(b, 59, 1));
  heap.putPages(b, 1);
  heap.putPages(a, 4);
  assertAllFree(heap);
});

Deno.test("heap: what is no run is not resized, and nothing changes", () => {
  const heap = freshHeap(), a = heap.getPages(4), b = heap.getPages(2), c = heap.getPages(1);
  heap.putPages(b, 2);
  const before = heap.free, { size } = heap;
  const none = [[a, 3], [a, 5], [a + PAGE, 3], [a + PAGE, 1], [b, 2], [a + 16, 4], [c, 2], [c - PAGE, 2], [0, 1], [
    c + PAGE,
    1,
  ]];
  for (const [p, n] of none) {
    for (const to of [1, n, n + 1, 1000]) {
      assertThrows(() => heap.resizePages(p, n, to), RangeError, "Cannot resize pages: ");
    }
    assertFalse(heap.extendPages(p, n, 1000));
  }
  for (const bad of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => heap.resizePages(a, 4, bad), RangeError, "Cannot resize pages: new number of pages must be");
    assertThrows(() => heap.resizePages(a, bad, 4), RangeError, "Cannot resize pages: number of pages must be");
    if (bad !== 0) assertThrows(() => heap.resizePages(bad, 4, 4), RangeError, "Cannot resize pages: ");
  }
  for (const bad of [undefined, null, "5", 5n, {}, [5]]) {
    assertThrows(() => heap.resizePages(a, 4, bad as number), TypeError, "Cannot resize pages: new number of pages");
    assertThrows(() => heap.resizePages(a, bad as number, 4), TypeError, "Cannot resize pages: number of pages must");
    assertThrows(() => heap.resizePages(bad as number, 4, 4), TypeError, "Cannot resize pages: address must be");
  }
  assertEquals([heap.free, heap.size], [before, size]);
  heap.putPages(a, 4);
  heap.putPages(c, 1);
  assertAllFree(heap);
});

Deno.test("heap: nothing but zeros is behind fresh, which never goes down", () => {
  for (const theirs of [false, true]) { // memory of somebody else's in between
    const heap = freshHeap(), out: [p: number, n: number][] = [];
    let last = heap.fresh;
    assertEquals(last, PAGE);
    for (let i = 0; i < 60; i++) {
      const n = 1 + i * 7 % 20, p = heap.getPages(n, 1 << i % 4);
      assert(p + n * PAGE <= heap.fresh && heap.fresh >= last, `${n} pages at ${p}, fresh from ${heap.fresh}`);
      last = heap.fresh;
      heap.u8.fill(0xff, p, p + n * PAGE);
      assert(heap.u8.subarray(last).every((byte) => byte === 0), `fresh from ${last}`);
      out.push([p, n]);
      if (i % 3) heap.putPages(...out.splice(i % out.length, 1)[0]);
      assertEquals(heap.fresh, last);
      if (!theirs || i % 20 !== 0) continue;
      // Ours grows next, over theirs
      const start = heap.memory.grow(1) * WASM_PAGE;
      heap.u8.fill(0xee, start, start + WASM_PAGE);
      const rest = heap.free.longest + 1, q = heap.getPages(rest);
      assert(q >= start + WASM_PAGE && heap.fresh >= q + rest * PAGE);
      last = heap.fresh;
      heap.putPages(q, rest);
    }
  }
  const memory = new WebAssembly.Memory({ initial: 2 });
  assertEquals(new Heap({ memory, start: 0 }).fresh, 2 * WASM_PAGE); // whatever is there, nothing is known of it
  assertEquals(new Heap({ memory }).fresh, 2 * WASM_PAGE);
  assertEquals(new Heap({ initial: 0 }).fresh, PAGE);
});
