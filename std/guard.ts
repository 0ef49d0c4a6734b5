/**
 * Accesses to a heap that a layer may look at: {@linkcode Heap.guard}.
 *
 * Where no layer does, and none has, an engine takes the guard for a constant, and the question whether there is one
 * for nothing. Slices and tables, of which it cannot know the heap, ask in other ways: see `element.ts` and
 * `guarded` in `key.ts`.
 *
 * @module
 */

import type { Heap, Ptr } from "../heap.ts";

/** `p`, where so many bytes are to be read. A `MemoryError` if they must not be. */
export function at(heap: Heap, p: Ptr, bytes: number): Ptr {
  return heap.guard === undefined ? p : heap.guard.read(p, bytes);
}

/** `p`, where so many bytes are to be written. A `MemoryError` if they must not be. */
export function to(heap: Heap, p: Ptr, bytes: number): Ptr {
  return heap.guard === undefined ? p : heap.guard.write(p, bytes);
}

/** Bytes are to be copied from `q` in one heap to `p` in another or the same: what has not been written may be. */
export function copying(heap: Heap, p: Ptr, from: Heap, q: Ptr, bytes: number): void {
  const written = from.guard?.lend(q, bytes);
  heap.guard?.take(p, written ?? new Uint8Array(bytes).fill(1));
}
