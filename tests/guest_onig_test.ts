// Oniguruma, the regular expressions of text editors, as npm's vscode-oniguruma has it
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { enter, general, init, LeakError, stats } from "../mod.ts";
import { debug } from "../layers/debug.ts";
import { type Guest, guest, type GuestOptions, intercept, WasmError } from "../rt/mod.ts";
import { leakFree } from "../testing/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "./assert.ts";
import { linesOf, outOf } from "./lines_of.ts";
import { npmFile, npmUrl } from "./npm_files.ts";

type Onig = typeof import("vscode-oniguruma");

/** Functions that it has, and does not export. */
const HIDDEN = { realloc: 220, calloc: 222 };
const require = createRequire(import.meta.url);
const bytes = await npmFile("vscode-oniguruma/release/onig.wasm");

/** The package as it is when the program starts: it loads one instance only. */
async function fresh(): Promise<Onig> {
  const path = fileURLToPath(await npmUrl("vscode-oniguruma/release/main.js"));
  delete require.cache[path];
  return require(path);
}

async function plain(): Promise<Onig> {
  const onig = await fresh();
  await onig.loadWASM(bytes);
  return onig;
}

async function asGuest(options: GuestOptions = {}): Promise<[Onig, Guest]> {
  const onig = await fresh();
  let g!: Guest;
  await onig.loadWASM({
    instantiator: async (imports = {}) => {
      g = await guest(bytes, { imports, name: "onig", glue: ["/vscode-oniguruma/"], ...options });
      return g as never;
    },
  });
  return [onig, g];
}

const RULES = [
  "\\b(const|let|function|export|import|return|if|else)\\b",
  '(?<string>"(?:[^"\\\\]|\\\\.)*")',
  "//.*$",
  "/\\*[\\s\\S]*?\\*/|^ \\*.*$",
  "\\b\\d+(?:\\.\\d+)?\\b",
  "(?<=\\bnew )\\w+",
  "(?i)[àéîöü]+|\\p{Greek}+",
  "(?<paren>\\((?:[^()]|\\g<paren>)*\\))",
];

/** What the rules find in a text, line by line. */
function scan({ OnigScanner, OnigString }: Onig, text: string): number[][] {
  const scanner = new OnigScanner(RULES), found: number[][] = [];
  for (const [n, line] of text.split("\n").entries()) {
    const string = new OnigString(line);
    for (let at = 0;;) {
      const match = scanner.findNextMatchSync(string, at);
      if (match === null) break;
      found.push([n, match.index, ...match.captureIndices.flatMap(({ start, end }) => [start, end])]);
      const { end } = match.captureIndices[0];
      at = end > at ? end : at + 1;
    }
    string.dispose();
  }
  scanner.dispose();
  return found;
}

const text = (await Deno.readTextFile(new URL("../region.ts", import.meta.url))).slice(0, 20_000) +
  '\nconst déjà = "Ωmega \\" \u{1f600}", x = (1 + (2 * 3.5)); // ÉÉ';

/** Oniguruma keeps its tables of properties, which the first scanner makes, and its glue a buffer for short strings. */
function warmUp(onig: Onig): void {
  scan(onig, "x");
}

Deno.test("guest_onig: watched, gives the same matches", async () => {
  const expected = scan(await plain(), text);
  assert(expected.length > 300, `${expected.length} matches`);
  const [onig, g] = await asGuest();
  assertEquals(outOf(g), { blocks: 0, bytes: 0 });
  warmUp(onig);
  const kept = outOf(g);
  assertEquals(kept.blocks, 33);
  assert(kept.bytes >= 10_000 && kept.bytes < 12_000, `${kept.bytes} bytes`);
  assertEquals(scan(onig, text), expected);
  assertEquals(outOf(g), kept);
  assertEquals(g.strays, 0);
});

Deno.test("guest_onig: disposed is zero, after the first scanner", async () => {
  const [onig] = await asGuest();
  const e = assertThrows(leakFree(() => scan(onig, "x")), LeakError);
  assertEquals(e.blocks, 33);
  assertEquals(Object.keys(linesOf(e, import.meta.url)), [
    "const string = new OnigString(line);",
    "const scanner = new OnigScanner(RULES), found: number[][] = [];",
  ]);
  leakFree(() => scan(onig, text))();
  leakFree(() => assertThrows(() => new onig.OnigScanner(["(unclosed"]), Error, "unmatched parenthesis"))();
});

Deno.test("guest_onig: a scanner that is not disposed is reported, with the line", async () => {
  const [onig] = await asGuest();
  warmUp(onig);
  const e = assertThrows(
    leakFree(() => {
      const disposed = new onig.OnigScanner(RULES);
      disposed.findNextMatchSync("const x = 1", 0);
      disposed.dispose();
      const forgotten = new onig.OnigScanner(RULES);
      forgotten.findNextMatchSync("const x = 1", 0);
    }),
    LeakError,
  );
  assertEquals(Object.keys(linesOf(e, import.meta.url)), [
    "const forgotten = new onig.OnigScanner(RULES);",
    'forgotten.findNextMatchSync("const x = 1", 0);',
  ]);
  assertMatch(e.message, /guest_onig_test\.ts:\d+:\d+\n/);
});

Deno.test("guest_onig: a string that is not disposed is reported, with the line", async () => {
  const [onig] = await asGuest();
  warmUp(onig);
  const e = assertThrows(
    leakFree(() => {
      new onig.OnigString("short").dispose();
      new onig.OnigString("long".repeat(5000));
    }),
    LeakError,
  );
  assertEquals([e.blocks, e.bytes], [1, 20_000]);
  assertEquals(linesOf(e, import.meta.url), { 'new onig.OnigString("long".repeat(5000));': 1 });
});

Deno.test("guest_onig: asynchronous tests, and again", async () => {
  const [onig] = await asGuest();
  warmUp(onig);
  const work = async (dispose: boolean) => {
    const scanner = new onig.OnigScanner(RULES);
    await new Promise((done) => setTimeout(done, 1));
    const found = scanner.findNextMatchSync("  return 1;", 0)!.index;
    if (dispose) scanner.dispose();
    return found;
  };
  for (const options of [{}, { again: true }]) {
    assertEquals(await leakFree(() => work(true), options)(), 0);
    const e = await assertRejects(leakFree(() => work(false), options), LeakError);
    assertEquals(Object.keys(linesOf(e, import.meta.url)), [
      "const scanner = new onig.OnigScanner(RULES);",
      'const found = scanner.findNextMatchSync("  return 1;", 0)!.index;',
    ]);
  }
});

Deno.test("guest_onig: intercepted, nothing is said of the module at all", async () => {
  const onig = await fresh();
  const [, [g, ...others]] = await intercept({}, () => onig.loadWASM(bytes));
  assertEquals(others, []);
  assertEquals(scan(onig, text), scan(await plain(), text));
  assert(g.gauge().nalloc > 1000);
});

Deno.test("guest_onig: watched with the hidden functions named, too", async () => {
  const [onig, g] = await asGuest({ names: HIDDEN });
  warmUp(onig);
  const expected = scan(await plain(), text), before = outOf(g);
  assertEquals(leakFree(() => scan(onig, text))(), expected);
  assertEquals(scan(onig, text), expected); // in the ground region, where the guest's own realloc does it
  assertEquals(outOf(g), before);
  assertEquals(g.strays, 0);
});

Deno.test("guest_onig: replaced where the hidden functions are named, refused where they are not", async () => {
  const refused = await assertRejects(() => guest(bytes, { allocator: "replace" }), WasmError);
  assertMatch(refused.message, /function 220, perhaps realloc \(.*function 222, perhaps calloc \(.*; names can say/);
  const expected = scan(await plain(), text);
  const [onig, g] = await asGuest({ allocator: "replace", names: HIDDEN });
  warmUp(onig);
  assertEquals(scan(onig, text), expected);
  assertEquals(leakFree(() => scan(onig, text))(), expected);
  assertEquals(enter(init(stats(general(g.heap))), () => scan(onig, text)), expected); // in a region on its heap
  assertEquals(enter(g.arena(), () => scan(onig, text)), expected);
  const e = assertThrows(leakFree(() => void new onig.OnigScanner(["a|b"])), LeakError);
  assertEquals(Object.keys(linesOf(e, import.meta.url)), [
    'const e = assertThrows(leakFree(() => void new onig.OnigScanner(["a|b"])), LeakError);',
  ]);
  assertEquals(g.strays, 0);
});

Deno.test("guest_onig: replaced by a stack that finds misuse, which it has none of", async () => {
  const [onig, g] = await asGuest({
    allocator: "replace",
    names: HIDDEN,
    stack: (bottom) => debug(bottom),
  });
  assertEquals(scan(onig, text), scan(await plain(), text));
  g.verify();
  assertEquals(g.strays, 0);
});
