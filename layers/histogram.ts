/**
 * `histogram`: counts the sizes that are asked for, and how long blocks live, by powers of two.
 *
 * Guarantees: counts exact to 2^53. The clock is the allocation clock: a block's lifetime is the number of blocks got
 * between its `get` and its `put`, other layers' own not included. A `get` that failed is not counted; a resize changes
 * neither count; a `put` of a block that was not got through this layer is passed on and not counted. Costs: `get` and
 * `put` O(1), amortised; the ledger that books when a block was born, 11 to 43 bytes a block, is kept apart from the
 * blocks. Needs nothing of the layer below, of which the ledger is a block.
 *
 * @module
 */

import { show } from "../errors.ts";
import { formatCount } from "../gauge.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";
import { add, drop, type Ledger, remove, reserve, sizeOf } from "./ledger.ts";

/** State of {@linkcode histogram}. Bucket 0 counts zeros, bucket `k` counts what is from 2^(k-1) to less than 2^k. */
export interface Histogram<S> {
  /** State of the layer below. */
  base: S;
  /** Calls of `get` that were served, by the bytes asked for, a bucket each. */
  sizes: Float64Array;
  /** Blocks that were put, by the calls of `get` that were served in their lifetime, a bucket each. */
  lifetimes: Float64Array;
  /** Calls of `get` that were served. */
  clock: number;
  /** Blocks that were out at a reset or at `deinit`: their lifetime is not known. */
  unput: number;
  /** The blocks that are out, and what the clock showed when each was got, modulo 2^32. */
  born: Ledger;
}

/**
 * Counts sizes and lifetimes; {@linkcode formatHistogram} prints them.
 *
 * @example
 * ```ts
 * import { formatHistogram, histogram } from "./histogram.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = histogram(mmap());
 * const s = stack.init();
 * const p = stack.get(s, 100);
 * stack.get(s, 20);
 * stack.put(s, p, 100);
 * s.sizes[7];              // 1: 64 to 127 bytes
 * s.lifetimes[1];          // 1: one block was got meanwhile
 * formatHistogram(s);      // as bars
 * ```
 */
export const histogram: <L extends AnyLayer>(
  base: L,
) => LayerWith<
  Histogram<StateOf<L>>,
  Kept<L, "resize" | "owns" | "sizeOf" | "reset" | "goodSize" | "maxAlign" | "verify">
> = layer(
  function histogram<S>(base: Layer<S>): Layer<Histogram<S>> {
    const { heap, get, put } = base;
    const BUCKETS = 33;
    const bucketOf = (n: number): number => 32 - Math.clz32(n);

    /** Forgets the blocks that are out. */
    const cut = (s: Histogram<S>): void => {
      s.unput += s.born.blocks;
      drop(base, s.base, s.born);
    };

    return {
      heap,
      init: (size) => ({
        base: base.init(size),
        sizes: new Float64Array(BUCKETS),
        lifetimes: new Float64Array(BUCKETS),
        clock: 0,
        unput: 0,
        born: { table: 0, slots: 0, blocks: 0 },
      }),
      deinit: (s) => {
        try {
          cut(s);
        } finally {
          base.deinit(s.base);
        }
      },
      get: (s, size, align) => {
        if (!reserve(base, s.base, s.born)) return 0;
        const p = get(s.base, size, align);
        if (p === 0) return 0;
        s.clock++;
        s.sizes[bucketOf(size)]++;
        add(heap, s.born, p, s.clock);
        return p;
      },
      put: (s, p, size) => {
        put(s.base, p, size);
        const birth = sizeOf(heap, s.born, p);
        if (birth < 0) return;
        remove(heap, s.born, p);
        s.lifetimes[bucketOf(s.clock - birth)]++; // clz32 takes it modulo 2^32, as the ledger has it
      },
      ...(base.reset && {
        reset: (s) => {
          cut(s); // the ledger is a block, too
          base.reset!(s.base);
        },
      }),
      ...pass(base, "resize", "owns", "sizeOf", "goodSize", "maxAlign", "verify", "pristine"),
    };
  },
  { add, drop, pass, remove, reserve, sizeOf },
);

/** Characters of the longest bar. */
const BAR = 40;

/**
 * The counts for people: sizes, then lifetimes, a bar for each bucket from the first to the last in use, and how many
 * blocks are still out, or were when their memory was taken back.
 *
 * ```text
 * size of a block:
 *     16..31 B |######## 1,234
 *     32..63 B |# 12
 * lifetime of a block, in blocks got meanwhile:
 *            0 |###### 900
 *            1 | 0
 *         2..3 |## 300
 * never put: 46 blocks
 * ```
 */
export function formatHistogram<S>(s: Histogram<S>): string {
  if (!(s?.sizes instanceof Float64Array)) {
    throw new TypeError(`Cannot format as a histogram: expected the state of one, got ${show(s)}`);
  }
  const unput = s.unput + s.born.blocks;
  return [
    "size of a block:",
    ...bars(s.sizes, " B"),
    "lifetime of a block, in blocks got meanwhile:",
    ...bars(s.lifetimes, ""),
    `never put: ${formatCount(unput)} ${unput === 1 ? "block" : "blocks"}`,
  ].join("\n");
}

function bars(counts: Float64Array, unit: string): string[] {
  const first = counts.findIndex((n) => n > 0), last = counts.findLastIndex((n) => n > 0), most = Math.max(...counts);
  if (first < 0) return ["  none"];
  const buckets = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const labels = buckets.map((k) => {
    const low = Math.floor(2 ** (k - 1)), high = Math.max(2 ** k - 1, low);
    return (low === high ? formatCount(low) : `${formatCount(low)}..${formatCount(high)}`) + unit;
  });
  const width = Math.max(...labels.map((label) => label.length));
  return buckets.map((k, i) =>
    `  ${labels[i].padStart(width)} |${"#".repeat(Math.ceil(counts[k] / most * BAR))} ${formatCount(counts[k])}`
  );
}
