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

import { show } from "../../errors.ts";
import { candidatesOf, indexOf, signatureAt, typeOf } from "./candidates.ts";
import { othersIn } from "./others.ts";
import { ENTRY_NAMES, type EntryName, fits, type Language, signatureOf } from "../abi/spellings.ts";
import type { Import, WasmModule } from "../wasm/module.ts";
import { calleesOf, thunkTarget } from "../wasm/thunk.ts";

export type { EntryName, Language } from "../abi/spellings.ts";

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
 * import { parseModule } from "../wasm/module.ts";
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

function described(index: number, name: string): string {
  return `function ${index}${name === "" ? "" : ` ${show(name)}`}`;
}
