/**
 * `front`: lists of small free blocks that a guest's own code serves from, in front of a stack.
 *
 * Guarantees: what the stack below serves, the lists keep and serve again; they keep no more than what has been out at most, and 256
 * KiB, and give half of that back where it is too much, and all before a request is refused. Costs: nothing in a block, whose first word links it while it is free; 3 to 5 ns a request that is served from a
 * list, with no call out of the guest. It counts, so that `stats` over it adds nothing. Of a layer below that can take parts of blocks back
 * (`coalesce`), or all at once (`arena`), it takes a large block and cuts it; otherwise a number of small ones.
 *
 * @module
 */

import type { Ptr } from "../heap.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, type StateOf } from "../layer.ts";
import { adapterOn, type Native } from "./adapter.ts";
import type { Area } from "./area.ts";
import { CLASSES, SMALL } from "./switches.ts";

/** State of {@linkcode front}. */
export interface Front<S> extends Native {
  /** State of the layer below. */
  base: S;
  /** Bytes in the lists, and not yet cut, when that was last counted. */
  kept: number;
  /** Bytes out then. */
  live: number;
}

/** Bytes that lists may have whatever has been out. */
const KEEP = 256 * 1024;

/** Blocks that are had at once at most, and the bytes that these have. */
const BATCH = 128, SPAN = 16384;

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

    const settle = (s: Front<S>, kept: number): void => {
      s.kept = kept;
      s.live = s.area.live;
    };

    /** Bytes that are kept, about: what has come back since they were counted is, what has gone out is not. */
    const keptBy = (s: Front<S>): number => Math.max(0, s.kept + s.live - s.area.live);

    /** Gives back half of what may be kept if more is, before more memory is asked for. */
    const tidy = (s: Front<S>): void => {
      const most = KEEP + s.area.watermark / 2;
      if (returns && keptBy(s) > most) trim(s, most / 2);
    };

    /** Memory for blocks of a class, which are none of its yet; false if it cannot be had. */
    const refill = (s: Front<S>, c: number): boolean => {
      const { area } = s, bytes = bytesOf(c), i = row(area, c);
      const size = cuts ? Math.max(1, Math.min(BATCH, SPAN / bytes | 0)) * bytes : bytes;
      let n = 0;
      tidy(s);
      if (cuts) {
        const p = get(s.base, size);
        if (p === 0) return false;
        adapter.reach(p + size);
        const { words } = area;
        words[i + 1] = p;
        words[i + 2] = p + size;
        words[i + 3] = bytes;
        n = 1;
      } else {
        for (; n < BATCH >>> 2; n++) {
          const p = get(s.base, bytes);
          if (p === 0) break;
          adapter.reach(p + bytes);
          push(area, c, p);
        }
      }
      if (n > 0) settle(s, keptBy(s) + n * size);
      return n > 0;
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

    /** Gives back what is kept, down to so many bytes. */
    const trim = (s: Front<S>, most: number): void => {
      const { area } = s, counts = new Uint32Array(CLASSES);
      let kept = 0;
      for (let c = 0; c < CLASSES; c++) {
        const { words } = area, i = row(area, c);
        for (let p = words[i]; p !== 0; p = heap.u32[p >>> 2]) counts[c]++;
        kept += counts[c] * bytesOf(c) + words[i + 2] - words[i + 1];
      }
      const share = kept > most ? most / kept : 1;
      for (let c = 0; c < CLASSES && share < 1; c++) {
        const { words } = area, i = row(area, c), bytes = bytesOf(c);
        const n = Math.floor(counts[c] * share);
        for (; counts[c] > n; counts[c]--) {
          const p = words[i];
          words[i] = heap.u32[p >>> 2];
          put(s.base, p, bytes);
          kept -= bytes;
        }
        const rest = words[i + 2] - words[i + 1];
        if (share === 0 && rest > 0) {
          put(s.base, words[i + 1], rest);
          words[i + 1] = words[i + 2];
          kept -= rest;
        }
      }
      settle(s, kept);
    };

    const clear = (s: Front<S>): void => {
      const { words } = s.area;
      for (let c = 0; c < CLASSES; c++) words.fill(0, row(s.area, c), row(s.area, c) + 4);
    };

    return {
      heap,
      counts: true,
      init: () => ({ base: base.init(), ...adapter.open("gone"), kept: 0, live: 0 }),
      deinit: (s) => {
        if (returns) trim(s, 0);
        adapter.close(s);
        base.deinit(s.base);
      },
      get: (s, size, align = 16) => {
        let p;
        if (size > SMALL || (align as number) > 16) {
          const bytes = size > SMALL ? size : bytesOf(classOf(size));
          tidy(s);
          p = get(s.base, bytes, align);
          if (p === 0 && returns) {
            trim(s, 0);
            p = get(s.base, bytes, align);
          }
          if (size <= SMALL) adapter.reach(p + bytes); // it comes back to the lists
        } else {
          const c = classOf(size);
          p = pop(s.area, c);
          if (p === 0 && (refill(s, c) || (returns && (trim(s, 0), refill(s, c))))) p = pop(s.area, c);
        }
        if (p !== 0) s.area.countIn(size);
        return p >>> 0;
      },
      put: (s, p, size) => {
        s.area.countOut(size);
        adapter.released(p);
        if (size > SMALL) put(s.base, p, size);
        else push(s.area, classOf(size), p);
      },
      resize: (s, p, old, size) => {
        const done = old <= SMALL || size <= SMALL
          ? old <= SMALL && size <= SMALL && bytesOf(classOf(old)) === bytesOf(classOf(size))
          : resize !== undefined && resize(s.base, p, old, size);
        if (done) s.area.countResize(old, size);
        return done;
      },
      gauge: (s) => s.figures ?? s.area.gauge(),
      ...(reset && {
        reset: (s: Front<S>) => {
          clear(s);
          reset(s.base);
          s.area.countAllOut();
          settle(s, 0);
        },
      }),
      ...(base.maxAlign && { maxAlign: base.maxAlign }),
    };
  },
  { adapterOn, CLASSES, SMALL, KEEP, BATCH, SPAN },
) as unknown as (base: AnyLayer) => AnyLayer;
