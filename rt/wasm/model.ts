/**
 * What is known of a WebAssembly binary once it has been read.
 *
 * @module
 */

import type { Section } from "./sections.ts";
import type { FuncType, Limits } from "./types.ts";

/** What an import or export is of. */
export type Kind = "func" | "table" | "memory" | "global" | "tag";

/** A global. */
export interface Global {
  /** Its type, as in "i32". */
  readonly type: string;
  /** Whether it can change. */
  readonly mutable: boolean;
  /** What it starts with, if that is a constant of 32 bits, unsigned. */
  readonly value: number | undefined;
}

/** Something imported or exported. */
export interface Export {
  /** By which name. */
  readonly name: string;
  /** What it is. */
  readonly kind: Kind;
  /** Its index among those of its kind. */
  readonly index: number;
}

/** Something imported. */
export interface Import extends Export {
  /** From which module. */
  readonly module: string;
}

/** A WebAssembly binary. */
export interface WasmModule {
  /** All of it. */
  readonly bytes: Uint8Array;
  /** In the order of the file. */
  readonly sections: readonly Section[];
  /** By index; undefined for one that is no type of a function. */
  readonly types: readonly (FuncType | undefined)[];
  /** In the order of the file. */
  readonly imports: readonly Import[];
  /** Indices of the types of all functions, those imported first. */
  readonly functions: readonly number[];
  /** How many of them are imported. */
  readonly importedFunctions: number;
  /** Number of tables, with those imported. */
  readonly tables: number;
  /** All memories, those imported first. */
  readonly memories: readonly Limits[];
  /** All globals, those imported first. */
  readonly globals: readonly Global[];
  /** In the order of the file. */
  readonly exports: readonly Export[];
  /** Where the contents of functions that are not imported lie: `[start, end]` of each, with its locals. */
  readonly bodies: readonly (readonly [start: number, end: number])[];
  /** Names of functions by index, from the section that has them. Empty if there is none that can be read. */
  readonly functionNames: ReadonlyMap<number, string>;
  /** Names of globals by index. */
  readonly globalNames: ReadonlyMap<number, string>;
  /** First address in bytes behind what data segments write to the first memory, as far as their places are constants. */
  readonly dataEnd: number;
}
