import {
  Allocator,
  type AnyLayer,
  batch,
  bonwick,
  bytealloc,
  bytefree,
  byteresize,
  check,
  chunk,
  enter,
  enterAsync,
  escape,
  ground,
  heap as defaultHeap,
  init,
  LeakError,
  mmap,
  next,
  stats,
  std,
  top,
} from "../mod.ts";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap } from "./kit.ts";

const arena = () => init(stats(chunk(batch(mmap(freshHeap())), 4096)));
const count = (a: { gauge(): { nalloc: number } }) => a.gauge().nalloc;

class Boom extends Error {}
const boom = () => {
  throw new Boom("the body's");
};

Deno.test("region: the program starts in the ground region", () => {
  assertStrictEquals(top(), ground());
  assertStrictEquals(ground().heap, defaultHeap);
  const before = ground().gauge(), p = bytealloc(100);
  assertEquals(ground().gauge().szalloc, before.szalloc + 100);
  bytefree(p, 100);
  assertEquals(ground().gauge().szfree, before.szfree + 100);
  assertMatch(String(ground()), /^stats .*allocated.*\n(?:shadow .*\n)?bonwick\nbatch\nmmap$/);
});

Deno.test("region: serves every allocation inside, and frees it behind", () => {
  for (const lends of [false, true]) { // with a window to bump through, and through the layers
    const heap = lends ? defaultHeap : freshHeap(), before = heap.free.pages;
    const stack: AnyLayer = lends ? chunk(batch(mmap(heap)), 4096) : bonwick(mmap(heap)), a = init(stack);
    const result = enter(a, () => {
      assertStrictEquals(top(), a as unknown);
      const blocks = Array.from({ length: 1000 }, (_, i) => bytealloc(i % 90));
      assertEquals(new Set(blocks).size, 1000);
      for (const p of blocks) assertEquals(p % 16, 0);
      bytefree(blocks[7], 7);
      return "result";
    });
    assertEquals(result, "result");
    assert(a.closed);
    assertStrictEquals(top(), ground());
    if (!lends) assertAllFree(heap);
    else assert(heap.free.pages >= before);
  }
});

Deno.test("region: the lent window and the layers take turns, and do not overlap", () => {
  const a = init(chunk(batch(mmap()), 4096)), out: [p: number, size: number][] = [];
  enter(a, () => {
    for (let i = 0; i < 300; i++) {
      const size = 1 + i * 13 % 500;
      out.push([i % 3 ? bytealloc(size, 1 << i % 5) : a.get(size), size]);
    }
  });
  out.sort(([p], [q]) => p - q);
  for (let i = 1; i < out.length; i++) assert(out[i - 1][0] + out[i - 1][1] <= out[i][0]);
});

Deno.test("region: nests, and each region gets its own", () => {
  const regions = Array.from({ length: 50 }, arena);
  const descend = (depth: number): void => {
    if (depth === regions.length) return;
    enter(regions[depth], () => {
      assertStrictEquals(top(), regions[depth]);
      bytealloc(10);
      descend(depth + 1);
      bytealloc(10);
      assertStrictEquals(top(), regions[depth]);
      assertStrictEquals(next(), depth === 0 ? ground() : regions[depth - 1]);
    });
  };
  descend(0);
  assertEquals(regions.map(count), regions.map(() => 2));
  assert(regions.every((a) => a.closed));
});

Deno.test("region: escape allocates outside, and escape in escape further out", () => {
  const [a, b, c] = [arena(), arena(), arena()], before = count(ground());
  enter(a, () => {
    enter(b, () => {
      enter(c, () => {
        assertEquals(escape(() => (bytealloc(1), "out")), "out");
        escape(() => {
          bytealloc(1);
          escape(() => {
            bytealloc(1);
            escape(() => {
              bytealloc(1);
              assertStrictEquals(top(), ground());
            });
            assertStrictEquals(top(), a);
          });
          assertStrictEquals(top(), b);
        });
        bytealloc(1);
        assertStrictEquals(top(), c);
      });
    });
  });
  assertEquals([count(c), count(b), count(a), count(ground()) - before], [1, 2, 1, 1]);
});

Deno.test("region: what escaped outlives the region", () => {
  const heap = freshHeap(), outer = init(chunk(batch(mmap(heap)), 4096));
  enter(outer, () => {
    const p = enter(init(chunk(batch(mmap(heap)), 4096)), () => {
      bytealloc(100);
      return escape(() => bytealloc(4));
    });
    heap.u32[p >>> 2] = 42;
    enter(init(chunk(batch(mmap(heap)), 4096)), () => fill(heap, bytealloc(3000), 3000, 7));
    assertEquals(heap.u32[p >>> 2], 42);
  });
  assertAllFree(heap);
});

Deno.test("region: entered while escaping, a region lies in the one outside", () => {
  const [a, b, c] = [arena(), arena(), arena()];
  enter(a, () =>
    enter(b, () =>
      escape(() =>
        // in a
        enter(c, () => {
          bytealloc(1);
          assertStrictEquals(next(), a);
          escape(() => assertStrictEquals(top(), a));
        })
      )));
  assertEquals([count(a), count(b), count(c)], [0, 0, 1]);
});

Deno.test("region: there is none outside the ground region", () => {
  for (const f of [() => escape(() => 1), next, () => enter(arena(), () => escape(() => escape(() => 1)))]) {
    assertThrows(f, Error, "Cannot escape from the ground region: there is none outside");
    assertStrictEquals(top(), ground());
  }
});

Deno.test("region: what the body throws comes out, and the region is cleaned up", () => {
  const heap = freshHeap(), outer = init(stats(chunk(batch(mmap(heap)), 4096)));
  const leaky = () => init(check(stats(batch(mmap(heap)))));
  enter(outer, () => {
    for (const body of [boom, () => (bytealloc(10), boom()), () => escape(boom), () => enter(leaky(), boom)]) {
      const a = leaky(); // closing it would throw a LeakError
      assertThrows(() => enter(a, body), Boom, "the body's");
      assert(a.closed);
      assertStrictEquals(top(), outer);
    }
  });
  assertStrictEquals(top(), ground());
  assertAllFree(heap);
  try {
    enter(arena(), () => {
      throw undefined;
    });
    assert(false);
  } catch (e) {
    assertEquals(e, undefined);
  }
});

Deno.test("region: a leak comes out of enter, after the regions are as before", () => {
  const heap = freshHeap(), a = init(check(stats(batch(mmap(heap)))));
  const e = assertThrows(() => enter(a, () => bytealloc(10)), LeakError);
  assertEquals([e.blocks, e.bytes], [1, 10]);
  assertStrictEquals(top(), ground());
  assert(a.closed);
  assertAllFree(heap);
});

Deno.test("region: an allocator serves one region at a time, once", () => {
  const a = arena();
  enter(a, () => {
    assertThrows(
      () => enter(a, () => 1),
      Error,
      "Cannot enter the allocator stats(chunk(batch(mmap), 4096)): it serves",
    );
    assertThrows(
      () => a.deinit(),
      Error,
      "Cannot close the allocator stats(chunk(batch(mmap), 4096)): it serves a region",
    );
    assertStrictEquals(top(), a);
    bytealloc(10); // as usable as before
  });
  const closed = "the allocator stats(chunk(batch(mmap), 4096)): it has been closed";
  assertThrows(() => enter(a, () => 1), Error, `Cannot enter ${closed}`);
  assertThrows(() => a.get(10), Error, `Cannot use ${closed}`);
  assertThrows(() => a.put(16, 10), Error, `Cannot use ${closed}`);
  assertThrows(() => a.deinit(), Error, `Cannot close ${closed}`);
  assertStrictEquals(top(), ground());
  assertThrows(() => ground().deinit(), Error, "it serves a region already");
  assertThrows(() => enter(ground(), () => 1), Error, "it serves a region already");
});

Deno.test("region: asynchronous bodies are refused, by name", async () => {
  const hint = "Cannot enter a region with an async function: use enterAsync";
  const a = arena();
  let ran = false;
  assertThrows(() => enter(a, async () => await (ran = true)), TypeError, hint);
  assert(!ran && !a.closed);
  // One that returns a promise is found out when it has run
  const b = init(check(stats(batch(mmap(freshHeap())))));
  assertThrows(() => enter(b, () => (bytealloc(10), Promise.resolve(1))), TypeError, hint);
  assert(b.closed);
  assertThrows(() => enter(arena(), () => Promise.reject(new Boom())), TypeError, hint);
  assertThrows(() => enter(arena(), () => ({ then: () => {} })), TypeError, hint);
  enter(a, () => {
    assertThrows(() => escape(async () => {}), TypeError, "Cannot escape with an async function: it must return first");
    assertThrows(() => escape(() => Promise.resolve()), TypeError, "Cannot escape with an async function");
    assertStrictEquals(top(), a);
  });
  await new Promise((done) => setTimeout(done, 0)); // an unhandled rejection would end the test run here
});

Deno.test("region: `using` closes an allocator, unless it is closed", () => {
  const heap = freshHeap();
  {
    using a = init(chunk(batch(mmap(heap)), 4096));
    a.get(10);
  }
  assertAllFree(heap);
  {
    using a = init(chunk(batch(mmap(heap)), 4096));
    enter(a, () => bytealloc(10));
  }
  {
    using a = init(chunk(mmap(heap), 4096));
    a.deinit();
  }
  assertAllFree(heap);
  assertThrows(() => {
    using a = init(check(stats(batch(mmap(heap)))));
    a.get(10);
  }, LeakError);
  assertAllFree(heap);
});

Deno.test("region: an allocator prints its stack and figures, also after it has been closed", () => {
  const a = init(stats(chunk(mmap(freshHeap()), 4096)));
  a.get(100);
  const text = [
    "stats       1 allocated, 0 freed; 100 B allocated, 0 B freed, peak 100 B; 1 live, 100 B",
    "chunk 4096",
    "mmap",
  ].join("\n");
  assertEquals(String(a), text);
  assertEquals(Deno.inspect(a), text);
  assertEquals(Deno.inspect({ a }).includes("chunk 4096"), true);
  a.deinit();
  assertEquals(String(a), text + "\n(closed)");
  assertEquals(Deno.inspect(a), text + "\n(closed)");
  assertEquals(a.gauge().szalloc, 100);
  const inspect = Symbol.for("nodejs.util.inspect.custom");
  assertEquals((a as unknown as Record<symbol, () => string>)[inspect](), text + "\n(closed)");
});

Deno.test("region: an allocator is a layer and a state", () => {
  const heap = freshHeap(), layer = chunk(mmap(heap), 4096), a = init(layer);
  assertInstanceOf(a, Allocator);
  assertStrictEquals(a.layer, layer);
  assertStrictEquals(a.heap, heap);
  assertEquals(a.state, { base: {}, ptr: 0, end: 0, chunks: 0, next: 4096, spare: 0, spared: 0, marks: 0 });
  a.deinit();
});

Deno.test("region: a layer whose init throws leaves everything as it was", () => {
  const heap = freshHeap();
  const broken = { ...mmap(heap), init: boom };
  for (const stack of [broken, stats(broken), chunk(batch(broken), 64)]) {
    assertThrows(() => init(stack as never), Boom);
    assertThrows(() => enter(init(stack as never), () => 1), Boom);
  }
  assertStrictEquals(top(), ground());
  assertAllFree(heap);
});

Deno.test("region: a layer that throws in deinit or get does not keep the region open", () => {
  const heap = freshHeap();
  for (const broken of [{ ...mmap(heap), deinit: boom }, { ...mmap(heap), get: boom }]) {
    const a = init(broken);
    assertThrows(() => enter(a, () => bytealloc(10)), Boom);
    assert(a.closed);
    assertStrictEquals(top(), ground());
  }
});

Deno.test("enter and escape: a generator function is refused, which would run after the region is left", () => {
  const a = init(chunk(mmap(), 4096));
  assertThrows(() => enter(a, function* () {}), TypeError, "Cannot enter a region with a generator function");
  assertThrows(() => enter(a, async function* () {}), TypeError, "use enterAsync");
  enter(a, () => {
    assertThrows(() => escape(function* () {}), TypeError, "Cannot escape with a generator function");
  });
});

Deno.test("region: byteresize resizes in place what the region can", () => {
  for (const heap of [defaultHeap, freshHeap()]) { // with a window, and through the layers
    for (const stack of [chunk(mmap(heap), 4096), stats(chunk(mmap(heap), 4096)), mmap(heap)] as AnyLayer[]) {
      enter(init(stack), () => {
        const p = bytealloc(100);
        fill(heap, p, 100, 7);
        assert(byteresize(p, 100, 3000) && byteresize(p, 3000, 200) && byteresize(p, 200, 200));
        assertFilled(heap, p, 100, 7);
        const q = bytealloc(1);
        assert(q >= p + 200);
        assertEquals([byteresize(p, 200, 5000), byteresize(p, 200, 0), byteresize(q, 1, 2)], [false, true, true]);
        bytefree(q, 2);
        bytefree(p, 0);
      });
    }
    enter(init(batch(mmap(heap))), () => {
      const p = bytealloc(100);
      assertThrows(
        () => byteresize(p, 99, 5),
        RangeError,
        `Cannot resize the block at ${p}: it is not out with 99 bytes`,
      );
      assert(byteresize(p, 100, 5));
      bytefree(p, 5);
    });
  }
});

Deno.test("region: byteresize says no where the region cannot, and nothing has changed", () => {
  const heap = freshHeap(),
    { init: start, deinit, get, put } = mmap(heap),
    a = init(stats({ heap, init: start, deinit, get, put }));
  enter(a, () => {
    const p = bytealloc(100), before = a.gauge();
    assertEquals([byteresize(p, 100, 101), byteresize(p, 100, 99), byteresize(p, 100, 100)], [false, false, true]);
    assertEquals(a.gauge(), before);
    bytefree(p, 100);
  });
  assertAllFree(heap);
  const p = bytealloc(200), { szalloc } = ground().gauge();
  assertEquals([byteresize(p, 200, 210), byteresize(p, 210, 257)], [true, false]); // of the bucket of 256
  assertEquals(ground().gauge().szalloc, szalloc + 10);
  bytefree(p, 210);
});

Deno.test("region: byteresize is of the current region, whichever that is", () => {
  enter(init(chunk(mmap(), 4096)), () => {
    const p = bytealloc(100);
    enter(init(chunk(mmap(), 4096)), () => {
      const q = bytealloc(100);
      assert(!byteresize(p, 100, 200) && byteresize(q, 100, 200));
      escape(() => assert(byteresize(p, 100, 200) && !byteresize(q, 200, 300)));
    });
    assert(byteresize(p, 200, 300));
  });
});

Deno.test("region: byteresize refuses what is no block and no size", () => {
  enter(init(chunk(mmap(), 4096)), () => {
    const p = bytealloc(100);
    for (const wrong of [0, -1, 0.5, NaN, Infinity, 2 ** 32]) {
      assertThrows(() => byteresize(wrong, 100, 200), RangeError, "Cannot resize: address must be an integer");
      if (wrong === 0) continue;
      assertThrows(() => byteresize(p, wrong, 200), RangeError, "Cannot resize: old size in bytes must be an integer");
      assertThrows(() => byteresize(p, 100, wrong), RangeError, "Cannot resize: new size in bytes must be an integer");
    }
    assert(byteresize(p, 100, 200));
  });
});

Deno.test("region: what a task asks for that has outlived its region throws", async () => {
  for (const stack of [chunk(mmap(), 4096), mmap()] as AnyLayer[]) {
    const late = Promise.withResolvers<void>();
    let refused = Promise.resolve<Error[]>([]);
    await enterAsync(init(stack), () => {
      const p = bytealloc(100), xs = std.slalloc(std.u8, 100);
      const requests = [
        () => byteresize(p, 100, 200),
        () => byteresize(p, 100, 100),
        () => byteresize(p, 100, 50),
        () => std.realloc(p, 100, 200),
        () => std.slgrow(xs, 200),
        () => bytealloc(1),
      ];
      refused = late.promise.then(() => requests.map((f) => assertThrows(f, Error)));
      return Promise.resolve();
    });
    late.resolve();
    for (const e of await refused) assertMatch(e.message, /^Cannot use the allocator .*: it has been closed$/);
  }
});

Deno.test("region: the ground cannot be reset, as anybody may have blocks there", () => {
  const p = bytealloc(100), before = ground().gauge();
  assertThrows(() => ground().reset(), Error, "Cannot reset the ground region");
  assertEquals(ground().gauge(), before);
  bytefree(p, 100);
});
