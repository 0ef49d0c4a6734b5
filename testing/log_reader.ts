/**
 * Reads what the layer `log` has written: the lines become calls, and the addresses numbers of slots.
 *
 * @module
 */

import { show } from "../errors.ts";
import type { Ptr } from "../heap.ts";

/** What a call is of. */
export const GET = 0, PUT = 1, RESIZE = 2, RESET = 3, MARK = 4, REWIND = 5;

/** The calls of a log, a column for each of their parts, and their figures. */
export interface Calls {
  /** Which call it is: `GET` and so on. */
  readonly op: Uint8Array;
  /** Where the address of the block or mark is kept. */
  readonly slot: Uint32Array;
  /** Bytes of the block; of a resize, the new size. */
  readonly size: Uint32Array;
  /** Of a resize, the old size in bytes; of a reset or rewind, how many puts come next that do the same. */
  readonly old: Uint32Array;
  /** Alignment of the block in bytes, of a get or a resize. */
  readonly align: Uint32Array;
  /** Calls of `get`. */
  readonly gets: number;
  /** Calls of `put`. */
  readonly puts: number;
  /** Resizes in place. */
  readonly resizes: number;
  /** Calls of `get` that were refused. */
  readonly refused: number;
  /** Slots in use. */
  readonly slots: number;
  /** Bytes asked for in all, by `get`. */
  readonly bytes: number;
  /** Bytes out at the same time, at most. */
  readonly peakLive: number;
  /** The greatest alignment, in bytes. */
  readonly maxAlign: number;
}

/** A block that is out at some line of the log. */
interface Block {
  /** Blocks that had been got before. */
  readonly nth: number;
  readonly slot: number;
  readonly align: number;
  size: number;
  out: boolean;
}

/** A mark that is left at some line of the log. */
interface Mark {
  readonly address: Ptr;
  readonly slot: number;
  /** Blocks that had been got by then. */
  readonly got: number;
  /** Whether going back to it takes back the same blocks in every run. */
  exact: boolean;
}

/** What follows each event: a number, or the result of a resize. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  init: [],
  get: ["size", "alignment", "address"],
  put: ["address", "size"],
  resize: ["address", "old size", "new size", "result"],
  reset: [],
  mark: ["address"],
  rewind: ["address"],
  deinit: [],
};

/** Reads a log, line by line, and writes down the calls. */
export class LogReader {
  readonly #ops: number[] = [];
  readonly #slots: number[] = [];
  readonly #sizes: number[] = [];
  readonly #olds: number[] = [];
  readonly #aligns: number[] = [];

  readonly #out = new Map<Ptr, Block>();
  /** Blocks in the order in which they were got, since the last time that all were taken back. */
  #got: Block[] = [];
  #addresses: Ptr[] = [];
  #marks: Mark[] = [];
  readonly #free: number[] = [];
  #used = 0;

  #line = 0;
  #state: "none" | "open" | "closed" = "none";
  readonly #count = { gets: 0, puts: 0, resizes: 0, refused: 0, bytes: 0, peakLive: 0, maxAlign: 1 };
  #live = 0;

  /** Reads the next line. A `SyntaxError` with its number if it does not parse, or cannot be. */
  read(line: string): void {
    this.#line++;
    const [event, ...words] = line.split(" "), fields = Object.hasOwn(FIELDS, event) ? FIELDS[event] : undefined;
    if (fields === undefined) throw this.#error(`expected ${Object.keys(FIELDS).join(", ")}, got ${show(line)}`);
    if (words.length !== fields.length) {
      throw this.#error(`expected ${[event, ...fields].join(", ")}, got ${show(line)}`);
    }
    const [a, b, c] = words.map((word, i) => fields[i] === "result" ? 0 : this.#number(fields[i], word));
    if (event === "init" ? this.#state === "open" : this.#state === "closed") {
      throw this.#error(event === "init" ? "expected deinit before another init" : `expected init, got ${show(line)}`);
    }
    this.#state = event === "deinit" ? "closed" : "open";
    if (event === "get") this.#get(a, b, c);
    else if (event === "put") this.#put(a, b);
    else if (event === "resize") this.#resize(a, b, c, words[3]);
    else if (event === "reset") this.#reset();
    else if (event === "mark") this.#mark(a);
    else if (event === "rewind") this.#rewind(a);
    else if (event === "deinit") this.#close();
  }

  /** The calls, and those that put what is still out. Nothing can be read after. */
  calls(): Calls {
    this.#close();
    return {
      ...this.#count,
      slots: this.#used,
      op: Uint8Array.from(this.#ops),
      slot: Uint32Array.from(this.#slots),
      size: Uint32Array.from(this.#sizes),
      old: Uint32Array.from(this.#olds),
      align: Uint32Array.from(this.#aligns),
    };
  }

  #get(size: number, align: number, p: Ptr): void {
    if ((align & -align) >>> 0 !== align || align === 0) {
      throw this.#error(`alignment must be a power of two, got ${align}`);
    }
    if (this.#out.has(p)) throw this.#error(`the block at ${p} is out already`);
    const block: Block = { nth: this.#got.length, slot: this.#slot(), align, size, out: true }, count = this.#count;
    this.#call(GET, block.slot, size, 0, align);
    count.gets++;
    count.bytes += size;
    count.maxAlign = Math.max(count.maxAlign, align);
    if (p === 0) {
      count.refused++;
      this.#give(block);
      return;
    }
    this.#out.set(p, block);
    this.#got.push(block);
    this.#addresses.push(p);
    this.#grow(size);
  }

  #put(p: Ptr, size: number): void {
    const block = this.#block(p, size);
    this.#out.delete(p);
    this.#live -= size;
    this.#give(block);
  }

  #resize(p: Ptr, old: number, size: number, result: string): void {
    const block = this.#block(p, old);
    if (result !== "true" && result !== "false") throw this.#error(`result must be true or false, got ${show(result)}`);
    if (result === "false") return;
    this.#call(RESIZE, block.slot, size, old, block.align);
    this.#count.resizes++;
    block.size = size;
    this.#grow(size - old);
    // Where it has to move, it is taken back by marks that it was older than
    for (const mark of this.#marks) if (block.nth < mark.got) mark.exact = false;
  }

  #reset(): void {
    const at = this.#call(RESET, 0, 0, 0, 0);
    this.#olds[at] = this.#takeBack(0);
    this.#spend(0);
  }

  #mark(m: Ptr): void {
    if (m === 0) return;
    const slot = this.#slot();
    this.#call(MARK, slot, 0, 0, 0);
    this.#marks.push({ address: m, slot, got: this.#got.length, exact: true });
  }

  #rewind(m: Ptr): void {
    const i = this.#marks.findLastIndex(({ address }) => address === m);
    if (i < 0) throw this.#error(`${m} is no mark that is left`);
    this.#rewindTo(i);
  }

  /** Goes back to a mark: by `rewind` where that takes back the same blocks, or else by puts. */
  #rewindTo(i: number): void {
    const { slot, got, exact } = this.#marks[i], at = exact ? this.#call(REWIND, slot, 0, 0, 0) : -1;
    const puts = this.#takeBack(got);
    if (exact) this.#olds[at] = puts;
    this.#spend(i);
  }

  /** Takes back what is out, and the marks. */
  #close(): void {
    if (this.#marks.length > 0) this.#rewindTo(0);
    this.#takeBack(0);
  }

  /** Puts the blocks got after the first `got`, and returns their number. */
  #takeBack(got: number): number {
    let puts = 0;
    for (let i = got; i < this.#got.length; i++) {
      const block = this.#got[i];
      if (!block.out) continue;
      this.#out.delete(this.#addresses[i]);
      this.#live -= block.size;
      this.#give(block);
      puts++;
    }
    this.#got.length = this.#addresses.length = got;
    return puts;
  }

  /** Frees the slots of marks from the `i`th. */
  #spend(i: number): void {
    for (const { slot } of this.#marks.splice(i)) this.#free.push(slot);
  }

  /** Writes down the `put` of a block. */
  #give(block: Block): void {
    this.#call(PUT, block.slot, block.size, 0, 0);
    this.#count.puts++;
    block.out = false;
    this.#free.push(block.slot);
  }

  /** Writes down a call, and returns its index. */
  #call(op: number, slot: number, size: number, old: number, align: number): number {
    this.#slots.push(slot);
    this.#sizes.push(size);
    this.#olds.push(old);
    this.#aligns.push(align);
    return this.#ops.push(op) - 1;
  }

  #slot(): number {
    return this.#free.pop() ?? this.#used++;
  }

  #grow(bytes: number): void {
    this.#live += bytes;
    this.#count.peakLive = Math.max(this.#count.peakLive, this.#live);
  }

  /** The block at `p`, which must be out with `size` bytes. */
  #block(p: Ptr, size: number): Block {
    const block = this.#out.get(p);
    if (block === undefined) throw this.#error(`the block at ${p} is not out`);
    if (block.size !== size) throw this.#error(`the block at ${p} is out with ${block.size} bytes, got ${size}`);
    return block;
  }

  #number(what: string, word: string): number {
    const n = /^(0|[1-9]\d{0,9})$/.test(word) ? Number(word) : NaN;
    if (n < 2 ** 32) return n;
    throw this.#error(`${what} must be an integer from 0 to ${2 ** 32 - 1}, got ${show(word)}`);
  }

  #error(what: string): SyntaxError {
    return new SyntaxError(`Cannot parse line ${this.#line} of a log: ${what}`);
  }
}
