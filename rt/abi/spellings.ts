/**
 * How allocators are spelled: the functions of C by all the names that builds give them, and those of C++, Rust and
 * AssemblyScript, which end in the same.
 *
 * @module
 */

import type { FuncType } from "../wasm/module.ts";

/** A function of C's allocator. */
export type EntryName =
  | "malloc"
  | "free"
  | "calloc"
  | "realloc"
  | "reallocarray"
  | "aligned_alloc"
  | "memalign"
  | "posix_memalign"
  | "malloc_usable_size";

/** What a function takes and returns, in a memory with addresses of 32 bits. */
export interface Signature {
  /** Number of parameters, each an i32. */
  readonly params: number;
  /** Number of results, each an i32. */
  readonly results: number;
}

/** Every entry, with its signature in C on 32 bits. */
export const SIGNATURES: Readonly<Record<EntryName, Signature>> = {
  malloc: { params: 1, results: 1 },
  free: { params: 1, results: 0 },
  calloc: { params: 2, results: 1 },
  realloc: { params: 2, results: 1 },
  reallocarray: { params: 3, results: 1 },
  aligned_alloc: { params: 2, results: 1 },
  memalign: { params: 2, results: 1 },
  posix_memalign: { params: 3, results: 1 },
  malloc_usable_size: { params: 1, results: 1 },
};

/** Every entry. */
export const ENTRY_NAMES: readonly EntryName[] = Object.keys(SIGNATURES) as EntryName[];

/** A signature as a type of function in a binary. */
export function wasmType({ params, results }: Signature): FuncType {
  return { params: Array(params).fill("i32"), results: Array(results).fill("i32") };
}

/** An entry in the words of C, as in "malloc(i32) -> i32". */
export function signatureOf(name: EntryName): string {
  const { params, results } = wasmType(SIGNATURES[name]);
  return `${name}${wasmSignature(params, results)}`;
}

/** Whether a function of this type can be that entry. */
export function fits(name: EntryName, type: FuncType | undefined): boolean {
  const { params, results } = SIGNATURES[name];
  return type !== undefined && type.params.length === params && type.results.length === results &&
    [...type.params, ...type.results].every((t) => t === "i32");
}

/** A type of function, as in "(i32, i32) -> i32". */
export function wasmSignature(params: readonly string[], results: readonly string[]): string {
  return `(${params.join(", ")})${results.length === 0 ? "" : ` -> ${results.join(", ")}`}`;
}

/** Allocators that have all their functions under one prefix. */
const PREFIXES = ["__libc_", "emscripten_builtin_", "dl", "emmalloc_", "je_", "jemalloc_", "mi_", "rp", "tc_", "_"];

/**
 * What functions are called that are `name`: those of C first, then those of an allocator by its own name.
 */
export function spellings(name: EntryName): readonly string[] {
  const found = [name, ...PREFIXES.map((prefix) => prefix + name)];
  if (name === "malloc_usable_size") found.push("dlmalloc_usable_size", "mi_usable_size", "rpmalloc_usable_size");
  // Rust's own allocator, and AssemblyScript's
  if (name === "malloc" || name === "free" || name === "realloc" || name === "memalign") {
    found.push(DLMALLOC + name);
  }
  const assembly =
    ({ malloc: "__alloc", free: "__free", realloc: "__realloc" } as Partial<Record<EntryName, string>>)[name];
  if (assembly !== undefined) found.push(`~lib/rt/tlsf/${assembly}`, `~lib/rt/stub/${assembly}`);
  return found;
}

/** Names longer than this are not looked into: none of an allocator is. */
const LONGEST = 500;

/** What an allocator's function was called before Rust mangled it, as in `dlmalloc::dlmalloc::Dlmalloc<A>::malloc`; others as they are. */
export function plainName(name: string): string {
  if (name.length > LONGEST) return name;
  const v0 = /^_R.*8Dlmalloc.*?(?:6malloc|4free|7realloc|8memalign)(?:C|B|$)/.exec(name);
  if (v0 !== null) return `${DLMALLOC}${/\d(malloc|free|realloc|memalign)(?:C|B|$)/.exec(name)![1]}`;
  const legacy = /^_ZN(\d.*)E$/.exec(name);
  const words = legacy === null ? name : wordsOf(legacy[1]).join("::").replaceAll("$LT$", "<").replaceAll("$GT$", ">");
  return words.replace(/::h[0-9a-f]{16}$/, "")
    .replace(/^<?(dlmalloc::)+Dlmalloc<[^>]*>+::(?=\w+$)/, DLMALLOC)
    .replace(/^_RNv\w*___rustc\d*_?(?=__r)/, "") // of rustc since 2025
    .replace(/^__rustc(\[[0-9a-f]+\])?::/, "");
}

/** Rust's own allocator on wasm32-unknown-unknown. */
const DLMALLOC = "dlmalloc::dlmalloc::Dlmalloc<A>::";

/** The words of a mangled name: each has its length in front. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (let at = 0; at < text.length;) {
    const length = /^\d+/.exec(text.slice(at));
    if (length === null) break;
    at += length[0].length;
    const word = text.slice(at, at += Number(length[0]));
    words.push(word.startsWith("_$") ? word.slice(1) : word);
  }
  return words;
}

/** Whose function that ends in malloc or free this is. */
export type Language = "C++" | "Rust" | "AssemblyScript";

const CPP = /^_Z(n[wa]m|d[la]Pv)|^operator (new|delete)(\[\])?\(/;
const RUST =
  /^(__rust_(alloc|alloc_zeroed|dealloc|realloc)|__r(dl|g)_(alloc|alloc_zeroed|dealloc|realloc)|__wbindgen_(malloc|realloc|free)|__externref_table_alloc|(<.*>::|.*::)?(dlmalloc::)?Dlmalloc<.*>::\w+)$/;
const ASSEMBLYSCRIPT = /^(~lib\/rt\/\w+\/)?__(new|renew|pin|unpin|collect|alloc|realloc|free)$/;

/** The language that `name` is an allocating or freeing function of; undefined if it is none. Expects a plain name. */
export function languageOf(name: string): Language | undefined {
  if (name.length > LONGEST) return undefined;
  if (CPP.test(name)) return "C++";
  if (RUST.test(name)) return "Rust";
  return ASSEMBLYSCRIPT.test(name) ? "AssemblyScript" : undefined;
}
