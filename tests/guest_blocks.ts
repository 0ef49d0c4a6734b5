// Guests of our own and the blocks that serve them: `general()` on a memory, with a map from addresses to sizes

import { type AnyLayer, general, Heap, type HeapOptions } from "../mod.ts";
import type { Blocks } from "../rt/abi/blocks.ts";

/** A guest in `tests/guests`, as bytes. */
export function guestBytes(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(`guests/${name}.wasm`, import.meta.url));
}

/** What guests export: functions of words. */
// deno-lint-ignore no-explicit-any
export type Exports = Record<string, (...words: number[]) => any>;

interface Block {
  size: number;
  /** What the layer has been asked for, and what it gave. */
  raw: number;
  bytes: number;
}

export class MapBlocks implements Blocks {
  readonly out: Map<number, Block> = new Map();
  /** Addresses that were put or moved, and are no blocks. */
  readonly garbage: number[] = [];
  /** Requests of more bytes than this fail. */
  limit: number = Infinity;
  /** Whether `resize` does anything. */
  resizes = true;
  #layer: AnyLayer | undefined;
  #state: unknown;

  /** Blocks on a heap of their own, or on what `lay` is given. */
  constructor(options?: HeapOptions) {
    if (options !== undefined) this.lay(new Heap(options));
  }

  lay(heap: Heap): void {
    this.#layer = general(heap);
    this.#state = this.#layer.init();
  }

  get layer(): AnyLayer {
    if (this.#layer === undefined) throw new Error("There is no memory yet");
    return this.#layer;
  }

  get heap(): Heap {
    return this.layer.heap;
  }

  get bytes(): number {
    return [...this.out.values()].reduce((sum, { size }) => sum + size, 0);
  }

  deinit(): void {
    this.layer.deinit(this.#state);
  }

  get(size: number, align: number): number {
    if (size > this.limit) return 0;
    const extra = align > (this.layer.maxAlign ?? 16) ? align : 0, bytes = size + extra;
    const raw = bytes < 2 ** 32 ? this.layer.get(this.#state, bytes, (extra === 0 ? align : 16) as 16) : 0;
    if (raw === 0) return 0;
    const p = Math.ceil(raw / align) * align;
    this.out.set(p, { size, raw, bytes });
    return p;
  }

  put(p: number): void {
    const block = this.out.get(p);
    if (block === undefined) {
      this.garbage.push(p);
      return;
    }
    this.out.delete(p);
    this.layer.put(this.#state, block.raw, block.bytes);
  }

  sizeOf(p: number): number {
    return this.out.get(p)?.size ?? -1;
  }

  resize(p: number, size: number): boolean {
    const block = this.out.get(p)!;
    if (!this.resizes || block.raw !== p || size > this.limit) return false;
    if (!this.layer.resize!(this.#state, p, block.bytes, size)) return false;
    this.out.set(p, { size, raw: p, bytes: size });
    return true;
  }

  move(p: number, old: number, size: number, align: number): number {
    if (old < 0) this.garbage.push(p);
    const q = old < 0 ? 0 : this.get(size, align);
    if (q === 0) return 0;
    this.heap.u8.copyWithin(q, p, p + Math.min(old, size));
    this.put(p);
    return q;
  }
}
