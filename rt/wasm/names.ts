/**
 * The section of names, which people and call stacks read. Engines do not care whether it is right, so nothing here fails.
 *
 * @module
 */

import { type Reader, WasmError, Writer } from "./bytes.ts";
import { SECTION } from "./sections.ts";

/** Ids of its parts. */
const MODULE = 0, FUNCTIONS = 1, GLOBALS = 7;

/** Adds names by index to what there is. Of a section that is broken, what can be read is taken. */
export function readNames(r: Reader, functions: Map<number, string>, globals: Map<number, string>): void {
  ignoring(() => {
    while (!r.done) {
      const id = r.byte(), part = r.sized("bytes of names");
      const names = id === FUNCTIONS ? functions : id === GLOBALS ? globals : undefined;
      if (names === undefined) continue;
      for (let n = part.count("names", 2); n > 0; n--) names.set(part.u32(), part.name());
    }
  });
}

/** Names to be added. */
export interface Additions {
  /** Of functions, by indices that are greater than those of the others, in ascending order. */
  readonly functions: readonly (readonly [index: number, name: string])[];
  /** Of the module, in place of what it has. */
  readonly module?: string | undefined;
}

/** The whole section, with more names; undefined for one that is broken. */
export function writeNames(r: Reader, { functions, module }: Additions): Writer | undefined {
  return ignoring(() => {
    const out = new Writer().name("name");
    if (module !== undefined) out.byte(MODULE).sized(new Writer().name(module)); // before all others
    while (!r.done) {
      const start = r.at, id = r.byte(), part = r.sized("bytes of names");
      if (id === FUNCTIONS) {
        const names = new Writer().u32(part.u32() + functions.length).piece(part.rest());
        for (const [index, name] of functions) names.u32(index).name(name);
        out.byte(id).sized(names);
      } else if (id !== MODULE || module === undefined) out.piece(r.bytes.subarray(start, r.at));
    }
    return new Writer().section(SECTION.custom, out);
  });
}

function ignoring<T>(f: () => T): T | undefined {
  try {
    return f();
  } catch (e) {
    if (!(e instanceof WasmError)) throw e;
  }
}
