/**
 * `fixed`: a buffer of fixed size, somewhere in the memory of a heap.
 *
 * Guarantees: no byte outside the range is touched; blocks lie behind one another, each on whole units of 16 bytes; the
 * last one can be put and resized, so that what is put last in, first out comes back (but for the gap in front of a
 * block aligned to more than 16). Costs: an addition and a comparison; up to 15 bytes a block, and as many at each end
 * of the range. There is no layer below.
 *
 * **The range has one state at a time.** While a state is open, any other of the same layer has no memory, and each
 * `get` of it returns 0; when it is closed, the next `init` has the range. Two layers over ranges that overlap do not
 * know of each other, nor does the heap know of either: the range must be the caller's, as pages that it got are. Equal
 * ranges are one layer, whoever composed it: a state that is never closed keeps the range for good.
 *
 * ```
 * | block | block | block | free |
 * start                   brk    end
 * ```
 *
 * @module
 */

import { assertInteger, show } from "../../errors.ts";
import { Heap, heap as defaultHeap, type Ptr } from "../../heap.ts";
import { type Layer, layer, type LayerWith } from "../../layer.ts";

/** State of {@linkcode fixed}. */
export interface Fixed {
  /** Address of the first byte of the range that is used, or 0 if another state has the range. */
  start: Ptr;
  /** Address of the first byte that is free. */
  brk: Ptr;
  /** Address after the last byte of the range that is used. */
  end: Ptr;
}

/**
 * Serves blocks from a range of a heap's memory, and from nowhere else.
 *
 * @param range The range: its first address and its bytes, or a view on the heap's memory as it is now, of which both are
 *   taken at once. It lies inside the memory and below the last page of 4 GiB, does not start at 0, and has room for a
 *   block of 16 bytes on a multiple of 16: a `RangeError` otherwise
 * @param heap The heap in whose memory the range lies. Default: the program's default heap
 *
 * @example
 * ```ts
 * import { heap } from "../../heap.ts";
 * import { fixed } from "./fixed.ts";
 *
 * const p = heap.getPages(1);
 * const stack = fixed({ start: p, bytes: 4096 });  // or fixed(heap.u8.subarray(p, p + 4096))
 * const s = stack.init();
 * stack.get(s, 100);               // p
 * stack.get(s, 4000);              // 0
 * stack.deinit(s);
 * heap.putPages(p, 1);
 * ```
 */
export function fixed(
  range: { readonly start: Ptr; readonly bytes: number } | ArrayBufferView,
  heap: Heap = defaultHeap,
): LayerWith<Fixed, "resize" | "owns" | "reset" | "goodSize" | "maxAlign"> {
  if (typeof range !== "object" || range === null) {
    throw new TypeError(`Cannot compose fixed: range must be { start, bytes } or a view, got ${show(range)}`);
  }
  if (!ArrayBuffer.isView(range)) return over(heap, range.start, range.bytes);
  if (heap instanceof Heap && range.buffer !== heap.u8.buffer) {
    throw new TypeError(
      `Cannot compose fixed: range must be a view on the memory of the heap as it is now, got ${
        show(range)
      } on another`,
    );
  }
  return over(heap, range.byteOffset, range.byteLength);
}

const over: (heap: Heap, start: Ptr, bytes: number) => ReturnType<typeof fixed> = layer(
  function fixed(heap: Heap, start: Ptr, bytes: number): Layer<Fixed> {
    const top = Math.min(heap.size, 2 ** 32 - 4096); // so that rounding up to a page cannot wrap
    assertInteger("compose fixed", "start of the range, an address in bytes,", start, 1, top - 1);
    assertInteger("compose fixed", "bytes in the range", bytes, 1, top - start);
    const first = Math.ceil(start / 16) * 16, end = Math.floor((start + bytes) / 16) * 16;
    if (end <= first) {
      throw new RangeError(
        `Cannot compose fixed: range must have 16 bytes on a multiple of 16, got ${bytes} bytes at ${start}`,
      );
    }
    let taken = false;

    /** Bytes that a block takes. */
    const span = (size: number): number => size === 0 ? 16 : (((size - 1) >>> 4) + 1) * 16;

    return {
      heap,
      init: () => {
        if (taken) return { start: 0, brk: 0, end: 0 };
        taken = true;
        return { start: first, brk: first, end };
      },
      deinit: (s) => {
        if (s.start !== 0) taken = false;
        s.start = s.brk = s.end = 0;
      },
      get: (s, size, align = 16) => {
        const p = ((s.brk + (align - 1)) & -align) >>> 0, end = p + span(size);
        if (end > s.end) return 0;
        s.brk = end;
        return p;
      },
      put: (s, p, size) => {
        if (p + span(size) === s.brk) s.brk = p;
      },
      resize: (s, p, old, size) => {
        const end = p + span(size);
        if (p + span(old) !== s.brk) return span(size) <= span(old);
        if (end > s.end) return false;
        s.brk = end;
        return true;
      },
      owns: (s, p) => p >= s.start && p < s.brk,
      reset: (s) => {
        s.brk = s.start;
      },
      goodSize: (size) => Math.min(span(size), 2 ** 32 - 1),
      maxAlign: 4096,
      ...(heap.fresh >= end && { pristine: true }), // else pages that the heap takes for untouched are written to here
    };
  },
  { assertInteger },
);
