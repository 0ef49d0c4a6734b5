/**
 * Beginning to serve an instance.
 *
 * @module
 */

import { show } from "../../errors.ts";
import { Heap, heap as defaultHeap, type Ptr } from "../../heap.ts";
import { type AnyLayer, isLayer } from "../../layer.ts";
import { coalesce } from "../../layers/coalesce.ts";
import { general } from "../../layers/ready.ts";
import { stats } from "../../layers/stats.ts";
import { mmap } from "../../layers/system/mmap.ts";
import { type AnyAllocator, ground, init } from "../../region.ts";
import { Adapter } from "./adapter.ts";
import { front } from "./front.ts";
import { Guest } from "./guest.ts";
import type { GuestOptions, Mode } from "./interpose.ts";
import { heapBaseOf } from "../inspect/inspect.ts";
import { original } from "./original.ts";
import type { EntryName } from "../abi/spellings.ts";
import { standIn } from "./stand_in.ts";
import type { Supply } from "./supply.ts";
import { functionsOf, type Switchboard } from "./switchboard.ts";
import type { WasmModule } from "../wasm/module.ts";

/** What is known of a guest before it is there. */
export interface Plan {
  /** The module as it was. */
  readonly module: WasmModule;
  /** How its allocator is dealt with. */
  readonly mode: Mode;
  /** What it is called. */
  readonly name: string;
  /** What its user wants. */
  readonly options: GuestOptions;
  /** Functions of its allocator that call others of it. */
  readonly nested: ReadonlySet<EntryName>;
  /** Why it must not be handed other blocks than its own allocator's, if it must not. Takes its time. */
  missing(): string | undefined;
}

/** What serves in a memory. */
interface Service {
  readonly adapter: Adapter;
  readonly board: Switchboard | undefined;
  readonly bottom: AnyLayer;
}

const services: WeakMap<WebAssembly.Memory, Service> = new WeakMap();
const served: WeakSet<WebAssembly.Instance> = new WeakSet();

/**
 * Begins to serve an instance. One that imports its allocator is served by what serves in its memory already, as a side module
 * is by what serves the main one; one that has its own is served apart.
 *
 * @param board Its switches
 * @param imports What it was instantiated with
 * @param supply Its allocator, if it imports that
 */
export function attach(
  plan: Plan,
  instance: WebAssembly.Instance,
  board: Switchboard,
  imports: WebAssembly.Imports,
  supply: Supply | undefined,
): Guest {
  const { name, mode, options } = plan, memory = options.memory ?? board.heap;
  if (served.has(instance)) throw new Error(`Cannot attach to the guest ${name}: this instance is served already`);
  if (mode !== "imports" && !board.complete) {
    throw new TypeError(`Cannot attach to the guest ${name}: it is no instance of the module that was interposed`);
  }
  if (memory === undefined) throw new TypeError(`Cannot attach to the guest ${name}: it has no memory`);
  const before = mode === "imports" ? services.get(memory) : undefined;
  const service = before ?? serviceFor(plan, memory, instance, board, imports), { adapter, bottom } = service;
  if (!services.has(memory)) services.set(memory, service);
  served.add(instance);
  if (supply === undefined) board.serve(functionsOf(adapter));
  else supply.connect(adapter, service.board?.switches ?? {});
  return new Guest(name, instance, memory, adapter, bottom, before === undefined);
}

function serviceFor(
  plan: Plan,
  memory: WebAssembly.Memory,
  instance: WebAssembly.Instance,
  own: Switchboard,
  imports: WebAssembly.Imports,
): Service {
  const { mode, name } = plan, watched = mode === "watch";
  const heap = heapOn(plan, memory, imports, instance.exports, () => adapter);
  const board = mode === "imports" ? standIn(memory) : own;
  const controls = board?.controls, originals = mode === "imports" ? {} : own.originals;
  const ledger = (board ?? own).ledger(watched ? 3 : 4);
  const adapter = new Adapter(name, heap, memory, originals, ledger, controls, watched, {
    nested: plan.nested,
    missing: plan.missing,
    dataEnd: plan.module.dataEnd,
  });
  // Lists are for code in the guest: from here they are slower than what is made for here
  const bottom: AnyLayer = watched
    ? original(heap)
    : controls === undefined
    ? stats(general(heap))
    : front(coalesce(mmap(heap)));
  adapter.start(heap === defaultHeap ? ground() : groundOf(plan, heap, bottom));
  if (mode === "imports" && board !== undefined) {
    board.serve(functionsOf(adapter));
    board.served = true;
  }
  return { adapter, board, bottom };
}

function groundOf({ name, options }: Plan, heap: Heap, bottom: AnyLayer): AnyAllocator {
  const layer = options.stack === undefined ? bottom : options.stack(bottom);
  if (!isLayer(layer) || layer.heap !== heap) {
    const got = isLayer(layer) ? "one on another heap" : show(layer);
    throw new TypeError(
      `Cannot attach to the guest ${name}: stack must return a layer over the one it is given, got ${got}`,
    );
  }
  const a = init(layer) as AnyAllocator;
  a._enter(undefined);
  return a;
}

/** The heap of a guest: what its own allocator gives for it, or its memory from where it is free. */
function heapOn(
  { module, mode, name, options }: Plan,
  memory: WebAssembly.Memory,
  imports: WebAssembly.Imports,
  exports: WebAssembly.Exports,
  adapter: () => Adapter,
): Heap {
  const { heapBase } = options, start = heapBase ?? heapBaseOf(module).value ?? valueOf(exports.__heap_base);
  if (heapBase !== undefined && heapBase < module.dataEnd) {
    throw new RangeError(
      `Cannot attach to the guest ${name}: heapBase must be ${module.dataEnd} at least, where its data ends, got ${heapBase}`,
    );
  }
  if (memory === defaultHeap.memory) {
    if (mode !== "imports") {
      throw new RangeError(
        `Cannot attach to the guest ${name}: its own allocator would serve from the memory of the default heap, too`,
      );
    }
    const moved = module.imports.some(({ kind, name }) => kind === "global" && name === "__memory_base");
    if (moved || (start !== undefined && start <= defaultHeap.start)) return defaultHeap;
    const why = start === undefined
      ? "heapBase must say where its data and stack end"
      : `its data and stack end at ${start}`;
    throw new RangeError(
      `Cannot attach to the guest ${name}: ${why}, as the default heap begins at ${defaultHeap.start}`,
    );
  }
  if (mode !== "imports") return new Heap({ memory, more: (bytes) => adapter().more(bytes) });
  const resize = resizerOf(module, imports);
  return new Heap({
    memory,
    ...(start !== undefined && { start }),
    more: (bytes) => {
      const p = resize === undefined ? grown(memory, bytes) : grownBy(memory, bytes, resize);
      if (p !== 0) adapter().cover();
      return p;
    },
  });
}

function valueOf(global: unknown): number | undefined {
  return global instanceof WebAssembly.Global && typeof global.value === "number" ? global.value >>> 0 : undefined;
}

const WASM_PAGE = 65536;

/** Where a memory has grown by so many bytes, or 0. */
function grown(memory: WebAssembly.Memory, bytes: number): Ptr {
  try {
    return memory.grow(Math.ceil(bytes / WASM_PAGE)) * WASM_PAGE;
  } catch {
    return 0;
  }
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
