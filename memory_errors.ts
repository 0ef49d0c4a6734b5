/**
 * What a program can do wrong with memory, an error class for each. `debug` and `shadow` throw them.
 *
 * @module
 */

import { type CallStack, framesOf, withStackLimit } from "./call_stack.ts";
import { formatFrames, type Frame } from "./frames.ts";
import { formatBytes } from "./gauge.ts";
import type { Ptr } from "./heap.ts";

/** What is known of the block that a {@linkcode MemoryError} is about. */
export interface BlockHistory {
  /** Its address. */
  readonly address: Ptr;
  /** Its size in bytes, as it was asked for. */
  readonly size: number;
  /** The call stack of its allocation, where it was recorded. */
  readonly allocated?: CallStack | undefined;
  /** The call stack of its being freed, where it has been and that was recorded. */
  readonly freed?: CallStack | undefined;
}

/** Calls in a message, of each call stack: what can be taken in at a glance. */
const IN_MESSAGE = 3;

/** Calls of each call stack that an error has, and of its own, at most. */
const IN_ERROR = 32;

/** Something that a program must not do with memory. */
export class MemoryError extends Error {
  /** The address that it was done to, in bytes from the start of the heap. */
  readonly address: Ptr;
  /** The block that it is about, if it is about one. */
  readonly block: { readonly address: Ptr; readonly size: number } | undefined;
  // Private, or printing the error would print all of them, of which its message has those that matter
  readonly #allocated: readonly Frame[];
  readonly #freed: readonly Frame[];

  /**
   * What cannot be done to `address`, and what is known of the block there.
   *
   * @param what What cannot be done, and why
   * @param address The address that it was done to
   * @param block The block that it is about
   * @param now The call stack of its being done, or of its being found
   * @param found Whether it has been done some time before, nobody knows where. Default false
   */
  constructor(what: string, address: Ptr, block?: BlockHistory, now?: CallStack, found = false) {
    const frames = (stack: CallStack | undefined) => stack === undefined ? [] : framesOf(stack, IN_ERROR);
    const allocated = frames(block?.allocated), freed = frames(block?.freed);
    super(
      what + part(found ? "found at" : "at", frames(now)) + part("allocated at", allocated) + part("freed at", freed),
    );
    this.name = new.target.name;
    this.address = address;
    this.block = block && { address: block.address, size: block.size };
    this.#allocated = allocated;
    this.#freed = freed;
    reachUser(this, new.target);
  }

  /** The calls that led to the allocation of the block, the user's innermost first. Empty where none were recorded. */
  get allocated(): readonly Frame[] {
    return this.#allocated;
  }

  /** The calls that led to its being freed, if it has been. */
  get freed(): readonly Frame[] {
    return this.#freed;
  }
}

/** Freed what had been freed before. */
export class DoubleFreeError extends MemoryError {}

/**
 * Freed what is no block of this allocator, nor a part of one. Where another allocator has a block there, or had, and has
 * a `debug` that knows it, the error has that, with the call stacks.
 */
export class ForeignFreeError extends MemoryError {}

/** Freed an address inside of a block instead of that of its start. */
export class InteriorFreeError extends MemoryError {}

/** Freed, or resized, a block with another size than it has. */
export class WrongSizeError extends MemoryError {}

/** Wrote behind the end of a block. */
export class OverrunError extends MemoryError {}

/** Wrote in front of the start of a block. */
export class UnderrunError extends MemoryError {}

/** Wrote to a block that had been freed. */
export class WriteAfterFreeError extends MemoryError {}

/** Read or wrote through `std` what had been freed. */
export class UseAfterFreeError extends MemoryError {}

/** Read or wrote through `std` in front of a block or behind it, or at address 0. */
export class OutOfBoundsError extends MemoryError {}

/** Read through `std` what nothing had been written to. */
export class UninitialisedError extends MemoryError {}

/** A block as messages name it: "the block of 100 B at 4096". */
export function blockText({ address, size }: { address: Ptr; size: number }): string {
  return `the block of ${formatBytes(size)} at ${address}`;
}

/** Gives an error so many calls that the user's are among them: up to a dozen of the library's come first. */
function reachUser(error: MemoryError, constructor: typeof MemoryError): void {
  withStackLimit(Math.max(Error.stackTraceLimit, IN_ERROR), () => Error.captureStackTrace?.(error, constructor));
}

function part(heading: string, frames: readonly Frame[]): string {
  if (frames.length === 0) return "";
  return `\n  ${heading}` + formatFrames(frames, IN_MESSAGE).map((line) => `\n    ${line}`).join("");
}
