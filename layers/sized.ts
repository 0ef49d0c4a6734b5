/**
 * `sized`: remembers the size of each block in front of it, so that `put` need not be told: the `free(p)` of C.
 *
 * Guarantees: `put` and `resize` go by the size that is remembered, whatever they are told; `sizeOf` is exact. Costs:
 * two stores or loads a call; 16 bytes a block, and as many as its alignment if that is more. Needs nothing of the
 * layer below.
 *
 * ```
 * block of the layer below
 * | unused | header | size | block, size bytes |
 *          p - 8    p - 4  p
 *
 * header: bytes from the start of the block below to p, 16 or the alignment asked for
 * ```
 *
 * What is in front of an address of somebody else's may look like a header. So `owns` is lost; `batch` over this layer
 * has it. As is the gauge, which would count headers, too.
 *
 * @module
 */

import type { Ptr } from "../heap.ts";
import {
  type Aligning,
  type AnyLayer,
  type Capability,
  type Kept,
  type Layer,
  layer,
  type LayerWith,
  share,
  type StateOf,
} from "../layer.ts";

/** State of {@linkcode sized}: that of the layer below. */
export type Sized<S> = S;

/** A layer whose `put` need not be told the size. */
export type SizedLayer<S, C extends Capability> = LayerWith<S, C> & {
  /** Takes back the block at `p`. `size` is ignored. */
  put(s: S, p: Ptr, size?: number): void;
};

/**
 * Remembers the size of each block.
 *
 * @example
 * ```ts
 * import { mmap } from "./system/mmap.ts";
 * import { sized } from "./sized.ts";
 *
 * const stack = sized(mmap());
 * const s = stack.init();
 * const p = stack.get(s, 100);
 * stack.sizeOf(s, p);              // 100
 * stack.put(s, p);
 * ```
 */
export const sized: <L extends AnyLayer>(
  base: L,
) => SizedLayer<
  Sized<StateOf<L>>,
  "sizeOf" | Kept<L, "resize" | "reset" | "goodSize" | "maxAlign" | "mark" | "rewind" | "verify">
> = layer(
  function sized<S>(base: Layer<S>): Layer<Sized<S>> {
    const { heap, put } = base, get: Aligning<S>["get"] = base.get;
    const HEADER = 2, SIZE = 1; // words in front of the block
    /** Bytes of the block below: one more without bytes, which else would start where that ends. */
    const around = (header: number, size: number): number => header + (size || 1);
    return {
      heap,
      stateless: true,
      init: (size) => size === undefined ? base.init() : base.init(around(16, size)),
      deinit: (s) => base.deinit(s),
      get: (s, size, align = 16) => {
        const header = align > 16 ? align : 16, need = around(header, size);
        const below = need < 2 ** 32 ? get(s, need, header) : 0;
        if (below === 0) return 0;
        const p = below + header, { u32 } = heap;
        u32[(p >>> 2) - HEADER] = header;
        u32[(p >>> 2) - SIZE] = size;
        return p;
      },
      put: (s, p) => {
        const { u32 } = heap, header = u32[(p >>> 2) - HEADER];
        put(s, p - header, around(header, u32[(p >>> 2) - SIZE]));
      },
      sizeOf: (_, p) => heap.u32[(p >>> 2) - SIZE],
      ...(base.resize && {
        resize: (s, p, _, size) => {
          const { u32 } = heap, header = u32[(p >>> 2) - HEADER], need = around(header, size);
          if (need >= 2 ** 32) return false;
          if (!base.resize!(s, p - header, around(header, u32[(p >>> 2) - SIZE]), need)) return false;
          heap.u32[(p >>> 2) - SIZE] = size;
          return true;
        },
      }),
      ...(base.goodSize && {
        goodSize: (size) => around(16, size) >= 2 ** 32 ? size : base.goodSize!(around(16, size)) - 16,
      }),
      ...share(base, "reset", "maxAlign", "mark", "rewind", "verify", "pristine"),
    };
  },
  { share },
);
