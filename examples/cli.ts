/** What the example commands share: flags, complaints and progress. */

import { parseArgs } from "@std/cli/parse-args";

/** What a command was called with. */
export interface Args {
  /** Arguments that are not flags. */
  readonly words: string[];
  /** Value of each `--flag=value` that was given. */
  readonly flags: Readonly<Record<string, string>>;
  /** The flags without a value that were given. */
  readonly switches: ReadonlySet<string>;
}

/**
 * Reads the arguments of a command. With `--help` it prints the help and exits; for a flag that the command does not
 * know, or words it does not take, it complains and exits. `known` flags take a value, `switches` do not.
 */
export function readArgs(
  help: string,
  known: readonly string[],
  mostWords: number,
  switches: readonly string[] = [],
): Args {
  const args: Record<string, unknown> = parseArgs(Deno.args, {
    string: [...known, "_"],
    boolean: ["help", ...switches],
  });
  const { _: words, help: wanted, ...flags } = args as { _: string[]; help: boolean } & Record<string, string>;
  if (wanted) {
    console.log(help.trim());
    Deno.exit(0);
  }
  const given = new Set(switches.filter((name) => args[name] === true));
  for (const name of switches) delete flags[name];
  for (const flag of Object.keys(flags)) {
    if (!known.includes(flag)) fail(`unknown flag --${flag}, see --help`);
  }
  if (words.length > mostWords) fail(`unexpected argument "${words[mostWords]}", see --help`);
  return { words, flags, switches: given };
}

/** An integer argument, or `otherwise` if there is none. */
export function readInteger(
  what: string,
  word: string | undefined,
  otherwise: number,
  least: number,
  most: number,
): number {
  if (word === undefined) return otherwise;
  const n = Number(word);
  if (!Number.isInteger(n) || n < least || n > most || word.trim() === "") {
    fail(`${what} must be an integer from ${least} to ${most}, got "${word}"`);
  }
  return n;
}

/** One of some choices by its name, or the first if none is named. */
export function readChoice<T>(flag: string, name: string | undefined, choices: Readonly<Record<string, T>>): T {
  const names = Object.keys(choices);
  if (name !== undefined && !names.includes(name)) fail(`--${flag} must be one of ${names.join(", ")}, got "${name}"`);
  return choices[name ?? names[0]];
}

/** Complains in one line and exits with 1. */
export function fail(message: string): never {
  console.error(`error: ${message}`);
  Deno.exit(1);
}

/** Shows how far a long run is, at most ten times a second, where a person is looking on. */
export function progress(): { show(text: string): void; done(): void } {
  if (!Deno.stderr.isTerminal()) return { show: () => {}, done: () => {} };
  const write = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
  let last = performance.now();
  return {
    show(text) {
      const now = performance.now();
      if (now - last < 100) return;
      last = now;
      write(text);
    },
    done: () => void write(""),
  };
}
