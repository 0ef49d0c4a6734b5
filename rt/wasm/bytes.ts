/**
 * The bytes of a WebAssembly binary: reading them with every length checked, writing them with as few copies as can be.
 *
 * @module
 */

import { show } from "../../errors.ts";

/** What is thrown for bytes that are no WebAssembly module, or none that can be dealt with. */
export class WasmError extends Error {
  /** Where in the file it is, in bytes from its start. */
  readonly offset: number;

  /** Something wrong at `offset`. */
  constructor(message: string, offset: number) {
    super(`${message} (at byte 0x${offset.toString(16)})`);
    this.name = "WasmError";
    this.offset = offset;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Reads a part of a binary from front to back. Reading beyond its end is a {@linkcode WasmError}. */
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

  /** Throws a {@linkcode WasmError} about what was just read. */
  fail(message: string, at: number = this.at): never {
    throw new WasmError(message, at);
  }

  /** The next byte. */
  byte(): number {
    if (this.at >= this.end) this.fail("Cannot read the module: it ends too early");
    return this.bytes[this.at++];
  }

  /** An unsigned integer of up to 32 bits, in LEB128. */
  u32(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const b = this.byte();
      if (shift === 28 && b > 0x0f) break;
      value |= (b & 0x7f) << shift;
      if (b < 0x80) return value >>> 0;
    }
    return this.fail("Cannot read the module: an integer is too long");
  }

  /** A signed integer of up to 32 bits. */
  s32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const b = this.byte();
      value |= (b & 0x7f) << shift;
      if (b < 0x80) return shift < 25 && (b & 0x40) !== 0 ? value | (-1 << (shift + 7)) : value;
    }
    return this.fail("Cannot read the module: an integer is too long");
  }

  /** Passes over an integer of up to `bits` bits, whatever its sign. */
  skipInteger(bits: number): void {
    const most = Math.ceil(bits / 7);
    for (let i = 0; i < most; i++) if (this.byte() < 0x80) return;
    this.fail("Cannot read the module: an integer is too long");
  }

  /** An unsigned integer of up to 64 bits, which a memory of 64-bit addresses has for its limits. */
  u64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const b = this.byte();
      value |= BigInt(b & 0x7f) << shift;
      if (b < 0x80) return BigInt.asUintN(64, value);
    }
    return this.fail("Cannot read the module: an integer is too long");
  }

  /** A number of things that follow, each of at least `bytes` bytes. */
  count(what: string, bytes = 1): number {
    const n = this.u32();
    if (n * bytes > this.end - this.at) this.fail(`Cannot read the module: ${n} ${what} do not fit into what is left`);
    return n;
  }

  /** Passes over `n` bytes. */
  skip(n: number): void {
    if (n > this.end - this.at) this.fail("Cannot read the module: it ends too early");
    this.at += n;
  }

  /** A name. */
  name(): string {
    const n = this.count("bytes of a name"), at = this.at;
    this.at += n;
    try {
      return utf8.decode(this.bytes.subarray(at, this.at));
    } catch {
      return this.fail("Cannot read the module: a name is not UTF-8", at);
    }
  }

  /** A reader of the next `n` bytes, which are passed over. */
  part(n: number): Reader {
    const at = this.at;
    this.skip(n);
    return new Reader(this.bytes, at, this.at);
  }
}

/** Puts together a binary: a list of pieces, of which those from another binary are views. */
export class Writer {
  readonly #pieces: Uint8Array[] = [];
  #open: number[] = [];
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Adds bytes, one by one. */
  byte(...bytes: number[]): this {
    this.#open.push(...bytes);
    this.#length += bytes.length;
    return this;
  }

  /** Adds an unsigned integer of up to 32 bits. */
  u32(value: number): this {
    do {
      const rest = value >>> 7;
      this.byte(rest === 0 ? value & 0x7f : (value & 0x7f) | 0x80);
      value = rest;
    } while (value !== 0);
    return this;
  }

  /** Adds a signed integer of up to 32 bits. */
  s32(value: number): this {
    for (;;) {
      const low = value & 0x7f;
      value >>= 7;
      if ((value === 0 && (low & 0x40) === 0) || (value === -1 && (low & 0x40) !== 0)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  /** Adds a name. */
  name(name: string): this {
    const bytes = new TextEncoder().encode(name);
    return this.u32(bytes.length).piece(bytes);
  }

  /** Adds bytes that are not copied until the end. */
  piece(bytes: Uint8Array): this {
    if (bytes.length === 0) return this;
    this.#seal();
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  /** Adds what another writer has, with its length in front. */
  sized(other: Writer): this {
    return this.u32(other.length).append(other);
  }

  /** Adds what another writer has. */
  append(other: Writer): this {
    other.#seal();
    for (const piece of other.#pieces) this.piece(piece);
    return this;
  }

  /** Adds a section. */
  section(id: number, contents: Writer): this {
    return this.byte(id).sized(contents);
  }

  /** All of it, in one piece. */
  bytes(): Uint8Array<ArrayBuffer> {
    this.#seal();
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  #seal(): void {
    if (this.#open.length === 0) return;
    this.#pieces.push(Uint8Array.from(this.#open));
    this.#open = [];
  }
}

/** The bytes of a module, from whatever holds them. Throws a `TypeError` if that is no bytes. */
export function bytesOf(source: unknown): Uint8Array {
  if (source instanceof Uint8Array) return source;
  if (
    source instanceof ArrayBuffer || (typeof SharedArrayBuffer !== "undefined" && source instanceof SharedArrayBuffer)
  ) {
    return new Uint8Array(source);
  }
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  throw new TypeError(`Cannot read a module: expected its bytes, got ${show(source)}`);
}
