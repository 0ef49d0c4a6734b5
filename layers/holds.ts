/**
 * Whose memory an address is in: for errors, which are to say so.
 *
 * @module
 */

import type { Heap, Ptr } from "../heap.ts";
import { type AnyLayer, inspect } from "../layer.ts";
import type { Ledger } from "./ledger.ts";

/**
 * Whether an address is in memory that some layer of a stack has: says that it owns, or has in a ledger. Layers from that
 * with the state `below` on are not asked. O(runs).
 */
export function holds(layer: AnyLayer, state: unknown, p: Ptr, below?: unknown): boolean {
  if (state === below) return false;
  if (layer.owns?.(state, p)) return true;
  const s = state as Record<string, unknown>, { parts } = layer;
  if (!layer.stateless && isLedger(s?.out) && hasRun(layer.heap, s.out, p)) return true;
  if (parts !== undefined) return Object.entries(parts).some(([field, part]) => holds(part, s?.[field], p, below));
  const base = inspect(layer)?.base;
  return base !== undefined && holds(base, layer.stateless ? state : s?.base, p, below);
}

/** Whether an address is in a block that is booked. */
function hasRun({ u32 }: Heap, { table, slots }: Ledger, p: Ptr): boolean {
  for (let i = table >>> 2, end = i + 2 * slots; i < end; i += 2) {
    if (u32[i] !== 0 && p >= u32[i] && p - u32[i] < u32[i + 1]) return true;
  }
  return false;
}

function isLedger(value: unknown): value is Ledger {
  return typeof value === "object" && value !== null && "table" in value && "slots" in value && "blocks" in value;
}
