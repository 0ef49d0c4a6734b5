import { arena, bytealloc, bytefree, enterAsync, general, ground, init, LeakError, std, top } from "../mod.ts";
import { assertGauge, leakFree, type TestHooks, withRegion } from "../testing/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "./assert.ts";
import { assertSnapshot, testOutput } from "./output/snapshot.ts";

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** A test runner: calls the hooks around each test, those after it last first, as Deno does, or first first. */
class Runner implements TestHooks {
  readonly before: (() => void)[] = [];
  readonly after: ((...args: unknown[]) => void)[] = [];

  beforeEach(f: () => void): void {
    this.before.push(f);
  }

  afterEach(f: () => void): void {
    this.after.push(f);
  }

  /** What a test fails with, or undefined. */
  async run(test: () => unknown, context?: unknown, self?: unknown): Promise<unknown> {
    let failure: unknown;
    const attempt = async (f: () => unknown) => {
      try {
        await f();
      } catch (e) {
        failure ??= e;
      }
    };
    for (const f of this.before) await attempt(f);
    await attempt(test);
    for (const f of this.after.toReversed()) await attempt(() => f.call(self, context));
    return failure;
  }
}

/** What is printed as an error while `f` runs. */
async function printed(f: () => Promise<unknown>): Promise<string[]> {
  const before = console.error, lines: string[] = [];
  console.error = (line) => void lines.push(String(line));
  try {
    await f();
  } finally {
    console.error = before;
  }
  return lines;
}

const PASSED = { passed: true };

function leak(): void {
  bytealloc(24);
}

Deno.test("withRegion: each test has a region of its own, and its leak fails it and no other", async () => {
  const runner = new Runner(), suite = withRegion(runner), before = ground().gauge();
  const regions = new Set();
  const clean = () => {
    regions.add(top());
    assert(suite.allocator === top());
    bytefree(bytealloc(10), 10);
    assertGauge(suite.allocator, { nalloc: 1, blocks: 0 });
  };
  assertEquals(await runner.run(clean, PASSED), undefined);
  const e = await runner.run(leak, PASSED);
  assert(e instanceof LeakError);
  assertMatch(e.message, /^Cannot close as free of leaks: 1 of 1 blocks, 24 B, still out\n.*\n +leak \(/);
  assert(!/\/testing\/|region:/.test(String(e.stack)), e.stack);
  assertEquals(await runner.run(clean, PASSED), undefined);
  assertEquals(regions.size, 2);
  assert(top() === ground());
  assertEquals(ground().gauge(), before);
});

Deno.test("withRegion: asynchronous tests, with tasks and regions of their own", async () => {
  const runner = new Runner();
  withRegion(runner);
  for (let i = 0; i < 2; i++) {
    assertEquals(
      await runner.run(async () => {
        const here = top(), p = bytealloc(10);
        await sleep(1);
        await Promise.all([1, 2].map(async (ms) => {
          const p = bytealloc(ms);
          await sleep(ms);
          assert(top() === here);
          bytefree(p, ms);
        }));
        await enterAsync(init(arena()), async () => {
          await sleep(0);
          assert(top() !== here);
          bytealloc(1);
        });
        bytefree(p, 10);
        await leakFree(async () => bytefree(bytealloc(1), await 1))();
      }, PASSED),
      undefined,
    );
    const e = await runner.run(async () => {
      await sleep(1);
      leak();
    }, PASSED);
    assert(e instanceof LeakError);
    assertEquals(e.sites[0].frames[0].name, "leak");
  }
});

Deno.test("withRegion: what the hooks between allocate is part of the test", async () => {
  const runner = new Runner();
  let p = 0;
  withRegion(runner);
  runner.beforeEach(() => p = std.bytealloc(100));
  runner.afterEach(() => std.bytefree(p, 100));
  assertEquals(await runner.run(() => {}, PASSED), undefined);
});

Deno.test("withRegion: suites within suites have regions within regions", async () => {
  const inner = new Runner();
  let fixture = 0;
  const outerSuite = withRegion(inner);
  inner.beforeEach(() => fixture = bytealloc(100));
  inner.afterEach(() => bytefree(fixture, 100));
  const innerSuite = withRegion(inner);
  assertEquals(
    await inner.run(() => {
      assert(top() === innerSuite.allocator && top() !== outerSuite.allocator);
      assertGauge(outerSuite.allocator, { nalloc: 1 });
      bytefree(bytealloc(10), 10);
    }, PASSED),
    undefined,
  );
  const e = await inner.run(leak, PASSED);
  assert(e instanceof LeakError);
  assertEquals(e.bytes, 24);
  assert(top() === ground());
});

Deno.test("withRegion: a test that fails by itself, and a line about its leak", async () => {
  const runner = new Runner(), mine = new Error("mine");
  withRegion(runner);
  const failing = () => {
    leak();
    throw mine;
  };
  let e: unknown;
  for (
    const [context, self] of [
      [undefined, undefined],
      [{ passed: false }, undefined],
      [{ task: { result: { state: "fail" } } }, undefined],
      [undefined, { currentTest: { state: "failed" } }],
    ]
  ) {
    const lines = await printed(async () => e = await runner.run(failing, context, self));
    assert(e === mine);
    assertEquals(lines.length, 1);
    assertMatch(
      lines[0],
      /^LeakError: Cannot close as free of leaks: 1 of 1 blocks, 24 B, still out, most of it from leak \(file:.*\)$/,
    );
  }
  for (
    const [context, self] of [
      [PASSED, undefined],
      [{ task: { result: { state: "pass" } } }, undefined],
      [undefined, { currentTest: { state: "passed" } }],
    ]
  ) {
    const lines = await printed(async () => e = await runner.run(leak, context, self));
    assert(e instanceof LeakError);
    assertEquals(lines, []);
  }
});

Deno.test("withRegion: another hook that throws keeps none of the next tests from its region", async () => {
  const runner = new Runner();
  withRegion(runner);
  withRegion(runner);
  await runner.run(leak, PASSED);
  const after = runner.after.splice(0); // what a runner does not call any more, once a hook has thrown
  await runner.run(leak, PASSED);
  runner.after.push(...after);
  assertEquals(await runner.run(() => bytefree(bytealloc(1), 1), PASSED), undefined);
  runner.after.pop();
  assertEquals(await runner.run(leak, PASSED), undefined); // the inner one was to say it
  assert(top() === ground());
});

Deno.test("withRegion: tests that run at the same time are told of", () => {
  const test = withRegion(null);
  test.beforeEach();
  test.beforeEach();
  test.afterEach();
  const e = assertThrows(() => test.afterEach(), Error);
  assertEquals(
    e.message,
    "Cannot end the region of a test: it has ended, as when tests run at the same time, for which there is leakFree",
  );
  assert(top() === ground());
});

Deno.test("withRegion: by hand, with options, and the hooks return nothing and take nothing", () => {
  const test = withRegion(null, { suppress: ["fn:leak"], stack: arena() });
  assertEquals(test.beforeEach(), undefined);
  leak();
  assertMatch(String(test.allocator), /^check\ntrace .*\nstats .*\nchunk /);
  assertEquals(test.afterEach(), undefined);
  assertEquals([test.beforeEach.length, test.afterEach.length], [0, 0]);
  assertThrows(() => test.allocator, Error, "Cannot tell the allocator of a test: no test is running");
  const other = withRegion(null, general());
  other.beforeEach();
  other.afterEach(PASSED);
});

Deno.test("withRegion: registers with Deno.test where there are no others, and says if it cannot", async () => {
  const { test } = Deno, runner = new Runner();
  try {
    Object.defineProperty(Deno, "test", { value: runner, configurable: true, writable: true });
    withRegion();
    assertEquals([runner.before.length, runner.after.length], [1, 1]);
    withRegion(undefined, { depth: 3 });
    assertEquals(runner.before.length, 2);
    Object.defineProperty(Deno, "test", { value: undefined, configurable: true, writable: true });
    assertThrows(
      () => withRegion(),
      TypeError,
      "Cannot register with a test runner: expected its { beforeEach, afterEach }, got none, and there is no Deno.test that has some",
    );
  } finally {
    Object.defineProperty(Deno, "test", { value: test, configurable: true, writable: true });
  }
  for (const hooks of [5, {}, { beforeEach() {} }, { stack: general() }]) {
    assertThrows(() => withRegion(hooks as never), TypeError, "expected its { beforeEach, afterEach }, got ");
  }
  await assertRejects(async () => await withRegion(null, { depth: 0 }), RangeError);
});

Deno.test("withRegion: what deno test prints of a leak, and of a test that fails and leaks", async () => {
  const { code, text, results } = await testOutput("parser_with_hooks");
  assertEquals(results, {
    "parser adds up": "ok",
    "parser refuses what is no number": "FAILED",
    "parser is called later": "ok",
    "parser adds up, to something else": "FAILED",
  });
  assertEquals(code, 1);
  await assertSnapshot("parser_with_hooks.txt", text);
});
