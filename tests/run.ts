/**
 * Runs every check there is, one after the other, and ends with a line `N passed, N failed`: `deno task test`.
 *
 * The tests run three times: with layers specialised, with plain ones, and in a ground region under `shadow`, and so under
 * `debug`, which have nothing to report of any of them. A check that is not a test run counts as one test. `--untested`
 * leaves the tests out: `deno task check`.
 */

/** Tests that have nothing but other processes to look at: what is loaded before them makes no difference. */
const OF_PROCESSES = [
  "bench",
  "catalogue",
  "cli",
  "guest_gc",
  "guest_node",
  "import",
  "node_test_runner",
  "readme",
  "rt_leaks",
];
/** Tests that begin where no `debug` and no `shadow` has been. */
const OF_GUARDS = ["owners", "shadow"];
const ignore = (names: string[]): string => `--ignore=${names.map((name) => `tests/${name}_test.ts`).join()}`;

const CHECKS: [what: string, ...args: string[]][] = [
  ["formatting", "fmt", "--check"],
  ["lint", "lint"],
  ["types", "check", "."],
  [
    "documentation lint",
    "doc",
    "--lint",
    "mod.ts",
    "layers/mod.ts",
    "std/mod.ts",
    "testing/mod.ts",
    "rt/mod.ts",
    "rt/leaks.ts",
    "rt/cli.ts",
  ],
  ["publishing", "publish", "--dry-run", "--allow-dirty"],
  ["tests, specialised", "test", "-A", "tests/"],
  ["tests, plain", "test", "-A", "--preload", "tests/plain.ts", ignore(OF_PROCESSES), "tests/"],
  [
    "tests, under shadow",
    "test",
    "-A",
    "--preload",
    "tests/under_shadow.ts",
    ignore([...OF_PROCESSES, ...OF_GUARDS]),
    "tests/",
  ],
  [
    "examples in documentation",
    "test",
    "-A",
    "--doc",
    "README.md",
    "CONTRIBUTING.md",
    "*.ts",
    "layers/",
    "std/",
    "testing/",
    "rt/",
    "examples/",
  ],
];

let passed = 0, failed = 0;

for (const [what, ...args] of CHECKS) {
  if (Deno.args.includes("--untested") && args[0] === "test") continue;
  console.log(`\n== ${what}: deno ${args.join(" ")}`);
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
  let output = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    Deno.stdout.writeSync(new TextEncoder().encode(text));
    output += text;
  }
  const { success } = await child.status;
  // deno-lint-ignore no-control-regex -- colours
  const counts = output.replace(/\x1b\[[0-9;]*m/g, "").match(/\| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed/);
  const wrong = Number(counts?.[2] ?? 0);
  passed += Number(counts?.[1] ?? (success ? 1 : 0));
  failed += success ? wrong : Math.max(wrong, 1);
}

console.log(`\n${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
