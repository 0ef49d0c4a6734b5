/**
 * The bytes of a WebAssembly binary, read with every length checked; {@linkcode Writer} writes them.
 *
 * @module
 */

import { show } from "../../errors.ts";

export { Writer } from "./writer.ts";

/** What is thrown for bytes that are no WebAssembly module, or none that can be dealt with. */
export class WasmError extends Error {
  /** Where in the file it is, in bytes from its start; 0 if that is not at one place. */
  readonly offset: number;

  /** Something wrong at `offset`, which the message says unless it is 0. */
  constructor(message: string, offset: number) {
    super(offset === 0 ? message : `${message} (at byte 0x${offset.toString(16)})`);
    this.name = "WasmError";
    this.offset = offset;
  }
}

/** Strict, and with a byte order mark being a character as any other, as names in a binary are. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const anything = new TextDecoder("utf-8", { ignoreBOM: true });

/** Engines refuse a module that has more than so many of anything. */
const MOST = 1_000_000;

/**
 * Reads a part of a binary from front to back.
 *
 * All methods throw a {@linkcode WasmError} where the part ends too early, or what is there is not as WebAssembly has it.
 */
export class Reader {
  /** The file. */
  readonly bytes: Uint8Array;
  /** Where the next byte is read, in bytes from the start of the file. */
  at: number;
  /** Where the part ends. */
  readonly end: number;

  /** A reader of the bytes from `at` up to `end`. */
  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Whether nothing is left. */
  get done(): boolean {
    return this.at >= this.end;
  }

  /** Throws a {@linkcode WasmError}. */
  fail(problem: string, at: number = this.at): never {
    throw new WasmError(`Cannot read the module: ${problem}`, at);
  }

  /** The next byte. */
  byte(): number {
    if (this.at >= this.end) this.fail("it ends too early");
    return this.bytes[this.at++];
  }

  /** An unsigned integer of up to 32 bits, in LEB128. */
  u32(): number {
    const start = this.at, first = this.byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const b = this.byte();
      value |= (b & 0x7f) << shift;
      if (b < 0x80) return value;
    }
    const last = this.byte(); // four bits are left for it
    return last < 0x10 ? (value | last << 28) >>> 0 : this.#tooLong(start);
  }

  /** An unsigned integer of up to 64 bits, which a memory of 64-bit addresses has for its limits. */
  u64(): bigint {
    const start = this.at;
    let value = 0n;
    for (let shift = 0n; shift < 63n; shift += 7n) {
      const b = this.byte();
      value |= BigInt(b & 0x7f) << shift;
      if (b < 0x80) return value;
    }
    const last = this.byte();
    return last < 2 ? value | BigInt(last) << 63n : this.#tooLong(start);
  }

  /** A signed integer of up to 32 bits, in LEB128. */
  s32(): number {
    const start = this.at;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const b = this.byte();
      value |= (b & 0x7f) << shift;
      if (b < 0x80) return value << 25 - shift >> 25 - shift;
    }
    const last = this.byte();
    return fits(last, 4) ? value | last << 28 : this.#tooLong(start);
  }

  /** A signed integer of up to 33 or 64 bits. */
  signed(bits: 33 | 64): bigint {
    const start = this.at;
    let value = 0n, shift = 0;
    for (; shift + 7 < bits; shift += 7) {
      const b = this.byte();
      value |= BigInt(b & 0x7f) << BigInt(shift);
      if (b < 0x80) return BigInt.asIntN(shift + 7, value);
    }
    const last = this.byte();
    return fits(last, bits - shift) ? BigInt.asIntN(bits, value | BigInt(last) << BigInt(shift)) : this.#tooLong(start);
  }

  /** A number of things that follow, each of at least `bytes` bytes; no more than `most`. */
  count(what: string, bytes = 1, most: number = MOST): number {
    const start = this.at, n = this.u32();
    if (n * bytes > this.end - this.at) this.fail(`${n} ${what} do not fit into what is left`, start);
    if (n > most) this.fail(`${n} ${what} are more than engines take, which is ${most}`, start);
    return n;
  }

  /** Passes over `n` bytes. */
  skip(n: number): void {
    if (n > this.end - this.at) this.fail("it ends too early");
    this.at += n;
  }

  /** A name. `lenient`: what is no UTF-8 in it is U+FFFD. */
  name(lenient = false): string {
    const { at, end } = this.sized("bytes of a name");
    if (end - at < 32) { // most are, and a call of the decoder is dearer than to put together so few
      let name = "";
      for (let i = at; i < end && this.bytes[i] < 0x80; i++) name += String.fromCharCode(this.bytes[i]);
      if (name.length === end - at) return name;
    }
    try {
      return (lenient ? anything : utf8).decode(this.bytes.subarray(at, end));
    } catch {
      return this.fail("a name is not UTF-8", at);
    }
  }

  /** A reader of the next bytes, which have their length in front; they are passed over. */
  sized(what: string): Reader {
    const n = this.count(what, 1, Infinity), at = this.at;
    this.at += n;
    return new Reader(this.bytes, at, this.at);
  }

  /** What is left, which is passed over: a view. */
  rest(): Uint8Array {
    const at = this.at;
    this.at = this.end;
    return this.bytes.subarray(at, this.end);
  }

  #tooLong(start: number): never {
    return this.fail("an integer is too long", start);
  }
}

/** Whether a signed integer can end with this byte, where `bits` bits are left of it: the others are copies of the sign. */
function fits(last: number, bits: number): boolean {
  const signs = last << 25 >> 24 + bits;
  return last < 0x80 && (signs === 0 || signs === -1);
}

/**
 * The bytes of a module, from whatever holds them; those that threads share are copied. Throws a `TypeError` if that is no
 * bytes.
 */
export function bytesOf(source: unknown): Uint8Array<ArrayBuffer> {
  // By its tag, since a buffer may be from another realm, where `ArrayBuffer` is another class
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(source)
    ? source
    : { buffer: source as ArrayBuffer, byteOffset: 0, byteLength: undefined };
  const tag = Object.prototype.toString.call(buffer);
  if (tag === "[object ArrayBuffer]") return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  if (tag === "[object SharedArrayBuffer]") return new Uint8Array(buffer, byteOffset, byteLength).slice();
  throw new TypeError(`Cannot read a module: expected its bytes, got ${show(source)}`);
}
