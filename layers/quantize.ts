/**
 * `quantize`: rounds every request, so that the layer below sees few distinct sizes.
 *
 * Guarantees: `base` is asked for rounded sizes only, on every path; a block is resized in place while its rounded size
 * stays. Costs: the rounding, once a call; `round(size) - size` bytes a block. Needs nothing of the layer below. Which
 * size was asked for is known to nobody below: `sizeOf` is lost, as is the gauge.
 *
 * @module
 */

import { assertInteger, show } from "../errors.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, share, type StateOf } from "../layer.ts";

/** State of {@linkcode quantize}: that of the layer below. */
export type Quantize<S> = S;

/** Rounds up to a power of two: 1, 2, 4 and so on, up to 2^32. For {@linkcode quantize}. */
export function powersOfTwo(size: number): number {
  return size <= 1 ? 1 : 2 * (0x80000000 >>> Math.clz32(size - 1));
}

/**
 * Asks `base` for rounded sizes. What is rounded up to 2^32 or more cannot be had: `get` returns 0.
 *
 * Throws a `RangeError` when the function is seen to round down, to a fraction, a greater size to less, or what is
 * rounded already to something else, for which it is tried on some sizes.
 *
 * @param base The layer below
 * @param round A number of bytes, 1 to 2^30, to the multiples of which sizes are rounded up. Or a function of a size in
 *   bytes, 0 to 2^32 - 1, to a rounded size: an integer, at least as much, more only for more, itself if it is rounded
 *   already, and always the same for the same size
 *
 * @example
 * ```ts
 * import { mmap } from "./system/mmap.ts";
 * import { powersOfTwo, quantize } from "./quantize.ts";
 *
 * const lines = quantize(mmap(), 64);
 * lines.goodSize(5000);            // 8192: pages are below
 * const powers = quantize(mmap(), powersOfTwo);
 * const s = powers.init();
 * const p = powers.get(s, 5000);
 * powers.resize(s, p, 5000, 8000); // true: both are 8192
 * powers.put(s, p, 8000);
 * ```
 */
export const quantize: <L extends AnyLayer>(
  base: L,
  round: number | ((size: number) => number),
) => LayerWith<
  Quantize<StateOf<L>>,
  "resize" | "goodSize" | Kept<L, "owns" | "reset" | "maxAlign" | "mark" | "rewind" | "verify">
> = layer(
  function quantize<S>(base: Layer<S>, round: number | ((size: number) => number)): Layer<Quantize<S>> {
    if (typeof round !== "number" && typeof round !== "function") {
      throw new TypeError(`Cannot compose quantize: rounding must be a number or a function, got ${show(round)}`);
    }
    if (typeof round === "number") assertInteger("compose quantize", "bytes to round to", round, 1, 2 ** 30);
    if (typeof round === "function") assertRounding(round);

    const { heap, get, put } = base, quantum = round as number;
    const up = typeof round === "function" ? round : (size: number): number => {
      const most = size + (quantum - 1);
      return most - most % quantum;
    };
    return {
      heap,
      stateless: true,
      init: (size) => size === undefined ? base.init() : base.init(up(size)),
      deinit: (s) => base.deinit(s),
      get: (s, size, align) => {
        const need = up(size);
        return need < 2 ** 32 ? get(s, need, align) : 0;
      },
      put: (s, p, size) => put(s, p, up(size)),
      resize: (s, p, old, size) => {
        const have = up(old), need = up(size);
        if (have === need) return true;
        return base.resize !== undefined && need < 2 ** 32 && base.resize(s, p, have, need);
      },
      goodSize: (size) => {
        const need = up(size);
        if (need >= 2 ** 32) return size;
        const good = base.goodSize === undefined ? need : base.goodSize(need);
        return up(good) === good ? good : need; // asking for what is rounded further might cost more
      },
      ...share(base, "owns", "reset", "maxAlign", "mark", "rewind", "verify", "pristine"),
    };
  },
  { assertInteger, assertRounding, share, show },
);

/** Throws if a function is no rounding, as far as some sizes show. */
function assertRounding(round: (size: number) => number): void {
  const at = (size: number): number => {
    const to = round(size);
    if (Number.isInteger(to) && to >= size) return to;
    throw new RangeError(
      `Cannot compose quantize: rounding must give an integer, at least the size, got ${show(to)} for ${size}`,
    );
  };
  let before = 0, last = 0;
  for (const size of samples()) {
    const to = at(size);
    if (to < last) {
      throw new RangeError(
        `Cannot compose quantize: rounding must give no less for more, got ${last} for ${before}, ${to} for ${size}`,
      );
    }
    if (to < 2 ** 32 && at(to) !== to) {
      throw new RangeError(
        `Cannot compose quantize: rounding must leave what is rounded, got ${to} for ${size}, ${at(to)} for ${to}`,
      );
    }
    before = size;
    last = to;
  }
}

/** Sizes in ascending order: all small ones, then some around each power of two. */
function samples(): number[] {
  const sizes = Array.from({ length: 1024 }, (_, size) => size);
  for (let power = 1024; power < 2 ** 32; power *= 2) {
    sizes.push(power, power + 1, 1.25 * power, 1.5 * power, 1.5 * power + 1, 2 * power - 1);
  }
  return sizes;
}
