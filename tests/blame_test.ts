// Regions with a check of their own: each is told of what it has leaked, with the lines that allocated it
import {
  type AnyAllocator,
  bonwick,
  bytealloc,
  bytefree,
  check,
  chunk,
  enter,
  enterAsync,
  escape,
  ground,
  type Heap,
  init,
  LeakError,
  mmap,
  next,
  pipe,
  stats,
  std,
  top,
  trace,
} from "../mod.ts";
import { parseCallStack } from "../call_stack.ts";
import { leakFree } from "../testing/mod.ts";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap } from "./kit.ts";

const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

const checked = (heap?: Heap) => init(check(trace(stats(bonwick(mmap(heap))))));

/** The functions that leaked, with how many blocks and bytes. */
const leaks = (e: LeakError) => e.sites.map(({ count, bytes, frames }) => [frames[0].name, count, bytes]);

/** What a region of `a` is closed with, or undefined. */
function leakOf(f: () => unknown): LeakError | undefined {
  try {
    f();
  } catch (e) {
    if (e instanceof LeakError) return e;
    throw e;
  }
}

Deno.test("blame: a region says what it has leaked, and who allocated it", () => {
  const heap = freshHeap();
  const parse = () => std.str("a text that nobody frees"), table = () => bytealloc(5000);
  const e = assertThrows(() =>
    enter(checked(heap), () => {
      std.slfree(parse());
      parse();
      table();
      bytefree(table(), 5000);
    }), LeakError);
  assertEquals(leaks(e), [["table", 1, 5000], ["parse", 1, 24]]);
  assert(e.message.startsWith("Cannot close as free of leaks: 2 of 4 blocks, 5,024 B, still out\n  1 block, 5,000 B"));
  for (const { frames } of e.sites) {
    assertEquals(frames.slice(0, 3).map(({ file }) => file), Array(3).fill(import.meta.url));
  }
  assertEquals(parseCallStack(e.stack!)[0].file, import.meta.url);
  assertAllFree(heap);
});

Deno.test("blame: it does not matter in which order check, trace and stats are", () => {
  const leak = () => bytealloc(10);
  const stacks = [
    () => check(trace(stats(bonwick(mmap())))),
    () => check(stats(trace(bonwick(mmap())))),
    () => trace(check(stats(bonwick(mmap())))) as never,
    () => stats(check(trace(stats(bonwick(mmap()))))) as never,
  ];
  for (const [i, stack] of stacks.entries()) {
    const a = init(stack()) as AnyAllocator, e = leakOf(() => enter(a, leak))!;
    assertEquals([e.blocks, e.bytes], [1, 10]);
    assertEquals(leaks(e), i === 2 ? [] : [["leak", 1, 10]]); // a check below trace does not see it
    assertEquals(a.sites()[0].frames[0].name, "leak");
  }
});

Deno.test("blame: an error that is no finding of a layer's, but a mistake in it, keeps its own call stack", () => {
  const base = mmap(freshHeap());
  const mistaken = {
    ...base,
    deinit: function mistake(s: ReturnType<typeof base.init>) {
      base.deinit(s);
      throw new TypeError("a mistake");
    },
  };
  for (
    const close of [
      () => enter(init(mistaken), () => {}),
      () => init(mistaken).deinit(),
      leakFree(() => {}, mistaken),
    ]
  ) {
    const e = assertThrows(close, TypeError, "a mistake");
    assert(parseCallStack(e.stack!).some(({ name }) => name.includes("mistake")), e.stack);
  }
});

Deno.test("blame: of regions in regions, the one that has leaked", () => {
  const inner = () => bytealloc(10), outer = () => bytealloc(20);
  for (const [innerLeaks, outerLeaks] of [[true, false], [false, true], [true, true], [false, false]]) {
    let inside: LeakError | undefined;
    const outside = leakOf(() =>
      enter(checked(), () => {
        const p = outer();
        inside = leakOf(() =>
          enter(checked(), () => {
            const q = inner();
            if (!innerLeaks) bytefree(q, 10);
          })
        );
        if (!outerLeaks) bytefree(p, 20);
      })
    );
    assertEquals(inside && leaks(inside), innerLeaks ? [["inner", 1, 10]] : undefined);
    assertEquals(outside && leaks(outside), outerLeaks ? [["outer", 1, 20]] : undefined);
  }
});

Deno.test("blame: an inner region's leak that nobody catches comes out of the outer, which is closed", () => {
  const heap = freshHeap(), a = checked(heap), b = checked(heap), inner = () => bytealloc(10);
  const e = assertThrows(() => enter(a, () => enter(b, inner)), LeakError);
  assertEquals(leaks(e), [["inner", 1, 10]]);
  assertEquals([a.closed, b.closed, top()], [true, true, ground()]);
  assertAllFree(heap);
});

Deno.test("blame: what has escaped belongs to the region that it escaped to", () => {
  const result = () => bytealloc(10), scratch = () => bytealloc(20), far = () => bytealloc(30);
  const errors: Record<string, LeakError | undefined> = {};
  errors.outermost = leakOf(() =>
    enter(checked(), () => {
      errors.middle = leakOf(() =>
        enter(checked(), () => {
          errors.inner = leakOf(() =>
            enter(checked(), () => {
              scratch();
              escape(() => {
                result();
                escape(far);
              });
            })
          );
        })
      );
    })
  );
  assertEquals(Object.entries(errors).map(([region, e]) => [region, leaks(e!)]), [
    ["inner", [["scratch", 1, 20]]],
    ["middle", [["result", 1, 10]]],
    ["outermost", [["far", 1, 30]]],
  ]);
});

Deno.test("blame: what has escaped and is freed outside is no leak", () => {
  const silent = enter(checked(), () => {
    const p = enter(checked(), () => escape(() => bytealloc(10)));
    bytefree(p, 10);
    return true;
  });
  assert(silent);
});

Deno.test("blame: an arena in a region asks the region through pipe, whose leak is where the arena grew", () => {
  const grow = () => bytealloc(10);
  enter(checked(), () => enter(init(chunk(pipe(), 4096)), grow)); // the arena gives its chunks back
  const a = checked(), arena = chunk(pipe(), 4096);
  const e = assertThrows(() =>
    enter(a, () => {
      const s = arena.init();
      const keep = () => arena.get(s, 10);
      keep();
      keep();
    }), LeakError);
  assertEquals([leaks(e), e.blocks], [[["keep", 1, e.bytes]], 1]); // a chunk, for both
});

Deno.test("blame: the body's error comes out, and not the leak", () => {
  for (const thrown of [new RangeError("the body's"), new LeakError(init(stats(mmap())).gauge())]) {
    const heap = freshHeap(), a = checked(heap);
    const e = assertThrows(() =>
      enter(a, () => {
        bytealloc(10);
        throw thrown;
      })
    );
    assertStrictEquals<unknown>(e, thrown);
    assertEquals([a.closed, a.gauge().nalloc, a.sites().length, top()], [true, 1, 1, ground()]);
    assertAllFree(heap);
  }
  assertStrictEquals(thrownBy(() => enter(checked(), () => rethrow("text"))), "text");
  assertStrictEquals(thrownBy(() => enter(checked(), () => rethrow(undefined))), undefined);

  function rethrow(what: unknown): never {
    bytealloc(1);
    throw what;
  }
  function thrownBy(f: () => unknown): unknown {
    try {
      f();
    } catch (e) {
      return e;
    }
    throw new Error("nothing was thrown");
  }
});

Deno.test("blame: an inner body's error comes out of all regions, each of which is closed", () => {
  const heap = freshHeap(), regions = [1, 2, 3].map(() => checked(heap)), body = new RangeError("the body's");
  const nest = (i: number): never => {
    bytealloc(10);
    if (i < regions.length) return enter(regions[i], () => nest(i + 1));
    throw body;
  };
  assertStrictEquals<unknown>(assertThrows(() => enter(regions[0], () => nest(1))), body);
  assertEquals(regions.map(({ closed }) => closed), [true, true, true]);
  assertAllFree(heap);
});

Deno.test("blame: of async regions, the one that has leaked, by the functions that did", async () => {
  const read = async () => {
    await sleep(1);
    return bytealloc(10);
  };
  const task = async () => {
    bytefree(await read(), 10);
    await read();
  };
  const e = await assertRejects(async () => await enterAsync(checked(), task), LeakError);
  assertEquals(leaks(e), [["read", 1, 10]]);
  assertEquals(e.sites[0].frames.slice(0, 2).map(({ name }) => name), ["read", "task"]);
  assertEquals(parseCallStack(e.stack!)[0].file, import.meta.url);
  assertEquals(await enterAsync(checked(), async () => bytefree(await read(), 10)), undefined);
});

Deno.test("blame: of tasks that interleave, each is told of its own", async () => {
  const heap = freshHeap(), n = 40;
  const steps = [0, 1, 2].map((i) => ({ [`leak${i}`]: (size: number) => bytealloc(size) })[`leak${i}`]);
  const task = async (i: number) => {
    await enterAsync(checked(heap), async () => {
      const mine: number[] = [];
      for (let step = 0; step < 6; step++) {
        mine.push(bytealloc(i + 1));
        if (step % 2 === 0) await sleep((i * 7 + step) % 4);
        else await null;
        enter(init(chunk(mmap(heap), 4096)), () => {
          bytealloc(1);
          if (step === 3) mine.push(escape(() => bytealloc(i + 1)));
        });
      }
      if (i % 4 !== 3) {
        const leak = steps[i % 4];
        leak(1000 + i);
      }
      await sleep(i % 3);
      for (const p of mine) bytefree(p, i + 1);
    });
  };
  const results = await Promise.allSettled(Array.from({ length: n }, (_, i) => task(i)));
  for (const [i, result] of results.entries()) {
    if (i % 4 === 3) {
      assertEquals(result, { status: "fulfilled", value: undefined });
      continue;
    }
    assert(result.status === "rejected" && result.reason instanceof LeakError, `task ${i}`);
    assertEquals([result.reason.blocks, ...leaks(result.reason)], [1, [`leak${i % 4}`, 1, 1000 + i]]);
  }
  assertStrictEquals(top(), ground());
  assertAllFree(heap);
});

Deno.test("blame: what an async task escapes belongs to the region around it", async () => {
  const outer = checked(), far = () => bytealloc(30);
  const e = await assertRejects(() =>
    enterAsync(outer, async () => {
      await enterAsync(checked(), async () => {
        await sleep(1);
        assertStrictEquals(next(), outer as AnyAllocator);
        escape(far);
      });
    }), LeakError);
  assertEquals(leaks(e), [["far", 1, 30]]);
});

Deno.test("blame: an async body's error comes out, and not the leak", async () => {
  const heap = freshHeap(), a = checked(heap), body = new RangeError("the body's");
  const e = await assertRejects(() =>
    enterAsync(a, async () => {
      bytealloc(10);
      await sleep(1);
      throw body;
    })
  );
  assertStrictEquals<unknown>(e, body);
  assertEquals([a.closed, a.sites().length], [true, 1]);
  assertAllFree(heap);
  const rejected = await assertRejects(() =>
    enterAsync(checked(heap), () => {
      bytealloc(10);
      return Promise.reject(body);
    })
  );
  assertStrictEquals<unknown>(rejected, body);
});

Deno.test("blame: a task that goes on after its region was closed is told so, and the next region is not blamed", async () => {
  let late: Promise<unknown> = Promise.resolve();
  await enterAsync(checked(), () => {
    late = assertRejects(() => sleep(5).then(() => bytealloc(10)), Error, "it has been closed");
  });
  await enterAsync(checked(), () => sleep(10));
  await late;
});

Deno.test("blame: the ground region is not blamed for what regions do", () => {
  const before = ground().gauge();
  leakOf(() => enter(checked(), () => bytealloc(10)));
  enter(checked(), () => bytefree(bytealloc(10), 10));
  assertEquals(ground().gauge(), before);
});
