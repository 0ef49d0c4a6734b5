/**
 * Lists of slabs, linked through words of their headers. Not a layer; `bonwick`, `slab` and `slabs` keep some.
 *
 * ```
 * head -> slab | .., .., .., next, prev, .. | -> slab -> 0
 * ```
 *
 * @module
 */

import type { Heap, Ptr } from "../heap.ts";

const NEXT = 3, PREV = 4; // words of a slab

/** Links a slab in front of the list that begins with `head`. */
export function link(heap: Heap, slab: Ptr, head: Ptr): void {
  const { u32 } = heap;
  u32[(slab >>> 2) + NEXT] = head;
  u32[(slab >>> 2) + PREV] = 0;
  if (head !== 0) u32[(head >>> 2) + PREV] = slab;
}

/** Takes a slab out of the list that begins with `head`, and returns where it begins then. */
export function unlink(heap: Heap, slab: Ptr, head: Ptr): Ptr {
  const { u32 } = heap, next = u32[(slab >>> 2) + NEXT], prev = u32[(slab >>> 2) + PREV];
  if (next !== 0) u32[(next >>> 2) + PREV] = prev;
  if (prev !== 0) u32[(prev >>> 2) + NEXT] = next;
  return prev === 0 ? next : head;
}
