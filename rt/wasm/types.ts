/**
 * Types in a WebAssembly binary: of values, functions, memories, tables and globals.
 *
 * @module
 */

import type { Reader } from "./bytes.ts";

/** A type of function. */
export interface FuncType {
  /** Types of parameters, as in "i32"; a reference with a type of its own is a "ref". */
  readonly params: readonly string[];
  /** Types of results. */
  readonly results: readonly string[];
}

/** How large a memory or table is, and may become. */
export interface Limits {
  /** Least size, in pages of 64 KiB or elements. */
  readonly min: number;
  /** Greatest size, or undefined if none is said. */
  readonly max: number | undefined;
  /** Whether threads can share it. */
  readonly shared: boolean;
  /** Whether addresses have 64 bits. */
  readonly wide: boolean;
}

/** Types of values that are a single byte. */
const VALUES: Readonly<Record<number, string>> = {
  0x7f: "i32",
  0x7e: "i64",
  0x7d: "f32",
  0x7c: "f64",
  0x7b: "v128",
  0x70: "funcref",
  0x6f: "externref",
  0x69: "exnref",
};

const FIRST_HEAP_TYPE = 0x69, LAST_HEAP_TYPE = 0x74; // those that are a single byte

const FUNC = 0x60, STRUCT = 0x5f, ARRAY = 0x5e, SUB = 0x50, SUB_FINAL = 0x4f, GROUP = 0x4e;
const REF = 0x64, REF_NULL = 0x63, I8 = 0x78, I16 = 0x77;

/** Reads a type of value. */
export function readValueType(r: Reader): string {
  const code = r.byte();
  if (code === REF || code === REF_NULL) {
    readHeapType(r);
    return "ref";
  }
  return VALUES[code] ?? (isHeapType(code) ? "ref" : unknownType(r, code));
}

/** Passes over what a reference is to: an index of a type, or a byte for one that all modules know. */
export function readHeapType(r: Reader): void {
  const at = r.at, type = Number(r.signed(33));
  if (type < 0 && !isHeapType(type & 0x7f)) unknownType(r, type & 0x7f, at);
}

function isHeapType(code: number): boolean {
  return code >= FIRST_HEAP_TYPE && code <= LAST_HEAP_TYPE;
}

function unknownType(r: Reader, code: number, at: number = r.at - 1): never {
  return r.fail(`there is no type 0x${code.toString(16)}`, at);
}

/** Reads the section of types into `types`, with undefined for those of structs and arrays. */
export function readTypes(r: Reader, types: (FuncType | undefined)[]): void {
  for (let n = r.count("types", 2); n > 0; n--) {
    if (r.bytes[r.at] !== GROUP) types.push(readSubtype(r));
    else {
      r.byte();
      for (let n = r.count("types of a group", 2); n > 0; n--) types.push(readSubtype(r));
    }
  }
}

function readSubtype(r: Reader): FuncType | undefined {
  let form = r.byte();
  if (form === SUB || form === SUB_FINAL) {
    for (let n = r.count("supertypes"); n > 0; n--) r.u32();
    form = r.byte();
  }
  if (form === FUNC) return { params: readValueTypes(r, "parameters"), results: readValueTypes(r, "results") };
  if (form === ARRAY) readFieldType(r);
  else if (form === STRUCT) { for (let n = r.count("fields", 2, 10_000); n > 0; n--) readFieldType(r); }
  else unknownType(r, form);
}

function readValueTypes(r: Reader, what: string): string[] {
  return Array.from({ length: r.count(what, 1, 1000) }, () => readValueType(r));
}

function readFieldType(r: Reader): void {
  const packed = r.bytes[r.at];
  if (packed === I8 || packed === I16) r.byte();
  else readValueType(r);
  readMutable(r);
}

/** Reads whether a field or global can change. */
export function readMutable(r: Reader): boolean {
  const byte = r.byte();
  return byte < 2 ? byte === 1 : r.fail(`there is no mutability 0x${byte.toString(16)}`, r.at - 1);
}

/** Reads the size of a memory or table. */
export function readLimits(r: Reader): Limits {
  const flags = r.byte();
  if (flags > 0x07) r.fail(`there are no limits of kind 0x${flags.toString(16)}`, r.at - 1);
  const wide = (flags & 4) !== 0, size = () => wide ? Number(r.u64()) : r.u32();
  const min = size(), max = (flags & 1) !== 0 ? size() : undefined;
  return { min, max, shared: (flags & 2) !== 0, wide };
}
