/**
 * Writing a WebAssembly binary with as few copies as can be: parts of another binary are views of it until all is put
 * together, once.
 *
 * @module
 */

const encoder = new TextEncoder();

/** A part of a binary that has been taken over from another one. */
export interface Copy {
  /** Where it is, in bytes from the start. */
  readonly at: number;
  /** Where it was in the other one, in bytes from its start. */
  readonly from: number;
  /** How long it is, in bytes. */
  readonly length: number;
}

/** Puts together a binary: a list of pieces, of which those from another binary are views. */
export class Writer {
  readonly #pieces: Uint8Array[] = [];
  /** Bytes that were added one by one since the last piece, of which the first `#used` count. */
  #open: Uint8Array<ArrayBuffer> = new Uint8Array(16);
  #used = 0;
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Adds bytes, one by one. For many there is {@linkcode Writer.piece}. */
  byte(...bytes: number[]): this {
    for (const byte of bytes) this.#push(byte);
    return this;
  }

  /** Adds an unsigned integer of up to 32 bits, in LEB128. */
  u32(value: number): this {
    for (value >>>= 0; value > 0x7f; value >>>= 7) this.#push(value & 0x7f | 0x80);
    return this.#push(value);
  }

  /** Adds a signed integer of up to 32 bits. */
  s32(value: number): this {
    for (value |= 0; value < -0x40 || value > 0x3f; value >>= 7) this.#push(value & 0x7f | 0x80);
    return this.#push(value & 0x7f);
  }

  /** Adds a signed integer of up to 64 bits. */
  s64(value: bigint): this {
    for (; value < -0x40n || value > 0x3fn; value >>= 7n) this.#push(Number(value & 0x7fn) | 0x80);
    return this.#push(Number(value & 0x7fn));
  }

  /** Adds a name. */
  name(name: string): this {
    const bytes = encoder.encode(name);
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

  /** What of this are parts of `bytes`, in order; those that belong together there and here are one. */
  copies(bytes: Uint8Array): Copy[] {
    this.#seal();
    const copies: { at: number; from: number; length: number }[] = [];
    let at = 0;
    for (const { buffer, byteOffset, length } of this.#pieces) {
      const last = copies.at(-1), from = byteOffset - bytes.byteOffset;
      if (buffer === bytes.buffer) {
        if (last && last.at + last.length === at && last.from + last.length === from) last.length += length;
        else copies.push({ at, from, length });
      }
      at += length;
    }
    return copies;
  }

  #push(byte: number): this {
    if (this.#used === this.#open.length) {
      const larger = new Uint8Array(2 * this.#used);
      larger.set(this.#open);
      this.#open = larger;
    }
    this.#open[this.#used++] = byte;
    this.#length++;
    return this;
  }

  #seal(): void {
    if (this.#used === 0) return;
    this.#pieces.push(this.#open.slice(0, this.#used));
    this.#used = 0;
  }
}
