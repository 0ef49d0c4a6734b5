/**
 * Whose memory an address is in: for errors, which are to say so.
 *
 * @module
 */

import { nameOf } from "../describe.ts";
import type { Heap, Ptr } from "../heap.ts";
import { type AnyLayer, inspect } from "../layer.ts";
import { type BlockHistory, blockText } from "../memory_errors.ts";
import { type Owner, ownersOn } from "../owners.ts";
import { blockAt, type Known } from "./known.ts";
import type { Ledger } from "./ledger.ts";

/** What others than the layer that asks have to do with an address. */
export interface Whose {
  /** That, as in "but one of stats(mmap)". */
  readonly text: string;
  /** The block there, where a `debug` knows it. */
  readonly block: BlockHistory | undefined;
}

/**
 * Whose the block at `p` is, or was, or in whose memory it lies; undefined if nobody says so. Regions around an allocator
 * are asked, too.
 *
 * @param asking The state of the layer that asks: it, and what is below it, is not looked at
 */
export function whoseIs(heap: Heap, p: Ptr, asking: unknown): Whose | undefined {
  const all = ownersOn(heap), name = ({ layer }: Owner) => nameOf(layer);
  const known = (owner: Owner) => says(() => blockIn(owner, p, asking));
  const one = all.find(({ layer, state }) => says(() => layer.owns?.(state, p)));
  if (one !== undefined) {
    const block = known(one);
    return { text: `but one of ${name(one)}`, block: block?.live && block.address === p ? block : undefined };
  }
  const holder = all.find((owner) => known(owner)?.live || says(() => holds(owner.layer, owner.state, p, asking)));
  const block = holder && known(holder);
  if (holder === undefined || !block?.live) {
    const wasOne = (owner: Owner) => known(owner)?.live === false && known(owner)!.address === p;
    const former = holder && wasOne(holder) ? holder : all.find(wasOne);
    if (former) return { text: `but it was one of ${name(former)}, and has been freed`, block: known(former) };
    return holder && { text: `but in memory of ${name(holder)}`, block: undefined };
  }
  const inside = p >= block.address && p < block.address + block.size;
  return { text: `but in memory of ${name(holder)}${inside ? `, in ${blockText(block)}` : ""}`, block };
}

/** Other states of `debug` in the allocator that one is in, but for those above it and below. */
export function siblings(heap: Heap, state: Known): Known[] {
  const isIn = (layer: AnyLayer, s: unknown) => [...levels(layer, s)].some(([, s]) => s === state);
  const owner = ownersOn(heap).find(({ layer, state }) => isIn(layer, state));
  if (owner === undefined) return [];
  return [...levels(owner.layer, owner.state, state)]
    .filter(([layer, s]) => isKnown(s) && !isIn(layer, s)).map(([, s]) => s as Known);
}

/**
 * Whether an address is in memory that some layer of a stack has: says that it owns, or has in a ledger. Layers from that
 * with the state `below` on are not asked. O(runs).
 */
export function holds(layer: AnyLayer, state: unknown, p: Ptr, below?: unknown): boolean {
  for (const [l, s] of levels(layer, state, below)) {
    if (l.owns?.(s, p)) return true;
    const out = (s as { out?: unknown } | null | undefined)?.out;
    if (!l.stateless && isLedger(out) && hasRun(l.heap, out, p)) return true;
  }
  return false;
}

/** What the topmost `debug` of an allocator that knows a block there knows of it. */
function blockIn({ layer, state }: Owner, p: Ptr, below: unknown): ReturnType<typeof blockAt> {
  for (const [, s] of levels(layer, state, below)) {
    const block = isKnown(s) ? blockAt(s, p) : undefined;
    if (block !== undefined) return block;
  }
  return undefined;
}

/** The layers of a stack with their states, the topmost first, and none from that with the state `below` on. */
function* levels(layer: AnyLayer, state: unknown, below?: unknown): Generator<readonly [AnyLayer, unknown]> {
  if (state === below) return;
  yield [layer, state];
  const s = state as Record<string, unknown>, { parts } = layer, base = inspect(layer)?.base;
  if (parts !== undefined) { for (const field in parts) yield* levels(parts[field], s?.[field], below); }
  else if (base !== undefined) yield* levels(base, layer.stateless ? state : s?.base, below);
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

function isKnown(state: unknown): state is Known {
  return typeof state === "object" && state !== null && "rows" in state && "queue" in state && "past" in state;
}

/** What a layer says; nothing if it throws, as one of somebody else's may. */
function says<T>(f: () => T): T | undefined {
  try {
    return f();
  } catch {
    return undefined;
  }
}
