/**
 * `limit`: a quota of bytes and of calls.
 *
 * Guarantees: no more than so many bytes, as they were asked for, are out at a time, and no more than so many calls of
 * `get` are served in all; what exceeds is refused before the layer below is asked. Costs: a comparison and an
 * addition. Needs nothing of the layer below.
 *
 * @module
 */

import { assertInteger } from "../errors.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, pass, type StateOf } from "../layer.ts";

/** State of {@linkcode limit}. */
export interface Limit<S> {
  /** State of the layer below. */
  base: S;
  /** Bytes that are out. */
  live: number;
  /** Calls of `get` that were served. */
  gets: number;
}

/**
 * Serves from `base` while no more than `bytes` bytes are out and no more than `calls` calls were served. A request
 * that exceeds either gives 0, and a block does not grow beyond the quota in place.
 *
 * @param base The layer below
 * @param bytes Bytes out at a time, 0 to 2^32, or `Infinity`
 * @param calls Calls of `get` that are served in all, 0 to 2^53, or `Infinity`, the default. Neither `put` nor `reset`
 *   gives calls back
 *
 * @example
 * ```ts
 * import { limit } from "./limit.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = limit(mmap(), 10_000);
 * const s = stack.init();
 * const p = stack.get(s, 6000);
 * stack.get(s, 6000);              // 0
 * stack.put(s, p, 6000);
 * const q = stack.get(s, 6000);    // there is room again
 * stack.put(s, q, 6000);
 * stack.deinit(s);
 * ```
 */
export const limit: <L extends AnyLayer>(
  base: L,
  bytes: number,
  calls?: number,
) => LayerWith<
  Limit<StateOf<L>>,
  Kept<L, "gauge" | "resize" | "owns" | "sizeOf" | "reset" | "maxAlign" | "sites" | "verify">
> = layer(
  function limit<S>(base: Layer<S>, bytes: number, calls = Infinity): Layer<Limit<S>> {
    if (bytes !== Infinity) assertInteger("compose limit", "bytes out at a time", bytes, 0, 2 ** 32);
    if (calls !== Infinity) assertInteger("compose limit", "calls in all", calls, 0, 2 ** 53);
    const { heap, get, put } = base;
    return {
      heap,
      init: (size) => ({ base: base.init(size), live: 0, gets: 0 }),
      deinit: (s) => base.deinit(s.base),
      get: (s, size, align) => {
        if (size > bytes - s.live || s.gets >= calls) return 0;
        const p = get(s.base, size, align);
        if (p === 0) return 0;
        s.live += size;
        s.gets++;
        return p;
      },
      put: (s, p, size) => {
        put(s.base, p, size); // which may refuse it: then it is still out
        s.live -= size;
      },
      ...(base.resize && {
        resize: (s, p, old, size) => {
          if (size - old > bytes - s.live || !base.resize!(s.base, p, old, size)) return false;
          s.live += size - old;
          return true;
        },
      }),
      ...(base.reset && {
        reset: (s) => {
          base.reset!(s.base);
          s.live = 0;
        },
      }),
      ...pass(base, "gauge", "owns", "sizeOf", "maxAlign", "sites", "verify", "pristine"),
    };
  },
  { assertInteger, pass },
);
