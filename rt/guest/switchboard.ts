/**
 * What a rewritten instance exports for the library: its table, the functions that its allocator was, and the globals and the
 * memory of the code that stands in their place.
 *
 * @module
 */

import type { Adapter } from "./adapter.ts";
import { cFunctions } from "../abi/c_functions.ts";
import { Ledger, TABLE } from "./ledger.ts";
import type { Originals } from "./own_allocator.ts";
import type { EntryName } from "../abi/spellings.ts";
import { type Controls, GLOBALS } from "./switches.ts";
import { writeType } from "../wasm/assemble.ts";
import { Writer } from "../wasm/bytes.ts";
import { type FuncType, HEADER, SECTION } from "../wasm/module.ts";
import { PREFIX } from "../wasm/rewrite.ts";

/** A function that has a switch in front. */
export interface Entry {
  /** Which it is. */
  readonly name: EntryName;
  /** What it takes and returns. */
  readonly type: FuncType;
}

/** The switches of an instance. */
export class Switchboard {
  readonly #exports: Readonly<Record<string, unknown>>;
  readonly #entries: readonly Entry[];
  /** Whether an adapter does what the switches do not. */
  served = false;

  /** Those of an instance that has been rewritten with a switch in front of each of these functions. */
  constructor({ exports }: WebAssembly.Instance, entries: readonly Entry[]) {
    this.#exports = exports;
    this.#entries = entries;
  }

  /** Whether all of them are there. */
  get complete(): boolean {
    return this.#export("table") instanceof WebAssembly.Table &&
      this.#entries.every(({ name }) => this.#export(name) !== undefined);
  }

  /** The memory of the instance. */
  get heap(): WebAssembly.Memory | undefined {
    return this.#export("heap") as WebAssembly.Memory | undefined;
  }

  /** The functions that stand in place of the allocator's, as the instance calls them. */
  get switches(): Partial<Record<EntryName, CallableFunction>> {
    return Object.fromEntries(this.#entries.map(({ name }) => [name, this.#export(name) as CallableFunction]));
  }

  /** The allocator that the instance has itself. */
  get originals(): Originals {
    return Object.fromEntries(
      this.#entries.map(({ name }) => [name, this.#export(`original.${name}`) as Originals[string]]),
    );
  }

  /** The globals of code of ours, if there is any. */
  get controls(): Controls | undefined {
    if (this.#export("memory") === undefined) return undefined;
    return Object.fromEntries(GLOBALS.map(({ name }) => [name, this.#export(name)])) as Controls;
  }

  /** A ledger: in the memory of code of ours, or else one of its own. `shift`: see there. */
  ledger(shift: number): Ledger {
    const memory = this.#export("memory") ?? new WebAssembly.Memory({ initial: TABLE / 65536, maximum: 65536 });
    return new Ledger(memory as WebAssembly.Memory, shift);
  }

  /** From now on, what the switches do not do themselves is done by these functions. */
  serve(functions: Readonly<Record<string, unknown>>): void {
    this.connect(thunks(this.#entries.map((entry) => ({ ...entry, f: functions[entry.name] }))));
  }

  /** Puts functions of WebAssembly into the table. Where there is none for an entry, it stays as it is. */
  connect(functions: Partial<Record<EntryName, CallableFunction>>): void {
    const table = this.#export("table") as WebAssembly.Table;
    this.#entries.forEach(({ name }, i) => functions[name] && table.set(i, functions[name]));
  }

  #export(name: string): unknown {
    return this.#exports[PREFIX + name];
  }
}

/** What an adapter does for a switchboard. What the guest's own allocator calls of itself, while it is at work, goes to itself. */
export function functionsOf(adapter: Adapter): Record<EntryName, (...args: number[]) => number | void> {
  const c = cFunctions(adapter), { own } = adapter, { functions: originals } = own, { malloc, realloc } = originals;
  const served = Object.fromEntries(
    Object.entries(c).map(([name, f]: [string, (...args: number[]) => number]) => [
      name,
      (...args: number[]) => own.inside ? originals[name]!(...args) : f(...args),
    ]),
  ) as Record<EntryName, (...args: number[]) => number | void>;
  return {
    ...served,
    malloc: (size) => own.inside ? malloc!(size) : adapter.late(size >>> 0) || c.malloc(size),
    realloc: (p, size) => {
      if (own.inside) return realloc!(p, size);
      if (p === 0) return adapter.late(size >>> 0) || c.malloc(size);
      return adapter.isOriginal(p >>> 0) ? adapter.reallocate(p >>> 0, size >>> 0) : c.realloc(p, size);
    },
  };
}

// As they are: `intercept` puts others in their place
const { Module, Instance } = WebAssembly;

/** JavaScript functions as functions of WebAssembly, which is what fits into a table. */
function thunks(list: readonly (Entry & { f: unknown })[]): Record<string, CallableFunction> {
  const types = new Writer().u32(list.length), imports = new Writer().u32(list.length);
  const exports = new Writer().u32(list.length);
  list.forEach(({ name, type }, i) => {
    writeType(types, type);
    imports.name("region").name(name).byte(0x00).u32(i);
    exports.name(name).byte(0x00).u32(i);
  });
  const module = new Writer().piece(HEADER)
    .section(SECTION.type, types).section(SECTION.import, imports).section(SECTION.export, exports)
    .section(SECTION.custom, new Writer().name("name").byte(0).sized(new Writer().name("region:adapter")));
  const functions = Object.fromEntries(list.map(({ name, f }) => [name, f as WebAssembly.ImportValue]));
  return new Instance(new Module(module.bytes()), { region: functions }).exports as Record<string, CallableFunction>;
}
