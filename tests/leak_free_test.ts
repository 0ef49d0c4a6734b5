import {
  type AnyLayer,
  arena,
  bytealloc,
  bytefree,
  check,
  enter,
  enterAsync,
  escape,
  general,
  ground,
  init,
  type Layer,
  layer,
  LeakError,
  mmap,
  stats,
  std,
  top,
  trace,
  WriteAfterFreeError,
  WrongSizeError,
} from "../mod.ts";
import { debug } from "../layers/debug.ts";
import { leakFree } from "../testing/mod.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
  fail,
} from "./assert.ts";
import { assertSnapshot, output, testOutput } from "./output/snapshot.ts";

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** What is printed as an error while `f` runs. */
function printed(f: () => void): unknown[][] {
  const before = console.error, lines: unknown[][] = [];
  console.error = (...args) => void lines.push(args);
  try {
    f();
  } finally {
    console.error = before;
  }
  return lines;
}

/** What `f` throws, an error or not. */
function thrown(f: () => unknown): unknown {
  try {
    f();
  } catch (e) {
    return e;
  }
  throw new Error("it did not throw");
}

function leakTwice(size: number): void {
  for (let i = 0; i < 2; i++) bytealloc(size);
}

Deno.test("leakFree: what is freed is no leak, and the result is that of the body", () => {
  const { nalloc } = ground().gauge();
  const run = leakFree((a: number, b: string) => {
    bytefree(bytealloc(100), 100);
    return a + b;
  });
  assertEquals(run(1, "x"), "1x");
  assertEquals(run(2, "y"), "2y"); // each run has a region of its own
  assertEquals(ground().gauge().nalloc, nalloc);
});

Deno.test("leakFree: a leak is thrown, with where it was allocated", () => {
  const e = assertThrows(() => leakFree(() => leakTwice(24))(), LeakError);
  assertEquals([e.blocks, e.bytes, e.sites.length], [2, 48, 1]);
  assertEquals(e.sites[0].frames[0].name, "leakTwice");
  assert(e.sites[0].frames[0].file.endsWith("/leak_free_test.ts"));
  const source = Deno.readTextFileSync(new URL(import.meta.url)).split("\n");
  assertStringIncludes(source[e.sites[0].frames[0].line - 1], "i < 2; i++) bytealloc(size);");
  assertMatch(
    e.message,
    /^Cannot close as free of leaks: 2 of 2 blocks, 48 B, still out\n +2 blocks, 48 B, allocated at\n +leakTwice \(file:.*:\d+:\d+\)/,
  );
});

Deno.test("leakFree: synchronous for a synchronous body, otherwise a promise", async () => {
  assertEquals(leakFree(() => 1)(), 1);
  const { promise, resolve } = Promise.withResolvers<number>();
  const result = leakFree(() => promise)(); // decided by what it returns, not by what it is
  assert(result instanceof Promise);
  resolve(2);
  assertEquals(await result, 2);
  assertEquals(await leakFree(async () => await 3)(), 3);
  const thenable = { then: (f: (n: number) => void) => f(4) };
  assertEquals(await leakFree(() => thenable)(), 4 as never);
});

Deno.test("leakFree: what a body returns is asked for its promise in the region", async () => {
  const { nalloc } = ground().gauge();
  const then = (done: (n: number) => void) => done(bytealloc(10));
  // A query, for instance, which begins when somebody waits for it, and may be called as well
  for (const lazy of [{ then }, Object.assign(() => {}, { then })]) {
    const e = await assertRejects(leakFree(async () => await (lazy as unknown as Promise<number>)), LeakError);
    const f = await assertRejects(leakFree(() => lazy as unknown as Promise<number>), LeakError);
    assertEquals([e.bytes, f.bytes], [10, 10]);
  }
  const mine = new Error("mine");
  const e = thrown(leakFree(() => {
    bytealloc(7);
    return {
      get then(): unknown {
        throw mine;
      },
    };
  }));
  assert(e === mine && (mine.cause as LeakError).bytes === 7);
  assertEquals(ground().gauge().nalloc, nalloc);
});

Deno.test("leakFree: what goes on after a synchronous body has returned is told that its region is closed", async () => {
  // In a process of its own, in which no other body has been asynchronous before
  const program = `
    import { bytealloc, ground } from "${new URL("../mod.ts", import.meta.url)}";
    import { leakFree } from "${new URL("../testing/mod.ts", import.meta.url)}";
    leakFree(() => {
      Promise.resolve().then(() => bytealloc(10)).catch((e) => console.log(e.message.slice(-18), ground().gauge().nalloc));
    })();
    bytealloc(1);`;
  const { text } = await output(Deno.execPath(), "eval", "--no-check", program);
  assertEquals(text.trim(), "it has been closed 1");
});

Deno.test("leakFree: an asynchronous body keeps its region across every await", async () => {
  const { nalloc } = ground().gauge();
  await leakFree(async () => {
    const p = bytealloc(10), here = top();
    await sleep(1);
    assert(top() === here);
    bytefree(p, 10);
    await Promise.all([1, 2, 3].map(async (ms) => {
      const p = bytealloc(ms);
      await sleep(ms);
      bytefree(p, ms);
    }));
  })();
  const e = await assertRejects(
    leakFree(async () => {
      await sleep(1);
      leakTwice(8);
      await sleep(1);
    }),
    LeakError,
  );
  assertEquals([e.blocks, e.bytes, e.sites[0].frames[0].name], [2, 16, "leakTwice"]);
  assertEquals(ground().gauge().nalloc, nalloc);
});

Deno.test("leakFree: bodies that run interleaved each have their own leaks", async () => {
  const bodies = [0, 1, 2, 3, 4, 5].map((leaks) =>
    leakFree(async () => {
      for (let i = 0; i < 5; i++) {
        const p = bytealloc(16);
        await sleep(i % 3);
        if (i >= leaks) bytefree(p, 16);
      }
    })()
  );
  const results = await Promise.allSettled(bodies);
  assertEquals(results.map((r) => r.status === "rejected" ? (r.reason as LeakError).blocks : 0), [0, 1, 2, 3, 4, 5]);
});

Deno.test("leakFree: steps are in the region of their test", async (t) => {
  let p = 0;
  await leakFree(async (t: Deno.TestContext) => {
    const here = top();
    await t.step("allocates", () => {
      assert(top() === here);
      p = bytealloc(32);
    });
    await t.step("frees, after a while", async (t) => {
      await sleep(1);
      await t.step("within", () => bytefree(p, 32));
      assert(top() === here);
    });
  })(t);
  const e = await assertRejects(
    () =>
      leakFree(async (t: Deno.TestContext) => {
        await t.step("leaks", async () => {
          await sleep(1);
          leakTwice(1);
        });
      })(t),
    LeakError,
  );
  assertEquals(e.blocks, 2);
  await t.step("a step may be one itself", leakFree(() => bytefree(bytealloc(1), 1)));
});

Deno.test("leakFree: name, length, arguments and this", () => {
  const run = leakFree(function parses(this: { n: number }, a: number, b: number, c = 0) {
    return [this.n, a, b, c];
  });
  assertEquals([run.name, run.length], ["parses", 0]);
  assertEquals(run.call({ n: 1 }, 2, 3), [1, 2, 3, 0]);
  assertEquals(leakFree(() => {}).name, "");
});

Deno.test("leakFree: is taken by Deno.test as any function", () => {
  // Types alone
  const take = (_: (t: Deno.TestContext) => void | Promise<void>) => {};
  take(leakFree(() => {}));
  take(leakFree(async (t) => void await t.step("a", () => {})));
  take(leakFree(function parses(t) {
    t.name.slice();
  }, { suppress: ["x"] }));
});

Deno.test("leakFree: the error of the body is thrown itself, and the leak comes with it", async () => {
  const mine = new TypeError("mine"),
    root = new Error("root"),
    chain = new Error("a", { cause: new Error("b", { cause: root }) });
  for (const [error, end] of [[mine, mine], [chain, root]]) {
    const e = thrown(leakFree(() => {
      leakTwice(4);
      throw error;
    }));
    assert(e === error);
    const { cause } = end;
    assert(cause instanceof LeakError);
    assertEquals(cause.bytes, 8);
    assertMatch(
      cause.message,
      /^Besides the error above, and perhaps because of it: 2 of 2 blocks, 8 B, still out\n +2 bl/,
    );
    assertEquals(Object.keys(end), []); // as a cause that is given to the constructor
  }
  const later = new Error("later");
  const e = await leakFree(async () => {
    await sleep(1);
    leakTwice(4);
    throw later;
  })().catch((e: unknown) => e);
  assert(e === later);
  assert(later.cause instanceof LeakError);
});

Deno.test("leakFree: an error that comes without a leak is left alone", () => {
  const mine = new Error("mine");
  const e = thrown(leakFree(() => {
    throw mine;
  }));
  assert(e === mine);
  assert(!("cause" in mine));
});

Deno.test("leakFree: an error that defends itself comes out, and the leak is printed", () => {
  const { get } = { get: () => fail("a trap") };
  const errors = [
    Object.defineProperty(new Error("a"), "cause", { get }),
    new Proxy(new Error("b"), { defineProperty: get, get, getPrototypeOf: get }),
  ];
  for (const error of errors) {
    let e: unknown;
    const lines = printed(() =>
      e = thrown(leakFree(() => {
        leakTwice(4);
        throw error;
      }))
    );
    assert(e === error);
    assertEquals(lines.length, 1);
  }
});

Deno.test("leakFree: where a leak cannot come with an error, it is printed", () => {
  const ring = new Error("ring", { cause: new Error("other") });
  (ring.cause as Error).cause = ring;
  const frozen = Object.freeze(new Error("frozen"));
  for (
    const error of ["a string", undefined, null, { message: "an object" }, frozen, ring, new Error("x", { cause: 1 })]
  ) {
    let e: unknown;
    const lines = printed(() =>
      e = thrown(leakFree(() => {
        leakTwice(4);
        throw error;
      }))
    );
    assert(e === error);
    assertEquals(lines.length, 1);
    assertStringIncludes(String(lines[0][0]), "LeakError: Besides the error above, and perhaps because of it: 2 of 2");
  }
  assertEquals((ring.cause as Error).cause, ring);
});

Deno.test("leakFree: the leak shows where the test is, and no frames of the library or the runtime", async () => {
  function makes() {
    return [leakFree(() => leakTwice(1)), leakFree(async () => leakTwice(await 1))] as const;
  }
  const [run, later] = makes();
  for (const e of [assertThrows(run, LeakError), await assertRejects(later, LeakError)]) {
    const at = String(e.stack).slice(String(e).length).trim().split("\n");
    assertStringIncludes(String(e.stack), String(e));
    assertMatch(at[0], /^at makes .*leak_free_test/);
    assert(!/\/testing\/|region:|\(ext:/.test(String(e.stack)), e.stack);
  }
  const again = assertThrows(run, LeakError); // there is one place only
  assertEquals(again.stack, String(again));
});

Deno.test("leakFree: over a stack of one's own is put what it lacks", () => {
  const over = (stack: AnyLayer) => {
    let text = "";
    leakFree(() => {
      text = String(top()).split("\n").map((line) => line.split(" ")[0]).join(" ");
    }, stack)();
    return text;
  };
  assertEquals(over(mmap()), "check trace stats mmap");
  assertEquals(over(stats(mmap())), "check trace stats mmap");
  assertEquals(over(trace(mmap())), "check stats trace mmap");
  assertEquals(over(trace(stats(mmap()))), "check trace stats mmap");
  assertEquals(over(arena()), "check trace stats chunk mmap");
  let description = "";
  leakFree(() => void (description = String(top())), {})();
  assertMatch(description, /^check\ntrace 8 1 0 .*\nstats .*\nsplit /);
});

Deno.test("leakFree: a stack of one's own that checks itself says where, too", () => {
  for (const stack of [check(stats(general())), check(trace(stats(general()), { depth: 1 }))]) {
    const e = assertThrows(leakFree(() => leakTwice(3), stack), LeakError);
    assertEquals([e.blocks, e.bytes, e.sites[0].frames[0].name], [2, 6, "leakTwice"]);
  }
});

Deno.test("leakFree: what a layer finds when it is closed is thrown as it is", () => {
  const damage = new Error("damage");
  const finder = layer(function finder<S>(base: Layer<S>): Layer<S> {
    const { heap, get, put } = base;
    return {
      heap,
      stateless: true,
      init: () => base.init(),
      deinit: (s) => {
        base.deinit(s);
        throw damage;
      },
      get: (s, size) => get(s, size),
      put: (s, p, size) => put(s, p, size),
    };
  }, { damage });
  assert(thrown(leakFree(() => {}, finder(mmap()))) === damage);
  const mine = new Error("mine");
  assert(
    thrown(leakFree(() => {
      throw mine;
    }, finder(mmap()))) === mine,
  );
  assert(mine.cause === damage);
});

function intern(): void {
  bytealloc(100);
}

Deno.test("leakFree: damage that debug finds at the end is thrown, and at once it comes with the leak", () => {
  const late = assertThrows(
    leakFree(() => {
      const p = bytealloc(10);
      bytefree(p, 10);
      top().heap.u8[p] ^= 1;
    }, debug(general())),
    WriteAfterFreeError,
  );
  assertEquals(late.block?.size, 10);
  assertMatch(late.freed[0].file, /leak_free_test/);
  const once = assertThrows(
    leakFree(() => {
      const p = bytealloc(10);
      bytefree(p, 9);
    }, debug(general())),
    WrongSizeError,
  );
  assert(once.cause instanceof LeakError);
  assertEquals(once.cause.sites.length, 1);
});

Deno.test("leakFree: what is suppressed does not count", () => {
  leakFree(intern, { suppress: ["fn:intern"] })();
  leakFree(() => {
    intern();
    leakTwice(1);
  }, { suppress: ["file:leak_free_test.ts"] })();
  const e = assertThrows(
    leakFree(() => {
      intern();
      leakTwice(7);
    }, { suppress: ["intern"] }),
    LeakError,
  );
  assertEquals([e.blocks, e.bytes, e.sites.length], [2, 14, 1]);
  assertMatch(e.message, /: 2 of 3 blocks, 14 B, still out\n +2 blocks, 14 B, allocated at\n/);
  // A free of another size is no block that stays
  const wrong = leakFree(() => bytefree(bytealloc(10), 9), { suppress: ["fn:*"], stack: arena() });
  assertEquals(assertThrows(wrong, LeakError).bytes, 1);
  // Of a sample, what is known of it is meant to stay
  leakFree(() => {
    for (let i = 0; i < 100; i++) intern();
  }, { suppress: ["intern"], every: 7 })();
});

Deno.test("leakFree: depth, sampling and the length of the message", () => {
  const deep = (n: number): void => n === 0 ? void bytealloc(1) : deep(n - 1);
  const at = (options: Parameters<typeof leakFree>[1]) => assertThrows(leakFree(() => deep(20), options), LeakError);
  assertEquals(at({}).sites[0].frames.length, 8);
  assertEquals(at({ depth: 15 }).sites[0].frames.length, 15);
  assertEquals(at({}).message.split("\n").length, 5);
  assertEquals(at({ report: { frames: 6 } }).message.split("\n").length, 8);
  assertEquals(at({ report: {} }).message.split("\n").length, 10);
  const sampled = assertThrows(
    leakFree(() => {
      for (let i = 0; i < 100; i++) bytealloc(1);
    }, { every: 10 }),
    LeakError,
  );
  const [{ count, sampled: looked }] = sampled.sites;
  assert(sampled.blocks === 100 && count > looked && looked < 30, `${count} by ${looked}`);
});

Deno.test("leakFree: regions inside are their own affair, and what escapes from them is not", () => {
  leakFree(() => enter(init(arena()), () => leakTwice(10)))();
  const e = assertThrows(leakFree(() => enter(init(arena()), () => escape(() => leakTwice(10)))), LeakError);
  assertEquals(e.bytes, 20);
  const nested = leakFree(() => {
    const e = assertThrows(leakFree(() => leakTwice(1)), LeakError);
    assertEquals(e.blocks, 2);
  });
  nested();
});

Deno.test("leakFree: is itself called in regions and tasks", async () => {
  await enterAsync(init(general()), async () => {
    await sleep(1);
    leakFree(() => std.bytefree(std.bytealloc(1), 1))();
    await leakFree(async () => {
      const p = bytealloc(1);
      await sleep(1);
      bytefree(p, 1);
    })();
    assertThrows(leakFree(() => leakTwice(1)), LeakError);
  });
});

Deno.test("leakFree: everything is given back, whatever becomes of the body", () => {
  const stack = general();
  for (
    const body of [
      () => leakTwice(100_000),
      () => {
        leakTwice(100_000);
        throw new Error("x");
      },
    ]
  ) {
    const free = () => stack.heap.size - stack.heap.free.pages * 4096;
    thrown(leakFree(body, stack));
    const before = free();
    for (let i = 0; i < 10; i++) thrown(leakFree(body, stack));
    assertEquals(free(), before);
  }
});

Deno.test("leakFree: again, a test that leaks is run a second time, and only then with call stacks", async () => {
  const recorded: number[] = [];
  const body = (leak: boolean) => () => {
    const p = bytealloc(10);
    recorded.push((top().layer.sites?.(top().state) ?? []).length);
    if (!leak) bytefree(p, 10);
    return 5;
  };
  assertEquals(leakFree(body(false), { again: true })(), 5);
  assertEquals(recorded.splice(0), [0]);
  const e = assertThrows(leakFree(body(true), { again: true }), LeakError);
  assertEquals(recorded.splice(0), [0, 1]);
  assertEquals([e.blocks, e.sites.length, e.sites[0].frames[0].name], [1, 1, ""]);
  const f = await assertRejects(
    leakFree(async () => {
      await sleep(1);
      return body(true)();
    }, { again: true }),
    LeakError,
  );
  assertEquals([f.blocks, f.sites.length], [1, 1]);
  assertEquals(recorded.splice(0), [0, 1]);
  assertEquals(leakFree(intern, { again: true, suppress: ["fn:intern"] })(), leakFree(() => undefined)());
});

Deno.test("leakFree: again, a leak that does not come a second time is told nevertheless", () => {
  for (const second of [() => {}, () => fail("a second time")]) {
    let runs = 0;
    const e = assertThrows(leakFree(() => (runs++ === 0 ? bytealloc(10) : second()), { again: true }), LeakError);
    assertEquals([runs, e.blocks, e.sites], [2, 1, []]);
    assertStringIncludes(e.message, "10 B, still out; a second run, to see where, left nothing");
  }
  let runs = 0;
  const body = () => {
    runs++;
    bytealloc(10);
    throw new SyntaxError("the body's own");
  };
  const e = assertThrows(leakFree(body, { again: true }), SyntaxError);
  assertEquals([runs, (e.cause as LeakError).blocks], [1, 1]);
});

Deno.test("leakFree: what is no test, no layer or no option is refused at once", () => {
  const wrong: [f: () => unknown, class_: ErrorConstructor, message: string][] = [
    [() => leakFree(5 as never), TypeError, "Cannot watch for leaks: body must be a function, got 5"],
    [() => leakFree(undefined as never), TypeError, "body must be a function, got undefined"],
    [() => leakFree(function* () {}), TypeError, "body must be a function, got a generator function"],
    [() => leakFree(async function* () {}), TypeError, "body must be a function, got a generator function"],
    [() => leakFree(() => {}, 5 as never), TypeError, "Cannot watch for leaks: expected options or a layer, got 5"],
    [() => leakFree(() => {}, null as never), TypeError, "expected options or a layer, got null"],
    [() => leakFree(() => {}, { supress: [] } as never), TypeError, 'suppress, report, again, got "supress"'],
    [() => leakFree(() => {}, init(arena()) as never), TypeError, "expected options among stack, depth, "],
    [() => leakFree(() => {}, { stack: 5 as never }), TypeError, "expected a layer as stack, got 5"],
    [() => leakFree(() => {}, { depth: 0 }), RangeError, "depth in calls must be an integer from 1 to 100, got 0"],
    [() => leakFree(() => {}, { every: 2, bytes: 2 }), TypeError, "it samples by calls or by bytes, not by both"],
    [() => leakFree(() => {}, { suppress: "fn:x" as never }), TypeError, "patterns must be an array of strings"],
    [() => leakFree(() => {}, { suppress: ["fn:"] }), TypeError, "a pattern must be"],
    [() => leakFree(() => {}, { report: 3 as never }), TypeError, "expected an object as report, got 3"],
    [() => leakFree(() => {}, { again: 1 as never }), TypeError, "again must be a boolean, got 1"],
  ];
  for (const [f, class_, message] of wrong) {
    const e = assertThrows(f, class_);
    assertStringIncludes(e.message, message);
  }
});

Deno.test("leakFree: what deno test prints of a leak, which fails that test and no other", async () => {
  const { code, text, results } = await testOutput("leaking_parser");
  assertEquals(results, {
    "parser adds up": "ok",
    "parser refuses what is no number": "FAILED",
    "parserIsCalledLater": "ok",
    "parser in steps": "FAILED",
  });
  assertEquals(code, 1);
  await assertSnapshot("leaking_parser.txt", text);
});

Deno.test("leakFree: what deno test prints of a test that fails and leaks", async () => {
  const { code, text } = await testOutput("failing_parser");
  assertEquals(code, 1);
  await assertSnapshot("failing_parser.txt", text);
});

Deno.test("leakFree: files that run in parallel have nothing to do with each other", async () => {
  const files = ["leaking_parser", "starving_parser", "parser_with_hooks"].map((name) => `tests/output/${name}.ts`);
  const { text } = await output(Deno.execPath(), "test", "-A", "--no-check", "--parallel", ...files);
  assertMatch(text, /\nFAILED \| 5 passed \(2 steps\) \| 7 failed \(TIME\)\n/);
});
