/**
 * Allocator entry points that have no name: a realloc that was neither exported nor named would take blocks that another
 * allocator made for its own.
 *
 * They are found by what they share with malloc and free: the fixed addresses that both touch, and hardly anybody else, are
 * the allocator's state; what touches it and is not called by the entries alone is an entry, too. And whoever looks at
 * the word in front of a block as dlmalloc's free does knows what is there.
 *
 * Costs: O(bytes of the code), and about as much memory.
 *
 * @module
 */

import { namesOf } from "./candidates.ts";
import type { Entries, EntryName } from "./entries.ts";
import { callsEntry, looksLike, touches } from "./looks.ts";
import { ENTRY_NAMES, fits } from "../abi/spellings.ts";
import { CallGraph } from "../wasm/call_graph.ts";
import type { WasmModule } from "../wasm/module.ts";

/** A function that is part of the allocator, or works on its blocks, and is none of the entries that were found. */
export interface Hidden {
  /** Its index. */
  readonly index: number;
  /** Its name, if it has one. */
  readonly name: string | undefined;
  /** The entry that it is by its looks, or undefined: it is none, or an entry that was built into other code. */
  readonly looks: EntryName | undefined;
  /** What gives it away. */
  readonly why: string;
}

/** What {@linkcode findHidden} found. */
export interface HiddenEntries {
  /** Functions that were found, by index. */
  readonly hidden: readonly Hidden[];
  /** Whether nothing else can be there: the allocator's state was found. */
  readonly sure: boolean;
  /** What the answer rests on, or why there is none. */
  readonly why: string;
}

/** An address that more than so many other functions touch is no allocator's own. */
const OWN = 16;
/** How many calls deep malloc and free are looked into for the state that they share. */
const DEPTH = 3;
/** A function that takes nothing is suspect from so many writes to fixed addresses on: malloc was built into it. */
const WRITES = 3;

/**
 * Looks for hidden entries of the allocator that has these entries. What a hidden one calls that is no entry of its own is not
 * told. Throws a `WasmError` for code that cannot be read.
 */
export function findHidden(
  module: WasmModule,
  entries: Entries,
  graph: CallGraph = new CallGraph(module),
): HiddenEntries {
  const malloc = entries.found.get("malloc"), free = entries.found.get("free");
  if (malloc === undefined || free === undefined) {
    return { hidden: [], sure: false, why: "its malloc and free are not known" };
  }
  const state = sharedBy(graph, malloc.index, free.index), heads = graph.profiles[free.index]?.heads ?? false;
  if (state.size === 0 && !heads) {
    return { hidden: [], sure: false, why: "malloc and free have no fixed address in common that is theirs alone" };
  }

  const known = new Set([...entries.found.values()].flatMap((e) => [e.index, e.declared]));
  const suspects = new Map<number, string>(), touching = new Set<number>();
  graph.profiles.forEach((p, index) => {
    if (p === undefined || known.has(index)) return;
    const takesNothing = module.types[module.functions[index]]?.params.length === 0, touched = touches(p, state);
    if (takesNothing && !(touched && p.stores >= WRITES)) return;
    if (touched) {
      touching.add(index);
      suspects.set(index, "touches the state of malloc and free");
    } else if (heads && p.heads) {
      const given = callsEntry(p, entries, "malloc");
      suspects.set(
        index,
        `reads the word in front of a block${given ? " that malloc gave" : ", as free does"}`,
      );
    }
  });
  for (const { language, name, index, imported } of entries.others) {
    if (language !== "AssemblyScript" || imported || !/__(re)?new$/.test(name)) continue;
    suspects.set(index, "is of AssemblyScript's collector, which takes sizes from the words in front of blocks");
  }
  const reached = graph.reach(known);
  lift(module, entries, graph, suspects, reached);

  const outside = (index: number) => !reached.has(index) && !suspects.has(index);
  const indices = [...suspects.keys()].sort((a, b) => a - b)
    .filter((index) => graph.isExposed(index) || graph.callers(index).some(outside));
  const cells = graph.cells([malloc.index, free.index]), looking = { module, graph, entries, state, touching, cells };
  const looks = unlike(graph, indices.map((index) => looksLike(looking, index)), indices), names = namesOf(module);
  const hidden = indices.map((index, i) => ({
    index,
    name: names.get(index),
    looks: looks[i],
    why: suspects.get(index)!,
  }));
  const what = state.size > 0
    ? `${state.size} place${state.size === 1 ? "" : "s"} that malloc and free share`
    : "the words in front of blocks alone, as malloc and free share no fixed address";
  return { hidden, sure: state.size > 0, why: `known by ${what}` };
}

/** The fixed addresses that two functions and those they call touch, and hardly anybody else: as few calls deep as can be. */
function sharedBy(graph: CallGraph, a: number, b: number): Set<number> {
  for (let depth = 0; depth <= DEPTH; depth++) {
    const one = graph.reach([a], depth), other = graph.reach([b], depth), cells = graph.cells(other);
    const both = new Set([...graph.cells(one)].filter((cell) => cells.has(cell)));
    const shared = graph.ownCells(both, new Set([...one, ...other]), OWN);
    if (shared.size > 0) return shared;
  }
  return new Set();
}

/**
 * Adds the callers of parts that an entry was split into, as `try_realloc_chunk` is one of realloc: these call neither malloc
 * nor free, while those that call them and have the signature of an entry do.
 */
function lift(
  module: WasmModule,
  entries: Entries,
  graph: CallGraph,
  suspects: Map<number, string>,
  reached: ReadonlySet<number>,
): void {
  const callsAny = (index: number) => {
    const p = graph.profiles[index]!;
    return callsEntry(p, entries, "malloc") || callsEntry(p, entries, "free");
  };
  for (const part of [...suspects.keys()]) {
    if (graph.isExposed(part) || callsAny(part)) continue;
    const callers = graph.callers(part).filter((index) => !reached.has(index) && !suspects.has(index));
    const isEntry = (index: number) =>
      callsAny(index) && ENTRY_NAMES.some((name) => fits(name, module.types[module.functions[index]]));
    if (!callers.every(isEntry)) continue;
    for (const caller of callers) suspects.set(caller, `calls function ${part}, a part of the allocator`);
  }
}

/** Of several that look the same, which one cannot be, those that call another of them are something else. */
function unlike(
  graph: CallGraph,
  looks: readonly (EntryName | undefined)[],
  indices: readonly number[],
): (EntryName | undefined)[] {
  const alike = new Map<EntryName | undefined, number[]>(), sure = new Map<number, EntryName>();
  indices.forEach((index, i) => alike.set(looks[i], [...alike.get(looks[i]) ?? [], index]));
  for (const [name, group] of alike) {
    if (name === undefined) continue;
    const own = group.filter((index) => !group.some((other) => graph.profiles[index]!.callees.has(other)));
    if (own.length === 1) sure.set(own[0], name);
  }
  return indices.map((index) => sure.get(index));
}
