/**
 * What the commands of `cli.ts` have in common: files, and where the functions of an allocator are.
 *
 * @module
 */

import { show } from "../../errors.ts";
import { type CommandLine, parsePairs, type Takes, UsageError } from "./options.ts";
import type { Names } from "../inspect/entries.ts";
import { namesFromGlue } from "../inspect/glue.ts";
import { readBytes, readText, writeBytes } from "../host.ts";
import type { Mode } from "../guest/interpose.ts";
import { parseModule, type WasmModule } from "../wasm/module.ts";

/** The options that say where functions are. */
export const NAMING: Readonly<Record<string, Takes>> = { names: "values", glue: "value" };

/** A module from a file. */
export interface FileModule {
  /** What the file is called. */
  readonly file: string;
  /** What is in it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What that says of itself. */
  readonly module: WasmModule;
}

/** Reads a module. */
export function readModule(file: string): FileModule {
  const bytes = attempt(`cannot read ${show(file)}`, () => readBytes(file)) as Uint8Array<ArrayBuffer>;
  return { file, bytes, module: attempt(file, () => parseModule(bytes)) };
}

/** Reads a text that an option names. */
export function readGiven(file: string): string {
  return attempt(`cannot read ${show(file)}`, () => readText(file));
}

/** Writes a file. */
export function writeFile(file: string, bytes: Uint8Array): void {
  attempt(`cannot write ${show(file)}`, () => writeBytes(file, bytes));
}

/** Where functions are, as options say. */
export function namesOf({ options }: CommandLine, module: WasmModule): Names {
  const names: Record<string, string | number> = {};
  const [glue] = options.get("glue") ?? [];
  if (glue !== undefined) {
    const found = attempt(glue, () => namesFromGlue(readGiven(glue), module.bytes));
    if (Object.keys(found).length === 0) {
      throw new UsageError(`${glue}: it does not say which of the module's exports are malloc, free and the rest`);
    }
    Object.assign(names, found);
  }
  for (const [name, where] of (options.get("names") ?? []).flatMap((text) => parsePairs("--names", text))) {
    names[name] = /^\d+$/.test(where) ? Number(where) : where;
  }
  return names;
}

/** How an allocator can be dealt with. */
export const ALLOCATORS: readonly Mode[] = ["watch", "replace", "imports"];

/** How an option says that the allocator is dealt with. */
export function allocatorIn({ options }: CommandLine, expected: readonly Mode[]): Mode | undefined {
  const [name] = options.get("allocator") ?? [], mode = expected.find((mode) => mode === name);
  if (name === undefined || mode !== undefined) return mode;
  throw new UsageError(`--allocator must be one of ${expected.join(", ")}, got ${show(name)}`);
}

/** A file's name without its folder, and without ".wasm". */
export function stem(file: string): string {
  return file.replace(/^.*\//, "").replace(/\.wasm$/, "");
}

/** Calls `f`; what the library refuses is an error of the user's. */
export function attempt<T>(what: string, f: () => T): T {
  try {
    return f();
  } catch (e) {
    throw usageError(what, e);
  }
}

/** An error that says what the library, an engine or a file system refuses; any other as it is. */
function usageError(what: string, e: unknown): unknown {
  if (!(e instanceof Error) || e instanceof UsageError) return e;
  const isRefusal = e.constructor === Error || /^Cannot |^WebAssembly/.test(e.message) || "code" in e;
  return isRefusal ? new UsageError(`${what}: ${e.message}`) : e;
}
