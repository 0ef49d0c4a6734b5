/** Times stacks in one process, in short samples that are interleaved. */

import type { AnyLayer } from "../mod.ts";
import { progress, quantile, round } from "./report.ts";
import { pairs, SMALL, swap } from "./traffic.ts";
import { logUniform, table } from "./workload.ts";

const PAIRS = 60_000, LOOPS = 5, WARMUP = 20 * LOOPS; // pairs in a sample, loops, rounds

/** The least number of rounds: a sample of each loop. */
export const LEAST_ROUNDS: number = LOOPS;

/** What a sample is of. */
export interface Work {
  /** A function that sees nothing but its arguments: a stack, a state of it, and `args`. Returns how much went wrong. */
  // deno-lint-ignore no-explicit-any -- what it takes besides is its own affair
  readonly loop: (...args: any[]) => number;
  readonly args: readonly unknown[];
  /** How many pairs that is. */
  readonly ops: number;
}

/** So many pairs of the `pair` workload. */
export const pairing = (ops: number): Work => ({ loop: pairs, args: [SMALL, ops], ops });

/** So many pairs of the `churn` workload. */
export const churning = (ops: number): Work => {
  const order = table(ops, (x) => Math.floor(1024 * x)), sizes = table(ops, logUniform(16, 1024), 2);
  return { loop: swap, args: [1024, order, sizes], ops };
};

/** A stack, and the times of a pair in nanoseconds, by loop. */
export class Runner {
  readonly #stack: AnyLayer;
  /**
   * Loops of their own, of source text of their own: text that an engine has seen shares what was learnt about it.
   * Several, since how well one and the same is compiled and placed differs by a tenth.
   */
  readonly #loops: { readonly loop: Work["loop"]; readonly ns: number[] }[];
  readonly #work: Work;
  static #serial = 0;

  constructor(stack: AnyLayer, work: Work = pairing(PAIRS)) {
    this.#stack = stack;
    this.#work = work;
    const fresh = () => new Function(`return ${work.loop}\n// ${Runner.#serial++}`)();
    this.#loops = Array.from({ length: LOOPS }, () => ({ loop: fresh(), ns: [] }));
  }

  /** Takes a sample. */
  run(round: number): void {
    const { loop, ns } = this.#loops[round % LOOPS], stack = this.#stack, { args, ops } = this.#work;
    const s = stack.init(), start = performance.now();
    const failed = loop(stack, s, ...args), took = performance.now() - start;
    stack.deinit(s);
    if (failed > 0) throw new Error(`Cannot go on: ${failed} blocks could not be had`);
    ns.push(took * 1e6 / ops);
  }

  /** Forgets the samples so far, in which code was still being compiled. */
  reset(): void {
    for (const { ns } of this.#loops) ns.length = 0;
  }

  /** Of the loops' 10th percentiles the middle one. */
  get ns(): number {
    return quantile(this.#loops.map(({ ns }) => quantile(ns, 0.1)));
  }

  /** The loops' 10th percentiles, from the least to the greatest. */
  get range(): string {
    const ns = this.#loops.map(({ ns }) => quantile(ns, 0.1));
    return [0, 1].map((at) => round(quantile(ns, at))).join(" to ");
  }
}

/**
 * Warms all up, and takes as many samples of each. A few rounds are too few for figures, and need no more of a warm-up.
 */
export function sample(runners: readonly Runner[], rounds: number): void {
  const warmup = Math.min(WARMUP, 2 * rounds);
  for (let r = 0; r < warmup + rounds; r++) {
    if (r % 10 === 0) progress(r < warmup ? `warming up: ${r} of ${warmup}` : `round ${r - warmup} of ${rounds}`);
    if (r === warmup) { for (const runner of runners) runner.reset(); }
    // No stack always runs after the same other
    for (let i = 0; i < runners.length; i++) runners[(i + r) % runners.length].run(r);
  }
}
