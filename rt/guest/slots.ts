/**
 * Which allocators have blocks of a guest: a small number for each, its slot, which the ledger keeps with a block.
 *
 * Guarantees: a block has an owner as long as it is out, whatever is closed meanwhile, and slots of allocators that are closed
 * are used again. Costs: O(1), and O(memory of the guest) for one in some 250 allocators.
 *
 * @module
 */

import type { AnyAllocator } from "../../allocator.ts";
import { type Ledger, MOST_SLOTS } from "./ledger.ts";

/** What becomes of blocks over which their allocator has been closed: they are no more, or the guest's own allocator has them. */
export type Fate = "gone" | "original";

/** What is known of a slot. */
interface Slot {
  /** Undefined for that of a state which serves nobody yet. */
  owner: AnyAllocator | undefined;
  /** Whether the guest's own code knows its layer. */
  readonly native: boolean;
  /** Whether nothing more is served there. */
  closed: boolean;
  fate: Fate;
}

/** The slots of blocks whose allocators are forgotten, by their fates. */
const FORGOTTEN: Readonly<Record<Fate, number>> = { gone: MOST_SLOTS, original: MOST_SLOTS - 1 };

/** The allocators of a guest's blocks. */
export class Slots {
  readonly #name: string;
  readonly #ledger: Ledger;
  readonly #all: (Slot | undefined)[] = [];
  readonly #of: WeakMap<AnyAllocator, number> = new WeakMap();

  /** For the blocks in a ledger of the guest of that name. */
  constructor(name: string, ledger: Ledger) {
    this.#name = name;
    this.#ledger = ledger;
    for (const fate of ["gone", "original"] as const) {
      this.#all[FORGOTTEN[fate]] = { owner: undefined, native: false, closed: true, fate };
    }
  }

  /** A slot for a state that the guest's own code knows. */
  open(fate: Fate): number {
    return this.#add({ owner: undefined, native: true, closed: false, fate });
  }

  /** That state is closed. */
  close(slot: number): void {
    this.#all[slot]!.closed = true;
  }

  /** The slot of an allocator, or 0 if it has none. */
  of(a: AnyAllocator): number {
    return this.#of.get(a) ?? 0;
  }

  /** Gives an allocator the slot that has been opened for its state. */
  own(slot: number, a: AnyAllocator): number {
    this.#all[slot]!.owner = a;
    this.#of.set(a, slot);
    return slot;
  }

  /** Gives an allocator a slot. */
  add(a: AnyAllocator, fate: Fate): number {
    return this.own(this.#add({ owner: undefined, native: false, closed: false, fate }), a);
  }

  /** Gives an allocator another slot: the blocks that it has are gone. */
  renew(a: AnyAllocator): number {
    const before = this.#all[this.#of.get(a)!]!;
    const slot = this.#add({ ...before });
    before.owner = undefined;
    before.closed = true;
    before.fate = "gone";
    return this.own(slot, a);
  }

  /** Whether the guest's own code knows the layer of a slot. */
  isNative(slot: number): boolean {
    return this.#all[slot]?.native === true;
  }

  /** What becomes of blocks that are out when their allocator is closed. */
  fateOf(slot: number): Fate {
    return this.#all[slot]?.fate ?? "gone";
  }

  /** That is now that they are no more. */
  doom(slot: number): void {
    this.#all[slot]!.fate = "gone";
  }

  /** What a block has gone to whose layer has given it back by itself. */
  get gone(): number {
    return FORGOTTEN.gone;
  }

  /** The allocator that a block goes back to; undefined if that is closed, or no block. Companions leave theirs to those outside. */
  ownerOf(slot: number): AnyAllocator | undefined {
    let a = this.#all[slot]?.owner;
    while (a !== undefined && a.closed) a = a._accompanies ? a._outside : undefined;
    return a;
  }

  /** The first slot that nobody has. */
  #add(slot: Slot): number {
    let at = this.#vacant();
    if (at === 0) {
      this.#forget();
      at = this.#vacant();
    }
    if (at === 0) {
      throw new Error(
        `Cannot serve the guest ${this.#name}: ${
          FORGOTTEN.original - 1
        } allocators are open on its heap, which is the most`,
      );
    }
    this.#all[at] = slot;
    return at;
  }

  #vacant(): number {
    for (let slot = 1; slot < FORGOTTEN.original; slot++) if (this.#all[slot] === undefined) return slot;
    return 0;
  }

  /** Frees the slots of what is closed. */
  #forget(): void {
    const heirs = this.#all.map((known, slot) => known === undefined || !isClosed(known) ? slot : this.#heir(slot));
    this.#ledger.forEach((p, _, slot) => {
      if (heirs[slot] !== slot) this.#ledger.assign(p, heirs[slot] ?? FORGOTTEN.gone);
    });
    for (let slot = 1; slot < FORGOTTEN.original; slot++) if (heirs[slot] !== slot) delete this.#all[slot];
  }

  /** The slot that blocks of a slot can have as well, whose allocator is closed. */
  #heir(slot: number): number {
    const owner = this.ownerOf(slot);
    return owner === undefined ? FORGOTTEN[this.fateOf(slot)] : this.#of.get(owner) ?? slot;
  }
}

function isClosed({ owner, closed }: Slot): boolean {
  return closed || owner?.closed === true;
}
