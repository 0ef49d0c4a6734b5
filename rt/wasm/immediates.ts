/**
 * What follows the opcodes of instructions.
 *
 * @module
 */

import { Reader } from "./bytes.ts";
import { readHeapType, readValueType } from "./types.ts";

/** In the flags of a load or store: a memory is named. */
const SEVERAL = 0x40;

/** Reads instructions, and keeps of the last one what it is about. */
export class Instructions extends Reader {
  /** The index of a function, local, global, type or label; a constant of 32 bits; the offset of a load or store. Else 0. */
  a = 0;
  /** A second index: the table of an indirect call, the memory of a load or store. Else 0. */
  b = 0;
  /** How many blocks are open, with that of the function. */
  depth = 1;

  /** Reads an instruction: its opcode, with `prefix << 16` if it has one. */
  next(): number {
    const at = this.at, op = this.byte();
    this.a = this.b = 0;
    if (op >= 0x45 && op <= 0xc4) return op; // those with nothing behind them are the most
    if (op >= 0x20 && op <= 0x26) this.a = this.u32();
    else if (op === 0x41) this.a = this.s32();
    else if (op >= 0x28 && op <= 0x3e) this.#memory();
    else if (op < 0xfb) this.#plain(op, at);
    else {
      const n = this.u32();
      if (op === 0xfb) this.#object(n, at);
      else if (op === 0xfc) this.#bulk(n, at);
      else if (op === 0xfd) this.#vector(n, at);
      else if (op === 0xfe) this.#atomic(n, at);
      else this.#unknown(op, at);
      return op << 16 | n;
    }
    return op;
  }

  #plain(op: number, at: number): void {
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
        return this.#block();
      case 0x1f: // try_table
        this.#block();
        for (let n = this.count("catches"); n > 0; n--) {
          const kind = this.byte();
          if (kind > 3) this.fail(`there is no catch of kind ${kind}`, this.at - 1);
          if (kind < 2) this.u32();
          this.u32();
        }
        return;
      case 0x0b: // end
        this.depth--;
        return;
      case 0x18: // delegate
        this.depth--;
        this.a = this.u32();
        return;
      case 0x07: // catch
      case 0x08: // throw
      case 0x09: // rethrow
      case 0x0c: // br
      case 0x0d: // br_if
      case 0x10: // call
      case 0x12: // return_call
      case 0x14: // call_ref
      case 0x15: // return_call_ref
      case 0x3f: // memory.size
      case 0x40: // memory.grow
      case 0xd2: // ref.func
      case 0xd5: // br_on_null
      case 0xd6: // br_on_non_null
        this.a = this.u32();
        return;
      case 0x11: // call_indirect
      case 0x13: // return_call_indirect
        this.a = this.u32();
        this.b = this.u32();
        return;
      case 0x0e: // br_table
        for (let n = this.count("labels"); n > 0; n--) this.u32();
        this.u32();
        return;
      case 0x1c: // select, of a type
        for (let n = this.count("types"); n > 0; n--) readValueType(this);
        return;
      case 0x42: // i64.const
        return this.#integer();
      case 0x43: // f32.const
        return this.skip(4);
      case 0x44: // f64.const
        return this.skip(8);
      case 0xd0: // ref.null
        return readHeapType(this);
    }
    this.#unknown(op, at);
  }

  /** Structs, arrays and other references. */
  #object(n: number, at: number): void {
    if (n === 0x0f || (n >= 0x1a && n <= 0x1e)) return;
    if (n > 0x1e) this.#unknown(0xfb, at, n);
    if (n >= 0x14 && n <= 0x17) return readHeapType(this); // ref.test, ref.cast
    if (n === 0x18 || n === 0x19) { // br_on_cast, br_on_cast_fail
      this.skip(1);
      this.a = this.u32();
      readHeapType(this);
      return readHeapType(this);
    }
    this.a = this.u32();
    if ((n >= 0x02 && n <= 0x05) || (n >= 0x08 && n <= 0x0a) || (n >= 0x11 && n <= 0x13)) this.b = this.u32();
  }

  /** Whole stretches of memories and tables, conversions that saturate, integers of 128 bits. */
  #bulk(n: number, at: number): void {
    if (n <= 0x07 || (n >= 0x13 && n <= 0x16)) return;
    if (n > 0x16 || n === 0x12) this.#unknown(0xfc, at, n);
    this.a = this.u32();
    if (n === 0x08 || n === 0x0a || n === 0x0c || n === 0x0e) this.b = this.u32();
  }

  #vector(n: number, at: number): void {
    if (n <= 0x0b || n === 0x5c || n === 0x5d) this.#memory();
    else if (n === 0x0c || n === 0x0d) this.skip(16);
    else if (n >= 0x15 && n <= 0x22) this.skip(1);
    else if (n >= 0x54 && n <= 0x5b) {
      this.#memory();
      this.skip(1);
    } else if (n > 0x113) this.#unknown(0xfd, at, n);
  }

  #atomic(n: number, at: number): void {
    if (n === 0x03) this.skip(1);
    else if (n <= 0x02 || (n >= 0x10 && n <= 0x4e)) this.#memory();
    else this.#unknown(0xfe, at, n);
  }

  #memory(): void {
    if ((this.u32() & SEVERAL) !== 0) this.b = this.u32();
    let value = 0; // of up to 64 bits, exact up to 2^53
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.a = value;
        return;
      }
    }
    this.fail("an integer is too long");
  }

  #block(): void {
    this.depth++;
    const first = this.bytes[this.at];
    if (first > 0x40 && first < 0x80) readValueType(this);
    else this.#integer(); // nothing, or the index of a type
  }

  /** Passes over an integer of up to 64 bits. */
  #integer(): void {
    for (let i = 0; i < 10; i++) if (this.byte() < 0x80) return;
    this.fail("an integer is too long");
  }

  #unknown(op: number, at: number, n?: number): never {
    return this.fail(`there is no instruction 0x${op.toString(16)}${n === undefined ? "" : ` ${n}`}`, at);
  }
}
