/**
 * `sizeclass`: segregates requests by size. Each class of sizes is served by a state of its own of one layer, which
 * sees requests of one size only; what is larger than any class comes from the layer below.
 *
 * Guarantees: a request goes to the smallest class that holds it, and is rounded up to that. When nothing is out any
 * more, what the classes keep goes back to a layer below that merges it (`divisible`; the first time at once, if that
 * happens again and again, every 64th time at the latest). Costs: a load from a table of a byte for each 16 bytes of
 * the largest class, and a count. All classes, and what is larger, share one state of the layer below, of which nothing
 * is needed.
 *
 * ```
 * size -> map -> classes | 16 | 32 | 48 | ... | 512 |       a state of the layer that `make` gives, for each
 *                          |    |    |          |
 *                        base, shared by all
 * ```
 *
 * @module
 */

import { assertFunction, assertInteger, show } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import {
  type AnyLayer,
  isLayer,
  type Kept,
  type Layer,
  layer,
  type LayerWith,
  ownFunctions,
  type StateOf,
} from "../layer.ts";
import { losesPatience, type Patience } from "./patience.ts";

/** State of {@linkcode sizeclass}; `C` is that of a class. */
export interface Sizeclass<S, C> extends Patience {
  /** State of the layer below, shared by all classes. */
  base: S;
  /** State of each class, from the smallest on. */
  classes: C[];
  /** Blocks that are out. */
  out: number;
}

/**
 * Serves each class of sizes by a layer of its own.
 *
 * @param base The layer below
 * @param classes The largest size of each class in bytes: ascending multiples of 16, up to 2^20, at most 256 of them. It
 *   is read once: do not change it later
 * @param make Makes the layer that serves the classes, of one that stands for `base` and passes on no more than serves one
 *   class: no `owns`, no `reset`, no marks, no gauge, no `sites` and no `verify`. It is called once; there is a state of that layer for each class,
 *   of which `init` is told the size. Those states are made anew at a reset, and when nothing is out: what they have
 *   counted begins at 0. Each function makes a layer of its own: in a loop, compose with one that is made outside
 *
 * @example
 * ```ts
 * import { coalesce } from "./coalesce.ts";
 * import { freelist } from "./freelist.ts";
 * import { sizeclass } from "./sizeclass.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = sizeclass(coalesce(mmap()), [16, 32, 64, 128], (base) => freelist(base));
 * const s = stack.init();
 * const p = stack.get(s, 40);      // from the free list of 64 bytes
 * stack.put(s, p, 40);
 * stack.deinit(s);
 * ```
 */
export const sizeclass: <L extends AnyLayer, C extends AnyLayer>(
  base: L,
  classes: readonly number[],
  make: (base: LayerWith<StateOf<L>, Kept<L, "resize" | "sizeOf" | "goodSize" | "maxAlign">>) => C,
) => LayerWith<
  Sizeclass<StateOf<L>, StateOf<C>>,
  "goodSize" | "resize" | Kept<L, "reset" | "verify"> | Extract<Kept<L, "maxAlign">, Kept<C>>
> = layer(
  function sizeclass<S, C>(
    base: Layer<S>,
    classes: readonly number[],
    make: (base: Layer<S>) => Layer<C>,
  ): Layer<Sizeclass<S, C>> {
    assertFunction("compose sizeclass", "make", make);
    if (!Array.isArray(classes) || classes.length === 0 || classes.length > 256) {
      throw new TypeError(`Cannot compose sizeclass: classes must be an array of 1 to 256 sizes, got ${show(classes)}`);
    }
    [...classes].forEach((size, i) => { // a copy, which has no holes
      assertInteger("compose sizeclass", `class ${i}, in bytes,`, size, 16, 2 ** 20);
      if (size % 16 !== 0 || size <= (classes[i - 1] ?? 0)) {
        throw new RangeError(
          `Cannot compose sizeclass: classes must be ascending multiples of 16, got ${size} as class ${i}`,
        );
      }
    });
    const { heap } = base, LARGEST = classes[classes.length - 1], sizes = Uint32Array.from(classes);

    /** By size in units of 16 bytes: its class. */
    const map = new Uint8Array(LARGEST / 16 + 1);
    for (let unit = 0, i = 0; unit < map.length; unit++) {
      if (16 * unit > sizes[i]) i++;
      map[unit] = i;
    }

    let lent: S;
    /** Stands for the layer below: each class gets the state that they share. */
    const lender: Layer<S> = { ...base, init: () => lent, deinit: () => {} };
    // What is of all classes together is no class's to use
    for (const shared of ["gauge", "owns", "reset", "mark", "rewind", "sites", "verify"] as const) {
      delete (lender as Partial<Layer<S>>)[shared];
    }
    const made = make(lender);
    if (!isLayer(made) || made.heap !== heap) {
      throw new TypeError(`Cannot compose sizeclass: make must return a layer over the same heap, got ${show(made)}`);
    }
    const one: Layer<C> = ownFunctions(made), { get: oneGet, put: onePut } = one;

    const fresh = (s: Sizeclass<S, C>): void => {
      lent = s.base;
      s.classes = Array.from(sizes, (size) => one.init(size));
    };

    /** Once nothing is out: makes the classes give back what they keep, to merge, unless that happens again and again. */
    const rest = (s: Sizeclass<S, C>): void => {
      if (base.divisible !== true || !losesPatience(s)) return;
      for (const c of s.classes) one.deinit(c);
      fresh(s);
    };

    return {
      heap,
      init: () => {
        const s: Sizeclass<S, C> = { base: base.init(), classes: [], out: 0, patience: 0, penalty: 0 };
        fresh(s);
        return s;
      },
      deinit: (s) => {
        try {
          for (const c of s.classes) one.deinit(c);
        } finally {
          base.deinit(s.base);
        }
      },
      get: (s, size, align) => {
        let p: Ptr;
        if (size > LARGEST) p = base.get(s.base, size, align) >>> 0;
        else {
          const c = map[(size + 15) >>> 4];
          if (lent !== s.base) lent = s.base; // for a class that makes another state only now
          p = oneGet(s.classes[c], sizes[c], align);
        }
        if (p !== 0) s.out++;
        return p;
      },
      put: (s, p, size) => {
        if (size > LARGEST) base.put(s.base, p, size);
        else {
          const c = map[(size + 15) >>> 4];
          onePut(s.classes[c], p, sizes[c]);
        }
        if (--s.out === 0) rest(s);
      },
      resize: (s, p, old, size) => {
        if (old > LARGEST && size > LARGEST) return base.resize !== undefined && base.resize(s.base, p, old, size);
        return old <= LARGEST && size <= LARGEST && map[(old + 15) >>> 4] === map[(size + 15) >>> 4];
      },
      goodSize: (size) => size > LARGEST ? base.goodSize?.(size) ?? size : sizes[map[(size + 15) >>> 4]],
      ...(base.reset && {
        reset: (s) => {
          for (const c of s.classes) one.deinit(c); // what they have need not all be from the layer below
          base.reset!(s.base);
          fresh(s);
          s.out = 0;
        },
      }),
      ...(base.verify && {
        verify: (s) => {
          base.verify!(s.base);
          for (const c of s.classes) one.verify?.(c);
        },
      }),
      ...(base.maxAlign && one.maxAlign && { maxAlign: Math.min(base.maxAlign, one.maxAlign) }),
    };
  },
  { assertFunction, assertInteger, isLayer, losesPatience, ownFunctions, show },
);
