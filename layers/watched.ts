/**
 * What the layers `debug` and `shadow` are made of: `debug` itself, and one who is told what becomes of memory. The comment
 * in `debug.ts` says what it does.
 *
 * Blocks that are aligned to 16, as nearly all are, and not large are got and put by the shortest way, and all others, and
 * what is wrong, by another.
 *
 * @module
 */

import { type CallStack, captureCallStack, MOST_FRAMES } from "../call_stack.ts";
import { assertInteger } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type Aligning, type AnyLayer, type Kept, type Layer, layer, type LayerWith, type StateOf } from "../layer.ts";
import { keepOwners } from "../owners.ts";
import { enter, entries, type Entry, entryAt, FREED, LARGE, LIVE, newBook, RESET, rowFor, ROWS } from "./book.ts";
import { enclose, endOf, extend, fillFreed, isEnclosed, isUntouched } from "./fences.ts";
import { type Known, sitesOf } from "./known.ts";
import { damageOf, refusal, sweep } from "./misuse.ts";
import { newPast, noteFreed, noteGone, noteGot } from "./past.ts";
import { FIRST_WORDS, held, makeRoom } from "./quarantine.ts";

/** State of `debug`: what is public of it. */
export interface Debug<S> {
  /** State of the layer below. */
  base: S;
}

/** The same, with what `debug` knows of blocks. */
export interface Watched<S> extends Debug<S>, Known {}

/** Is told what becomes of memory: a layer on top that wants to know. */
export interface Watcher {
  /** A block has been handed out. Memory `from` up to `to` around it, fences included, is the layer's. */
  got(p: Ptr, size: number, from: Ptr, to: Ptr): void;
  /** A block has been freed, and is in quarantine. */
  freed(p: Ptr, size: number): void;
  /** A block has been resized in place. */
  resized(p: Ptr, old: number, size: number): void;
  /** Memory has left the quarantine, or has gone with a reset: it is not the layer's any more. */
  released(from: Ptr, to: Ptr): void;
  /** The layer is being closed. Memory that it gives back next, or leaves to whose it was, is not its any more. */
  left(from: Ptr, to: Ptr): void;
}

/** What `debug` makes of a layer: its state, and what it can. */
export type DebugLayer<L> = LayerWith<
  Debug<StateOf<L>>,
  "owns" | "sizeOf" | "sites" | "verify" | Kept<L, "resize" | "reset" | "goodSize" | "maxAlign">
>;

/**
 * The combinator itself, with one who is told what becomes of memory.
 *
 * @internal
 */
export const watched: <L extends AnyLayer>(
  base: L,
  depth: number,
  quarantine: number,
  watcher?: Watcher,
) => DebugLayer<L> = layer(
  function debug<S>(base: Layer<S>, depth: number, quarantine: number, watcher?: Watcher): Layer<Watched<S>> {
    assertInteger("compose debug", "depth in calls", depth, 0, MOST_FRAMES);
    assertInteger("compose debug", "quarantine in bytes", quarantine, 0, 2 ** 32 - 1);
    const { heap, put: putBelow } = base, getBelow: Aligning<S>["get"] = base.get;
    // What names stand for is looked up at each use, and a constant inlined
    const live = LIVE, freed = FREED, large = LARGE, rowsAPage = ROWS;
    const wrap = enclose, isWhole = isEnclosed, cover = fillFreed, isLeft = isUntouched, roomFor = makeRoom;
    /** Bytes of free room that is made at once in a quarantine that is full. */
    const slack = Math.min(2048, quarantine >>> 3);
    const told = watcher !== undefined;
    /** Bytes of the block below, if it is aligned as usual, beyond the size without the rest of 8 bytes. */
    const fences = 16 + endOf(0, 0);

    /** Bytes of the block below. */
    const around = (prefix: number, size: number): number => prefix + endOf(0, size);
    const here = (): CallStack => captureCallStack(depth);

    /** Puts what has been in quarantine the longest. Throws if it is damaged, or refused below: then it still is there. */
    const release = (s: Watched<S>, action: string, note: string): void => {
      const { queue, head } = s, key = queue[head], size = queue[head + 1], p = (key & -16) >>> 0;
      if (!isLeft(heap.f64, p, size)) throw damageOf(heap, s, entryAt(s, p)!, action, note);
      const prefix = key === p ? 16 : entryAt(s, p)!.prefix, bytes = around(prefix, size);
      putBelow(s.base, p - prefix, bytes);
      s.head = head + 2;
      s.heldBytes -= bytes;
      if (depth > 0) noteGone(s.past!, p);
      if (told) watcher.released(p - prefix, p - prefix + bytes);
    };

    /** Makes room for so many bytes in quarantine. */
    const drain = (s: Watched<S>, bytes: number): void => {
      const { queue, tail } = s, room = quarantine - slack - bytes;
      let { head, heldBytes } = s;
      while (heldBytes > room && head < tail) {
        const p = queue[head], size = queue[head + 1], taken = size - (size & 7) + fences;
        if ((p & 15) === 0 && isLeft(heap.f64, p, size)) {
          putBelow(s.base, p - 16, taken);
          s.head = head += 2;
          s.heldBytes = heldBytes -= taken;
          if (depth > 0) noteGone(s.past!, p);
          if (told) watcher.released(p - 16, endOf(p, size));
        } else {
          release(s, "free", "; found as another block is freed");
          ({ head, heldBytes } = s);
        }
      }
    };

    /** Takes a block into quarantine. */
    const hold = (s: Watched<S>, key: number, p: Ptr, size: number, bytes: number): void => {
      if (s.tail === s.limit) roomFor(s);
      const { queue, tail } = s;
      queue[tail] = key;
      queue[tail + 1] = size;
      s.tail = tail + 2;
      s.heldBytes += bytes;
      cover(heap.f64, p, size);
      if (depth > 0) noteFreed(s.past!, p, here());
      if (told) watcher.freed(p, size);
    };

    /** Asks the layer below again, with the quarantine emptied. */
    const getAgain = (s: Watched<S>, bytes: number, prefix: number): Ptr => {
      if (s.head === s.tail) return 0;
      while (s.head < s.tail) release(s, "allocate", "; found as memory has run out");
      return getBelow(s.base, bytes, prefix) >>> 0;
    };

    /** A block that is aligned to more than 16, or large. */
    const getOther = (s: Watched<S>, size: number, align: number): Ptr => {
      const prefix = align > 16 ? align : 16, bytes = around(prefix, size);
      if (bytes >= 2 ** 32) return 0;
      const from = getBelow(s.base, bytes, prefix) || getAgain(s, bytes, prefix), p = from + prefix;
      if (from === 0) return 0;
      wrap(heap.f64, p, size);
      enter(s, { p, size, prefix, state: live });
      if (depth > 0) noteGot(s.past!, p, here());
      if (told) watcher.got(p, size, from, from + bytes);
      return p >>> 0;
    };

    /** Gives back a block that the quarantine is too small for. */
    const putThrough = (s: Watched<S>, p: Ptr, row: number, prefix: number, bytes: number): void => {
      putBelow(s.base, p - prefix, bytes);
      s.rows[row] += freed - live;
      if (depth > 0) {
        noteFreed(s.past!, p, here());
        noteGone(s.past!, p);
      }
      if (told) watcher.released(p - prefix, p - prefix + bytes);
    };

    /** Takes back a block that is aligned to more than 16, or large; or says what is wrong with it. */
    const putOther = (s: Watched<S>, p: Ptr, size: number): void => {
      const { prefix } = assertOut(s, "free", p, size), bytes = around(prefix, size), row = rowFor(s, p);
      if (bytes > quarantine) return putThrough(s, p, row, prefix, bytes);
      if (s.heldBytes + bytes > quarantine) drain(s, bytes);
      s.rows[row] += freed - live;
      hold(s, prefix > 16 ? p + 1 : p, p, size, bytes);
    };

    /** What is in the book of a block that is out, with this size, and undamaged; throws what else is so. */
    const assertOut = (s: Watched<S>, action: string, p: Ptr, size: number): Entry => {
      const entry = entryAt(s, p);
      if (entry?.state === live && entry.size === size && isWhole(heap.f64, heap.u32, p, size)) return entry;
      throw refusal(heap, s, action, p, size);
    };

    const assertWhole = (s: Watched<S>, action: string): void => {
      const e = sweep(heap, s, action);
      if (e !== undefined) throw e;
      base.verify?.(s.base);
    };

    /** Tells that all blocks are no longer the layer's. */
    const tellAll = (s: Watched<S>, how: "released" | "left"): void => {
      const kept = new Set(held(s));
      for (const { p, size, prefix, state } of entries(s)) {
        if (state === live || kept.has(p)) watcher![how](p - prefix, endOf(p, size));
      }
    };

    return {
      heap,
      init: (size) => {
        keepOwners();
        const { rows, pages, used, large } = newBook(), words = FIRST_WORDS;
        return {
          base: size === undefined ? base.init() : base.init(around(16, size)),
          rows,
          pages,
          used,
          large,
          queue: new Uint32Array(words),
          head: 0,
          tail: 0,
          limit: words,
          heldBytes: 0,
          past: depth > 0 ? newPast() : undefined,
        };
      },
      deinit: (s) => {
        const errors: unknown[] = [];
        const attempt = (f: () => void) => {
          try {
            f();
          } catch (e) {
            errors.push(e);
          }
        };
        attempt(() => {
          const e = sweep(heap, s, "close");
          if (e !== undefined) throw e;
        });
        if (told) tellAll(s, "left");
        for (const p of held(s)) {
          const { size, prefix } = entryAt(s, p)!;
          attempt(() => putBelow(s.base, p - prefix, around(prefix, size)));
        }
        s.head = s.tail = s.heldBytes = 0;
        attempt(() => base.deinit(s.base));
        if (errors.length > 0) throw errors[0];
      },
      get: (s, size, align = 16) => {
        if (size >= large || align > 16) return getOther(s, size, align);
        const bytes = size - (size & 7) + fences;
        let from = getBelow(s.base, bytes, 16);
        if (from === 0) {
          from = getAgain(s, bytes, 16);
          if (from === 0) return 0;
        }
        const p = from + 16, page = p >>> 14;
        let row = page < s.pages ? s.rows[page] : 0;
        if (row !== 0) row += p >>> 4 & rowsAPage - 1;
        else row = rowFor(s, p);
        s.rows[row] = size << 8 | live;
        wrap(heap.f64, p, size);
        if (depth > 0) noteGot(s.past!, p, here());
        if (told) watcher.got(p, size, from, endOf(p, size));
        return p;
      },
      put: (s, p, size) => {
        const { rows } = s, page = p >>> 14, bytes = size - (size & 7) + fences;
        if (page >= s.pages) return putOther(s, p, size);
        const row = rows[page] + (p >>> 4 & rowsAPage - 1);
        if (
          rows[row] !== (size << 8 | live) || (p & 15) !== 0 || size >= large || !isWhole(heap.f64, heap.u32, p, size)
        ) return putOther(s, p, size);
        if (bytes > quarantine) return putThrough(s, p, row, 16, bytes);
        if (s.heldBytes + bytes > quarantine) drain(s, bytes);
        rows[row] = size << 8 | freed;
        hold(s, p, p, size, bytes);
      },
      owns: (s, p) => entryAt(s, p)?.state === live,
      sizeOf: (s, p) => entryAt(s, p)?.size ?? -1,
      sites: (s) => sitesOf(s, depth),
      verify: (s) => assertWhole(s, "verify"),
      ...(base.resize && {
        resize: (s, p, old, size) => {
          const entry = assertOut(s, "resize", p, old), { prefix } = entry;
          const before = around(prefix, old), after = around(prefix, size);
          if (after >= 2 ** 32) return false;
          if (before !== after && !base.resize!(s.base, p - prefix, before, after)) return false;
          extend(heap, p, old, size);
          enter(s, { ...entry, size });
          if (told) watcher.resized(p, old, size);
          return true;
        },
      }),
      ...(base.reset && {
        reset: (s) => {
          assertWhole(s, "reset");
          base.reset!(s.base);
          if (told) tellAll(s, "released");
          const now = here();
          for (const entry of entries(s)) {
            if (entry.state === live) {
              enter(s, { ...entry, state: RESET });
              if (depth > 0) noteFreed(s.past!, entry.p, now);
            }
            if (depth > 0) noteGone(s.past!, entry.p);
          }
          s.head = s.tail = s.heldBytes = 0;
        },
      }),
      ...(base.goodSize && {
        goodSize: (size) => {
          const bytes = around(16, size);
          if (bytes >= 2 ** 32) return size;
          const good = base.goodSize!(bytes) - fences;
          return good - good % 8 + 7;
        },
      }),
      ...(base.maxAlign && { maxAlign: base.maxAlign }),
    };
  },
  {
    assertInteger,
    captureCallStack,
    damageOf,
    enclose,
    endOf,
    enter,
    entries,
    entryAt,
    extend,
    fillFreed,
    FIRST_WORDS,
    FREED,
    held,
    isEnclosed,
    isUntouched,
    keepOwners,
    LARGE,
    LIVE,
    makeRoom,
    MOST_FRAMES,
    newBook,
    newPast,
    noteFreed,
    noteGone,
    noteGot,
    refusal,
    RESET,
    rowFor,
    ROWS,
    sitesOf,
    sweep,
  },
);
