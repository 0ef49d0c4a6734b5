/**
 * The help of `cli.ts`.
 *
 * @module
 */

import { MOST_FRAMES, USUAL_DEPTH } from "../../call_stack.ts";

/** The commands that there are. */
export type CommandName = "inspect" | "interpose" | "run" | "help";

/** The commands that there are. */
export const COMMANDS: readonly CommandName[] = ["inspect", "interpose", "run", "help"];

const NAMES = `
  --names=NAME=WHERE,...  where functions of the allocator are in a build without names: malloc, free, calloc, realloc,
                          reallocarray, aligned_alloc, memalign, posix_memalign or malloc_usable_size, and the name of
                          an export, a name in the name section or the index of a function
  --glue=FILE             finds them in the JavaScript that was built with the module, as by Emscripten`.slice(1);

const TEXTS: Record<CommandName, (command: string) => string> = {
  help: (command) => `
Looks into WebAssembly modules that allocate, and finds what they do not free, without a rebuild.

usage: ${command} COMMAND [OPTION...] FILE...

  inspect FILE...              says what allocator a module has, what of it can be watched or replaced, and why not
  interpose FILE -o FILE       writes it as one whose allocator can be watched or replaced
  run FILE [ARGUMENT...]       runs a WASI command, and says what it has allocated and not freed, and where
  help [COMMAND]               says more

Exit code: 2 if the command line is wrong, or a file is; run says more of its own.
`,
  inspect: (command) => `
Says what allocator a module has, how it was found, what of it can be watched or replaced, and why not.

usage: ${command} inspect [OPTION...] FILE...

${NAMES}
  --json                  print it as JSON, a line for each file
`,
  interpose: (command) => `
Writes a module as one whose allocator can be watched or replaced: what it has is left as it was, and in place of its
malloc and the rest is a switch. It does what it did before until something is attached to an instance of it, and can so
take the place of the module in a build. What instantiates it stays as it is, too.

usage: ${command} interpose [OPTION...] FILE -o FILE

  -o FILE, --output=FILE  where to write it
  --allocator=HOW         what will be attached (default watch):
                            watch    something that looks on while the module's own malloc serves it
                            replace  something that serves it
${NAMES}
  --quiet                 print nothing
`,
  run: (command) => `
Runs a command that was built for WASI (preview 1), with these arguments and the standard streams, and says at the end
what it has allocated and not freed, and where. In a terminal it says in between how far it is.

usage: ${command} run [OPTION...] FILE [ARGUMENT...]

What the program is given:

  --dir=DIR[::NAME]       a directory, by a name of its own or the same; can be given several times
  --env=NAME[=VALUE]      a variable, with this value or the one that it has here; can be given several times

What serves it, and what is recorded:

  --stack=NAME            what is found out (default check):
                            check  what was not freed, and where it was allocated
                            debug  and wrong frees at once, and writes beyond a block or after its free by the end
                            stats  figures only, at next to no cost
  --allocator=HOW         whose memory it is (default watch, or imports where the program imports its allocator):
                            watch    the program's own malloc serves it
                            replace  Region does, in the program's memory
                            imports  Region does, as the program has no malloc
  --depth=N               calls to record of each allocation, 1 to ${MOST_FRAMES} (default ${USUAL_DEPTH})
  --every=N               with --stack=check: record one allocation in N (default 1: all), as that takes some
                          microseconds, and estimate the figures of places
  --bytes=N               likewise one every N bytes
${NAMES}
  --symbols=FILE          names of functions, as emcc --emit-symbol-map writes them, for a build that has none
  --source-map=FILE       its source map, for lines in the source (default: the one it names, if that is a file)

What is told, on the standard error:

  --suppress=WHAT         what is meant to stay: fn:NAME for what a function allocates, or one that it calls; or a FILE
                          of such patterns, one in a line, # before a comment; can be given several times
  --sites=N               places to print, those of the most bytes first (default 5)
  --calls=N               calls to print of each place (default 3)
  --all                   print all places, with all calls that were recorded
  --skip=PART             leave calls out in files whose URL has this part; can be given several times
  --exitcode=N            exit code in place of 0, 0 to 255, if something was not freed or is damaged (default 1)
  --quiet                 print nothing unless something was not freed or is damaged
  --json                  print it as JSON
  -o FILE, --output=FILE  write it to a file

Exit code: the program's own, or if that is 0 and something was not freed that of --exitcode; 134 if the program traps;
2 if it could not be run.
`,
};

/** What to do with a command. `url` is the address of `cli.ts`. */
export function help(name: CommandName, url: string): string {
  return TEXTS[name](invocation(url)).trim();
}

/** How `cli.ts` is run. */
export function invocation(url: string): string {
  if ("Deno" in globalThis) return `deno run -A ${url}`;
  return `${"Bun" in globalThis ? "bun" : "node"} ${url.replace(/^file:\/\//, "")}`;
}
