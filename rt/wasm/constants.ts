/**
 * Constant expressions of a WebAssembly binary: what globals, tables and segments start with.
 *
 * @module
 */

import type { Reader } from "./bytes.ts";
import { readHeapType } from "./types.ts";

/** A constant: unsigned, a number if it has 32 bits and a bigint if it has 64; undefined if only an engine can tell. */
export type Constant = number | bigint | undefined;

/** In the order of their opcodes: adding, subtracting, multiplying. */
const ARITHMETIC: readonly ((a: bigint, b: bigint) => bigint)[] = [(a, b) => a + b, (a, b) => a - b, (a, b) => a * b];

/**
 * Reads a constant expression.
 *
 * @param globals What globals that cannot change are
 */
export function readConstant(r: Reader, globals: (index: number) => Constant): Constant {
  const stack: Constant[] = [];
  let known = true;
  for (;;) {
    const at = r.at, op = r.byte();
    if (op === 0x0b) return known && stack.length === 1 ? stack[0] : undefined;
    else if (op === 0x41) stack.push(r.s32() >>> 0);
    else if (op === 0x42) stack.push(BigInt.asUintN(64, r.signed(64)));
    else if (op === 0x23) stack.push(globals(r.u32()));
    else if (op >= 0x6a && op <= 0x6c) calculate(stack, ARITHMETIC[op - 0x6a], 32);
    else if (op >= 0x7c && op <= 0x7e) calculate(stack, ARITHMETIC[op - 0x7c], 64);
    else {
      known = false;
      passOver(r, op, at);
    }
  }
}

function calculate(stack: Constant[], operation: typeof ARITHMETIC[number], bits: 32 | 64): void {
  const b = stack.pop(), a = stack.pop();
  if (a === undefined || b === undefined) return void stack.push(undefined);
  const value = BigInt.asUintN(bits, operation(BigInt(a), BigInt(b)));
  stack.push(bits === 32 ? Number(value) : value);
}

/** Passes over what is behind the opcode of an instruction that gives no integer. */
function passOver(r: Reader, op: number, at: number): void {
  if (op === 0x43) r.skip(4); // f32.const
  else if (op === 0x44) r.skip(8); // f64.const
  else if (op === 0xd0) readHeapType(r); // ref.null
  else if (op === 0xd2) r.u32(); // ref.func
  else if (op === 0xfd && r.u32() === 12) r.skip(16); // v128.const
  else if (op === 0xfb) passOverObject(r, r.u32(), at);
  else unknown(r, at);
}

/** Of structs, arrays and other references. */
function passOverObject(r: Reader, op: number, at: number): void {
  if (op === 0 || op === 1 || op === 6 || op === 7) r.u32(); // struct.new, array.new, each also with _default: a type
  else if (op === 8) { // array.new_fixed: a type, and how many
    r.u32();
    r.u32();
  } else if (op !== 26 && op !== 27 && op !== 28) unknown(r, at); // any.convert_extern, extern.convert_any, ref.i31
}

function unknown(r: Reader, at: number): never {
  return r.fail("an instruction is no constant", at);
}
