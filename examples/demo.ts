/**
 * Runs the examples, and says what to look at: `deno task demo`.
 */

import { readArgs } from "./cli.ts";

readArgs("Runs the examples, and says what to look at.\n\nusage: deno task demo", [], 0);

const SHOWS: [text: string, ...command: string[]][] = [
  [
    "append: a slice built up in a region's scratch memory escapes from it. Nothing is freed by hand, and the check at the\n" +
    "bottom of the stack finds nothing leaked.",
    "append.ts",
  ],
  ["nested: the innermost region serves, `escape` goes one region out.", "nested.ts"],
  [
    "binarytree: three million nodes, a region for each tree. The same program, under the stack with statistics...",
    "binarytree.ts",
    "14",
    "--stack=seed",
  ],
  [
    "... and under a bare arena, which is what it costs when nobody is counting.",
    "binarytree.ts",
    "14",
    "--stack=arena",
  ],
  ["binarytree_manual: every node freed by hand, and checked that it was.", "binarytree_manual.ts", "12"],
  [
    "choose: the same server under three stacks, and which one fits, by time and memory.",
    "choose.ts",
  ],
  ["mistakes: four of them with memory, and the lines that each of them is about.", "mistakes.ts"],
  [
    "guest: a program in C, as it was compiled. Its malloc is watched, then an arena serves in its place; what it forgets\n" +
    "to free, and what it frees twice, is found by the names of its functions.",
    "guest.ts",
  ],
  [
    "json: a parser whose tree lives in the heap, over the whole JSON test suite.",
    "json/main.ts",
    "--suite",
  ],
];

for (const [text, ...command] of SHOWS) {
  console.log(`\n─── ${text}\n    $ deno run -A examples/${command.join(" ")}\n`);
  const [file, ...args] = command;
  const path = new URL(file, import.meta.url).pathname;
  const { code } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", path, ...args] }).spawn().status;
  if (code !== 0) Deno.exit(code);
}
