// Guests in the regions of asynchronous tasks, and after there has been one
import {
  type AnyAllocator,
  check,
  enter,
  enterAsync,
  general,
  init,
  LeakError,
  stats,
  std,
  top,
  trace,
} from "../mod.ts";
import { failuresOf, leakFree, withRegion } from "../testing/mod.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "./assert.ts";
import { each, make, out, OWN, WAYS } from "./guest_kit.ts";

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

each(WAYS, "guest_async: tasks that run at the same time, each with a stack of its own", async (way) => {
  const { g, x } = make(way);
  const stacks: (() => AnyAllocator)[] = [
    () => g.arena(),
    () => init(stats(general(g.heap))) as AnyAllocator,
    () => init(stats(g.bottom)) as AnyAllocator,
    () => init(trace(stats(g.bottom))) as AnyAllocator,
  ];
  const allocators = stacks.concat(stacks).map((make) => make());
  x.do_malloc(3);
  await Promise.all(allocators.map((a, i) =>
    enterAsync(a, async () => {
      const blocks: number[] = [];
      for (let n = 0; n < 5; n++) {
        blocks.push(x.do_malloc(100 * (i + 1) + n));
        await sleep(n % 2);
        enter(g.arena(), () => x.do_malloc(50));
        blocks.push(x.do_realloc(blocks.shift()!, 1000));
        if (n === 2) x.do_free(blocks.pop()!);
        await 0;
        assertEquals(out(a.gauge())[0], blocks.length);
      }
      for (const p of blocks) x.do_free(p);
      assertEquals(out(a.gauge()), [0, 0]);
    })
  ));
  assertEquals(allocators.map((a) => a.gauge().nalloc >= 5 && a.closed), allocators.map(() => true));
  assertEquals(g.gauge(), { nalloc: 1, nfree: 0, szalloc: 3, szfree: 0, watermark: 3 });
  x.do_malloc(4);
  assertEquals(g.gauge().nalloc, 2);
});

each(WAYS, "guest_async: while others are in regions, the ground is whose it was", async (way) => {
  const { g, x } = make(way), a = g.arena();
  let go = () => {};
  const task = enterAsync(a, async () => {
    x.do_malloc(10);
    await new Promise<void>((done) => go = done);
    x.do_malloc(10);
  });
  x.do_malloc(20);
  enter(g.arena(), () => x.do_malloc(30));
  assertEquals(g.gauge().szalloc, 20);
  go();
  await task;
  assertEquals(a.gauge().szalloc, 20);
  x.do_malloc(20);
  assertEquals(g.gauge().szalloc, 40);
});

each(OWN, "guest_async: everything is as it was after there have been tasks", (way) => {
  const { g, x } = make(way);
  assertEquals(x.balanced(100, 24), 14850);
  const a = g.arena();
  enter(a, () => assertEquals(x.tree_count(x.tree_make(6)), 127));
  assertEquals(a.gauge().nalloc, 127);
  const p = x.text_make(2000);
  assertEquals(x.text_check(p), 2000);
  enter(g.arena(), () => x.text_free(p));
  assertEquals(out(g.gauge()), [0, 0]);
  assertThrows(() => x.trap(2, 10), WebAssembly.RuntimeError);
  assertEquals(out(g.gauge()), [2, 20]);
});

each(OWN, "guest_async: leakFree, synchronous and not", async (way) => {
  const { g, x } = make(way);
  leakFree(() => x.balanced(100, 24))();
  const e = assertThrows(() => leakFree(() => x.leak(2, 24))(), LeakError, "2 of 2 blocks, 48 B");
  assertStringIncludes(e.message, "malloc <- leak");
  await Promise.all([3, 1, 2].map(async (ms) => {
    await leakFree(async () => {
      const p = x.do_malloc(10 * ms);
      await sleep(ms);
      x.do_free(p);
    })();
    const e = await assertRejects(() =>
      leakFree(async () => {
        await sleep(ms);
        x.do_malloc(10 * ms);
        await sleep(1);
      })(), LeakError);
    assertEquals(e.bytes, 10 * ms);
  }));
  assertEquals(out(g.gauge()), [5, 108]); // which the tests have left
});

each(OWN, "guest_async: leakFree: what a test leaves may be freed later, and what was there before in it", (way) => {
  const { g, x } = make(way), before = x.do_malloc(100);
  let left = 0, other = 0;
  assertThrows(
    () =>
      leakFree(() => {
        x.do_free(before);
        left = x.do_malloc(50);
        other = x.do_malloc(60);
      })(),
    LeakError,
    "2 of 2 blocks, 110 B",
  );
  x.do_free(left);
  leakFree(() => x.do_free(other))();
  assertEquals(out(g.gauge()), [0, 0]);
});

each(OWN, "guest_async: leakFree: run again to see where, and what is meant to stay", (way) => {
  const { x } = make(way);
  const e = assertThrows(() => leakFree(() => x.deep_outer(24), { again: true })(), LeakError, "1 of 1 blocks, 24 B");
  assertStringIncludes(e.message, "malloc <- deep_inner <- deep_middle <- deep_outer");
  let runs = 0;
  const once = assertThrows(() => leakFree(() => runs++ === 0 && x.leak(1, 8), { again: true })(), LeakError);
  assertStringIncludes(once.message, "a second run, to see where, left nothing");
  leakFree(() => x.balanced(10, 24), { again: true })();
  leakFree(() => x.deep_outer(24), { suppress: ["fn:deep_middle"] })();
  assertThrows(() => leakFree(() => x.deep_outer(24), { suppress: ["fn:deep_middl"] })(), LeakError);
  const rest = assertThrows(() =>
    leakFree(() => {
      x.deep_outer(24);
      x.leak(2, 100);
    }, { suppress: ["fn:deep_outer"] })(), LeakError);
  assertEquals([rest.blocks, rest.bytes], [2, 200]);
});

each(OWN, "guest_async: leakFree in leakFree, and regions on the guest's heap in one", (way) => {
  const { g, x } = make(way);
  leakFree(() => {
    assertThrows(() => leakFree(() => x.do_malloc(10))(), LeakError, "1 of 1 blocks, 10 B");
    assertThrows(() => enter(init(check(stats(g.bottom))), () => x.do_malloc(20)), LeakError, "20 B");
    enter(g.arena(), () => x.do_malloc(30));
  }, { suppress: ["fn:do_malloc"] })();
});

each(OWN, "guest_async: leakFree: an error of the test is the one that is thrown", (way) => {
  const { x } = make(way);
  const e = assertThrows(() => leakFree(() => x.trap(2, 50))(), WebAssembly.RuntimeError);
  assertStringIncludes(String((e.cause as Error).message), "2 of 2 blocks, 100 B");
});

each(OWN, "guest_async: withRegion", (way) => {
  const { g, x } = make(way), hooks: Record<string, () => void> = {};
  const suite = withRegion({
    beforeEach: (f) => void (hooks.before = f),
    afterEach: (f) => void (hooks.after = f),
  });
  hooks.before();
  assert(suite.allocator === top());
  x.balanced(10, 24);
  hooks.after();
  hooks.before();
  x.leak(1, 24);
  const { error } = console;
  console.error = () => {};
  try {
    assertThrows(hooks.after, LeakError, "1 of 1 blocks, 24 B");
  } finally {
    console.error = error;
  }
  x.leak(1, 24);
  assertEquals(out(g.gauge()), [2, 48]);
});

each(OWN, "guest_async: failuresOf has nothing to do with guests", (way) => {
  const { g, x } = make(way);
  let runs = 0;
  failuresOf(() => {
    runs++;
    x.balanced(10, 24);
    std.bytefree(std.bytealloc(8), 8);
  })();
  assert(runs > 0);
  assertEquals(out(g.gauge()), [0, 0]);
});

each(OWN, "guest_async: a task that has outlived its region is served by what is outside", async (way) => {
  const { g, x } = make(way);
  let late: Promise<unknown> = Promise.resolve();
  await enterAsync(g.arena(), () => {
    late = sleep(2).then(() => x.do_malloc(10));
    return Promise.resolve();
  });
  assert(await late);
  assertEquals(out(g.gauge()), [1, 10]);
});
