/**
 * What is known of a module's functions besides what it says itself: from options, and from the file that it names.
 *
 * @module
 */

import { attempt, type FileModule, readGiven } from "./files.ts";
import type { CommandLine } from "./options.ts";
import { readText } from "../host.ts";
import { readFunctionNames } from "../symbols/names.ts";
import { sourceMappingURL, type Symbols } from "../symbols/symbols.ts";

/** Symbols for a module: those of options, else the source map that it names, if that is a file. */
export function symbolsFor({ options }: CommandLine, { file, module }: FileModule): Symbols {
  const [functions] = options.get("symbols") ?? [], [map] = options.get("source-map") ?? [];
  const sourceMap = map !== undefined ? readGiven(map) : besides(file, sourceMappingURL(module));
  return {
    ...functions !== undefined && { functions: attempt(functions, () => readFunctionNames(readGiven(functions))) },
    ...sourceMap !== undefined && { sourceMap },
  };
}

/** The text of a file that another names, relative to where that is; undefined if there is no such file here. */
function besides(file: string, name: string | undefined): string | undefined {
  if (name === undefined || /^\w+:/.test(name)) return undefined;
  try {
    return readText(name.startsWith("/") ? name : file.replace(/[^/]*$/, "") + name);
  } catch {
    return undefined;
  }
}
