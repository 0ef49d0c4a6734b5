/**
 * What `shadow` says of an access: which error, about which block.
 *
 * @module
 */

import { type CallStack, captureCallStack, USUAL_DEPTH } from "../call_stack.ts";
import { formatCount, plural } from "../gauge.ts";
import type { Ptr } from "../heap.ts";
import {
  type BlockHistory,
  blockText,
  type MemoryError,
  OutOfBoundsError,
  UninitialisedError,
  UseAfterFreeError,
} from "../memory_errors.ts";
import { blockAt, type Known } from "./known.ts";
import { FENCE, FREED, RETURNED, type ShadowMemory, UNWRITTEN } from "./shadow_memory.ts";

/** An access that is refused. */
export interface Access {
  /** "read" or "write". */
  readonly action: string;
  /** Its address. */
  readonly p: Ptr;
  /** How many bytes. */
  readonly bytes: number;
}

/** A block that is out, or has been freed, or was left when its allocator was closed. */
export type Block = BlockHistory & { readonly live: boolean; readonly left?: boolean };

/** A state that has been closed, and the call stack of that, if any are recorded. */
export interface Closed {
  readonly state: Known;
  readonly stack: CallStack | undefined;
}

/** The error of an access to what is no memory: below `least` is null, and what is near it. */
export function astray(access: Access, least: Ptr, size: number): MemoryError {
  const { p } = access;
  const why = p === 0
    ? "that is null"
    : p > 0 && p < least
    ? `that is ${plural(p, "byte")} behind null`
    : p >= 0
    ? `the memory ends at ${size}`
    : "that is no address";
  return new OutOfBoundsError(`${cannot(access)}: ${why}`, p, undefined, captureCallStack(USUAL_DEPTH));
}

/** The error of an access of which the byte at `wrong`, in or near that block, is the first that is wrong. */
export function misuse(access: Access, wrong: Ptr, what: number, block: Block | undefined): MemoryError {
  const now = captureCallStack(USUAL_DEPTH);
  const error = (Class: typeof MemoryError, why: string) => new Class(`${cannot(access)}: ${why}`, wrong, block, now);
  if (what === UNWRITTEN) {
    const where = block === undefined ? `at ${wrong}` : place(block, { ...access, p: wrong, bytes: 1 }, wrong);
    return error(UninitialisedError, `nothing has been written ${where}`);
  }
  if (block === undefined) {
    const freed = what === FREED || what === RETURNED;
    return freed ? error(UseAfterFreeError, "it has been freed") : error(OutOfBoundsError, "it is no part of a block");
  }
  const where = place(block, access, wrong);
  if (block.live) return error(OutOfBoundsError, where);
  return error(UseAfterFreeError, `${where}, which has ${block.left ? "gone with its allocator" : "been freed"}`);
}

/** The block that a byte is in, or next to, of those that states know of: the later ones rather than the earlier. */
export function blockNear(
  memory: ShadowMemory,
  p: Ptr,
  size: number,
  open: readonly Known[],
  closed: readonly Closed[],
): Block | undefined {
  const what = memory.at(p), outside = what === FENCE, live = what === UNWRITTEN || outside;
  // In front of a block that is aligned to more than 16, there may be more than a fence
  for (const q of outside ? [p, memory.findOther(p, size)] : [p]) {
    // A block may lie in one of an allocator outside, and where others have lain before
    const blocks = open.map((s) => blockAt(s, q)).filter((block) => block !== undefined).reverse();
    const fitting = blocks.filter(({ address, size }) => (p < address || p >= address + size) === outside);
    const block: Block | undefined = fitting.find((block) => block.live === live) ?? fitting[0] ?? blocks[0] ??
      blockOfClosed(closed, q);
    if (block !== undefined) return block;
  }
  return undefined;
}

/** The block that a byte was in, of those that allocators had which have been closed. */
function blockOfClosed(closed: readonly Closed[], p: Ptr): Block | undefined {
  for (const { state, stack } of closed.toReversed()) {
    const block = blockAt(state, p);
    if (block !== undefined) return block.live ? { ...block, freed: stack, live: false, left: true } : block;
  }
  return undefined;
}

function cannot({ action, p, bytes }: Access): string {
  return `Cannot ${action} ${plural(bytes, "byte")} at ${p}`;
}

/** Where an access is, seen from a block: of what it is outside of it, that is what counts. */
function place({ address, size }: BlockHistory, { p, bytes }: Access, wrong: Ptr): string {
  const block = blockText({ address, size }), end = address + size, over = p + bytes - end;
  if (wrong >= end && p < end) return `the last ${over === 1 ? "one is" : `${formatCount(over)} are`} behind ${block}`;
  if (wrong >= end) return p === end ? `right behind ${block}` : `${plural(p - end, "byte")} behind ${block}`;
  if (wrong < address) return `${plural(address - p, "byte")} in front of ${block}`;
  return p === address ? `at the start of ${block}` : `${plural(p - address, "byte")} into ${block}`;
}
