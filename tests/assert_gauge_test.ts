import { arena, bytealloc, bytefree, enter, general, init, stats } from "../mod.ts";
import { assertGauge, GaugeError } from "../testing/mod.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "./assert.ts";

const a = init(stats(general()));
enter(a, () => {
  bytefree(bytealloc(1000), 1000);
  bytealloc(24);
  bytealloc(2000);
});

const RIGHT = { nalloc: 3, nfree: 1, szalloc: 3024, szfree: 1000, watermark: 2024, blocks: 2, bytes: 2024 };

Deno.test("assertGauge: figures that are as they should be, of an allocator open or closed, or of a gauge", () => {
  assertGauge(a, RIGHT);
  assertGauge(a.gauge(), RIGHT);
  for (const [name, value] of Object.entries(RIGHT)) assertGauge(a, { [name]: value });
  assertGauge(a, { nalloc: [3, 4], nfree: [0, 1], bytes: [2024, 2024], szalloc: [-Infinity, Infinity] });
  const open = init(stats(general()));
  assertGauge(open, { nalloc: 0 });
  open.deinit();
});

Deno.test("assertGauge: each figure that differs is in the message, and no other", () => {
  const e = assertThrows(
    () => assertGauge(a, { nalloc: 3, nfree: 2, szalloc: [0, 3000], watermark: 12_345, bytes: [0, Infinity] }),
    GaugeError,
  );
  assertEquals(
    e.message,
    [
      "Cannot accept the figures of a gauge: 3 of 5 differ",
      "               expected  actual",
      "  nfree               2       1",
      "  szalloc    0 to 3,000   3,024",
      "  watermark      12,345   2,024",
    ].join("\n"),
  );
});

Deno.test("assertGauge: the error carries the figures, and begins at the assertion", () => {
  const e = assertThrows(function here() {
    assertGauge(a, { blocks: [3, 9], bytes: 2024 });
  }, GaugeError);
  assertEquals(e.name, "GaugeError");
  assertEquals(e.actual, { blocks: 2 });
  assertEquals(e.expected, { blocks: [3, 9] });
  assert(!String(e.stack).includes("assert_gauge.ts"), e.stack);
  for (const [name, value] of Object.entries(RIGHT)) {
    for (const wrong of [value + 1, value - 1, [value + 1, value + 2], [value - 2, value - 1]]) {
      const e = assertThrows(() => assertGauge(a, { [name]: wrong as number }), GaugeError);
      assertEquals(e.actual, { [name]: value });
    }
  }
});

Deno.test("assertGauge: what is no expectation is refused", () => {
  const wrong: [expected: unknown, message: string, class_: ErrorConstructor][] = [
    [
      { nallocs: 1 },
      'expected figures among nalloc, nfree, szalloc, szfree, watermark, blocks, bytes, got "nallocs"',
      TypeError,
    ],
    [{ nalloc: 99, nope: 1 }, 'got "nope"', TypeError],
    [{}, "expected figures to compare with, got none", TypeError],
    [null, "expected figures to compare with, got null", TypeError],
    [undefined, "expected figures to compare with, got undefined", TypeError],
    [5, "expected figures to compare with, got 5", TypeError],
    [{ nalloc: "3" }, 'nalloc must be a number or a least and a most, got "3"', TypeError],
    [{ nalloc: undefined }, "nalloc must be a number or a least and a most, got undefined", TypeError],
    [{ nalloc: [1] }, "nalloc must be a number or a least and a most, got an array of 1", TypeError],
    [{ nalloc: [1, "2"] }, "nalloc must be a number or a least and a most, got an array of 2", TypeError],
    [{ nalloc: [4, 3] }, "nalloc must be from a least to a most, got 4 to 3", RangeError],
    [{ nalloc: NaN }, "nalloc must be from a least to a most, got NaN to NaN", RangeError],
  ];
  for (const [expected, message, class_] of wrong) {
    const e = assertThrows(() => assertGauge(a, expected as { nalloc: number }), class_);
    assertStringIncludes(e.message, `Cannot assert a gauge: `);
    assertStringIncludes(e.message, message);
  }
  for (const measured of [null, undefined, 5, {}, general()]) {
    assertThrows(
      () => assertGauge(measured as never, { nalloc: 1 }),
      TypeError,
      "expected an allocator or a gauge, got",
    );
  }
  const plain = init(arena());
  assertThrows(() => assertGauge(plain, { nalloc: 1 }), TypeError, "it does not measure");
  plain.deinit();
});
