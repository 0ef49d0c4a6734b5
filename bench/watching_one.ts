/** What watching costs, as JSON, in a process of its own: `watching_one.ts MEASUREMENT [quick]`. */

import {
  type AnyLayer,
  bonwick,
  check,
  debug,
  enter,
  general,
  init,
  kingsley,
  lea,
  mmap,
  stats,
  std,
  trace,
} from "../mod.ts";
import { others } from "./others.ts";
import { quantile } from "./report.ts";
import { churning, LEAST_ROUNDS, Runner, sample, type Work } from "./runner.ts";
import { tests, watches } from "./json_suite.ts";

/** Nanoseconds a pair, by layer, by what it stands on. */
export type Pairs = Record<string, Record<string, number>>;

/** What a call stack costs. */
export interface Captures {
  /** Microseconds a `get` takes, by the depth of the user's calls, by that of what is captured. */
  readonly get: Record<string, number>;
  /** Bytes a live block takes outside of the heap, likewise. */
  readonly bytes: Record<string, number>;
  /** Milliseconds a report takes, by live blocks. */
  readonly report: Record<string, number>;
}

/** Milliseconds the JSON suite takes in a process that has run it before, by how it is watched. */
export type Suite = Record<string, number>;

const [measurement, quick] = Deno.args;

/** What pairs take with each watching stack over each of these. */
function compare(on: Readonly<Record<string, AnyLayer>>, work?: Work): Pairs {
  for (const stack of [...others(), trace(stats(bonwick(mmap())), { every: 10 })]) new Runner(stack).run(0);
  const runners = Object.entries(on).map(([name, x]) => {
    const counted = stats(x);
    const stacks: Record<string, AnyLayer> = {
      x,
      "stats(x)": counted,
      "check(stats(x))": check(counted),
      "trace(stats(x), { every: 1000 })": trace(counted, { every: 1000 }),
      "trace(stats(x), { every: 10_000 })": trace(counted, { every: 10_000 }),
      "debug(x, { depth: 0 })": debug(x, { depth: 0 }),
    };
    return [name, Object.entries(stacks).map(([stack, layer]) => [stack, new Runner(layer, work)] as const)] as const;
  });
  sample(runners.flatMap(([, all]) => all.map(([, runner]) => runner)), quick ? LEAST_ROUNDS : 100);
  return Object.fromEntries(
    runners.map(([name, all]) => [name, Object.fromEntries(all.map(([stack, { ns }]) => [stack, ns]))]),
  );
}

const pairs = (): Pairs => compare({ bonwick: bonwick(mmap()), general: general(), kingsley: kingsley(), lea: lea() });

const churn = (): Pairs =>
  compare({ "bonwick, churn": bonwick(mmap()), "general, churn": general() }, churning(60_000));

/** The same after 4 GiB have gone through a `stats`: then its counters are not small integers any more. */
function later(): Pairs {
  const stack = stats(mmap()), s = stack.init(), big = 2 ** 24;
  for (let i = 0; i < 2 ** 32 / big; i++) stack.put(s, stack.get(s, big), big);
  return pairs();
}

/** Calls `f` with so many calls of a user's below it. */
function below<T>(depth: number, f: () => T): T {
  if (depth > 1) {
    const result = below(depth - 1, f);
    return result;
  }
  return f();
}

const DEPTHS: readonly (readonly [user: number, captured: number])[] = [[5, 8], [20, 8], [60, 8], [60, 50]];

function captures(): Captures {
  const blocks = quick ? 500 : 20_000, gc = (globalThis as { gc?: () => void }).gc!;
  const key = ([user, captured]: readonly [number, number]) => `${user}, ${captured}`;
  const stackOf = (depth: number) => check(trace(stats(general()), { depth }));

  const get: Record<string, number[]> = {};
  const live = new Uint32Array(500);
  for (let round = 0; round < (quick ? 4 : 100); round++) {
    for (const at of DEPTHS) {
      enter(init(stackOf(at[1])), () =>
        below(at[0] - 2, () => {
          const start = performance.now();
          for (let i = 0; i < live.length; i++) live[i] = std.bytealloc(32);
          const took = performance.now() - start;
          (get[key(at)] ??= []).push(took * 1000 / live.length);
          for (let i = 0; i < live.length; i++) std.bytefree(live[i], 32);
        }));
    }
  }

  const kept: unknown[] = []; // or it would be missing from what is in use later
  const used = (layer: AnyLayer, depth: number): number => {
    const a = init(layer);
    kept.push(a);
    gc();
    const before = Deno.memoryUsage().heapUsed;
    below(depth, () => {
      for (let i = 0; i < blocks; i++) a.get(32);
    });
    gc();
    return (Deno.memoryUsage().heapUsed - before) / blocks;
  };
  const bytes = DEPTHS.map((at) => [key(at), used(trace(stats(general()), { depth: at[1] }), at[0])]);

  if (kept.length !== DEPTHS.length) throw new Error("Cannot tell what is in use: states have gone");

  const report = [1, 1000, 100_000].map((n) => {
    const a = init(trace(stats(general())));
    below(20, () => {
      for (let i = 0; i < n; i++) a.get(32);
    });
    const start = performance.now();
    a.sites();
    return [n, performance.now() - start];
  });

  const least = Object.entries(get).map(([key, us]) => [key, quantile(us.slice(us.length >> 1), 0.1)]);
  return { get: Object.fromEntries(least), bytes: Object.fromEntries(bytes), report: Object.fromEntries(report) };
}

function suite(): Suite {
  // One after the other, plain first: once a test has been watched, what is in no region looks up in which it is
  return Object.fromEntries(
    Object.entries(watches).map(([name, watch]) => {
      const bodies = tests.map(([, body]) => watch(body));
      const ms = Array.from({ length: quick ? 1 : 7 }, () => {
        const start = performance.now();
        for (const body of bodies) body();
        return performance.now() - start;
      });
      return [name, Math.min(...ms)];
    }),
  );
}

const measurements: Record<string, () => unknown> = { pairs, "pairs, later": later, churn, captures, suite };
console.log(JSON.stringify(measurements[measurement]()));
