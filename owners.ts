/**
 * Which allocators there are: so that an error about a block can say whose it is.
 *
 * Nothing is kept, and nothing paid, until a layer asks for it; then allocators are kept in weak references, so that one
 * which nobody closes can be collected.
 *
 * @module
 */

import type { Heap } from "./heap.ts";
import type { AnyLayer } from "./layer.ts";

/** What can have blocks: an allocator. */
export interface Owner {
  /** The heap that its blocks lie in. */
  readonly heap: Heap;
  /** The stack that serves the requests. */
  readonly layer: AnyLayer;
  /** Its state. */
  readonly state: unknown;
  /** Whether it has been closed. */
  readonly closed: boolean;
  /** The one outside, if it serves a region. */
  readonly _outside: Owner | undefined;
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

/** The owners on a heap that are open: those that came last first, as they may have their memory of another. */
export function ownersOn(heap: Heap): Owner[] {
  const all = new Set<Owner>();
  for (const ref of [...owners].reverse()) {
    for (let owner = ref.deref(); owner !== undefined && !all.has(owner); owner = owner._outside) all.add(owner);
  }
  return [...all].filter((owner) => owner.heap === heap && !owner.closed);
}
