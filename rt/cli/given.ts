/**
 * What `run` of `cli.ts` is given for a program: directories, variables, and settings of the report.
 *
 * @module
 */

import { show } from "../../errors.ts";
import { type CommandLine, type Takes, UsageError } from "./options.ts";
import { isDirectory, process, readText } from "../host.ts";
import { type Settings, settingsOf } from "../settings.ts";

/** What can be found out. */
export type StackName = "check" | "debug" | "stats";

/** Options that are settings. */
export const SETTINGS: Readonly<Record<string, Takes>> = {
  stack: "value",
  depth: "value",
  every: "value",
  bytes: "value",
  suppress: "values",
  sites: "value",
  calls: "value",
  all: "nothing",
  skip: "values",
  exitcode: "value",
};

/** Settings of the report, from options. */
export function settingsIn({ options }: CommandLine): Settings<StackName> {
  const given = new Map<string, string | undefined>();
  for (const name of Object.keys(SETTINGS)) {
    const values = options.get(name);
    if (values !== undefined) given.set(name, values.length === 0 ? undefined : values.join(";"));
  }
  if (!options.has("quiet")) given.set("verbose", undefined);
  try {
    return settingsOf(given, ["check", "debug", "stats"], readText, "--");
  } catch (e) {
    throw new UsageError((e as Error).message);
  }
}

/** Directories by the names that they have in the program, from "DIR" and "DIR::NAME". */
export function directoriesIn({ options }: CommandLine): Record<string, string> {
  const dirs: Record<string, string> = {};
  for (const text of options.get("dir") ?? []) {
    const [, dir, name = dir] = /^(.+?)(?:::(.+))?$/s.exec(text) ?? [];
    if (dir === undefined) throw new UsageError(`--dir must be as in DIR or DIR::NAME, got ${show(text)}`);
    if (!isDirectory(dir)) throw new UsageError(`--dir must be a directory that is there, got ${show(dir)}`);
    dirs[name] = dir;
  }
  return dirs;
}

/** Variables from "NAME=VALUE", and "NAME" for what it is here, if it is. */
export function environmentIn({ options }: CommandLine): Record<string, string> {
  const env: Record<string, string> = {};
  for (const text of options.get("env") ?? []) {
    const [, name, value] = /^([^=]+)(?:=(.*))?$/s.exec(text) ?? [];
    if (name === undefined) throw new UsageError(`--env must be as in NAME=VALUE or NAME, got ${show(text)}`);
    const given = value ?? process?.env[name];
    if (given !== undefined) env[name] = given;
  }
  return env;
}
