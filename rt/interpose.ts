/**
 * Putting a Region stack in the place of the allocator that a WebAssembly module has, or imports.
 *
 * @module
 */

import { show } from "../errors.ts";
import { Heap, heap as defaultHeap, type Ptr } from "../heap.ts";
import type { AnyLayer } from "../layer.ts";
import { coalesce } from "../layers/coalesce.ts";
import { mmap } from "../layers/system/mmap.ts";
import { type AnyAllocator, ground, init } from "../region.ts";
import { Adapter, type Originals } from "./adapter.ts";
import { allocatorImports } from "./allocator_imports.ts";
import type { Blocks } from "./blocks.ts";
import { type CFunctions, cFunctions } from "./c_functions.ts";
import { type Entries, type EntryName, findEntries, type Names } from "./entries.ts";
import { front } from "./front.ts";
import { Guest } from "./guest.ts";
import { findHidden } from "./hidden.ts";
import { Ledger, TABLE } from "./ledger.ts";
import { original } from "./original.ts";
import { type Body, type Controls, GLOBALS, replacing, watching } from "./switches.ts";
import { moduleKey, registerModule, type Symbols, symbolsOf } from "./symbols.ts";
import { bytesOf, WasmError, Writer } from "./wasm/bytes.ts";
import { type FuncType, parseModule, SECTION, type WasmModule } from "./wasm/module.ts";
import { PREFIX, rewrite, type Rewritten } from "./wasm/rewrite.ts";
import { calleesOf } from "./wasm/thunk.ts";
import { typeCode } from "./wasm/assemble.ts";

/** How the allocator of a guest is dealt with. */
export type Mode = "imports" | "watch" | "replace";

/** How a module is made a guest. */
export interface GuestOptions {
  /** What the module imports, without the functions of an allocator that it imports. */
  imports?: WebAssembly.Imports;
  /**
   * `"imports"`: the module imports an allocator, which is served by the current region. `"watch"`: it has one of its own, which
   * goes on to serve it, below layers that look on. `"replace"`: it has one, in place of which it is served by the current
   * region. Default: `"imports"` if it imports `malloc`, else `"watch"`.
   */
  allocator?: Mode;
  /** Where functions of the allocator are that have no such names: exports, names of the name section, or indices. */
  names?: Names;
  /**
   * What serves the guest where no region on its heap is entered, over the layer that would: its own allocator if it is watched,
   * else pages of its memory with `coalesce` and lists of free blocks over them. Default: that layer.
   */
  stack?: (bottom: AnyLayer) => AnyLayer;
  /** What the guest is called in reports. Default: "guest". */
  name?: string;
  /** First address in bytes behind its data and stack, if the module does not say. Only where it imports its allocator. */
  heapBase?: number;
  /** Its memory, if it imports several. */
  memory?: WebAssembly.Memory;
  /** What is known of where its functions come from. */
  symbols?: Symbols;
  /** Parts of URLs of JavaScript that belongs to it, whose calls come behind the user's in reports. */
  glue?: readonly string[];
}

const OPTIONS = ["imports", "allocator", "names", "stack", "name", "heapBase", "memory", "symbols", "glue"];
const MODES: readonly Mode[] = ["imports", "watch", "replace"];

/** A module that has been made ready to be a guest. */
export interface Interposed {
  /** The binary. Without {@linkcode Interposed.attach} it does what the one before did. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How its allocator is dealt with. */
  readonly mode: Mode;
  /** The functions of the allocator that were found. */
  readonly entries: Entries;
  /** Where an instruction was in the binary before, by where it is now, in bytes; -1 for one that is new. */
  moved(offset: number): number;
  /**
   * The import object to instantiate it with, where it imports its allocator: what is given, and the functions of that.
   * Each such object is for one instance.
   */
  imports(given?: WebAssembly.Imports): WebAssembly.Imports;
  /** Begins to serve an instance of the binary. `imports`: what it was instantiated with. */
  attach(instance: WebAssembly.Instance, imports?: WebAssembly.Imports): Guest;
}

/**
 * Makes a WebAssembly binary ready to be served by Region stacks, in time that is linear in its size.
 *
 * Throws a `WasmError` if it is none, or its allocator cannot be dealt with in that way: the message says why, and what could be
 * done. A `TypeError` or `RangeError` if the options are wrong.
 */
export function interpose(source: BufferSource, options: GuestOptions = {}): Interposed {
  const { names = {}, name = "guest", symbols, glue } = checked(options);
  const module = parseModule(bytesOf(source)), entries = findEntries(module, names);
  const mode = options.allocator ?? (entries.found.has("malloc") || entries.imported.size === 0 ? "watch" : "imports");
  assertCan(module, entries, mode);

  const switches = mode === "imports" ? [] : switchesOf(entries);
  const grafted = switches.length > 0 && knowsSeveralMemories();
  const key = moduleKey(name, module.bytes, `${mode} ${grafted} ${switches.map(({ index }) => index)}`);
  const rewritten: Rewritten = rewrite(module, {
    switches: switches.map(({ name, index }, i) => ({
      name,
      index,
      body: grafted ? bodyOf(module, entries, mode, name, i) : undefined,
    })),
    globals: grafted ? GLOBALS : [],
    memory: grafted ? TABLE / 65536 : undefined,
    exports: module.memories.length > 0 ? [{ name: "heap", kind: "memory", index: 0 }] : [],
    moduleName: key,
  });
  registerModule({
    key,
    symbols: symbolsOf(module, symbols, name),
    moved: rewritten.moved,
    ...(glue && { glue }),
  });
  const types = switches.map(({ index }) => module.types[module.functions[index]]!);
  const base = heapBaseOf(module);
  const pending = new WeakMap<WebAssembly.Imports, Served>();

  return {
    bytes: rewritten.bytes,
    mode,
    entries,
    moved: rewritten.moved,
    imports: (given = options.imports ?? {}) => {
      if (mode !== "imports") return given;
      const served = new Served(name), imports = merged(given, allocatorImports(module, served));
      pending.set(imports, served);
      return imports;
    },
    attach: (instance, imports = {}) => {
      const exports = instance.exports as Record<string, unknown>;
      const memory = options.memory ?? exports[`${PREFIX}heap`] as WebAssembly.Memory | undefined;
      if (memory === undefined) throw new TypeError(`Cannot attach to the guest ${name}: it has no memory`);
      const other = adapters.get(memory);
      const adapter = other ?? adapterFor(exports, memory, imports);
      if (mode === "imports") {
        const served = pending.get(imports);
        if (served === undefined) {
          throw new TypeError(`Cannot attach to the guest ${name}: it was not given its imports()`);
        }
        served.blocks = adapter;
      } else fill(exports[`${PREFIX}table`] as WebAssembly.Table, adapter);
      if (other === undefined) {
        const bottom = bottomOf(adapter);
        adapter.start(memory === defaultMemory() ? ground() : groundOf(adapter, bottom));
        adapters.set(memory, adapter);
      }
      return new Guest(name, instance, memory, adapter, bottomOf(adapter));
    },
  };

  function adapterFor(
    exports: Record<string, unknown>,
    memory: WebAssembly.Memory,
    imports: WebAssembly.Imports,
  ): Adapter {
    const originals: Originals = Object.fromEntries(
      [...entries.found].map(([entry, { index }]) => {
        const { name } = switches.find((s) => s.index === index) ?? { name: entry };
        return [entry, exports[`${PREFIX}original.${name}`] as Originals[string]];
      }),
    );
    const controls = grafted
      ? Object.fromEntries(GLOBALS.map(({ name }) => [name, exports[PREFIX + name]])) as Controls
      : undefined;
    const own = grafted ? exports[`${PREFIX}memory`] as WebAssembly.Memory : newMemory();
    const ledger = new Ledger(own, mode === "watch" ? 3 : 4);
    const heap: Heap = heapOn(
      memory,
      mode === "imports" ? undefined : (bytes) => adapter.more(bytes),
      imports,
      exports,
    );
    const adapter = new Adapter(name, heap, memory, originals, ledger, controls, mode === "watch");
    return adapter;
  }

  /** The heap of a guest: what its own allocator gives for it, or its memory from where it is free. */
  function heapOn(
    memory: WebAssembly.Memory,
    more: ((bytes: number) => Ptr) | undefined,
    imports: WebAssembly.Imports,
    exports: Record<string, unknown>,
  ): Heap {
    const start = options.heapBase ?? base ?? globalValue(exports.__heap_base);
    if (memory === defaultMemory()) {
      if ((start ?? Infinity) <= defaultHeap.start) return defaultHeap;
      throw new RangeError(
        `Cannot attach to the guest ${name}: its data and stack lie where the default heap begins, at ${defaultHeap.start}`,
      );
    }
    if (more !== undefined) return new Heap({ memory, more });
    const resize = resizerOf(module, imports);
    return new Heap({
      memory,
      ...(start !== undefined && { start }),
      ...(resize && { more: (bytes) => grownBy(memory, bytes, resize) }),
    });
  }

  function bottomOf(adapter: Adapter): AnyLayer {
    if (mode === "watch") return original(adapter.heap);
    return front(coalesce(mmap(adapter.heap)));
  }

  function groundOf(adapter: Adapter, bottom: AnyLayer): AnyAllocator {
    const layer = options.stack?.(bottom) ?? bottom;
    if (layer.heap !== adapter.heap) {
      throw new TypeError(`Cannot attach to the guest ${name}: stack must be over the layer that it is given`);
    }
    const a = init(layer) as AnyAllocator;
    a._enter(undefined);
    return a;
  }

  /** Puts the library's functions into the table of a guest. */
  function fill(table: WebAssembly.Table, adapter: Adapter): void {
    const served = servedBy(adapter);
    const functions = thunks(switches.map(({ name }, i) => ({ name, type: types[i], f: served[name] })));
    switches.forEach(({ name }, i) => table.set(i, functions[name]));
  }
}

/** The adapter of each memory that a guest lies in. */
const adapters: WeakMap<WebAssembly.Memory, Adapter> = new WeakMap();

/** Functions of the table, by the names of entries. */
function servedBy(adapter: Adapter): Record<EntryName, (...args: number[]) => number | void> {
  const c = cFunctions(adapter), { originals } = adapter;
  const served = Object.fromEntries(
    Object.entries(c).map(([name, f]) => [
      name,
      (...args: number[]) => adapter.inside ? originals[name]!(...args) : (f as (...args: number[]) => number)(...args),
    ]),
  ) as Record<EntryName, (...args: number[]) => number | void>;
  const malloc = originals.malloc!, free = originals.free!, { realloc } = c;
  return {
    ...served,
    malloc: (size) => adapter.inside ? malloc(size) : adapter.late(size >>> 0) || c.malloc(size),
    free: (p) => {
      if (adapter.inside) free(p);
      else if (p === 0) adapter.tidy();
      else c.free(p);
    },
    realloc: (p, size) => {
      if (adapter.inside) return originals.realloc!(p, size);
      return adapter.isOriginal(p >>> 0) ? adapter.reallocate(p >>> 0, size >>> 0) : realloc(p, size);
    },
  };
}

/** Blocks for what a module imports, which are there once its memory is. */
class Served implements Blocks {
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

function checked(options: GuestOptions): GuestOptions {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot make a guest: expected options, got ${show(options)}`);
  }
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot make a guest: expected options among ${OPTIONS.join(", ")}, got ${show(unknown)}`);
  }
  const { allocator, stack, memory, name } = options;
  if (allocator !== undefined && !MODES.includes(allocator)) {
    throw new TypeError(`Cannot make a guest: allocator must be one of ${MODES.join(", ")}, got ${show(allocator)}`);
  }
  if (stack !== undefined && typeof stack !== "function") {
    throw new TypeError(`Cannot make a guest: stack must be a function of the layer below, got ${show(stack)}`);
  }
  if (memory !== undefined && !(memory instanceof WebAssembly.Memory)) {
    throw new TypeError(`Cannot make a guest: memory must be a WebAssembly.Memory, got ${show(memory)}`);
  }
  if (name !== undefined && typeof name !== "string") {
    throw new TypeError(`Cannot make a guest: name must be a string, got ${show(name)}`);
  }
  return options;
}

/** Throws unless the allocator of a module can be dealt with in that way. */
function assertCan(module: WasmModule, entries: Entries, mode: Mode): void {
  const { found, imported, problems } = entries, why = problems.length > 0 ? `: ${problems.join("; ")}` : "";
  const refuse = (message: string): never => {
    throw new WasmError(`Cannot ${mode === "imports" ? "serve" : mode} the allocator of the module: ${message}`, 0);
  };
  if (module.memories.some(({ wide }) => wide)) refuse("addresses of 64 bits are not supported");
  if (mode === "imports") {
    if (imported.size === 0 && module.imports.every(({ kind }) => kind !== "func")) refuse(`it imports none${why}`);
    return;
  }
  for (const name of ["malloc", "free"] as const) {
    if (!found.has(name)) {
      refuse(`no ${name} was found among its exports and names${why}; names can say which function it is`);
    }
  }
  if (mode === "replace") {
    const { hidden, sure, why } = findHidden(module, entries);
    if (hidden.length > 0) {
      const list = hidden.map(({ index, looks, why }) =>
        `function ${index}${looks ? `, perhaps ${looks}` : ""} (${why})`
      );
      refuse(
        `what it serves itself would come to functions that were not found: ${
          list.join("; ")
        }; names can say what they are`,
      );
    }
    if (!sure && !found.has("realloc")) {
      refuse(`it may have a realloc that was not found, as ${why}; names can say which function it is`);
    }
  }
}

/** The functions that get a switch: one that is two entries gets one. */
function switchesOf({ found }: Entries): { name: EntryName; index: number }[] {
  const switches: { name: EntryName; index: number }[] = [];
  for (const [name, { index }] of found) if (!switches.some((s) => s.index === index)) switches.push({ name, index });
  return switches;
}

/** The code in front of a function, where it can do something by itself. */
function bodyOf(
  module: WasmModule,
  { found }: Entries,
  mode: Mode,
  name: EntryName,
  element: number,
): Body | undefined {
  const bodies: Partial<Record<EntryName, (element: number) => Body>> = mode === "watch" ? watching : replacing;
  if (mode === "watch" && name === "malloc") {
    // What its malloc calls of its other functions would be counted, too
    const callees = calleesOf(module, found.get("malloc")!.index);
    for (const { index, name } of found.values()) if (name !== "malloc" && callees.has(index)) return undefined;
  }
  return bodies[name]?.(element);
}

let several: boolean | undefined;

/** Whether the engine knows modules with several memories. */
function knowsSeveralMemories(): boolean {
  return several ??= WebAssembly.validate(
    Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, SECTION.memory, 5, 2, 0, 0, 0, 0),
  );
}

function newMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: TABLE / 65536, maximum: 65536 });
}

function defaultMemory(): WebAssembly.Memory {
  return defaultHeap.memory;
}

/** First address behind data and stack, as far as the module says it itself. */
function heapBaseOf(module: WasmModule): number | undefined {
  const named = [...module.globalNames].find(([, name]) => name === "__heap_base")?.[0];
  const exported = module.exports.find(({ name, kind }) => name === "__heap_base" && kind === "global")?.index;
  const index = exported ?? named;
  return index === undefined ? undefined : module.globals[index]?.value;
}

function globalValue(global: unknown): number | undefined {
  return global instanceof WebAssembly.Global && typeof global.value === "number" ? global.value >>> 0 : undefined;
}

type Resize = (bytes: number) => number | boolean;

/** How Emscripten's modules ask for more memory, so that those who have views of it learn of that. */
function resizerOf(module: WasmModule, imports: WebAssembly.Imports): Resize | undefined {
  const one = module.imports.find(({ name, kind }) => name === "emscripten_resize_heap" && kind === "func");
  const f = one && imports[one.module]?.[one.name];
  return typeof f === "function" ? f as Resize : undefined;
}

function grownBy(memory: WebAssembly.Memory, bytes: number, resize: Resize): Ptr {
  const before = memory.buffer.byteLength;
  return before + bytes < 2 ** 32 && resize(before + bytes) ? before : 0;
}

/** Imports with more behind. */
function merged(given: WebAssembly.Imports, more: WebAssembly.Imports): WebAssembly.Imports {
  const all: WebAssembly.Imports = { ...given };
  for (const [module, values] of Object.entries(more)) all[module] = { ...given[module], ...values };
  return all;
}

/** JavaScript functions as functions of WebAssembly, which is what fits into a table. */
function thunks(list: readonly { name: string; type: FuncType; f: unknown }[]): Record<string, CallableFunction> {
  const types = new Writer().u32(list.length),
    imports = new Writer().u32(list.length),
    exports = new Writer().u32(list.length);
  list.forEach(({ name, type: { params, results } }, i) => {
    types.byte(0x60).u32(params.length).byte(...params.map(typeCode)).u32(results.length).byte(
      ...results.map(typeCode),
    );
    imports.name("region").name(name).byte(0x00).u32(i);
    exports.name(name).byte(0x00).u32(i);
  });
  const module = new Writer().byte(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
    .section(SECTION.type, types).section(SECTION.import, imports).section(SECTION.export, exports)
    .section(SECTION.custom, new Writer().name("name").byte(0).sized(new Writer().name("region:adapter")));
  const functions = Object.fromEntries(list.map(({ name, f }) => [name, f as WebAssembly.ImportValue]));
  return new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), { region: functions }).exports as Record<
    string,
    CallableFunction
  >;
}

export type { AnyAllocator, CFunctions };
