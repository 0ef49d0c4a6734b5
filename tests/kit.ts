import { type AnyLayer, Heap, type HeapOptions, type Layer, sbrk } from "../mod.ts";
import { inspect } from "../layer.ts";
import { assertEquals, fail } from "./assert.ts";

export const PAGE = 4096;

/** A heap that nobody else uses, so that what is free in it can be told exactly. */
export function freshHeap(options: HeapOptions = {}): Heap {
  return new Heap({ initial: 1, ...options });
}

/** Asserts that nothing of a heap is out, and that what is free has merged into one run. */
export function assertAllFree(heap: Heap, message?: string): void {
  const pages = Math.min(heap.size / PAGE, 2 ** 20 - 1) - heap.start / PAGE;
  assertEquals(heap.free, { pages, longest: pages, runs: pages === 0 ? 0 : 1 }, message);
}

/** What a stub has been asked, in order. */
export type Call = ["init"] | ["deinit"] | ["get", size: number] | ["put", p: number, size: number];

/**
 * Somebody else's layer: a plain object that notes its calls and touches no memory, so that sizes cost nothing. It hands
 * out the addresses in `gives`, then one mebibyte after another.
 */
export function stub(heap: Heap, gives: number[] = []): Layer<{ calls: Call[] }> & { calls: Call[] } {
  const calls: Call[] = [];
  let next = 2 ** 20;
  return {
    calls,
    heap,
    init: () => (calls.push(["init"]), { calls }),
    deinit: () => void calls.push(["deinit"]),
    get: (_, size) => {
      calls.push(["get", size]);
      return gives.length > 0 ? gives.shift()! : (next += 2 ** 20);
    },
    put: (_, p, size) => void calls.push(["put", p, size]),
  };
}

/** A stub that has real memory, from a break. */
export function backed(options: HeapOptions = {}): { heap: Heap; base: ReturnType<typeof stub>; close(): void } {
  const heap = freshHeap(options), memory = sbrk(heap), s = memory.init(), base = stub(heap);
  const { get } = base;
  base.get = (state, size) => (get(state, size), memory.get(s, size));
  return { heap, base, close: () => memory.deinit(s) };
}

/** Each layer of a stack with its state, the topmost first. */
export function* levels(layer: AnyLayer, state: unknown): Generator<{ name: string; layer: AnyLayer; state: never }> {
  for (let l: AnyLayer | undefined = layer, s = state as { base?: unknown }; l !== undefined;) {
    const made = inspect(l);
    yield { name: made?.name ?? "layer", layer: l, state: s as never };
    if (!l.stateless) s = s?.base as typeof s;
    l = made?.base;
  }
}

/** Numbers from 0 up to `n`, the same on every run. */
export function random(seed: number): (n: number) => number {
  let x = seed;
  return (n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor(x / 2 ** 32 * n);
  };
}

/** Writes a block full, so that whoever else uses its bytes is found out. */
export function fill(heap: Heap, p: number, size: number, byte: number): void {
  heap.u8.fill(byte, p, p + size);
}

/** Asserts that a block holds what {@linkcode fill} wrote. */
export function assertFilled(heap: Heap, p: number, size: number, byte: number): void {
  const { u8 } = heap;
  for (let i = 0; i < size; i++) {
    if (u8[p + i] !== (byte & 255)) fail(`byte ${i} of the ${size} bytes at ${p} was overwritten`);
  }
}
