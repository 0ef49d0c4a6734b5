/**
 * Allocators for modules that import theirs: a module of WebAssembly that does for them what the code in place of a guest's own
 * allocator does, over their memory.
 *
 * It is made of one whose `malloc` and its like do nothing, by rewriting that as a guest is rewritten.
 *
 * @module
 */

import { type EntryName, SIGNATURES, wasmType } from "../abi/spellings.ts";
import { type Entry, Switchboard } from "./switchboard.ts";
import { type Body, graftable, groundwork, replacing } from "./switches.ts";
import { writeType } from "../wasm/assemble.ts";
import { Writer } from "../wasm/bytes.ts";
import { HEADER, parseModule, SECTION } from "../wasm/module.ts";
import { rewrite } from "../wasm/rewrite.ts";

/** The functions that it has: those that can be served without leaving WebAssembly, mostly. */
const NAMES: readonly EntryName[] = ["malloc", "free", "calloc", "realloc"];

const ENTRIES: readonly Entry[] = NAMES.map((name) => ({ name, type: wasmType(SIGNATURES[name]) }));

/** The allocator over a memory, one for each; undefined if there can be none: if the memory is shared between threads. */
export function standIn(memory: WebAssembly.Memory): Switchboard | undefined {
  if (!graftable() || !(memory.buffer instanceof ArrayBuffer)) return undefined;
  let board = boards.get(memory);
  if (board === undefined) {
    over ??= moduleOf(true);
    boards.set(memory, board = new Switchboard(new Instance(over, { region: { memory } }), ENTRIES));
  }
  return board;
}

const boards: WeakMap<WebAssembly.Memory, Switchboard> = new WeakMap();

/** Functions that call those of another, once it is connected: for a module whose memory is not there yet. */
export function forwarders(): Switchboard {
  nowhere ??= moduleOf(false);
  return new Switchboard(new Instance(nowhere), ENTRIES);
}

// As they are: `intercept` puts others in their place
const { Module, Instance } = WebAssembly;

let over: WebAssembly.Module | undefined, nowhere: WebAssembly.Module | undefined;

function moduleOf(serving: boolean): WebAssembly.Module {
  const empty = parseModule(without(serving));
  const bodies = replacing as Readonly<Record<string, (element: number) => Body>>;
  const { bytes } = rewrite(empty, {
    switches: ENTRIES.map(({ name }, i) => ({ name, index: i, body: serving ? bodies[name](i) : undefined })),
    ...groundwork(serving),
    exports: serving ? [{ name: "heap", kind: "memory", index: 0 }] : [],
    moduleName: "region:allocator",
  });
  return new Module(bytes);
}

/** A module whose allocator does nothing. */
function without(memory: boolean): Uint8Array {
  const types = new Writer().u32(ENTRIES.length), functions = new Writer().u32(ENTRIES.length);
  const code = new Writer().u32(ENTRIES.length);
  ENTRIES.forEach(({ type }, i) => {
    writeType(types, type);
    functions.u32(i);
    code.sized(new Writer().byte(0x00, 0x00, 0x0b)); // unreachable
  });
  const w = new Writer().piece(HEADER).section(SECTION.type, types);
  if (memory) {
    w.section(SECTION.import, new Writer().u32(1).name("region").name("memory").byte(0x02, 0x00).u32(0));
  }
  return w.section(SECTION.function, functions).section(SECTION.code, code).bytes();
}
