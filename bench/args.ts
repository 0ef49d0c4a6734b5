/** The flags of a benchmark script. */

import { parseArgs } from "@std/cli/parse-args";

/** What `--help` says, and the flags there are. A flag's default tells its type. */
export interface Usage {
  readonly help: string;
  readonly flags: Readonly<Record<string, string | number | boolean>>;
}

/** Ends the script with one line that says what is wrong with its arguments. */
export function refuse(problem: string): never {
  console.error(`${problem}; --help tells what there is`);
  Deno.exit(2);
}

/** The flags that the script was started with, by name. */
export function flags<U extends Usage>(usage: U): { [K in keyof U["flags"]]: U["flags"][K] } {
  const names = Object.keys(usage.flags), isSwitch = (name: string) => typeof usage.flags[name] === "boolean";
  const given: Record<string, unknown> = parseArgs(Deno.args, {
    boolean: ["help", ...names.filter(isSwitch)],
    string: names.filter((name) => !isSwitch(name)),
    unknown: (arg: string) => refuse(`Cannot run with ${arg}: there is no such argument`),
  });
  if (given.help) {
    console.log(usage.help);
    Deno.exit(0);
  }
  const values = { ...usage.flags };
  for (const name of names) {
    const value = given[name], number = Number(value);
    if (value === undefined || value === false) continue;
    if (typeof values[name] !== "number") values[name] = value as string | boolean;
    else if (Number.isInteger(number) && number > 0) values[name] = number;
    else refuse(`Cannot run with --${name}=${value}: it must be a whole number above 0`);
  }
  return values as { [K in keyof U["flags"]]: U["flags"][K] };
}

/** The names in a list like "pair,fifo"; all of them if it is empty. */
export function select(flag: string, list: string, all: readonly string[]): string[] {
  const chosen = list.split(",").filter((name) => name !== "");
  for (const name of chosen) {
    if (!all.includes(name)) refuse(`Cannot run with --${flag}=${name}: there are ${all.join(", ")}`);
  }
  return chosen.length > 0 ? all.filter((name) => chosen.includes(name)) : [...all];
}
