import { mmap } from "../mod.ts";
import { nameOf } from "../describe.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "./assert.ts";
import { freshHeap } from "./kit.ts";
import { DEPTH, randomStack, tryRandomStack } from "./stacks.ts";

const STACKS = 350, PER_TEST = 50;
const PROGRAMS = 1, STEPS = 30; // of each stack: small, as there are many

for (let first = 1; first <= STACKS; first += PER_TEST) {
  Deno.test(`compositions: random stacks of seeds ${first} to ${first + PER_TEST - 1}`, () => {
    for (let seed = first; seed < first + PER_TEST; seed++) tryRandomStack(seed, PROGRAMS, STEPS);
  });
}

Deno.test("compositions: at least 300 of the stacks are distinct, and the deepest has 8 layers", () => {
  const names = new Set<string>();
  for (let seed = 1; seed <= STACKS; seed++) names.add(nameOf(randomStack(mmap(freshHeap()), seed)));
  assert(names.size >= 300, `${names.size} distinct stacks`);
  let deepest = 0;
  for (const name of names) {
    let depth = 1;
    for (const [bracket] of name.matchAll(/[()]/g)) deepest = Math.max(deepest, depth += bracket === "(" ? 1 : -1);
  }
  assert(deepest >= DEPTH, `the deepest has ${deepest} layers`);
});

async function fuzz(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const script = new URL("fuzz.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", script, ...args] })
    .output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

Deno.test("compositions: fuzz says how many stacks it has tried", async () => {
  const { code, out } = await fuzz("--seed=5", "--stacks=3");
  assertMatch(out, /^3 stacks from seed 5 on, 3 distinct, none fails\n$/);
  assertEquals(code, 0);
});

Deno.test("compositions: fuzz has help, and refuses what it does not know", async () => {
  assertStringIncludes((await fuzz("--help")).out, "deno task fuzz [--minutes=N]");
  for (const [flag, says] of [["--minutes=0", "--minutes must be an integer from 1"], ["--hours=1", "unknown flag"]]) {
    const { code, err } = await fuzz(flag);
    assertEquals(code, 1);
    assertStringIncludes(err, says);
  }
});
