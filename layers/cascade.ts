/**
 * `cascade`: as many instances of the layer below as it takes.
 *
 * Guarantees: a request is refused only when every instance and a fresh one refuse it; an instance that becomes empty
 * is closed, but for the one that did so last, which is reset if it can be, and kept. Costs: a call of `owns` a `put`,
 * where the instance in front has the room and the block; O(instances) otherwise, which moves the one that has it to
 * the front; a reset when an instance becomes empty; no bytes of the heap. Needs `owns` of the layer below, which is
 * the template of the instances, and should be bounded: an instance that never refuses stays the only one.
 *
 * The state holds a JavaScript array, of the instances other than the one in front. A printed stack shows that one.
 *
 * @module
 */

import { assertInteger } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type Alignment, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";

/** An instance of the layer below {@linkcode cascade}. */
export interface CascadeInstance<S> {
  /** Its state. */
  base: S;
  /** Blocks of it that are out. */
  blocks: number;
}

/** State of {@linkcode cascade}, and the instance in front. */
export interface Cascade<S> extends CascadeInstance<S> {
  /** State of the instance in front, which is asked first. */
  base: S;
  /** Blocks of the instance in front that are out. */
  blocks: number;
  /** The other instances; what was in front last is last. */
  others: CascadeInstance<S>[];
}

/**
 * Serves from instances of `base`: from another when all that there are refuse.
 *
 * `put`, `resize` and `sizeOf` of a block that no instance owns throw a `RangeError` and change nothing.
 *
 * @param base The layer of which instances are made: it must have `owns`
 * @param most How many instances there are at a time at most, 1 to 2^32, or `Infinity`, the default
 *
 * @example
 * ```ts
 * import { cascade } from "./cascade.ts";
 * import { chunk } from "./chunk.ts";
 * import { limit } from "./limit.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = cascade(limit(chunk(mmap(), 4096), 4000)); // an arena that is gone when its blocks are
 * const s = stack.init();
 * const p = stack.get(s, 3000);
 * const q = stack.get(s, 3000);    // of a second arena
 * stack.put(s, p, 3000);           // the first is empty, and kept
 * stack.put(s, q, 3000);           // so is the second: the first is closed
 * stack.deinit(s);
 * ```
 */
export const cascade: <
  // deno-lint-ignore no-explicit-any
  L extends LayerWith<any, "owns">,
>(
  base: L,
  most?: number,
) => LayerWith<
  Cascade<StateOf<L>>,
  "owns" | Kept<L, "resize" | "sizeOf" | "reset" | "goodSize" | "maxAlign" | "verify">
> = layer(
  function cascade<S>(base: LayerWith<S, "owns">, most = Infinity): Layer<Cascade<S>> {
    if (typeof base.owns !== "function") {
      throw new TypeError("Cannot compose cascade: the layer below must have owns, as chunk(...) has");
    }
    if (most !== Infinity) assertInteger("compose cascade", "number of instances", most, 1, 2 ** 32);
    const { heap, get, put, owns } = base;

    /** Puts the `i`-th of the others in front. */
    const advance = (s: Cascade<S>, i: number): void => {
      const { others } = s, it = others[i], { base, blocks } = it;
      others.copyWithin(i, i + 1);
      others[others.length - 1] = it;
      it.base = s.base;
      it.blocks = s.blocks;
      s.base = base;
      s.blocks = blocks;
    };

    /** Puts the instance that owns a block in front. */
    const find = (s: Cascade<S>, action: string, p: Ptr): void => {
      if (owns(s.base, p)) return;
      const { others } = s;
      for (let i = others.length - 1; i >= 0; i--) if (owns(others[i].base, p)) return advance(s, i);
      throw new RangeError(`Cannot ${action} the block at ${p}: no instance owns it`);
    };

    /** What a fresh instance, put in front, serves. */
    const open = (s: Cascade<S>, size: number, align?: Alignment): Ptr => {
      if (s.others.length + 1 >= most) return 0;
      const fresh = base.init();
      let p = 0;
      try {
        p = get(fresh, size, align);
      } finally {
        if (p === 0) base.deinit(fresh);
      }
      if (p === 0) return 0;
      s.others.push({ base: s.base, blocks: s.blocks });
      s.base = fresh;
      s.blocks = 1;
      return p;
    };

    /** What an instance serves for which the one in front has refused. */
    const elsewhere = (s: Cascade<S>, size: number, align?: Alignment): Ptr => {
      const { others } = s;
      for (let i = others.length - 1; i >= 0; i--) {
        const p = get(others[i].base, size, align);
        if (p === 0) continue;
        advance(s, i);
        s.blocks++;
        return p;
      }
      return open(s, size, align);
    };

    /** Makes the one in front, which is empty, as good as new, and closes the others that are empty. */
    const thin = (s: Cascade<S>): void => {
      const { others } = s;
      if (base.reset !== undefined) base.reset(s.base); // an arena that is empty has room only then
      for (let i = others.length - 1; i >= 0; i--) {
        if (others[i].blocks === 0) base.deinit(others.splice(i, 1)[0].base);
      }
    };

    return {
      heap,
      init: () => ({ base: base.init(), blocks: 0, others: [] }),
      deinit: (s) => {
        const errors: unknown[] = [];
        for (const it of [...s.others.splice(0), s]) {
          try {
            base.deinit(it.base);
          } catch (e) {
            errors.push(e);
          }
        }
        if (errors.length > 0) throw errors[0];
      },
      get: (s, size, align) => {
        const p = get(s.base, size, align);
        if (p === 0) return elsewhere(s, size, align) >>> 0;
        s.blocks++;
        return p;
      },
      put: (s, p, size) => {
        find(s, "put", p);
        put(s.base, p, size); // which may refuse it: then it is still counted
        if (--s.blocks === 0) thin(s);
      },
      owns: (s, p) => owns(s.base, p) || s.others.some((it) => owns(it.base, p)),
      ...(base.resize && {
        resize: (s, p, old, size) => {
          find(s, "resize", p);
          return base.resize!(s.base, p, old, size);
        },
      }),
      ...(base.sizeOf && {
        sizeOf: (s, p) => {
          find(s, "measure", p);
          return base.sizeOf!(s.base, p);
        },
      }),
      ...(base.reset && {
        reset: (s) => {
          for (const it of [s, ...s.others]) {
            base.reset!(it.base);
            it.blocks = 0;
          }
        },
      }),
      ...(base.verify && {
        verify: (s) => {
          for (const it of [s, ...s.others]) base.verify!(it.base);
        },
      }),
      ...pass(base, "goodSize", "maxAlign", "pristine"),
    };
  },
  { assertInteger, pass },
);
