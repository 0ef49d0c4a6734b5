import {
  batch,
  bonwick,
  bytealloc,
  bytefree,
  byteresize,
  check,
  chunk,
  describe,
  DoubleFreeError,
  enter,
  enterAsync,
  general,
  Heap,
  heap,
  init,
  type Layer,
  layers,
  limit,
  type MemoryError,
  mmap,
  OutOfBoundsError,
  OverrunError,
  pipe,
  reap,
  sbrk,
  specialise,
  stats,
  std,
  top,
  UninitialisedError,
  UseAfterFreeError,
  WriteAfterFreeError,
  zero,
} from "../mod.ts";
import { shadow } from "../layers/shadow.ts";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertStringIncludes, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap, PAGE, random } from "./kit.ts";

type Kind = typeof UseAfterFreeError | typeof OutOfBoundsError | typeof UninitialisedError;

// deno-lint-ignore no-explicit-any
type AnyType = std.Type<any>;

/** The scalars, each with a value. */
const SCALARS: readonly [type: AnyType, value: unknown][] = [
  [std.u8, 1],
  [std.i8, -1],
  [std.u16, 2],
  [std.i16, -2],
  [std.u32, 3],
  [std.i32, -3],
  [std.u64, 4n],
  [std.i64, -4n],
  [std.f32, 1.5],
  [std.f64, 2.5],
  [std.bool, true],
  [std.ptr, 4096],
];

/** Runs `f` in a region with a shadow: it must end with the guard gone. */
function shadowed<T>(f: () => T, base: Layer<unknown> = bonwick(mmap()) as Layer<unknown>): T {
  try {
    return enter(init(shadow(base)), f);
  } finally {
    assertEquals(base.heap.guard, undefined);
  }
}

/** Asserts that `f` is caught as this, and that a repaired program would not be: it is asked for afterwards. */
function assertCaught(kind: Kind, f: () => unknown, message = ""): MemoryError {
  const e = assertThrows(f, kind, message);
  assertEquals(e.name, kind.name);
  return e;
}

/** Bytes in front of a block, and behind it, that are its fences, at least. */
const FENCE = 16, BEHIND = 8;

Deno.test("shadow: scalars, by type and by field, up to the first and last byte of a block", () => {
  shadowed(() => {
    for (const bytes of [8, 16, 100, 4096, 70_000, 200_000]) {
      for (const [type, value] of SCALARS) {
        const { size, name } = type, p = bytealloc(bytes), last = bytes - bytes % size - size;
        const at0 = type.field(heap, 0), at8 = type.field(heap, 8);
        for (const q of [p, p + last]) {
          at0.set(q, value);
          assertEquals([at0.get(q), type.load(heap, q)], [value, value], name);
          type.store(heap, q, value);
        }
        for (const q of [p - FENCE, p - size, p + bytes - size + 1, p + bytes, p + bytes + BEHIND - size]) {
          for (
            const access of [
              () => at0.get(q),
              () => at0.set(q, value),
              () => at8.get(q - 8),
              () => at8.set(q - 8, value),
              () => type.load(heap, q),
              () => type.store(heap, q, value),
            ]
          ) {
            const e = assertCaught(OutOfBoundsError, access);
            assertEquals(e.block, { address: p, size: bytes });
          }
        }
        bytefree(p, bytes);
        for (const q of [p, p + last]) {
          for (const access of [() => at0.get(q), () => at0.set(q, value), () => at8.get(q - 8)]) {
            assertEquals(assertCaught(UseAfterFreeError, access).block, { address: p, size: bytes });
          }
        }
      }
    }
  });
});

Deno.test("shadow: a scalar is not written to until it has been, to the last byte", () => {
  shadowed(() => {
    for (const [type, value] of SCALARS) {
      const { size } = type, p = bytealloc(5 * size), field = type.field(heap, 0);
      for (let i = 0; i < 5; i++) {
        const q = p + i * size;
        assertCaught(UninitialisedError, () => field.get(q));
        assertCaught(UninitialisedError, () => type.load(heap, q));
        for (let b = 0; b < size; b++) {
          if (size > 1) assertCaught(UninitialisedError, () => field.get(q));
          std.u8.store(heap, q + b, b & 1);
        }
        field.get(q);
        field.set(q, value);
        assertEquals(field.get(q), value);
      }
      bytefree(p, 5 * size);
    }
  });
});

const Inner = std.struct({ a: std.u8, b: std.u32 });
const Outer = std.struct({ tag: std.u8, inner: Inner, list: std.array(std.u16, 5), pair: std.array(Inner, 2) });
const OUTER = {
  tag: 1,
  inner: { a: 2, b: 3 },
  list: [4, 5, 6, 7, 8],
  pair: [{ a: 9, b: 10 }, { a: 11, b: 12 }],
};

/** Every way to read an `Outer`, and to write it. */
const { tag, inner, list, pair } = Outer.fields;
const READS: Record<string, (p: number) => unknown> = {
  field: (p) => tag.get(p),
  "nested field": (p) => inner.fields.b.get(p),
  "nested struct": (p) => inner.get(p),
  array: (p) => list.get(p),
  "element of an array": (p) => list.getAt(p, 4),
  "array of structs": (p) => pair.get(p),
  "element of an array of structs": (p) => pair.getAt(p, 1),
  "whole struct": (p) => Outer.load(heap, p),
};
const WRITES: Record<string, (p: number) => unknown> = {
  field: (p) => tag.set(p, 1),
  "nested field": (p) => inner.fields.b.set(p, 3),
  "nested struct": (p) => inner.set(p, OUTER.inner),
  array: (p) => list.set(p, OUTER.list),
  "element of an array": (p) => list.setAt(p, 4, 8),
  "array of structs": (p) => pair.set(p, OUTER.pair),
  "element of an array of structs": (p) => pair.setAt(p, 1, OUTER.pair[1]),
  "whole struct": (p) => Outer.store(heap, p, OUTER),
};

Deno.test("shadow: structs, nested, with arrays, by each accessor", () => {
  shadowed(() => {
    const p = std.alloc(Outer);
    for (const read of Object.values(READS)) assertCaught(UninitialisedError, () => read(p), "Cannot read");
    for (const write of Object.values(WRITES)) write(p);
    for (const read of Object.values(READS)) {
      read(p);
      assertCaught(OutOfBoundsError, () => read(p + Outer.size), "Cannot read");
      assertCaught(OutOfBoundsError, () => read(0), "null");
    }
    for (const write of Object.values(WRITES)) {
      assertCaught(OutOfBoundsError, () => write(p + Outer.size), "Cannot write");
      assertCaught(OutOfBoundsError, () => write(0), "null");
    }
    assertEquals(Outer.load(heap, p), OUTER);
    std.free(Outer, p);
    for (const read of Object.values(READS)) assertCaught(UseAfterFreeError, () => read(p), "Cannot read");
    for (const write of Object.values(WRITES)) assertCaught(UseAfterFreeError, () => write(p), "Cannot write");
  });
});

Deno.test("shadow: a struct of which a field has not been written to", () => {
  shadowed(() => {
    const p = std.alloc(Inner);
    Inner.fields.a.set(p, 1);
    const e = assertCaught(UninitialisedError, () => Inner.load(heap, p));
    assertEquals(e.address, p + 4);
    Inner.fields.b.set(p, 2);
    assertEquals(Inner.load(heap, p), { a: 1, b: 2 }); // the padding has not been written to
    std.free(Inner, p);
    const q = std.mk(Inner, { a: 3, b: 4 });
    assertEquals(Inner.load(heap, q), { a: 3, b: 4 });
    std.free(Inner, q);
  });
});

Deno.test("shadow: what is said, of each error", () => {
  shadowed(() => {
    const p = bytealloc(100), at = (o: number) => std.u32.field(heap, o);
    const said = (kind: Kind, f: () => unknown) => assertCaught(kind, f).message.split("\n")[0];
    const block = `the block of 100 B at ${p}`;
    assertEquals(
      [
        said(OutOfBoundsError, () => at(100).get(p)),
        said(OutOfBoundsError, () => at(104).set(p, 1)),
        said(OutOfBoundsError, () => std.u8.load(heap, p + 101)),
        said(OutOfBoundsError, () => at(98).get(p)),
        said(OutOfBoundsError, () => at(97).set(p, 1)),
        said(OutOfBoundsError, () => at(-4).set(p, 1)),
        said(OutOfBoundsError, () => at(-1).get(p)),
        said(OutOfBoundsError, () => at(0).get(0)),
        said(OutOfBoundsError, () => at(8).set(0, 1)),
        said(OutOfBoundsError, () => at(8).get(NaN)),
        said(OutOfBoundsError, () => at(8).get(undefined as unknown as number)),
        said(OutOfBoundsError, () => at(0).get(heap.size - 3)),
        said(OutOfBoundsError, () => at(0).get(-4)),
        said(UninitialisedError, () => at(0).get(p)),
        said(UninitialisedError, () => at(96).get(p)),
      ],
      [
        `Cannot read 4 bytes at ${p + 100}: right behind ${block}`,
        `Cannot write 4 bytes at ${p + 104}: 4 bytes behind ${block}`,
        `Cannot read 1 byte at ${p + 101}: 1 byte behind ${block}`,
        `Cannot read 4 bytes at ${p + 98}: the last 2 are behind ${block}`,
        `Cannot write 4 bytes at ${p + 97}: the last one is behind ${block}`,
        `Cannot write 4 bytes at ${p - 4}: 4 bytes in front of ${block}`,
        `Cannot read 4 bytes at ${p - 1}: 1 byte in front of ${block}`,
        "Cannot read 4 bytes at 0: that is null",
        "Cannot write 4 bytes at 8: that is 8 bytes behind null",
        "Cannot read 4 bytes at NaN: that is no address",
        "Cannot read 4 bytes at NaN: that is no address",
        `Cannot read 4 bytes at ${heap.size - 3}: the memory ends at ${heap.size}`,
        "Cannot read 4 bytes at -4: that is no address",
        `Cannot read 4 bytes at ${p}: nothing has been written at the start of ${block}`,
        `Cannot read 4 bytes at ${p + 96}: nothing has been written 96 bytes into ${block}`,
      ],
    );
    bytefree(p, 100);
    assertEquals(
      [said(UseAfterFreeError, () => at(8).get(p)), said(UseAfterFreeError, () => at(100).get(p))],
      [
        `Cannot read 4 bytes at ${p + 8}: 8 bytes into ${block}, which has been freed`,
        `Cannot read 4 bytes at ${p + 100}: right behind ${block}, which has been freed`,
      ],
    );
  });
});

/** Named functions, to be found in call stacks. */
const allocatesIt = (bytes: number): number => bytealloc(bytes);
const freesIt = (p: number, bytes: number): void => bytefree(p, bytes);
const readsIt = (p: number): unknown => Inner.fields.b.get(p);

Deno.test("shadow: says where it was allocated, freed and read", () => {
  shadowed(() => {
    const p = allocatesIt(8);
    freesIt(p, 8);
    const e = assertCaught(UseAfterFreeError, () => readsIt(p));
    assertEquals([e.allocated[0].name, e.freed[0].name], ["allocatesIt", "freesIt"]);
    for (const { file } of [e.allocated[0], e.freed[0]]) assertMatch(file, /\/tests\/shadow_test\.ts$/);
    assertMatch(
      e.message,
      /\n {2}at\n {4}readsIt \(file.*shadow_test.*\n(.*\n)* {2}allocated at\n {4}allocatesIt \(.*\n(.*\n)* {2}freed at\n {4}freesIt \(/,
    );
  });
  shadowed(() => {
    const p = allocatesIt(8), e = assertCaught(UninitialisedError, () => readsIt(p));
    assertEquals([e.allocated[0].name, e.freed], ["allocatesIt", []]);
  });
  enter(init(shadow(mmap(), { depth: 0 })), () => {
    const p = allocatesIt(8), e = assertCaught(UninitialisedError, () => readsIt(p));
    assertEquals([e.allocated, e.freed, e.block], [[], [], { address: p, size: 8 }]);
    assertStringIncludes(e.message, "readsIt");
  });
});

Deno.test("shadow: 10,000 operations later", () => {
  shadowed(() => {
    const pick = random(4), p = allocatesIt(40), q = allocatesIt(24), live: [number, number][] = [];
    freesIt(p, 40);
    for (let i = 0; i < 10_000; i++) {
      if (live.length > 0 && pick(2) === 0) {
        const [[at, size]] = live.splice(pick(live.length), 1);
        bytefree(at, size);
      } else {
        const size = pick(200), at = bytealloc(size);
        for (let b = 0; b < size; b++) std.u8.store(heap, at + b, b);
        live.push([at, size]);
      }
    }
    const e = assertCaught(UseAfterFreeError, () => readsIt(p));
    assertEquals([e.block, e.freed[0].name], [{ address: p, size: 40 }, "freesIt"]);
    assertCaught(OutOfBoundsError, () => readsIt(q + 24));
    assertCaught(UninitialisedError, () => readsIt(q));
    for (const [at, size] of live) {
      for (let b = 0; b < size; b++) assertEquals(std.u8.load(heap, at + b), b & 255);
      bytefree(at, size);
    }
    bytefree(q, 24);
  });
});

Deno.test("shadow: what has been written to by other means counts as written to", () => {
  shadowed(() => {
    const pick = random(5);
    for (let round = 0; round < 300; round++) {
      // Anything but 8 bytes of the fill behind one another: some of them are to be expected
      const size = 1 + pick(100), p = bytealloc(size), bytes = Uint8Array.from({ length: size }, () => pick(256));
      for (let i = 0; i < size; i++) if (pick(3) === 0 && i % 8 !== 0) bytes[i] = 0xcd;
      for (let i = 0; i < size; i += 8) if (bytes[i] === 0xcd) bytes[i] = 0;
      heap.u8.set(bytes, p);
      const order = Array.from(bytes, (_, i) => i).sort(() => pick(2) - 0.5);
      for (const i of order) assertEquals(std.u8.load(heap, p + i), bytes[i]);
      bytefree(p, size);
    }
    const p = bytealloc(32);
    heap.u8.fill(0, p, p + 8); // the first word only
    assertEquals(std.u64.load(heap, p), 0n);
    assertCaught(UninitialisedError, () => std.u64.load(heap, p + 8));
    heap.u32[(p + 12) >>> 2] = 7;
    assertEquals(std.u32.load(heap, p + 12), 7);
    assertCaught(UninitialisedError, () => std.u32.load(heap, p + 16));
    bytefree(p, 32);
  });
});

Deno.test("shadow: what is written through std may look like what has not been", () => {
  shadowed(() => {
    const p = bytealloc(64);
    std.u64.store(heap, p, 0xcdcdcdcdcdcdcdcdn);
    assertEquals(std.u64.load(heap, p), 0xcdcdcdcdcdcdcdcdn);
    const q = std.realloc(p, 64, 10_000);
    assertEquals(std.u32.load(heap, q), 0xcdcdcdcd);
    const s = std.slfill(std.slalloc(std.u8, 100), 0xcd), t = std.sldup(std.slice(s, 3, 50));
    std.slpush(std.slput(std.sljoin(s, t), 0, 0xcd), 0xcd);
    assertEquals([s.len, [...s].every((x) => x === 0xcd), t.get(46)], [149, true, 0xcd]);
    const table = std.mkht(std.u64, std.u64), last = 0xcdcdcdcdcdcdcdcdn;
    for (let i = 0n; i < 40n; i++) {
      std.htput(table, i, last);
      std.htput(table, last, last - i);
      assertEquals([std.htget(table, last), std.htget(table, i)], [last - i, last]);
    }
    const structs = std.mkht(std.u8, std.struct({ x: std.u64 }));
    for (let i = 0; i < 20; i++) std.htput(structs, i, { x: last });
    for (let i = 0; i < 20; i++) assertEquals(std.htget(structs, i), { x: last });
    std.htfree(structs);
    assert(std.htdel(table, last));
    assertEquals(std.htkeys(table).length, 40);
    bytefree(q, 10_000);
    for (const x of [s, t]) std.slfree(x);
    std.htfree(table);
  });
});

Deno.test("shadow: memory that comes zeroed has been written to", () => {
  shadowed(() => {
    const p = std.zalloc(Outer), q = std.zbytealloc(10), s = std.slzalloc(std.u32, 5);
    assertEquals([tag.get(p), std.u8.load(heap, q + 9), s.get(4)], [0, 0, 0]);
    std.free(Outer, p);
    bytefree(q, 10);
    std.slfree(s);
  });
  enter(init(zero(shadow(mmap()))), () => {
    const p = bytealloc(1000);
    for (let i = 0; i < 1000; i++) assertEquals(std.u8.load(heap, p + i), 0);
    assertCaught(OutOfBoundsError, () => std.u8.load(heap, p + 1000));
  });
});

Deno.test("shadow: slices of each type", () => {
  shadowed(() => {
    for (const [type, value] of [...SCALARS, [Inner, { a: 1, b: 2 }], [std.array(std.u16, 3), [1, 2, 3]]] as const) {
      const s = std.slalloc(type as AnyType, 3), v = std.slice(s, 1, 3), { name } = type;
      for (const i of [0, 2]) assertCaught(UninitialisedError, () => s.get(i), "Cannot read");
      assertCaught(UninitialisedError, () => v.get(1));
      s.set(2, value);
      assertEquals([s.get(2), v.get(1)], [value, value], name);
      assertCaught(UninitialisedError, () => s.get(1));
      v.set(0, value);
      s.set(0, value);
      assertEquals([...s], [value, value, value]);
      assertThrows(() => s.get(3), RangeError);

      const copy = std.slice(s);
      std.slfree(s);
      for (const i of [0, 2]) {
        assertCaught(UseAfterFreeError, () => copy.get(i), "Cannot read");
        assertCaught(UseAfterFreeError, () => copy.set(i, value), "Cannot write");
      }
      assertCaught(UseAfterFreeError, () => [...v]);
      assertThrows(() => s.get(0), RangeError);
    }
  });
});

Deno.test("shadow: slices, by each function", () => {
  shadowed(() => {
    const s = std.slalloc(std.u32, 4), other = std.slfill(std.slalloc(std.u32, 4), 7);
    // Not written to
    assertCaught(UninitialisedError, () => std.slpop(s));
    assertCaught(UninitialisedError, () => std.sleq(s, other));
    assertCaught(UninitialisedError, () => std.sleq(other, s));
    const dup = std.sldup(s); // which is no read yet
    assertCaught(UninitialisedError, () => dup.get(0));
    std.slcp(dup, other);
    assertEquals([...dup], [7, 7, 7, 7]);
    std.slcp(dup, s);
    assertCaught(UninitialisedError, () => dup.get(3));
    std.slfill(s, 1);
    assertEquals([...s], [1, 1, 1, 1]);
    std.slgrow(s, 6);
    assertCaught(UninitialisedError, () => s.get(4));
    s.set(4, 5);
    s.set(5, 6);
    std.slput(s, 1, 9);
    std.sldel(s, 0);
    assertEquals([...std.sljoin(s, other)], [9, 1, 1, 1, 5, 6, 7, 7, 7, 7]);
    for (let i = 0; i < 100; i++) std.slpush(s, i);
    assertEquals(std.slpop(s), 99);
    std.slfree(dup);

    // Freed behind the back of its header
    bytefree(s.ptr, s.cap * 4);
    const freed: Record<string, () => unknown> = {
      get: () => s.get(0),
      set: () => s.set(108, 1),
      slpop: () => std.slpop(s),
      slpush: () => std.slpush(s, 1),
      slput: () => std.slput(s, 0, 1),
      sldel: () => std.sldel(s, 0),
      sljoin: () => std.sljoin(other, s),
      sldup: () => std.sldup(s),
      slcp: () => std.slcp(std.slice(s, 0, 4), other),
      "slcp from": () => std.slcp(other, std.slice(s, 0, 4)),
      sleq: () => std.sleq(s, s),
      slfill: () => std.slfill(s, 0),
      "a view": () => std.slice(s, 1).get(0),
      iterate: () => [...s],
    };
    for (const [name, f] of Object.entries(freed)) assertInstanceOf(assertThrows(f), UseAfterFreeError, name);
    assertThrows(() => std.slgrow(s, 10_000), DoubleFreeError);
    assertThrows(() => std.slfree(s), DoubleFreeError);
    std.slfree(other);
  });
});

Deno.test("shadow: a slice that moved, a view of the old block", () => {
  shadowed(() => {
    const s = std.slpush(std.slalloc(std.u16, 0), 1), v = std.slice(s);
    for (let i = 0; i < 1000; i++) std.slpush(s, i);
    assertCaught(UseAfterFreeError, () => v.get(0));
    assertEquals(std.slice(s).get(0), 1);
    std.slfree(s);
  });
});

Deno.test("shadow: copies carry what has been written to, also where they overlap", () => {
  shadowed(() => {
    const s = std.slalloc(std.u8, 20);
    for (let i = 0; i < 20; i += 2) s.set(i, i);
    std.sldel(s, 0); // all move down by one
    for (let i = 0; i < 19; i++) {
      if (i % 2 === 1) assertEquals(s.get(i), i + 1);
      else assertCaught(UninitialisedError, () => s.get(i));
    }
    std.slput(s, 0, 0);
    for (let i = 0; i < 20; i++) {
      if (i % 2 === 0) assertEquals(s.get(i), i);
      else assertCaught(UninitialisedError, () => s.get(i));
    }
    heap.u8.fill(1, s.ptr + 8, s.ptr + 16); // written to by other means, copied to where it is not aligned
    const t = std.sldup(std.slice(s, 9, 14));
    assertEquals([...t], [1, 1, 1, 1, 1]);
    std.slfree(s);
    std.slfree(t);
  });
});

Deno.test("shadow: a slice made before the region, and one used after it", () => {
  const s = std.slpush(std.slalloc(std.u32, 0), 1), empty = std.slalloc(std.u32, 0);
  shadowed(() => {
    std.slpush(empty, 1);
    bytefree(empty.ptr, empty.cap * 4);
    assertCaught(UseAfterFreeError, () => empty.get(0));
    assertCaught(UseAfterFreeError, () => empty.set(0, 1));
    assertEquals(s.get(0), 1);
    assertEquals([...std.sldup(s)], [1]);
  });
  std.slpush(s, 2);
  const kept = shadowed(() => std.slpush(std.slpush(std.slalloc(std.u32, 0), 1), 2), mmap() as Layer<unknown>);
  assertEquals([...s, kept.len], [1, 2, 2]);
  kept.get(0); // nobody looks at it any more
  std.slfree(s);
});

Deno.test("shadow: texts", () => {
  for (const long of ["short", "naïve, and so long that it is not converted here: ".repeat(40)]) {
    shadowed(() => {
      const s = std.str(long), v = std.slice(s), raw = std.slalloc(std.u8, 5), empty = std.str("");
      assertEquals([std.text(s), std.streq(s, long), std.streq(s, v), std.text(empty)], [long, true, true, ""]);
      assertCaught(UninitialisedError, () => std.text(raw));
      assertCaught(UninitialisedError, () => std.streq(raw, "12345"));
      assertCaught(UninitialisedError, () => std.streq(raw, raw));
      std.slfree(s);
      assertCaught(UseAfterFreeError, () => std.text(v));
      assertCaught(UseAfterFreeError, () => std.streq(v, long));
      assertCaught(UseAfterFreeError, () => std.streq(v, v));
      std.slfree(raw);
    });
  }
});

Deno.test("shadow: where two pieces of the shadow meet", () => {
  shadowed(() => {
    const s = std.slalloc(std.u8, 200_000), at = 65536 - s.ptr % 65536;
    std.slfill(std.slice(s, 0, at), 1);
    const over = std.slice(s, at - 10, at + 10), e = assertCaught(UninitialisedError, () => std.text(over));
    assertEquals(e.address, s.ptr + at);
    std.slfill(over, 65);
    assertEquals(std.text(over), "A".repeat(20));
    assertCaught(UninitialisedError, () => std.text(std.slice(s, at - 10, at + 11)));
    std.slfree(s);
    assertCaught(UseAfterFreeError, () => std.text(over));
  });
});

Deno.test("shadow: string buffers", () => {
  shadowed(() => {
    const sb = std.mksb(), other = std.str("more");
    std.sbputs(sb, "naïve");
    std.sbputb(sb, 33);
    std.sbputc(sb, 0x20ac);
    std.sbputsl(sb, other);
    std.sbputs(sb, "x".repeat(100));
    assertEquals(`${sb}`, `naïve!€more${"x".repeat(100)}`);
    const { bytes } = sb;
    bytefree(bytes.ptr, bytes.cap);
    for (
      const f of [
        () => std.sbputs(sb, "a"),
        () => std.sbputs(sb, "ä".repeat(30)),
        () => std.sbputb(sb, 1),
        () => std.sbputc(sb, 65),
        () => std.sbputsl(sb, other),
        () => String(sb),
        () => std.text(std.sbfin(sb)),
      ]
    ) assertCaught(UseAfterFreeError, f);
    std.slfree(other);
  });
});

Deno.test("shadow: tables", () => {
  for (const text of [false, true]) {
    shadowed(() => {
      const key = (i: number) => (text ? `a longer key ${i}` : i) as never;
      const t = std.mkht((text ? std.string : std.u32) as AnyType, std.f64), big = std.mkht(std.u64, Inner);
      for (let i = 0; i < 1000; i++) {
        std.htput(t, key(i), i / 2);
        std.htput(big, BigInt(i), { a: i & 255, b: i });
      }
      for (let i = 0; i < 1000; i += 3) {
        std.htdel(t, key(i));
        std.htdel(big, BigInt(i));
      }
      for (let i = 0; i < 1000; i++) {
        assertEquals(std.htget(t, key(i)), i % 3 === 0 ? undefined : i / 2);
        assertEquals(std.htget(big, BigInt(i))?.b, i % 3 === 0 ? undefined : i);
      }
      assertEquals([std.htkeys(t).length, [...big].length, std.htlen(t)], [666, 666, 666]);
      assertStringIncludes(String(t), "=>");
      const { ptr, cap, len } = t;
      std.htfree(t);
      assertEquals(std.htget(t, key(1)), undefined);

      // As a copy of the header would have it
      const stale = Object.assign(std.mkht((text ? std.string : std.u32) as AnyType, std.f64), {
        ...{ ptr, cap, len, _keys: t._keys, _kind: t._kind },
      });
      const freed: Record<string, () => unknown> = {
        htget: () => std.htget(stale, key(1)),
        hthas: () => std.hthas(stale, key(1)),
        htput: () => std.htput(stale, key(1), 1),
        htdel: () => std.htdel(stale, key(1)),
        htkeys: () => std.htkeys(stale),
        htfree: () => std.htfree(stale),
        iterate: () => [...stale],
      };
      for (const [name, f] of Object.entries(freed)) assertInstanceOf(assertThrows(f), UseAfterFreeError, name);
      std.htfree(big);
    });
  }
});

Deno.test("shadow: the text of a table's key that has been freed", () => {
  shadowed(() => {
    const t = std.htput(std.mkht(std.string, std.u8), "a key", 1);
    // The key of an entry is address and length of its text
    let words = t.ptr >>> 2;
    while (heap.u32[words] !== 5) words++;
    bytefree(heap.u32[words - 1], 5);
    assertCaught(UseAfterFreeError, () => std.htget(t, "a key"));
    assertCaught(UseAfterFreeError, () => std.htkeys(t));
    assertThrows(() => std.htfree(t), DoubleFreeError);
  });
});

Deno.test("shadow: printing shows what must not be read, and does not throw", () => {
  shadowed(() => {
    const s = std.slalloc(std.u8, 3), points = std.slalloc(Inner, 2), t = std.htput(std.mkht(std.u8, std.u8), 1, 2);
    s.set(0, 1);
    s.set(2, 3);
    points.set(1, { a: 1, b: 2 });
    assertEquals(
      [String(s), String(points).replace(/^.* \[/, "["), String(t)],
      ["u8[3] [1, (not written), 3]", "[(not written), { a: 1, b: 2 }]", "u8 => u8 [1] {1 => 2}"],
    );
    const v = std.slice(s);
    std.slfree(s);
    assertEquals(String(v), "u8[3] [(freed), (freed), (freed)]");
    bytefree(t.ptr, 8 * 4 + 9 * t._stride);
    assertEquals(String(t), "u8 => u8 [1] {(freed)}");
    std.slfree(points);
  });
});

Deno.test("shadow: blocks that are resized", () => {
  for (const base of [mmap(), chunk(mmap(), 4096), bonwick(mmap()), reap()]) {
    shadowed(() => {
      const pick = random(6);
      let size = 10, p = bytealloc(size);
      std.u8.store(heap, p, 42);
      for (let round = 0; round < 200; round++) {
        const old = size, before = p;
        size = 1 + pick(round % 10 === 0 ? 20_000 : 200);
        p = std.realloc(p, old, size);
        assertEquals(std.u8.load(heap, p), 42);
        if (size > 1) {
          const last = p + size - 1;
          if (size > old) assertCaught(UninitialisedError, () => std.u8.load(heap, last));
          std.u8.store(heap, last, 1);
        }
        for (let b = 0; b < BEHIND; b++) assertCaught(OutOfBoundsError, () => std.u8.store(heap, p + size + b, 1));
        assertCaught(OutOfBoundsError, () => std.u8.load(heap, p - 1));
        if (before !== p) assertCaught(UseAfterFreeError, () => std.u8.load(heap, before));
      }
      bytefree(p, size);
    }, base as Layer<unknown>);
  }
});

Deno.test("shadow: blocks of no bytes, and aligned ones", () => {
  enter(init(shadow(mmap())), () => {
    const p = bytealloc(0);
    for (const o of [-1, 0, 1]) assertCaught(OutOfBoundsError, () => std.u8.load(heap, p + o));
    bytefree(p, 0);
    assertCaught(UseAfterFreeError, () => std.u8.load(heap, p));
    for (const align of [32, 64, 4096, 65536]) {
      const q = bytealloc(100, align);
      for (const o of [-align + 1, -20, -1, 100]) {
        const e = assertCaught(OutOfBoundsError, () => std.u8.load(heap, q + o));
        assertEquals(e.block?.address, q);
      }
      std.u8.store(heap, q, 1);
      bytefree(q, 100);
      for (const o of [-1, 0, 99]) assertCaught(UseAfterFreeError, () => std.u8.load(heap, q + o));
    }
  });
});

Deno.test("shadow: memory of others is theirs", () => {
  const others = init(bonwick(mmap())), outside = bytealloc(50);
  shadowed(() => {
    const pick = random(7), theirs = Array.from({ length: 200 }, () => others.get(64)), mine: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const j = pick(200);
      others.put(theirs[j], 64);
      theirs[j] = others.get(64);
      for (const p of [theirs[j], outside]) {
        std.u32.load(heap, p);
        std.f64.store(heap, p + 8, i);
        std.u8.load(heap, p + 64); // which only they know
      }
      mine.push(bytealloc(pick(3000)));
      if (mine.length > 50) mine.splice(pick(50), 1);
    }
  }, batch(mmap()) as Layer<unknown>);
  others.deinit();
  bytefree(outside, 50);
});

Deno.test("shadow: memory that goes to somebody else is theirs", () => {
  // With no quarantine it goes at once, by the heap, or by a layer that both stand on
  const overs = [() => mmap(), () => batch(mmap()), () => layers.ground(), () => batch(layers.ground())];
  for (const over of overs) {
    const base = over() as Layer<unknown>;
    const a = init(shadow(base, { quarantine: 0 })), b = init(shadow(mmap())), theirs = init(over() as Layer<unknown>);
    const sizes = [1, 100, 5000, 100_000], seen = new Set<number>();
    let again = 0;
    for (let round = 0; round < 20; round++) {
      for (const size of sizes) {
        const p = a.get(size);
        seen.add(p - p % PAGE);
        a.put(p, size);
        const q = theirs.get(size + 100);
        if (seen.has(q - q % PAGE)) again++;
        for (let i = 0; i < size + 100; i += 7) {
          std.u8.store(heap, q + i, i);
          std.u8.load(heap, q + i);
        }
        theirs.put(q, size + 100);
      }
    }
    if (base === (mmap() as unknown)) assert(again > 20);
    a.deinit();
    theirs.deinit();
    b.deinit();
  }
});

Deno.test("shadow: what a block gives back as it shrinks may be somebody else's", () => {
  const both = init(general()),
    below: Layer<null> = {
      heap,
      init: () => null,
      deinit: () => {},
      get: (_, size) => both.get(size),
      put: (_, p, size) => both.put(p, size),
      resize: (_, p, old, size) => both.resize(p, old, size),
    };
  enter(init(shadow(below)), () => {
    const p = bytealloc(100_000);
    assertEquals(byteresize(p, 100_000, 100), true);
    const theirs = Array.from({ length: 50 }, () => both.get(1000));
    assert(theirs.some((q) => q > p && q < p + 100_000));
    for (const q of theirs) {
      std.u32.load(heap, q + 8); // as it is
      std.u32.store(heap, q, 1);
      both.put(q, 1000);
    }
    assertCaught(OutOfBoundsError, () => std.u8.load(heap, p + 100));
    bytefree(p, 100);
  });
  both.deinit();
});

Deno.test("shadow: what was in quarantine at the end is known, too", () => {
  for (const base of [mmap(), bonwick(mmap()), batch(mmap())]) {
    const keeper = init(shadow(mmap())), a = init(shadow(base as Layer<unknown>)), p = a.get(5000);
    a.put(p, 5000);
    a.deinit();
    assertCaught(UseAfterFreeError, () => std.u32.load(heap, p), `the block of 5,000 B at ${p}, which has been freed`);
    keeper.deinit();
  }
});

Deno.test("shadow: what has gone with a reset or an end is known until somebody has it", () => {
  for (const base of [mmap(), chunk(mmap(), 4096), bonwick(sbrk()), batch(bonwick(mmap()))]) {
    const keeper = init(shadow(mmap())); // keeps the guard
    const a = init(shadow(base, { quarantine: 0 })), p = a.get(100), q = a.get(100);
    std.u32.store(heap, p, 1);
    a.put(q, 100);
    assertCaught(UseAfterFreeError, () => std.u32.load(heap, q));
    if (a.layer.reset !== undefined) {
      a.reset();
      assertCaught(UseAfterFreeError, () => std.u32.load(heap, p), `the block of 100 B at ${p}, which has been freed`);
      assertCaught(UseAfterFreeError, () => std.u32.store(heap, p, 1));
      assertEquals(a.get(100), p);
      assertCaught(UninitialisedError, () => std.u32.load(heap, p));
    }
    a.deinit();
    assertCaught(UseAfterFreeError, () => std.u32.load(heap, q));
    if (base === mmap()) heap.putPages(p - p % PAGE, 1); // which takes nothing back at its end
    assertCaught(UseAfterFreeError, () => std.u32.load(heap, p), "which has ");
    keeper.deinit();
  }
});

Deno.test("shadow: what a state does not give back at its end is not reported", () => {
  const keeper = init(shadow(mmap())), a = init(shadow(mmap())), p = a.get(100);
  std.u32.store(heap, p, 1);
  a.deinit();
  assertEquals(std.u32.load(heap, p), 1);
  heap.putPages(p - p % PAGE, 1);
  keeper.deinit();
});

Deno.test("shadow: pages that are nobody's, whoever had them", () => {
  shadowed(() => {
    const p = enter(init(chunk(mmap(), 65536)), () => std.mk(std.u32, 7));
    assertCaught(UseAfterFreeError, () => std.u32.load(heap, p), "it has been freed");
    const pages = heap.getPages(16);
    assertEquals(std.u32.load(heap, p), 7);
    heap.resizePages(pages, 16, 2);
    assertCaught(UseAfterFreeError, () => std.u32.load(heap, pages + 2 * PAGE));
    assert(heap.resizePages(pages, 2, 3));
    std.u32.load(heap, pages + 2 * PAGE);
    heap.putPages(pages, 3);
  });
});

Deno.test("shadow: far behind a block, where none is", () => {
  shadowed(() => {
    const p = bytealloc(24);
    for (const o of [200, 1000, 3000]) {
      assertCaught(OutOfBoundsError, () => std.u32.load(heap, p + o), "it is no part of a block");
    }
  });
});

Deno.test("shadow: quarantine, as long as it holds", () => {
  // Memory that goes to a layer which others stand on, too, is known in the quarantine only
  const both = init(bonwick(mmap())),
    below: Layer<null> = {
      heap,
      init: () => null,
      deinit: () => {},
      get: (_, size) => both.get(size),
      put: (_, p, size) => both.put(p, size),
    };
  enter(init(shadow(below, { quarantine: 1000 })), () => {
    const p = bytealloc(100);
    std.u32.store(heap, p, 1);
    bytefree(p, 100);
    for (let i = 0; i < 6; i++) {
      assertCaught(UseAfterFreeError, () => std.u32.load(heap, p));
      bytefree(bytealloc(90), 90);
    }
    bytefree(bytealloc(300), 300);
    std.u32.load(heap, p); // which may be anybody's now
  });
  both.deinit();
});

Deno.test("shadow: what debug finds is found", () => {
  shadowed(() => {
    const p = bytealloc(10);
    bytefree(p, 10);
    assertThrows(() => bytefree(p, 10), DoubleFreeError);
    const q = bytealloc(10);
    heap.u8[q + 10] = 1; // not through std
    assertThrows(() => bytefree(q, 10), OverrunError);
    bytefree(q, 10);
  });
  const a = init(shadow(mmap())), p = a.get(10);
  a.put(p, 10);
  heap.u8[p] = 1;
  assertThrows(() => a.verify(), WriteAfterFreeError);
  heap.u8[p] = 1;
  assertThrows(() => a.deinit(), WriteAfterFreeError);
  assertEquals(heap.guard, undefined);
});

Deno.test("shadow: a body that throws what was caught ends the region as any", () => {
  const base = mmap(), free = heap.free.pages;
  for (let i = 0; i < 3; i++) {
    assertThrows(() => enter(init(shadow(base)), () => std.u8.load(heap, 0)), OutOfBoundsError);
    assertEquals([heap.guard, heap.free.pages], [undefined, free]);
  }
});

Deno.test("shadow: regions in regions", () => {
  shadowed(() => {
    const outer = std.mk(std.u32, 1), unwritten = std.alloc(std.u32);
    for (const stack of [mmap(), pipe(), chunk(pipe(), 4096)]) {
      let gone = 0;
      enter(init(shadow(stack as Layer<unknown>)), () => {
        const p = gone = std.mk(std.u32, 2), q = bytealloc(10);
        assertEquals([std.u32.load(heap, outer), std.u32.load(heap, p)], [1, 2]);
        std.free(std.u32, p);
        assertCaught(UseAfterFreeError, () => std.u32.load(heap, p));
        assertCaught(UninitialisedError, () => std.u32.load(heap, unwritten));
        const e = assertCaught(OutOfBoundsError, () => std.u8.load(heap, q + 10));
        assertEquals(e.block, { address: q, size: 10 });
        bytefree(q, 10);
      });
      assert(heap.guard !== undefined);
      assertEquals(std.u32.load(heap, outer), 1);
      assertCaught(UninitialisedError, () => std.u32.load(heap, unwritten));
      if (stack === mmap()) assertCaught(UseAfterFreeError, () => std.u32.load(heap, gone));
    }
    std.free(std.u32, outer);
    assertCaught(UseAfterFreeError, () => std.u32.load(heap, outer));
  });
  enter(init(shadow(bonwick(mmap()))), () => {
    enter(init(stats(chunk(pipe(), 4096))), () => {
      // An arena in memory of the one outside, which knows the arena's blocks as one of its own
      const s = std.slpush(std.slalloc(std.u32, 0), 1);
      assertEquals([...s], [1]);
      assertCaught(OutOfBoundsError, () => std.u8.load(heap, s.ptr + 5000));
    });
  });
});

Deno.test("shadow: what leaves the quarantine outside while a region inside is closed is known, too", () => {
  enter(init(shadow(bonwick(mmap()), { quarantine: 480 })), () => {
    const kept = std.mk(std.u32, 1), p = std.mk(std.u32, 1), inner = init(shadow(pipe()));
    std.free(std.u32, p);
    inner.put(inner.get(400), 400);
    inner.deinit(); // its quarantine takes the room of p in that outside
    assertCaught(UseAfterFreeError, () => std.u32.load(heap, p));
    std.free(std.u32, kept);
  });
});

Deno.test("shadow: of blocks in blocks, and where others were, the right one is told", () => {
  const blockOf = (kind: Kind, p: number) => assertCaught(kind, () => std.u8.load(heap, p)).block;
  const outer = shadow(bonwick(mmap()), { quarantine: 0 });
  enter(init(outer), () => {
    const inner = init(shadow(pipe(), { quarantine: 200 })), p = inner.get(100);
    assertEquals(blockOf(UninitialisedError, p), { address: p, size: 100 });
    assertEquals(blockOf(OutOfBoundsError, p + 100), { address: p, size: 100 });
    inner.put(p, 100);
    assertEquals(blockOf(UseAfterFreeError, p + 5), { address: p, size: 100 });
    assertEquals(blockOf(UseAfterFreeError, p + 100), { address: p, size: 100 });
    const size = top().sizeOf(p - FENCE);
    inner.put(inner.get(150), 150); // out of the quarantine
    const q = bytealloc(size);
    assertEquals(q, p - FENCE);
    assertEquals(blockOf(UninitialisedError, p), { address: q, size });
    bytefree(q, size);
    inner.deinit();
    // The same place in one allocator after the other
    const places = [100, 200].map((size) => {
      const a = init(shadow(chunk(mmap(), 65536))), p = a.get(size);
      a.deinit();
      return p;
    });
    assertEquals(places[0], places[1]);
    assertEquals(blockOf(UseAfterFreeError, places[0]), { address: places[0], size: 200 });
    const r = bytealloc(3000);
    bytefree(r, 3000);
    assertEquals(blockOf(UseAfterFreeError, r + 3000), { address: r, size: 3000 });
  });
});

Deno.test("shadow: asynchronous regions, interleaved", async () => {
  const tick = () => new Promise((done) => setTimeout(done, 1));
  const task = (name: number) =>
    enterAsync(init(shadow(bonwick(mmap()))), async () => {
      const p = std.mk(Inner, { a: name, b: name }), s = std.slfill(std.slalloc(std.u8, 100), name);
      for (let i = 0; i < 5; i++) {
        await tick();
        assertEquals([Inner.load(heap, p).b, s.get(99)], [name, name]);
        assertCaught(OutOfBoundsError, () => std.u8.load(heap, s.ptr + 100));
      }
      std.free(Inner, p);
      await tick();
      const e = assertCaught(UseAfterFreeError, () => Inner.load(heap, p));
      assertEquals(e.block, { address: p, size: 8 });
      std.slfree(s);
    });
  await Promise.all([1, 2, 3, 4].map(task));
  assertEquals(heap.guard, undefined);
});

Deno.test("shadow: two heaps", () => {
  const other = freshHeap(), There = Inner.on(other);
  shadowed(() => {
    for (const stack of [bonwick(mmap(other)), shadow(bonwick(mmap(other)))]) {
      const here = std.slalloc(std.u16, 4);
      here.set(0, 1);
      here.set(2, 3);
      enter(init(stack as Layer<unknown>), () => {
        const p = std.alloc(There), there = std.sldup(here);
        assertEquals([there.heap, there.get(0), there.get(2)], [other, 1, 3]);
        There.fields.a.set(p, 1);
        if (other.guard !== undefined) {
          assertCaught(UninitialisedError, () => There.load(other, p));
          assertCaught(UninitialisedError, () => there.get(1));
          assertCaught(OutOfBoundsError, () => std.u16.load(other, there.ptr + 8));
        } else There.load(other, p);
        std.slcp(here, there);
        assertEquals(here.get(2), 3);
        if (other.guard !== undefined) assertCaught(UninitialisedError, () => here.get(1));
        else here.get(1); // nobody knows what has been written to there
        std.slcp(there, here);
        std.slfree(there);
        std.free(There, p);
      });
      assertEquals(other.guard, undefined);
      std.slfree(here);
    }
  });
  assertAllFree(other);
});

Deno.test("shadow: a heap over a memory of others, whose first page they may use", () => {
  const over = new Heap({ memory: new WebAssembly.Memory({ initial: 4 }), start: 65536 });
  enter(init(shadow(mmap(over))), () => {
    std.u32.store(over, 1024, 7);
    assertEquals(std.u32.load(over, 1024), 7);
    assertCaught(OutOfBoundsError, () => std.u32.load(over, 0), "that is null");
    const p = bytealloc(8);
    over.memory.grow(1);
    std.u32.store(over, p, 1);
    assertCaught(OutOfBoundsError, () => std.u32.load(over, p + 8));
  });
});

Deno.test("shadow: not specialised, it finds the same", () => {
  const before = specialise(false);
  try {
    shadowed(() => {
      const p = bytealloc(8);
      assertCaught(UninitialisedError, () => std.u32.load(heap, p));
      assertCaught(OutOfBoundsError, () => std.u32.load(heap, p + 8));
      bytefree(p, 8);
      assertCaught(UseAfterFreeError, () => std.u32.load(heap, p));
    }, bonwick(mmap()) as Layer<unknown>);
  } finally {
    specialise(before);
  }
});

Deno.test("shadow: layers may do with their memory what they like, through std also", () => {
  // A free list whose links are read and written through std, below a shadow
  const link = std.ptr.field(heap, 0), base = bonwick(mmap());
  const linked: Layer<{ base: unknown; head: number }> = {
    heap,
    init: () => ({ base: base.init(), head: 0 }),
    deinit: (s) => base.deinit(s.base as never),
    get: (s, size) => {
      const p = s.head;
      if (p === 0) return base.get(s.base as never, Math.max(size, 200));
      s.head = link.get(p);
      return p;
    },
    put: (s, p) => {
      link.set(p, s.head);
      s.head = p;
    },
  };
  enter(init(shadow(linked, { quarantine: 0 })), () => {
    for (let i = 0; i < 100; i++) {
      const p = std.mk(std.u64, 1n), q = std.mk(std.u64, 2n);
      assertEquals([std.u64.load(heap, p), std.u64.load(heap, q)], [1n, 2n]);
      std.free(std.u64, p);
      std.free(std.u64, q);
    }
  });
});

Deno.test("shadow: memory that runs out", () => {
  enter(init(shadow(limit(bonwick(mmap()), 20_000))), () => {
    const blocks: number[] = [];
    assertThrows(() => {
      for (;;) blocks.push(std.bytealloc(1000));
    }, std.OutOfMemoryError);
    assert(blocks.length > 10);
    for (const p of blocks) bytefree(p, 1000);
    // The quarantine gives way
    const p = std.bytealloc(10_000);
    assertCaught(UninitialisedError, () => std.u8.load(heap, p + 9999));
    std.u8.store(heap, p, 1);
    bytefree(p, 10_000);
  });
});

Deno.test("shadow: prints as itself, and then what it stands on", () => {
  const stack = shadow(stats(bonwick(mmap()))), a = init(stack);
  a.get(100);
  assertMatch(
    describe(stack, a.state),
    /^shadow 8 16777216 *\nstats +1 allocated.*\nbonwick\nbatch\nmmap$/,
  );
  assertEquals(a.toString().split("\n")[0], "shadow 8 16777216");
  a.deinit();
  assertEquals(shadow(mmap()), shadow(mmap()));
  assertThrows(() => shadow(mmap(), { depth: -1 }), RangeError, "Cannot compose shadow: depth in calls");
  assertThrows(() => shadow(heap as never), TypeError, "Cannot compose shadow: expected a layer");
});

Deno.test("shadow: everything comes back", () => {
  const own = freshHeap();
  for (const base of [bonwick(mmap(own)), batch(mmap(own)), chunk(mmap(own), 4096)]) {
    const stack = shadow(base as Layer<unknown>), a = init(check(stats(stack)));
    const blocks = Array.from({ length: 500 }, (_, i) => a.get(i * 10));
    blocks.forEach((p, i) => a.put(p, i * 10));
    a.deinit();
    assertAllFree(own);
  }
});

Deno.test("shadow: nothing is reported of a program that is right", () => {
  const sb = (): std.StringBuffer => std.mksb();
  for (const base of [bonwick(mmap()), chunk(mmap(), 65536), general(), reap(), mmap(), layers.ground()]) {
    for (const quarantine of [0, 5000, 2 ** 24]) {
      const pick = random(quarantine + 8);
      enter(init(shadow(base as Layer<unknown>, { quarantine, depth: 1 })), () => {
        const slices = Array.from({ length: 5 }, () => ({ s: std.slalloc(std.u32, 0), model: [] as number[] }));
        const structs = std.slalloc(Outer, 0), texts = { sb: sb(), model: "" };
        const byNumber = std.mkht(std.u64, std.f64), numbers = new Map<bigint, number>();
        const byText = std.mkht(std.string, Inner), words = new Map<string, { a: number; b: number }>();
        for (let i = 0; i < 1500; i++) {
          const it = slices[pick(5)], { s, model } = it, n = model.length, at = pick(n + 1), x = pick(1000);
          switch (pick(14)) {
            case 0:
              std.slput(s, at, x);
              model.splice(at, 0, x);
              break;
            case 1:
              if (n > 0) {
                std.sldel(s, at % n);
                model.splice(at % n, 1);
              }
              break;
            case 2:
              std.sljoin(s, slices[0].s);
              model.push(...slices[0].model);
              if (s.len > 2000) {
                std.slfree(s);
                it.model = [];
              }
              break;
            case 3:
              std.slfill(std.slice(s, 0, at), x);
              model.fill(x, 0, at);
              break;
            case 4: {
              const copy = std.sldup(std.slice(s, at));
              assertEquals([...copy], model.slice(at));
              assert(std.sleq(copy, std.slice(s, at)));
              std.slfree(copy);
              break;
            }
            case 5: {
              std.slgrow(s, n + 3);
              for (let k = 0; k < 3; k++) s.set(n + k, x + k);
              model.push(x, x + 1, x + 2);
              break;
            }
            case 6: {
              std.slpush(structs, { ...OUTER, tag: x & 255 });
              assertEquals(structs.get(structs.len - 1).tag, x & 255);
              if (structs.len > 50) std.slfree(structs);
              break;
            }
            case 7: {
              const word = "ä €".slice(0, 1 + pick(3)) + x;
              std.sbputs(texts.sb, word);
              texts.model += word;
              if (texts.model.length > 500) {
                const done = std.sbfin(texts.sb);
                assert(std.streq(done, texts.model));
                std.slfree(done);
                texts.model = "";
              }
              break;
            }
            case 8:
              std.htput(byNumber, BigInt(x), i);
              numbers.set(BigInt(x), i);
              break;
            case 9:
              assertEquals(std.htdel(byNumber, BigInt(x)), numbers.delete(BigInt(x)));
              break;
            case 10:
              std.htput(byText, `${x % 200}`, { a: x & 255, b: i });
              words.set(`${x % 200}`, { a: x & 255, b: i });
              break;
            case 11:
              assertEquals(std.htdel(byText, `${x % 200}`), words.delete(`${x % 200}`));
              break;
            case 12: {
              const p = std.realloc(std.realloc(0, 0, x + 4), x + 4, 2 * x + 4);
              std.u32.store(heap, p, x);
              assertEquals(std.u32.load(heap, p), x);
              bytefree(p, 2 * x + 4);
              break;
            }
            default:
              assertEquals([...s], model);
              assertEquals(std.htget(byNumber, BigInt(x)), numbers.get(BigInt(x)));
              assertEquals(std.htget(byText, `${x % 200}`), words.get(`${x % 200}`));
          }
        }
        assertEquals(new Map(byNumber), numbers);
        assertEquals(new Map(byText), words);
        assertEquals(std.text(texts.sb.bytes), texts.model);
        for (const { s } of slices) std.slfree(s);
        std.slfree(structs);
        std.sbfree(texts.sb);
        std.htfree(byNumber);
        std.htfree(byText);
      });
      assertEquals(heap.guard, undefined);
    }
  }
});
