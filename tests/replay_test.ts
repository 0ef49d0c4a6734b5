import { type AnyLayer, batch, bonwick, check, chunk, type Heap, init, mmap, sbrk, stats } from "../mod.ts";
import { log } from "../layers/log.ts";
import { failAt } from "../testing/mod.ts";
import { parseLog, replay, type Replayable } from "../testing/replay.ts";
import { assert, assertEquals, assertFalse, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, random } from "./kit.ts";

/** The calls that a run of a trace makes of what has these members only. */
function calls(text: string, members: Partial<Replayable<null>> = {}): string[] {
  const seen: string[] = [];
  let next = 0;
  parseLog(text).run({
    get: (_, size, align) => (seen.push(`get ${size} ${align}`), next += 100),
    put: (_, p, size) => void seen.push(`put ${p} ${size}`),
    ...Object.fromEntries(
      Object.entries(members).map(([name, f]) => [name, (_: null, ...args: number[]) => {
        seen.push([name, ...args].join(" "));
        return typeof f === "function" ? (f as (...args: unknown[]) => unknown)(_, ...args) : f;
      }]),
    ),
  }, null);
  return seen;
}

/**
 * A program that uses all that a layer can do; it leaves some blocks out. It resizes also blocks older than a mark that is
 * left, unless told not to.
 */
function program(layer: AnyLayer, seed: number, older = true): void {
  const pick = random(seed), a = init(layer), marks: [m: number, blocks: number][] = [];
  let out: [p: number, size: number, age: number][] = [];
  for (let i = 0; i < 2000; i++) {
    const what = pick(100), nth = pick(out.length), size = [pick(60), pick(3000), pick(20_000)][pick(3)];
    if (what < 45 || out.length === 0) out.push([a.get(size, [1, 8, 16][pick(3)] as 16), size, i]);
    else if (what < 75) {
      const [[p, size]] = out.splice(nth, 1);
      a.put(p, size);
    } else if (what < 90 && layer.resize) {
      const [p, old, age] = out[nth];
      if (!older && age < (marks.at(-1)?.[1] ?? 0)) continue;
      if (a.resize(p, old, size)) out[nth][1] = size;
    } else if (what < 94 && layer.mark) marks.push([a.mark(), i]);
    else if (what < 97 && marks.length > 0) {
      const [[m, since]] = marks.splice(pick(marks.length));
      a.rewind(m);
      out = out.filter(([, , age]) => age < since);
    } else if (what === 99 && layer.reset && pick(3) === 0) {
      a.reset();
      out = [];
      marks.length = 0;
    }
  }
}

const stacks: Record<string, (heap: Heap) => AnyLayer> = {
  mmap: (heap) => mmap(heap),
  bonwick: (heap) => bonwick(mmap(heap)),
  batch: (heap) => batch(mmap(heap)),
  arena: (heap) => chunk(mmap(heap), 4096),
  "growing arena": (heap) => chunk(bonwick(mmap(heap)), 1024, 2),
};

for (const [name, over] of Object.entries(stacks)) {
  Deno.test(`replay: what was logged over ${name} is logged again when it is replayed`, () => {
    for (let seed = 1; seed <= 5; seed++) {
      const lines: string[] = [], again: string[] = [];
      program(log(over(freshHeap()), (line) => lines.push(line)), seed, false);
      const trace = parseLog(lines.join("\n")), heap = freshHeap();
      const { failed, moved } = replay(trace, log(over(heap), (line) => again.push(line)));
      const asked = lines.filter((line) => !line.endsWith("false")); // what was refused is not asked again
      assertEquals(again.slice(0, asked.length), asked);
      assertEquals([failed, moved], [0, 0]);
      assertAllFree(heap);
    }
  });

  Deno.test(`replay: what was logged over ${name} runs anywhere, again and again, and leaves nothing out`, () => {
    const lines: string[] = [];
    program(log(over(freshHeap()), (line) => lines.push(line)), 7);
    const trace = parseLog(lines.join("\n"));
    for (const other of Object.values(stacks)) {
      const heap = freshHeap(), stack = check(stats(other(heap))), s = stack.init();
      for (let i = 0; i < 3; i++) {
        trace.run(stack, s);
        const { nalloc, nfree, szalloc, szfree, watermark } = stack.gauge(s);
        assertEquals([nfree, szfree], [nalloc, szalloc]);
        assert(watermark >= trace.peakLive);
      }
      stack.deinit(s);
      assertAllFree(heap);
    }
    // With get and put alone: gets, puts and bytes are what it says
    const heap = freshHeap(), base = mmap(heap), counts = { gets: 0, puts: 0, live: 0, bytes: 0, peakLive: 0 };
    const { moved, failed, peakLive } = trace.run({
      get: (s, size) => {
        counts.gets++;
        counts.bytes += size;
        counts.live += size;
        return base.get(s, size);
      },
      put: (s, p, size) => {
        counts.puts++;
        counts.live -= size;
        base.put(s, p, size);
      },
    }, base.init());
    assertEquals([failed, moved, peakLive], [0, trace.resizes, trace.peakLive]);
    assertEquals([counts.gets, counts.puts, counts.live], [trace.gets + moved, trace.puts + moved, 0]);
    assertEquals(trace.ops, trace.gets + trace.puts + trace.resizes);
    assertEquals(trace.gets, trace.puts);
    assertAllFree(heap);
  });
}

Deno.test("replay: a log in figures", () => {
  const { run, ...figures } = parseLog(
    "init\nget 100 16 4096\nget 50 1 8192\nput 4096 100\nget 70 256 4096\nget 9 16 0\n" +
      "resize 8192 50 80 true\nresize 8192 80 1000 false\nput 8192 80\ndeinit\n",
  );
  assertEquals(typeof run, "function");
  assertEquals(figures, {
    gets: 4,
    puts: 4,
    resizes: 1,
    ops: 9,
    refused: 1,
    slots: 3,
    bytes: 229,
    peakLive: 150,
    maxAlign: 256,
  });
  const { run: _, ...none } = parseLog("");
  assertEquals(none, {
    gets: 0,
    puts: 0,
    resizes: 0,
    ops: 0,
    refused: 0,
    slots: 0,
    bytes: 0,
    peakLive: 0,
    maxAlign: 1,
  });
  assertEquals(replay(parseLog("init\ndeinit"), mmap(freshHeap())), { failed: 0, moved: 0, peakLive: 0 });
});

Deno.test("replay: each call, in order, and what the log leaves out at the end", () => {
  assertEquals(calls("init\nget 10 16 4096\nget 20 8 8192\nput 4096 10\nget 30 1 4096\n"), [
    "get 10 16",
    "get 20 8",
    "put 100 10",
    "get 30 1",
    "put 200 20",
    "put 300 30",
  ]);
  assertEquals(calls("get 10 16 4096\r\nput 4096 10\r\n"), ["get 10 16", "put 100 10"]);
  assertEquals(calls("init\nget 10 16 4096\ndeinit\ninit\nget 20 16 4096\nput 4096 20\ndeinit"), [
    "get 10 16",
    "put 100 10",
    "get 20 16",
    "put 200 20",
  ], "one log after the other");
  assertEquals(calls("get 4294967295 16 4294901760\nput 4294901760 4294967295"), [
    "get 4294967295 16",
    "put 100 4294967295",
  ]);
});

Deno.test("replay: a resize is a resize, or a realloc, or a new block", () => {
  const text = "get 10 8 4096\nresize 4096 10 30 true\nput 4096 30";
  assertEquals(calls(text, { resize: () => true }), ["get 10 8", "resize 100 10 30", "put 100 30"]);
  const moved = ["get 30 8", "put 100 10", "put 200 30"];
  assertEquals(calls(text), ["get 10 8", ...moved]);
  assertEquals(calls(text, { resize: () => false }), ["get 10 8", "resize 100 10 30", ...moved]);
  assertEquals(calls(text, { realloc: () => 500 }), ["get 10 8", "realloc 100 10 30", "put 500 30"]);
  assertEquals(calls(text, { realloc: () => 100 }), ["get 10 8", "realloc 100 10 30", "put 100 30"]);
  assertEquals(calls(text, { realloc: () => 0 }), ["get 10 8", "realloc 100 10 30", "put 100 10"]);
  assertEquals(calls("get 10 8 4096\nresize 4096 10 30 false", { resize: () => true }), ["get 10 8", "put 100 10"]);
});

Deno.test("replay: a block that moves is copied", () => {
  const heap = freshHeap(),
    base = mmap(heap),
    s = base.init(),
    trace = parseLog("get 10 16 4096\nresize 4096 10 90 true");
  const seen: number[] = [];
  const { moved } = trace.run({
    heap,
    get: (s, size) => {
      const p = base.get(s, size);
      if (seen.push(p) === 1) fill(heap, p, size, 7);
      return p;
    },
    put: (s, p, size) => {
      if (size === 90) assertFilled(heap, p, 10, 7);
      base.put(s, p, size);
    },
  }, s);
  assertEquals([moved, seen.length], [1, 2]);
  assertAllFree(heap);
});

Deno.test("replay: resets and rewinds are puts where there is nothing better", () => {
  const text = "get 1 16 4096\nget 2 16 4112\nput 4096 1\nmark 4200\nget 3 16 4300\nget 4 16 4400\nput 4300 3\n" +
    "get 5 16 4500\nrewind 4200\nget 6 16 4300\nreset\nget 7 16 4096";
  const before = ["get 1 16", "get 2 16", "put 100 1"], after = ["get 3 16", "get 4 16", "put 300 3", "get 5 16"];
  const puts = ["put 400 4", "put 500 5"], last = ["get 7 16", "put 700 7"];
  assertEquals(calls(text), [...before, ...after, ...puts, "get 6 16", "put 200 2", "put 600 6", ...last]);
  const arena = { mark: () => 9, rewind: () => {}, reset: () => {} };
  assertEquals(calls(text, arena), [...before, "mark", ...after, "rewind 9", "get 6 16", "reset", ...last]);
  assertEquals(calls(text, { ...arena, mark: () => 0 }).filter((call) => call.startsWith("put")), [
    "put 100 1",
    "put 300 3",
    ...puts,
    "put 700 7",
  ], "a mark that cannot be had");
  assertFalse(calls(text, { mark: () => 9 }).includes("mark"), "no use without rewind");
  assertEquals(calls("mark 0\nmark 16\nget 1 16 32\nmark 48\nget 2 16 64", arena), [
    "mark",
    "get 1 16",
    "mark",
    "get 2 16",
    "rewind 9",
  ], "marks that are left are gone back to at the end");
  assertEquals(calls("mark 16\nget 1 16 32\nreset\nget 2 16 32", arena).at(-1), "put 200 2", "a reset spends marks");
  assertThrows(() => parseLog("mark 16\nreset\nrewind 16"), SyntaxError, "line 3 of a log: 16 is no mark that is left");
});

Deno.test("replay: an older block that moved behind a mark is not taken back by it", () => {
  const text = "get 1 16 32\nmark 48\nget 2 16 64\nresize 32 1 5 true\nrewind 48\nput 32 5";
  assertEquals(calls(text, { mark: () => 9, rewind: () => {} }), [
    "get 1 16",
    "mark",
    "get 2 16",
    "get 5 16",
    "put 100 1",
    "put 200 2",
    "put 300 5",
  ]);
});

Deno.test("replay: what fails is counted, and nothing is lost", () => {
  const text =
    "get 10 16 4096\nget 20 16 8192\nresize 8192 20 30 true\nput 4096 10\nput 8192 30\nget 5 16 0\nget 6 16 16";
  for (let nth = 1; nth <= 5; nth++) {
    const heap = freshHeap(), base = stats(failAt(mmap(heap), nth)), s = base.init();
    const { get, put } = base;
    const { failed, moved } = parseLog(text).run({ get: (s, size) => get(s, size), put }, s);
    assertEquals([failed, moved], [1, nth === 2 || nth === 3 ? 0 : 1], `get ${nth}`);
    assertEquals([s.nfree, s.szfree], [s.nalloc, s.szalloc]);
    assertAllFree(heap);
  }
  assertEquals(replay(parseLog(text), chunk(mmap(freshHeap({ maximum: 1 })), 2 ** 20)).failed, 4);
});

Deno.test("replay: replay closes the state, also where a run throws", () => {
  const heap = freshHeap(), trace = parseLog("get 10 16 4096\nget 20 16 8192");
  assertEquals(replay(trace, sbrk(heap)), { failed: 0, moved: 0, peakLive: 30 });
  assertAllFree(heap);
  const full = log(batch(mmap(heap)), (line) => {
    if (line.startsWith("get 20")) throw new Error("the disk is full");
  });
  assertThrows(() => replay(trace, full), Error, "the disk is full");
  assertAllFree(heap);
});

Deno.test("replay: an alignment that the layer cannot give is an error, before anything is asked", () => {
  const trace = parseLog("get 10 64 4096");
  assertEquals(replay(trace, mmap(freshHeap())).failed, 0);
  assertThrows(
    () => replay(trace, bonwick(mmap(freshHeap()))),
    RangeError,
    "Cannot replay: the layer aligns to at most 16, and the trace asks for 64",
  );
});

Deno.test("replay: a line that is none of a log is an error with its number", () => {
  const number = "must be an integer from 0 to 4294967295, got";
  const cases: [text: string, message: string][] = [
    ["init\nnonsense", 'line 2 of a log: expected init, get, put, resize, reset, mark, rewind, deinit, got "nonsense"'],
    ["init\n\nget 1 16 16", 'line 2 of a log: expected init, get, put, resize, reset, mark, rewind, deinit, got ""'],
    ["toString", 'line 1 of a log: expected init, get, put, resize, reset, mark, rewind, deinit, got "toString"'],
    ["get 10 16", 'line 1 of a log: expected get, size, alignment, address, got "get 10 16"'],
    ["get  10 16 16", 'line 1 of a log: expected get, size, alignment, address, got "get  10 16 16"'],
    ["reset 1", 'line 1 of a log: expected reset, got "reset 1"'],
    ["get x 16 16", `line 1 of a log: size ${number} "x"`],
    ["get -1 16 16", `line 1 of a log: size ${number} "-1"`],
    ["get 1.5 16 16", `line 1 of a log: size ${number} "1.5"`],
    ["get 1e3 16 16", `line 1 of a log: size ${number} "1e3"`],
    ["get 010 16 16", `line 1 of a log: size ${number} "010"`],
    ["get 4294967296 16 16", `line 1 of a log: size ${number} "4294967296"`],
    ["get 1 16 99999999999", `line 1 of a log: address ${number} "99999999999"`],
    ["get 1 24 16", "line 1 of a log: alignment must be a power of two, got 24"],
    ["get 1 0 16", "line 1 of a log: alignment must be a power of two, got 0"],
    ["get 1 16 16\nget 2 16 16", "line 2 of a log: the block at 16 is out already"],
    ["put 16 1", "line 1 of a log: the block at 16 is not out"],
    ["get 1 16 16\nput 16 1\nput 16 1", "line 3 of a log: the block at 16 is not out"],
    ["get 1 16 16\nput 16 2", "line 2 of a log: the block at 16 is out with 1 bytes, got 2"],
    ["get 1 16 16\nreset\nput 16 1", "line 3 of a log: the block at 16 is not out"],
    ["mark 8\nget 1 16 16\nrewind 8\nput 16 1", "line 4 of a log: the block at 16 is not out"],
    ["get 1 16 16\ndeinit\ninit\nput 16 1", "line 4 of a log: the block at 16 is not out"],
    ["resize 16 1 2 true", "line 1 of a log: the block at 16 is not out"],
    ["get 1 16 16\nresize 16 2 3 true", "line 2 of a log: the block at 16 is out with 1 bytes, got 2"],
    ["get 1 16 16\nresize 16 1 3 yes", 'line 2 of a log: result must be true or false, got "yes"'],
    ["get 1 16 16\nresize 16 1 x false", `line 2 of a log: new size ${number} "x"`],
    ["rewind 16", "line 1 of a log: 16 is no mark that is left"],
    ["rewind 0", "line 1 of a log: 0 is no mark that is left"],
    ["init\ninit", "line 2 of a log: expected deinit before another init"],
    ["get 1 16 16\ninit", "line 2 of a log: expected deinit before another init"],
    ["init\ndeinit\nget 1 16 16", 'line 3 of a log: expected init, got "get 1 16 16"'],
    ["init\ndeinit\ndeinit", 'line 3 of a log: expected init, got "deinit"'],
  ];
  for (const [text, message] of cases) {
    const e = assertThrows(() => parseLog(text), SyntaxError);
    assertEquals(e.message, `Cannot parse ${message}`);
  }
});

Deno.test("replay: what is no log, no trace or no layer is a TypeError", () => {
  const trace = parseLog("");
  for (const wrong of [undefined, null, 3, ["init"], {}]) {
    assertThrows(() => parseLog(wrong as never), TypeError, "Cannot parse as a log: expected a string, got");
    assertThrows(() => replay(wrong as never, mmap()), TypeError, "Cannot replay: expected a trace, got");
    assertThrows(() => replay(trace, wrong as never), TypeError, "Cannot replay: expected a layer, got");
    assertThrows(() => trace.run(wrong as never, {}), TypeError, "Cannot replay: expected a layer, got");
  }
});

Deno.test("replay: the recorded logs are what is recorded, and leave nothing out", async () => {
  const root = new URL("..", import.meta.url);
  const run = (...args: string[]) =>
    new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", "bench/record.ts", ...args], cwd: root })
      .output();
  const { code, stderr } = await run("--check");
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  for (const name of ["json", "trees", "table"]) {
    const text = await Deno.readTextFile(new URL(`bench/logs/${name}.log`, root));
    assert(text.length < 300_000 && text.endsWith("\ndeinit\n"));
    assertEquals(text.match(/^get/gm)!.length, text.match(/^put/gm)!.length);
    const heap = freshHeap();
    assertEquals(replay(parseLog(text), check(stats(bonwick(mmap(heap))))).failed, 0);
    assertAllFree(heap);
  }
  assertEquals((await run("--help")).code, 0);
  assertEquals((await run("--quick")).code, 1);
});
