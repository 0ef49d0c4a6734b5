/**
 * `check`: finds leaks. At `deinit` it asks the gauge below whether everything has come back, and throws if not.
 *
 * Guarantees: a leak is never silent, and does not keep the layers below from being closed first. Costs nothing until
 * `deinit`. Needs a gauge below.
 *
 * @module
 */

import { formatBytes, formatCount, type Gauge, isClean } from "../gauge.ts";
import { type Gauged, type Kept, layer, type LayerWith, share, type StateOf } from "../layer.ts";
import { MemoryError } from "../memory_errors.ts";
import { formatSites, type Site, type SiteFormat } from "../sites.ts";

/** State of {@linkcode check}: that of the layer below. */
export type Check<S> = S;

/** How much of where blocks were allocated is in a message: what can be taken in at a glance. */
const IN_MESSAGE: SiteFormat = { sites: 3, frames: 3 };

/** What {@linkcode check} throws at `deinit` when blocks are still out, or when more came back than went out. */
export class LeakError extends Error {
  /** The figures of the layer below as they were. */
  readonly gauge: Gauge;
  /** Blocks still out: calls of `get` less calls of `put`. */
  readonly blocks: number;
  /** Bytes still out. */
  readonly bytes: number;
  readonly #sites: readonly Site[]; // private, or printing the error would print all of them

  /** A leak of what these figures say is out, allocated at these places. */
  constructor(gauge: Gauge, sites: readonly Site[] = []) {
    const blocks = gauge.nalloc - gauge.nfree, bytes = gauge.szalloc - gauge.szfree;
    const where = sites.length > 0 ? `\n${formatSites(sites, IN_MESSAGE)}` : "";
    super(`Cannot close as free of leaks: ${formatOut(gauge)}${where}`);
    this.name = "LeakError";
    this.gauge = gauge;
    this.blocks = blocks;
    this.bytes = bytes;
    this.#sites = sites;
  }

  /** Where they were allocated, those of the most bytes first: all, of which the message has some. Empty without `trace`. */
  get sites(): readonly Site[] {
    return this.#sites;
  }
}

/** What is out, for people: "2 of 3 blocks, 48 B, still out". @internal */
export function formatOut({ nalloc, nfree, szalloc, szfree }: Gauge): string {
  const blocks = nalloc - nfree, bytes = szalloc - szfree;
  const left = `${formatCount(blocks)} of ${formatCount(nalloc)} blocks`, amount = formatBytes(Math.abs(bytes));
  if (blocks > 0 && bytes >= 0) return `${left}, ${amount}, still out`;
  const more = `${formatCount(-blocks)} more ${blocks === -1 ? "block" : "blocks"}`;
  const what = blocks > 0
    ? `${left} still out, although ${amount} more came back than went out`
    : blocks < 0 && bytes <= 0
    ? `${more} and ${amount} more came back than went out`
    : `${blocks < 0 ? `${more} came back than` : "as many blocks came back as"} went out, but ${amount} ${
      bytes > 0 ? "less" : "more"
    }`;
  return `${what}: debug finds what was freed twice, or with a wrong size`;
}

/** Whether an error is what a layer has found in a program, and not a mistake of the layer's own. @internal */
export function isFinding(error: unknown): error is LeakError | MemoryError {
  return error instanceof LeakError || error instanceof MemoryError;
}

/**
 * Throws a {@linkcode LeakError} at `deinit`, after the layers below are closed, unless what their gauge counted out
 * has all been counted in.
 *
 * @example
 * ```ts
 * import { check, LeakError } from "./check.ts";
 * import { mmap } from "./system/mmap.ts";
 * import { stats } from "./stats.ts";
 *
 * const stack = check(stats(mmap()));
 * const s = stack.init();
 * stack.get(s, 100);
 * try {
 *   stack.deinit(s);
 * } catch (e) {
 *   if (!(e instanceof LeakError)) throw e;
 *   e.bytes;         // 100
 * }
 * ```
 */
// deno-lint-ignore no-explicit-any
export const check: <L extends Gauged<any>>(base: L) => LayerWith<Check<StateOf<L>>, Kept<L>> = layer(
  function check<S>(base: Gauged<S>): Gauged<Check<S>> {
    if (typeof base.gauge !== "function") {
      throw new TypeError("Cannot compose check: the layer below must have a gauge, as stats(...) has");
    }
    const { heap, get, put } = base;
    return {
      heap,
      stateless: true,
      init: (size) => base.init(size),
      deinit: (s) => {
        base.deinit(s);
        const g = base.gauge(s);
        if (!isClean(g)) throw new LeakError(g, base.sites?.(s));
      },
      get,
      put,
      gauge: base.gauge,
      ...share(base, "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "mark", "rewind"),
      ...share(base, "sites", "verify", "pristine"),
      ...(base.counts && { counts: true }),
    };
  },
  { isClean, LeakError, share },
);
