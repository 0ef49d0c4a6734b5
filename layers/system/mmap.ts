/**
 * `mmap`: whole pages, straight from the heap.
 *
 * Guarantees: blocks start on a page and are whole pages of 4 KiB; pages that come back merge with their neighbours and
 * are used again before the memory grows. Costs: O(log pages), O(1) at the end of the memory; up to a page less a byte
 * of overhead a block. There is no layer below.
 *
 * @module
 */

import { type Heap, heap as defaultHeap } from "../../heap.ts";
import { type Layer, layer, type LayerWith } from "../../layer.ts";

/** State of {@linkcode mmap}: none, the heap keeps the pages. */
// deno-lint-ignore no-empty-interface
export interface Mmap {}

/**
 * Serves whole pages of 4 KiB from a heap.
 *
 * `put` of what is not a block that is out throws a `RangeError` and changes nothing.
 *
 * @param heap Where the pages come from. Default: the program's default heap
 *
 * @example
 * ```ts
 * import { mmap } from "./mmap.ts";
 *
 * const stack = mmap();
 * const s = stack.init();
 * const p = stack.get(s, 5000);    // two pages
 * stack.put(s, p, 5000);
 * ```
 */
export const mmap = (heap: Heap = defaultHeap): LayerWith<Mmap, "resize" | "goodSize" | "maxAlign"> => over(heap);

const over: (heap: Heap) => ReturnType<typeof mmap> = layer(function mmap(heap: Heap): Layer<Mmap> {
  const pages = (size: number) => size === 0 ? 1 : ((size - 1) >>> 12) + 1;
  return {
    heap,
    init: () => ({}),
    deinit: () => {},
    get: (_, size, align = 16) => heap.getPages(pages(size), (align as number) > 4096 ? align >>> 12 : 1),
    put: (_, p, size) => heap.putPages(p, pages(size)),
    resize: (_, p, old, size) => heap.resizePages(p, pages(old), pages(size)),
    goodSize: (size) => Math.min(pages(size) * 4096, 2 ** 32 - 1),
    maxAlign: 2 ** 30,
    pristine: true,
  };
});
