/**
 * The section of names, which people and call stacks read. Engines do not care whether it is right, so nothing here fails.
 *
 * @module
 */

import { Reader, WasmError, Writer } from "./bytes.ts";
import { SECTION } from "./sections.ts";

/** Ids of its parts. */
const MODULE = 0, FUNCTIONS = 1, GLOBALS = 7;

/**
 * Names by index, in the order of the binary. They are read when they are asked for: of a large module, all of them take as much
 * memory as the module.
 */
export class Names implements ReadonlyMap<number, string> {
  readonly #bytes: Uint8Array;
  /** Where names are, by index. */
  readonly #places: Map<number, number> = new Map();

  /** No names yet, of a binary. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Adds those that are there. */
  read(r: Reader): void {
    for (let n = r.count("names", 2); n > 0; n--) {
      const index = r.u32(), place = r.at;
      r.skip(r.u32());
      this.#places.set(index, place);
    }
  }

  /** How many. */
  get size(): number {
    return this.#places.size;
  }

  /** Whether there is one for an index. */
  has(index: number): boolean {
    return this.#places.has(index);
  }

  /** The name of an index. What is no UTF-8 in it is U+FFFD. */
  get(index: number): string | undefined {
    const place = this.#places.get(index);
    return place === undefined ? undefined : new Reader(this.#bytes, place).name(true);
  }

  /** Indices. */
  keys(): MapIterator<number> {
    return this.#places.keys();
  }

  /** Names. */
  *values(): MapIterator<string> {
    for (const index of this.keys()) yield this.get(index)!;
  }

  /** Indices with their names. */
  *entries(): MapIterator<[number, string]> {
    for (const index of this.keys()) yield [index, this.get(index)!];
  }

  /** Indices with their names. */
  [Symbol.iterator](): MapIterator<[number, string]> {
    return this.entries();
  }

  /** Calls `f` with each. */
  forEach(f: (name: string, index: number, names: ReadonlyMap<number, string>) => void): void {
    for (const [index, name] of this) f(name, index, this);
  }
}

/** Reads the section into what there is. Of one that is broken, what can be read is taken. */
export function readNames(r: Reader, functions: Names, globals: Names): void {
  ignoring(() => {
    while (!r.done) {
      const id = r.byte(), part = r.sized("bytes of names");
      if (id === FUNCTIONS) functions.read(part);
      else if (id === GLOBALS) globals.read(part);
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
