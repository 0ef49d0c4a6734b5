/**
 * Where the allocator of a module is: which of its functions are malloc, free and the rest.
 *
 * They are looked for among the exports, then in the section that names functions, or are where the caller says. What is found
 * has the signature that it has in C; whatever is odd is told in `problems` and not used. Nothing is guessed from code.
 *
 * Costs: O(names of the module).
 *
 * @module
 */

import { show } from "../errors.ts";
import {
  ENTRY_NAMES,
  type EntryName,
  type Language,
  languageOf,
  plainName,
  signatureOf,
  SIGNATURES,
  spellings,
  wasmSignature,
} from "./spellings.ts";
import { nearest } from "./nearest.ts";
import { calleesOf, thunkTarget } from "./wasm/thunk.ts";
import type { FuncType, Import, WasmModule } from "./wasm/module.ts";

export type { EntryName, Language } from "./spellings.ts";

/** How a function was found. */
export type How = "export" | "name section" | "given";

/** A function of the allocator that the module has. Two entries can be one function, as `memalign` and `aligned_alloc` are. */
export interface Entry {
  /** Which it is. */
  readonly name: EntryName;
  /** The function that does the work, where a switch catches every call: thunks are followed to what they call. */
  readonly index: number;
  /** The function that has the name: the same, or a thunk that does nothing but call it. */
  readonly declared: number;
  /** How it was found. */
  readonly how: How;
  /** The name that it was found by. Of one given as an index, its name in the module, or "". */
  readonly spelling: string;
}

/** A function of another language's allocator. */
export interface Other {
  /** Whose. */
  readonly language: Language;
  /** What the module calls it, without mangling. */
  readonly name: string;
  /** Its index. */
  readonly index: number;
  /** Whether it is imported. */
  readonly imported: boolean;
  /** What it takes and returns, as in "(i32) -> i32". */
  readonly signature: string;
}

/** What {@linkcode findEntries} found. */
export interface Entries {
  /** Functions of the module itself, by what they are. */
  readonly found: ReadonlyMap<EntryName, Entry>;
  /** Functions that it imports. */
  readonly imported: ReadonlyMap<EntryName, Import>;
  /** Functions of C++, Rust and AssemblyScript that allocate or free. */
  readonly others: readonly Other[];
  /** What is odd, a sentence each. */
  readonly problems: readonly string[];
}

/** Where functions are, for a build that has no names for them: name of an export, name in the name section, or index. */
export type Names = Partial<Record<EntryName, string | number>>;

/**
 * Finds the allocator of a module.
 *
 * A name that is given is looked for among exports, then in the name section, then among imports, where "a.b" means `b` of `a`.
 *
 * Throws a `TypeError` if `names` names no entry, or a function that has not the signature of that entry, and a `RangeError`
 * if there is no such function; a `WasmError` if the code of what is found cannot be read.
 *
 * @example
 * ```ts
 * import { findEntries } from "./entries.ts";
 * import { parseModule } from "./wasm/module.ts";
 *
 * const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
 * console.log(findEntries(parseModule(empty)).found.size); // 0
 * ```
 */
export function findEntries(module: WasmModule, names: Names = {}): Entries {
  const problems: string[] = [];
  const found = new Map<EntryName, Entry>(), imported = new Map<EntryName, Import>();
  const index = indexOf(module);
  for (const name of Object.keys(names)) {
    if (!ENTRY_NAMES.includes(name as EntryName)) {
      throw new TypeError(`Cannot find the allocator: names must be of ${ENTRY_NAMES.join(", ")}, got ${show(name)}`);
    }
  }
  const wide = module.memories.length > 0 && module.memories.every((memory) => memory.wide);
  if (wide) problems.push("Its memory has addresses of 64 bits (memory64), which is not supported");

  for (const name of wide ? [] : ENTRY_NAMES) {
    const candidates = candidatesOf(name, module, index, names[name]);
    const fitting = candidates.filter(({ declared, spelling }) => {
      if (fits(name, typeOf(module, declared))) return true;
      problems.push(
        `Not used as ${name} is ${described(declared, spelling)}: it is ${signatureAt(module, declared)}, not ${
          signatureOf(name)
        }`,
      );
      return false;
    });
    const own: Entry[] = [], foreign: Import[] = [];
    for (const c of fitting) {
      const target = thunkTarget(module, c.declared);
      if (target < module.importedFunctions) foreign.push(index.imports[target]);
      else if (!own.some((e) => e.index === target)) own.push({ name, index: target, ...c });
    }
    const entry = outermost(module, own);
    if (entry !== undefined) found.set(name, entry);
    if (foreign.length > 0) imported.set(name, foreign[0]);

    const unlike = own.filter((e) => e !== entry && !related(module, e, entry!));
    for (const e of unlike) {
      problems.push(
        `There are several of ${name}: ${described(entry!.declared, entry!.spelling)} is used, ` +
          `${described(e.declared, e.spelling)} is not, and may be another allocator`,
      );
    }
    if (entry !== undefined && foreign.length > 0 && names[name] === undefined) {
      problems.push(
        `It imports ${foreign[0].module}.${foreign[0].name} and has ${described(entry.declared, entry.spelling)}`,
      );
    }
    if (new Set(foreign.map((i) => `${i.module} ${i.name}`)).size > 1) {
      problems.push(`It imports ${name} as ${foreign.map((i) => `${i.module}.${i.name}`).join(" and ")}`);
    }
  }
  for (const i of module.imports) {
    if (i.module !== "GOT.func" || !ENTRY_NAMES.includes(i.name as EntryName)) continue;
    problems.push(`It takes the address of ${i.name} (GOT.func.${i.name}): calls through it go where its loader says`);
  }
  const taken = new Set([...found.values()].flatMap((e) => [e.index, e.declared]));
  return { found, imported, others: othersIn(module, index, taken), problems };
}

/** Names of functions, the other way round. */
interface NameIndex {
  readonly exports: ReadonlyMap<string, number>;
  /** Names from the name section, without mangling. */
  readonly named: ReadonlyMap<string, number>;
  /** The same as they stand there. */
  readonly mangled: ReadonlyMap<string, number>;
  /** Imported functions, by index. */
  readonly imports: readonly Import[];
}

function indexOf(module: WasmModule): NameIndex {
  const exports = new Map<string, number>(), named = new Map<string, number>(), mangled = new Map<string, number>();
  for (const e of module.exports) if (e.kind === "func") exports.set(e.name, e.index);
  for (const [index, name] of module.functionNames) {
    if (index >= module.functions.length) continue;
    if (!mangled.has(name)) mangled.set(name, index);
    const plain = plainName(name);
    if (!named.has(plain)) named.set(plain, index);
  }
  return { exports, named, mangled, imports: module.imports.filter((i) => i.kind === "func") };
}

interface Candidate {
  readonly declared: number;
  readonly how: How;
  readonly spelling: string;
}

function candidatesOf(
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
  const at = index.exports.get(given) ?? index.mangled.get(given) ?? index.named.get(given) ??
    index.imports.find((i) => i.name === given || `${i.module}.${i.name}` === given)?.index;
  if (at !== undefined) return at;
  const near = nearest(given, [...index.exports.keys(), ...index.mangled.keys()]);
  throw new RangeError(
    `Cannot find ${name}: the module has no function ${show(given)}; it has ${
      near.length === 0 ? "no names of functions" : near.map((n) => show(n)).join(", ")
    }`,
  );
}

/** The candidate that is not called by another of them: a malloc that takes a lock, not the one that it takes it for. */
function outermost(module: WasmModule, list: readonly Entry[]): Entry | undefined {
  return list.find((e) => !list.some((other) => other !== e && calls(module, other, e) && !calls(module, e, other))) ??
    list[0];
}

/** Whether one of them calls the other, so that both are of one allocator. */
function related(module: WasmModule, a: Entry, b: Entry): boolean {
  return calls(module, a, b) || calls(module, b, a);
}

function calls(module: WasmModule, a: Entry, b: Entry): boolean {
  const callees = calleesOf(module, a.index);
  return callees.has(b.index) || callees.has(b.declared);
}

function othersIn(module: WasmModule, index: NameIndex, taken: ReadonlySet<number>): Other[] {
  const list = new Map<number, Other>();
  const look = (name: string, at: number, imported: boolean) => {
    const language = languageOf(name);
    if (language === undefined || list.has(at) || taken.has(at)) return;
    list.set(at, { language, name, index: at, imported, signature: signatureAt(module, at) });
  };
  for (const i of index.imports) look(plainName(i.name), i.index, true);
  for (const [name, at] of index.exports) look(plainName(name), at, at < module.importedFunctions);
  for (const [name, at] of index.named) look(name, at, at < module.importedFunctions);
  return [...list.values()].sort((a, b) => a.index - b.index);
}

function typeOf(module: WasmModule, index: number): FuncType | undefined {
  return module.types[module.functions[index]];
}

function signatureAt(module: WasmModule, index: number): string {
  const type = typeOf(module, index);
  return type === undefined ? "no function" : wasmSignature(type.params, type.results);
}

/** Whether a function of this type can be that entry. */
export function fits(name: EntryName, type: FuncType | undefined): boolean {
  const { params, results } = SIGNATURES[name];
  return type !== undefined && type.params.length === params && type.results.length === results &&
    [...type.params, ...type.results].every((t) => t === "i32");
}

/** Names of functions by index: those of the name section, else those that they are exported by. */
export function namesOf(module: WasmModule): Map<number, string> {
  const names = new Map<number, string>();
  for (const e of module.exports) if (e.kind === "func" && !names.has(e.index)) names.set(e.index, e.name);
  for (const [index, name] of module.functionNames) names.set(index, name);
  return names;
}

function described(index: number, name: string): string {
  return `function ${index}${name === "" ? "" : ` ${show(name)}`}`;
}
