import {
  type AnyLayer,
  batch,
  bonwick,
  bytealloc,
  bytefree,
  chunk,
  enter,
  escape,
  type Heap,
  init,
  type Layer,
  layers,
  mmap,
  sbrk,
  stats,
  std,
} from "../mod.ts";
import { failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, PAGE, random } from "./kit.ts";

/** A layer with nothing but its four functions. */
const bare = <S>({ heap, init, deinit, get, put }: Layer<S>): Layer<S> => ({ heap, init, deinit, get, put });

const stacks = (heap: Heap): AnyLayer[] => [
  mmap(heap),
  bare(mmap(heap)),
  sbrk(heap),
  chunk(mmap(heap), 4096),
  chunk(mmap(heap), 4096, 2),
  chunk(bare(mmap(heap)), 1000),
  batch(mmap(heap)),
  bonwick(mmap(heap)),
  layers.bigcache(mmap(heap)),
];

Deno.test("realloc: keeps the contents up to the lesser size, in every kind of region", () => {
  for (const count of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
    const heap = freshHeap(), a = init(stats(stacks(heap)[count])), what = String(a), pick = random(count + 1);
    enter(a, () => {
      const out: [p: number, size: number, byte: number][] = [];
      for (let i = 0; i < 600; i++) {
        if (out.length < 10 || pick(4) === 0) {
          const size = pick(2) ? pick(100) : pick(9000), p = std.bytealloc(size);
          fill(heap, p, size, i);
          out.push([p, size, i & 255]);
          continue;
        }
        const at = pick(out.length), [p, old, byte] = out[at], size = pick(2) ? pick(100) : pick(40_000);
        const q = std.realloc(p, old, size);
        assertEquals(q % 16, 0);
        assertFilled(heap, q, Math.min(old, size), byte);
        fill(heap, q, size, byte);
        out[at] = [q, size, byte];
      }
      for (const [p, size, byte] of out) {
        assertFilled(heap, p, size, byte);
        std.bytefree(p, size);
      }
      const { szalloc, szfree, nalloc, nfree } = a.gauge();
      assertEquals([szfree, nfree], [szalloc, nalloc], what);
    });
    assertAllFree(heap, what);
  }
});

Deno.test("realloc: in place where the region can", () => {
  enter(init(chunk(mmap(freshHeap()), 4096)), () => {
    const p = std.realloc(0, 0, 10);
    assertEquals(std.realloc(p, 10, 1000), p);
    assertEquals(std.realloc(p, 1000, 20), p);
    const q = std.bytealloc(10);
    assertEquals(q, p + 32); // the rest is free again
    assert(std.realloc(p, 20, 40) > q); // is not the last
    assertEquals(std.realloc(p, 20, 20), p);
  });
  const heap = freshHeap(), a = init(mmap(heap));
  enter(a, () => {
    const p = std.bytealloc(5000);
    assertEquals(std.realloc(p, 5000, 50_000), p);
    const q = std.bytealloc(1);
    assertEquals(q, p + 13 * PAGE);
    const r = std.realloc(p, 50_000, 60_000);
    assertEquals([r, heap.free.runs], [q + PAGE, 2]); // what it was in is free
    std.bytefree(r, 60_000);
    std.bytefree(q, 1);
  });
  assertAllFree(heap);
});

Deno.test("realloc: no block, and blocks of no bytes", () => {
  for (const stack of stacks(freshHeap())) {
    const a = init(stats(stack));
    enter(a, () => {
      const p = std.realloc(0, 0, 0), q = std.realloc(p, 0, 0), r = std.bytealloc(0);
      assert(p > 0 && q !== r, String(a));
      const s = std.realloc(q, 0, 100);
      fill(stack.heap, s, 100, 7);
      const t = std.realloc(s, 100, 0); // is not freed
      assert(t !== 0 && t !== r && t !== std.bytealloc(0));
      const u = std.realloc(t, 0, 5);
      assertEquals(a.gauge().szalloc - a.gauge().szfree, 5);
      std.bytefree(u, 5);
    });
  }
});

Deno.test("realloc: while the memory grows", () => {
  for (const shared of [false, true]) {
    const heap = freshHeap({ shared, maximum: 1000 }), a = init(bare(mmap(heap)));
    enter(a, () => {
      let p = std.bytealloc(100), size = 100;
      fill(heap, p, 100, 3);
      for (let grown = 0; grown < 5; size *= 2) {
        const before = heap.size;
        p = std.realloc(p, size, 2 * size);
        assertFilled(heap, p, size, 3);
        fill(heap, p, 2 * size, 3);
        if (heap.size > before) grown++;
      }
      std.bytefree(p, size);
    });
    assertAllFree(heap);
  }
});

Deno.test("realloc: when there is no memory, the block is as it was", () => {
  for (
    const [stack, failing] of [[bare(mmap(freshHeap({ maximum: 2 }))), 0], [
      failAt(bare(mmap(freshHeap())), 2),
      1,
    ]] as const
  ) {
    const a = init(stats(stack as Layer<unknown>)), { heap } = a;
    enter(a, () => {
      const p = std.bytealloc(3 * PAGE), before = a.gauge();
      fill(heap, p, 3 * PAGE, 5);
      const free = heap.free;
      for (const size of failing ? [4 * PAGE] : [40 * PAGE, 2 ** 31, 2 ** 32 - 1]) {
        const e = assertThrows(() => std.realloc(p, 3 * PAGE, size), std.OutOfMemoryError);
        assert(e instanceof std.OutOfMemoryError && e.size === size);
        assertEquals([a.gauge(), heap.free], [before, free]);
      }
      assertFilled(heap, p, 3 * PAGE, 5);
      const q = std.realloc(p, 3 * PAGE, 4 * PAGE); // goes on working
      assertFilled(heap, q, 3 * PAGE, 5);
      std.bytefree(q, 4 * PAGE);
    });
    assertAllFree(heap);
  }
});

Deno.test("realloc: to another alignment", () => {
  enter(init(chunk(mmap(freshHeap()), 2 ** 16)), () => {
    const p = std.bytealloc(20, 1), q = std.bytealloc(20, 1); // not a multiple of 16
    assertEquals(q - p, 20);
    assertEquals(std.realloc(q, 20, 30, 1), q);
    assertEquals(std.realloc(q, 30, 30, 4), q);
    const r = std.realloc(q, 30, 30);
    assertEquals([r % 16, r > q], [0, true]);
    assertEquals(std.realloc(r, 30, 40), r);
    const s = std.realloc(r, 40, 40, 4096);
    assertEquals(s % 4096, 0);
    assertEquals(std.realloc(s, 40, 50, 4096), s);
  });
  enter(init(mmap(freshHeap())), () => {
    const p = std.bytealloc(100), q = std.realloc(p, 100, 100, 65536);
    assertEquals(q % 65536, 0);
    std.bytefree(q, 100);
  });
});

Deno.test("realloc: a block that the region refuses is as it was, and nothing is lost", () => {
  for (const below of [(heap: Heap) => mmap(heap), (heap: Heap) => bare(mmap(heap))]) { // resized, and copied
    const heap = freshHeap(), a = init(stats(batch(below(heap) as AnyLayer)));
    enter(a, () => {
      const p = std.bytealloc(100), before = a.gauge(), free = heap.free;
      for (const [q, old] of [[p, 99], [p + 16, 50], [p - 16, 100]]) {
        assertThrows(() => std.realloc(q, old, 5000), RangeError, `the block at ${q}: it is not out with ${old} bytes`);
      }
      assertEquals(heap.free, free);
      const { nalloc, nfree, szalloc, szfree } = a.gauge();
      assertEquals([nalloc - nfree, szalloc - szfree], [1, 100]);
      assertEquals(before.nfree, 0);
      std.bytefree(p, 100);
    });
    assertAllFree(heap);
  }
});

Deno.test("realloc: bad input is a clear error, and nothing has changed", () => {
  const heap = freshHeap(), a = init(stats(bonwick(mmap(heap))));
  enter(a, () => {
    const p = std.bytealloc(100), before = a.gauge();
    // deno-lint-ignore no-explicit-any
    for (const bad of [undefined, null, "16", 16n, true, {}, [16], Symbol("16")] as any[]) {
      assertThrows(() => std.realloc(bad, 100, 16), TypeError, "Cannot reallocate: address must be a number");
      assertThrows(() => std.realloc(p, bad, 16), TypeError, "Cannot reallocate: old size in bytes must be a number");
      assertThrows(() => std.realloc(p, 100, bad), TypeError, "Cannot allocate: size in bytes must be a number");
      if (bad !== undefined) {
        for (const size of [100, 16]) {
          assertThrows(() => std.realloc(p, 100, size, bad), TypeError, "Cannot allocate: alignment must be a number");
        }
      }
    }
    for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 32, 2 ** 53]) {
      assertThrows(() => std.realloc(bad, 100, 16), RangeError, "Cannot reallocate: address must be an integer");
      assertThrows(
        () => std.realloc(p, bad, 16),
        RangeError,
        "Cannot reallocate: old size in bytes must be an integer",
      );
      assertThrows(() => std.realloc(p, 100, bad), RangeError, "Cannot allocate: size in bytes must be an integer");
    }
    for (const align of [0, -1, 3, 24, 32, 1.5, NaN, 2 ** 32]) { // 32 is more than bonwick can
      for (const size of [100, 16, 5000]) {
        assertThrows(() => std.realloc(p, 100, size, align), RangeError, "Cannot allocate: alignment must be");
      }
    }
    assertThrows(
      () => std.realloc(0, 1, 16),
      RangeError,
      "Cannot reallocate: old size in bytes must be an integer from 0 to 0",
    );
    assertEquals(a.gauge(), before);
    std.bytefree(p, 100);
  });
  assertAllFree(heap);
});

Deno.test("realloc: of the current region, whichever that is", () => {
  const outer = init(stats(mmap(freshHeap())));
  enter(outer, () => {
    let p = std.bytealloc(100);
    enter(init(chunk(mmap(freshHeap()), 4096)), () => {
      p = escape(() => std.realloc(p, 100, 9000));
    });
    assertEquals(outer.gauge().szalloc, 9000);
    bytefree(p, 9000);
  });
});

Deno.test("bytealloc: aligned to more than 16 where the region can", () => {
  const heap = freshHeap();
  const able: [stack: AnyLayer, most: number][] = [
    [mmap(heap), 2 ** 30],
    [stats(batch(mmap(heap))), 2 ** 30],
    [chunk(mmap(heap), 4096), 4096],
    [stats(chunk(bonwick(mmap(heap)), 1000)), 4096],
    [sbrk(heap), 4096],
    [chunk(mmap(), 4096), 4096], // through the window
  ];
  for (const [stack, most] of able) {
    const a = init(stack), out: [p: number, size: number][] = [];
    enter(a, () => {
      for (let align = 1; align <= Math.min(most, 2 ** 20); align *= 2) {
        for (const size of [1, 0, 100, 5000]) {
          for (const allocate of [bytealloc, std.bytealloc]) {
            const p = allocate(size, align);
            assertEquals(p % align, 0, `${size} bytes aligned to ${align} from ${a}`);
            fill(a.heap, p, size, 1);
            out.push([p, size]);
          }
        }
      }
      out.sort(([p], [q]) => p - q);
      for (let i = 1; i < out.length; i++) assert(out[i - 1][0] + out[i - 1][1] <= out[i][0]);
      const z = std.zbytealloc(300, Math.min(most, 4096));
      assert(a.heap.u8.subarray(z, z + 300).every((byte) => byte === 0));
      assertThrows(
        () => bytealloc(10, 2 * most),
        RangeError,
        `must be a power of two from 1 to ${most}`,
      );
      for (const [p, size] of out) bytefree(p, size);
      bytefree(z, 300);
    });
  }
  assertAllFree(heap);
  for (
    const stack of [bonwick(mmap(heap)), layers.bigcache(mmap(heap)), bare(mmap(heap)), layers.std()] as AnyLayer[]
  ) {
    enter(init(stack), () => {
      for (const allocate of [bytealloc, std.bytealloc, std.zbytealloc]) {
        assertThrows(
          () => allocate(10, 32),
          RangeError,
          "alignment must be a power of two from 1 to 16, as the stack can, got 32",
        );
      }
    });
  }
  assertAllFree(heap);
});
