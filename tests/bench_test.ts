import { type Line, plot } from "../bench/plot.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "./assert.ts";

const ROOT = new URL("..", import.meta.url);

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const bench = (...args: string[]): Promise<Outcome> => script("run", ...args);

/** Runs a script in `bench/`. */
async function script(name: string, ...args: string[]): Promise<Outcome> {
  const command = ["run", "-A", "--no-check", `bench/${name}.ts`, ...args];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: command,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, err };
}

Deno.test("bench: a table of what was chosen, '-' where a contender cannot", async () => {
  const readme = await Deno.readTextFile(new URL("bench/README.md", ROOT));
  const { code, out, err } = await bench(
    "--workload=enter",
    "--contender=arena,harfbuzz,region_arena",
    "--rounds=1",
    "--quick",
  );
  assertEquals(code, 0, err);
  assertMatch(err, /\[2\/2\] round 1: enter, region_arena/);
  const [head, rule, row, ...rest] = out.split("\n").filter((line) => line.startsWith("|"));
  assertMatch(head, /^\| workload \| +arena \| +region_arena \| +harfbuzz \|$/);
  assertMatch(rule, /^\| -+ \| -+: \| -+: \| -+: \|$/);
  assertMatch(row, /^\| enter +\| +[\d.]+ ns\/region \| +[\d.]+ x \| +- \|$/);
  assertEquals(rest, []);
  assertEquals(await Deno.readTextFile(new URL("bench/README.md", ROOT)), readme, "a part of it is not kept");
});

Deno.test("bench: a bad argument is one clear line", async () => {
  const cases = {
    "--workload=none": "--workload must be of pair, ",
    "--rounds=0": "--rounds must be an integer from 1 ",
    "--rounds": "--rounds must be an integer from 1 ",
    "--speed=9": "unknown flag --speed",
    "pair": 'unexpected argument "pair"',
  };
  for (const [arg, problem] of Object.entries(cases)) {
    const { code, out, err } = await bench(arg);
    assertEquals([code, out, err.trimEnd().split("\n").length], [1, "", 1], err);
    assertStringIncludes(err, problem);
  }
});

Deno.test("bench: --help tells of the workloads and contenders", async () => {
  const { code, out } = await bench("--help");
  assertEquals(code, 0);
  for (const name of ["--rounds=N", "memcpy", "region_arena"]) assertMatch(out, new RegExp(name));
});

/** The rows of the tables in a script's output, cell by cell. */
const rowsOf = (out: string): string[][] =>
  out.split("\n").filter((line) => /^\| *[^ -]/.test(line)).map((line) =>
    line.slice(2, -2).split("|").map((x) => x.trim())
  );

Deno.test("bench: --help of every script tells of its flags", async () => {
  for (const name of ["general", "fragmentation", "scaling"]) {
    const { code, out } = await script(name, "--help");
    assertEquals(code, 0);
    for (const text of [`deno task bench:${name} `, "--quick", "tlsf"]) assertStringIncludes(out, text);
  }
});

Deno.test("bench: --help of those that take no contenders tells of their flags, too", async () => {
  for (const name of ["compose", "layers", "watching", "rewriting"]) {
    const { code, out } = await script(name, "--help");
    assertEquals(code, 0);
    for (const text of [`deno task bench:${name} `, "--rounds=N", "--keep"]) assertStringIncludes(out, text);
  }
});

Deno.test("bench: watching measures a call stack, in time and in memory", async () => {
  const command = ["run", "-A", "--no-check", "--v8-flags=--expose-gc", "bench/watching_one.ts", "captures", "quick"];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: command, cwd: ROOT }).output();
  const { get, bytes, report } = JSON.parse(new TextDecoder().decode(stdout));
  for (const at of ["5, 8", "20, 8", "60, 8", "60, 50"]) {
    assertEquals(get[at] > 0 && bytes[at] > 200 && bytes[at] < 10_000, true, at);
  }
  assertEquals(bytes["60, 50"] > bytes["20, 8"], true, "more calls take more memory");
  assertEquals(Object.keys(report), ["1", "1000", "100000"]);
});

Deno.test("bench: general is compared with peers, on what is chosen", async () => {
  const args = ["--workload=lifo,grow", "--contender=general,onig,tlsf", "--rounds=1", "--quick"];
  const { code, out, err } = await script("general", ...args);
  assertEquals(code, 0, err);
  const [head, lifo, grow, , ...figures] = rowsOf(out);
  assertEquals(head, ["workload", "general", "onig", "tlsf"]);
  assertMatch(lifo.join(), /^lifo,[\d.]+ ns\/pair,[\d.]+ x,[\d.]+ x$/);
  assertMatch(grow.join(), /^grow,[\d.]+ ns\/step,[\d.]+ x,[\d.]+ x$/);
  assertEquals(figures.length, 3); // the least ratio of each peer, the mean of all
});

Deno.test("bench: fragmentation is the peak of the heap over the peak of what is live", async () => {
  const { code, out, err } = await script(
    "fragmentation",
    "--workload=churn",
    "--contender=general,harfbuzz",
    "--quick",
  );
  assertEquals(code, 0, err);
  const [head, [name, live, ...ratios]] = rowsOf(out);
  assertEquals(head, ["workload", "peak live", "rounded to 16", "general", "general, pages", "harfbuzz"]);
  assertEquals([name, live], ["churn", live.replace(/[^\d]+$/, " KiB")]);
  for (const ratio of ratios) assertEquals(Number(ratio) > 1 && Number(ratio) < 4, true, ratio);
  assertEquals(Number(ratios[1]) <= Number(ratios[2]), true, "blocks lie in pages");
});

Deno.test("bench: scaling has a row for each contender, and touches no file when it is quick", async () => {
  const svg = new URL("bench/scaling.svg", ROOT), before = await Deno.readTextFile(svg);
  const { code, out, err } = await script("scaling", "--contender=general,mempool,nothing", "--rounds=1", "--quick");
  assertEquals(code, 0, err);
  const [head, ...rows] = rowsOf(out);
  assertEquals(head[1], "anywhere: 1,000");
  assertEquals(rows.slice(0, 3).map(([name]) => name), ["general", "mempool", "nothing"]);
  for (const row of rows.slice(0, 3)) assertEquals(row.slice(1).every((x) => Number(x) > 0), true, row.join());
  assertEquals(await Deno.readTextFile(svg), before);
});

Deno.test("bench: a plot has a line and a label for each contender in each panel", () => {
  const line = (name: string, ...ys: number[]): Line => ({
    name,
    points: ys.map((y, i) => [1000 * 10 ** i, y] as const),
    style: "peer",
  });
  const lines = [line("one", 10, 20), line("other", 10, 20.5), line("short", 7)];
  const svg = plot([{ title: "A", lines }, { title: "B", lines }], "blocks", "ns");
  assertEquals(svg.match(/<path class="line peer"/g)?.length, 6);
  const labels = [...svg.matchAll(/y="([\d.]+)"[^>]*>(?:one|other)</g)].map(([, y]) => Number(y));
  assertEquals(labels.length, 4);
  assertEquals(Math.abs(labels[0] - labels[1]) >= 14, true, "labels do not overlap");
});
