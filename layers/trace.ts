/**
 * `trace`: records where each live block was allocated.
 *
 * Guarantees: `sites` are the places that the blocks which are out were allocated at, whatever became of the others.
 * Costs: some 5 microseconds for a `get` whose call stack is captured, and until its `put` 0.6 KiB and 40 bytes for each
 * call in it, of which there may be `depth` + 16: 1.6 KiB at most with the default depth. With sampling, some
 * nanoseconds for any other. Call stacks are read, which takes some 200 microseconds each, only when `sites` are asked for. Needs
 * nothing of the layer below.
 *
 * Samples are taken at random, so that a program that does the same again and again is not met at the same place always:
 * each call, or each byte, has the same chance.
 *
 * The state holds JavaScript values. Lost are `mark` and `rewind`, of which it does not see what they take back.
 *
 * @module
 */

import { captureCallStack, MOST_FRAMES, USUAL_DEPTH } from "../call_stack.ts";
import { assertInteger, assertOptions, show } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";
import { advance, fraction } from "../mulberry32.ts";
import { groupBySite, type Origin } from "../sites.ts";

/** State of {@linkcode trace}. */
export interface Trace<S> {
  /** State of the layer below. */
  base: S;
  /** Of the blocks that are out, those whose call stack was captured, by address. */
  live: Map<Ptr, Origin>;
  /** Calls, or bytes, until the next capture: none are left when it is due. */
  left: number;
  /** Number of live samples by a hash of the address: where it is 0, a block was not sampled. */
  samples: Uint32Array;
}

/** How {@linkcode trace} records. */
export interface TraceOptions {
  /** Calls that are recorded of a call stack, not counting the library's own: 1 to 100. Default 8. */
  depth?: number;
  /** Captures one in so many calls of `get`, on average: 1, the default, for all. */
  every?: number;
  /** Captures a call of `get` every so many bytes instead, on average: large blocks sooner than small ones. */
  bytes?: number;
  /**
   * Calls that are left out of what is recorded, as those of the library are: those in a file whose URL contains one of
   * these strings. There may be 16 of them. Default: none.
   */
  skip?: readonly string[];
}

/**
 * Records where each live block was allocated, or with `every` or `bytes` a sample of them, of which figures are
 * estimated.
 *
 * @example
 * ```ts
 * import { formatSites } from "../sites.ts";
 * import { mmap } from "./system/mmap.ts";
 * import { trace } from "./trace.ts";
 *
 * const stack = trace(mmap());
 * const s = stack.init();
 * const parse = () => stack.get(s, 100);
 * parse();
 * formatSites(stack.sites(s));     // "  1 block, 100 B, allocated at\n    parse (file:///...:8:27)..."
 * ```
 */
export const trace = <L extends AnyLayer>(
  base: L,
  options: TraceOptions = {},
): LayerWith<
  Trace<StateOf<L>>,
  "sites" | Kept<L, "gauge" | "resize" | "owns" | "sizeOf" | "reset" | "goodSize" | "maxAlign" | "verify">
> => {
  assertOptions("compose trace", options);
  const { depth = USUAL_DEPTH, every = 1, bytes = 0, skip = [] } = options;
  if (!Array.isArray(skip) || skip.some((part) => typeof part !== "string" || part === "")) {
    throw new TypeError(
      `Cannot compose trace: skip must be an array of strings, none of them empty, got ${show(skip)}`,
    );
  }
  return over(base, depth, every, bytes, ...skip);
};

const over: <L extends AnyLayer>(
  base: L,
  depth: number,
  every: number,
  bytes: number,
  ...skip: string[]
) => ReturnType<typeof trace<L>> = layer(
  function trace<S>(
    base: Layer<S>,
    depth: number,
    every: number,
    bytes: number,
    ...skip: string[]
  ): Layer<Trace<S>> {
    assertInteger("compose trace", "depth in calls", depth, 1, MOST_FRAMES);
    assertInteger("compose trace", "every, a number of calls,", every, 1, 2 ** 32 - 1);
    assertInteger("compose trace", "bytes from sample to sample", bytes, 0, 2 ** 32 - 1);
    if (every > 1 && bytes > 0) {
      throw new TypeError("Cannot compose trace: it samples by calls or by bytes, not by both");
    }
    const { heap, get, put } = base, capture = captureCallStack, all = every === 1 && bytes === 0;
    const deep = depth + (skip.length > 0 ? 16 : 0);
    const mean = bytes || -1 / Math.log1p(-1 / every); // of what is passed over, so that the chance is one in `every`
    const BUCKETS = 4096;
    const bucketOf = (p: Ptr): number => (p >>> 4) & (BUCKETS - 1);

    let x = 1;
    /** Calls, or bytes, until a capture: distributed so that those there have been make no difference. */
    const draw = (): number => Math.max(1, Math.ceil(-mean * Math.log1p(-fraction(x = advance(x)))));

    /** Records a block: a slow path, which has its own call. */
    const record = (s: Trace<S>, p: Ptr, size: number): Ptr => {
      const weight = bytes === 0 ? every : -1 / Math.expm1(-size / mean); // one in how many of its size is met
      s.live.set(p, { size, stack: capture(deep), weight });
      s.samples[bucketOf(p)]++;
      s.left = draw();
      return p >>> 0;
    };
    const forget = (s: Trace<S>, p: Ptr): void => {
      if (s.live.delete(p)) s.samples[bucketOf(p)]--;
    };

    return {
      heap,
      init: (size) => ({ base: base.init(size), live: new Map(), left: draw(), samples: new Uint32Array(BUCKETS) }),
      deinit: (s) => base.deinit(s.base),
      get: all
        ? (s, size, align) => {
          const p = get(s.base, size, align);
          return p === 0 ? 0 : record(s, p, size);
        }
        : (s, size, align) => {
          const p = get(s.base, size, align);
          if (p === 0) return 0;
          s.left -= bytes === 0 ? 1 : size;
          return s.left > 0 ? p : record(s, p, size);
        },
      put: (s, p, size) => {
        put(s.base, p, size);
        if (s.samples[bucketOf(p)] !== 0) forget(s, p);
      },
      ...(base.resize && {
        resize: (s, p, old, size) => {
          if (!base.resize!(s.base, p, old, size)) return false;
          const origin = s.live.get(p);
          if (origin !== undefined) origin.size = size;
          return true;
        },
      }),
      ...(base.reset && {
        reset: (s) => {
          base.reset!(s.base);
          s.live.clear();
          s.samples.fill(0);
        },
      }),
      sites: (s) => groupBySite([...s.live.values()], depth, skip),
      ...pass(base, "gauge", "owns", "sizeOf", "goodSize", "maxAlign", "verify", "pristine"),
    };
  },
  { advance, assertInteger, captureCallStack, fraction, groupBySite, MOST_FRAMES, pass },
);
