import { fc } from "./fast_check.ts";
import { check, enter, type Heap, init, type Layer, mmap, stats, std } from "../mod.ts";
import { failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { freshHeap } from "./kit.ts";

/** A layer with nothing but its four functions: in its regions, whatever grows asks for a block. */
const bare = <S>({ heap, init, deinit, get, put }: Layer<S>): Layer<S> => ({ heap, init, deinit, get, put });

function leakFree<T>(f: () => T, heap?: Heap): T {
  return enter(init(check(stats(mmap(heap)))), f);
}

const TEXTS = [
  "",
  "a",
  "\0",
  "hello",
  "exactly twenty-four char",
  "more than twenty-four characters, all of them ASCII",
  "naïve",
  "€",
  "日本語",
  "😀",
  "a😀b",
  "\ufeffwith a mark",
  "x".repeat(100_000),
  "ü".repeat(100_000),
];

for (const [name, options] of [["a heap", {}], ["a shared heap", { shared: true, maximum: 1000 }]] as const) {
  Deno.test(`string: there and back on ${name}`, () =>
    leakFree(() => {
      for (const t of TEXTS) {
        const s = std.str(t);
        assertEquals(s.len, new TextEncoder().encode(t).length);
        assertEquals([...s.heap.u8.subarray(s.ptr, s.ptr + s.len)], [...new TextEncoder().encode(t)]);
        assertStrictEquals(std.text(s), t);
        assert(std.streq(s, t));
        assert(!std.streq(s, t + "!"));
        if (t !== "") assert(!std.streq(s, t.slice(1)));
        const twin = std.str(t), other = std.str(t + "x");
        assert(std.streq(s, twin));
        assert(!std.streq(s, other));
        for (const x of [s, twin, other]) std.slfree(x);
      }
    }, freshHeap(options)));
}

Deno.test("string: an empty one takes no memory", () => {
  const a = init(stats(mmap()));
  enter(a, () => {
    assertEquals(std.text(std.str("")), "");
    std.sbfree(std.sbputs(std.mksb(), ""));
    assertEquals(a.gauge().nalloc, 0);
  });
});

Deno.test("string: lone surrogates become U+FFFD, and so does what is no UTF-8", () =>
  leakFree(() => {
    for (const t of ["\ud800", "a\udc00b", "\udc00\ud800", "x".repeat(50) + "\ud83d"]) {
      const s = std.str(t);
      assertEquals(std.text(s), t.toWellFormed());
      assert(std.streq(s, t));
      std.slfree(s);
    }
    const s = std.slfill(std.slalloc(std.u8, 3), 0xff);
    assertEquals(std.text(s), "\ufffd\ufffd\ufffd");
    s.set(0, 97);
    s.set(1, 98);
    assertEquals(std.text(s), "ab\ufffd");
    std.slfree(s);
  }));

Deno.test("string: any text, also in pieces", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 40 }), { maxLength: 10 }), (pieces) =>
      leakFree(() => {
        const sb = std.mksb(), byChar = std.mksb(), joined = std.mksb();
        for (const piece of pieces) {
          assertStrictEquals(std.sbputs(sb, piece), sb);
          for (const c of piece) std.sbputc(byChar, c.codePointAt(0)!);
          const s = std.str(piece);
          assertEquals(std.text(s), piece);
          std.sbputsl(joined, s);
          for (const byte of s) std.sbputb(joined, byte);
          std.slfree(s);
        }
        assertEquals(String(sb), pieces.join(""));
        const [a, b, c] = [std.sbfin(sb), std.sbfin(byChar), std.sbfin(joined)];
        assert(std.sleq(a, b));
        assertEquals(std.text(a), pieces.join(""));
        assertEquals(std.text(c), pieces.map((p) => p + p).join(""));
        for (const s of [a, b, c]) std.slfree(s);
      })),
  );
});

Deno.test("string buffer: empty again after sbfin and sbfree", () =>
  leakFree(() => {
    const sb = std.sbputs(std.mksb(), "one");
    const one = std.sbfin(sb);
    assertEquals(sb.length, 0);
    std.sbputs(sb, "two");
    assertEquals([std.text(one), String(sb), Deno.inspect(sb)], ["one", "two", "two"]);
    std.sbputsl(sb, sb.bytes); // itself
    assertEquals(String(sb), "twotwo");
    std.sbfree(sb);
    std.sbfree(sb);
    assertEquals(String(sb), "");
    std.slfree(one);
    const cs = std.mksb();
    for (const c of [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdfff, 0xe000, 0xffff, 0x10000, 0x10ffff]) {
      std.sbputc(cs, c);
    }
    assertEquals(String(cs), "\0\x7f\x80\u07ff\u0800\ud7ff\ufffd\ufffd\ue000\uffff\u{10000}\u{10ffff}");
    std.sbfree(cs);
  }));

Deno.test("string: above 2 GiB", () => {
  const heap = freshHeap({ maximum: 65536 });
  if (heap.getPages(2 ** 31 / 4096 + 100) === 0) return; // a machine that has no 4 GiB of addresses
  leakFree(() => {
    for (const t of TEXTS) {
      const s = std.str(t);
      assert(t === "" || s.ptr > 2 ** 31);
      assertEquals(std.text(s), t);
      const sb = std.sbputsl(std.sbputs(std.mksb(), t), s);
      assertEquals(String(sb), t + t);
      std.sbfree(sb);
      std.slfree(s);
    }
  }, heap);
});

Deno.test("string: out of memory at each allocation", () => {
  let failures = 0;
  for (let n = 1, done = false; !done; n++) {
    enter(init(check(stats(failAt(bare(mmap()), n)))), () => {
      const sb = std.mksb();
      let put = "";
      const add = (t: string, f: () => void): void => {
        f();
        put += t;
      };
      try {
        for (let i = 0; i < 30; i++) {
          add("é€", () => std.sbputs(sb, "é€"));
          add("ascii", () => std.sbputs(sb, "ascii"));
          add("😀", () => std.sbputc(sb, 0x1f600));
          add("b", () => std.sbputb(sb, 98));
        }
        std.slfree(std.str("ascii"));
        std.slfree(std.str("日本語"));
        done = true;
      } catch (e) {
        assert(e instanceof std.OutOfMemoryError);
        failures++;
      }
      assertEquals(String(sb), put);
      std.sbputs(sb, "!"); // goes on working
      assertEquals(String(sb), put + "!");
      std.sbfree(sb);
    });
  }
  assert(failures >= 5);
});

Deno.test("string: a code point is added whole or not at all", () => {
  for (let before = 0; before < 4; before++) {
    enter(init(check(stats(failAt(bare(mmap()), 2)))), () => {
      const sb = std.sbputs(std.mksb(), "x".repeat(before));
      let n = 0;
      assertThrows(() => {
        for (;; n++) std.sbputc(sb, 0x20ac);
      }, std.OutOfMemoryError);
      assertEquals(String(sb), "x".repeat(before) + "€".repeat(n));
      std.sbfree(sb);
    });
  }
});

Deno.test("string: bad arguments are clear errors", () =>
  leakFree(() => {
    const sb = std.mksb(), words = std.slalloc(std.u32, 1);
    // deno-lint-ignore no-explicit-any
    for (const x of [null, undefined, 1, {}, [], true] as any[]) {
      for (
        const f of [
          () => std.str(x),
          () => std.text(x),
          () => std.streq(x, "a"),
          () => std.streq(words, x),
          () => std.sbputs(x, "a"),
          () => std.sbputs(sb, x),
          () => std.sbputb(x, 1),
          () => std.sbputc(x, 1),
          () => std.sbputsl(x, words),
          () => std.sbputsl(sb, x),
          () => std.sbfin(x),
          () => std.sbfree(x),
        ]
      ) assertThrows(f, TypeError, "Cannot ");
      if (x !== 1) assertThrows(() => std.sbputb(sb, x), TypeError, "Cannot add to a string buffer");
      if (x !== 1) assertThrows(() => std.sbputc(sb, x), TypeError, "Cannot add to a string buffer");
    }
    assertThrows(() => std.text(words), TypeError, "u8");
    assertThrows(() => std.sbputsl(sb, words), TypeError, "u8");
    for (const n of [-1, 0.5, NaN, Infinity, 256]) assertThrows(() => std.sbputb(sb, n), RangeError, "byte");
    for (const n of [-1, 0.5, NaN, Infinity, 0x110000]) assertThrows(() => std.sbputc(sb, n), RangeError, "code point");
    assertEquals(sb.length, 0);
    std.slfree(words);
  }));

Deno.test("string: bytes that only read as a text are not equal to it", () => {
  const s = std.slalloc(std.u8, 1);
  s.set(0, 0xff);
  assertEquals([std.text(s), std.streq(s, "\ufffd")], ["\ufffd", false]);
  std.slfree(s);
});
