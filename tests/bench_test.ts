import { assertEquals, assertMatch, assertStringIncludes } from "./assert.ts";

const ROOT = new URL("..", import.meta.url);

async function bench(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const command = ["run", "-A", "--no-check", "bench/run.ts", ...args];
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
