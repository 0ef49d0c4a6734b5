// Random programs on the state of a layer, whose blocks are filled and looked after
import type { AnyLayer } from "../mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { assertFilled, fill, random } from "./kit.ts";

/** A block that is out, and what it is filled with. */
export interface Block {
  p: number;
  size: number;
  byte: number;
}

/** What a program does next, by how often: `get: 3, put: 2` is three to two. */
export interface Mix {
  get: number;
  /** A block aligned to more than 16 bytes. */
  align?: number;
  put: number;
  resize?: number;
  /** A part of a block, in units of 16 bytes. */
  part?: number;
  /** Two blocks that adjoin, as one. */
  together?: number;
  reset?: number;
}

/** Runs calls on a state, and knows what is out. */
export class Program {
  readonly out: Block[] = [];
  readonly pick: (n: number) => number;
  refused = 0;
  resized = 0;
  #serial = 0;

  constructor(readonly layer: AnyLayer, readonly s: unknown, seed = 1) {
    this.pick = random(seed);
  }

  get(size: number, align = 16): Block | undefined {
    const p = this.layer.get(this.s, size, align as 16);
    if (p === 0) return void this.refused++;
    assertEquals(p % align, 0, `${size} bytes at ${p} are not aligned to ${align}`);
    const block = { p, size, byte: 0 };
    this.#fill(block);
    this.out.push(block);
    return block;
  }

  put(block: Block): void {
    this.#forget(block);
    assertFilled(this.layer.heap, block.p, block.size, block.byte);
    this.layer.put(this.s, block.p, block.size);
  }

  resize(block: Block, size: number): boolean {
    const { p, size: old } = block, done = this.layer.resize!(this.s, p, old, size);
    assertFilled(this.layer.heap, p, done ? Math.min(old, size) : old, block.byte);
    if (!done) return false;
    this.resized++;
    block.size = size;
    this.#fill(block);
    return true;
  }

  /** Puts `size` bytes of a block from `from` on; what is in front and behind stays out. */
  putPart(block: Block, from: number, size: number): void {
    this.#forget(block);
    assertFilled(this.layer.heap, block.p, block.size, block.byte);
    this.layer.put(this.s, block.p + from, size);
    const pieces = [[0, from], [from + size, block.size]] as const;
    for (const [at, end] of pieces) {
      if (end > at) this.out.push({ p: block.p + at, size: end - at, byte: block.byte });
    }
  }

  /** Puts two blocks of which one ends, in whole units, where the other begins; false if there are no two. */
  putTogether(): boolean {
    const ends = new Map(this.out.map((block) => [block.p + units(block.size) * 16, block]));
    const second = this.out.find(({ p }) => ends.has(p));
    if (second === undefined) return false;
    const first = ends.get(second.p)!;
    for (const block of [first, second]) {
      this.#forget(block);
      assertFilled(this.layer.heap, block.p, block.size, block.byte);
    }
    this.layer.put(this.s, first.p, second.p - first.p + (second.size || 1));
    return true;
  }

  reset(): void {
    this.layer.reset!(this.s);
    this.out.length = 0;
  }

  putAll(each: () => void = () => {}): void {
    while (this.out.length > 0) {
      this.put(this.out[this.pick(this.out.length)]);
      each();
    }
  }

  /** Makes `n` calls; `each` is called after each of them. */
  run(n: number, mix: Mix, sizes: () => number, each: () => void = () => {}): void {
    const calls = Object.entries(mix).flatMap(([name, times]) => Array<string>(times).fill(name));
    for (let i = 0; i < n; i++) {
      this.#call(calls[this.pick(calls.length)], sizes);
      each();
    }
  }

  #call(name: string, sizes: () => number): void {
    const { out, pick } = this;
    if (name === "get") return void this.get(sizes());
    if (name === "align") return void this.get(sizes(), 32 << pick(Math.log2(this.layer.maxAlign!) - 4));
    if (name === "reset") return this.reset();
    const block = out[pick(out.length)];
    if (block === undefined) return;
    if (name === "put") return this.put(block);
    if (name === "resize") return void this.resize(block, pick(2) === 0 ? pick(block.size + 1) : sizes());
    if (name === "together") return void this.putTogether();
    const all = units(block.size), from = pick(all), n = 1 + pick(all - from);
    assert(name === "part", name);
    this.putPart(block, 16 * from, Math.max(Math.min(16 * n, block.size - 16 * from), 1));
  }

  #fill(block: Block): void {
    block.byte = ++this.#serial & 255;
    fill(this.layer.heap, block.p, block.size, block.byte);
  }

  #forget(block: Block): void {
    const at = this.out.indexOf(block), last = this.out.pop()!;
    if (last !== block) this.out[at] = last;
  }
}

/** Units of 16 bytes that a block takes at least. */
export function units(size: number): number {
  return size === 0 ? 1 : Math.ceil(size / 16);
}

/** Sizes up to `most`, small ones more often. */
export function skewed(pick: (n: number) => number, most: number): () => number {
  const log = Math.log2(most + 1);
  return () => pick(12) === 0 ? 0 : Math.floor(2 ** (pick(2 ** 20) / 2 ** 20 * log));
}
