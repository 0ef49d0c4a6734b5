/**
 * A guest: a program in C that counts words, compiled to WebAssembly with no thought of Region. It is watched as it is, then
 * served from regions: an arena frees all that it has allocated in one go. The two mistakes that are in `words.c` are found.
 *
 * Run: `deno run --allow-read examples/guest.ts`
 */

import { check, debug, enter, general, init, LeakError, MemoryError, stats, trace } from "../mod.ts";
import { type Guest, guest } from "../rt/mod.ts";
import { readArgs } from "./cli.ts";

/** What the guest exports. A pointer is a number. */
interface Words {
  malloc(size: number): number;
  free(p: number): void;
  count_words(text: number): number;
  drop_rare(table: number): void;
  free_table(table: number): void;
}

/** The guest's table of the words in a text. */
function tableOf(g: Guest<Words>, text: string): number {
  const { malloc, free, count_words } = g.exports, bytes = new TextEncoder().encode(`${text}\0`);
  const p = malloc(bytes.length);
  new Uint8Array(g.memory.buffer).set(bytes, p);
  const table = count_words(p);
  free(p);
  return table;
}

/** Prints what is found in a program. */
function show(what: string, program: () => void): void {
  console.log(`${what}:\n`);
  try {
    program();
  } catch (e) {
    if (!(e instanceof LeakError || e instanceof MemoryError)) throw e;
    console.log(`${e.name}: ${e.message}\n`);
  }
}

/** Runs the guest watched and served, and prints what is found in it. */
export async function guests(text: string): Promise<void> {
  const bytes = await Deno.readFile(new URL("words.wasm", import.meta.url));
  const watched = await guest<Words>(bytes, { allocator: "watch", name: "words" });

  show("its own malloc, watched", () => {
    tableOf(watched, text);
    console.log(`${watched}\n`);
  });
  show("what free_table forgets", () => {
    const forgetful = () => watched.exports.free_table(tableOf(watched, text));
    enter(init(check(trace(stats(watched.bottom)))), forgetful);
  });

  const served = await guest<Words>(bytes, { allocator: "replace", name: "words" });

  show("a thousand tables, each in an arena that frees all of it in one go; the last of them", () => {
    for (let i = 1; i <= 1000; i++) {
      const arena = served.arena();
      enter(arena, () => tableOf(served, text));
      if (i === 1000) console.log(`${arena}\n`);
    }
    console.log(`${served}\n\nIts memory: ${served.memory.buffer.byteLength / 1024} KiB\n`);
  });
  show("what drop_rare has freed, and free_table frees again", () => {
    enter(init(debug(general(served.heap))), () => {
      const table = tableOf(served, text);
      served.exports.drop_rare(table);
      served.exports.free_table(table);
    });
  });
}

if (import.meta.main) {
  readArgs("Finds the mistakes of a program in C.\n\nusage: deno run --allow-read examples/guest.ts", [], 0);
  await guests("the cat and the dog and the mouse");
}
