/**
 * Which function of an allocator something is by its looks: what it takes and returns, and what of the allocator it calls.
 * A hint for people, who can say so in `names`; nothing is done on the strength of it.
 *
 * @module
 */

import type { Entries, EntryName } from "./entries.ts";
import { fits } from "../abi/spellings.ts";
import type { CallGraph } from "../wasm/call_graph.ts";
import type { WasmModule } from "../wasm/module.ts";
import type { Profile } from "../wasm/profile.ts";

/** Whether a function calls this entry directly. */
export function callsEntry(p: Profile, { found }: Entries, name: EntryName): boolean {
  const entry = found.get(name);
  return entry !== undefined && (p.callees.has(entry.index) || p.callees.has(entry.declared));
}

/** What it takes to judge by looks. */
export interface Known {
  /** The module. */
  readonly module: WasmModule;
  /** Who calls whom in it. */
  readonly graph: CallGraph;
  /** The entries that were found. */
  readonly entries: Entries;
  /** Fixed addresses of the allocator's state. */
  readonly state: ReadonlySet<number>;
  /** Functions that touch the state and are no entries. */
  readonly touching: ReadonlySet<number>;
  /** All fixed addresses that malloc and free touch, that of errno among them. */
  readonly cells: ReadonlySet<number>;
}

/** Instructions of the longest that the small ones can be, however they were built. */
const SMALL = 60, MEDIUM = 500;

/** The entry that function `index` seems to be, of those not found; undefined if it seems to be none. */
export function looksLike(known: Known, index: number): EntryName | undefined {
  const { module, graph, entries } = known, p = graph.profiles[index];
  if (p === undefined) return undefined;
  const calls = (name: EntryName) => callsEntry(p, entries, name);
  const is = (name: EntryName) => !entries.found.has(name) && fits(name, module.types[module.functions[index]]);
  // Another function that an entry was built into reads the same words, but touches other data besides
  const own = (cell: number) => cell < 0 || known.cells.has(cell);
  const pure = p.callees.size <= 4 && p.length < MEDIUM && [...p.cells].every(own) && [...p.constants].every(own);
  if (is("malloc_usable_size") && pure && p.callees.size === 0 && p.heads && p.length < SMALL) {
    return "malloc_usable_size";
  }
  if (is("calloc") && pure && calls("malloc") && !calls("free") && p.multiplies) return "calloc";
  if (is("realloc") && calls("malloc") && calls("free") && isOfAllocator(known, index)) return "realloc";
  if (is("memalign") && pure && calls("malloc") && !calls("free") && !p.multiplies) return "memalign";
  if (is("reallocarray") && pure && calls("realloc") && p.multiplies) return "reallocarray";
  if (is("posix_memalign") && pure && !p.multiplies && (calls("memalign") || calls("malloc"))) return "posix_memalign";
  return undefined;
}

/** Whether a function touches the state: certainly at one place, or, by what may be other numbers, at two. */
export function touches(p: Profile, state: ReadonlySet<number>): boolean {
  for (const cell of p.cells) if (state.has(cell)) return true;
  let constants = 0;
  for (const cell of p.constants) {
    if (state.has(cell) && (++constants === 2 || state.size <= 2)) return true;
  }
  return false;
}

/** Whether it touches the state itself, or calls a part of the allocator that does and is no entry itself. */
function isOfAllocator({ graph, entries, state, touching }: Known, index: number): boolean {
  if (touches(graph.profiles[index]!, state)) return true;
  for (const callee of graph.profiles[index]!.callees) {
    if (touching.has(callee) && !callsEntry(graph.profiles[callee]!, entries, "malloc")) return true;
  }
  return false;
}

/**
 * Where malloc and free are in a module that names neither: the largest function that frees as dlmalloc's does, and the one with
 * most in common with it that takes a size. Empty where none is like that.
 */
export function guess(module: WasmModule, graph: CallGraph): Partial<Record<"malloc" | "free", number>> {
  let free = -1;
  graph.profiles.forEach((p, index) => {
    if (p?.heads && p.length > 200 && p.length > (graph.profiles[free]?.length ?? 0)) {
      if (fits("free", module.types[module.functions[index]])) free = index;
    }
  });
  if (free < 0) return {};
  const cells = graph.ownCells(graph.cells([free]), new Set([free]), 16);
  let malloc = -1, most = 0;
  graph.profiles.forEach((p, index) => {
    if (p === undefined || !fits("malloc", module.types[module.functions[index]])) return;
    const common = [...cells].filter((cell) => p.cells.has(cell) || p.constants.has(cell)).length;
    if (common > most) [malloc, most] = [index, common];
  });
  return malloc < 0 ? {} : { malloc, free };
}
