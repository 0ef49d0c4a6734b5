/**
 * What `debug` knows of blocks: those in its book, with the call stacks that led to them.
 *
 * @module
 */

import type { Ptr } from "../heap.ts";
import type { BlockHistory } from "../memory_errors.ts";
import { groupBySite, type Site } from "../sites.ts";
import { type Book, entries, type Entry, LIVE } from "./book.ts";
import { endOf, FENCE } from "./fences.ts";
import { callsOf, type Past } from "./past.ts";
import type { Quarantine } from "./quarantine.ts";

/** A book, a quarantine, and what led to their blocks. */
export interface Known extends Book, Quarantine {
  /** The call stacks that they were allocated and freed at, where those are recorded. */
  past: Past | undefined;
}

/** The block that an address is in, or in a fence of: a live one rather than one that has been freed. O(blocks). */
export function find(known: Known, p: Ptr): Entry | undefined {
  let best: Entry | undefined;
  for (const entry of entries(known)) {
    if (p < entry.p - FENCE || p >= endOf(entry.p, entry.size)) continue;
    if (entry.state === LIVE) return entry;
    best ??= entry;
  }
  return best;
}

/** What is known of a block. */
export function historyOf({ past }: Known, { p, size }: Entry): BlockHistory {
  return { address: p, size, ...(past && callsOf(past, p)) };
}

/** Where the blocks that are out were allocated; a place that is not known, if no call stacks are recorded. */
export function sitesOf(s: Known, depth: number): Site[] {
  const origins = [];
  let bytes = 0, count = 0;
  for (const { p, size, state } of entries(s)) {
    if (state !== LIVE) continue;
    bytes += size;
    count++;
    const calls = s.past?.kept.get(p);
    if (calls !== undefined) origins.push({ size, stack: calls.allocated, weight: 1 });
  }
  if (s.past === undefined && count > 0) return [{ count, bytes, sampled: count, frames: [] }];
  return groupBySite(origins, depth);
}

/**
 * The block that an address is in, or in a fence of: a live one, or else one that has been freed; undefined for none.
 * O(blocks).
 *
 * @internal
 */
export function blockAt(s: Known, p: Ptr): (BlockHistory & { readonly live: boolean }) | undefined {
  const entry = find(s, p);
  return entry && { ...historyOf(s, entry), live: entry.state === LIVE };
}
