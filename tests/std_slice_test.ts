import { fc } from "./fast_check.ts";
import {
  batch,
  check,
  chunk,
  enter,
  escape,
  type Heap,
  init,
  type Layer,
  layers,
  LeakError,
  mmap,
  sbrk,
  stats,
  std,
} from "../mod.ts";
import { failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "./assert.ts";
import { freshHeap } from "./kit.ts";

/** A layer with nothing but its four functions: in its regions, whatever grows asks for a block. */
const bare = <S>({ heap, init, deinit, get, put }: Layer<S>): Layer<S> => ({ heap, init, deinit, get, put });

/** Runs `f` in a region that must have got everything back at the end. */
function leakFree<T>(f: () => T, heap?: Heap): T {
  return enter(init(check(stats(mmap(heap)))), f);
}

const Point = std.struct({ x: std.f32, y: std.f64 });
const Deep = std.struct({ tag: std.u8, points: std.array(std.struct({ a: std.u8, b: std.u16 }), 2) });

/** Every element type, with values of it. */
// deno-lint-ignore no-explicit-any
const TYPES: [type: std.Type<any>, values: unknown[]][] = [
  [std.u8, [0, 1, 255]],
  [std.i8, [0, -128, 127]],
  [std.u16, [0, 1, 65535]],
  [std.i16, [0, -32768, 32767]],
  [std.u32, [0, 1, 2 ** 32 - 1]],
  [std.i32, [0, -(2 ** 31), 2 ** 31 - 1]],
  [std.f32, [0, 1.5, -Infinity]],
  [std.f64, [0, Math.PI, NaN, -0]],
  [std.u64, [0n, 1n, 2n ** 64n - 1n]],
  [std.i64, [0n, -(2n ** 63n), 2n ** 63n - 1n]],
  [std.bool, [true, false, true]],
  [std.ptr, [0, 16, 2 ** 32 - 16]],
  [Point, [{ x: 1, y: 2 }, { x: -1, y: NaN }, { x: 0, y: 0 }]],
  [std.array(std.u16, 3), [[1, 2, 3], [4, 5, 65535], [0, 0, 0]]],
  [Deep, [{ tag: 1, points: [{ a: 1, b: 2 }, { a: 3, b: 4 }] }, { tag: 9, points: [{ a: 5, b: 6 }, { a: 7, b: 8 }] }]],
];

for (const [type, values] of TYPES) {
  Deno.test(`slice of ${type.name}: every function`, () =>
    leakFree(() => {
      const [a, b] = values;
      const other = std.slzalloc(type, 1), on = type.heap === undefined || type.heap === other.heap;
      assert(on);
      std.slfree(other);

      const s = std.slalloc(type, 0);
      for (const v of values) assertStrictEquals(std.slpush(s, v), s);
      assertEquals([...s], values);
      assertEquals(s.at(1) - s.at(0), type.size);
      assertEquals(s.ptr % type.align, 0);
      for (let i = 0; i < 40; i++) std.slpush(s, values[i % values.length]);
      assertEquals(s.len, values.length + 40);
      assertEquals(std.slpop(s), values[39 % values.length]);
      std.slgrow(s, values.length);
      assertEquals([...s], values);

      std.slput(s, 0, b);
      std.slput(s, s.len, b);
      std.slput(s, 1, a);
      assertEquals([...s], [b, a, ...values, b]);
      std.sldel(std.sldel(s, 0), 0);
      std.sldel(s, s.len - 1);
      assertEquals([...s], values);

      const t = std.sldup(s);
      assert(std.sleq(s, t));
      t.set(0, b);
      assert(!std.sleq(s, t));
      assertEquals(t.get(0), b);
      assertEquals(s.get(0), a);
      std.slcp(t, s);
      assertEquals([...t], values);
      std.sljoin(t, s);
      std.sljoin(t, t);
      assertEquals([...t], [...values, ...values, ...values, ...values]);
      assertEquals([...std.slfill(t, b)], t.length === 0 ? [] : Array(values.length * 4).fill(b));
      assert(!std.sleq(s, t));
      std.slcp(std.slice(t, 1, 1 + s.len), s);
      assertEquals([...t].slice(1, 1 + s.len), values);

      const z = std.slzalloc(type, 3);
      assert(z.heap.u8.subarray(z.ptr, z.ptr + 3 * type.size).every((byte) => byte === 0));
      for (const x of [s, t, z]) std.slfree(x);
      assertEquals([s.len, s.cap, s.ptr, [...s]], [0, 0, 0, []]);
      std.slfree(s); // is empty
      assertEquals([...std.slpush(s, a)], [a]);
      std.slfree(s);
    }));
}

Deno.test("slice: the example of the README: elements outlive the region", () => {
  const outside = init(check(stats(mmap())));
  enter(outside, () => {
    let xs = std.slalloc(std.i32, 0);
    const b = init(stats(chunk(stats(mmap()), 4096)));
    xs = enter(b, () => {
      const ys = std.slalloc(std.i32, 0);
      for (let i = 0; i < 5; i++) std.slpush(ys, i);
      xs = escape(() => std.sljoin(xs, ys));
      xs = escape(() => std.sljoin(xs, ys));
      return xs;
    });
    assert(b.closed);
    assertEquals([...xs], [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
    std.slfree(xs);
  });
});

Deno.test("slice: a leak is found", () => {
  assertThrows(() => leakFree(() => std.slalloc(std.u8, 100)), LeakError);
});

Deno.test("slice: no elements take no memory, and pushing doubles", () => {
  const a = init(stats(mmap()));
  enter(a, () => {
    const s = std.slalloc(std.u32, 0), t = std.slice(s), u = std.sldup(s);
    std.sljoin(s, u);
    std.slfill(s, 1);
    std.slcp(s, u);
    std.slgrow(s, 0);
    assert(std.sleq(s, t));
    assertEquals(a.gauge().nalloc, 0);
    for (let i = 0; i < 100_000; i++) std.slpush(s, i);
    assert(a.gauge().nalloc < 20, `${a.gauge().nalloc} blocks`);
    assert(s.cap < 2 * s.len);
    for (let i = 0; i < 100_000; i++) assertEquals(s.get(i), i);
    std.slfree(s);
    assertEquals(a.gauge().szfree, a.gauge().szalloc);
  });
});

Deno.test("slice: a view shares the memory, has a fixed length, and owns nothing", () =>
  leakFree(() => {
    const s = std.slalloc(std.u16, 5);
    for (let i = 0; i < 5; i++) s.set(i, i);
    const v = std.slice(s, 1, 4);
    assertEquals([...v], [1, 2, 3]);
    v.set(0, 9);
    assertEquals(s.get(1), 9);
    assertEquals([...std.slice(v, 1, 3)], [2, 3]);
    assertEquals([...std.slice(s, 2)], [2, 3, 4]);
    assertEquals(std.slice(s, 5, 5).len, 0);
    std.slcp(std.slice(s, 0, 4), std.slice(s, 1, 5)); // overlapping
    assertEquals([...s], [9, 2, 3, 4, 4]);
    std.slcp(std.slice(s, 1, 5), std.slice(s, 0, 4));
    assertEquals([...s], [9, 9, 2, 3, 4]);
    for (
      const f of [
        () => std.slfree(v),
        () => std.slpush(v, 1),
        () => std.slpop(v),
        () => std.slput(v, 0, 1),
        () => std.sldel(v, 0),
        () => std.slgrow(v, 9),
        () => std.sljoin(v, s),
        () => std.slpush(std.slice(s, 0, 0), 1),
      ]
    ) assertThrows(f, TypeError, "view");
    std.slfill(std.slice(s, 0, 3), 8);
    assertEquals([...s], [8, 8, 8, 3, 4]);
    std.slfill(std.slice(s, 0, 2), 9);
    s.set(2, 2);
    const own = std.sldup(v);
    std.slpush(own, 1);
    std.slfree(own);
    std.sljoin(s, std.slice(s, 3, 5)); // of itself, while it moves
    assertEquals([...s], [9, 9, 2, 3, 4, 3, 4]);
    std.slfree(s);
  }));

Deno.test("slice: a view of a slice that moves is read before its block is freed", () => {
  // A region whose freed blocks are wiped at once
  const wiping = { ...mmap() };
  wiping.put = (s, p, size) => {
    wiping.heap.u8.fill(0xee, p, p + size);
    mmap().put(s, p, size);
  };
  enter(init(check(stats(wiping))), () => {
    const s = std.slfill(std.slalloc(std.u8, 5000), 7);
    std.sljoin(s, std.slice(s, 0, 5000));
    assert([...s].every((x) => x === 7));
    std.slfree(s);
  });
});

Deno.test("slice: equal are those that are as long and have the same bytes", () =>
  leakFree(() => {
    for (let len = 0; len < 20; len++) {
      const s = std.slfill(std.slalloc(std.u8, len), 5), t = std.slfill(std.slalloc(std.u8, len + 1), 5);
      for (let lo = 0; lo <= len; lo++) {
        assert(std.sleq(std.slice(s, lo), std.slice(t, lo, len)));
        assert(!std.sleq(std.slice(s, lo), std.slice(t, lo)));
        assert(!std.sleq(std.slice(t, lo), std.slice(s, lo)));
      }
      for (let i = 0; i < len; i++) {
        t.set(i, 6);
        assert(!std.sleq(s, std.slice(t, 0, len)));
        t.set(i, 5);
      }
      std.slfree(s);
      std.slfree(t);
    }
  }));

Deno.test("slice: padding in structs does not count in sleq", () =>
  leakFree(() => {
    const a = std.slalloc(Deep, 2), b = std.slalloc(Deep, 2);
    a.heap.u8.fill(0xaa, a.ptr, a.ptr + 2 * Deep.size);
    b.heap.u8.fill(0x55, b.ptr, b.ptr + 2 * Deep.size);
    const value = { tag: 1, points: [{ a: 1, b: 2 }, { a: 3, b: 4 }] };
    std.slfill(a, value);
    for (let i = 0; i < 2; i++) b.set(i, value);
    assert(std.sleq(a, b));
    b.set(1, { tag: 1, points: [{ a: 1, b: 2 }, { a: 3, b: 5 }] });
    assert(!std.sleq(a, b));
    std.slfree(a);
    std.slfree(b);
  }));

Deno.test("slice: prints as what it is", () =>
  leakFree(() => {
    const s = std.slalloc(std.i64, 0);
    for (const v of [1n, -2n]) std.slpush(s, v);
    assertEquals(String(s), "i64[2] [1n, -2n]");
    assertEquals(Deno.inspect(s), String(s));
    std.slfree(s);
    const p = std.slpush(std.slalloc(Point, 0), { x: 1, y: -0 });
    assertEquals(String(p), "struct { x: f32, y: f64 }[1] [{ x: 1, y: -0 }]");
    std.slfree(p);
    const many = std.slzalloc(std.u8, 103);
    assert(String(many).endsWith("0, 0, ... 3 more]"));
    std.slfree(many);
  }));

Deno.test("slice: bad arguments are clear errors, and the slice is as before", () =>
  leakFree(() => {
    const s = std.slalloc(std.i32, 0);
    for (let i = 0; i < 3; i++) std.slpush(s, i);
    // deno-lint-ignore no-explicit-any
    const bad: any[] = [null, undefined, 1, "x", {}, [1], { len: 0, cap: 1 }];
    for (const x of bad) {
      for (
        const f of [
          () => std.slpush(x, 1),
          () => std.slpop(x),
          () => std.slput(x, 0, 1),
          () => std.sldel(x, 0),
          () => std.slfree(x),
          () => std.slgrow(x, 1),
          () => std.sljoin(x, s),
          () => std.sljoin(s, x),
          () => std.sldup(x),
          () => std.slcp(x, s),
          () => std.slcp(s, x),
          () => std.slfill(x, 1),
          () => std.sleq(s, x),
          () => std.slice(x, 0, 0),
          () => std.slalloc(x, 1),
        ]
      ) assertThrows(f, TypeError, "Cannot ");
      if (typeof x !== "number") assertThrows(() => std.slpush(s, x), TypeError, "Cannot store as i32");
      if (typeof x !== "number") assertThrows(() => s.set(0, x), TypeError, "Cannot store as i32");
      if (typeof x !== "number") assertThrows(() => s.get(x), TypeError, "Cannot index");
      if (typeof x !== "number") assertThrows(() => std.slput(s, 1, x), TypeError, "Cannot store as i32");
    }
    for (const i of [-1, 3, 0.5, NaN, Infinity, 2 ** 32, 2 ** 53]) {
      assertThrows(() => s.get(i), RangeError, "Cannot index a slice of 3 elements");
      assertThrows(() => s.set(i, 1), RangeError, "Cannot index");
      assertThrows(() => s.at(i), RangeError, "Cannot index");
      assertThrows(() => std.sldel(s, i), RangeError, "Cannot delete");
      if (i !== 3) assertThrows(() => std.slput(s, i, 1), RangeError, "Cannot insert");
      if (i !== 3) assertThrows(() => std.slice(s, i, 3), RangeError, "Cannot take a view");
      if (i !== 3) assertThrows(() => std.slice(s, 0, i), RangeError, "Cannot take a view");
    }
    assertThrows(() => std.slice(s, 2, 1), RangeError);
    for (const n of [-1, 0.5, NaN, Infinity, 2 ** 30, 2 ** 53]) {
      assertThrows(() => std.slalloc(std.i32, n), RangeError, "Cannot allocate a slice");
      assertThrows(() => std.slzalloc(std.i32, n), RangeError, "Cannot allocate a slice");
      assertThrows(() => std.slgrow(s, n), RangeError, "Cannot grow a slice");
    }
    assertThrows(() => std.slcp(s, std.slice(s, 0, 2)), RangeError, "expected 3 elements, got 2");
    const u = std.slalloc(std.u32, 3);
    // deno-lint-ignore no-explicit-any
    for (const f of [std.sljoin, std.slcp, std.sleq] as any[]) assertThrows(() => f(s, u), TypeError, "i32");
    std.slfree(u);
    const big = std.slpush(std.slalloc(std.u64, 0), 1n);
    // deno-lint-ignore no-explicit-any
    assertThrows(() => std.slpush(big, 1 as any), TypeError, "Cannot store as u64: got 1");
    assertEquals(big.len, 1);
    std.slfree(big);
    assertEquals([...s], [0, 1, 2]);
    std.slfree(s);
    assertThrows(() => std.slpop(s), RangeError, "empty");
    assertThrows(() => std.sldel(s, 0), RangeError, "empty");
    assertThrows(() => s.get(0), RangeError);
  }));

Deno.test("slice: in a region over another heap", () => {
  const heap = freshHeap(), There = Point.on(heap);
  const here = std.slpush(std.slalloc(std.u32, 0), 5);
  leakFree(() => {
    const s = std.sldup(here); // over there
    assertStrictEquals(s.heap, heap);
    assertEquals([...s], [5]);
    std.sljoin(s, here);
    assert(!std.sleq(s, here));
    assertEquals([...s], [5, 5]);
    std.slpush(here, 6); // has room
    while (here.len < here.cap) std.slpush(here, 7);
    assertThrows(() => std.slpush(here, 8), TypeError, "another heap");
    assertThrows(() => std.slfree(here), TypeError, "another heap");
    assertThrows(() => std.slalloc(Point, 1), TypeError, "another heap");
    const p = std.slpush(std.slalloc(There, 0), { x: 1, y: 2 });
    assertEquals(There.fields.y.get(p.at(0)), 2);
    std.slfree(p);
    std.slfree(s);
    const q = escape(() => std.slalloc(std.u8, 0));
    std.slpush(q, 1); // held nothing, so its first block is from here
    assertStrictEquals(q.heap, heap);
    std.slfree(q);
  }, heap);
  std.slfree(here);
});

Deno.test("slice: above 2 GiB, up to the end of 4 GiB", () => {
  const heap = freshHeap({ maximum: 65536 });
  const low = heap.getPages(2 ** 31 / 4096 + 1000);
  if (low === 0) return; // a machine that has no 4 GiB of addresses
  leakFree(() => {
    const s = std.slalloc(std.i32, 0), b = std.slalloc(std.u8, 0), f = std.slalloc(std.f64, 0);
    for (let i = 0; i < 5000; i++) {
      std.slpush(s, i);
      std.slpush(b, i);
      std.slpush(f, i / 2);
    }
    assert(s.ptr > 2 ** 31);
    for (let i = 0; i < 5000; i++) assertEquals([s.get(i), b.get(i), f.get(i)], [i, i & 255, i / 2]);
    std.sljoin(s, s);
    std.slput(s, 1, -5);
    std.sldel(s, 0);
    assertEquals([s.get(0), s.get(1), s.get(5000)], [-5, 1, 0]);
    const t = std.sldup(s);
    assert(std.sleq(s, t));
    std.slfill(t, -1);
    assertEquals(t.get(9999), -1);
    assertEquals(heap.i32[t.at(9999) >>> 2], -1);
    for (const x of [s, t]) std.slfree(x);
    std.slfree(b);
    std.slfree(f);
    for (const [type, values] of TYPES) {
      if (type.heap !== undefined) continue; // on another heap
      const s = std.slzalloc(type, 3);
      values.slice(0, 3).forEach((v, i) => s.set(i, v));
      values.slice(0, 3).forEach((v, i) => assertEquals([s.get(i), type.load(heap, s.at(i))], [v, v]));
      std.slfree(s);
    }
  }, heap);
});

Deno.test("slice: out of memory at each allocation leaves everything as before", () => {
  const run = (s: std.Slice<number>, t: std.Slice<number>): void => {
    const now = () => [s, t].map((x) => [x.ptr, x.len, x.cap, ...x]);
    const step = (f: () => void): void => {
      const before = now();
      try {
        f();
      } catch (e) {
        assertInstanceOf(e, std.OutOfMemoryError);
        assertEquals(now(), before);
        throw e;
      }
    };
    for (let i = 0; i < 70; i++) {
      step(() => std.slpush(s, i));
      if (i % 10 === 0) step(() => std.slput(s, 1, i));
      if (i % 32 === 0) step(() => std.sljoin(s, s));
      if (i === 20) step(() => std.sljoin(t, std.slice(s, 0, 1)));
      if (i === 25) step(() => std.slfree(std.sldup(s)));
      if (i === 30) step(() => std.slgrow(s, s.cap + 1));
    }
  };
  let failures = 0;
  for (let n = 1;; n++) {
    const a = check(stats(failAt(bare(mmap()), n)));
    const failed = enter(init(a), () => {
      const s = std.slalloc(std.i32, 0), t = std.slalloc(std.i32, 0);
      try {
        run(s, t);
        return false;
      } catch (e) {
        assertInstanceOf(e, std.OutOfMemoryError);
        const before = [...s];
        std.slpush(s, 77); // goes on working
        assertEquals([...s], [...before, 77]);
        return true;
      } finally {
        std.slfree(s);
        std.slfree(t);
      }
    });
    if (!failed) break;
    failures++;
  }
  assert(failures > 5);
});

Deno.test("slice: a heap that is full", () => {
  const heap = freshHeap({ maximum: 1 });
  leakFree(() => {
    const s = std.slalloc(std.u8, 0);
    const e = assertThrows(() => {
      for (;;) std.slpush(s, s.len);
    }, std.OutOfMemoryError);
    assert(e instanceof std.OutOfMemoryError && e.size > s.len);
    assertThrows(() => std.slalloc(std.u8, 2 ** 32 - 1), std.OutOfMemoryError);
    for (let i = 0; i < s.len; i++) assertEquals(s.get(i), i & 255);
    std.slfree(s);
  }, heap);
});

Deno.test("slice: against a model, random operations in every kind of region", () => {
  const op = fc.record({
    what: fc.constantFrom("push", "pop", "put", "del", "join", "self", "part", "dup", "fill", "grow", "cp"),
    i: fc.nat(1000),
    v: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  });
  const regions = [
    () => check(stats(mmap(freshHeap()))),
    () => check(stats(chunk(mmap(freshHeap()), 256))),
    () => check(stats(layers.bonwick(mmap(freshHeap({ shared: true }))))),
  ];
  fc.assert(
    fc.property(fc.nat(2), fc.array(op, { maxLength: 120 }), (region, ops) => {
      enter(init(regions[region]()), () => {
        let s = std.slalloc(std.i32, 0), model: number[] = [];
        for (const { what, i, v } of ops) {
          const at = model.length === 0 ? 0 : i % model.length;
          if (what === "push") std.slpush(s, v), model.push(v);
          else if (what === "pop" && model.length > 0) assertEquals(std.slpop(s), model.pop());
          else if (what === "put") std.slput(s, at, v), model.splice(at, 0, v);
          else if (what === "del" && model.length > 0) std.sldel(s, at), model.splice(at, 1);
          else if (what === "self" && model.length < 500) std.sljoin(s, s), model.push(...model);
          else if (what === "part" && model.length < 500) {
            std.sljoin(s, std.slice(s, at)), model.push(...model.slice(at));
          } else if (what === "fill") std.slfill(std.slice(s, at), v), model.fill(v, at);
          else if (what === "dup") {
            const t = std.sldup(s);
            assert(std.sleq(s, t));
            std.slfree(s);
            s = t;
          } else if (what === "join") {
            const t = std.slpush(std.slpush(std.slalloc(std.i32, 0), v), i);
            std.sljoin(s, t);
            std.slfree(t);
            model.push(v, i);
          } else if (what === "grow") {
            const { len } = s;
            std.slgrow(s, i);
            for (let j = len; j < i; j++) s.set(j, j);
            model = Array.from({ length: i }, (_, j) => j < len ? model[j] : j);
          } else if (what === "cp") {
            const n = model.length - at;
            std.slcp(std.slice(s, 0, n), std.slice(s, at));
            model.copyWithin(0, at);
          }
          assertEquals([...s], model);
          assert(s.len <= s.cap);
        }
        std.slfree(s);
      });
    }),
    { numRuns: 150 },
  );
});

Deno.test("slice and table: what fails before anything is held takes no memory", () => {
  enter(init(check(stats(mmap()))), () => {
    const xs = std.slalloc(std.u32, 0), t = std.mkht(std.string, std.u32);
    // deno-lint-ignore no-explicit-any
    for (const f of [() => std.slpush(xs, "x" as any), () => std.htput(t, 5 as any, 1)]) assertThrows(f, TypeError);
    assertEquals([xs.cap, t.cap], [0, 0]);
  });
});

Deno.test("slice: the last block of an arena grows where it is, and leaves no copies behind", () => {
  const stacks = [() => chunk(mmap(), 2 ** 20), () => chunk(mmap(freshHeap()), 2 ** 20), () => sbrk(freshHeap())];
  for (const stack of stacks) {
    const a = init(stats(stack()));
    enter(a, () => {
      for (const len of [0, 1]) {
        const s = std.slalloc(std.i32, len), at = s.ptr;
        std.slpush(s, 0);
        const { ptr } = s, { nalloc } = a.gauge();
        if (len === 1) assertEquals(ptr, at);
        std.sldel(s, 0);
        std.slgrow(s, 1);
        for (let i = 1; i < 1000; i++) std.slpush(s, i);
        std.slgrow(s, 2000);
        std.slput(s, 2000, 7);
        std.slgrow(s, 1000);
        for (let i = 0; i < 3; i++) std.sljoin(s, s); // which is a view of itself, too
        std.sljoin(s, std.slice(s, 1, 3));
        assertEquals([s.ptr, a.gauge().nalloc], [ptr, nalloc]);
        assertEquals([...s], [...Array.from({ length: 8000 }, (_, i) => i % 1000 || s.get(0)), s.get(1), 2]);
        assertEquals(a.gauge().szalloc - a.gauge().szfree, s.cap * 4);
        std.slfree(s);
      }
      const sb = std.mksb(), before = a.gauge().nalloc;
      for (let i = 0; i < 1000; i++) std.sbputc(std.sbputs(sb, "text"), 0x20ac);
      assertEquals(a.gauge().nalloc, before + 1);
      assertEquals(String(sb), "text€".repeat(1000));
      std.sbfree(sb);
      assertEquals(a.gauge().szalloc, a.gauge().szfree);
    });
  }
});

Deno.test("slice: what is not the last block moves, and is as it was", () => {
  const a = init(stats(chunk(mmap(freshHeap()), 2 ** 16)));
  enter(a, () => {
    const s = std.slpush(std.slalloc(std.i32, 0), 5), t = std.slpush(std.slalloc(std.i32, 0), 6);
    const { ptr } = s;
    std.slgrow(s, 100);
    assert(s.ptr > t.ptr);
    assertEquals([s.get(0), t.get(0), s.heap.i32[ptr >>> 2]], [5, 6, 5]);
    std.slgrow(t, 100);
    assert(t.ptr > s.ptr);
  });
});

Deno.test("slice: grows to what its block really has", () => {
  const capacity = (stack: Layer<unknown>, n: number) =>
    enter(init(stack), () => {
      const s = std.slgrow(std.slalloc(std.array(std.u8, 10), 0), n), { cap } = s;
      std.slfree(s);
      return cap;
    });
  const all = (stack: unknown) => [1, 3, 100, 200, 1000].map((n) => capacity(stack as Layer<unknown>, n));
  assertEquals(all(check(stats(mmap(freshHeap())))), [409, 409, 409, 409, 1228]); // 4096 bytes, and 12,288
  assertEquals(all(check(stats(layers.bonwick(mmap(freshHeap()))))), [3, 3, 102, 204, 1228]);
  assertEquals(all(check(stats(bare(mmap(freshHeap()))))), [3, 3, 100, 200, 1000]);
});

Deno.test("slice: is resized in place only by what served its block", () => {
  // In a block of an arena there is another: the block that ends at the end of both would do as the last of either
  const heap = freshHeap(), outer = init(chunk(mmap(heap), 2 ** 20));
  enter(outer, () => {
    for (const n of [10_000, 16]) { // a chunk of its own, and the last one in a chunk
      const inner = init(chunk(layers.pipe(heap), 4096));
      enter(inner, () => {
        let s = std.slalloc(std.u8, n);
        while (s.ptr + n !== outer.state.ptr) s = std.slalloc(std.u8, n);
        std.slfill(s, 7);
        const { ptr } = s;
        escape(() => std.slgrow(s, n + 100));
        assert(s.ptr !== ptr);
        inner.reset(); // which does not concern it any more
        for (let i = 0; i < 4080 / n; i++) std.slfill(std.slalloc(std.u8, n), 9);
        assert([...std.slice(s, 0, n)].every((x) => x === 7));
      });
    }
  });
});

Deno.test("slice: grown in another region than its own, it moves there", () => {
  const heap = freshHeap(), outer = init(sbrk(heap));
  enter(outer, () => {
    for (const stack of [sbrk(heap), chunk(mmap(heap), 4096)]) {
      const s = std.slfill(std.slalloc(std.u8, 100), 7), { ptr } = s;
      enter(init<Layer<unknown>>(stack as Layer<unknown>), () => {
        std.slgrow(s, 150);
        assert(s.ptr !== ptr);
        const { ptr: here } = s;
        std.slgrow(s, 250); // which is here now
        assertEquals(s.ptr, here);
        assert([...std.slice(s, 0, 100)].every((x) => x === 7));
      });
    }
  });
});

Deno.test("slice: a block that a region refuses to take stays the slice's", () => {
  const outer = init(batch(mmap())), inner = init(batch(mmap()));
  enter(outer, () => {
    const s = std.slalloc(std.u8, 100), p = s.ptr;
    std.slfill(s, 7);
    enter(inner, () => {
      assertThrows(() => std.slfree(s), RangeError);
      assertEquals([s.ptr, s.len, s.cap], [p, 100, 100]);
      assertThrows(() => std.slgrow(s, 5000), RangeError);
      assertEquals([s.ptr, s.len, s.cap, s.get(99)], [p, 100, 100, 7]);
      assertEquals(inner.state.out.blocks, 0); // the block that it would have moved to is back
    });
    std.slfree(s);
    assertEquals(outer.state.out.blocks, 0);
  });
});
