/**
 * What a module is instantiated with that imports its allocator.
 *
 * @module
 */

import type { Heap, Ptr } from "../../heap.ts";
import { allocatorImports } from "../abi/allocator_imports.ts";
import type { Blocks } from "../abi/blocks.ts";
import { cFunctions } from "../abi/c_functions.ts";
import type { EntryName } from "../abi/spellings.ts";
import { forwarders, standIn } from "./stand_in.ts";
import type { Switchboard } from "./switchboard.ts";
import { graftable } from "./switches.ts";
import type { WasmModule } from "../wasm/module.ts";

/** Functions that other names of them can be served by. */
const SAME: Readonly<Record<string, EntryName>> = {
  malloc: "malloc",
  free: "free",
  calloc: "calloc",
  realloc: "realloc",
  _ZdlPv: "free",
  _ZdaPv: "free",
};

/** The allocator for one instance, which is there once the memory is that it serves from. */
export class Supply {
  /** What to instantiate it with. */
  readonly imports: WebAssembly.Imports;
  /** Functions of WebAssembly that it calls in place of those over its memory, while that is not there. */
  readonly #forwarders: Switchboard | undefined;
  readonly #later: Later;

  /**
   * For an instance of a module, which imports these besides.
   *
   * @param memory The memory that it will have, if that is known
   */
  constructor(name: string, module: WasmModule, own: WebAssembly.Imports, memory: WebAssembly.Memory | undefined) {
    this.#later = new Later(name);
    const direct = memory === undefined ? undefined : standIn(memory);
    if (direct === undefined && graftable()) this.#forwarders = forwarders();
    const board = direct ?? this.#forwarders;
    if (board !== undefined && !board.served) board.serve({ ...cFunctions(this.#later) });
    const quick = board?.switches ?? {};
    const imports: WebAssembly.Imports = { ...own };
    for (const [from, functions] of Object.entries(allocatorImports(module, this.#later))) {
      const all: WebAssembly.ModuleImports = { ...own[from] };
      for (const [as, f] of Object.entries(functions)) {
        all[as] = (Object.hasOwn(SAME, as) ? quick[SAME[as]] as WebAssembly.ImportValue : undefined) ?? f;
      }
      imports[from] = all;
    }
    this.imports = imports;
  }

  /** Serves it from blocks, as far as possible by functions of WebAssembly. */
  connect(blocks: Blocks, functions: Partial<Record<EntryName, CallableFunction>>): void {
    this.#later.blocks = blocks;
    this.#forwarders?.connect(functions);
  }
}

/** Blocks that are there once the memory is that they lie in. */
class Later implements Blocks {
  blocks: Blocks | undefined;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  get heap(): Heap {
    return this.#there.heap;
  }
  get(size: number, align: number): Ptr {
    return this.#there.get(size, align);
  }
  put(p: Ptr): void {
    this.#there.put(p);
  }
  sizeOf(p: Ptr): number {
    return this.#there.sizeOf(p);
  }
  resize(p: Ptr, size: number): boolean {
    return this.#there.resize(p, size);
  }
  move(p: Ptr, old: number, size: number, align: number): Ptr {
    return this.#there.move(p, old, size, align);
  }

  get #there(): Blocks {
    if (this.blocks !== undefined) return this.blocks;
    throw new Error(`Cannot serve the guest ${this.#name} yet: it allocates while it is instantiated`);
  }
}
