/**
 * The options of a command line: `--name=value`, `--name value`, `--name`, and `-o value` for what has a letter.
 *
 * @module
 */

import { show } from "../../errors.ts";

/** A command line that is wrong. Its message is for the user. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** What an option is given: nothing, a value once, or a value each time that it comes. */
export type Takes = "nothing" | "value" | "values";

/** What a command line says. */
export interface CommandLine {
  /** The values of each option that is there; none of one that takes none. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  /** What is no option. */
  readonly rest: readonly string[];
}

/** A command of a program. */
export interface Command {
  /** Its options. */
  readonly takes: Readonly<Record<string, Takes>>;
  /** Options by a letter of their own. */
  readonly letters?: Readonly<Record<string, string>>;
  /** Whether what comes behind the first word that is no option is another program's. */
  readonly program?: boolean;
  /**
   * Does it, and returns the exit code. Throws a {@linkcode UsageError} if the command line or a file is wrong.
   *
   * @param url The address of `cli.ts`
   */
  run(line: CommandLine, url: string): number | Promise<number>;
}

/**
 * Tells options from what is none. What comes behind `--` is none, whatever it looks like.
 *
 * @param takes The options that there are
 * @param letters Options by a letter of their own
 * @param first Whether options end at the first word that is none: what comes behind it is another program's
 */
export function parseOptions(
  words: readonly string[],
  takes: Readonly<Record<string, Takes>>,
  letters: Readonly<Record<string, string>> = {},
  first = false,
): CommandLine {
  const options = new Map<string, string[]>(), rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === "--") {
      rest.push(...words.slice(i + 1));
      break;
    }
    const [, long, letter, value] = /^(?:--([^=]+)|-([^-=]))(?:=(.*))?$/s.exec(word) ?? [];
    const name = long ?? (letter && Object.hasOwn(letters, letter) ? letters[letter] : letter);
    if (name === undefined) {
      if (word.startsWith("-") && word !== "-") throw new UsageError(`unknown option ${show(word)}`);
      rest.push(word);
      if (!first) continue;
      rest.push(...words.slice(i + 1));
      break;
    }
    if (!Object.hasOwn(takes, name)) {
      const known = Object.keys(takes).map((name) => `--${name}`).join(", ");
      throw new UsageError(`unknown option ${show(word.replace(/=.*/s, ""))}, expected ${known}`);
    }
    const values = options.get(name) ?? [];
    if (takes[name] === "nothing") {
      if (value !== undefined) throw new UsageError(`--${name} takes no value, got ${show(value)}`);
    } else {
      if (takes[name] === "value" && values.length > 0) throw new UsageError(`--${name} is given twice`);
      const next = value ?? words[++i];
      if (next === undefined) throw new UsageError(`--${name} takes a value`);
      values.push(next);
    }
    options.set(name, values);
  }
  return { options, rest };
}

/**
 * Pairs as in "malloc=ab,free=cd".
 *
 * @param option The option that they come in
 */
export function parsePairs(option: string, text: string): [key: string, value: string][] {
  return text.split(",").map((piece) => {
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(\S+)\s*$/.exec(piece) ?? [];
    if (key === undefined) throw new UsageError(`${option} must be as in malloc=ab,free=cd, got ${show(text)}`);
    return [key, value];
  });
}
