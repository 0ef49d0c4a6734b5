/**
 * The functions of a module: what each does, and who calls whom.
 *
 * Costs: O(bytes of the code), and about as much memory.
 *
 * @module
 */

import { elementFunctions } from "./elements.ts";
import type { WasmModule } from "./module.ts";
import { type Addresses, type Profile, profile } from "./profile.ts";

/** The functions of a module, by index. */
export class CallGraph {
  /** What each does; undefined for one that is imported. */
  readonly profiles: readonly (Profile | undefined)[];
  readonly #callers: number[][];
  readonly #exposed: Set<number>;

  /** Reads all of the code. Throws a {@linkcode WasmError} if it cannot be read. */
  constructor(module: WasmModule) {
    const addresses = addressesOf(module), count = module.functions.length, first = module.importedFunctions;
    this.profiles = Array.from({ length: count }, (_, i) => i < first ? undefined : profile(module, i, addresses));
    this.#callers = Array.from({ length: count }, () => []);
    this.profiles.forEach((p, caller) => p?.callees.forEach((callee) => this.#callers[callee]?.push(caller)));
    this.#exposed = elementFunctions(module);
    for (const { kind, index } of module.exports) if (kind === "func") this.#exposed.add(index);
  }

  /** The functions that call `index` directly. */
  callers(index: number): readonly number[] {
    return this.#callers[index];
  }

  /** Whether `index` is exported or in a table, so that anybody can call it. */
  isExposed(index: number): boolean {
    return this.#exposed.has(index);
  }

  /** The functions `from`, those that they call, and so on, up to `depth` calls deep. */
  reach(from: Iterable<number>, depth: number = Infinity): Set<number> {
    const reached = new Set(from);
    let last: Iterable<number> = reached;
    for (let d = 0; d < depth; d++) {
      const next = new Set<number>();
      for (const index of last) {
        for (const callee of this.profiles[index]?.callees ?? []) if (!reached.has(callee)) next.add(callee);
      }
      if (next.size === 0) break;
      for (const index of next) reached.add(index);
      last = next;
    }
    return reached;
  }

  /** The addresses and globals that any of these functions touches, or may. */
  cells(functions: Iterable<number>): Set<number> {
    const cells = new Set<number>();
    for (const index of functions) {
      for (const cell of this.profiles[index]?.cells ?? []) cells.add(cell);
      for (const cell of this.profiles[index]?.constants ?? []) cells.add(cell);
    }
    return cells;
  }

  /** Of these cells, those that at most `most` functions besides `own` touch. */
  ownCells(cells: ReadonlySet<number>, own: ReadonlySet<number>, most: number): Set<number> {
    const others = new Map<number, number>();
    this.profiles.forEach((p, index) => {
      if (p === undefined || own.has(index)) return;
      for (const cell of new Set([...p.cells, ...p.constants])) {
        if (cells.has(cell)) others.set(cell, (others.get(cell) ?? 0) + 1);
      }
    });
    return new Set([...cells].filter((cell) => (others.get(cell) ?? 0) <= most));
  }
}

/** Where the data of a module lies. */
function addressesOf(module: WasmModule): Addresses {
  const base = module.imports.find((i) => i.kind === "global" && i.name === "__memory_base");
  const pages = module.memories[0]?.min ?? 0;
  return { base: base?.index ?? -1, limit: Math.min(Math.max(pages * 65536, module.dataEnd), 2 ** 31) };
}
