/**
 * The call stacks that led to blocks, for the errors of `debug`: where they were allocated, and where freed.
 *
 * @module
 */

import type { CallStack } from "../call_stack.ts";
import type { Ptr } from "../heap.ts";

/** Call stacks of blocks, as part of a layer's state. JavaScript values. */
export interface Past {
  /** Of the blocks that are out or in quarantine, by address. */
  kept: Map<Ptr, Calls>;
  /** Of those that have left it, the last {@linkcode MOST_GONE}, the longest gone first. */
  gone: Map<Ptr, Calls>;
}

/** Call stacks of a block. */
export interface Calls {
  /** Of its allocation. */
  readonly allocated: CallStack;
  /** Of its being freed, if it has been. */
  freed: CallStack | undefined;
}

/** Blocks of which it is known where they were freed, after they have left the quarantine. */
export const MOST_GONE = 4096;

/** No call stacks yet. */
export function newPast(): Past {
  return { kept: new Map(), gone: new Map() };
}

/** Call stacks of the block that is, or was, at an address. */
export function callsOf({ kept, gone }: Past, p: Ptr): Calls | undefined {
  return kept.get(p) ?? gone.get(p);
}

/** A block has been allocated. */
export function noteGot({ kept, gone }: Past, p: Ptr, allocated: CallStack): void {
  gone.delete(p);
  kept.set(p, { allocated, freed: undefined });
}

/** A block has been freed. */
export function noteFreed({ kept }: Past, p: Ptr, freed: CallStack): void {
  const calls = kept.get(p);
  if (calls !== undefined) calls.freed = freed;
}

/** A block has left the quarantine. */
export function noteGone({ kept, gone }: Past, p: Ptr): void {
  const calls = kept.get(p);
  if (calls === undefined) return;
  kept.delete(p);
  gone.set(p, calls);
  if (gone.size > MOST_GONE) gone.delete(gone.keys().next().value!);
}
