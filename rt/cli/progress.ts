/**
 * A line in the terminal that tells how a program gets on while it runs.
 *
 * The program has the thread for itself, so that there is something to tell only when it calls: each call of WASI, and one
 * in 4096 calls of `get` through {@linkcode ticking}, looks at the clock. A program that does neither shows nothing new.
 *
 * @module
 */

import { formatBytes, formatCount, type Gauge } from "../../gauge.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../../layer.ts";

/** Milliseconds until the first line, and between one and the next. */
const FIRST = 500, BETWEEN = 200;

/** The line. */
export class Progress {
  /** Whether nothing may be told now, as the program has written a part of a line there. */
  held = false;
  readonly #print: (text: string) => void;
  readonly #gauge: () => Gauge;
  readonly #now: () => number;
  readonly #start: number;
  #due: number;
  #shown = false;

  /**
   * @param print Writes to the terminal
   * @param gauge What there is to tell
   * @param now The time in milliseconds
   */
  constructor(print: (text: string) => void, gauge: () => Gauge, now: () => number = () => performance.now()) {
    this.#print = print;
    this.#gauge = gauge;
    this.#now = now;
    this.#start = now();
    this.#due = this.#start + FIRST;
  }

  /** Looks whether there is something new to tell. */
  tick: () => void = () => {
    const now = this.#now();
    if (now < this.#due || this.held) return;
    this.#due = now + BETWEEN;
    const { nalloc, nfree, szalloc, szfree, watermark } = this.#gauge();
    const live = `${formatBytes(szalloc - szfree)} in ${formatCount(nalloc - nfree)} blocks`;
    const seconds = ((now - this.#start) / 1000).toFixed(1);
    this.#shown = true;
    this.#print(
      `\r\x1b[2m${seconds} s  ${formatCount(nalloc)} allocated  live ${live}  peak ${
        formatBytes(watermark)
      }\x1b[0m\x1b[K`,
    );
  };

  /** Takes the line away, where something else is about to be printed. */
  clear(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#print("\r\x1b[K");
  }
}

/** State of {@linkcode ticking}. */
export interface Ticking<S> {
  /** State of the layer below. */
  base: S;
  /** Calls of `get` until the next tick. */
  left: number;
}

/** Calls `tick` before one in 4096 calls of `get`. */
export const ticking: <L extends AnyLayer>(
  base: L,
  tick: () => void,
) => LayerWith<
  Ticking<StateOf<L>>,
  Kept<L, "gauge" | "resize" | "owns" | "sizeOf" | "reset" | "goodSize" | "maxAlign" | "sites" | "verify">
> = layer(
  function ticking<S>(base: Layer<S>, tick: () => void): Layer<Ticking<S>> {
    const { heap, get, put } = base;
    return {
      heap,
      init: (size) => ({ base: base.init(size), left: 4096 }),
      deinit: (s) => base.deinit(s.base),
      get: (s, size, align) => {
        if (--s.left === 0) {
          s.left = 4096;
          tick();
        }
        return get(s.base, size, align);
      },
      put: (s, p, size) => put(s.base, p, size),
      ...pass(base, "gauge", "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "sites", "verify"),
    };
  },
  { pass },
);
