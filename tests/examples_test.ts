import { assert, assertEquals, assertMatch, assertStringIncludes } from "./assert.ts";
import { assertSnapshot, normalise } from "./output/snapshot.ts";

/** Runs an example as a user does. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [file, ...rest] = args;
  const path = new URL(`../examples/${file}`, import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", path, ...rest],
    env: { NO_COLOR: "1" },
  }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** What an example prints when all is well. */
async function output(...args: string[]): Promise<string> {
  const { code, out, err } = await run(...args);
  assertEquals([code, err], [0, ""]);
  return out;
}

Deno.test("append: what escapes stays, and the layers give back what they took", async () => {
  const out = await output("append.ts");
  assertStringIncludes(out, "outside the region: xs = []\n");
  assertStringIncludes(out, "inside the region:  ys = [0,1,2,3,4], zs = [0,11,22,33,44]");
  assertStringIncludes(out, "outside the region: xs = [0,1,2,3,4,0,11,22,33,44]\n");
  assertMatch(out, /stats +2 allocated.*\nchunk 4096\nbatch\ncheck\nstats +2 allocated, 2 freed;.* 0 live, 0 B\nmmap/);
});

Deno.test("nested: each region is asked for what was allocated in it", async () => {
  const out = await output("nested.ts");
  assertMatch(out, /inner region closed:\nstats +2 allocated.*; 30 B allocated/);
  assertMatch(out, /outer region closed:\nstats +2 allocated.*; 300 B allocated/);
  assertStringIncludes(out, "ground region was asked for 1000 bytes");
});

Deno.test("binarytree: the same trees under every stack, and by hand", async () => {
  const trees = [
    "stretch tree of depth 9\t nodes: 1023",
    "256\t trees of depth 4\t nodes: 7936",
    "64\t trees of depth 6\t nodes: 8128",
    "16\t trees of depth 8\t nodes: 8176",
    "long lived tree of depth 8\t nodes: 511",
  ].join("\n");
  for (const stack of ["seed", "arena", "bonwick", "profile"]) {
    assertStringIncludes(await output("binarytree.ts", "8", `--stack=${stack}`), trees);
  }
  assertMatch(await output("binarytree.ts", "8"), /stats +1,023 allocated, 0 freed; .*\nchunk 4096\nbatch\ncheck\n/);
  const byHand = await output("binarytree_manual.ts", "8");
  assertStringIncludes(byHand, trees);
  assertMatch(byHand, /check\nstats +25,774 allocated, 25,774 freed; .* 0 live, 0 B\nbonwick\n/);
});

Deno.test("choose: figures of each stack, and what follows from them", async () => {
  const out = await output("choose.ts", "500");
  assertMatch(out, /^What the server asks for in 500 requests:\n\nsize of a block:\n +16\.\.31 B \|#+ [\d,]+\n/);
  assertStringIncludes(out, "\nnever put: 0 blocks\n");
  const rows = [...out.matchAll(/^(\S+\(\).*?) {2,}([\d.]+) ms +([\d.]+) (\w+) +([\d.]+) x +([\d.]+) \w+$/gm)];
  const units: Record<string, number> = { KiB: 1024, MiB: 2 ** 20 };
  const figures = rows.map(([, name, ms, peak, unit, , left]) => (
    { name, ms: Number(ms), peak: Number(peak) * units[unit], left: Number(left) }
  ));
  assertEquals(figures.map(({ name }) => name), [
    "arena() for each request",
    "general() for all",
    "kingsley() for all",
  ]);
  for (const [, , , , , ratio] of rows) assert(Number(ratio) >= 1, "the heap is larger than what is live");
  // What is freed is given back, but by an allocator that never does
  assertEquals(figures.map(({ left }) => left > 0), [false, false, true]);
  // It is the best by the figures that are shown, which are rounded
  const [, best, ...others] = out.match(
    /\nBest by time and memory together: (.*?)\. (.*) takes ([\d.]+) x the time and .*; (.*) takes ([\d.]+) x .*\.\n$/,
  )!;
  const winner = figures.find(({ name }) => name === best)!;
  assertEquals([best, others[0], others[2]].sort(), figures.map(({ name }) => name).sort());
  for (const { name, ms, peak } of figures) {
    assert(ms * peak > winner.ms * winner.peak * 0.95, `${name} is better than ${best}`);
    if (name !== best) assert(Math.abs(Number(others[others.indexOf(name) + 1]) - ms / winner.ms) < 0.05, name);
  }
});

Deno.test("mistakes: each is found, with the lines that it is about", async () => {
  const out = await output("mistakes.ts");
  const source = (await Deno.readTextFile(new URL("../examples/mistakes.ts", import.meta.url))).split("\n");
  const line = (text: string) => source.findIndex((row) => row.includes(text)) + 1;
  const names = [...out.matchAll(/^(\w+Error): /gm)].map(([, name]) => name);
  assertEquals(names, ["LeakError", "DoubleFreeError", "UseAfterFreeError", "OverrunError"]);
  assertMatch(out, new RegExp(`1 block, 8 B, allocated at\n +add \\(file:.*/mistakes.ts:${line("const add")}:`));
  assertMatch(out, new RegExp(`UseAfterFreeError: .*\n +at\n .*/mistakes.ts:${line("age.get(ada)")}:`));
});

Deno.test("guest: what a program in C allocates, forgets and frees twice, by the functions that did", async () => {
  const out = await output("guest.ts");
  await assertSnapshot("guest.txt", normalise(out));
  assertEquals([...out.matchAll(/^(\w+Error): /gm)].map(([, name]) => name), ["LeakError", "DoubleFreeError"]);
  assertStringIncludes(out, "in words: malloc <- copy_word <- add_word <- count_words\n");
  assertStringIncludes(out, "in words: free <- free_table\n");
  assertStringIncludes(out, "in words: free <- drop_rare\n");
});

Deno.test("examples: --help helps, and a bad argument is one clear line", async () => {
  for (
    const file of [
      "append.ts",
      "nested.ts",
      "binarytree.ts",
      "binarytree_manual.ts",
      "choose.ts",
      "mistakes.ts",
      "guest.ts",
      "demo.ts",
      "json/main.ts",
    ]
  ) {
    assertStringIncludes(await output(file, "--help"), "usage: ");
    const { code, out, err } = await run(file, "--nonsense=1");
    assertEquals([code, out, err], [1, "", "error: unknown flag --nonsense, see --help\n"]);
  }
  const wrong: [args: string[], err: string][] = [
    [["nested.ts", "x"], 'unexpected argument "x", see --help'],
    [["binarytree.ts", "0"], 'depth must be an integer from 6 to 26, got "0"'],
    [["binarytree.ts", "1.5"], 'depth must be an integer from 6 to 26, got "1.5"'],
    [["binarytree_manual.ts", "many"], 'depth must be an integer from 6 to 26, got "many"'],
    [["choose.ts", "99"], 'requests must be an integer from 100 to 1000000, got "99"'],
    [["choose.ts", "100", "x"], 'unexpected argument "x", see --help'],
    [["binarytree.ts", "8", "--stack=x"], '--stack must be one of seed, arena, bonwick, profile, got "x"'],
  ];
  for (const [args, message] of wrong) {
    const { code, out, err } = await run(...args);
    assertEquals([code, out, err], [1, "", `error: ${message}\n`]);
  }
});
