/**
 * What can be set of a report on leaks: for `leaks.ts` in an environment variable, for `cli.ts` in options.
 *
 * @module
 */

import { MOST_FRAMES, USUAL_DEPTH } from "../call_stack.ts";
import { show } from "../errors.ts";
import { suppressing } from "../sites.ts";

/** The environment variable that has those of `leaks.ts`. */
export const VARIABLE = "REGION_LEAKS";

/** What serves the ground region under `leaks.ts`. */
export type StackName = "check" | "debug" | "shadow";

const STACKS: readonly StackName[] = ["check", "debug", "shadow"];

/** What can be set. */
export interface Settings<S extends string = StackName> {
  /** What serves the program. */
  stack: S;
  /** Calls recorded of each call stack. */
  depth: number;
  /** Records one call of `get` in so many. */
  every: number;
  /** Records a call of `get` every so many bytes instead, if not 0. */
  bytes: number;
  /** Parts of the URLs of files whose calls are left out. */
  skip: string[];
  /** Places printed. */
  sites: number;
  /** Calls printed of each place. */
  calls: number;
  /** Patterns of what is meant to stay, as `suppressing` takes them. */
  suppress: string[];
  /** The exit code in place of 0 if something is out. */
  exitcode: number;
  /** Whether figures are printed in any case. */
  verbose: boolean;
  /** Whether help is asked for. */
  help: boolean;
}

/**
 * Settings from a text as in "depth=16,verbose". Throws an `Error` whose message is for the user.
 *
 * @param read Gives a file's text
 */
export function parseSettings(text: string, read: (file: string) => string): Settings {
  const given = new Map<string, string | undefined>();
  for (const piece of text.split(",").map((piece) => piece.trim())) {
    if (piece === "") continue;
    const [, name, value] = /^([^=]*?)\s*(?:=\s*(.*))?$/s.exec(piece)!;
    if (!NAMES.includes(name)) throw new Error(`unknown setting ${show(name)}, expected ${NAMES.join(", ")}`);
    if (given.has(name)) throw new Error(`${name} is given twice`);
    given.set(name, value);
  }
  return settingsOf(given, STACKS, read);
}

/**
 * Settings from their values by name; undefined is that of a name that has none. Throws an `Error` whose message is for
 * the user.
 *
 * @param stacks What `stack` can be; the first, if nobody says
 * @param read Gives a file's text
 * @param prefix What stands before their names where they are written
 */
export function settingsOf<S extends string>(
  given: ReadonlyMap<string, string | undefined>,
  stacks: readonly S[],
  read: (file: string) => string,
  prefix = "",
): Settings<S> {
  const flag = (name: string): boolean => {
    const value = given.get(name);
    if (value !== undefined) throw new Error(`${prefix}${name} takes no value, got ${show(value)}`);
    return given.has(name);
  };
  const integer = (name: string, otherwise: number, least: number, most: number): number => {
    if (!given.has(name)) return otherwise;
    const value = given.get(name) ?? "", n = Number(value);
    if (!/^\d+$/.test(value) || n < least || n > most) {
      throw new Error(`${prefix}${name} must be an integer from ${least} to ${most}, got ${show(value)}`);
    }
    return n;
  };
  const list = (name: string): string[] => {
    const parts = (given.get(name) ?? "").split(";").map((part) => part.trim()).filter((part) => part !== "");
    if (given.has(name) && parts.length === 0) throw new Error(`${prefix}${name} must not be empty`);
    return parts;
  };

  const stack = (given.has("stack") ? given.get("stack") ?? "" : stacks[0]) as S;
  if (!stacks.includes(stack)) {
    throw new Error(`${prefix}stack must be one of ${stacks.join(", ")}, got ${show(stack)}`);
  }
  const all = flag("all"), many = 2 ** 32 - 1;
  const settings: Settings<S> = {
    stack,
    depth: integer("depth", USUAL_DEPTH, 1, MOST_FRAMES),
    every: integer("every", 1, 1, many),
    bytes: integer("bytes", 0, 1, many),
    skip: list("skip"),
    sites: all ? Infinity : integer("sites", 5, 1, many),
    calls: all ? Infinity : integer("calls", 3, 1, many),
    suppress: list("suppress").flatMap((what) => patternsOf(what, read, prefix)),
    exitcode: integer("exitcode", 1, 0, 255),
    verbose: flag("verbose"),
    help: flag("help"),
  };
  if (settings.every > 1 && settings.bytes > 0) throw new Error(`${prefix}every and ${prefix}bytes exclude each other`);
  if (stack !== "check" && (settings.every > 1 || settings.bytes > 0)) {
    throw new Error(`${prefix}every and ${prefix}bytes go with ${prefix}stack=check only`);
  }
  for (const name of ["sites", "calls"]) {
    if (all && given.has(name)) throw new Error(`${prefix}all and ${prefix}${name} exclude each other`);
  }
  return settings;
}

const NAMES: readonly string[] = [
  "stack",
  "suppress",
  "sites",
  "calls",
  "all",
  "depth",
  "skip",
  "every",
  "bytes",
  "exitcode",
  "verbose",
  "help",
];

/** The patterns that one part of `suppress=` stands for: itself, or those in a file. */
function patternsOf(what: string, read: (file: string) => string, prefix: string): string[] {
  if (/^(fn|file):/.test(what)) return [checked(what, `${prefix}suppress`)];
  let text: string;
  try {
    text = read(what);
  } catch (e) {
    throw new Error(`${prefix}suppress cannot read the file ${show(what)}: ${(e as Error).message}`);
  }
  return text.split("\n").flatMap((line, i) => {
    const pattern = line.replace(/(^|\s)#.*/, "").trim();
    return pattern === "" ? [] : [checked(pattern, `${what}, line ${i + 1}`)];
  });
}

function checked(pattern: string, where: string): string {
  if (!/^(fn|file):\s*\S/.test(pattern)) {
    throw new Error(`${where}: a pattern must be fn:NAME or file:FILE, got ${show(pattern)}`);
  }
  suppressing([pattern]);
  return pattern;
}
