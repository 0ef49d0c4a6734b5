// The command line: `rt/cli.ts` as a user runs it, and its parts
import type { Gauge } from "../gauge.ts";
import { specialise } from "../layer.ts";
import { stats } from "../layers/stats.ts";
import { parseOptions, parsePairs, UsageError } from "../rt/cli/options.ts";
import { Progress, ticking } from "../rt/cli/progress.ts";
import { StartUp } from "../rt/cli/startup.ts";
import { formatInspection, inspect } from "../rt/inspect/inspect.ts";
import { interpose } from "../rt/guest/interpose.ts";
import { lastWritten, makeWasi } from "../rt/cli/wasi.ts";
import type { Site } from "../sites.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "./assert.ts";
import { hasNode, libraryForNode } from "./in_node.ts";
import { freshHeap, stub } from "./kit.ts";
import { assertSnapshot } from "./output/snapshot.ts";

const root = new URL("../", import.meta.url), guests = new URL("guests/", import.meta.url);

interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** Runs a command in `tests/guests/`. */
async function command(name: string, args: string[], input = "", env: Record<string, string> = {}): Promise<Outcome> {
  const child = new Deno.Command(name, {
    args,
    cwd: guests,
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {}); // it may have ended before
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** Runs the command line with everything permitted. */
const cli = (args: string[], input?: string, env?: Record<string, string>): Promise<Outcome> =>
  command(Deno.execPath(), ["run", "-A", "--no-check", "../../rt/cli.ts", ...args], input, env);

/** What each of several command lines prints, and its exit code; in one process, as no program is to be run. */
async function cliEach(lines: readonly (readonly string[])[]): Promise<Pick<Outcome, "code" | "err">[]> {
  const program = `import { main } from ${JSON.stringify(new URL("rt/cli.ts", root))};
    for (const words of ${JSON.stringify(lines)}) {
      const code = await main(words);
      Deno.stderr.writeSync(new TextEncoder().encode("\\0" + code + "\\0"));
    }`;
  const { code, out, err } = await command(Deno.execPath(), ["eval", program]);
  assertEquals([code, out], [0, ""], err);
  return [...err.matchAll(/([^\0]*)\0(\d+)\0/g)].map(([, err, code]) => ({ code: Number(code), err }));
}

/** A test that compares all that a command line prints, and its exit code. */
function snapshot(name: string, file: string, args: string[], input?: string): void {
  Deno.test(`cli: ${name}`, async () => {
    const { code, out, err } = await cli(args, input);
    const text = `$ cli.ts ${args.join(" ")}\n${out}${err}[exit code ${code}]\n`
      .replaceAll(root.href, "<url>/").replace(/after [\d.]+ s/, "after 0.00 s");
    await assertSnapshot(`../cli/${file}.txt`, text);
  });
}

const words = (
  ...args: string[]
): string[] => [
  "run",
  ...args.slice(0, -1),
  "wasi_words.wasm",
  ...args.at(-1)!.split(" ").filter((word) => word !== ""),
];

snapshot("help", "help", []);
snapshot("help of inspect", "help_inspect", ["help", "inspect"]);
snapshot("help of interpose", "help_interpose", ["interpose", "--help"]);
snapshot("help of run", "help_run", ["run", "-h"]);

Deno.test("cli: options, values of them, and what is none", () => {
  const takes = { all: "nothing", depth: "value", dir: "values", output: "value" } as const;
  const parse = (words: string[], program = false) => {
    const { options, rest } = parseOptions(words, takes, { o: "output" }, program);
    return { options: Object.fromEntries(options), rest };
  };
  assertEquals(parse([]), { options: {}, rest: [] });
  assertEquals(parse(["--all", "a", "--depth=3", "b", "-o", "c"]), {
    options: { all: [], depth: ["3"], output: ["c"] },
    rest: ["a", "b"],
  });
  assertEquals(parse(["--depth", "3", "--dir", "--all", "--dir=x=y", "-o=z"]), {
    options: { depth: ["3"], dir: ["--all", "x=y"], output: ["z"] },
    rest: [],
  });
  assertEquals(parse(["--depth="]).options, { depth: [""] });
  assertEquals(parse(["-", "--", "--all", "--"]), { options: {}, rest: ["-", "--all", "--"] });
  assertEquals(parse(["--all", "x", "--depth=3", "--", "-o"], true), {
    options: { all: [] },
    rest: ["x", "--depth=3", "--", "-o"],
  });
  assertEquals(parse(["--", "--x", "--all"], true), { options: {}, rest: ["--x", "--all"] });

  const wrong: [words: string[], message: string][] = [
    [["--dpeth=3"], 'unknown option "--dpeth", expected --all, --depth, --dir, --output'],
    [["-x"], 'unknown option "-x", expected --all, --depth, --dir, --output'],
    [["-all"], 'unknown option "-all"'],
    [["---"], 'unknown option "---"'],
    [["--=3"], 'unknown option "--=3"'],
    [["--constructor"], 'unknown option "--constructor", expected'],
    [["--all=yes"], '--all takes no value, got "yes"'],
    [["--depth"], "--depth takes a value"],
    [["--depth=3", "--depth=4"], "--depth is given twice"],
  ];
  for (const [words, message] of wrong) assertThrows(() => parse(words), UsageError, message);

  assertEquals(parsePairs("--names", "malloc=ab, free=cd=e"), [["malloc", "ab"], ["free", "cd=e"]]);
  for (const text of ["", "malloc", "malloc=", "=ab", "malloc=a,"]) {
    assertThrows(() => parsePairs("--names", text), UsageError, "--names must be as in malloc=ab,free=cd, got ");
  }
});

Deno.test("cli: progress is told when it is due, over what was told before, and can be taken away", () => {
  let time = 1000, printed = "";
  const gauge = { nalloc: 12_345, nfree: 345, szalloc: 2 ** 20, szfree: 2 ** 19, watermark: 2 ** 20 };
  const progress = new Progress((text) => printed += text, () => gauge, () => time);
  const at = (ms: number, f: () => void): string => {
    time = 1000 + ms;
    printed = "";
    f();
    return printed;
  };
  const line = (seconds: string) =>
    `\r\x1b[2m${seconds} s  12,345 allocated  live 512.0 KiB in 12,000 blocks  peak 1.0 MiB\x1b[0m\x1b[K`;
  assertEquals(at(499, progress.tick), "");
  assertEquals(at(499, () => progress.clear()), "");
  assertEquals(at(510, progress.tick), line("0.5"));
  assertEquals(at(700, progress.tick), "");
  assertEquals(at(1510, progress.tick), line("1.5"));
  assertEquals(at(1511, () => progress.clear()), "\r\x1b[K");
  assertEquals(at(1512, () => progress.clear()), "");
  assertEquals(at(1800, progress.tick), line("1.8"));
  progress.held = true;
  assertEquals(at(2800, progress.tick), "");
  progress.held = false;
  assertEquals(at(2801, progress.tick), line("1.8").replace("1.8", "2.8"));
});

Deno.test("cli: a layer ticks once in 4096 requests, and hides nothing of those below", () => {
  for (const on of [true, false]) {
    const before = specialise(on), base = stub(freshHeap());
    let ticks = 0;
    const layer = ticking(stats(base), () => ticks++), s = layer.init();
    for (let i = 0; i < 4095; i++) layer.put(s, layer.get(s, 10), 10);
    assertEquals(ticks, 0);
    layer.get(s, 20);
    assertEquals(ticks, 1);
    for (let i = 0; i < 4096; i++) layer.get(s, 0);
    assertEquals(ticks, 2);
    assertEquals(layer.gauge(s).szalloc - layer.gauge(s).szfree, 20);
    layer.deinit(s);
    assertEquals(base.calls.at(-1), ["deinit"]);
    specialise(before);
  }
});

/** What serves a program that does nothing but what a test says. */
class Served {
  readonly live: [size: number, place: string][] = [];
  nalloc = 0;
  szalloc = 0;
  get(size: number, place: string): void {
    this.live.push([size, place]);
    this.nalloc++;
    this.szalloc += size;
  }
  gauge(): Gauge {
    const bytes = this.live.reduce((sum, [size]) => sum + size, 0);
    return {
      nalloc: this.nalloc,
      nfree: this.nalloc - this.live.length,
      szalloc: this.szalloc,
      szfree: this.szalloc - bytes,
      watermark: this.szalloc,
    };
  }
  sites(): Site[] {
    return this.live.map(([bytes, name]) => ({
      count: 1,
      bytes,
      sampled: 1,
      frames: [{ name, file: "x", line: 0, column: 1 }],
    }));
  }
}

Deno.test("cli: what a C library keeps from its start is no leak", () => {
  const served = new Served(), startUp = new StartUp(() => served);
  const call = (name: string, result = 0, count = 1) => {
    startUp.before(name);
    startUp.after(name, [4], result, (p) => p === 4 ? count : 0);
  };
  assertEquals(String(startUp), "");
  served.get(1, "constructor"); // before
  call("args_sizes_get");
  served.get(10, "argv");
  served.get(20, "args");
  call("args_get");
  call("environ_sizes_get", 0, 0);
  served.get(2, "main"); // as there are none
  call("fd_prestat_get");
  served.get(30, "name");
  call("fd_prestat_dir_name");
  served.get(40, "table");
  served.live.splice(4, 1); // the name
  call("fd_prestat_get", 8);
  served.get(3, "main");
  call("environ_sizes_get", 28);
  served.get(4, "main");
  call("fd_write");
  served.get(5, "argv again");
  assertEquals([startUp.blocks, startUp.bytes], [3, 70]);
  assertEquals(startUp.gauge(), { nalloc: 6, nfree: 1, szalloc: 45, szfree: 30, watermark: 115 });
  assertEquals(startUp.sites().map(({ bytes }) => bytes), [1, 2, 3, 4, 5]);
  assertEquals(
    String(startUp),
    "Start-up: 3 blocks, 70 B, for arguments, environment and directories, which the C library keeps",
  );
  served.live.length = 0; // it does not, after all
  assertEquals(startUp.gauge(), { nalloc: 9, nfree: 9, szalloc: 115, szfree: 115, watermark: 115 });
  assertEquals(startUp.sites(), []);
});

Deno.test("cli: before there is a program there is nothing of its start", () => {
  const startUp = new StartUp(() => undefined);
  startUp.after("args_sizes_get", [4], 0, () => 1);
  startUp.before("args_get");
  assertEquals([startUp.gauge().nalloc, startUp.sites(), String(startUp)], [0, [], ""]);
});

Deno.test("cli: the last character of what is written, also where that is empty", () => {
  const memory = new WebAssembly.Memory({ initial: 1 }), words = new Uint32Array(memory.buffer);
  new TextEncoder().encodeInto("ab\n", new Uint8Array(memory.buffer, 100));
  words.set([100, 2, 102, 1, 7, 0], 0);
  assertEquals([0, 1, 2, 3].map((n) => lastWritten(memory, [1, 0, n])), ["", "b", "\n", "\n"]);
});

Deno.test("cli: WASI by the runtime, with each call told", async () => {
  const calls: string[] = [], told: unknown[] = [];
  const wasi = makeWasi({
    args: ["words", "--exit=7"],
    env: {},
    dirs: {},
    module: "wasi_snapshot_preview1",
    before: (name) => calls.push(name),
    after: (name, args, result) => name === "args_get" && told.push(args.length, result),
  });
  const bytes = await Deno.readFile(new URL("wasi_words.wasm", guests));
  const { instance } = await WebAssembly.instantiate(bytes, {
    wasi_snapshot_preview1: { ...wasi.imports.wasi_snapshot_preview1, fd_read: () => 8, fd_write: () => 8 },
  });
  assertEquals(wasi.start(instance), 7);
  assertEquals([calls.at(-1), told], ["proc_exit", [2, 0]]);
});

const TEXT = "to be or not to be\n";

snapshot("what is not freed, and where", "leaking", words("--forget"), TEXT);
snapshot("all places, with all calls", "all", words("--all", "--forget"), TEXT);
snapshot("nothing leaks", "clean", words("--dir=src", "src/wasi_words.c"));
snapshot("figures alone", "stats", words("--stack=stats", "--forget"), TEXT);
snapshot("a trap, with the calls that led to it", "trapped", words("--trap"), TEXT);
snapshot("a block that is freed twice", "twice", words("--stack=debug", "--twice"), TEXT);
snapshot("a write beyond a block", "overrun", words("--stack=debug", "--overrun"), TEXT);
snapshot("what is meant to stay", "suppressed", words("--suppress=fn:copy", "--forget"), TEXT);
Deno.test("cli: a program has its arguments, variables, directories and streams, and its exit code", async () => {
  const runs: [Outcome, Promise<Outcome>][] = [
    [{ code: 0, out: "6 words, 4 of them different\n", err: "" }, cli(words("--quiet", ""), TEXT)],
    [{ code: 3, out: "6 words, 4 of them different\n", err: "" }, cli(words("--quiet", "--exit=3"), TEXT)],
    [
      { code: 0, out: "hi, 0 words, 0 of them different\n", err: "" },
      cli(words("--quiet", "--env=GREETING=hi, ", "--env", "ABSENT", "")),
    ],
    [
      { code: 0, out: "ho, 0 words, 0 of them different\n", err: "" },
      cli(words("--quiet", "--env=GREETING", ""), "", { GREETING: "ho, " }),
    ],
    [{ code: 0, out: "0 words, 0 of them different\n", err: "" }, cli(words("--quiet", ""), "", { GREETING: "ho, " })],
    [
      { code: 0, out: "26 words, 21 of them different\n", err: "" },
      cli(["run", "--quiet", "--dir=src::there", "--dir=.", "wasi_words.wasm", "there/wasi_words.txt"]),
    ],
    [
      { code: 1, out: "", err: "words: cannot read src/absent\n" },
      cli(words("--quiet", "--dir=src", "src/absent")),
    ],
  ];
  for (const [expected, run] of runs) assertEquals(await run, expected);
});

Deno.test("cli: the same of a program, whoever serves it and however it is looked at", async () => {
  const outcomes = await Promise.all(
    ["watch", "replace"].flatMap((how) =>
      ["check", "debug", "stats"].map((stack) =>
        cli(words(`--allocator=${how}`, `--stack=${stack}`, "--quiet", "--forget"), TEXT)
      )
    ),
  );
  for (const { code, out, err } of outcomes) {
    assertEquals([code, out], [1, "6 words, 4 of them different\n"]);
    assertStringIncludes(err, "\n\nLeaks at exit: 8 of 9 blocks, 61 B, still out\n\n");
  }
  const places = outcomes.map(({ err }) => err.split("\n").filter((line) => line.startsWith("    ")).join("\n"));
  assertEquals(places, [places[0], places[0], "", places[0], places[0], ""]);
  assertStringIncludes(places[0], "count (wasi_words:0x");
  const imports = await cli(["run", "--quiet", "wasi_words_imports.wasm", "--forget"], TEXT);
  assertEquals([imports.code, imports.out], [1, "6 words, 4 of them different\n"]);
  assertStringIncludes(imports.err, "\n\nLeaks at exit: 8 of 9 blocks, 61 B, still out\n\n");
  assertStringIncludes(imports.err, "    count (wasi_words_imports:0x");
});

Deno.test("cli: what is told as JSON, to a file, or not at all", async () => {
  const json = JSON.parse((await cli(words("--json", "--forget --exit=4"), TEXT)).err);
  assertEquals(Object.keys(json), [
    "file",
    "exitCode",
    "seconds",
    "stack",
    "bad",
    "gauge",
    "sites",
    "suppressed",
    "startUp",
    "strays",
    "memory",
  ]);
  assertEquals([json.file, json.exitCode, json.stack, json.bad], ["wasi_words.wasm", 4, "check", true]);
  assertEquals(json.gauge, { nalloc: 9, nfree: 1, szalloc: 125, szfree: 64, watermark: 175 });
  assertEquals(json.sites.map((site: Site) => [site.count, site.bytes, site.frames[0].name]), [
    [4, 48, "count"],
    [4, 13, "copy"],
  ]);
  assertEquals(json.startUp, { blocks: 2, bytes: 50 });
  const trap = JSON.parse((await cli(words("--json", "--trap"), TEXT)).err);
  assertEquals([trap.exitCode, trap.error.message], [134, "RuntimeError: unreachable"]);
  assertEquals(trap.error.frames[0].name, "main");

  const file = await Deno.makeTempFile();
  assertEquals(await cli(words("-o", file, "--forget"), TEXT), {
    code: 1,
    out: "6 words, 4 of them different\n",
    err: "",
  });
  assertStringIncludes(await Deno.readTextFile(file), "Leaks at exit: 8 of 9 blocks");
  assertEquals((await cli(words("-o", file, "--quiet", ""))).code, 0);
  assertEquals(await Deno.readTextFile(file), "");
  await Deno.remove(file);
  const nowhere = await cli(words("-o", "absent/x", "--forget"), TEXT);
  assertEquals(nowhere.code, 2);
  assertStringIncludes(nowhere.err, "Leaks at exit: 8 of 9 blocks");
  assertStringIncludes(nowhere.err, 'error: cannot write "absent/x": there is no such directory\n');
});

Deno.test("cli: the exit code is the program's, or tells of leaks", async () => {
  const codes: [code: number, args: string[]][] = [
    [0, words("")],
    [1, words("--forget")],
    [23, words("--exitcode=23", "--forget")],
    [0, words("--exitcode=0", "--forget")],
    [4, words("--exit=4 --forget")],
    [0, words("--suppress=fn:count", "--forget")],
    [1, words("--suppress=fn:copy", "--forget")],
    [134, words("--exitcode=23", "--forget --trap")],
  ];
  const outcomes = await Promise.all(codes.map(([, args]) => cli(args, TEXT)));
  assertEquals(outcomes.map(({ code }, i) => [code, codes[i][1]]), codes);
});

Deno.test("cli: a command line that is wrong ends with 2, and says why", async () => {
  const file = await Deno.makeTempFile();
  const wrong: [args: string[], message: string][] = [
    [["inspct"], 'unknown command "inspct", expected inspect, interpose, run, help; help tells more'],
    [["help", "me"], 'unknown command "me", expected inspect, interpose, run, help; help tells more'],
    [["inspect"], "inspect takes the file of a module; help inspect tells more"],
    [["inspect", "--names=malloc", "own.wasm"], '--names must be as in malloc=ab,free=cd, got "malloc"'],
    [
      ["inspect", "--names=maloc=e", "own.wasm"],
      "own.wasm: Cannot find the allocator: names must be of malloc, free, calloc, realloc, reallocarray, aligned_alloc, " +
      'memalign, posix_memalign, malloc_usable_size, got "maloc"',
    ],
    [["inspect", "--glue=absent.js", "own.wasm"], 'cannot read "absent.js": there is no such file'],
    [["interpose"], "interpose takes one file, got 0; help interpose tells more"],
    [["interpose", "a", "b", "-o", "c"], "interpose takes one file, got 2; help interpose tells more"],
    [["interpose", "own.wasm"], "interpose takes -o FILE, where to write; help interpose tells more"],
    [["interpose", "own.wasm", "-o", "absent/x"], 'cannot write "absent/x": there is no such directory'],
    [
      ["interpose", "imports.wasm", "-o", file],
      "imports.wasm: it imports its allocator, so that there is nothing to rewrite: guest() serves it as it is",
    ],
    [
      ["interpose", "--allocator=imports", "own.wasm", "-o", file],
      '--allocator must be one of watch, replace, got "imports"',
    ],
    [["run"], "run takes the file of a WASI command; help run tells more"],
    [words("--allocator=mine", ""), '--allocator must be one of watch, replace, imports, got "mine"'],
    [
      words("--allocator=imports", ""),
      "wasi_words.wasm: Cannot serve the allocator of the module: it imports none",
    ],
    [words("--stack=fast", ""), '--stack must be one of check, debug, stats, got "fast"'],
    [words("--depth=0", ""), '--depth must be an integer from 1 to 100, got "0"'],
    [words("--stack=debug", "--every=2", ""), "--every and --bytes go with --stack=check only"],
    [words("--suppress=count", ""), '--suppress cannot read the file "count": there is no such file'],
    [words("--dir=absent", ""), '--dir must be a directory that is there, got "absent"'],
    [words("--dir=wasi_words.wasm", ""), '--dir must be a directory that is there, got "wasi_words.wasm"'],
    [words("--dir=", ""), '--dir must be as in DIR or DIR::NAME, got ""'],
    [words("--env==x", ""), '--env must be as in NAME=VALUE or NAME, got "=x"'],
    [words("--symbols=absent", ""), 'cannot read "absent": there is no such file'],
    [words("--symbols=build.sh", ""), 'build.sh: Cannot read symbols: line 1 must be INDEX:NAME, got "#!/bin/sh"'],
    [
      ["inspect", "--glue=build.sh", "own.wasm"],
      "build.sh: it does not say which of the module's exports are malloc, free and the rest",
    ],
    [["run", "own.wasm"], "own.wasm: it is no WASI command: it exports no _start, but _initialize, as a library does"],
    [["run", "operators.wasm"], "operators.wasm: it is no WASI command: it exports no _start"],
  ];
  const outcomes = await cliEach(wrong.map(([args]) => args));
  for (const [i, [, message]] of wrong.entries()) {
    assertEquals(outcomes[i], { code: 2, err: `error: ${message}\n` });
  }
  assertEquals((await Deno.stat(file)).size, 0);
  await Deno.remove(file);
});

/** The smallest module that has these sections behind its header. */
const moduleOf = (...sections: [id: number, ...body: number[]][]): Uint8Array =>
  Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, ...sections.flatMap(([id, ...body]) => [id, body.length, ...body]));

Deno.test("cli: a file that is no module, or none that can be dealt with, ends with 2, and says why", async () => {
  const dir = await Deno.makeTempDir(), whole = await Deno.readFile(new URL("wasi_words.wasm", guests));
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const start = [7, 2, ...name("_start"), 0, 0, ...name("memory"), 2, 0] as [number, ...number[]];
  const files: [contents: Uint8Array | undefined, message: RegExp][] = [
    [undefined, /^cannot read ".*": there is no such file$/],
    [new Uint8Array(), /: Cannot read the module: it is empty$/],
    [
      new TextEncoder().encode("(module)"),
      /: Cannot read the module: it is no WebAssembly, which begins with 00 61 73 6d and its version$/,
    ],
    [Uint8Array.of(0, 97, 115), /: Cannot read the module: it is no WebAssembly/],
    [Uint8Array.of(0, 97, 115, 109), /: Cannot read the module: /],
    [Uint8Array.of(0, 97, 115, 109, 13, 0, 1, 0), /: Cannot read the module: it is a component; give the module in it/],
    [
      Uint8Array.of(0, 97, 115, 109, 2, 0, 0, 0),
      /: Cannot read the module: expected version 1, got 2 \(at byte 0x4\)$/,
    ],
    [whole.subarray(0, 20), /: Cannot read the module: .* \(at byte 0x[\da-f]+\)$/],
    [whole.subarray(0, whole.length >> 1), /: Cannot read the module: .* \(at byte 0x[\da-f]+\)$/],
    [moduleOf(), /: it is no WASI command: it exports no _start$/],
    [
      moduleOf([1, 1, 0x60, 0, 0], [3, 1, 0], [7, 1, ...name("_start"), 0, 0], [10, 1, 2, 0, 11]),
      /: it is no WASI command: it exports no memory$/,
    ],
    [
      moduleOf([1, 1, 0x60, 0, 0], [2, 1, ...name("a"), ...name("b"), 0, 0], [5, 1, 0, 1], start),
      /: it is no WASI command: it imports a\.b, which WASI does not have$/,
    ],
    [
      moduleOf([1, 1, 0x60, 0, 0], [3, 1, 0], [5, 1, 0, 1], start, [10, 1, 2, 0, 11]),
      /: Cannot watch the allocator of the module: no malloc was found among its exports and names/,
    ],
  ];
  for (const [i, [contents]] of files.entries()) {
    if (contents !== undefined) await Deno.writeFile(`${dir}/${i}.wasm`, contents);
  }
  const outcomes = await cliEach(files.map((_, i) => ["run", `${dir}/${i}.wasm`]));
  for (const [i, [, message]] of files.entries()) {
    const { code, err } = outcomes[i];
    assertEquals([code, err.startsWith("error: "), err.split("\n").length], [2, true, 2], err);
    assertMatch(err.slice("error: ".length).trimEnd(), message);
  }
  const several = await cli(["inspect", `${dir}/1.wasm`, "own.wasm", `${dir}/1.wasm`, "imports.wasm"]);
  assertEquals([several.code, several.err], [
    2,
    `error: ${dir}/1.wasm: Cannot read the module: it is empty\n`.repeat(2),
  ]);
  assertMatch(several.out, /^own\.wasm\nmodule [^]*\n\nimports\.wasm\nmodule /);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("cli: inspect prints what the library finds", async () => {
  const bytes = await Deno.readFile(new URL("own_minified.wasm", guests)), names = { malloc: "e", free: "g" };
  const glue = await Deno.makeTempFile();
  await Deno.writeTextFile(glue, "var k=Module;k._malloc=c.e;k._free=c.g;");
  const text = formatInspection(inspect(bytes, { names }));
  for (const how of ["--names=malloc=e,free=g", `--glue=${glue}`]) {
    assertEquals(await cli(["inspect", how, "own_minified.wasm"]), { code: 0, out: `${text}\n`, err: "" });
  }
  await Deno.remove(glue);
  const json = JSON.parse((await cli(["inspect", "--json", "--names=malloc=36", "own_minified.wasm"])).out);
  assertEquals([json.file, json.names], ["own_minified.wasm", { malloc: 36 }]);
  const command = (await cli(["inspect", "wasi_words.wasm"])).out;
  assertMatch(
    command,
    /\n\nTo run it, and see what it does not free: deno run -A file:.*\/rt\/cli\.ts run wasi_words\.wasm\n$/,
  );
});

Deno.test("cli: interpose writes a module that does what it did, and to which one can be attached", async () => {
  const file = await Deno.makeTempFile();
  const { code, out, err } = await cli(["interpose", "wasi_words.wasm", "-o", file]);
  assertEquals([code, err], [0, ""]);
  const before = await Deno.readFile(new URL("wasi_words.wasm", guests)), after = await Deno.readFile(file);
  assertStringIncludes(
    out,
    `${file}: ${after.length.toLocaleString("en")} bytes, ${(after.length - before.length).toLocaleString("en")} more`,
  );
  assertStringIncludes(out, "There is a switch in place of malloc, free, calloc, realloc.\n");
  const options = /interpose\(before, (\{.*\})\)\.attach\(instance\)/.exec(out)![1];
  assertEquals(options, '{ allocator: "watch", name: "wasi_words" }');

  const run = (attached: boolean) => {
    const wasi = makeWasi({ args: ["words", "--exit=5"], env: {}, dirs: {}, module: "wasi_snapshot_preview1" });
    const silent = { ...wasi.imports.wasi_snapshot_preview1, fd_read: () => 8, fd_write: () => 8 };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(after), { wasi_snapshot_preview1: silent });
    const plan = interpose(before, { allocator: "watch", name: "wasi_words" });
    const guest = attached ? plan.attach(instance) : undefined;
    assertEquals(wasi.start(instance), 5);
    return guest?.gauge().nalloc;
  };
  assertEquals([run(false), run(true)], [undefined, 3]);

  const names = "--names=malloc=e,free=g,calloc=j,realloc=r";
  const quiet = await cli(["interpose", "--quiet", names, "own_minified.wasm", "-o", file]);
  assertEquals(quiet, { code: 0, out: "", err: "" });
  assert(WebAssembly.validate(await Deno.readFile(file)));
  await Deno.remove(file);
});

Deno.test({
  name: "cli: in a terminal there is progress, which leaves no trace",
  ignore: Deno.build.os !== "linux" || !await new Deno.Command("script", { args: ["--version"] }).output()
    .then((o) => o.success, () => false),
  fn: async () => {
    const cli = [Deno.execPath(), "run", "-A", "--no-check", "../../rt/cli.ts", ...words("--every=1000", "--churn=12")];
    const { out } = await command("script", ["-qec", `${cli.join(" ")} < /dev/null`, "/dev/null"]);
    const told = ["[\\d.]+ s", "[\\d,]+ allocated", "live [\\d.,]+ \\w+ in [\\d,]+ blocks", "peak [\\d.,]+ \\w+"].join(
      " {2}",
    );
    assertMatch(out, new RegExp(`^\r\x1b\\[2m${told}\x1b\\[0m\x1b\\[K\r`));
    assertStringIncludes(out, "\r\x1b[K0 words, 0 of them different\r\nwasi_words.wasm ended with exit code 0");
  },
});

Deno.test({
  name: "cli: in Node",
  ignore: !hasNode,
  fn: async () => {
    const dir = await libraryForNode(), file = `${dir}/y.wasm`;
    const node = (...args: string[]) => command("node", [`${dir}/rt/cli.js`, ...args], TEXT);
    const [leaking, inDeno, trapped, inspected, interposed, wrong, help] = await Promise.all([
      node(...words("--forget")),
      cli(words("--forget"), TEXT),
      node(...words("--trap")),
      node("inspect", "wasi_words.wasm"),
      node("interpose", "wasi_words.wasm", "-o", file),
      node("run", "absent"),
      node("help"),
    ]);
    const timeless = ({ code, out, err }: Outcome) => ({ code, out, err: err.replace(/[\d.]+ s\n/, "") });
    assertEquals(timeless(leaking), timeless(inDeno));
    assertEquals([trapped.code, trapped.out], [134, "6 words, 4 of them different\n"]);
    assertStringIncludes(trapped.err, "by RuntimeError: unreachable\n  main (wasi_words:0x");
    assertEquals([inspected.code, inspected.err], [0, ""]);
    assertStringIncludes(
      inspected.out,
      `To run it, and see what it does not free: node ${dir}/rt/cli.js run wasi_words.wasm\n`,
    );
    assertEquals([interposed.code, interposed.err], [0, ""]);
    assertStringIncludes(interposed.out, "There is a switch in place of malloc, free, calloc, realloc.\n");
    assertEquals(wrong, { code: 2, out: "", err: 'error: cannot read "absent": there is no such file\n' });
    assertStringIncludes(help.out, `usage: node ${dir}/rt/cli.js COMMAND`);
    const program = `import { makeWasi } from "${dir}/rt/cli/wasi.js";
      makeWasi({ args: [], env: {}, dirs: {}, module: "wasi_unstable" });
      setTimeout(() => console.log("quiet"), 1);`;
    const quiet = await command("node", ["--input-type=module", "--eval", program]);
    assertEquals(quiet, { code: 0, out: "quiet\n", err: "" });
    await Deno.remove(dir, { recursive: true });
  },
});

Deno.test("cli: without permissions it says which it takes", async () => {
  const args = ["run", "--no-prompt", "--no-check", "../../rt/cli.ts"];
  const { code, err } = await command(Deno.execPath(), [...args, "inspect", "own.wasm"]);
  assertEquals([code, err], [2, 'error: cannot read "own.wasm": that takes --allow-read=own.wasm\n']);
  const read = await command(Deno.execPath(), [
    "run",
    "--allow-read",
    ...args.slice(1),
    "run",
    "--dir=.",
    "wasi_words.wasm",
  ]);
  assertEquals([read.code, read.out], [2, ""]);
  assertMatch(read.err, /^error: WASI cannot be had for wasi_words\.wasm: .*\n$/);
});
