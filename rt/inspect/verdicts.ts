/**
 * What can be done with the allocator of a module, and why not.
 *
 * @module
 */

import { show } from "../../errors.ts";
import type { Entries, EntryName } from "./entries.ts";
import type { Hidden, HiddenEntries } from "./hidden.ts";
import type { HeapBase, MemoryInfo } from "./inspect.ts";
import type { WasmModule } from "../wasm/module.ts";
import { PREFIX } from "../wasm/rewrite.ts";

/** Whether something can be done. */
export interface Verdict {
  /** Whether it can. */
  readonly can: boolean;
  /** Why, or why not. */
  readonly why: string;
}

/** What can be done. */
export interface Verdicts {
  readonly imports: Verdict;
  readonly watch: Verdict;
  readonly replace: Verdict;
}

/** Judges by what was found. */
export function verdicts(
  { exports }: WasmModule,
  entries: Entries,
  hidden: HiddenEntries,
  memory: MemoryInfo | undefined,
  heapBase: HeapBase,
): Verdicts {
  const why = exports.some(({ name }) => name.startsWith(PREFIX))
    ? "it has been rewritten already: the file that it was made of can be"
    : memory === undefined
    ? "it has no memory"
    : memory.wide
    ? "its memory has addresses of 64 bits, which is not supported"
    : undefined;
  if (memory === undefined || why !== undefined) {
    const no = { can: false, why: why! };
    return { imports: no, watch: no, replace: no };
  }
  return {
    imports: imports(entries, memory, heapBase),
    watch: watch(entries, hidden),
    replace: replace(entries, hidden),
  };
}

function imports({ imported, others }: Entries, memory: MemoryInfo, heapBase: HeapBase): Verdict {
  const names = [...imported.keys(), ...others.filter((o) => o.imported).map((o) => o.name)];
  if (names.length === 0) return { can: false, why: "it imports no functions of an allocator" };
  const why = `it imports ${list(names)}`;
  if (memory.from === "imported" || heapBase.value !== undefined) return { can: true, why };
  return { can: true, why: `${why}; what its memory has at first is left alone, unless heapBase says what is free` };
}

function watch({ found }: Entries, { hidden }: HiddenEntries): Verdict {
  const missing = missingOf(found);
  if (missing !== undefined) return missing;
  const why = `its ${list([...found.keys()])} ${found.size === 1 ? "is" : "are"} known`;
  const unseen = hidden.filter(({ looks }) => looks === "realloc" || looks === "reallocarray");
  if (unseen.length === 0) return { can: true, why };
  return { can: true, why: `${why}; not seen are sizes that ${list(unseen.map(described))} changes in place` };
}

function replace({ found }: Entries, { hidden, sure, why }: HiddenEntries): Verdict {
  const missing = missingOf(found);
  if (missing !== undefined) return missing;
  if (hidden.length > 0) {
    const are = hidden.length === 1 ? "is no known entry" : "are no known entries";
    return { can: false, why: `${list(hidden.map(described))} ${are}, and would be given blocks of another allocator` };
  }
  if (sure) return { can: true, why: `nothing else works on its blocks, ${why}` };
  if (found.has("realloc")) {
    return { can: true, why: `malloc, free and realloc are known; whether all are, is not, as ${why}` };
  }
  return { can: false, why: `there may be a realloc that was not found, as ${why}` };
}

function missingOf(found: Entries["found"]): Verdict | undefined {
  const missing = (["malloc", "free"] as EntryName[]).filter((name) => !found.has(name));
  if (missing.length === 0) return undefined;
  return { can: false, why: `it has no ${missing.join(" and no ")} that is exported, named or given` };
}

function described({ index, name, looks }: Hidden): string {
  const says = name === undefined ? "" : ` ${show(name)}`;
  return `function ${index}${says}${looks === undefined ? "" : ` (perhaps ${looks})`}`;
}

/** Of a list that can be long, so many are told. */
const MOST = 9;

/** Words with commas, and an "and" before the last. */
function list(all: readonly string[]): string {
  const words = all.length > MOST ? [...all.slice(0, MOST - 1), `${all.length - MOST + 1} more`] : all;
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
