/**
 * The instructions of a function, one after the other, with as much of what follows them as it takes to see whom it calls and
 * which memory it touches.
 *
 * Everything that engines accept today is known: integers and floats, references, SIMD, threads, tail calls, exceptions of both
 * kinds, garbage collection, several memories, and those of 64 bits. Nothing is checked but what it takes to find the next one.
 *
 * Costs: O(bytes), no allocation per instruction.
 *
 * @module
 */

import { Instructions } from "./immediates.ts";
import type { WasmModule } from "./module.ts";
import { readValueType } from "./types.ts";

/** Opcodes; those behind a prefix are `prefix << 16 | number`. */
export const OP = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  drop: 0x1a,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Load: 0x28,
  i32Load8U: 0x2d,
  i32Store: 0x36,
  i64Store32: 0x3e,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32And: 0x71,
  refFunc: 0xd2,
  memoryCopy: 0xfc000a,
  memoryFill: 0xfc000b,
} as const;

/**
 * Called for each instruction, the last `end` included.
 *
 * @param op Its opcode: see {@linkcode OP}
 * @param a What follows it: the index of a function, local, global or label; the type of an indirect call; a constant of 32
 * bits, signed; of a load or store the offset in bytes. 0 of others
 * @param b The table of an indirect call, the memory of a load or store. 0 of others
 * @param at Where it is in the file, in bytes
 */
export type Visit = (op: number, a: number, b: number, at: number) => void;

/** Goes through the body of function `index`. Does nothing for one that is imported. Throws a {@linkcode WasmError} as {@linkcode walk} does. */
export function walkFunction(module: WasmModule, index: number, visit: Visit): void {
  const body = module.bodies[index - module.importedFunctions];
  if (body !== undefined) walk(module.bytes, body[0], body[1], visit);
}

/** Loads and stores: those from 0x28 to 0x3e, of SIMD, and of threads. */
export function touchesMemory(op: number): boolean {
  return (op >= 0x28 && op <= 0x3e) || (op >= 0xfd0000 && op <= 0xfd000b) || (op >= 0xfd0054 && op <= 0xfd005d) ||
    (op >= 0xfe0000 && op !== 0xfe0003);
}

/**
 * Goes through a body, which lies from `start` up to `end` with its locals in front.
 *
 * Throws a {@linkcode WasmError} at an instruction that is not known, and if the last `end` is not where the body ends.
 */
export function walk(bytes: Uint8Array, start: number, end: number, visit: Visit): void {
  const r = new Instructions(bytes, start, end);
  for (let n = r.count("locals", 2); n > 0; n--) {
    r.u32();
    readValueType(r);
  }
  while (r.depth > 0) {
    const at = r.at, op = r.next();
    visit(op, r.a, r.b, at);
  }
  if (!r.done) r.fail("there is code behind the end of a function");
}
