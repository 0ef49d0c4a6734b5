/**
 * Putting a Region stack in the place of the allocator that a WebAssembly module has, or imports.
 *
 * @module
 */

import { ADDRESS_SPACE, assertInteger, show } from "../../errors.ts";
import type { AnyLayer } from "../../layer.ts";
import { isAllocatorImport } from "../abi/allocator_imports.ts";
import { attach, type Plan } from "./attach.ts";
import { type Entries, type EntryName, findEntries, type Names } from "../inspect/entries.ts";
import type { Guest } from "./guest.ts";
import { findHidden } from "../inspect/hidden.ts";
import { Supply } from "./supply.ts";
import { Switchboard } from "./switchboard.ts";
import { type Body, graftable, groundwork, replacing, watching } from "./switches.ts";
import { moduleKey, registerModule, type Symbols, symbolsOf } from "../symbols/symbols.ts";
import { bytesOf, WasmError } from "../wasm/bytes.ts";
import { parseModule, type WasmModule } from "../wasm/module.ts";
import { rewrite, type Rewritten } from "../wasm/rewrite.ts";
import { reachedFrom } from "../wasm/thunk.ts";

/** How the allocator of a guest is dealt with. */
export type Mode = "imports" | "watch" | "replace";

/** How a module is made a guest. */
export interface GuestOptions {
  /** What the module imports, without the functions of an allocator that it imports. */
  imports?: WebAssembly.Imports | undefined;
  /**
   * `"imports"`: the module imports an allocator, which is served by the current region. `"watch"`: it has one of its own, which
   * goes on to serve it, below layers that look on. `"replace"`: it has one, in place of which it is served by the current
   * region. Default: `"imports"` if it imports an allocator and has no `malloc` itself, else `"watch"`.
   */
  allocator?: Mode | undefined;
  /** Where functions of the allocator are that have no such names: exports, names of the name section, or indices. */
  names?: Names | undefined;
  /**
   * What serves the guest where no region on its heap is entered, over the layer that would: its own allocator if it is watched,
   * else pages of its memory with `coalesce` and lists of free blocks over them. Default: that layer.
   */
  stack?: ((bottom: AnyLayer) => AnyLayer) | undefined;
  /** What the guest is called in reports. Default: "guest". */
  name?: string | undefined;
  /** First address in bytes behind its data and stack, if the module does not say. Only where it imports its allocator. */
  heapBase?: number | undefined;
  /** Its memory, if it imports several. */
  memory?: WebAssembly.Memory | undefined;
  /** What is known of where its functions come from. */
  symbols?: Symbols | undefined;
  /** Parts of URLs of JavaScript that belongs to it, whose calls come behind the user's in reports. */
  glue?: readonly string[] | undefined;
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
 *
 * @example
 * ```ts
 * import { interpose } from "./interpose.ts";
 *
 * // (module (memory (export "memory") 1) (func (export "malloc") ...) (func (export "free") ...))
 * const bytes = Uint8Array.of(
 *   0, 97, 115, 109, 1, 0, 0, 0, 1, 10, 2, 96, 1, 127, 1, 127, 96, 1, 127, 0, 3, 3, 2, 0, 1, 5, 3, 1, 0, 1, 7, 26, 3, 6,
 *   109, 101, 109, 111, 114, 121, 2, 0, 6, 109, 97, 108, 108, 111, 99, 0, 0, 4, 102, 114, 101, 101, 0, 1, 10, 10, 2, 5, 0,
 *   65, 128, 8, 11, 2, 0, 11,
 * );
 * const plan = interpose(bytes);
 * const g = plan.attach(new WebAssembly.Instance(new WebAssembly.Module(plan.bytes)));
 * console.log(g.gauge().nalloc); // 0
 * ```
 */
export function interpose(source: BufferSource, options: GuestOptions = {}): Interposed {
  const { names = {}, name = "guest", symbols, glue } = checked(options);
  const module = parseModule(bytesOf(source)), entries = findEntries(module, names);
  const mode = options.allocator ?? (entries.found.has("malloc") || !importsAllocator(module) ? "watch" : "imports");
  assertCan(module, entries, mode);

  const switches = mode === "imports" ? [] : switchesOf(entries);
  const grafted = switches.length > 0 && graftable();
  const nested = mode === "imports" ? new Set<EntryName>() : nestedIn(module, entries);
  const key = moduleKey(name, module.bytes, `${mode} ${grafted} ${switches.map(({ index }) => index)}`);
  const rewritten: Rewritten = rewrite(module, {
    switches: switches.map(({ name, index }, i) => ({
      name,
      index,
      // What its malloc and free call of its other functions would be counted, too
      body: grafted && (mode === "replace" || nested.size === 0) ? bodyOf(mode, name, i) : undefined,
    })),
    ...groundwork(grafted),
    exports: module.memories.length > 0 ? [{ name: "heap", kind: "memory", index: 0 }] : [],
    moduleName: key,
  });
  registerModule({
    key,
    symbols: symbolsOf(module, symbols, name),
    moved: rewritten.moved,
    ...(glue && { glue }),
  });
  const types = switches.map(({ name, index }) => ({ name, type: module.types[module.functions[index]]! }));
  const missing = mode === "watch" ? () => missingOf(module, entries) : () => undefined;
  const plan: Plan = { module, mode, name, options, nested, missing };
  const given = new WeakMap<WebAssembly.Imports, Supply>();

  return {
    bytes: rewritten.bytes,
    mode,
    entries,
    moved: rewritten.moved,
    imports: (own = options.imports ?? {}) => {
      if (mode !== "imports") return own;
      const supply = new Supply(name, module, own, options.memory ?? importedMemory(module, own));
      given.set(supply.imports, supply);
      return supply.imports;
    },
    attach: (instance, imports = {}) => {
      if (!(instance instanceof WebAssembly.Instance)) {
        throw new TypeError(`Cannot attach to the guest ${name}: expected an instance of it, got ${show(instance)}`);
      }
      const supply = given.get(imports);
      if (mode === "imports" && supply === undefined) {
        throw new TypeError(`Cannot attach to the guest ${name}: it was not instantiated with imports() of its own`);
      }
      const g = attach(plan, instance, new Switchboard(instance, types), imports, supply);
      given.delete(imports);
      return g;
    },
  };
}

/** The options, or an error that says what is wrong with them. */
export function checked(options: GuestOptions): GuestOptions {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot make a guest: expected options, got ${show(options)}`);
  }
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot make a guest: expected options among ${OPTIONS.join(", ")}, got ${show(unknown)}`);
  }
  const { allocator, stack, memory, name, heapBase, glue } = options;
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
  for (const option of ["imports", "names", "symbols"] as const) {
    const value = options[option];
    if (value !== undefined && (typeof value !== "object" || value === null)) {
      throw new TypeError(`Cannot make a guest: ${option} must be an object, got ${show(value)}`);
    }
  }
  if (glue !== undefined && !(Array.isArray(glue) && glue.every((part) => typeof part === "string"))) {
    throw new TypeError(`Cannot make a guest: glue must be an array of strings, got ${show(glue)}`);
  }
  if (heapBase !== undefined) assertInteger("make a guest", "heapBase, in bytes,", heapBase, 0, ADDRESS_SPACE - 1);
  return options;
}

/** The memory that a module imports, if it is there. */
function importedMemory(module: WasmModule, imports: WebAssembly.Imports): WebAssembly.Memory | undefined {
  const one = module.imports.find(({ kind }) => kind === "memory"), memory = one && imports[one.module]?.[one.name];
  return memory instanceof WebAssembly.Memory ? memory : undefined;
}

function importsAllocator({ imports }: WasmModule): boolean {
  return imports.some(({ kind, name }) => kind === "func" && isAllocatorImport(name));
}

/** Throws unless the allocator of a module can be dealt with in that way. */
function assertCan(module: WasmModule, entries: Entries, mode: Mode): void {
  const { found, problems } = entries, why = problems.length > 0 ? `: ${problems.join("; ")}` : "";
  const refuse = (message: string): never => {
    throw new WasmError(`Cannot ${mode === "imports" ? "serve" : mode} the allocator of the module: ${message}`, 0);
  };
  if (module.memories.some(({ wide }) => wide)) refuse("addresses of 64 bits are not supported");
  if (mode === "imports") {
    if (!importsAllocator(module)) refuse(`it imports none${why}`);
    return;
  }
  for (const name of ["malloc", "free"] as const) {
    if (!found.has(name)) {
      refuse(`no ${name} was found among its exports and names${why}; names can say which function it is`);
    }
  }
  const missing = mode === "replace" ? missingOf(module, entries) : undefined;
  if (missing !== undefined) refuse(missing);
}

/** Why blocks that its own allocator has not served could come to parts of that which were not found, if they could. */
function missingOf(module: WasmModule, entries: Entries): string | undefined {
  const { hidden, sure, why } = findHidden(module, entries);
  if (hidden.length > 0) {
    const list = hidden.map(({ index, looks, why }) =>
      `function ${index}${looks ? `, perhaps ${looks}` : ""} (${why})`
    );
    return `blocks that it has not served would come to functions that were not found: ${
      list.join("; ")
    }; names can say what they are`;
  }
  if (sure || entries.found.has("realloc")) return undefined;
  return `it may have a realloc that was not found, as ${why}; names can say which function it is`;
}

/** The functions that get a switch: one that is two entries gets one. */
function switchesOf({ found }: Entries): { name: EntryName; index: number }[] {
  const switches: { name: EntryName; index: number }[] = [];
  for (const [name, { index }] of found) if (!switches.some((s) => s.index === index)) switches.push({ name, index });
  return switches;
}

/** The code in front of a function, where it can do something by itself. */
function bodyOf(mode: Mode, name: EntryName, element: number): Body | undefined {
  const bodies: Partial<Record<EntryName, (element: number) => Body>> = mode === "watch" ? watching : replacing;
  return bodies[name]?.(element);
}

/** Whether malloc or free call others of an allocator's functions: which of the two. */
function nestedIn(module: WasmModule, { found }: Entries): Set<EntryName> {
  const nested = new Set<EntryName>();
  for (const name of ["malloc", "free"] as const) {
    const own = found.get(name)?.index, reached = own === undefined ? undefined : reachedFrom(module, own);
    if ([...found.values()].some(({ index }) => index !== own && reached?.has(index))) nested.add(name);
  }
  return nested;
}
