/**
 * `align`: every block is aligned to so many bytes: to cache lines, to pages, to what a device asks for.
 *
 * Guarantees: whatever is asked for, the block is aligned to `n`. Costs what the layer below takes for it where that can
 * do it (its `maxAlign` is at least `n`): padding over `mmap` or `chunk`, a slab for each tiny block over `slabs`, and so
 * over `general()`. Otherwise `n` bytes a block, and two loads or stores a call: the block below is longer,
 * and which it is stands in front of the aligned one. Needs nothing of the layer below.
 *
 * ```
 * block of the layer below, size + n bytes
 * | unused | longer | below | block, size bytes | unused |
 * below             p - 4   p, a multiple of n
 * ```
 *
 * What is in front of an address of somebody else's may look like these words. So `owns` is lost; `batch` over this
 * layer has it. As is the gauge, which would count the `n` bytes, too.
 *
 * @module
 */

import { assertInteger, assertPowerOfTwo } from "../errors.ts";
import {
  type Aligning,
  type AnyLayer,
  type Kept,
  type Layer,
  layer,
  type LayerWith,
  share,
  type StateOf,
} from "../layer.ts";

/** State of {@linkcode align}: that of the layer below. */
export type Align<S> = S;

/**
 * Aligns every block to `n` bytes.
 *
 * @param base The layer below
 * @param n A power of two, 32 to 2^30
 *
 * @example
 * ```ts
 * import { align } from "./align.ts";
 * import { bonwick } from "./bonwick.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const lines = align(bonwick(mmap()), 64);
 * const s = lines.init();
 * const p = lines.get(s, 100);
 * p % 64;                          // 0
 * lines.put(s, p, 100);
 * lines.deinit(s);
 * ```
 */
export const align: <L extends AnyLayer>(
  base: L,
  n: number,
) => LayerWith<
  Align<StateOf<L>>,
  "maxAlign" | Kept<L, "resize" | "sizeOf" | "reset" | "goodSize" | "mark" | "rewind" | "verify">
> = layer(
  function align<S>(base: Layer<S>, n: number): Layer<Align<S>> {
    assertInteger("compose align", "alignment in bytes", n, 32, 2 ** 30);
    assertPowerOfTwo("compose align", "alignment in bytes", n, 2 ** 30);
    n |= 0; // an integer also where it came as a float
    const { heap, put } = base, get: Aligning<S>["get"] = base.get;
    const common = {
      heap,
      stateless: true,
      deinit: (s: S) => base.deinit(s),
      ...share(base, "reset", "mark", "rewind", "verify", "pristine"),
    };
    const most = base.maxAlign ?? 16;
    if (most >= n) {
      return {
        ...common,
        init: (size) => base.init(size),
        get: (s, size, align = 16) => get(s, size, align > n ? align : n),
        put: (s, p, size) => put(s, p, size),
        maxAlign: most,
        ...share(base, "resize", "sizeOf", "goodSize", "divisible"),
      };
    }

    const LONGER = 2, BELOW = 1; // words in front of the block: what its block below is longer by, and where that is
    /** What the block below is longer by: by one more without bytes, which else might start where that ends. */
    const longer = (size: number): number => size === 0 ? n + 1 : n;
    return {
      ...common,
      init: (size) => size === undefined ? base.init() : base.init(size + longer(size)),
      get: (s, size) => {
        const more = longer(size);
        if (size + more >= 2 ** 32) return 0;
        const below = get(s, size + more);
        if (below === 0) return 0;
        const p = ((below + 16 + (n - 1)) & -n) >>> 0, { u32 } = heap;
        u32[(p >>> 2) - LONGER] = more;
        u32[(p >>> 2) - BELOW] = below;
        return p;
      },
      put: (s, p, size) => {
        const { u32 } = heap, at = p >>> 2;
        put(s, u32[at - BELOW], size + u32[at - LONGER]);
      },
      maxAlign: n,
      ...(base.resize && {
        resize: (s, p, old, size) => {
          const { u32 } = heap, at = p >>> 2, more = longer(size);
          if (size + more >= 2 ** 32) return false;
          if (!base.resize!(s, u32[at - BELOW], old + u32[at - LONGER], size + more)) return false;
          heap.u32[at - LONGER] = more;
          return true;
        },
      }),
      ...(base.sizeOf && {
        sizeOf: (s, p) => {
          const { u32 } = heap, at = p >>> 2;
          return base.sizeOf!(s, u32[at - BELOW]) - u32[at - LONGER];
        },
      }),
      ...(base.goodSize && {
        goodSize: (size) => size + n >= 2 ** 32 ? size : base.goodSize!(size + n) - n,
      }),
    };
  },
  { assertInteger, assertPowerOfTwo, share },
);
