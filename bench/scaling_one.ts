/** What a pair takes a contender with so many blocks live, as JSON: `scaling_one.ts CONTENDER LIVE [quick]`. */

import type { Malloc } from "./contender.ts";
import { load } from "./contenders/mod.ts";
import { SMALL } from "./traffic.ts";
import { type Scoped, table } from "./workload.ts";

/** Nanoseconds a pair. */
export interface Cost {
  /** Of blocks anywhere among those that are live. */
  readonly anywhere: number;
  /** Of blocks among the same 1,000 of them. */
  readonly hot: number;
}

const HOT = 1000; // blocks
const [name, live, quick] = Deno.args, n = Number(live), samples = quick ? 5 : 15;
const { scope, frees, size } = await load(name) as Scoped;

const sizes = size === undefined ? SMALL : SMALL.map(() => size);
/** The slots in random order; the blocks in them; and the sizes of those. */
const order = shuffled(n), blocks = new Uint32Array(n), bytes = new Uint8Array(n);

/** The numbers up to `n` in random order. */
function shuffled(n: number): Int32Array {
  const numbers = Int32Array.from({ length: n }, (_, i) => i), noise = table(n, (x) => Math.floor(2 ** 24 * x));
  for (let i = n - 1; i > 0; i--) {
    const k = noise[i] % (i + 1), other = numbers[k];
    numbers[k] = numbers[i];
    numbers[i] = other;
  }
  return numbers;
}

/** Gets a block for each slot. */
function fill(a: Malloc, s: unknown): void {
  for (let i = 0; i < n; i++) {
    const k = order[i], p = a.get(s, sizes[i & 63]);
    if (p === 0) throw new Error(`Cannot get ${n} blocks of ${name}`);
    blocks[k] = p;
    bytes[k] = sizes[i & 63];
  }
}

/** `count` times: puts the block in one of the first `slots` of the slots in `order`, gets another. */
function pairs(a: Malloc, s: unknown, slots: number, count: number, seed: number): void {
  let x = seed, failed = 0;
  for (let i = 0; i < count; i++) {
    x = Math.imul(x, 1664525) + 1013904223 | 0;
    const k = order[Math.floor((x >>> 0) * (slots / 2 ** 32))], size = sizes[i & 63];
    a.put(s, blocks[k], bytes[k]);
    const p = a.get(s, size);
    blocks[k] = p;
    bytes[k] = size;
    if (p === 0) failed++;
  }
  if (failed > 0) throw new Error(`Cannot get ${failed} blocks of ${name}`);
}

/** Nanoseconds for each of `count` operations that `f` does. */
function time(count: number, f: () => void): number {
  const start = performance.now();
  f();
  return (performance.now() - start) * 1e6 / count;
}

/** The quietest of some samples of some milliseconds. */
function sample(a: Malloc, s: unknown, slots: number): number {
  const once = time(1000, () => pairs(a, s, slots, 1000, 1)), count = Math.min(200_000, Math.ceil(3e7 / once));
  pairs(a, s, slots, Math.max(n, 10 * count), 2); // until code is compiled and slots have been used again
  return Math.min(...Array.from({ length: samples }, (_, i) => time(count, () => pairs(a, s, slots, count, i))));
}

/** What can only get is timed at that, and at taking back everything. */
function gets(): number {
  const fresh = () => scope(fill), count = Math.ceil(1e6 / n);
  for (let i = 0; i < count; i++) fresh();
  return Math.min(...Array.from({ length: samples }, () => time(n, fresh)));
}

function cost(): Cost {
  if (frees) {
    return scope((a, s) => {
      fill(a, s);
      const result = { anywhere: sample(a, s, n), hot: sample(a, s, Math.min(n, HOT)) };
      for (let k = 0; k < n; k++) a.put(s, blocks[k], bytes[k]);
      return result;
    });
  }
  const anywhere = gets();
  return { anywhere, hot: anywhere };
}

console.log(JSON.stringify(cost()));
