/**
 * What looks at the accesses to a heap while there is a `shadow` on it.
 *
 * @module
 */

import { captureCallStack, USUAL_DEPTH } from "../call_stack.ts";
import { type Guard, type Heap, PAGE, type Ptr } from "../heap.ts";
import type { MemoryError } from "../memory_errors.ts";
import { endOf } from "./fences.ts";
import type { Known } from "./known.ts";
import { astray, blockNear, type Closed, misuse } from "./shadow_errors.ts";
import { FENCE, FREED, NOBODYS, OTHERS, RETURNED, ShadowMemory, UNWRITTEN, WRITTEN } from "./shadow_memory.ts";
import type { Watcher } from "./watched.ts";

/** States that have been closed whose blocks are still known: one more takes some KiB until the last is closed. */
const MOST_CLOSED = 16;

/** A program. */
export const PROGRAM = 0;
/** A layer whose memory, given back, goes to nobody but by `Heap.getPages`. */
export const KEEPING = 1;
/** A layer whose memory may go to whomever it shares it with. */
export const SHARING = 2;

/** Whose call is going on. */
export type Caller = typeof PROGRAM | typeof KEEPING | typeof SHARING;

/** The guard of a heap: it is in force while a state is open. */
export class ShadowGuard implements Guard {
  readonly #heap: Heap;
  #memory: ShadowMemory;
  /** The states that are open, and some that are not any more: those that came, or went, last are the last. */
  #open: Known[] = [];
  #closed: Closed[] = [];
  /** Lowest address that is no null, nor near it. Of a memory that others made, they may use the first page. */
  readonly #least: Ptr;

  /** Whose call is going on: that of a program, or of a layer below a `shadow`, which may do with its memory what it likes. */
  #caller: Caller = PROGRAM;

  /** What is to be told by the layers that are such callers. */
  readonly watchers: Readonly<Record<typeof KEEPING | typeof SHARING, Watcher>>;

  /** The guard of a heap, of which there should be one. */
  constructor(heap: Heap) {
    this.#heap = heap;
    this.#least = heap.start === PAGE ? PAGE : 1;
    this.#memory = new ShadowMemory(heap, this.#least);
    this.watchers = { [KEEPING]: this.#watcher(FREED), [SHARING]: this.#watcher(OTHERS) };
  }

  /** A state has been made. */
  open(s: Known): void {
    this.#open.push(s);
    this.#heap.guard = this;
  }

  /** Closes a state, as `deinit` does it: with the last one, all is forgotten. */
  close(s: Known, deinit: () => void): void {
    const stack = s.past === undefined ? undefined : captureCallStack(USUAL_DEPTH);
    try {
      deinit();
    } finally {
      this.#forget({ state: s, stack });
    }
  }

  #forget(closed: Closed): void {
    this.#open = this.#open.filter((state) => state !== closed.state);
    this.#closed = [...this.#closed, closed].slice(-MOST_CLOSED);
    if (this.#open.length > 0) return;
    this.#closed = [];
    this.#memory = new ShadowMemory(this.#heap, this.#least);
    if (this.#heap.guard === this) this.#heap.guard = undefined;
  }

  /** What follows is the call of a layer, or of a program again. Returns whose call it was that was going on. */
  calls(caller: Caller): Caller {
    const before = this.#caller;
    this.#caller = caller;
    return before;
  }

  read(p: Ptr, bytes: number): Ptr {
    if (!this.#memory.isCommon(p, bytes)) this.#read(p, bytes);
    return p;
  }

  write(p: Ptr, bytes: number): Ptr {
    if (!this.#memory.isCommon(p, bytes)) this.#write(p, bytes);
    return p;
  }

  lend(p: Ptr, bytes: number): Uint8Array {
    const end = this.#reach("read", p, bytes, UNWRITTEN), written = new Uint8Array(bytes).fill(1);
    if (end < 0) return written;
    for (let q = this.#memory.findUnwritten(p, end); q < end; q = this.#memory.findUnwritten(q + 1, end)) {
      written[q - p] = 0;
    }
    return written;
  }

  take(p: Ptr, written: Uint8Array): void {
    const memory = this.#memory, end = p + written.length;
    if (this.#reach("write", p, written.length, WRITTEN) < 0) return;
    if (!written.includes(0)) return memory.write(p, end);
    for (let q = p; q < end; q++) {
      if (written[q - p] !== 0) memory.write(q, q + 1);
      else if (memory.at(q) !== OTHERS) memory.mark(q, q + 1, UNWRITTEN);
    }
  }

  handed(p: Ptr, bytes: number): void {
    this.#memory.mark(p, p + bytes, this.#caller === KEEPING ? NOBODYS : OTHERS);
  }

  returned(p: Ptr, bytes: number): void {
    this.#memory.mark(p, p + bytes, RETURNED);
  }

  #read(p: Ptr, bytes: number): void {
    const end = this.#reach("read", p, bytes, UNWRITTEN);
    if (end < 0) return;
    const unwritten = this.#memory.findUnwritten(p, end);
    if (unwritten < end) throw this.#misuse("read", p, bytes, unwritten);
  }

  #write(p: Ptr, bytes: number): void {
    const end = this.#reach("write", p, bytes, UNWRITTEN);
    if (end >= 0) this.#memory.write(p, end);
  }

  /**
   * Where an access ends, or -1 if none of its bytes is `least` or more. Throws if one is outside of blocks.
   */
  #reach(action: string, p: Ptr, bytes: number, least: number): number {
    if (bytes === 0 || this.#caller !== PROGRAM) return -1;
    const end = p + bytes;
    if (!(p >= this.#least && end <= this.#heap.size)) throw astray({ action, p, bytes }, this.#least, this.#heap.size);
    const first = this.#memory.find(p, end, least);
    if (first === end) return -1;
    const wrong = this.#memory.find(first, end, FREED);
    if (wrong < end) throw this.#misuse(action, p, bytes, wrong);
    return end;
  }

  /** The error of an access of which the byte at `wrong` is the first that is. */
  #misuse(action: string, p: Ptr, bytes: number, wrong: Ptr): MemoryError {
    const block = blockNear(this.#memory, wrong, this.#heap.size, this.#open, this.#closed);
    return misuse({ action, p, bytes }, wrong, this.#memory.at(wrong), block);
  }

  #watcher(gone: number): Watcher {
    const becomes = (what: number) => (from: Ptr, to: Ptr) => {
      if (this.#memory.at(from) !== RETURNED) this.#memory.mark(from, to, what);
    };
    const released = becomes(gone);
    return {
      got: (p, size, from, to) => {
        this.#memory.mark(from, p, FENCE);
        this.#memory.mark(p, p + size, UNWRITTEN);
        this.#memory.mark(p + size, to, FENCE);
      },
      freed: (p, size) => this.#memory.mark(p, p + size, FREED),
      resized: (p, old, size) => {
        this.#memory.mark(p + old, p + size, UNWRITTEN);
        this.#memory.mark(p + size, endOf(p, size), FENCE);
        released(endOf(p, size), endOf(p, old));
      },
      released,
      left: becomes(OTHERS), // what it does not give back is whose it was: to use that is no error yet
    };
  }
}

const GUARDS: WeakMap<Heap, ShadowGuard> = new WeakMap();

/** The guard of a heap. */
export function guardOf(heap: Heap): ShadowGuard {
  let guard = GUARDS.get(heap);
  if (guard === undefined) GUARDS.set(heap, guard = new ShadowGuard(heap));
  return guard;
}
