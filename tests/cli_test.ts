// The command line: `rt/cli.ts` as a user runs it, and its parts
import type { Gauge } from "../gauge.ts";
import { specialise } from "../layer.ts";
import { stats } from "../layers/stats.ts";
import { parseOptions, parsePairs, UsageError } from "../rt/cli_options.ts";
import { Progress, ticking } from "../rt/cli_progress.ts";
import { StartUp } from "../rt/cli_startup.ts";
import { makeWasi } from "../rt/wasi.ts";
import type { Site } from "../sites.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "./assert.ts";
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

/** A test that compares all that a command line prints, and its exit code. */
function snapshot(name: string, file: string, args: string[], input?: string): void {
  Deno.test(`cli: ${name}`, async () => {
    const { code, out, err } = await cli(args, input);
    const text = `$ cli.ts ${args.join(" ")}\n${out}${err}[exit code ${code}]\n`
      .replaceAll(root.href, "<url>/").replace(/after [\d.]+ s/, "after 0.00 s");
    await assertSnapshot(`../cli/${file}.txt`, text);
  });
}

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
