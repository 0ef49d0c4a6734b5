/**
 * Which allocators there are: so that an error about a block can say whose it is.
 *
 * Nothing is kept, and nothing paid, until a layer asks for it; then allocators are kept in weak references, so that one
 * which nobody closes can be collected.
 *
 * @module
 */

import type { Heap, Ptr } from "./heap.ts";

/** What can have blocks: an allocator. */
export interface Owner {
  /** The heap that its blocks lie in. */
  readonly heap: Heap;
  /** The one outside, if it serves a region. */
  readonly _outside: Owner | undefined;
  /** Its name, as in "stats(bonwick(mmap))". */
  _name(): string;
  /** Whether it is open, and says that the block at `p` is its own. */
  _owns(p: Ptr): boolean;
  /** Whether it is open, and `p` is in memory of one of its layers; of those above the one with the state `below`. */
  _holds(p: Ptr, below: unknown): boolean;
}

let asked = false;
let owners: WeakRef<Owner>[] = [];
/** Owners at which those that have been collected are left out. */
let most = 64;

/** From now on, owners are kept. */
export function keepOwners(): void {
  asked = true;
}

/** Keeps an owner, if that has been asked for. */
export function addOwner(owner: Owner): void {
  if (asked) keep(owner);
}

/** Keeps an owner in any case: one that is there before anybody can ask. */
export function keep(owner: Owner): void {
  owners.push(new WeakRef(owner));
  if (owners.length <= most) return;
  owners = owners.filter((ref) => ref.deref() !== undefined);
  most = Math.max(64, 2 * owners.length);
}

/**
 * Whose the block at `p` is, as in "one of stats(mmap)", or in whose memory it lies; "" if nobody says so. Regions around
 * an allocator are asked, too.
 *
 * @param not The state of the layer that asks: what is below it is not looked at
 */
export function ownerAt(heap: Heap, p: Ptr, not: unknown): string {
  const asked = new Set<Owner>();
  for (const ref of [...owners].reverse()) { // the innermost first: it may have its memory of another
    for (let owner = ref.deref(); owner !== undefined && !asked.has(owner); owner = owner._outside) asked.add(owner);
  }
  const near = [...asked].filter((owner) => owner.heap === heap);
  const one = near.find((owner) => says(() => owner._owns(p)));
  if (one !== undefined) return `one of ${one._name()}`;
  const holder = near.find((owner) => says(() => owner._holds(p, not)));
  return holder === undefined ? "" : `in memory of ${holder._name()}`;
}

/** What a layer says; nothing if it throws, as one of somebody else's may. */
function says(f: () => boolean): boolean {
  try {
    return f();
  } catch {
    return false;
  }
}
