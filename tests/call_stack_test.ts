// Call stacks: what they are read as, and that they begin with the user's line, however an allocation is asked for
import {
  type AnyAllocator,
  type AnyLayer,
  bonwick,
  bytealloc,
  bytefree,
  check,
  chunk,
  count,
  enter,
  enterAsync,
  escape,
  type Frame,
  init,
  layer,
  LeakError,
  limit,
  log,
  mmap,
  must,
  pipe,
  stats,
  std,
  trace,
} from "../mod.ts";
import { captureCallStack, formatFrame, framesOf, MOST_FRAMES, parseCallStack } from "../call_stack.ts";
import { assert, assertEquals, assertLess, assertStrictEquals } from "./assert.ts";
import { freshHeap } from "./kit.ts";

const here = import.meta.url, root = new URL("../", here).href;

/** Names and places as a text has them. */
const read = (...lines: string[]) => parseCallStack(lines.join("\n")).map(formatFrame);

const names = (frames: readonly Frame[]) => frames.map(({ name }) => name);

Deno.test("call_stack: what V8 writes of functions, methods, constructors and accessors", () => {
  const frames = parseCallStack(`Error: a message
    at parse (file:///a/parser.ts:42:18)
    at Parser.next (https://example.com/parser.ts:7:1)
    at new Parser (file:///a/parser.ts:1:2)
    at Parser.get value (file:///a/parser.ts:3:4)
    at Parser.#skip (file:///a/parser.ts:5:6)
    at Object.f [as g] (file:///a/parser.ts:7:8)
    at Object.[Symbol.iterator] (file:///a/parser.ts:9:10)
    at <anonymous> (file:///a/parser.ts:11:12)
    at file:///a/main.ts:9:3`);
  assertEquals(frames[0], { name: "parse", file: "file:///a/parser.ts", line: 42, column: 18 });
  assertEquals(frames.at(-1), { name: "", file: "file:///a/main.ts", line: 9, column: 3 });
  assertEquals(names(frames), [
    ...["parse", "Parser.next", "new Parser", "Parser.get value", "Parser.#skip", "Object.f [as g]"],
    ...["Object.[Symbol.iterator]", "", ""],
  ]);
  assertEquals(frames.map(({ line }) => line), [42, 7, 1, 3, 5, 7, 9, 11, 9]);
});

Deno.test("call_stack: files with odd names", () => {
  assertEquals(read("    at f (/home/a (b)/x y.js:1:2)", "    at f (C:\\\\a\\b.js:3:4)"), [
    "f (/home/a (b)/x y.js:1:2)",
    "f (C:\\\\a\\b.js:3:4)",
  ]);
  assertEquals(read("    at f (data:text/javascript,function%20f()%7B%7D:1:33)"), [
    "f (data:text/javascript,function%20f()%7B%7D:1:33)",
  ]);
  assertEquals(read("    at npm:a@1.2/b.js:3:4", "    at f (npm:@a/b@1.2/c.js:3:4)"), [
    "npm:a@1.2/b.js:3:4",
    "f (npm:@a/b@1.2/c.js:3:4)",
  ]);
});

Deno.test("call_stack: what is waited for has the name of the function", () => {
  assertEquals(
    read(
      "    at async load (file:///a.ts:1:2)",
      "    at async file:///a.ts:3:4",
      "    at async Store.get (file:///a.ts:5:6)",
    ),
    ["load (file:///a.ts:1:2)", "file:///a.ts:3:4", "Store.get (file:///a.ts:5:6)"],
  );
});

Deno.test("call_stack: generated code is where it was generated", () => {
  assertEquals(
    read(
      "    at f (eval at <anonymous> (file:///a.ts:9:1), <anonymous>:1:29)",
      "    at eval (eval at f (eval at g (file:///a.ts:10:2), <anonymous>:1:1), <anonymous>:3:12)",
      "    at run (script.js, <anonymous>:3:1)",
    ),
    ["f (file:///a.ts:9:1)", "eval (file:///a.ts:10:2)", "run (script.js:3:1)"],
  );
});

Deno.test("call_stack: WebAssembly has a name or a number, a module, and the offset in bytes", () => {
  const rows = [
    "    at wasm-function[12] (wasm://wasm/abc:wasm-function[12]:0x1a2)",
    "    at wasm://wasm/abc:wasm-function[12]:0x1a2",
    "    at malloc (wasm://wasm/libc.wasm-0a1b:wasm-function[3]:0x27)",
    "    at <anonymous> (wasm://wasm/abfbdc42:wasm-function[0]:0x27)", // Deno, of any function
    "    at void call(void (*) (int)) (wasm://wasm/abc:wasm-function[4]:0x28)",
    "wasm-function[7]@http://a/b.wasm:wasm-function[7]:0x1c", // Firefox
  ];
  assertEquals(parseCallStack(rows[0]), [{
    name: "wasm-function[12]",
    file: "wasm://wasm/abc",
    line: 0,
    column: 0x1a2,
  }]);
  assertEquals(read(...rows), [
    "wasm-function[12] (wasm://wasm/abc:0x1a2)",
    "wasm-function[12] (wasm://wasm/abc:0x1a2)",
    "malloc (wasm://wasm/libc.wasm-0a1b:0x27)",
    "wasm://wasm/abfbdc42:0x27",
    "void call(void (*) (int)) (wasm://wasm/abc:0x28)",
    "wasm-function[7] (http://a/b.wasm:0x1c)",
  ]);
});

Deno.test("call_stack: what Firefox and Safari write", () => {
  assertEquals(
    read(
      "parse@http://a/parser.js:42:18",
      "@http://a/main.js:1:2",
      "make/<@http://a/parser.js:3:4",
      "async*load@https://esm.sh/foo@1.2/x.js:1:2",
      "promise callback*load@http://a/b.js:5:6",
      "get value@http://a/b.js:7:8",
      "module code@http://a/b.js:9:10",
    ),
    [
      "parse (http://a/parser.js:42:18)",
      "http://a/main.js:1:2",
      "make (http://a/parser.js:3:4)",
      "load (https://esm.sh/foo@1.2/x.js:1:2)",
      "load (http://a/b.js:5:6)",
      "get value (http://a/b.js:7:8)",
      "module code (http://a/b.js:9:10)",
    ],
  );
});

Deno.test("call_stack: lines that are no calls are skipped", () => {
  assertEquals(read("Error", "Cannot do: ask me@example.com", "", "   ", "  [cause]: 5"), []);
  assertEquals(parseCallStack(""), []);
});

/** A stack that reads as a text. */
const stackOf = (...lines: string[]): Error => Object.defineProperty(new Error(), "stack", { value: lines.join("\n") });

Deno.test("call_stack: the calls of the library and of the runtime are left out, wherever they are", () => {
  const stack = stackOf(
    "Error",
    `    at captureCallStack (${root}call_stack.ts:1:1)`,
    "    at get (region:trace.12, <anonymous>:5:6)",
    "    at get (region:trace.12:5:6)",
    `    at bytealloc (${root}std/alloc.ts:1:1)`,
    `    at layer (${root}layers/system/mmap.ts:1:1)`,
    "    at user (file:///user.ts:1:2)",
    "    at Array.map (<anonymous>)",
    "    at map (native:1:11)",
    "    at map ([native code])",
    "    at async Promise.all (index 0)",
    `    at enter (${root}region.ts:1:1)`,
    "    at main (file:///main.ts:3:4)",
    "    at typed (<anonymous>:1:5)",
    "    at innerWrapped (ext:cli/40_test.js:180:11)",
    "    at node:internal/main:1:2",
  );
  assertEquals(framesOf(stack, 9).map(formatFrame), [
    "user (file:///user.ts:1:2)",
    "main (file:///main.ts:3:4)",
    "typed (<anonymous>:1:5)",
  ]);
  assertEquals(names(framesOf(stack, 1)), ["user"]);
});

Deno.test("call_stack: where there are no others, they are what there is", () => {
  const library = `    at get (${root}heap.ts:1:1)`, user = "    at f (file:///vendor/a.ts:1:1)";
  assertEquals(names(framesOf(stackOf(library), 5)), ["get"]);
  assertEquals(names(framesOf(stackOf(library, user), 5, ["/vendor/"])), ["f"]);
  assertEquals(names(framesOf(stackOf(library, user, "    at g (file:///b.ts:1:1)"), 5, ["/vendor/"])), ["g"]);
  assertEquals(framesOf(stackOf("Error"), 5), []);
});

Deno.test("call_stack: the library's own files are known, and no file of a user's beside them is taken for one", async () => {
  const own: string[] = [];
  for await (const { name, isFile } of Deno.readDir(new URL(root))) if (isFile && name.endsWith(".ts")) own.push(name);
  const folders = ["layers", "layers/system", "std", "testing", "rt"];
  for (const folder of folders) {
    for await (const { name } of Deno.readDir(new URL(folder, root))) {
      if (name.endsWith(".ts")) own.push(`${folder}/${name}`);
    }
  }
  assert(own.length > 60);
  const user = "    at user (file:///user.ts:1:1)";
  const isOwn = (file: string) => names(framesOf(stackOf(`    at f (${file}:1:1)`, user), 1))[0] === "user";
  for (const file of own) {
    assert(isOwn(root + file), `${file} is not known as the library's in call_stack.ts`);
    assert(isOwn(root + file.replace(/ts$/, "js")), file); // transpiled
    assert(!isOwn("file:///elsewhere/" + file), file);
  }
  for (const file of ["main.ts", "app.ts", "heaps.ts", "my/heap.ts", "src/layers/chunk.ts", "tests/a.ts", "heap.tsx"]) {
    assert(!isOwn(root + file), file);
  }
  // None is listed that is there no more
  const text = (await Deno.readTextFile(new URL("call_stack.ts", root))).replaceAll(/" \+\s*"/g, "");
  const listed = /\(\?:(allocator[|\w]*)\)/.exec(text)![1].split("|");
  assertEquals(listed.map((name) => `${name}.ts`), own.filter((name) => !name.includes("/")).sort());
});

Deno.test("call_stack: capturing leaves what a program has set of Error as it was", () => {
  const E = Error as { prepareStackTrace?: unknown; stackTraceLimit?: unknown };
  const { prepareStackTrace, stackTraceLimit } = E;
  try {
    const prepare = () => "the program's own";
    for (const limit of [0, 3, 10, Infinity, undefined]) {
      E.stackTraceLimit = limit;
      E.prepareStackTrace = prepare;
      const user = () => captureCallStack(5), stack = user();
      assertStrictEquals(E.stackTraceLimit, limit);
      assertEquals(names(framesOf(stack, 1)), ["user"]); // not in the program's format
      assertStrictEquals(E.prepareStackTrace, prepare);
      if (limit !== undefined) assertEquals(new Error().stack, "the program's own");
    }
  } finally {
    E.prepareStackTrace = prepareStackTrace;
    E.stackTraceLimit = stackTraceLimit;
  }
});

Deno.test("call_stack: in a program that has frozen Error, too", async () => {
  const program = `
    import { bytealloc } from "${new URL("../mod.ts", here)}";
    import { leakFree } from "${new URL("../testing/mod.ts", here)}";
    Object.freeze(Error);
    try { leakFree(function user() { bytealloc(10); })(); }
    catch (e) { console.log(e.bytes, e.sites[0].frames[0].name); }`;
  const args = ["eval", "--no-check", program];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assertEquals([stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim()), ["10 user", ""]);
});

Deno.test("call_stack: real calls of functions, methods, constructors, generated code and WebAssembly", () => {
  const seen: Frame[] = [];
  const note = () => void seen.push(...framesOf(captureCallStack(2), 2).slice(1));
  class Parser {
    constructor() {
      note();
    }
    next() {
      note();
    }
    get value() {
      return note();
    }
  }
  const parser = new Parser();
  parser.next();
  void parser.value;
  (() => note())();
  [1].forEach(function each() {
    note();
  });
  new Function("note", "(function made() { note(); })()")(note);
  assertEquals(names(seen), ["new Parser", "Parser.next", "Parser.get value", "", "each", "made"]);
  for (const { file, line } of seen) assertEquals([file, line > 0], [here, true]);

  // (module (import "e" "f" (func)) (func (export "g") (call 0)))
  const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 101, 1, 102, 0, 0, 3, 2, 1, 0];
  bytes.push(7, 5, 1, 1, 103, 0, 1, 10, 6, 1, 4, 0, 16, 0, 11);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes)), { e: { f: note } });
  (instance.exports.g as () => void)();
  const wasm = seen.at(-1)!;
  assertEquals([wasm.file.startsWith("wasm://"), wasm.line, wasm.column], [true, 0, 0x27]);
  assert(/^(\S+ \()?wasm:\/\/wasm\/\w+:0x27\)?$/.test(formatFrame(wasm)), formatFrame(wasm));
});

Deno.test("call_stack: in an async body, who waits is told", async () => {
  const step = async () => {
    await null;
    return captureCallStack(8);
  };
  async function load() {
    return await step();
  }
  const stack = await load(), frames = framesOf(stack, 8);
  assertEquals(names(frames).slice(0, 2), ["step", "load"]);
  for (const { file } of frames) assertStrictEquals(file, here);
  const all = await Promise.all([step(), load()]);
  assertEquals(names(framesOf(all[1], 2)), ["step", "load"]);
});

Deno.test("call_stack: blames a call for an error, as far as its stack says", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${dir}/a.ts`,
      `import { bytealloc, check, enter, init, mmap, stats } from "${root}mod.ts";\n` +
        `enter(init(check(stats(mmap()))), () => bytealloc(10));\n`,
    );
    const { stderr } = await new Deno.Command(Deno.execPath(), { args: ["run", `${dir}/a.ts`], env: { NO_COLOR: "1" } })
      .output();
    const text = new TextDecoder().decode(stderr), at = text.split("\n").filter((line) => /^\s+at /.test(line));
    assertEquals(at.map((line) => line.trim()), [`at file://${dir}/a.ts:2:1`], text);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

// Every way to allocate, and stacks to allocate through

const Point = std.struct({ x: std.u32, y: std.f64 });

const WAYS: Record<string, () => unknown> = {
  bytealloc: () => bytealloc(10),
  "bytealloc, of pages": () => bytealloc(100_000),
  "std.bytealloc": () => std.bytealloc(10),
  zbytealloc: () => std.zbytealloc(10),
  alloc: () => std.alloc(Point),
  zalloc: () => std.zalloc(Point),
  mk: () => std.mk(Point, { x: 1, y: 2 }),
  realloc: () => std.realloc(std.bytealloc(10), 10, 100_000),
  slalloc: () => std.slalloc(Point, 5),
  slzalloc: () => std.slzalloc(Point, 5),
  slgrow: () => std.slgrow(std.slalloc(std.u32, 0), 700),
  slpush: () => {
    const s = std.slalloc(std.u32, 0);
    for (let i = 0; i < 1000; i++) std.slpush(s, i);
  },
  slput: () => std.slput(std.slalloc(std.u32, 0), 0, 7),
  sljoin: () => std.sljoin(std.slalloc(std.u32, 2), std.slalloc(std.u32, 2000)),
  sldup: () => std.sldup(std.slalloc(std.u32, 2)),
  str: () => [std.str("short"), std.str("lönger".repeat(1000))],
  sbputs: () => std.sbputs(std.sbputs(std.mksb(), "short"), "é".repeat(1000)),
  sbputc: () => std.sbputc(std.mksb(), 0x20ac),
  sbputb: () => std.sbputb(std.mksb(), 65),
  sbputsl: () => std.sbputsl(std.mksb(), std.str("text")),
  "mkht, htput": () => std.htput(std.mkht(std.u32, std.u32), 1, 2),
  "htput, string keys": () => {
    const t = std.mkht(std.string, std.u32);
    for (let i = 0; i < 100; i++) std.htput(t, `key ${i}`.repeat(i), i);
  },
  "htget, long string keys": () => {
    const t = std.htput(std.mkht(std.string, std.u32), "a", 1);
    return [std.htget(t, "b".repeat(2000)), std.hthas(t, "c".repeat(5000)), std.htdel(t, "d".repeat(9000))];
  },
  "htput, struct keys": () => {
    const t = std.mkht(Point, Point);
    for (let i = 0; i < 100; i++) std.htput(t, { x: i, y: i }, { x: i, y: 1 });
  },
};

/** `trace`, which is not told of what comes back: sites of what has been freed would not be known. */
const keeping: (base: AnyLayer) => AnyLayer = layer(function keeping(base: AnyLayer): AnyLayer {
  return { ...base, put: () => {}, resize: () => false };
});
const DEPTH = 12;
const traced = (base: AnyLayer): never => keeping(trace(base, { depth: DEPTH })) as never;

const STACKS: Record<string, AnyLayer> = {
  "check(stats(trace(..)))": check(stats(traced(mmap()))),
  "check(trace(stats(check(stats(bonwick(..))))))": check(traced(stats(check(stats(bonwick(mmap())))))),
  "trace(chunk(..))": traced(chunk(mmap(), 4096)),
  "must(check(stats(trace(..))))": must(check(stats(traced(mmap())))),
};

/** Runs `f` at the inner end of calls of a user's, more than are recorded. */
function asUser(f: () => unknown, n = DEPTH): unknown {
  if (n === 0) return f();
  const result = asUser(f, n - 1);
  return result;
}

/** The calls of each site, once all that was allocated has leaked. */
function framesIn(a: AnyAllocator, f: () => unknown): (readonly Frame[])[] {
  try {
    f();
  } catch (e) {
    if (!(e instanceof LeakError)) throw e;
  }
  const sites = a.sites();
  assert(sites.length > 0, `nothing was recorded: ${f}`);
  return sites.map(({ frames }) => frames);
}

const other = stats(mmap());

for (const [name, stack] of Object.entries(STACKS)) {
  Deno.test(`call_stack: through every way to allocate, the calls are the user's: ${name}`, () => {
    for (const [way, f] of Object.entries(WAYS)) {
      const rounds: ((a: AnyAllocator) => unknown)[] = [
        (a) => enter(a, () => asUser(f)),
        (a) => enter(a, () => enter(init(other), () => escape(() => asUser(f)))),
        (a) => asUser(() => enter(a, () => f())),
      ];
      for (const round of rounds) {
        const a = init(stack) as AnyAllocator;
        for (const frames of framesIn(a, () => round(a))) {
          const text = frames.map(formatFrame).join("\n");
          assertEquals(frames.map(({ file }) => file), Array(DEPTH).fill(here), text);
          assertEquals(frames[0].name, way, text);
        }
      }
    }
    const a = init(stack) as AnyAllocator, direct = () => a.get(10);
    const [frames] = framesIn(a, () => asUser(direct));
    assertEquals([frames.length, frames[0].name], [DEPTH, "direct"]);
  });
}

Deno.test("call_stack: the first call is the user's also through many layers, a pipe and regions in regions", () => {
  const stack = must(limit(log(count(check(stats(keeping(trace(mmap())) as never))), () => {}), 2 ** 30));
  for (const [way, f] of Object.entries(WAYS)) {
    const a = init(stack) as AnyAllocator;
    const allFrames = framesIn(a, () => enter(a, () => enter(init(chunk(pipe(), 64)), () => asUser(f))));
    for (const frames of allFrames) {
      assertEquals([frames[0].file, frames[0].name], [here, way], frames.map(formatFrame).join("\n"));
    }
    const b = init(stack) as AnyAllocator;
    const escaping = (n: number): unknown => n === 0 ? f() : enter(init(other), () => escape(() => escaping(n - 1)));
    for (const frames of framesIn(b, () => enter(b, () => escaping(10)))) {
      assertEquals([frames[0].name, frames[1].name], [way, "escaping"], frames.map(formatFrame).join("\n"));
    }
  }
});

Deno.test("call_stack: as many calls as are asked for, up to the most", () => {
  const deep = (n: number, f: () => unknown): unknown => n === 0 ? f() : deep(n - 1, f);
  for (const depth of [1, 8, MOST_FRAMES]) {
    const stack = deep(150, () => captureCallStack(depth)) as Error;
    assertEquals(framesOf(stack, depth).length, depth);
    assertLess(framesOf(stack, 200).length, depth + 17);
  }
});

Deno.test("call_stack: an allocation in an async body is the user's line", async () => {
  const a = init(trace(mmap(freshHeap()), { depth: 2 }));
  const load = async () => {
    await null;
    return bytealloc(10);
  };
  await enterAsync(a, async () => {
    const p = await load();
    assertEquals(a.sites()[0].frames.map(({ name, file }) => [name, file]), [["load", here], ["", here]]);
    bytefree(p, 10);
  });
});
