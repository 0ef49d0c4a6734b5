import {
  type Allocator,
  batch,
  bytealloc,
  bytefree,
  check,
  chunk,
  enter,
  enterAsync,
  escape,
  ground,
  init,
} from "../mod.ts";
import { LeakError, mmap, next, pipe, type Stats, stats, top } from "../mod.ts";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, random } from "./kit.ts";

const arena = (heap = freshHeap()) => init(stats(chunk(batch(mmap(heap)), 4096)));
const sleep = (ms = 0) => new Promise<void>((done) => setTimeout(done, ms));
const count = (a: Allocator<Stats<never>> | ReturnType<typeof ground>) => a.gauge().nalloc;

Deno.test("async: a region is kept across every await", async () => {
  const heap = freshHeap(), a = arena(heap), before = count(ground());
  const result = await enterAsync(a, async () => {
    bytealloc(1);
    await null;
    assertStrictEquals(top(), a as unknown);
    bytealloc(1);
    await sleep();
    bytealloc(1);
    for await (const _ of [1, Promise.resolve(2)]) bytealloc(1);
    await Promise.all([sleep().then(() => bytealloc(1)), (async () => (await sleep(), bytealloc(1)))()]);
    await new Promise<void>((done) => queueMicrotask(() => (bytealloc(1), done())));
    return "result";
  });
  assertEquals(result, "result");
  assertEquals([count(a as never), count(ground()) - before], [8, 0]);
  assert(a.closed);
  assertStrictEquals(top(), ground());
  assertAllFree(heap);
});

Deno.test("async: hundreds interleaved, each in its own region", async () => {
  const heap = freshHeap(), pick = random(4), before = count(ground());
  const regions = Array.from({ length: 300 }, () => arena(heap));
  await Promise.all(regions.map((a, i) =>
    enterAsync(a, async () => {
      const mine: [p: number, size: number][] = [];
      let counted = 0;
      const allocate = (n: number) => {
        for (; n > 0; n--, counted++) {
          const size = 1 + pick(200), p = bytealloc(size);
          fill(heap, p, size, i);
          mine.push([p, size]);
        }
      };
      for (let step = 0; step < 8; step++) {
        allocate(1 + pick(5));
        if (pick(2)) await sleep(pick(3));
        else await null;
        assertStrictEquals(top(), a as unknown);
        // A region inside, and out of it again
        enter(arena(), () => {
          bytealloc(10);
          assertStrictEquals(next(), a as unknown);
          escape(() => {
            assertStrictEquals(top(), a as unknown);
            allocate(1);
          });
        });
        if (step === 4) {
          const inner = arena();
          await enterAsync(inner, async () => {
            bytealloc(10);
            await sleep(pick(2));
            bytealloc(10);
            assertStrictEquals(next(), a as unknown);
            escape(() => allocate(1));
            escape(() => escape(() => assertStrictEquals(top(), ground())));
            assertStrictEquals(top(), inner as unknown);
          });
          assertEquals(count(inner as never), 2);
        }
      }
      for (const [p, size] of mine) assertFilled(heap, p, size, i);
      assertEquals(count(a as never), counted);
    })
  ));
  assert(regions.every((a) => a.closed));
  assertEquals(count(ground()), before);
  assertStrictEquals(top(), ground());
  assertAllFree(heap);
});

Deno.test("async: who is not inside allocates from the ground region meanwhile", async () => {
  const a = arena(), before = count(ground());
  const running = enterAsync(a, async () => {
    for (let i = 0; i < 5; i++) {
      bytealloc(1);
      await sleep(1);
    }
  });
  assertStrictEquals(top(), ground());
  for (let i = 0; i < 5; i++) {
    const p = bytealloc(1);
    await sleep(1);
    bytefree(p, 1);
  }
  const b = arena();
  enter(b, () => (bytealloc(1), assertStrictEquals(next(), ground())));
  await running;
  assertEquals([count(a as never), count(b as never), count(ground()) - before], [5, 1, 5]);
});

Deno.test("async: started inside a synchronous region, and that region goes on", async () => {
  const [outer, inner] = [arena(), arena()];
  const running = enter(outer, () => {
    const running = enterAsync(inner, async () => {
      bytealloc(1);
      assertStrictEquals(next(), outer as unknown);
      escape(() => bytealloc(1));
      enter(arena(), () => bytealloc(1));
      assertStrictEquals(top(), inner as unknown);
      await sleep();
      bytealloc(1);
      // The region outside has been closed
      assertThrows(() => escape(() => bytealloc(1)), Error, "Cannot escape to the allocator ");
    });
    assertStrictEquals(top(), outer as unknown);
    bytealloc(1);
    return { running };
  });
  assertStrictEquals(top(), ground());
  await running.running;
  assertEquals([count(outer as never), count(inner as never)], [2, 2]);
});

Deno.test("async: a body that is not asynchronous", async () => {
  const a = arena();
  assertEquals(await enterAsync(a, () => (bytealloc(1), 5)), 5);
  assert(a.closed);
});

Deno.test("async: rejects with what the body threw, and the region is cleaned up", async () => {
  const heap = freshHeap();
  const leaky = () => init(check(stats(batch(mmap(heap)))));
  const a = leaky(), b = leaky(), c = leaky();
  await assertRejects(
    () =>
      enterAsync(a, async () => {
        bytealloc(10);
        await sleep();
        throw new RangeError("the body's");
      }),
    RangeError,
    "the body's",
  );
  await assertRejects(
    () =>
      enterAsync(b, () => {
        bytealloc(10);
        throw new RangeError("at once");
      }),
    RangeError,
    "at once",
  );
  assertEquals(
    (await assertRejects(() => enterAsync(c, async () => (await sleep(), bytealloc(10))), LeakError)).bytes,
    10,
  );
  assert(a.closed && b.closed && c.closed);
  assertStrictEquals(top(), ground());
  assertAllFree(heap);
});

Deno.test("async: an allocator serves one region at a time, once", async () => {
  const a = arena();
  await enterAsync(a, async () => {
    await sleep();
    assertThrows(() => enter(a, () => 1), Error, "it serves a region already");
    await assertRejects(() => enterAsync(a, sleep), Error, "it serves a region already");
    assertThrows(() => a.deinit(), Error, "it serves a region already");
    assertStrictEquals(top(), a as unknown);
  });
  await assertRejects(() => enterAsync(a, sleep), Error, "it has been closed");
  assertStrictEquals(top(), ground());
});

Deno.test('async: what is waited for only through its "then" runs in the region, too', async () => {
  const before = count(ground()), a = arena();
  const lazy = { then: (done: (p: number) => void) => done(bytealloc(10)) };
  assert(await enterAsync(a, () => lazy as unknown as Promise<number>) > 0);
  assertEquals([count(ground()), a.gauge().nalloc], [before, 1]);
});

Deno.test("async: allocating after the region was closed is a clear error", async () => {
  for (const others of [false, true]) {
    const stop = Promise.withResolvers<void>();
    const other = others ? enterAsync(arena(), () => stop.promise) : undefined;
    const before = count(ground());
    const go = Promise.withResolvers<void>();
    let detached: Promise<void>;
    await enterAsync(arena(), async () => {
      detached = (async () => {
        await go.promise;
        const closed = "Cannot use the allocator stats(chunk(batch(mmap), 4096)): it has been closed";
        assertThrows(() => bytealloc(10), Error, closed);
        assertThrows(() => bytefree(16, 10), Error, closed);
        enter(arena(), () => {
          bytealloc(1);
          assertThrows(() => escape(() => bytealloc(10)), Error, closed.replace("use", "escape to"));
        });
      })();
      await sleep();
    });
    go.resolve();
    await detached!;
    stop.resolve();
    await other;
    assertEquals(count(ground()), before);
  }
});

Deno.test("async: a pipe goes to the region of the task that made it", async () => {
  const heap = freshHeap();
  await Promise.all([1, 2, 3].map(async (n) => {
    const a = arena(heap);
    await enterAsync(a, async () => {
      await sleep();
      const piped = init(pipe(heap));
      await enterAsync(piped, async () => {
        await sleep(n);
        for (let i = 0; i < n; i++) bytealloc(10);
      });
      assertEquals(count(a as never), n);
    });
  }));
  assertAllFree(heap);
});

Deno.test("async: a synchronous program after asynchronous ones is back to normal", async () => {
  await enterAsync(arena(), sleep);
  const before = ground().gauge(), a = arena();
  assertStrictEquals(top(), ground());
  const p = bytealloc(10);
  enter(a, () => {
    bytealloc(10);
    assertStrictEquals(next(), ground());
    escape(() => bytefree(p, 10));
  });
  assertEquals(ground().gauge(), {
    ...before,
    nalloc: before.nalloc + 1,
    nfree: before.nfree + 1,
    szalloc: before.szalloc + 10,
    szfree: before.szfree + 10,
    watermark: ground().gauge().watermark,
  });
  assertEquals(count(a as never), 1);
});
