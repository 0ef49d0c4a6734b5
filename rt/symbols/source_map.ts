/**
 * Source maps of WebAssembly, which have all of a binary in one line whose columns are offsets in bytes.
 *
 * They are read with what Node, Deno and Bun have for it. Where that is missing, as in a browser, a library can be handed in.
 *
 * @module
 */

import { show } from "../../errors.ts";
import { process } from "../host.ts";

/** Where code of a binary comes from. */
export interface SourcePlace {
  /** Where the code begins that comes from there, in bytes from the start of the binary. */
  readonly offset: number;
  /** The file, as the source map calls it. */
  readonly file: string;
  /** Line in it, from 1. */
  readonly line: number;
  /** Column in the line, from 1. */
  readonly column: number;
}

/** What is used of `node:module`, whose lines and columns are from 0. */
interface NodeModule {
  SourceMap?: new (map: object) => {
    findEntry(line: number, column: number): {
      generatedColumn?: number;
      originalSource?: string;
      originalLine?: number;
      originalColumn?: number;
    };
  };
}

/**
 * Where the code at an offset comes from, undefined where the source map has nothing at it or before it. The map is decoded
 * when that is asked for first, which takes some 20 milliseconds for one of 600 KB.
 *
 * Throws a `TypeError` if it is no source map, or if there is nothing to read one with.
 */
export function readSourceMap(given: string | object): (offset: number) => SourcePlace | undefined {
  const map = parse(given);
  const node = process?.getBuiltinModule?.("node:module") as NodeModule | undefined, SourceMap = node?.SourceMap;
  if (SourceMap === undefined) {
    throw new TypeError("Cannot read symbols: nothing here reads source maps, in place of which `at` can be given");
  }
  let reader: InstanceType<typeof SourceMap> | undefined;
  return (offset) => {
    const entry = (reader ??= new SourceMap(map)).findEntry(0, offset);
    const { generatedColumn, originalSource, originalLine, originalColumn } = entry;
    if (generatedColumn === undefined || !originalSource || originalLine === undefined) return undefined;
    return { offset: generatedColumn, file: originalSource, line: originalLine + 1, column: (originalColumn ?? 0) + 1 };
  };
}

function parse(given: string | object): object {
  let map: unknown = given;
  if (typeof given === "string") {
    try {
      map = JSON.parse(given.replace(/^\)\]\}'.*\n/, "")); // a line against being run as a script
    } catch (e) {
      throw new TypeError(
        `Cannot read symbols: the source map is no JSON: ${(e as Error).message.replace(/\s+/g, " ")}`,
      );
    }
  }
  const { version, mappings, sources } = (map ?? {}) as { version?: unknown; mappings?: unknown; sources?: unknown };
  if (version !== 3 || typeof mappings !== "string" || !Array.isArray(sources)) {
    throw new TypeError(`Cannot read symbols: expected a source map of version 3, got ${show(map)}`);
  }
  return map as object;
}
