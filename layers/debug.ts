/**
 * `debug`: finds what a program does wrong with blocks, and says where it did.
 *
 * Guarantees: a `put` or `resize` of what is no block that is out, or has another size, throws and changes nothing; the
 * error says what it is, whose it is, where it was allocated and freed. What has been written around a block is found when
 * it is put or resized, what has been written to a freed one when it leaves the quarantine, all of it by `verify`, `reset`
 * and `deinit`. It is told once: then the fence or fill is whole again, and the call that has been refused can be made
 * again. What has been allocated is filled with `cd` bytes, what has been freed with `dd`. Where memory has run out, the
 * quarantine is emptied and the layer below asked again.
 *
 * Costs: 5 to 6 times what a small block takes of `general` or `bonwick`; 2 to 5 microseconds for each call stack that is
 * recorded, and up to 2 KiB until its block is forgotten. 25 to 32 bytes of fences a block, or its alignment in place of 16
 * of them; and the quarantine. Outside of the heap, where no overrun reaches it, 4 bytes for each 16 of the pieces of 16
 * KiB that blocks start in, and 8 to 32 for each block in quarantine. With that, freed blocks are known for good, until
 * another starts there or goes over it; but the call stacks only of those in quarantine and the 4096 that have left it last.
 *
 * ```
 * block of the layer below
 * | unused | fence, 16 bytes | block, size bytes | fence, 9 to 16 bytes |
 *                            p                   p + size
 *
 * unused: none, or what the alignment is more than 16
 * ```
 *
 * Needs nothing of the layer below. The state holds JavaScript values: call stacks, and sizes from 16 MiB on. Lost are
 * `mark` and `rewind`, of which it does not see what they take back, and the gauge, which would count fences, too.
 *
 * @module
 */

import { USUAL_DEPTH } from "../call_stack.ts";
import { assertOptions } from "../errors.ts";
import type { AnyLayer } from "../layer.ts";
import { type DebugLayer, watched } from "./watched.ts";

export { type Debug, type DebugLayer } from "./watched.ts";

/** What {@linkcode debug} records and keeps. */
export interface DebugOptions {
  /** Calls that are recorded of a call stack, not counting the library's own: 0, for none, to 100. Default 8. */
  depth?: number;
  /**
   * Bytes of freed blocks, with their fences, that are held back so that a write to one can be found: 0, for none, to
   * 2^32 - 1. A block of more goes back at once, as it is. Default 2^18.
   */
  quarantine?: number;
}

/**
 * Finds double frees, frees of what is no block, or not here, or not of that size, writes around blocks and to freed ones.
 * Each is a {@linkcode MemoryError} of its own class.
 *
 * `deinit` gives everything back to the layer below before it throws; of several blocks that are damaged it tells one,
 * and how many others there are. So does `verify`, which tells the next when it is called again.
 *
 * @example
 * ```ts
 * import { DoubleFreeError } from "../memory_errors.ts";
 * import { debug } from "./debug.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const stack = debug(mmap());
 * const s = stack.init();
 * const p = stack.get(s, 100);
 * stack.put(s, p, 100);
 * try {
 *   stack.put(s, p, 100);
 * } catch (e) {
 *   if (!(e instanceof DoubleFreeError)) throw e;
 *   e.message;         // "Cannot free the block of 100 B at ...: it has been freed before\n  at\n    file:///..."
 *   e.freed[0];        // { name: "", file: "file:///...", line: 8, column: 7 }
 * }
 * stack.deinit(s);
 * ```
 */
export const debug = <L extends AnyLayer>(base: L, options: DebugOptions = {}): DebugLayer<L> => {
  assertOptions("compose debug", options);
  const { depth = USUAL_DEPTH, quarantine = 2 ** 18 } = options;
  return watched(base, depth, quarantine);
};
