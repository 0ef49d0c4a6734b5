import { fc } from "./fast_check.ts";
import { check, chunk, enter, escape, type Heap, init, layers, mmap, stats, std } from "../mod.ts";
import { failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { freshHeap } from "./kit.ts";

function leakFree<T>(f: () => T, heap?: Heap): T {
  return enter(init(check(stats(mmap(heap)))), f);
}

/** What a table must be: sorted, so that it can be compared. */
function contents<K, V>(t: Iterable<[K, V]>): string[] {
  return Array.from(t, ([k, v]) => Deno.inspect([k, v])).sort();
}

const Padded = std.struct({ a: std.u8, b: std.u32, c: std.u8, d: std.f64 });

// deno-lint-ignore no-explicit-any
const KEYS: [type: std.Type<any>, key: (i: number) => unknown][] = [
  [std.u8, (i) => i & 255],
  [std.i8, (i) => (i << 24) >> 24],
  [std.u16, (i) => i & 65535],
  [std.i16, (i) => (i << 16) >> 16],
  [std.u32, (i) => (i * 2654435761) >>> 0],
  [std.i32, (i) => -i | 0],
  [std.f32, (i) => i / 4],
  [std.f64, (i) => i / 3],
  [std.u64, (i) => BigInt(i) << 33n],
  [std.i64, (i) => -BigInt(i)],
  [std.bool, (i) => i % 2 === 1],
  [std.ptr, (i) => i * 4096],
  [std.array(std.u8, 5), (i) => [i & 255, i >> 8, 0, 1, 2]],
  [Padded, (i) => ({ a: i & 255, b: i >> 8, c: 1, d: i / 2 })],
];

for (const [type, key] of KEYS) {
  Deno.test(`table: keys of ${type.name}`, () =>
    leakFree(() => {
      const t = std.mkht(type, std.f64), model = new Map<string, [unknown, number]>();
      for (let i = 0; i < 1000; i++) {
        const k = key(i);
        assertEquals(std.hthas(t, k), model.has(Deno.inspect(k)));
        std.htput(t, k, i / 2);
        model.set(Deno.inspect(k), [k, i / 2]);
        assertEquals(std.htget(t, k), i / 2);
      }
      assertEquals(std.htlen(t), model.size);
      assertEquals(contents(t), contents(model.values()));
      for (let i = 0; i < 1000; i += 2) {
        assertEquals(std.htdel(t, key(i)), model.delete(Deno.inspect(key(i))));
        assertEquals(std.htget(t, key(i), "none"), "none");
      }
      assertEquals(contents(t), contents(model.values()));
      assertEquals(std.htkeys(t).length, model.size);
      std.htfree(t);
    }));
}

Deno.test("table: so many keys that some have the same hash", () =>
  leakFree(() => {
    const t = std.mkht(std.u64, std.u32), names = std.mkht(std.string, std.u32), n = 200_000;
    for (let i = 0; i < n; i++) {
      std.htput(t, BigInt(i) << 20n, i);
      std.htput(names, `${i * 7919}`, i);
    }
    assertEquals([t.len, names.len], [n, n]);
    const hashes = (x: { cap: number; heap: Heap; ptr: number }) =>
      new Set(x.heap.u32.subarray(x.ptr >>> 2, (x.ptr >>> 2) + x.cap)).size - 1; // all but 0
    assert(hashes(t) < n && hashes(names) < n);
    for (let i = 0; i < n; i += 97) {
      assertEquals([std.htget(t, BigInt(i) << 20n), std.htget(names, `${i * 7919}`)], [i, i]);
    }
    std.htfree(t);
    std.htfree(names);
  }));

Deno.test("table: values of every type", () =>
  leakFree(() => {
    // deno-lint-ignore no-explicit-any
    const rows: [std.Type<any>, unknown][] = [
      [std.bool, true],
      [std.u8, 7],
      [std.i64, -1n],
      [std.array(std.f64, 40), Array.from({ length: 40 }, (_, i) => i)],
      [Padded, { a: 1, b: 2, c: 3, d: NaN }],
    ];
    for (const [type, value] of rows) {
      const t = std.mkht(std.u8, type);
      for (let i = 0; i < 100; i++) std.htput(std.htput(t, i, value), i, value);
      assertEquals(t.length, 100);
      for (let i = 0; i < 100; i++) assertEquals(std.htget(t, i), value);
      std.htfree(t);
    }
  }));

Deno.test("table: 0 and -0 are one key, all NaNs are one, also in structs; padding does not count", () =>
  leakFree(() => {
    const nan = new Float64Array(new BigUint64Array([0xfff8000000000123n]).buffer)[0];
    for (const type of [std.f64, std.f32]) {
      const t = std.mkht(type, std.u8);
      std.htput(std.htput(std.htput(std.htput(t, -0, 1), 0, 2), nan, 3), NaN, 4);
      assertEquals(contents(t), contents([[0, 2], [NaN, 4]]));
      assert(std.hthas(t, -0) && std.hthas(t, -nan));
      std.htfree(t);
    }
    const t = std.mkht(Padded, std.u8);
    // Dirty memory first, so that padding would show
    std.slfree(std.slfill(std.slalloc(std.u8, 4000), 0xaa));
    std.htput(std.htput(t, { a: 1, b: 2, c: 3, d: -0 }, 1), { a: 1, b: 2, c: 3, d: 0 }, 2);
    std.htput(std.htput(t, { a: 1, b: 2, c: 3, d: nan }, 3), { a: 1, b: 2, c: 3, d: NaN }, 4);
    assertEquals(std.htlen(t), 2);
    assertEquals(std.htget(t, { a: 1, b: 2, c: 3, d: 0 }), 2);
    std.htfree(t);
  }));

Deno.test("table: strings are the table's own", () => {
  const a = init(check(stats(mmap())));
  enter(a, () => {
    const t = std.mkht(std.string, std.u32);
    const keys = ["", "a", "b", "ab", "ba", "é", "日本語", "😀", "x".repeat(1000), "x".repeat(1001), "\0", "\0\0"];
    keys.forEach((key, i) => std.htput(t, key, i));
    keys.forEach((key, i) => assertEquals(std.htget(t, key), i));
    assertEquals(std.htkeys(t).sort(), [...keys].sort());
    const { szalloc, szfree } = a.gauge();
    keys.forEach((key, i) => std.htput(t, key, i * 2)); // needs nothing
    assertEquals(a.gauge().szalloc - a.gauge().szfree, szalloc - szfree);
    assertEquals(std.htget(t, "😀"), 14);
    std.htput(t, "\ud800", 1); // counts as U+FFFD
    assertEquals(std.htget(t, "\ufffd"), 1);
    assert(!std.hthas(t, "nowhere") && !std.hthas(t, "a\0"));
    for (const key of keys) assert(std.htdel(t, key));
    assertEquals([...t], [["\ufffd", 1]]);
    std.htfree(t);
    assertEquals([t.len, t.cap, t.ptr, [...t]], [0, 0, 0, []]);
    std.htfree(t);
    std.htput(t, "again", 1);
    assertEquals([...t], [["again", 1]]);
    std.htfree(t);
  });
});

Deno.test("table: takes no memory before the first key, grows geometrically, and deletion leaves nothing behind", () => {
  const a = init(check(stats(mmap())));
  enter(a, () => {
    const t = std.mkht(std.u32, std.u32);
    assert(!std.hthas(t, 1) && !std.htdel(t, 1) && std.htget(t, 1) === undefined);
    assertEquals(a.gauge().nalloc, 0);
    for (let i = 0; i < 10_000; i++) std.htput(t, i, i);
    const blocks = a.gauge().nalloc, { cap } = t;
    assert(blocks < 15, `${blocks} blocks`);
    for (let i = 10_000; i < 200_000; i++) { // keys come and go
      std.htput(t, i, i);
      assert(std.htdel(t, i - 10_000));
    }
    assertEquals([a.gauge().nalloc, t.cap, t.len], [blocks, cap, 10_000]);
    for (let i = 190_000; i < 200_000; i++) assertEquals(std.htget(t, i), i);
    // Where a key is searched for, there are as few others as in a fresh table
    let longest = 0, run = 0;
    for (let i = 0; i < t.cap; i++) {
      run = t.heap.u32[(t.ptr >>> 2) + i] === 0 ? 0 : run + 1;
      longest = Math.max(longest, run);
    }
    assert(longest < 200, `a run of ${longest}`);
    std.htfree(t);
  });
});

Deno.test("table: iteration, printing", () =>
  leakFree(() => {
    const t = std.mkht(std.string, std.i32);
    for (const key of ["a", "b"]) std.htput(t, key, 1);
    for (const [key, value] of t) std.htput(t, key, value + 1); // values may be set
    assertEquals(contents(t), contents([["a", 2], ["b", 2]]));
    for (const change of [() => std.htput(t, "c", 1), () => std.htdel(t, "c"), () => std.htfree(t)]) {
      assertThrows(
        () => {
          for (const _ of t) change();
        },
        Error,
        "Cannot iterate",
      );
    }
    std.htput(t, "q", -1);
    assertEquals(String(t), 'string => i32 [1] {"q" => -1}');
    assertEquals(Deno.inspect(t), String(t));
    for (let i = 0; i < 105; i++) std.htput(t, `${i}`, 0);
    assert(String(t).endsWith("... 6 more}"));
    std.htfree(t);
  }));

Deno.test("table: bad arguments are clear errors, and the table is as before", () =>
  leakFree(() => {
    const t = std.htput(std.mkht(std.u32, std.u64), 1, 1n),
      names = std.htput(std.mkht(std.string, Padded), "a", {
        a: 1,
        b: 2,
        c: 3,
        d: 4,
      });
    const before = [contents(t), contents(names)];
    // deno-lint-ignore no-explicit-any
    for (const x of [null, undefined, 1, "x", {}, [], true, new Map()] as any[]) {
      for (
        const f of [
          () => std.mkht(x, std.u8),
          () => std.mkht(std.u8, x),
          () => std.htput(x, 1, 1),
          () => std.htget(x, 1),
          () => std.hthas(x, 1),
          () => std.htdel(x, 1),
          () => std.htkeys(x),
          () => std.htlen(x),
          () => std.htfree(x),
          () => std.htput(t, 1, x),
          () => std.htput(t, 2, x),
        ]
      ) assertThrows(f, TypeError, "Cannot ");
      if (x !== 1) assertThrows(() => std.htput(t, x, 1n), TypeError, "Cannot ");
      if (x !== 1) assertThrows(() => std.hthas(t, x), TypeError, "Cannot ");
      if (x !== "x") assertThrows(() => std.htput(names, x, { a: 1, b: 2, c: 3, d: 4 }), TypeError, "Cannot ");
      if (x !== "x") assertThrows(() => std.htdel(names, x), TypeError, "Cannot ");
    }
    const Bad = std.struct({ a: std.u32, b: std.u64 });
    const bad = std.htput(std.mkht(std.u32, Bad), 1, { a: 1, b: 2n });
    // deno-lint-ignore no-explicit-any
    assertThrows(() => std.htput(bad, 1, { a: 5, b: 5 } as any), TypeError);
    assertEquals(std.htget(bad, 1), { a: 1, b: 2n });
    std.htfree(bad);
    assertEquals([contents(t), contents(names)], before);
    std.htfree(t);
    std.htfree(names);
  }));

Deno.test("table: in a region over another heap", () => {
  const t = std.htput(std.mkht(std.string, std.u8), "a", 1);
  const numbers = std.htput(std.mkht(std.u32, std.u8), 0, 0), heap = freshHeap();
  leakFree(() => {
    for (const f of [() => std.htput(t, "b", 1), () => std.htdel(t, "a"), () => std.htfree(t)]) {
      assertThrows(f, TypeError, "another heap");
    }
    assertThrows(() => std.mkht(Padded, std.u8), TypeError, "another heap");
    assertThrows(() => std.mkht(std.u8, Padded), TypeError, "another heap");
    std.htput(t, "a", 2); // needs no memory
    assertThrows(
      () => {
        for (let i = 0; i < 9; i++) std.htput(numbers, i, i);
      },
      TypeError,
      "another heap",
    );
    const there = std.htput(std.mkht(Padded.on(heap), std.u8), { a: 1, b: 2, c: 3, d: 4 }, 5);
    assertStrictEquals(there.heap, heap);
    std.htfree(there);
  }, heap);
  assertEquals([...t], [["a", 2]]);
  assertEquals(contents(numbers), contents([0, 1, 2, 3, 4, 5].map((i) => [i, i])));
  std.htfree(t);
  std.htfree(numbers);
});

Deno.test("table: grown in escape, it outlives the region", () =>
  leakFree(() => {
    const t = std.mkht(std.string, std.u32);
    enter(init(chunk(mmap(), 4096)), () => {
      for (let i = 0; i < 1000; i++) escape(() => std.htput(t, `key ${i}`, i));
    });
    for (let i = 0; i < 1000; i++) assertEquals(std.htget(t, `key ${i}`), i);
    std.htfree(t);
  }));

Deno.test("table: above 2 GiB", () => {
  const heap = freshHeap({ maximum: 65536 });
  if (heap.getPages(2 ** 31 / 4096 + 100) === 0) return; // a machine that has no 4 GiB of addresses
  leakFree(() => {
    const t = std.mkht(std.string, std.f64), u = std.mkht(Padded.on(heap), std.u8);
    for (let i = 0; i < 2000; i++) {
      std.htput(t, `key ${i} é`, i / 2);
      std.htput(u, { a: i & 255, b: i, c: 0, d: i / 2 }, i);
    }
    assert(t.ptr > 2 ** 31 && u.ptr > 2 ** 31);
    for (let i = 0; i < 2000; i++) {
      assertEquals(std.htget(t, `key ${i} é`), i / 2);
      assertEquals(std.htget(u, { a: i & 255, b: i, c: 0, d: i / 2 }), i & 255);
      if (i % 3 === 0) assert(std.htdel(t, `key ${i} é`));
    }
    std.htfree(t);
    std.htfree(u);
  }, heap);
});

Deno.test("table: out of memory at each allocation leaves it as before", () => {
  let failures = 0;
  for (let n = 1, done = false; !done; n++) {
    enter(init(check(stats(failAt(mmap(), n)))), () => {
      const t = std.mkht(std.string, std.u32), model = new Map<string, number>();
      try {
        for (let i = 0; i < 60; i++) {
          std.htput(t, `${i}`, i);
          model.set(`${i}`, i);
        }
        done = true;
      } catch (e) {
        assert(e instanceof std.OutOfMemoryError);
        failures++;
      }
      assertEquals(contents(t), contents(model));
      for (const [key, value] of model) assertEquals(std.htget(t, key), value);
      if (!done) {
        std.htput(t, "more", 1); // goes on working
        assertEquals(contents(t), contents(model.set("more", 1)));
      }
      std.htfree(t);
    });
  }
  assertEquals(failures, 60 + 5);
});

Deno.test("table: against a Map, random operations", () => {
  const op = fc.record({
    what: fc.constantFrom("put", "put", "put", "del", "del", "get"),
    i: fc.nat(60),
    s: fc.oneof(fc.constantFrom("", "a", "b"), fc.string({ unit: "binary", maxLength: 30 })),
    v: fc.nat(),
  });
  const regions = [
    () => check(stats(mmap(freshHeap()))),
    () => check(stats(layers.bonwick(mmap(freshHeap({ shared: true }))))),
  ];
  fc.assert(
    fc.property(fc.nat(1), fc.boolean(), fc.array(op, { maxLength: 300 }), (region, strings, ops) => {
      enter(init(regions[region]()), () => {
        // deno-lint-ignore no-explicit-any
        const t: std.Table<any, number> = strings ? std.mkht(std.string, std.u32) : std.mkht(std.u8, std.u32);
        const model = new Map<string | number, number>();
        for (const { what, i, s, v } of ops) {
          const key = strings ? s : i;
          if (what === "put") std.htput(t, key, v), model.set(key, v);
          else if (what === "del") assertEquals(std.htdel(t, key), model.delete(key));
          else assertEquals(std.htget(t, key), model.get(key));
          assertEquals(t.len, model.size);
        }
        assertEquals(contents(t), contents(model));
        for (const key of model.keys()) assertEquals(std.htget(t, key), model.get(key));
        std.htfree(t);
      });
    }),
    { numRuns: 150 },
  );
});
