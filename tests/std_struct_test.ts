import { check, chunk, enter, escape, type Heap, heap as defaultHeap, init, layers, mmap, stats, std } from "../mod.ts";
import { failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { freshHeap } from "./kit.ts";

function leakFree<T>(f: () => T, heap?: Heap): T {
  return enter(init(check(stats(mmap(heap)))), f);
}

// deno-lint-ignore no-explicit-any
const SCALARS: [type: std.Type<any>, size: number, values: unknown[], wraps: [unknown, unknown][]][] = [
  [std.u8, 1, [0, 255], [[256, 0], [-1, 255], [1.9, 1]]],
  [std.i8, 1, [-128, 127], [[128, -128]]],
  [std.u16, 2, [0, 65535], [[65536, 0]]],
  [std.i16, 2, [-32768, 32767], [[32768, -32768]]],
  [std.u32, 4, [0, 2 ** 32 - 1], [[2 ** 32, 0], [-1, 2 ** 32 - 1]]],
  [std.i32, 4, [-(2 ** 31), 2 ** 31 - 1], [[2 ** 31, -(2 ** 31)]]],
  [std.f32, 4, [0.5, -Infinity, NaN], [[0.1, Math.fround(0.1)]]],
  [std.f64, 8, [0.1, -0, NaN], []],
  [std.u64, 8, [0n, 2n ** 64n - 1n], [[2n ** 64n, 0n]]],
  [std.i64, 8, [-(2n ** 63n), 2n ** 63n - 1n], [[2n ** 63n, -(2n ** 63n)]]],
  [std.bool, 1, [true, false], []],
  [std.ptr, 4, [0, 2 ** 32 - 16], []],
];

Deno.test("types: size and alignment of every scalar are C's", () => {
  for (const [type, size] of SCALARS) {
    assertEquals([type.size, type.align, type.heap], [size, size, undefined], type.name);
  }
});

Deno.test("types: every scalar by itself, as a field, in an array and in a nested struct", () =>
  leakFree(() => {
    for (const [type, size, values, wraps] of SCALARS) {
      const S = std.struct({
        pad: std.u8,
        field: type,
        list: std.array(type, 3),
        inner: std.struct({ b: std.u8, f: type }),
      });
      const { field, list, inner } = S.fields;
      assertEquals([field.offset, list.offset, inner.offset], [size, 2 * size, 5 * size]);
      assertEquals([S.size, S.align], [7 * size, size]);
      const p = std.zalloc(S), alone = std.alloc(type);
      for (const [put, got] of [...values.map((v) => [v, v]), ...wraps]) {
        type.store(defaultHeap, alone, put);
        assertEquals(type.load(defaultHeap, alone), got);
        field.set(p, put);
        list.setAt(p, 1, put);
        inner.fields.f.set(p, put);
        assertEquals([field.get(p), list.getAt(p, 1), inner.fields.f.get(p)], [got, got, got]);
        assertEquals(type.load(defaultHeap, p + field.offset), got);
        assertEquals(type.load(defaultHeap, list.at(p, 1)), got);
        assertEquals(type.load(defaultHeap, inner.at(p) + size), got);
        const zero = type.load(defaultHeap, p + list.offset);
        assertEquals(list.get(p), [zero, got, zero]); // neighbours are untouched
        assertEquals(S.load(defaultHeap, p).field, got);
      }
      std.free(S, p);
      std.free(type, alone);
    }
  }));

Deno.test("structs: layouts are C's", () => {
  /** Offsets, size and alignment. */
  // deno-lint-ignore no-explicit-any
  const layout = (types: Record<string, std.Type<any>>): number[] => {
    const s = std.struct(types);
    return [...Object.values(s.fields).map((f) => f.offset), s.size, s.align];
  };
  const { u8, u16, u32, u64, f64, bool, ptr, array, struct } = std;
  assertEquals(layout({ a: u8 }), [0, 1, 1]);
  assertEquals(layout({ a: u8, b: u32 }), [0, 4, 8, 4]);
  assertEquals(layout({ a: u32, b: u8 }), [0, 4, 8, 4]);
  assertEquals(layout({ a: u8, b: u16, c: u8, d: u64, e: bool }), [0, 2, 4, 8, 16, 24, 8]);
  assertEquals(layout({ left: ptr, right: ptr }), [0, 4, 8, 4]);
  assertEquals(layout({ a: u8, b: array(u16, 3), c: u8 }), [0, 2, 8, 10, 2]);
  assertEquals(layout({ a: u8, b: struct({ x: u8, y: f64 }), c: u8 }), [0, 8, 24, 32, 8]);
  assertEquals(layout({ a: u8, b: array(struct({ x: u8, y: u32 }), 3), c: u8 }), [0, 4, 28, 32, 4]);
  assertEquals(layout({ a: u8, b: array(array(u8, 3), 3), c: u8 }), [0, 1, 10, 11, 1]);
  assertEquals([array(u16, 5).size, array(u16, 5).align, array(u16, 5).name], [10, 2, "u16[5]"]);
  assertEquals(struct({ a: u8, b: array(u32, 2) }).name, "struct { a: u8, b: u32[2] }");
});

const Inner = std.struct({ x: std.u8, y: std.i64 });
const Outer = std.struct({
  id: std.u16,
  inner: Inner,
  grid: std.array(std.array(std.u8, 2), 2),
  all: std.array(Inner, 2),
});
const VALUE: std.ValueOf<typeof Outer> = {
  id: 7,
  inner: { x: 1, y: -1n },
  grid: [[1, 2], [3, 4]],
  all: [{ x: 5, y: 5n }, { x: 6, y: 6n }],
};

Deno.test("structs: as plain objects, and through accessors at any depth", () =>
  leakFree(() => {
    const p = std.mk(Outer, VALUE);
    assertEquals(Outer.load(defaultHeap, p), VALUE);
    const { id, inner, grid, all } = Outer.fields;
    assertEquals([id.get(p), inner.get(p), grid.get(p), all.get(p)], [7, VALUE.inner, VALUE.grid, VALUE.all]);
    assertEquals(inner.fields.y.get(p), -1n);
    assertEquals(Inner.fields.y.get(inner.at(p)), -1n);
    inner.fields.y.set(p, 2n);
    all.setAt(p, 1, { x: 9, y: 9n });
    grid.setAt(p, 0, [8, 8]);
    assertEquals(Outer.load(defaultHeap, p), {
      ...VALUE,
      inner: { x: 1, y: 2n },
      grid: [[8, 8], [3, 4]],
      all: [{ x: 5, y: 5n }, { x: 9, y: 9n }],
    });
    inner.set(p, { x: 0, y: 0n });
    assertEquals([id.get(p), grid.getAt(p, 0)], [7, [8, 8]]);
    assertEquals([all.length, all.type.name], [2, "struct { x: u8, y: i64 }[2]"]);
    for (const i of [-1, 2, NaN, Infinity]) {
      for (const f of [() => all.getAt(p, i), () => all.at(p, i), () => all.setAt(p, i, VALUE.inner)]) {
        assertThrows(f, RangeError, "Cannot index");
      }
    }
    assertThrows(() => grid.set(p, [[1, 2]]), RangeError, "expected 2 elements, got 1");
    std.free(Outer, p);
  }));

Deno.test("structs: on another heap", () => {
  const heap = freshHeap(), There = Outer.on(heap);
  assertStrictEquals(There.heap, heap);
  assertStrictEquals(Outer.heap, defaultHeap);
  leakFree(() => {
    const p = std.mk(There, VALUE);
    assertEquals(There.load(heap, p), VALUE);
    assertEquals(There.fields.inner.fields.y.get(p), -1n);
    There.fields.id.set(p, 9);
    assertEquals(heap.u16[p >>> 1], 9);
    assertEquals(There.fields.all.getAt(p, 1), VALUE.all[1]);
    std.free(There, p);
    for (const f of [() => std.alloc(Outer), () => std.zalloc(Outer), () => std.mk(Outer, VALUE)]) {
      assertThrows(f, TypeError, "another heap");
    }
    assertThrows(() => std.slalloc(std.array(Inner, 2), 1), TypeError, "another heap"); // bound by its elements
    const n = std.mk(std.u32, 5); // bound to none
    assertEquals(heap.u32[n >>> 2], 5);
    std.free(std.u32, n);
    const q = escape(() => std.mk(Outer, VALUE));
    assertEquals(Outer.fields.id.get(q), 7);
    escape(() => std.free(Outer, q));
  }, heap);
  assertThrows(() => std.alloc(There), TypeError, "another heap");
});

Deno.test("structs: accessors stay right when the memory grows", () =>
  leakFree(() => {
    const p = std.mk(Outer, VALUE), before = defaultHeap.size;
    std.bytefree(std.bytealloc(before), before);
    assert(defaultHeap.size > before);
    assertEquals(Outer.fields.inner.fields.x.get(p), 1);
    Outer.fields.id.set(p, 3);
    assertEquals(Outer.load(defaultHeap, p).id, 3);
    std.free(Outer, p);
  }));

Deno.test("structs: above 2 GiB", () => {
  const heap = freshHeap({ maximum: 65536 }), There = Outer.on(heap);
  if (heap.getPages(2 ** 31 / 4096 + 100) === 0) return; // a machine that has no 4 GiB of addresses
  leakFree(() => {
    const p = std.mk(There, VALUE), q = std.zalloc(There);
    assert(p > 2 ** 31);
    assertEquals(There.load(heap, p), VALUE);
    assertEquals(There.fields.inner.at(p), p + 8);
    There.fields.grid.setAt(p, 1, [9, 9]);
    assertEquals(There.load(heap, p), { ...VALUE, grid: [[1, 2], [9, 9]] });
    assertEquals(There.fields.all.getAt(q, 1), { x: 0, y: 0n });
    std.free(There, p);
    std.free(There, q);
  }, heap);
});

Deno.test("alloc: by bytes, zeroed or not, as aligned as asked", () => {
  enter(init(check(stats(layers.bonwick(mmap())))), () => {
    for (const size of [0, 1, 7, 16, 100, 5000]) {
      const p = std.bytealloc(size), q = std.zbytealloc(size);
      assertEquals([p % 16, q % 16, p === q], [0, 0, false]);
      std.bytefree(p, size);
      std.bytefree(q, size);
    }
  });
  const heap = freshHeap();
  leakFree(() => {
    const p = std.bytealloc(100);
    heap.u8.fill(0xff, p, p + 100);
    std.bytefree(p, 100);
    const q = std.zbytealloc(100);
    assertEquals(q, p); // the same bytes again
    assert(heap.u8.subarray(q, q + 100).every((byte) => byte === 0));
    std.bytefree(q, 100);
    const r = std.zalloc(Inner.on(heap));
    assertEquals(Inner.load(heap, r), { x: 0, y: 0n });
    std.free(Inner.on(heap), r);
  }, heap);
  enter(init(chunk(mmap(), 4096)), () => {
    const p = std.bytealloc(16);
    assertEquals([std.bytealloc(1, 1) - p, std.bytealloc(1, 1) - p, std.bytealloc(4, 4) - p], [16, 17, 20]);
    assertEquals([std.alloc(std.u16) - p, std.alloc(std.f64) - p], [24, 32]); // by the type's alignment
    assertEquals(std.bytealloc(1, 16) - p, 48);
  });
});

Deno.test("alloc: out of memory", () => {
  const heap = freshHeap({ maximum: 1 });
  leakFree(() => {
    const e = assertThrows(() => std.bytealloc(2 ** 20), std.OutOfMemoryError, "Cannot allocate 1.0 MiB");
    assertEquals([e instanceof std.OutOfMemoryError && e.size, (e as Error).name], [2 ** 20, "OutOfMemoryError"]);
    const out: number[] = [];
    assertThrows(() => {
      for (;;) out.push(std.mk(Inner.on(heap), { x: 1, y: 1n }));
    }, std.OutOfMemoryError);
    assertEquals(out.length, 15); // a page each, all but page 0
    for (const p of out) assertEquals(Inner.load(heap, p), { x: 1, y: 1n });
    std.free(Inner.on(heap), out.pop()!);
    out.push(std.alloc(std.u8));
    for (
      const f of [() => std.alloc(std.u8), () => std.zalloc(std.u8), () => std.zbytealloc(1), () => std.bytealloc(0)]
    ) {
      assertThrows(f, std.OutOfMemoryError);
    }
    std.free(std.u8, out.pop()!);
    for (const p of out) std.free(Inner.on(heap), p);
  }, heap);
  enter(init(check(stats(failAt(mmap(), 2)))), () => {
    const p = std.mk(std.u32, 1);
    assertThrows(() => std.mk(std.u32, 2), std.OutOfMemoryError);
    const q = std.mk(std.u32, 3);
    assertEquals([std.u32.load(defaultHeap, p), std.u32.load(defaultHeap, q)], [1, 3]);
    std.free(std.u32, p);
    std.free(std.u32, q);
  });
});

Deno.test("alloc: bad arguments are clear errors, and nothing leaks", () =>
  leakFree(() => {
    // deno-lint-ignore no-explicit-any
    for (const x of [null, undefined, 1, "u8", {}, []] as any[]) {
      for (
        const f of [
          () => std.alloc(x),
          () => std.zalloc(x),
          () => std.mk(x, 1),
          () => std.free(x, 16),
          () => std.array(x, 1),
          () => std.struct(x),
          () => std.struct({ a: x }),
        ]
      ) assertThrows(f, TypeError, "Cannot ");
      if (x !== 1) assertThrows(() => std.array(std.u8, x), TypeError, "Cannot make an array type");
      if (x !== 1) assertThrows(() => std.bytealloc(x), TypeError, "Cannot allocate");
      if (x !== 1) assertThrows(() => std.free(std.u32, x), TypeError, "Cannot free");
    }
    for (const n of [0, -1, 1.5, NaN, 2 ** 32]) {
      assertThrows(() => std.array(std.u8, n), RangeError, "Cannot make an array type");
      assertThrows(() => std.free(std.u8, n), RangeError, "Cannot free");
      if (n !== 0) assertThrows(() => std.bytealloc(n), RangeError, "Cannot allocate");
      assertThrows(() => std.bytealloc(8, n), RangeError, "alignment");
    }
    assertThrows(() => std.bytealloc(8, 48), RangeError, "alignment");
    assertThrows(() => std.array(std.u64, 2 ** 29), RangeError);
    const half = std.array(std.u8, 2 ** 31);
    assertThrows(() => std.struct({ a: half, b: half }), RangeError, "Cannot make a struct");
    assertThrows(() => std.free(std.u32, 18), RangeError, "multiple of 4, got 18");
    // deno-lint-ignore no-explicit-any
    assertThrows(() => std.mk(std.u64, 1 as any), TypeError); // and the block is back
    // deno-lint-ignore no-explicit-any
    assertThrows(() => std.mk(Outer, { id: 1 } as any), TypeError);
    // deno-lint-ignore no-explicit-any
    assertThrows(() => std.mk(Outer, null as any), TypeError);
  }));

Deno.test("array: an index is an integer, and all elements are stored", () => {
  const Pack = std.struct({ words: std.array(std.u32, 4) }), { words } = Pack.fields, p = std.zalloc(Pack);
  for (const i of [1.5, -1, 4, NaN, "1"] as number[]) {
    for (const f of [() => words.getAt(p, i), () => words.setAt(p, i, 9), () => words.at(p, i)]) {
      assertThrows(f, RangeError, "Cannot index u32[4]: got ");
    }
  }
  assertThrows(() => words.set(p, new Array(4)), TypeError, "Cannot store as u32: expected a number, got undefined");
  for (const values of [null, 5, "abcd"]) {
    // deno-lint-ignore no-explicit-any
    assertThrows(() => words.set(p, values as any), TypeError, "Cannot store as u32[4]: expected an array");
  }
  assertEquals(words.get(p), [0, 0, 0, 0]);
  std.free(Pack, p);
});
