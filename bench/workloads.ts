/** The workloads of the table of all contenders. Each is written once, and run by all that can do it. */

import type { Malloc } from "./contender.ts";
import { churn, fifo, pair, SMALL } from "./traffic.ts";
import { logUniform, table, type Workload } from "./workload.ts";

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
