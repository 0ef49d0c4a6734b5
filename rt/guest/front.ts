/**
 * `front`: lists of small free blocks that a guest's own code serves from, in front of a stack.
 *
 * Guarantees: what the stack below serves, the lists keep and serve again. Before more is asked for of that stack, what they
 * keep goes back to it, if it is more than 1.5 times what has been out at most, and 256 KiB. Costs: nothing in a block, whose
 * first word links it while it is free; 3 to 5 ns a request that is served from a list, with no call out of the guest. It counts, so
 * that `stats` over it adds nothing. Of a layer below that can take parts of blocks back (`coalesce`), or all at once (`arena`), it
 * takes a large block and cuts it; otherwise a number of small ones.
 *
 * @module
 */

import type { Ptr } from "../../heap.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, type StateOf } from "../../layer.ts";
import { adapterOn, type Native } from "./adapter.ts";
import type { Area } from "./area.ts";
import { CLASSES, SMALL } from "./switches.ts";

/** State of {@linkcode front}. */
export interface Front<S> extends Native {
  /** State of the layer below. */
  base: S;
  /** Bytes that each class has had of it in a row. */
  taken: Uint32Array;
  /** Bytes that all classes have of it, in blocks that are out and in what is kept. */
  had: number;
  /** Bytes that are out in blocks that have no class. */
  large: number;
}

/** Bytes that lists may have whatever has been out. */
const KEEP = 256 * 1024;

/** Bytes that are had for a class at once, at least and at most: between these, a quarter of what it has taken. */
const LEAST = 2048, MOST = 65536;

/** Lists of a guest's free blocks, over a stack on the guest's heap. */
export const front = <L extends AnyLayer>(
  base: L,
): LayerWith<Front<StateOf<L>>, "gauge" | Kept<L, "resize" | "reset" | "maxAlign">> =>
  // deno-lint-ignore no-explicit-any
  adapterOn(base.heap, "front").adopt("front", over(base)) as any;

const over = layer(
  function front<S>(base: Layer<S>): Layer<Front<S>> {
    const { heap, get, put, resize, reset } = base, adapter = adapterOn(heap, "front");
    const cuts = base.divisible === true || reset !== undefined, returns = base.divisible === true || !cuts;
    const classOf = (size: number) => (size + 15) >>> 4;
    const bytesOf = (c: number) => c === 0 ? 16 : c << 4;
    const row = (area: Area, c: number) => (area.start + (c << 4)) >>> 2;

    /** Memory for blocks of a class, which are none of its yet; false if it cannot be had. */
    const refill = (s: Front<S>, c: number): boolean => {
      spare(s);
      const { area } = s, bytes = bytesOf(c), i = row(area, c);
      let n = Math.ceil(Math.min(MOST, Math.max(LEAST, s.taken[c] >>> 2)) / bytes);
      let taken = 0;
      if (cuts) {
        const p = get(s.base, n * bytes) || get(s.base, (n = 1) * bytes);
        if (p === 0) return false;
        adapter.reach(p + n * bytes);
        const { words } = area;
        words[i + 1] = p;
        words[i + 2] = p + n * bytes;
        words[i + 3] = bytes;
        taken = n * bytes;
      } else {
        for (; taken < n * bytes; taken += bytes) {
          const p = get(s.base, bytes);
          if (p === 0) break;
          adapter.reach(p + bytes);
          push(area, c, p);
        }
      }
      s.taken[c] += taken;
      s.had += taken;
      return taken > 0;
    };

    const push = (area: Area, c: number, p: Ptr): void => {
      const i = row(area, c), { words } = area;
      heap.u32[p >>> 2] = words[i];
      words[i] = p;
    };

    const pop = (area: Area, c: number): Ptr => {
      const i = row(area, c), { words } = area, p = words[i];
      if (p !== 0) {
        words[i] = heap.u32[p >>> 2];
        return p;
      }
      const q = words[i + 1];
      if (q === words[i + 2]) return 0;
      words[i + 1] = q + words[i + 3];
      return q;
    };

    /** Gives back all that is kept. */
    const trim = (s: Front<S>): void => {
      for (let c = 0; c < CLASSES; c++) {
        const { words } = s.area, i = row(s.area, c), bytes = bytesOf(c);
        for (let p = words[i]; p !== 0; p = words[i]) {
          words[i] = heap.u32[p >>> 2];
          put(s.base, p, bytes);
          s.had -= bytes;
        }
        const rest = words[i + 2] - words[i + 1];
        if (rest > 0) {
          put(s.base, words[i + 1], rest);
          words[i + 1] = words[i + 2];
          s.had -= rest;
        }
      }
      s.taken.fill(0);
    };

    /** Gives it back if it is too much. */
    const spare = (s: Front<S>): void => {
      const { live, watermark } = s.area;
      if (returns && s.had - (live - s.large) > KEEP + 1.5 * watermark) trim(s);
    };

    const clear = (s: Front<S>): void => {
      const { words } = s.area;
      words.fill(0, row(s.area, 0), row(s.area, CLASSES));
      s.taken.fill(0);
      s.had = s.large = 0;
    };

    return {
      heap,
      counts: true,
      init: () => ({ base: base.init(), ...adapter.open("gone"), taken: new Uint32Array(CLASSES), had: 0, large: 0 }),
      deinit: (s) => {
        if (returns) trim(s);
        adapter.close(s);
        base.deinit(s.base);
      },
      get: (s, size, align = 16) => {
        let p;
        if (size > SMALL || (align as number) > 16) {
          const bytes = size > SMALL ? size : bytesOf(classOf(size));
          spare(s);
          p = get(s.base, bytes, align);
          if (p === 0 && returns) {
            trim(s);
            p = get(s.base, bytes, align);
          }
          if (p === 0) return 0;
          if (size > SMALL) s.large += size;
          else { // it comes back to the lists
            s.had += bytes;
            adapter.reach(p + bytes);
          }
        } else {
          const c = classOf(size);
          p = pop(s.area, c);
          if (p === 0 && (refill(s, c) || (returns && (trim(s), refill(s, c))))) p = pop(s.area, c);
        }
        if (p !== 0) s.area.countIn(size);
        return p >>> 0;
      },
      put: (s, p, size) => {
        s.area.countOut(size);
        adapter.released(p);
        if (size <= SMALL) push(s.area, classOf(size), p);
        else {
          s.large -= size;
          put(s.base, p, size);
        }
      },
      resize: (s, p, old, size) => {
        if (old <= SMALL || size <= SMALL) {
          if (old > SMALL || size > SMALL || bytesOf(classOf(old)) !== bytesOf(classOf(size))) return false;
        } else {
          if (resize === undefined || !resize(s.base, p, old, size)) return false;
          s.large += size - old;
        }
        s.area.countResize(old, size);
        return true;
      },
      gauge: (s) => s.figures ?? s.area.gauge(),
      ...(reset && {
        reset: (s: Front<S>) => {
          clear(s);
          reset(s.base);
          s.area.countAllOut();
        },
      }),
      ...(base.maxAlign && { maxAlign: base.maxAlign }),
    };
  },
  { adapterOn, CLASSES, SMALL, KEEP, LEAST, MOST },
) as unknown as (base: AnyLayer) => AnyLayer;
