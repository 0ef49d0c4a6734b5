/**
 * Four mistakes with memory, one program each, and what is said of them: where it was done, allocated and freed.
 *
 * Run: `deno run examples/mistakes.ts`
 */

import { type AnyLayer, check, enter, general, init, LeakError, MemoryError, shadow, stats, std } from "../mod.ts";
import { readArgs } from "./cli.ts";

const User = std.struct({ id: std.u32, age: std.u8 });
const { age } = User.fields;

const add = (id: number) => std.mk(User, { id, age: 36 });

/** Programs, each with its mistake. */
const MISTAKES: Readonly<Record<string, () => void>> = {
  "one of two is never freed": () => {
    const ada = add(1);
    add(2);
    std.free(User, ada);
  },
  "freed twice": () => {
    const ada = add(1);
    std.free(User, ada);
    std.free(User, ada);
  },
  "read after it was freed": () => {
    const ada = add(1);
    std.free(User, ada);
    age.get(ada);
  },
  "a byte written beyond the end, past `std`": () => {
    const name = std.str("Ada");
    name.heap.u8[name.ptr + 3] = 0; // as in C, a byte too many
    std.slfree(name);
  },
};

/** Runs each program in a region over `base` that finds its mistake, and prints what that says. */
export function mistakes(base: AnyLayer = general()): void {
  for (const [what, program] of Object.entries(MISTAKES)) {
    console.log(`${what}:\n`);
    try {
      enter(init(check(stats(shadow(base)))), program);
      console.log("nothing found");
    } catch (e) {
      if (!(e instanceof LeakError || e instanceof MemoryError)) throw e;
      console.log(`${e.name}: ${e.message}\n`);
    }
  }
}

if (import.meta.main) {
  readArgs(
    "Makes mistakes with memory, and shows what is said of them.\n\nusage: deno run examples/mistakes.ts",
    [],
    0,
  );
  mistakes();
}
