/**
 * What a WebAssembly module has of an allocator, and so what can be done with it: for people who did not build it.
 *
 * @module
 */

import { show } from "../../errors.ts";
import { type Entry, type EntryName, findEntries, type Names, type Other } from "./entries.ts";
import { findHidden, type Hidden } from "./hidden.ts";
import { guess } from "./looks.ts";
import { ENTRY_NAMES } from "../abi/spellings.ts";
import { toolchainOf } from "./toolchain.ts";
import { type Verdict, verdicts } from "./verdicts.ts";
import { bytesOf } from "../wasm/bytes.ts";
import { CallGraph } from "../wasm/call_graph.ts";
import { parseModule, type WasmModule } from "../wasm/module.ts";

export type { Hidden } from "./hidden.ts";
export { formatInspection } from "./text.ts";
export type { Verdict } from "./verdicts.ts";

/** A function of an allocator that a module imports. */
export interface ImportedEntry {
  /** Which it is. */
  readonly name: EntryName;
  /** What it imports, as in "env.malloc". */
  readonly from: string;
}

/** The memory of a module. */
export interface MemoryInfo {
  /** Where it is from. */
  readonly from: "imported" | "exported" | "its own";
  /** By which name it is imported or exported, as in "env.memory"; "" if it is neither. */
  readonly name: string;
  /** Least size, in pages of 64 KiB. */
  readonly min: number;
  /** Greatest size, in pages; undefined if none is said. */
  readonly max: number | undefined;
  /** Whether threads can share it. */
  readonly shared: boolean;
  /** Whether addresses have 64 bits. */
  readonly wide: boolean;
  /** Number of memories that the module has; the others are not told of. */
  readonly count: number;
}

/** Where memory is free for a heap. */
export interface HeapBase {
  /** First address behind data and stack, in bytes; undefined if it is not known. */
  readonly value: number | undefined;
  /** No lower than this, in bytes: behind what is known of data and stack. */
  readonly least: number;
  /** How it is known, or could be; "unknown" if the module does not say. */
  readonly how: string;
}

/** What {@linkcode inspect} found. A plain object, which can go to JSON. */
export interface Inspection {
  /** Of the module, in bytes. */
  readonly size: number;
  /** What built it, as far as it shows: "Emscripten", "clang 18.1.3". */
  readonly toolchain: readonly string[];
  /** Its first memory; undefined if it has none. */
  readonly memory: MemoryInfo | undefined;
  /** Where its memory is free. */
  readonly heapBase: HeapBase;
  /** Functions of the allocator that it has. */
  readonly entries: readonly Entry[];
  /** Functions of the allocator that it imports. */
  readonly imported: readonly ImportedEntry[];
  /** Functions of C++, Rust and AssemblyScript that allocate or free. */
  readonly others: readonly Other[];
  /** Functions of the allocator that have no name. */
  readonly hidden: readonly Hidden[];
  /** Indices of what seem to be malloc and free, where they were not found. */
  readonly guesses: Readonly<Partial<Record<EntryName, number>>>;
  /** What is odd, a sentence each. */
  readonly problems: readonly string[];
  /** The names that were given. */
  readonly names: Names;
  /** Whether the allocator that it imports can be served. */
  readonly imports: Verdict;
  /** Whether its own allocator can be watched. */
  readonly watch: Verdict;
  /** Whether its own allocator can be replaced. */
  readonly replace: Verdict;
}

/**
 * Looks into a module, without running it.
 *
 * Throws a `WasmError` if it is none, a `TypeError` if `source` is no bytes, and what `findEntries` does for `names`.
 *
 * @param options `names`: where functions of the allocator are, for a build without names
 *
 * @example
 * ```ts
 * import { formatInspection, inspect } from "./inspect.ts";
 *
 * const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
 * console.log(formatInspection(inspect(empty)));
 * ```
 */
export function inspect(source: BufferSource, options: { names?: Names } = {}): Inspection {
  const bytes = bytesOf(source), { names = {} } = checked(options);
  const module = parseModule(bytes), entries = findEntries(module, names);
  const { found, imported } = entries, graph = new CallGraph(module);
  const hidden = findHidden(module, entries, graph);
  const guesses = found.has("malloc") || imported.has("malloc") ? {} : guess(module, graph);
  const heapBase = heapBaseOf(module), memory = memoryOf(module);
  return {
    size: bytes.length,
    toolchain: toolchainOf(module),
    memory,
    heapBase,
    entries: [...found.values()],
    imported: ENTRY_NAMES.flatMap((name) => {
      const i = imported.get(name);
      return i === undefined ? [] : [{ name, from: `${i.module}.${i.name}` }];
    }),
    others: entries.others,
    hidden: hidden.hidden,
    guesses,
    problems: [...entries.problems, ...oddMemories(module)],
    names,
    ...verdicts(module, entries, hidden, memory, heapBase),
  };
}

function checked(options: { names?: Names }): { names?: Names } {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot inspect the module: expected options, got ${show(options)}`);
  }
  const { names } = options;
  if (names !== undefined && (typeof names !== "object" || names === null)) {
    throw new TypeError(`Cannot inspect the module: names must be an object, got ${show(names)}`);
  }
  return options;
}

function memoryOf(module: WasmModule): MemoryInfo | undefined {
  const limits = module.memories[0];
  if (limits === undefined) return undefined;
  const first = ({ kind, index }: { kind: string; index: number }) => kind === "memory" && index === 0;
  const i = module.imports.find(first), e = module.exports.find(first), count = module.memories.length;
  if (i !== undefined) return { ...limits, count, from: "imported", name: `${i.module}.${i.name}` };
  return { ...limits, count, from: e === undefined ? "its own" : "exported", name: e?.name ?? "" };
}

function oddMemories(module: WasmModule): string[] {
  if (module.memories.length < 2) return [];
  return [`It has ${module.memories.length} memories: an allocator is looked after only in the first`];
}

const HEAP_BASES = ["__heap_base", "~lib/memory/__heap_base"];

export function heapBaseOf(module: WasmModule): HeapBase {
  const { globals, globalNames, dataEnd } = module;
  const pointer = module.imports.some((i) => i.name === "__stack_pointer") ? undefined : stackPointer(module);
  const least = Math.max(dataEnd, pointer ?? 0);
  const exported = module.exports.find((e) => e.kind === "global" && e.name === "__heap_base")?.index;
  const named = [...globalNames].find(([, name]) => HEAP_BASES.includes(name))?.[0];
  const value = globals[exported ?? named ?? -1]?.value;
  if (value !== undefined) {
    return { value, least, how: `its ${exported === undefined ? "named" : "exported"} global __heap_base` };
  }
  const i = module.imports.find((i) => i.kind === "global" && i.name === "__heap_base");
  return {
    value: undefined,
    least,
    how: i === undefined ? "unknown" : `what its loader gives as ${i.module}.${i.name}`,
  };
}

/** What the stack pointer starts with: the end of the stack, which lies behind or in front of the data. */
function stackPointer({ globals, globalNames }: WasmModule): number | undefined {
  const named = [...globalNames].find(([, name]) => name.endsWith("__stack_pointer"))?.[0];
  const index = named ?? globals.findIndex((g) => g.type === "i32" && g.mutable && (g.value ?? 0) > 1024);
  return globals[index]?.value;
}
