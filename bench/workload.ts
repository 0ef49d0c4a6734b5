/** What a workload is, and the noise that workloads are made of. */

import type { Contender } from "./contender.ts";

/** A contender that has something to allocate from. */
export type Scoped = Contender & Required<Pick<Contender, "scope">>;

/** A row of a table. */
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
export function table(n: number, f: (x: number) => number, seed?: number): Int32Array {
  const source = noise(seed);
  return Int32Array.from({ length: n }, () => f(source.next().value));
}

/** From `least` up to `most`, each power of two as often as any other. */
export const logUniform = (least: number, most: number) => (x: number): number =>
  Math.floor(least * (most / least) ** x);
