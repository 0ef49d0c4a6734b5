/**
 * What calls in a guest are called: functions by their names, and places in the source where these are known.
 *
 * Names are those that the caller gives, else those in the binary's section of names, else those of exports, else numbers.
 * Source lines are those of a source map. DWARF is not read: `emcc -gsource-map` makes a source map, and Emscripten's
 * `tools/wasm-sourcemap.py` makes one of a binary that has DWARF.
 *
 * A binary's bytes are not kept. Nothing is looked up before a call stack is read.
 *
 * @module
 */

import { captureCallStack, framesOf, readGuest } from "../../call_stack.ts";
import { assertFunction, assertOptions } from "../../errors.ts";
import type { Frame } from "../../frames.ts";
import { demangle, type FunctionNames, readFunctionNames } from "./names.ts";
import { readSourceMap } from "./source_map.ts";
import { Reader, WasmError } from "../wasm/bytes.ts";
import { SECTION, type WasmModule } from "../wasm/module.ts";

export type { FunctionNames } from "./names.ts";

/** What a caller knows of a module. Functions and offsets are those of the file as it was handed in. */
export interface Symbols {
  /**
   * Names of functions by index, those imported counted first, or the text that `emcc --emit-symbol-map` writes. They go
   * before the names that the module has.
   */
  readonly functions?: FunctionNames;
  /** What functions are called that are exported under short names, by these: `exportsFromGlue` finds that out. */
  readonly exports?: Readonly<Record<string, string>>;
  /** A source map, as text or parsed. Node 20.16, Deno and Bun can read it. */
  readonly sourceMap?: string | object;
  /**
   * Tells what else is known of the code at an offset, in bytes from the start of the file: for instance from a source map that
   * a library reads. What it leaves out is as it would be without. An error that it throws means that nothing is known.
   */
  readonly at?: (offset: number) => Partial<Frame> | undefined;
}

/** What is known of a module's code. */
export interface ModuleSymbols {
  /** What the module is called. */
  readonly name: string;
  /** The call at an offset, in bytes from the start of the file as it was handed in. */
  frame(offset: number): Frame;
}

/**
 * What is known of a module: from the binary, and from what the caller has given. O(functions).
 *
 * Throws a `TypeError` for symbols that are none.
 *
 * @param module The module as it was handed in
 * @param name What it is called in reports
 */
export function symbolsOf(module: WasmModule, given: Symbols | undefined, name: string): ModuleSymbols {
  assertOptions("read symbols", given ?? {});
  const { functions, exports = {}, sourceMap, at } = given ?? {};
  assertOptions("read symbols", exports);
  if (at !== undefined) assertFunction("read symbols", "at", at);
  const names = functions === undefined ? undefined : readFunctionNames(functions);
  const source = sourceMap === undefined ? undefined : readSourceMap(sourceMap);
  const { functionNames, importedFunctions, bodies } = module;
  const exported = new Map(
    module.exports.flatMap((e) => e.kind === "func" ? [[e.index, exports[e.name] ?? e.name]] : []),
  );

  return {
    name,
    frame(offset) {
      const body = indexOf(bodies, offset), index = importedFunctions + body;
      const own = names?.get(index) || functionNames.get(index) || exported.get(index);
      const called = body < 0 ? "" : own ? demangle(own) : `function ${index}`;
      // What a source map has before the function is of another one
      const place = body < 0 ? undefined : source?.(offset);
      const known = place !== undefined && place.offset >= bodies[body][0]
        ? place
        : { file: name, line: 0, column: offset };
      const frame = { name: called, file: known.file, line: known.line, column: known.column, module: name };
      return at === undefined ? frame : { ...frame, ...asked(at, offset) };
    },
  };
}

/** What a caller's function tells, without what it leaves out. */
function asked(at: NonNullable<Symbols["at"]>, offset: number): Partial<Frame> {
  try {
    const { name, file, line, column } = at(offset) ?? {};
    return {
      ...(name && { name }),
      ...(file && { file }),
      ...(line && { line, column: column ?? 0 }),
    };
  } catch {
    return {}; // a report that something else asks for must not fail for that
  }
}

/** The function that has the byte at an offset, among those that have bodies; -1 if none has. */
function indexOf(bodies: WasmModule["bodies"], offset: number): number {
  let low = 0, high = bodies.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bodies[middle][1] <= offset) low = middle + 1;
    else high = middle;
  }
  return low < bodies.length && bodies[low][0] <= offset ? low : -1;
}

/** How calls in a guest are found and read. */
export interface GuestSymbols {
  /** The name that the module has in its binary, from {@linkcode moduleKey}: engines have it in call stacks. */
  readonly key: string;
  /** What is known of the module. */
  readonly symbols: ModuleSymbols;
  /** Where code was in the file as it was handed in, by where it is now; -1 for the library's. Default: where it is. */
  readonly moved?: (offset: number) => number;
  /** Parts of URLs of JavaScript that belongs to the module, whose calls are shown behind the user's. */
  readonly glue?: readonly string[];
}

/** From now on, call stacks show a module's calls by its symbols. Of several modules with the same key, the last is right. */
export function registerModule({ key, symbols, moved = (offset) => offset, glue = [] }: GuestSymbols): void {
  readGuest(key, (offset) => {
    const at = moved(offset);
    return at < 0 ? undefined : symbols.frame(at);
  }, glue);
}

/**
 * A name for a module by which its calls are known, as in "sql-wasm#3fa9b2c1": from its name, and a hash of the binary. The
 * same for the same, so that a program that makes a guest of one binary again and again has one module to remember.
 *
 * @param how What tells one rewriting of the same binary from another
 */
export function moduleKey(name: string, bytes: Uint8Array, how: string): string {
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  for (let i = 0; i < how.length; i++) hash = Math.imul(hash ^ how.charCodeAt(i), 0x01000193);
  // Engines write it into lines that are taken apart again
  return `${name.replace(/[^\w.@+-]+/g, "_").slice(0, 64)}#${(hash >>> 0).toString(16).padStart(8, "0")}`;
}

/** The file of the innermost call that is not the library's, as a URL mostly: that of who has called. */
export function callerOf(): string | undefined {
  return framesOf(captureCallStack(1), 1)[0]?.file;
}

/** Where a module says that its source map is, relative to where it is itself; undefined if it does not, or not legibly. */
export function sourceMappingURL(module: WasmModule): string | undefined {
  const section = module.sections.find(({ id, name }) => id === SECTION.custom && name === "sourceMappingURL");
  try {
    return section && new Reader(module.bytes, section.body, section.end).name();
  } catch (e) {
    if (!(e instanceof WasmError)) throw e;
  }
}
