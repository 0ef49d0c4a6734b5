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

import { WasmError } from "./bytes.ts";
import type { WasmModule } from "./module.ts";

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
  let at = start, depth = 1, a = 0, b = 0;

  for (let n = u32(); n > 0; n--) {
    u32();
    valueType();
  }
  while (depth > 0) {
    const here = at;
    let op = byte();
    a = b = 0;
    if (op >= 0xfb) {
      if (op === 0xff) fail(`unknown instruction 0xff`, here);
      const number = u32();
      if (number > 0xffff) fail(`unknown instruction 0x${op.toString(16)} ${number}`, here);
      op = op << 16 | number;
    }
    // Those without anything behind them first: they are the most
    if (op >= 0x45 && op <= 0xc4) {
      visit(op, 0, 0, here);
      continue;
    }
    if ((op >= 0x20 && op <= 0x26) || op === OP.call || op === OP.returnCall) a = u32();
    else if (op === OP.i32Const) a = s32();
    else if (op >= 0x28 && op <= 0x3e) memoryArgument();
    else rest(op, here);
    visit(op, a, b, here);
  }
  if (at !== end) fail("code behind the end of a function", at);

  function memoryArgument(): void {
    if ((u32() & 0x40) !== 0) b = u32();
    a = u64();
  }

  function rest(op: number, here: number): void {
    switch (op) {
      case 0x00: // unreachable
      case 0x01: // nop
      case 0x05: // else
      case 0x0a: // throw_ref
      case 0x0f: // return
      case 0x19: // catch_all
      case 0x1a: // drop
      case 0x1b: // select
      case 0xd1: // ref.is_null
      case 0xd3: // ref.eq
      case 0xd4: // ref.as_non_null
        return;
      case 0x02: // block
      case 0x03: // loop
      case 0x04: // if
      case 0x06: // try
        depth++;
        return blockType();
      case 0x1f: // try_table
        depth++;
        blockType();
        for (let n = u32(); n > 0; n--) {
          const kind = byte();
          if (kind > 3) fail("unknown kind of catch", at - 1);
          if (kind < 2) u32();
          u32();
        }
        return;
      case 0x0b: // end
        depth--;
        return;
      case 0x18: // delegate
        depth--;
        a = u32();
        return;
      case 0x07: // catch
      case 0x08: // throw
      case 0x09: // rethrow
      case 0x0c: // br
      case 0x0d: // br_if
      case 0x14: // call_ref
      case 0x15: // return_call_ref
      case 0x3f: // memory.size
      case 0x40: // memory.grow
      case 0xd2: // ref.func
      case 0xd5: // br_on_null
      case 0xd6: // br_on_non_null
        a = u32();
        return;
      case 0x11: // call_indirect
      case 0x13: // return_call_indirect
        a = u32();
        b = u32();
        return;
      case 0x0e: // br_table
        for (let n = u32(); n > 0; n--) u32();
        u32();
        return;
      case 0x1c: // select, of a type
        for (let n = u32(); n > 0; n--) valueType();
        return;
      case 0x42: // i64.const
        return integer();
      case 0x43: // f32.const
        return skip(4);
      case 0x44: // f64.const
        return skip(8);
      case 0xd0: // ref.null
        return integer();
    }
    if (op >= 0xfe0000) {
      if (op === 0xfe0003) skip(1); // atomic.fence
      else if (op <= 0xfe0002 || (op >= 0xfe0010 && op <= 0xfe004e)) memoryArgument();
      else unknown(op, here);
    } else if (op >= 0xfd0000) vector(op & 0xffff, here);
    else if (op >= 0xfc0000) bulk(op & 0xffff, here);
    else if (op >= 0xfb0000) collected(op & 0xffff, here);
    else unknown(op, here);
  }

  /** SIMD. */
  function vector(n: number, here: number): void {
    if (n <= 0x0b || n === 0x5c || n === 0x5d) memoryArgument();
    else if (n === 0x0c || n === 0x0d) skip(16);
    else if (n >= 0x15 && n <= 0x22) skip(1);
    else if (n >= 0x54 && n <= 0x5b) {
      memoryArgument();
      skip(1);
    } else if (n > 0x113) unknown(0xfd << 16 | n, here);
  }

  /** Saturating conversions, whole stretches of memories and tables, integers of 128 bits. */
  function bulk(n: number, here: number): void {
    if (n <= 0x07 || (n >= 0x13 && n <= 0x16)) return;
    if (n > 0x16 || n === 0x12) unknown(0xfc << 16 | n, here);
    a = u32();
    if (n === 0x08 || n === 0x0a || n === 0x0c || n === 0x0e) b = u32();
  }

  /** Structs and arrays that are garbage-collected. */
  function collected(n: number, here: number): void {
    if (n === 0x0f || (n >= 0x1a && n <= 0x1e)) return;
    if (n > 0x1e) unknown(0xfb << 16 | n, here);
    if (n >= 0x14 && n <= 0x17) return integer(); // ref.test, ref.cast
    if (n === 0x18 || n === 0x19) { // br_on_cast, br_on_cast_fail
      skip(1);
      a = u32();
      integer();
      return integer();
    }
    u32();
    if ((n >= 0x02 && n <= 0x05) || (n >= 0x08 && n <= 0x0a) || (n >= 0x11 && n <= 0x13)) u32();
  }

  function fail(what: string, where: number): never {
    throw new WasmError(`Cannot read the code: ${what}`, where);
  }

  function unknown(op: number, where: number): never {
    return fail(
      `unknown instruction 0x${op > 0xff ? `${(op >>> 16).toString(16)} ${op & 0xffff}` : op.toString(16)}`,
      where,
    );
  }

  function byte(): number {
    return at < end ? bytes[at++] : fail("it ends too early", at);
  }

  function skip(n: number): void {
    if (n > end - at) fail("it ends too early", end);
    at += n;
  }

  function u32(): number {
    const first = byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const b = byte();
      value |= (b & 0x7f) << shift;
      if (b < 0x80) return value >>> 0;
    }
    return fail("an integer is too long", at);
  }

  function s32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const b = byte();
      value |= (b & 0x7f) << shift;
      if (b < 0x80) return shift < 25 && (b & 0x40) !== 0 ? value | (-1 << (shift + 7)) : value;
    }
    return fail("an integer is too long", at);
  }

  /** An offset of up to 64 bits: exact up to 2^53. */
  function u64(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const b = byte();
      value += (b & 0x7f) * scale;
      if (b < 0x80) return value;
    }
    return fail("an integer is too long", at);
  }

  /** Passes over an integer of up to 64 bits. */
  function integer(): void {
    for (let i = 0; i < 10; i++) if (byte() < 0x80) return;
    fail("an integer is too long", at);
  }

  function valueType(): void {
    const type = byte();
    if (type === 0x63 || type === 0x64) integer(); // a reference, with what it is to
    else if (type < 0x40 || type > 0x7f) fail("unknown type", at - 1);
  }

  function blockType(): void {
    const first = bytes[at];
    if (first >= 0x40 && first < 0x80 && first !== 0x40) valueType();
    else integer(); // nothing, or the index of a type
  }
}
