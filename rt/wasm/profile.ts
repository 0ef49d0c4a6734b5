/**
 * What a function does that tells allocators from other code: whom it calls, which fixed addresses it touches, and whether it
 * reads the word in front of a block.
 *
 * @module
 */

import { OP, touchesMemory, walkFunction } from "./code.ts";
import type { WasmModule } from "./module.ts";

/** What {@linkcode profile} tells. */
export interface Profile {
  /** Functions that it calls directly. */
  readonly callees: ReadonlySet<number>;
  /** Fixed addresses in bytes that it certainly touches, and mutable globals as `-1 - index`. */
  readonly cells: ReadonlySet<number>;
  /** Constants that may be addresses. */
  readonly constants: ReadonlySet<number>;
  /** How often it writes to a fixed address. */
  readonly stores: number;
  /** Whether it looks at the bits of a word in front of something that dlmalloc has there: in use, and the size. */
  readonly heads: boolean;
  /** Whether it multiplies. */
  readonly multiplies: boolean;
  /** Number of instructions. */
  readonly length: number;
}

/** Where fixed addresses are, of a module. */
export interface Addresses {
  /** The global that has the address of the data, of position-independent code; else -1. */
  readonly base: number;
  /** One past the greatest that the data can have, in bytes. */
  readonly limit: number;
}

/** Offsets of loads and stores below this, in bytes, are places in a struct. */
const STRUCT = 1024;

/** What dlmalloc takes from the word in front of a block: who is in use, or the size. */
const IN_USE = 3, SIZE = -8;

const I32_MUL = 0x6c, I64_MUL = 0x7e;

/** Goes through function `index`. O(its bytes). Throws a {@linkcode WasmError} if its code cannot be read. */
export function profile(module: WasmModule, index: number, addresses: Addresses): Profile {
  const { base, limit } = addresses;
  const callees = new Set<number>(), cells = new Set<number>(), constants = new Set<number>();
  let stores = 0, heads = false, multiplies = false, length = 0;
  let head = -1; // the number of the instruction that read a word in front of something
  let op1 = -1, a1 = 0, op2 = -1, a2 = 0; // the two instructions before, without local.tee, which changes nothing
  walkFunction(module, index, (op, a) => {
    if (op === OP.localTee) return;
    length++;
    if (op === OP.call || op === OP.returnCall || op === OP.refFunc) callees.add(a);
    else if (op === OP.i32Const) {
      if (a >= STRUCT && a < limit && !isMask(a)) constants.add(a);
    } else if (op === OP.globalGet || op === OP.globalSet) {
      const global = module.globals[a];
      if (global?.mutable && global.value === 0) cells.add(-1 - a); // a stack pointer starts elsewhere
    } else if (op === OP.i32Add) {
      if (op2 === OP.globalGet && a2 === base && op1 === OP.i32Const) cells.add(a1);
      else if (op1 === OP.globalGet && a1 === base && op2 === OP.i32Const) cells.add(a2);
    } else if (op === OP.i32And) {
      if (op1 === OP.i32Const && (a1 === IN_USE || a1 === SIZE) && head === length - 2) heads = true;
    } else if (op === I32_MUL || op === I64_MUL) multiplies = true;
    else if (touchesMemory(op)) {
      if (a >= STRUCT && a < limit) {
        cells.add(a);
        if (op >= OP.i32Store && op <= OP.i64Store32) stores++;
      }
      if ((op === OP.i32Load || op === OP.i32Load8U) && op2 === OP.i32Const) {
        const back = op1 === OP.i32Add ? -a2 : op1 === OP.i32Sub ? a2 : 0;
        if (back === a + 4 && a <= 4) head = length;
      }
    }
    op2 = op1, a2 = a1, op1 = op, a1 = a;
  });
  return { callees, cells, constants, stores, heads, multiplies, length };
}

/** Whether a number is a run of ones, which masks and powers of two are, and addresses hardly ever. */
function isMask(n: number): boolean {
  return (n & (n + (n & -n))) === 0;
}
