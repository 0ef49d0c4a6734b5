/**
 * WebAssembly modules that allocate, from the command line: what allocator one has, writing it as one that can be watched,
 * and running WASI commands to see what they do not free. `help` tells how.
 *
 * ```sh
 * deno run -A <url>/rt/cli.ts inspect x.wasm
 * deno run -A <url>/rt/cli.ts interpose x.wasm -o y.wasm
 * deno run -A <url>/rt/cli.ts run --dir=. x.wasm input.txt
 * ```
 *
 * What it prints itself in `run` goes to the standard error, so that the standard output is the program's alone.
 *
 * @module
 */

import { show } from "../errors.ts";
import { type CommandName, COMMANDS, help } from "./cli/help.ts";
import { inspect } from "./cli/inspect.ts";
import { interpose } from "./cli/interpose.ts";
import { type Command, parseOptions, UsageError } from "./cli/options.ts";
import { run } from "./cli/run.ts";
import { args, exit, isMain, writeError, writeOutput } from "./host.ts";

const url: string = import.meta.url;

const ACTIONS: Record<CommandName, Command> = {
  inspect,
  interpose,
  run,
  help: {
    takes: {},
    run: ({ rest: [of = "help"] }) => {
      writeOutput(help(commandOf(of), url));
      return 0;
    },
  },
};

/** Exit code of a command line or a file that is wrong. */
const WRONG = 2;

if (isMain(import.meta)) exit(await main(args()));

/**
 * Does what a command line says.
 *
 * @param words The command line, without the program's name
 * @returns The exit code
 */
export async function main(words: readonly string[]): Promise<number> {
  const [first = "help", ...rest] = words;
  try {
    const name = first === "--help" || first === "-h" ? "help" : commandOf(first);
    const { takes, letters, program = false, run } = ACTIONS[name];
    const line = parseOptions(rest, { ...takes, help: "nothing" }, { ...letters, h: "help" }, program);
    if (!line.options.has("help")) return await run(line, url);
    writeOutput(help(name, url));
    return 0;
  } catch (e) {
    if (!(e instanceof UsageError)) throw e;
    writeError(`error: ${e.message}`);
    return WRONG;
  }
}

function commandOf(name: string): CommandName {
  const command = COMMANDS.find((command) => command === name);
  if (command === undefined) {
    throw new UsageError(`unknown command ${show(name)}, expected ${COMMANDS.join(", ")}; help tells more`);
  }
  return command;
}
