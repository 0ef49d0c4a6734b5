/**
 * A quarantine: blocks that have been freed and are held back, first in, first out. Not a layer; `debug` keeps one.
 *
 * It lies outside of the heap, 8 to 32 bytes a block.
 *
 * ```
 * queue: | - | - | address, size | address, size | - | - |
 *                head                            tail     limit
 * ```
 *
 * @module
 */

import type { Ptr } from "../heap.ts";

/** A quarantine, as part of a layer's state. */
export interface Quarantine {
  /**
   * Address and size in bytes of each block that is held back. Where a block has more than 16 bytes in front, the address
   * is one more.
   */
  queue: Uint32Array;
  /** Index of the block that has been in there the longest. */
  head: number;
  /** Index behind the last block. */
  tail: number;
  /** Length of the queue. */
  limit: number;
  /** What the blocks take of the layer below, in bytes. */
  heldBytes: number;
}

/** Words in a queue at first. */
export const FIRST_WORDS = 64;

/** Makes room behind the last block: in front of the first there is some, or in a queue that is twice as long. */
export function makeRoom(q: Quarantine): void {
  const { queue, head, tail } = q, words = tail - head;
  if (2 * words > queue.length) q.queue = new Uint32Array(2 * queue.length);
  q.queue.set(queue.subarray(head, tail));
  q.head = 0;
  q.tail = words;
  q.limit = q.queue.length;
}

/** The addresses of the blocks that are held back, the first in first. */
export function* held({ queue, head, tail }: Quarantine): Generator<Ptr> {
  for (let i = head; i < tail; i += 2) yield queue[i] - queue[i] % 2;
}
