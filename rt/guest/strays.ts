/**
 * What a guest frees, or reallocates, that is no block which is known: one of before it was served, one of a function that was
 * not found, or none.
 *
 * Guarantees: it changes nothing that is known; where a layer looks for misuse, that says what is wrong; anything else is left
 * to the guest's own allocator, unless it is in memory that others have handed out.
 *
 * @module
 */

import type { AnyAllocator } from "../../allocator.ts";
import type { Heap, Ptr } from "../../heap.ts";
import { ForeignFreeError } from "../../memory_errors.ts";
import { top } from "../../region.ts";
import type { OwnAllocator } from "./own_allocator.ts";

/** The strays of a guest. */
export class Strays {
  /** How many there have been. */
  count = 0;
  readonly #heap: Heap;
  readonly #own: OwnAllocator;
  readonly #ground: () => AnyAllocator;

  /** None yet. `ground`: what serves where no region is current. */
  constructor(heap: Heap, own: OwnAllocator, ground: () => AnyAllocator) {
    this.#heap = heap;
    this.#own = own;
    this.#ground = ground;
  }

  /** Frees what is at `p`. */
  free(p: Ptr): void {
    if (this.#accuse(p)) return;
    this.count++;
    if (!this.#own.lent(p)) this.#own.free(p);
  }

  /** Makes what is at `p` a block of `size` bytes, as far as the guest's own allocator can; or 0. */
  move(p: Ptr, size: number): Ptr {
    if (this.#accuse(p)) return 0;
    this.count++;
    return this.#own.functions.realloc === undefined || this.#own.lent(p) ? 0 : this.#own.run("realloc", p, size);
  }

  /**
   * Has a layer that looks for misuse say what is wrong with freeing that, if one serves, which throws it. What may be of before
   * is no mistake. True if it is a block that was had from that layer elsewhere, and is freed.
   */
  #accuse(p: Ptr): boolean {
    const a = this.#looking();
    if (a === undefined) return false;
    const { layer, state } = a, size = layer.owns?.(state, p) ? layer.sizeOf?.(state, p) : undefined;
    try {
      a._put(state, p, size ?? 0);
    } catch (e) {
      if (e instanceof ForeignFreeError && this.#own.mayHave(p)) return false;
      throw e;
    }
    return true;
  }

  /** The innermost allocator here that looks for misuse. */
  #looking(): AnyAllocator | undefined {
    for (let a: AnyAllocator | undefined = top(); a !== undefined; a = a._outside) {
      if (a.heap === this.#heap && !a.closed && a.layer.verify !== undefined) return a;
    }
    const ground = this.#ground();
    return ground.closed || ground.layer.verify === undefined ? undefined : ground;
  }
}
