/**
 * `sbrk`: a break that only moves up.
 *
 * Guarantees: blocks lie behind one another without gaps but for alignment; `deinit` gives the whole segment back.
 * Costs: an addition and a comparison; `put` does nothing. The segment is reserved a mebibyte at a time, in place, so
 * the break is at its end, and refuses, where pages behind it are somebody else's or the memory ends. There is no layer
 * below.
 *
 * ```
 * | block | block | block | reserved |
 * start                   brk        end
 * ```
 *
 * @module
 */

import { type Heap, heap as defaultHeap, type Ptr } from "../../heap.ts";
import { type Layer, layer, type LayerWith } from "../../layer.ts";

/** State of {@linkcode sbrk}. */
export interface Sbrk {
  /** Address of the segment, or 0. */
  start: Ptr;
  /** Address of the first byte that is free. */
  brk: Ptr;
  /** Address after the segment. */
  end: Ptr;
}

/**
 * Serves blocks from a segment of its own, of which the end moves up.
 *
 * @param heap Where the segment lies. Default: the program's default heap
 *
 * @example
 * ```ts
 * import { sbrk } from "./sbrk.ts";
 *
 * const stack = sbrk();
 * const s = stack.init();
 * stack.get(s, 100);
 * stack.deinit(s);
 * ```
 */
export const sbrk = (
  heap: Heap = defaultHeap,
): LayerWith<Sbrk, "resize" | "owns" | "reset" | "maxAlign"> => over(heap);

const over: (heap: Heap) => ReturnType<typeof sbrk> = layer(function sbrk(heap: Heap): Layer<Sbrk> {
  const STEP = 256; // pages

  /** Moves the end up to `end` at least, by a step or, where that is too much, by as little as will do. */
  const extend = (s: Sbrk, end: Ptr): boolean => {
    const have = (s.end - s.start) >>> 12, need = Math.ceil((end - s.end) / 4096) >>> 0;
    for (const more of [Math.max(need, STEP), need]) {
      if (s.start === 0) {
        const p = heap.getPages(more);
        if (p !== 0) {
          s.start = s.brk = p;
          s.end = p + more * 4096;
          return true;
        }
      } else if (heap.extendPages(s.start, have, more)) {
        s.end += more * 4096;
        return true;
      }
    }
    return false;
  };

  const get = (s: Sbrk, size: number, align = 16): Ptr => {
    const p = ((s.brk + (align - 1)) & -align) >>> 0, end = p + (size >>> 0);
    if (end > s.end || size === 0) {
      if (size === 0) return get(s, 1, align);
      return extend(s, end) ? get(s, size, align) >>> 0 : 0;
    }
    s.brk = end;
    return p;
  };

  return {
    heap,
    init: () => ({ start: 0, brk: 0, end: 0 }),
    deinit: (s) => {
      if (s.start !== 0) heap.putPages(s.start, (s.end - s.start) >>> 12);
      s.start = s.brk = s.end = 0;
    },
    get,
    put: () => {},
    resize: (s, p, old, size) => {
      // Another allocator's block may end where our first one begins, which is where the break is after a reset
      if (p < s.start || p + (old || 1) !== s.brk) return size <= old;
      const end = p + (size || 1);
      if (end > s.end && (end >= 2 ** 32 || !extend(s, end))) return false;
      s.brk = end;
      return true;
    },
    owns: (s, p) => p >= s.start && p < s.brk,
    reset: (s) => {
      s.brk = s.start;
    },
    maxAlign: 4096, // as the heap hands out no page at the end of the address space, rounding up so far cannot wrap
    pristine: true,
  };
});
