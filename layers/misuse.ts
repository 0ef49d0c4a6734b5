/**
 * What `debug` says of a misuse: which error, about which block, with the call stacks that are known.
 *
 * @module
 */

import { captureCallStack, USUAL_DEPTH } from "../call_stack.ts";
import { formatCount, plural } from "../gauge.ts";
import type { Heap, Ptr } from "../heap.ts";
import {
  type BlockHistory,
  blockText,
  DoubleFreeError,
  ForeignFreeError,
  InteriorFreeError,
  type MemoryError,
  OverrunError,
  UnderrunError,
  WriteAfterFreeError,
  WrongSizeError,
} from "../memory_errors.ts";
import { entries, type Entry, entryAt, LIVE, RESET } from "./book.ts";
import { damageText, endOf, FENCE, FENCE_BYTE, filled, FREED_BYTE, isEnclosed, isUntouched, repair } from "./fences.ts";
import { find, historyOf, type Known } from "./known.ts";
import { held } from "./quarantine.ts";
import { siblings, whoseIs } from "./whose.ts";

/** What is wrong with freeing, or resizing, a block of `size` bytes at `p`: some damage to it, if nothing else. */
export function refusal(heap: Heap, known: Known, action: string, p: Ptr, size: number): MemoryError | undefined {
  const entry = entryAt(known, p), now = captureCallStack(USUAL_DEPTH);
  if (entry?.state === LIVE) {
    if (entry.size === size) return damageOf(heap, known, entry, action);
    const is = `the block at ${p} has ${formatCount(entry.size)} bytes, got ${formatCount(size)}`;
    return new WrongSizeError(`Cannot ${action}: ${is}`, p, historyOf(known, entry), now);
  }
  const around = find(known, p);
  if (entry !== undefined && around?.state !== LIVE) {
    const block = historyOf(known, entry),
      why = entry.state === RESET ? "it went with a reset" : "it has been freed before";
    return new DoubleFreeError(`Cannot ${action} ${blockText(block)}: ${why}`, p, block, now);
  }
  if (around !== undefined) {
    const block = historyOf(known, around), freed = around.state === LIVE ? "" : ", which has been freed";
    const is = `${p} is ${placeIn(block, p)} ${blockText(block)}${freed}`;
    return new InteriorFreeError(`Cannot ${action}: ${is}`, p, block, now);
  }
  for (const other of siblings(heap, known)) { // a layer above has asked the wrong one, by that size or address
    const e = find(other, p) && refusal(heap, other, action, p, size);
    if (e !== undefined) return e;
  }
  const whose = whoseIs(heap, p, known), is = `${p} is no block of this allocator`;
  return new ForeignFreeError(`Cannot ${action}: ${is}${whose ? `, ${whose.text}` : ""}`, p, whose?.block, now);
}

/** What has been written around a live block, or to one in quarantine, if anything has; that is mended then. */
export function damageOf(
  heap: Heap,
  known: Known,
  entry: Entry,
  action: string,
  note = "",
): MemoryError | undefined {
  const { p, size, state } = entry, end = endOf(p, size), block = historyOf(known, entry), text = blockText(block);
  const now = captureCallStack(USUAL_DEPTH);
  /** Looks at a piece of memory that should be of the same byte all over. */
  const look = (Damaged: typeof OverrunError, from: Ptr, to: Ptr, byte: number, where: string, when = "") => {
    const damage = repair(heap, p, from, to, byte);
    if (damage === undefined) return undefined;
    const what = damageText(damage, `${where} ${text}`, when);
    return new Damaged(`Cannot ${action}: ${what}${note}`, p + damage.offset, block, now, true);
  };
  if (state !== LIVE) {
    return look(WriteAfterFreeError, ...filled(p, size), FREED_BYTE, "of", " after it was freed");
  }
  return look(UnderrunError, p - FENCE, p, FENCE_BYTE, "in front of") ??
    look(OverrunError, p + size, end, FENCE_BYTE, "behind the end of");
}

/** The error of the first block that has been damaged, if one has been; the others are counted, and stay as they are. */
export function sweep(heap: Heap, known: Known, action: string): MemoryError | undefined {
  const { f64, u32 } = heap, damaged: Entry[] = [];
  for (const entry of entries(known)) {
    if (entry.state === LIVE && !isEnclosed(f64, u32, entry.p, entry.size)) damaged.push(entry);
  }
  for (const p of held(known)) {
    const entry = entryAt(known, p)!;
    if (!isUntouched(f64, p, entry.size)) damaged.push(entry);
  }
  const [first, ...others] = damaged, n = others.length;
  if (first === undefined) return undefined;
  const note = n === 0 ? "" : `; ${formatCount(n)} other ${n === 1 ? "block is" : "blocks are"} damaged, too`;
  return damageOf(heap, known, first, action, note);
}

/** Where an address is, seen from a block. */
function placeIn({ address, size }: BlockHistory, p: Ptr): string {
  const [bytes, where] = p < address
    ? [address - p, "in front of"]
    : p < address + size
    ? [p - address, "inside"]
    : [p - address - size, "behind the end of"];
  return `${plural(bytes, "byte")} ${where}`;
}
