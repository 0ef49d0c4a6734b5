/**
 * `batch`: books every block, and puts those that are still out at `deinit`.
 *
 * Guarantees: after `deinit` nothing that went through this layer is out, and after `reset` neither. Costs: `get` and
 * `put` O(1), amortised; the ledger, 11 to 43 bytes a block, is kept apart from the blocks. Needs nothing of the layer
 * below, of which the ledger is a block.
 *
 * @module
 */

import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";
import { add, clear, type Ledger, rebook, remove, reserve, sizeOf } from "./ledger.ts";

/** State of {@linkcode batch}. */
export interface Batch<S> {
  /** State of the layer below. */
  base: S;
  /** The blocks that are out. */
  out: Ledger;
}

/**
 * Books every block got through it and puts those that are still out at `deinit`.
 *
 * `put` of a block that is not booked, or not with that size, throws a `RangeError` and changes nothing.
 *
 * @example
 * ```ts
 * import { batch } from "./batch.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = batch(mmap());
 * const s = stack.init();
 * stack.get(s, 100_000);
 * stack.get(s, 200_000);
 * stack.deinit(s);                 // puts both
 * ```
 */
export const batch: <L extends AnyLayer>(
  base: L,
) => LayerWith<
  Batch<StateOf<L>>,
  "owns" | "sizeOf" | "reset" | Kept<L, "resize" | "goodSize" | "maxAlign" | "verify">
> = layer(
  function batch<S>(base: Layer<S>): Layer<Batch<S>> {
    const { heap, get, put } = base;
    return {
      heap,
      init: (size) => ({ base: base.init(size), out: { table: 0, slots: 0, blocks: 0 } }),
      deinit: (s) => {
        try {
          clear(base, s.base, s.out);
        } finally {
          base.deinit(s.base);
        }
      },
      get: (s, size, align) => {
        if (!reserve(base, s.base, s.out)) return 0;
        const p = get(s.base, size, align);
        if (p !== 0) add(heap, s.out, p, size);
        return p;
      },
      put: (s, p, size) => {
        if (sizeOf(heap, s.out, p) !== size) {
          throw new RangeError(`Cannot put the block at ${p}: it is not out with ${size} bytes`);
        }
        put(s.base, p, size); // which may refuse it: then it is still booked
        remove(heap, s.out, p);
      },
      owns: (s, p) => sizeOf(heap, s.out, p) >= 0,
      sizeOf: (s, p) => sizeOf(heap, s.out, p),
      reset: (s) => {
        if (base.reset === undefined) return clear(base, s.base, s.out);
        base.reset(s.base); // the table, too, is a block of it
        s.out.table = s.out.slots = s.out.blocks = 0;
      },
      ...(base.resize && {
        resize: (s, p, old, size) => {
          if (sizeOf(heap, s.out, p) !== old) {
            throw new RangeError(`Cannot resize the block at ${p}: it is not out with ${old} bytes`);
          }
          return base.resize!(s.base, p, old, size) && rebook(heap, s.out, p, size);
        },
      }),
      ...pass(base, "goodSize", "maxAlign", "verify", "pristine"),
    };
  },
  { add, clear, pass, rebook, remove, reserve, sizeOf },
);
