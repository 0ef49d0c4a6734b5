/** The workloads by which allocators for general use are compared: blocks come and go, and are hardly used. */

import { parseLog, type Trace } from "../testing/replay.ts";
import { type Malloc, realloc } from "./contender.ts";
import { logUniform, table, type Workload } from "./workload.ts";

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

export const pair: Workload = {
  about: "LIFO: of 64 live blocks of 16 to 72 bytes, puts one and gets one of the same size in its place",
  op: "pair",
  ops: 100_000,
  run: (c) => c.scope((a, s) => pairs(a, s, SMALL, pair.ops)),
};

/** `n` times: gets one block and puts the one that was got as many before as the queue, 2^k, is long. */
function queues(a: Malloc, s: unknown, sizes: Int32Array, length: number, n: number): number {
  const queue = new Uint32Array(length), sizeOf = new Int32Array(length);
  let failed = 0;
  for (let i = 0, next = 0; i < n + length; i++) {
    const k = i & (length - 1), size = sizes[next], p = a.get(s, size);
    if (++next === sizes.length) next = 0;
    if (i >= length) a.put(s, queue[k], sizeOf[k]);
    queue[k] = p;
    sizeOf[k] = size;
    if (p === 0) failed++;
  }
  for (let k = 0; k < length; k++) a.put(s, queue[k], sizeOf[k]);
  return failed;
}

export const fifo: Workload = {
  about: "a queue of 1,024 blocks of 16 to 72 bytes: puts the oldest, gets a new one",
  op: "pair",
  ops: 100_000,
  run: (c) => c.scope((a, s) => queues(a, s, SMALL.subarray(3), 1024, fifo.ops)),
};

const STACK = table(1000, (x) => 16 + Math.floor(57 * x));

/** So often: gets a block of each size, then puts them, the last first. */
function stacks(a: Malloc, s: unknown, sizes: Int32Array, times: number): number {
  const live = new Uint32Array(sizes.length);
  let failed = 0;
  for (let i = 0; i < times; i++) {
    for (let k = 0; k < sizes.length; k++) {
      const p = a.get(s, sizes[k]);
      live[k] = p;
      if (p === 0) failed++;
    }
    for (let k = sizes.length - 1; k >= 0; k--) a.put(s, live[k], sizes[k]);
  }
  return failed;
}

const lifo: Workload = {
  about: "a stack: 1,000 blocks of 16 to 72 bytes got, then put, the last first",
  op: "pair",
  ops: 100 * STACK.length,
  needs: "frees",
  run: (c) => c.scope((a, s) => stacks(a, s, STACK, 100)),
};

const ARRAYS = 64, SHORTEST = 16, LONGEST = 65536; // arrays, bytes, bytes
const GROWING = table(20_000, (x) => Math.floor(ARRAYS * x));

const grow: Workload = {
  about:
    "64 arrays in random order, that grow by half, from 16 bytes to 64 KiB, and then begin anew: by `realloc`, or " +
    "else resized in place or by a new block, a copy and a put",
  op: "step",
  ops: GROWING.length,
  needs: "frees",
  run: (c) => c.scope(growAll),
};

function growAll(a: Malloc, s: unknown): number {
  const { heap } = a, arrays = new Uint32Array(ARRAYS), bytes = new Int32Array(ARRAYS);
  let wrong = 0;
  for (let i = 0; i < GROWING.length; i++) {
    const k = GROWING[i], p = arrays[k], old = bytes[k];
    if (old === 0 || old === LONGEST) {
      if (old !== 0) a.put(s, p, old);
      bytes[k] = SHORTEST;
      arrays[k] = a.get(s, SHORTEST);
      heap.u32[arrays[k] >>> 2] = k;
    } else {
      bytes[k] = Math.min(LONGEST, (old * 3 >>> 1) + 15 & -16);
      arrays[k] = realloc(a, s, p, old, bytes[k]);
      if (heap.u32[arrays[k] >>> 2] !== k || heap.u32[arrays[k] + old - 4 >>> 2] !== k) wrong++;
    }
    heap.u32[arrays[k] + bytes[k] - 4 >>> 2] = k;
  }
  for (let k = 0; k < ARRAYS; k++) if (bytes[k] !== 0) a.put(s, arrays[k], bytes[k]);
  return wrong;
}

const count = (n: number) => n.toLocaleString("en");

/** As many slots, in random order: puts the block in one, gets one of 16 up to `most` bytes instead. */
export function churning(slots: number, most: number, ops: number): Workload {
  let order: Int32Array | undefined, sizes: Int32Array | undefined;
  return {
    about: `${count(slots)} slots in random order: puts the block in one, gets one of 16 to ${
      count(most)
    } bytes instead`,
    op: "pair",
    ops,
    needs: "frees",
    run: (c) => {
      order ??= table(ops, (x) => Math.floor(slots * x));
      sizes ??= table(ops, logUniform(16, most), 2);
      return c.scope((a, s) => swap(a, s, slots, order!, sizes!));
    },
  };
}

/** For each number in `order`: puts the block in that slot, if any, gets one of the next of `sizes` instead. */
export function swap(a: Malloc, s: unknown, slots: number, order: Int32Array, sizes: Int32Array): number {
  const live = new Uint32Array(slots), sizeOf = new Int32Array(slots);
  let failed = 0;
  for (let i = 0; i < order.length; i++) {
    const k = order[i], size = sizes[i];
    if (live[k] !== 0) a.put(s, live[k], sizeOf[k]);
    const p = a.get(s, size);
    live[k] = p;
    sizeOf[k] = size;
    if (p === 0) failed++;
  }
  for (let k = 0; k < slots; k++) if (live[k] !== 0) a.put(s, live[k], sizeOf[k]);
  return failed;
}

export const churn: Workload = churning(1024, 1024, 100_000);

/**
 * A program whose blocks grow as it goes on: gets blocks of ever larger sizes, up to four times the least of its time,
 * and puts random ones as soon as more than `budget` bytes are out.
 */
export function drifting(least: number, most: number, budget: number, ops: number): Workload {
  let order: Int32Array | undefined, sizes: Int32Array | undefined;
  return {
    about:
      `sizes that drift from ${count(least)} to ${count(most)} bytes: gets a block, and puts random ones as soon as ` +
      `more than ${count(budget / 2 ** 20)} MiB are out`,
    op: "pair",
    ops,
    needs: "frees",
    run: (c) => {
      let i = 0;
      order ??= table(ops, (x) => Math.floor(2 ** 24 * x));
      sizes ??= table(ops, (x) => Math.floor(least * (most / 4 / least) ** (i++ / ops) * 4 ** x), 2);
      return c.scope((a, s) => drift(a, s, budget, order!, sizes!));
    },
  };
}

function drift(a: Malloc, s: unknown, budget: number, order: Int32Array, sizes: Int32Array): number {
  const live = new Uint32Array(order.length), sizeOf = new Int32Array(order.length);
  let n = 0, bytes = 0, drawn = 0, failed = 0;
  for (let i = 0; i < order.length; i++) {
    const size = sizes[i];
    for (; bytes + size > budget; n--) {
      const k = order[drawn++ % order.length] % n;
      a.put(s, live[k], sizeOf[k]);
      bytes -= sizeOf[k];
      live[k] = live[n - 1];
      sizeOf[k] = sizeOf[n - 1];
    }
    const p = a.get(s, size);
    if (p === 0) failed++;
    live[n] = p;
    sizeOf[n++] = size;
    bytes += size;
  }
  for (let k = 0; k < n; k++) a.put(s, live[k], sizeOf[k]);
  return failed;
}

/** The calls of a real program, which `record.ts` has written down. */
function logged(name: string, program: string): Workload {
  let parsed: Trace | undefined;
  const trace = () => parsed ??= parseLog(Deno.readTextFileSync(new URL(`logs/${name}.log`, import.meta.url)));
  return {
    about: `the calls of ${program}, from a log`,
    op: "call",
    get ops() {
      return trace().ops;
    },
    needs: "frees",
    run: (c) => c.scope((a, s) => trace().run(a, s).failed),
  };
}

/** The logs of three programs. */
export const logs: Readonly<Record<string, Workload>> = {
  json_log: logged("json", "the JSON example"),
  trees_log: logged("trees", "the binary trees example"),
  table_log: logged("table", "a program that fills and empties a hash table"),
};

/** By what `general` is compared with others, in the order of the table's rows. */
export const traffic: Readonly<Record<string, Workload>> = {
  churn,
  churn_100k: churning(100_000, 1024, 1_000_000),
  pair,
  lifo,
  fifo,
  grow,
  ...logs,
};

/** Workloads that show how much memory an allocator takes: many operations, or a tenth of that. */
export function mixed(quick: boolean): Readonly<Record<string, Workload>> {
  const million = quick ? 100_000 : 1_000_000;
  return {
    churn: churning(1024, 1024, million),
    churn_100k: churning(100_000, 1024, 2 * million),
    churn_big: churning(10_000, 32768, million),
    drift: drifting(64, 16384, 4 * 2 ** 20, 2 * million),
    ...logs,
  };
}
