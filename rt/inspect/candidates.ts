/**
 * Which functions of a module can be an entry of its allocator, by their names or by what the caller says.
 *
 * @module
 */

import { show } from "../../errors.ts";
import type { How } from "./entries.ts";
import { nearest } from "./nearest.ts";
import { type EntryName, fits, plainName, signatureOf, spellings, wasmSignature } from "../abi/spellings.ts";
import type { FuncType, Import, WasmModule } from "../wasm/module.ts";

/** Names of functions, the other way round. */
export interface NameIndex {
  readonly exports: ReadonlyMap<string, number>;
  /** Names from the name section, without mangling: those that an allocator's function could have. */
  readonly named: ReadonlyMap<string, number>;
  /** Imported functions, by index. */
  readonly imports: readonly Import[];
}

/** What the name of an allocator's function has in it, in C, C++, Rust or AssemblyScript. Most names have none of it. */
const LIKELY = /alloc|free|align|usable|^_Z[nd]|^operator |__(?:new|renew|pin|unpin|collect)$/;

/** The names in a module. */
export function indexOf(module: WasmModule): NameIndex {
  const exports = new Map<string, number>(), named = new Map<string, number>();
  for (const e of module.exports) if (e.kind === "func") exports.set(e.name, e.index);
  for (const [index, name] of module.functionNames) {
    if (index >= module.functions.length || !LIKELY.test(name)) continue;
    const plain = plainName(name);
    if (!named.has(plain)) named.set(plain, index);
  }
  return { exports, named, imports: module.imports.filter((i) => i.kind === "func") };
}

/** A function that can be an entry. */
export interface Candidate {
  readonly declared: number;
  readonly how: How;
  readonly spelling: string;
}

/** The functions that have a name of that entry, the best first, or the one that is given. */
export function candidatesOf(
  name: EntryName,
  module: WasmModule,
  index: NameIndex,
  given: string | number | undefined,
): Candidate[] {
  if (given !== undefined) return [givenAt(name, module, index, given)];
  const all = spellings(name), list: Candidate[] = [];
  const add = (declared: number | undefined, how: How, spelling: string) => {
    if (declared !== undefined && !list.some((c) => c.declared === declared)) list.push({ declared, how, spelling });
  };
  for (const s of all) add(index.exports.get(s), "export", s);
  for (const s of all) add(index.named.get(s), "name section", s);
  for (const i of index.imports) if (all.includes(i.name)) add(i.index, "export", i.name);
  return list;
}

function givenAt(name: EntryName, module: WasmModule, index: NameIndex, given: string | number): Candidate {
  const declared = resolve(name, module, index, given);
  if (!fits(name, typeOf(module, declared))) {
    throw new TypeError(
      `Cannot use ${show(given)} as ${name}: expected ${signatureOf(name)}, got ${signatureAt(module, declared)}`,
    );
  }
  const spelling = typeof given === "string" ? given : namesOf(module).get(declared) ?? "";
  return { declared, how: "given", spelling };
}

function resolve(name: EntryName, module: WasmModule, index: NameIndex, given: string | number): number {
  const count = module.functions.length;
  if (typeof given === "number") {
    if (Number.isInteger(given) && given >= 0 && given < count) return given;
    throw new RangeError(
      `Cannot find ${name}: ${given} must be the index of a function, an integer from 0 to ${count - 1}`,
    );
  }
  if (typeof given !== "string") {
    throw new TypeError(`Cannot find ${name}: expected a name or the index of a function, got ${show(given)}`);
  }
  const found = index.exports.get(given) ?? at(module, given) ?? index.named.get(given) ??
    index.imports.find((i) => i.name === given || `${i.module}.${i.name}` === given)?.index;
  if (found !== undefined) return found;
  const near = nearest(given, [...index.exports.keys(), ...module.functionNames.values()]);
  throw new RangeError(
    `Cannot find ${name}: the module has no function ${show(given)}; it has ${
      near.length === 0 ? "no names of functions" : near.map((n) => show(n)).join(", ")
    }`,
  );
}

/** The function that the name section calls so. */
function at(module: WasmModule, name: string): number | undefined {
  for (const [index, own] of module.functionNames) if (own === name && index < module.functions.length) return index;
  return undefined;
}

/** The type of function `index`; undefined if that is none of a function. */
export function typeOf(module: WasmModule, index: number): FuncType | undefined {
  return module.types[module.functions[index]];
}

/** What function `index` takes and returns, as in "(i32) -> i32". */
export function signatureAt(module: WasmModule, index: number): string {
  const type = typeOf(module, index);
  return type === undefined ? "no function" : wasmSignature(type.params, type.results);
}

/** Names of functions by index: those of the name section, else those that they are exported by. */
export function namesOf(module: WasmModule): Map<number, string> {
  const names = new Map<number, string>();
  for (const e of module.exports) if (e.kind === "func" && !names.has(e.index)) names.set(e.index, e.name);
  for (const [index, name] of module.functionNames) names.set(index, name);
  return names;
}
