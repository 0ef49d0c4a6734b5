import {
  arena,
  bytealloc,
  bytefree,
  enter,
  general,
  ground,
  init,
  type Layer,
  layer,
  layers,
  LeakError,
  limit,
  mmap,
  OutOfMemoryError,
  OverrunError,
  std,
  top,
} from "../mod.ts";
import { FailuresError, failuresOf, type FailuresOptions } from "../testing/mod.ts";
import { Progress } from "../testing/progress.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "./assert.ts";
import { assertSnapshot, testOutput } from "./output/snapshot.ts";

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** A list of `n` blocks, freed on every path. */
function careful(n: number): void {
  const out: number[] = [];
  try {
    for (let i = 0; i < n; i++) out.push(std.bytealloc(16));
  } finally {
    for (const p of out) bytefree(p, 16);
  }
}

/** The same, but not freed if it fails half way. */
function careless(n: number): void {
  const out: number[] = [];
  for (let i = 0; i < n; i++) out.push(std.bytealloc(16));
  for (const p of out) bytefree(p, 16);
}

/** What a sweep over `f` finds. */
function findings(f: () => unknown, options: FailuresOptions = {}): FailuresError {
  return assertThrows(() => failuresOf(f, options)(), FailuresError);
}

/** Runs, and which allocations failed, of a body that frees everything. */
function runsOf(n: number, options: FailuresOptions): number[] {
  const failed: number[] = [];
  failuresOf(() => {
    let i = 0;
    try {
      for (i = 1; i <= n; i++) bytefree(std.bytealloc(8), 8);
    } finally {
      failed.push(i);
    }
  }, options)();
  return failed.slice(2); // the first two are those in which none does
}

Deno.test("failuresOf: each allocation fails once, and all is well", () => {
  assertEquals(runsOf(5, {}), [1, 2, 3, 4, 5]);
  failuresOf(() => careful(20))();
});

Deno.test("failuresOf: leaks on the path of a failure, with where they come from", () => {
  const e = findings(() => careless(4));
  assertEquals(e.problems.map(({ nth, kind }) => [nth, kind]), [[2, "leak"], [3, "leak"], [4, "leak"]]);
  assertEquals([e.allocations, e.runs], [4, 4]);
  for (const { nth, frames, sites, error } of e.problems) {
    assertEquals([frames[0].name, frames[0].line], ["careless", 40]);
    assertEquals(sites.map(({ count, bytes, frames }) => [count, bytes, frames[0].name]), [
      [nth - 1, 16 * (nth - 1), "careless"],
    ]);
    assert(error instanceof LeakError);
  }
  assertMatch(
    e.message,
    /^Cannot survive running out of memory: 3 of 4 runs, in each of which another allocation failed, went wrong\n/,
  );
  assertStringIncludes(
    e.message,
    "\n  3 runs left blocks behind: the first is that in which allocation 2 failed, at\n    careless (",
  );
  assertStringIncludes(e.message, "\n      1 block, 16 B, allocated at\n        careless (");
});

Deno.test("failuresOf: an out-of-memory that is swallowed", () => {
  const swallows = () => {
    for (let i = 0; i < 3; i++) {
      const p = bytealloc(8); // 0 if there is none
      if (p !== 0) bytefree(p, 8);
    }
  };
  const e = findings(swallows);
  assertEquals(e.problems.map(({ nth, kind }) => [nth, kind]), [[1, "swallow"], [2, "swallow"], [3, "swallow"]]);
  assertEquals(e.problems[0].frames[0].name, "swallows");
  assertStringIncludes(
    e.message,
    "3 runs returned as if nothing had happened: the first is that in which allocation 1",
  );
  assertStringIncludes(e.message, "\n    if it can do without, the option swallow: true says so");
  failuresOf(swallows, { swallow: true })();
});

Deno.test("failuresOf: another error than that memory has run out", () => {
  const body = (f: (e: unknown) => unknown) => () => {
    try {
      bytefree(std.bytealloc(8), 8);
    } catch (e) {
      throw f(e);
    }
  };
  const mine = new TypeError("mine");
  const e = findings(body(() => mine));
  assertEquals(e.problems.map(({ nth, kind, error }) => [nth, kind, error]), [[1, "error", mine]]);
  assert(e.cause === mine);
  assertStringIncludes(e.message, "1 run threw another error: that in which allocation 1 failed, at\n");
  assertStringIncludes(e.message, "\n    TypeError: mine");
  assertEquals(findings(body(() => "a string")).problems[0].error, "a string");
  // One that has it among its causes will do, as will what is allowed
  failuresOf(body((cause) => new Error("a", { cause: new Error("b", { cause }) })))();
  failuresOf(body(() => mine), { allow: [RangeError, TypeError] })();
  assertEquals(findings(body(() => mine), { allow: [RangeError] }).problems.length, 1);
  const ring = new Error("ring");
  ring.cause = ring;
  assertEquals(findings(body(() => ring)).problems[0].kind, "error");
});

Deno.test("failuresOf: errors of many, and errors that are hard to read", () => {
  const body = (f: (e: unknown) => unknown) => () => {
    try {
      bytefree(std.bytealloc(8), 8);
    } catch (e) {
      throw f(e);
    }
  };
  // As Promise.any makes them
  failuresOf(body((e) => new AggregateError([new Error("x"), new Error("y", { cause: e })], "all failed")))();
  assertEquals(findings(body(() => new AggregateError([1, undefined, null]))).problems[0].kind, "error");
  const trap = () => {
    throw new Error("a trap");
  };
  const untold = [
    Object.create(null),
    Object.defineProperty(new Error("a"), "cause", { get: trap }),
    { toString: trap },
    Symbol("s"),
    null,
  ];
  for (const error of untold) {
    const e = findings(body(() => error));
    assertEquals(e.problems.map(({ kind, error }) => [kind, error]), [["error", error]]);
  }
});

Deno.test("failuresOf: what a body keeps from run to run is told of", () => {
  let kept = 0;
  const lazy = () => {
    kept ||= std.bytealloc(64);
    careful(2);
  };
  assertThrows(failuresOf(lazy), LeakError, "1 of 3 blocks, 64 B, still out");
  kept = 0;
  const e = findings(lazy, { suppress: ["fn:lazy"] });
  assertStringIncludes(
    e.message,
    "3 allocations in the first run, 2 in the second: what the body makes once and keeps is to be made before it",
  );
});

Deno.test("failuresOf: another error and a leak are two problems", () => {
  const e = findings(() => {
    const p = std.bytealloc(8);
    if (bytealloc(8) === 0) throw new TypeError("x");
    bytefree(p, 8);
    bytefree(p + 16, 8);
  }, { stack: arena() });
  assertEquals(e.problems.map(({ nth, kind }) => [nth, kind]), [[2, "error"], [2, "leak"]]);
  assertStringIncludes(e.message, ": 1 of 2 runs,");
});

Deno.test("failuresOf: damage, found by a layer or thrown by the body", () => {
  const finder = layer(function finder<S>(base: Layer<S>): Layer<{ base: S; bad: boolean }> {
    const { heap, get, put } = base;
    return {
      heap,
      init: () => ({ base: base.init(), bad: false }),
      deinit: (s) => {
        base.deinit(s.base);
        if (s.bad) throw new OverrunError("Cannot close: overrun", 16);
      },
      get: (s, size) => get(s.base, size),
      put: (s, p, size) => {
        if (size === 7) s.bad = true;
        put(s.base, p, 8);
      },
    };
  }, { OverrunError });
  const e = findings(() => {
    const p = std.bytealloc(8);
    try {
      std.bytefree(std.bytealloc(8), 8);
    } catch (e) {
      std.bytefree(p, 7);
      throw e;
    }
    std.bytefree(p, 8);
  }, { stack: finder(mmap()) });
  assertEquals(e.problems.map(({ nth, kind }) => [nth, kind]), [[2, "damage"]]);
  assert(e.problems[0].error instanceof OverrunError);
  assertStringIncludes(e.message, "1 run misused memory: that in which allocation 2 failed, at\n");
  const thrown = findings(() => {
    if (bytealloc(8) === 0) throw new OverrunError("Cannot free", 16);
    bytefree(16 * 65536, 8);
  }, { stack: finder({ ...mmap(), get: () => 16 * 65536, put: () => {} }) });
  assertEquals(thrown.problems.map(({ kind }) => kind), ["damage"]);
});

Deno.test("failuresOf: a body that is not deterministic", () => {
  let calls = 0;
  const more = findings(() => {
    calls++;
    careful(calls === 1 ? 3 : 4);
  });
  assertEquals(more.problems.map(({ nth, kind }) => [nth, kind]), [[0, "nondeterminism"]]);
  assertMatch(
    more.message,
    /^Cannot survive running out of memory: the body is not deterministic\n.*\n +Error: 3 allocations in the first run, 4 in the second$/,
  );
  calls = 0;
  const fewer = findings(() => careful(++calls > 2 ? 3 : 5));
  assertEquals(fewer.problems.map(({ nth, kind }) => [nth, kind]), [[4, "nondeterminism"], [5, "nondeterminism"]]);
  assertStringIncludes(
    fewer.message,
    "2 runs did not do what the one before had done: the first is that in which allocation 4",
  );
  assertStringIncludes(fewer.message, "it made 3 allocations only");
  // A problem that is not there when the run is repeated
  calls = 0;
  const once = findings(() => (++calls === 4 ? careless(3) : careful(3)));
  assertEquals(once.problems.map(({ nth, kind }) => [nth, kind]), [[2, "nondeterminism"]]);
  assertStringIncludes(once.message, "once, but not when it was repeated, it left blocks behind");
});

Deno.test("failuresOf: the first run must be free of leaks and errors, as leakFree says it", () => {
  const leak = assertThrows(failuresOf(() => void bytealloc(10)), LeakError);
  assertMatch(leak.message, /^Cannot close as free of leaks: 1 of 1 blocks, 10 B, still out\n/);
  const mine = new Error("mine");
  const e = assertThrows(
    failuresOf(() => {
      bytealloc(10);
      throw mine;
    }),
    Error,
  );
  assert(e === mine && mine.cause instanceof LeakError);
});

Deno.test("failuresOf: a body without allocations shows nothing, unless that is asked for", () => {
  const e = assertThrows(failuresOf(() => enter(init(arena()), () => void bytealloc(10))), Error);
  assertEquals(e.message, "Cannot fail allocations of a body: expected at least 1 in its region, got 0");
  failuresOf(() => {}, { least: 0 })();
  assertThrows(failuresOf(() => careful(3), { least: 4 }), Error, "expected at least 4 in its region, got 3");
});

Deno.test("failuresOf: an even choice of the allocations, which the message tells", () => {
  assertEquals(runsOf(10, { most: 4 }), [1, 4, 7, 10]);
  assertEquals(runsOf(10, { most: 1 }), [1]);
  assertEquals(runsOf(3, { most: 10 }), [1, 2, 3]);
  assertEquals(runsOf(100, { most: 100 }), Array.from({ length: 100 }, (_, i) => i + 1));
  const e = findings(() => careless(1000), { most: 5 });
  assertEquals([e.allocations, e.runs, e.problems.length], [1000, 5, 4]);
  assertStringIncludes(e.message, ": 4 of 5 runs, in each of which one of 1,000 allocations failed, went wrong\n");
});

Deno.test("failuresOf: asynchronous bodies, also interleaved", async () => {
  const body = (over: (n: number) => void) => async () => {
    await sleep(0);
    over(2);
    await sleep(0);
    const p = std.bytealloc(8);
    await sleep(0);
    bytefree(p, 8);
  };
  const before = ground().gauge();
  await Promise.all([1, 2, 3].map(() => failuresOf(body(careful))()));
  const [good, e] = await Promise.all([
    failuresOf(body(careful))(),
    assertRejects(() => failuresOf(body(careless))(), FailuresError),
    sleep(1),
  ]);
  assertEquals(good, undefined);
  assertEquals(e.problems.map(({ nth, kind }) => [nth, kind]), [[2, "leak"]]);
  assertEquals(e.problems[0].sites[0].frames[0].name, "careless");
  assertEquals(ground().gauge(), before);
});

Deno.test("failuresOf: one function runs at the same time as itself", async () => {
  const sweep = failuresOf(async (n: number) => {
    const p = std.bytealloc(8);
    try {
      await sleep(n);
      bytefree(std.bytealloc(8), 8);
    } finally {
      bytefree(p, 8);
    }
  });
  await Promise.all([sweep(0), sweep(1), sweep(2)]);
});

Deno.test("failuresOf: as a step, and in Deno.test", async (t) => {
  await t.step("clean", failuresOf(() => careful(3)));
  await t.step("clean, later", failuresOf(async () => careful(await 3)));
  const take = (_: (t: Deno.TestContext) => void | Promise<void>) => {};
  take(failuresOf(() => careful(3)));
  take(failuresOf(async (t) => void t.name.slice(await 0)));
});

Deno.test("failuresOf: name, length, arguments and this", () => {
  const sweep = failuresOf(function grows(this: { n: number }, a: number) {
    careful(this.n + a);
  });
  assertEquals([sweep.name, sweep.length], ["grows", 0]);
  sweep.call({ n: 1 }, 2);
});

Deno.test("failuresOf: a block that grows is a new one, unless resizing in place is asked for", () => {
  const grows = () => {
    let p = std.bytealloc(100), size = 100;
    try {
      for (let to = 200; to <= 1000; to += 100) p = std.realloc(p, size, size = to);
    } finally {
      bytefree(p, size);
    }
  };
  // `size` is not what it is if realloc throws: found only if it can
  failuresOf(grows, { inPlace: true, stack: limit(general(), 2 ** 20), most: 1 })();
  const e = findings(grows);
  assertEquals(e.problems[0].nth, 2);
  assertEquals(e.allocations, 10);
  const can: boolean[] = [];
  for (const inPlace of [false, true]) {
    failuresOf(() => {
      can.push(top().layer.resize !== undefined);
      careful(1);
    }, { inPlace })();
  }
  assertEquals(can, [false, false, false, true, true, true]);
});

let kept = 0;
/** Keeps what it has, for good. */
function intern(): number {
  return kept = std.bytealloc(64);
}

Deno.test("failuresOf: what is suppressed is no leak on any path", () => {
  const body = () => {
    intern();
    careful(3);
  };
  failuresOf(body, { suppress: ["fn:intern"] })();
  assertThrows(failuresOf(body), LeakError);
  const e = findings(() => {
    intern();
    careless(3);
  }, { suppress: ["fn:intern"] });
  assertEquals(e.problems.map(({ nth, kind, sites }) => [nth, kind, sites.length]), [[3, "leak", 1], [4, "leak", 1]]);
  assert(kept > 0);
});

Deno.test("failuresOf: over a stack of one's own, also with a limit of its own", () => {
  failuresOf(() => careful(5), arena())();
  const e = findings(() => careless(5), { stack: limit(mmap(), 1000) });
  assertEquals(e.problems.length, 4);
});

Deno.test("failuresOf: of a region inside, what it asks of the region of the test", () => {
  failuresOf(() => enter(init(arena()), () => std.bytefree(std.bytealloc(8), 8)), { least: 0 })();
  const inside = () => enter(init(layers.pipe()), () => careful(4));
  failuresOf(inside, { least: 4 })();
});

Deno.test("failuresOf: the first groups of problems, the most frequent ones first", () => {
  const places = [0, 1, 2, 3, 4].map((i) =>
    new Function("alloc", `return function place${i}() { return alloc(8); }`)(std.bytealloc)
  );
  const e = findings(() => {
    const out: number[] = [];
    for (let i = 0; i < 5; i++) for (let n = 0; n <= i; n++) out.push(places[i]());
    for (const p of out) bytefree(p, 8);
  });
  assertEquals(e.problems.length, 14);
  const lines = e.message.split("\n");
  assert(lines.length < 30, e.message);
  assertStringIncludes(lines[1], "5 runs left blocks behind: the first is that in which allocation 11 failed, at");
  assertEquals(lines.filter((line) => / left blocks behind: /.test(line)).length, 3);
  assertEquals(lines.at(-1), "  and 2 more problems, at 1 other place");
  assert(e.problems.every(({ sites, nth }) => (sites.length > 0) === (![1, 10, 14, 15].includes(nth))));
});

Deno.test("failuresOf: everything is given back", () => {
  const stack = general(), free = () => stack.heap.size - stack.heap.free.pages * 4096;
  findings(() => careless(20));
  const before = free();
  for (let i = 0; i < 5; i++) findings(() => careless(20));
  assertEquals(free(), before);
});

Deno.test("failuresOf: an OutOfMemoryError of the body itself, in the first run, is just an error", () => {
  assertThrows(failuresOf(() => careful(100), { stack: limit(general(), 160) }), OutOfMemoryError);
});

Deno.test("progress: nothing at first, then on a terminal in place, else by lines that become rare", () => {
  let time = 1000;
  const written: string[] = [], lines: unknown[] = [], log = console.error;
  const clock = () => time, write = (text: string) => void written.push(text);
  const inPlace = new Progress({ isTTY: true, write }, clock), byLines = new Progress({ write }, clock);
  console.error = (line) => void lines.push(line);
  try {
    for (let i = 0; i <= 700; i++, time += 50) {
      for (const progress of [inPlace, byLines]) progress.show(() => (i === 46 ? "short" : `${i} of 700`));
    }
    byLines.done();
    inPlace.done();
  } finally {
    console.error = log;
  }
  assertEquals(lines, ["40 of 700", "80 of 700", "160 of 700", "320 of 700", "640 of 700"]); // 2, 4, 8, 16, 32 seconds
  assertEquals(written.slice(0, 5), ["\r40 of 700", "\r42 of 700", "\r44 of 700", "\rshort    ", "\r48 of 700"]);
  assertEquals(written.at(-1), `\r${" ".repeat(10)}\r`);
  assertEquals(written.length, 332);

  const nothing = new Progress({ isTTY: true, write }, clock);
  nothing.show(() => "too soon");
  nothing.done();
  assertEquals(written.length, 332);
});

Deno.test("failuresOf: what is no test, no layer or no option is refused at once", () => {
  const f = () => {},
    wrong: [f: () => unknown, class_: ErrorConstructor, message: string][] = [
      [() => failuresOf(5 as never), TypeError, "Cannot fail allocations of a body: body must be a function, got 5"],
      [() => failuresOf(function* () {}), TypeError, "body must be a function, got a generator function"],
      [() => failuresOf(f, 5 as never), TypeError, "expected options or a layer, got 5"],
      [() => failuresOf(f, { mots: 5 } as never), TypeError, 'most, least, swallow, allow, inPlace, got "mots"'],
      [() => failuresOf(f, { most: 0 }), RangeError, "most, a number of runs, must be an integer from 1 to"],
      [() => failuresOf(f, { most: 1.5 }), RangeError, "most, a number of runs, must be an integer from 1 to"],
      [() => failuresOf(f, { least: -1 }), RangeError, "least, a number of allocations, must be an integer from 0 to"],
      [() => failuresOf(f, { swallow: 1 as never }), TypeError, "swallow must be a boolean, got 1"],
      [() => failuresOf(f, { inPlace: "no" as never }), TypeError, 'inPlace must be a boolean, got "no"'],
      [
        () => failuresOf(f, { allow: TypeError as never }),
        TypeError,
        "allow must be an array of classes, got function",
      ],
      [() => failuresOf(f, { allow: ["TypeError" as never] }), TypeError, "allow must be an array of classes, got"],
    ];
  for (const [f, class_, message] of wrong) {
    const e = assertThrows(f, class_);
    assertStringIncludes(e.message, message);
  }
});

Deno.test("failuresOf: what deno test prints, and that the tests beside pass", async () => {
  const { code, text, results } = await testOutput("starving_parser");
  assertEquals(results, {
    "parser survives running out of memory": "FAILED",
    "a number survives it": "ok",
    "a cache survives it in a way of its own": "FAILED",
    "a text survives it by mistake": "FAILED",
  });
  assertEquals(code, 1);
  await assertSnapshot("starving_parser.txt", text);
});
