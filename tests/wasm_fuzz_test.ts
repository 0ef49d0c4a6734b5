// 10,000 binaries that have been tampered with: each is rewritten into what an engine takes, if it took it before, or refused
import { interpose } from "../rt/guest/interpose.ts";
import { WasmError } from "../rt/wasm/bytes.ts";
import { parseModule } from "../rt/wasm/module.ts";
import { rewrite, type Rewriting } from "../rt/wasm/rewrite.ts";
import { assert, assertEquals } from "./assert.ts";
import { guestBytes as guest } from "./guest_blocks.ts";
import { npmFile } from "./npm_files.ts";
import { MODULES } from "./wasm_kit.ts";
import { Chance, hollowed, mutated } from "./wasm_mutations.ts";

type Binary = Uint8Array<ArrayBuffer>;
const CASES = 10_000, PARTS = 10;

const SMALL = [...Object.values(MODULES), guest("imports"), guest("operators")];
const LARGE = [hollowed(await npmFile("vscode-oniguruma/release/onig.wasm")), guest("own")];

/** What came of a binary. */
type Outcome = "rewritten" | "refused" | "not for an engine";

/** Rewrites a binary in some way. Throws if that is not as it should be. */
function tryOne(c: Chance, bytes: Binary): Outcome {
  const valid = WebAssembly.validate(bytes);
  let after: Binary;
  try {
    const module = parseModule(bytes), { importedFunctions, functions } = module;
    const own = Array.from({ length: functions.length - importedFunctions }, (_, i) => importedFunctions + i);
    const switches = own.filter(() => c.below(own.length) < 3).map((index) => ({ name: `f${index}`, index }));
    const rewriting: Rewriting = {
      switches,
      ...c.below(2) === 0 && { memory: 1 },
      ...c.below(2) === 0 && { globals: [{ name: "n", type: "i32", value: -1 }] },
      ...c.below(2) === 0 && { moduleName: "a module" },
    };
    const rewritten = rewrite(module, rewriting);
    after = rewritten.bytes;
    for (let n = 0; n < 4; n++) { // that it is a place in the binary
      const before = rewritten.moved(c.below(after.length));
      assert(before >= -1 && before < bytes.length, `moved from ${before}`);
    }
  } catch (e) {
    if (!(e instanceof WasmError)) throw e;
    assert(e.offset >= 0 && e.offset <= bytes.length && e.message.startsWith("Cannot re"), String(e));
    assert(!valid, `an engine takes what is refused: ${e.message}`);
    return "refused";
  }
  if (!valid) return "not for an engine";
  assert(WebAssembly.validate(after), "an engine takes it no more");
  return "rewritten";
}

/** The same for all that is done to a guest. */
function interposeOne(bytes: Binary): void {
  let after: Binary;
  try {
    after = interpose(bytes).bytes;
  } catch (e) {
    if (e instanceof WasmError) return;
    throw e;
  }
  if (WebAssembly.validate(bytes)) assert(WebAssembly.validate(after), "an engine takes it no more as a guest");
}

const counts: Record<Outcome, number> = { "rewritten": 0, "refused": 0, "not for an engine": 0 };

for (let part = 0; part < PARTS; part++) {
  Deno.test(`wasm_fuzz: mutated modules, part ${part + 1} of ${PARTS}`, () => {
    for (let seed = part; seed < CASES; seed += PARTS) {
      const c = new Chance(seed);
      const bytes = mutated(c, c.below(3) === 0 ? LARGE : SMALL);
      try {
        counts[tryOne(c, bytes)]++;
        interposeOne(bytes);
      } catch (e) {
        throw new Error(`seed ${seed}: ${e}`, { cause: e });
      }
    }
  });
}

Deno.test("wasm_fuzz: all that can come of it came of some", () => {
  assertEquals(Object.values(counts).reduce((a, b) => a + b), CASES);
  for (const [outcome, n] of Object.entries(counts)) assert(n > CASES / 20, `${outcome}: ${n}`);
});

Deno.test("wasm_fuzz: what has not been tampered with is rewritten", () => {
  for (const [i, bytes] of [...SMALL, ...LARGE].entries()) assertEquals(tryOne(new Chance(i), bytes), "rewritten");
});
