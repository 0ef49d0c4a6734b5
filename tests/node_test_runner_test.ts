// The checks of testing/ in a test runner that is not Deno's: node:test, with the library transpiled
import { assert, assertEquals, assertMatch, assertStringIncludes } from "./assert.ts";

const root = new URL("../", import.meta.url);

const BARE = `
import test from "node:test";
import { leakFree, failuresOf } from "./testing/mod.js";
import { std } from "./mod.js";

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
function leak() { return std.bytealloc(24); }
async function both() {
  leak();
  await sleep(1);
  throw new TypeError("of the body itself");
}

test("clean", leakFree(() => std.bytefree(leak(), 24)));
test("leaking", leakFree(() => void leak()));
test("clean, later", leakFree(async (t) => {
  const p = leak();
  await t.test("in a part", () => std.bytefree(p, 24));
}));
test("at the same time", { concurrency: true }, async (t) => {
  await Promise.all([3, 1, 2].map((ms) => t.test("clean " + ms, leakFree(async () => {
    const p = leak();
    await sleep(ms);
    std.bytefree(p, 24);
  }))));
});
test("failing and leaking", leakFree(both));
test(failuresOf(function starves() {
  const p = std.bytealloc(1);
  try {
    std.bytefree(std.bytealloc(1), 1);
  } finally {
    std.bytefree(p, 1);
  }
}));
test("starves badly", failuresOf(async () => {
  const p = leak();
  std.bytefree(std.bytealloc(1), 1);
  std.bytefree(p, 24);
}));
`;

const HOOKS = `
import test, { afterEach, beforeEach, describe, it } from "node:test";
import { withRegion } from "./testing/mod.js";
import { std, top } from "./mod.js";

let fixture = 0;
afterEach(() => std.bytefree(fixture, 8)); // what is registered first is called first
const suite = withRegion({ beforeEach, afterEach });
beforeEach(() => void (fixture = std.bytealloc(8)));

test("clean", async () => {
  const p = std.bytealloc(1);
  await 0;
  std.bytefree(p, 1);
});
test("leaking", async () => {
  await 0;
  std.bytealloc(24);
});
describe("inside", () => {
  const inner = withRegion({ beforeEach, afterEach });
  it("has a region in the region", () => {
    if (inner.allocator !== top() || suite.allocator === top()) throw new Error("the region was lost");
    if (suite.allocator.gauge().nalloc !== 1) throw new Error("the fixture is not in the outer region");
  });
  it("leaks", () => void std.bytealloc(24));
});
test("clean again", () => {
  if (suite.allocator !== top()) throw new Error("the region was lost");
});
`;

async function run(command: string, args: string[], cwd: string): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd, env: { NO_COLOR: "1" } }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** The library's files, from one on. */
async function files(path: string, seen: Set<string>): Promise<Set<string>> {
  if (seen.has(path)) return seen;
  seen.add(path);
  const source = await Deno.readTextFile(new URL(path, root));
  for (const [, specifier] of source.matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)";/gm)) {
    assert(/^\.\.?\//.test(specifier), `${path} imports ${specifier}`);
    await files(new URL(specifier, new URL(path, root)).href.slice(root.href.length), seen);
  }
  return seen;
}

/** Runs `f` in a folder with the library as JavaScript. */
async function transpiled(f: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const all = [...await files("testing/mod.ts", await files("mod.ts", new Set()))];
    for (const path of all) {
      await Deno.mkdir(`${dir}/in/${path}`.replace(/[^/]*$/, ""), { recursive: true });
      await Deno.copyFile(new URL(path, root), `${dir}/in/${path}`);
    }
    const { code, err } = await run(
      Deno.execPath(),
      ["transpile", "--no-check", "--no-config", "--outdir", "../out", ...all],
      `${dir}/in`,
    );
    assertEquals(code, 0, err);
    for (const path of all) {
      const name = `${dir}/out/${path.replace(/ts$/, "js")}`, source = await Deno.readTextFile(name);
      await Deno.writeTextFile(name, source.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
    }
    await Deno.writeTextFile(`${dir}/out/package.json`, '{ "type": "module" }');
    await f(`${dir}/out`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** What became of each test, by TAP. */
function results(tap: string): Record<string, boolean> {
  return Object.fromEntries(
    [...tap.matchAll(/^\s*(not )?ok \d+ - (.*?)(?: #.*)?$/gm)].map(([, not, name]) => [name, not === undefined]),
  );
}

const hasNode = await new Deno.Command("node", { args: ["--version"] }).output().then((o) => o.success, () => false);
if (!hasNode) console.error("node is not on the PATH: the checks of testing/ are not tried under node:test");

Deno.test({
  name: "node:test: leakFree, failuresOf and withRegion fail the tests that they should, and no others",
  ignore: !hasNode,
  fn: () =>
    transpiled(async (dir) => {
      await Deno.writeTextFile(`${dir}/bare.test.js`, BARE);
      const { code, out } = await run("node", ["--test", "--test-reporter=tap", "bare.test.js"], dir);
      assertEquals(code, 1);
      assertEquals(results(out), {
        "clean": true,
        "leaking": false,
        "in a part": true,
        "clean, later": true,
        "clean 3": true,
        "clean 1": true,
        "clean 2": true,
        "at the same time": true,
        "failing and leaking": false,
        "starves": true,
        "starves badly": false,
      }, out);
      assertMatch(
        out,
        /Cannot close as free of leaks: 1 of 1 blocks, 24 B, still out\n +1 block, 24 B, allocated at\n +leak \(file:.*bare\.test\.js:7:/,
      );
      assertStringIncludes(out, "error: 'of the body itself'");
      assertMatch(out, /Cannot survive running out of memory: 1 of 2 runs, in each of which another allocation failed/);
      assert(!out.includes("/testing/"), out); // no frames of the library
      const spec = await run("node", ["--test", "--test-reporter=spec", "bare.test.js"], dir);
      assertMatch(
        spec.out,
        /TypeError.*: of the body itself[^]*\[cause\]: .*LeakError\S* Besides the error above, and perhaps because of it: 1 of 1 bl/,
      );

      await Deno.writeTextFile(`${dir}/hooks.test.js`, HOOKS);
      const hooks = await run("node", ["--test", "--test-reporter=tap", "hooks.test.js"], dir);
      assertEquals(results(hooks.out), {
        "clean": true,
        "leaking": false,
        "has a region in the region": true,
        "leaks": false,
        "inside": false,
        "clean again": true,
      }, hooks.out);
      assertMatch(hooks.out, /Cannot close as free of leaks: 1 of 1 blocks, 24 B, still out/);
    }),
});
