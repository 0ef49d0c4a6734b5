/** The workloads: what is done with what a contender allocates. Each is written once, and run by all that can do it. */

import type { Contender, Malloc } from "./contender.ts";

type Scoped = Contender & Required<Pick<Contender, "scope">>;

/** A row of the table. */
export interface Workload {
  /** What it does, for the legend. */
  readonly about: string;
  /** What a figure is of: a noun. */
  readonly op: string;
  /** How many of them a round does. */
  readonly ops: number;
  /** What a contender must be able to do, if anything. */
  readonly needs?: "frees" | "closes";
  /** A round. Returns how much of it went wrong: 0. */
  run(c: Scoped): number;
  /** The same with plain objects, where that makes sense. */
  objects?(): number;
}

/** A round of a workload by a contender, or undefined if it cannot do that. */
export function roundOf(w: Workload, c: Contender): (() => number) | undefined {
  if (c.scope === undefined) return w.objects;
  return w.needs === undefined || c[w.needs] ? () => w.run(c as Scoped) : undefined;
}

/** Numbers from 0 up to 1 that are the same in every process. */
function* noise(seed = 1): Generator<number, never> {
  for (let x = seed;;) {
    x = Math.imul(x, 1664525) + 1013904223 | 0;
    yield (x >>> 8) / 2 ** 24;
  }
}

/** `n` integers, each made by `f` of noise. */
function table(n: number, f: (x: number) => number, seed?: number): Int32Array {
  const source = noise(seed);
  return Int32Array.from({ length: n }, () => f(source.next().value));
}

/** From `least` to `most`, each power of two as often as any other. */
const logUniform = (least: number, most: number) => (x: number) => Math.floor(least * (most / least) ** x);

/** Sizes of 64 small blocks, 16 to 72 bytes. */
export const SMALL: Int32Array = Int32Array.from({ length: 64 }, (_, i) => 16 + (i * 37) % 57);

/** `n` times: puts one of as many live blocks as there are sizes, 2^k, and gets one of the same size in its place. */
export function pairs(a: Malloc, s: unknown, sizes: Int32Array, n: number): number {
  const slots = sizes.length, live = new Uint32Array(slots);
  let failed = 0;
  for (let i = 0; i < slots; i++) live[i] = a.get(s, sizes[i]);
  for (let i = 0; i < n; i++) {
    const k = i & (slots - 1), size = sizes[k];
    a.put(s, live[k], size);
    const p = a.get(s, size);
    live[k] = p;
    if (p === 0) failed++;
  }
  for (let i = 0; i < slots; i++) a.put(s, live[i], sizes[i]);
  return failed;
}

const pair: Workload = {
  about: "LIFO: of 64 live blocks of 16 to 72 bytes, puts one and gets one of the same size in its place",
  op: "pair",
  ops: 100_000,
  run: (c) => c.scope((a, s) => pairs(a, s, SMALL, pair.ops)),
};

const fifo: Workload = {
  about: "a queue of 1,024 blocks of 16 to 72 bytes: puts the oldest, gets a new one",
  op: "pair",
  ops: 100_000,
  run: (c) =>
    c.scope((a, s) => {
      const queue = new Uint32Array(1024);
      let failed = 0;
      for (let i = 0; i < fifo.ops + 1024; i++) {
        const k = i & 1023, p = a.get(s, SMALL[i % 61]);
        if (i >= 1024) a.put(s, queue[k], SMALL[(i - 1024) % 61]);
        queue[k] = p;
        if (p === 0) failed++;
      }
      for (let i = fifo.ops; i < fifo.ops + 1024; i++) a.put(s, queue[i & 1023], SMALL[i % 61]);
      return failed;
    }),
};

const CHURN_SLOTS = table(65536, (x) => Math.floor(1024 * x));
const CHURN_SIZES = table(65536, logUniform(16, 1024), 2);

const churn: Workload = {
  about: "1,024 slots in random order: puts the block in one, gets one of 16 to 1,024 bytes instead",
  op: "pair",
  ops: 100_000,
  needs: "frees",
  run: (c) =>
    c.scope((a, s) => {
      const live = new Uint32Array(1024), sizes = new Int32Array(1024);
      let failed = 0;
      for (let i = 0; i < churn.ops; i++) {
        const k = CHURN_SLOTS[i & 65535], size = CHURN_SIZES[i & 65535];
        if (live[k] !== 0) a.put(s, live[k], sizes[k]);
        const p = a.get(s, size);
        live[k] = p;
        sizes[k] = size;
        if (p === 0) failed++;
      }
      for (let k = 0; k < 1024; k++) if (live[k] !== 0) a.put(s, live[k], sizes[k]);
      return failed;
    }),
};

const copious: Workload = {
  about: "many small blocks, 16 to 72 bytes, then all of them freed",
  op: "block",
  ops: 20_000,
  run: (c) =>
    c.scope((a, s) => {
      const blocks = new Uint32Array(copious.ops);
      let failed = 0;
      for (let i = 0; i < blocks.length; i++) {
        const p = a.get(s, SMALL[i & 63]);
        blocks[i] = p;
        if (p === 0) failed++;
      }
      if (c.frees) { for (let i = 0; i < blocks.length; i++) a.put(s, blocks[i], SMALL[i & 63]); }
      return failed;
    }),
  objects: () => {
    const blocks: ({ a: number; b: number; c: number } | null)[] = new Array(copious.ops).fill(null);
    for (let i = 0; i < blocks.length; i++) blocks[i] = { a: i, b: i, c: i };
    return blocks[17]!.a - 17;
  },
};

const BUCKETS = 4096;
const bucketOf = (key: number) => Math.imul(key, 0x9e3779b1) >>> 20;
const KEYS = table(10_000, (x) => Math.floor(2 ** 24 * x));

interface Entry {
  readonly key: number;
  readonly value: number;
  next: Entry | null;
}

const hash: Workload = {
  about: "a hash table with chains of 12-byte nodes: 10,000 keys inserted, looked up, deleted",
  op: "key",
  ops: KEYS.length,
  run: (c) =>
    c.scope((a, s) => {
      const { heap } = a, heads = a.get(s, 4 * BUCKETS) >>> 2;
      heap.u32.fill(0, heads, heads + BUCKETS);
      let missed = 0;
      for (let i = 0; i < KEYS.length; i++) {
        const p = a.get(s, 12), at = p >>> 2, head = heads + bucketOf(KEYS[i]), { u32 } = heap;
        u32[at] = KEYS[i];
        u32[at + 1] = i;
        u32[at + 2] = u32[head];
        u32[head] = p;
      }
      for (let i = 0; i < KEYS.length; i++) {
        const { u32 } = heap;
        let p = u32[heads + bucketOf(KEYS[i])];
        while (p !== 0 && u32[p >>> 2] !== KEYS[i]) p = u32[(p >>> 2) + 2];
        if (KEYS[u32[(p >>> 2) + 1]] !== KEYS[i]) missed++;
      }
      for (let i = 0; i < KEYS.length; i++) {
        const { u32 } = heap;
        let link = heads + bucketOf(KEYS[i]);
        while (u32[u32[link] >>> 2] !== KEYS[i]) link = (u32[link] >>> 2) + 2;
        const p = u32[link];
        u32[link] = u32[(p >>> 2) + 2];
        a.put(s, p, 12);
      }
      a.put(s, heads << 2, 4 * BUCKETS);
      return missed;
    }),
  objects: () => {
    const heads: (Entry | null)[] = new Array(BUCKETS).fill(null);
    let missed = 0;
    for (let i = 0; i < KEYS.length; i++) {
      const head = bucketOf(KEYS[i]);
      heads[head] = { key: KEYS[i], value: i, next: heads[head] };
    }
    for (let i = 0; i < KEYS.length; i++) {
      let p = heads[bucketOf(KEYS[i])];
      while (p !== null && p.key !== KEYS[i]) p = p.next;
      if (p === null || KEYS[p.value] !== KEYS[i]) missed++;
    }
    for (let i = 0; i < KEYS.length; i++) {
      const head = bucketOf(KEYS[i]);
      let before: Entry | null = null, p = heads[head]!;
      while (p.key !== KEYS[i]) p = (before = p).next!;
      if (before === null) heads[head] = p.next;
      else before.next = p.next;
    }
    return missed;
  },
};

const NUMBERS = table(20_000, (x) => Math.floor(2 ** 24 * x));

/** Sorts `u32[from]` up to `u32[to]` by insertion: where merging stops to be worth it. */
function insertionSort(u32: Uint32Array, from: number, to: number): void {
  for (let i = from + 1; i < to; i++) {
    const x = u32[i];
    let j = i;
    for (; j > from && u32[j - 1] > x; j--) u32[j] = u32[j - 1];
    u32[j] = x;
  }
}

/** Merges `left[l]` up to `left[middle]` with `u32[r]` up to `u32[to]`, into what is in front of `u32[to]`. */
function merge(u32: Uint32Array, to: number, r: number, left: Uint32Array, l: number, middle: number): void {
  for (let out = r - (middle - l); l < middle; out++) {
    u32[out] = r < to && u32[r] < left[l] ? u32[r++] : left[l++];
  }
}

function mergeSort(a: Malloc, s: unknown, from: number, to: number): void {
  if (to - from <= 8) return insertionSort(a.heap.u32, from, to);
  const half = (to - from) >>> 1, middle = from + half;
  mergeSort(a, s, from, middle);
  mergeSort(a, s, middle, to);
  const p = a.get(s, 4 * half), { u32 } = a.heap, left = p >>> 2;
  u32.copyWithin(left, from, middle);
  merge(u32, to, middle, u32, left, left + half);
  a.put(s, p, 4 * half);
}

function mergeSortArray(u32: Uint32Array, from: number, to: number): void {
  if (to - from <= 8) return insertionSort(u32, from, to);
  const half = (to - from) >>> 1, middle = from + half;
  mergeSortArray(u32, from, middle);
  mergeSortArray(u32, middle, to);
  merge(u32, to, middle, u32.slice(from, middle), 0, half);
}

function inversions(u32: Uint32Array, from: number, to: number): number {
  let count = 0;
  for (let i = from + 1; i < to; i++) if (u32[i - 1] > u32[i]) count++;
  return count;
}

const sort: Workload = {
  about: "an array of 20,000 random integers, merge-sorted with temporary arrays of 16 bytes to 40 KB",
  op: "integer",
  ops: NUMBERS.length,
  run: (c) =>
    c.scope((a, s) => {
      const p = a.get(s, 4 * NUMBERS.length), from = p >>> 2, to = from + NUMBERS.length;
      a.heap.u32.set(NUMBERS, from);
      mergeSort(a, s, from, to);
      const wrong = inversions(a.heap.u32, from, to);
      a.put(s, p, 4 * NUMBERS.length);
      return wrong;
    }),
  objects: () => {
    const array = new Uint32Array(NUMBERS);
    mergeSortArray(array, 0, array.length);
    return inversions(array, 0, array.length);
  },
};

const LENGTHS = table(1000, logUniform(64, 65536));

const memcpy: Workload = {
  about: "1,000 buffers of 64 bytes to 64 KiB: got, copied into, put",
  op: "buffer",
  ops: LENGTHS.length,
  needs: "frees",
  run: (c) =>
    c.scope((a, s) => {
      const { heap } = a, source = a.get(s, 65536);
      heap.u8.fill(1, source, source + 65536);
      let wrong = 0;
      for (let i = 0; i < LENGTHS.length; i++) {
        const n = LENGTHS[i], p = a.get(s, n), { u8 } = heap;
        u8.copyWithin(p, source, source + n);
        wrong += 1 - u8[p + n - 1];
        a.put(s, p, n);
      }
      a.put(s, source, 65536);
      return wrong;
    }),
  objects: () => {
    const source = new Uint8Array(65536).fill(1);
    let wrong = 0;
    for (let i = 0; i < LENGTHS.length; i++) {
      const n = LENGTHS[i], copy = source.slice(0, n);
      wrong += 1 - copy[n - 1];
    }
    return wrong;
  },
};

const DEPTH = 14;

interface Tree {
  readonly left: Tree | null;
  readonly right: Tree | null;
}

function makeTree(a: Malloc, s: unknown, depth: number): number {
  const p = a.get(s, 8), left = depth === 0 ? 0 : makeTree(a, s, depth - 1);
  const right = depth === 0 ? 0 : makeTree(a, s, depth - 1), { u32 } = a.heap;
  u32[p >>> 2] = left;
  u32[(p >>> 2) + 1] = right;
  return p;
}

function countTree(a: Malloc, p: number): number {
  const { u32 } = a.heap, left = u32[p >>> 2];
  return left === 0 ? 1 : 1 + countTree(a, left) + countTree(a, u32[(p >>> 2) + 1]);
}

function freeTree(a: Malloc, s: unknown, p: number): void {
  const { u32 } = a.heap, left = u32[p >>> 2], right = u32[(p >>> 2) + 1];
  if (left !== 0) {
    freeTree(a, s, left);
    freeTree(a, s, right);
  }
  a.put(s, p, 8);
}

function makeObjects(depth: number): Tree {
  return depth === 0 ? { left: null, right: null } : { left: makeObjects(depth - 1), right: makeObjects(depth - 1) };
}

function countObjects(tree: Tree): number {
  return tree.left === null ? 1 : 1 + countObjects(tree.left) + countObjects(tree.right!);
}

const trees: Workload = {
  about: "a binary tree of depth 14, its nodes 8 bytes: built, counted, freed",
  op: "node",
  ops: 2 ** (DEPTH + 1) - 1,
  run: (c) =>
    c.scope((a, s) => {
      const tree = makeTree(a, s, DEPTH), count = countTree(a, tree);
      if (c.frees) freeTree(a, s, tree);
      return count - trees.ops;
    }),
  objects: () => countObjects(makeObjects(DEPTH)) - trees.ops,
};

const one = (a: Malloc, s: unknown): number => a.get(s, 24);

const enter: Workload = {
  about: "a region entered, one block got, and left; for what is called directly, a fresh state made and closed",
  op: "region",
  ops: 10_000,
  needs: "closes",
  run: (c) => {
    let failed = 0;
    for (let i = 0; i < enter.ops; i++) if (c.scope(one) === 0) failed++;
    return failed;
  },
};

/** The workloads, in the order of the table's rows. */
export const workloads: Readonly<Record<string, Workload>> = {
  pair,
  fifo,
  churn,
  copious,
  hash,
  sort,
  memcpy,
  trees,
  enter,
};
