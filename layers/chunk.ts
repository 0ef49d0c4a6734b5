/**
 * `chunk`: an arena. Bumps a pointer through chunks that it takes from the layer below.
 *
 * Guarantees: blocks lie behind one another, in the order of their requests, while a chunk lasts; `deinit` gives every
 * chunk back; `reset` and `rewind` keep chunks for what comes, and what is done again takes no more memory. A spare
 * chunk goes back when an oversize block that none of them holds needs memory, and all do before a request is refused.
 * The last block can be resized in place. Costs: `get` is an addition and a comparison; `put` does nothing, so memory
 * comes back with the arena, a reset or a mark only; `reset` and `owns` are O(chunks), which is O(log bytes) where
 * chunks grow. Overhead is the padding up to the alignment, 16 bytes a chunk, 16 a mark, and what is left of a chunk
 * when the next request does not fit (nothing when the next chunk adjoins: it is then one with the last). Needs nothing
 * of the layer below.
 *
 * ```
 *         chunk                                  chunk of its own, for an oversize block
 *         | record | block | block | free |      | record | block ............. |
 *                                  ptr    end
 * chunks -> a list through the records: { next record, address of the run, its bytes, unused }
 * marks  -> a list through blocks:      { next mark, chunks, end, unused }
 * ```
 *
 * @module
 */

import { assertInteger, show } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import {
  type AnyLayer,
  type Kept,
  type Layer,
  layer,
  type LayerWith,
  pass,
  type StateOf,
  type Window,
} from "../layer.ts";

/** State of {@linkcode chunk}. */
export interface Chunk<S> extends Window {
  /** State of the layer below. */
  base: S;
  /** Address of the first free byte of the chunk in use. */
  ptr: Ptr;
  /** Address after the last byte of the chunk in use. */
  end: Ptr;
  /** Address of the newest chunk's record, or 0. */
  chunks: Ptr;
  /** Bytes in the next chunk. */
  next: number;
  /** Address of the record of the first chunk that is kept for what comes, or 0. */
  spare: Ptr;
  /** Bytes in such chunks. */
  spared: number;
  /** Address of the last mark, or 0. */
  marks: Ptr;
}

/**
 * Bumps through chunks of `bytes` bytes taken from `base`; a request that does not fit in a chunk gets one of its own.
 *
 * @param base The layer below
 * @param bytes What is asked of `base` at first, 64 to 2^30
 * @param growth What each chunk is larger by than the one before, as a factor: 1, the default, to 16. Chunks grow up to
 *   64 MiB
 * @param retain Bytes in chunks that `reset` and `rewind` keep at most; the others are given back. Default: all
 *
 * @example
 * ```ts
 * import { chunk } from "./chunk.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const arena = chunk(mmap(), 4096);
 * const s = arena.init();
 * const a = arena.get(s, 24);
 * const m = arena.mark(s);
 * const b = arena.get(s, 24);
 * arena.resize(s, b, 24, 100);     // true: it is the last block
 * arena.rewind(s, m);              // b is gone
 * arena.reset(s);                  // a, too; the chunk is kept
 * arena.get(s, 24);                // a again
 * arena.deinit(s);                 // the chunk is back
 * ```
 */
export const chunk: <L extends AnyLayer>(
  base: L,
  bytes: number,
  growth?: number,
  retain?: number,
) => LayerWith<Chunk<StateOf<L>>, "resize" | "owns" | "reset" | "maxAlign" | "mark" | "rewind" | Kept<L, "verify">> =
  layer(
    function chunk<S>(base: Layer<S>, bytes: number, growth = 1, retain = Infinity): Layer<Chunk<S>> {
      assertInteger("compose chunk", "bytes in a chunk", bytes, 64, 2 ** 30);
      if (typeof growth !== "number") {
        throw new TypeError(`Cannot compose chunk: growth must be a number, got ${show(growth)}`);
      }
      if (!(growth >= 1 && growth <= 16)) {
        throw new RangeError(`Cannot compose chunk: growth must be a factor from 1 to 16, got ${growth}`);
      }
      if (retain !== Infinity) assertInteger("compose chunk", "bytes to retain", retain, 0, 2 ** 32);
      const RECORD = 16; // bytes, of the words that these are the indices of:
      const NEXT = 0, RUN = 1, SIZE = 2; // of a chunk
      const OUTER = 0, CHUNKS = 1, END = 2; // of a mark
      const MOST = Math.max(bytes, 2 ** 26);
      bytes |= 0; // an integer also where it came as a float, as 2 ** 16 does: sums of it are kept in the state
      const heap = base.heap;

      /** Books the run of `size` bytes at `run` in the record at `record`. */
      const book = (s: Chunk<S>, record: Ptr, run: Ptr, size: number): void => {
        const { u32 } = heap, at = record >>> 2;
        u32[at + NEXT] = s.chunks;
        u32[at + RUN] = run;
        u32[at + SIZE] = size;
        s.chunks = record;
      };

      /** Gives back the first spare chunk. */
      const dropSpare = (s: Chunk<S>): void => {
        const { u32 } = heap, run = s.spare, size = u32[(run >>> 2) + SIZE];
        s.spare = u32[(run >>> 2) + NEXT];
        s.spared -= size;
        base.put(s.base, run, size);
      };

      /** Takes the first spare chunk of `least` bytes or more, or returns 0. */
      const takeSpare = (s: Chunk<S>, least: number): Ptr => {
        const { u32 } = heap;
        let run = s.spare, before = 0;
        while (run !== 0 && u32[(run >>> 2) + SIZE] < least) {
          before = run;
          run = u32[(run >>> 2) + NEXT];
        }
        if (run === 0) return 0;
        if (before === 0) s.spare = u32[(run >>> 2) + NEXT];
        else u32[(before >>> 2) + NEXT] = u32[(run >>> 2) + NEXT];
        s.spared -= u32[(run >>> 2) + SIZE];
        return run;
      };

      /** A run from below, for which the spare chunks go back if there is no other memory; or 0. */
      const take = (s: Chunk<S>, size: number): Ptr => {
        if (size >= 2 ** 32) return 0;
        const run = base.get(s.base, size);
        if (run !== 0 || s.spare === 0) return run;
        while (s.spare !== 0) dropSpare(s);
        return base.get(s.base, size);
      };

      /** Gives back the chunks in front of `to` in the list, or keeps them as spare ones. */
      const shelve = (s: Chunk<S>, to: Ptr, keep: number): void => {
        while (s.chunks !== to) {
          const { u32 } = heap, at = s.chunks >>> 2, run = u32[at + RUN], size = u32[at + SIZE];
          s.chunks = u32[at + NEXT];
          if (s.spared + size > keep) base.put(s.base, run, size);
          else {
            u32[(run >>> 2) + NEXT] = s.spare;
            u32[(run >>> 2) + SIZE] = size;
            s.spare = run;
            s.spared += size;
          }
        }
      };

      const refill = (s: Chunk<S>, size: number, align: number): Ptr => {
        if (size === 0) return get(s, 1, align);
        const alone = RECORD + size + (align > 16 ? align : 0); // bytes that hold this block and no other
        const need = alone + RECORD; // bytes in a chunk to go on from, of which rounding may take 15
        let run = takeSpare(s, alone), room = run === 0 ? 0 : heap.u32[(run >>> 2) + SIZE];
        if (run === 0 && need > s.next) {
          if (s.spare !== 0) dropSpare(s); // whose place it takes: else they would pile up where blocks get ever larger
          run = take(s, room = alone);
        } else if (run === 0) {
          run = take(s, room = s.next);
          if (run !== 0) s.next = Math.min(room * growth, MOST) >>> 0;
          else if (room > bytes) run = take(s, room = need > bytes ? alone : bytes); // there is too little to grow
        }
        if (run === 0) return 0;
        if (room < need) {
          book(s, run, run, room);
          return (run + RECORD + (align - 1) & -align) >>> 0;
        }
        // What is left of the last chunk holds less than this request; with a chunk adjoining, it holds both.
        const record = run === s.end ? ((s.ptr + 15) & -16) >>> 0 : run;
        s.ptr = record + RECORD;
        s.end = ((run + room) & -16) >>> 0;
        book(s, record, run, room);
        return get(s, size, align);
      };

      const get = (s: Chunk<S>, size: number, align = 16): Ptr => {
        const p = ((s.ptr + (align - 1)) & -align) >>> 0;
        const end = p + (size >>> 0); // `>>> 0` tells the engine that it is a 32-bit word
        if (end > s.end || size === 0) return refill(s, size, align) >>> 0;
        s.ptr = end;
        return p;
      };

      /** Resizes the block at `p` that has the newest chunk to itself, if the layer below can resize that. */
      const resizeOversize = (s: Chunk<S>, p: Ptr, size: number): boolean => {
        const { u32 } = heap, record = s.chunks, at = record >>> 2, run = u32[at + RUN], have = u32[at + SIZE];
        if (p !== record + RECORD || run !== record || ((run + have) & -16) >>> 0 === s.end) return false;
        if (RECORD + size >= 2 ** 32 || !base.resize!(s.base, run, have, RECORD + size)) return false;
        heap.u32[at + SIZE] = RECORD + size;
        return true;
      };

      return {
        heap,
        init: () => ({ base: base.init(), ptr: 0, end: 0, chunks: 0, next: bytes, spare: 0, spared: 0, marks: 0 }),
        deinit: (s) => {
          s.ptr = s.end = s.marks = 0;
          try {
            shelve(s, 0, 0);
            while (s.spare !== 0) dropSpare(s);
          } finally {
            base.deinit(s.base);
          }
        },
        get,
        put: () => {},
        resize: (s, p, old, size) => {
          // Only our own last block ends here: a record lies between any other allocator's block and the first of ours
          if (p + (old || 1) === s.ptr) {
            const end = p + (size || 1);
            if (end > s.end) return false;
            s.ptr = end;
            return true;
          }
          return size <= old || (base.resize !== undefined && resizeOversize(s, p, size));
        },
        owns: (s, p) => {
          const { u32 } = heap;
          for (let at = s.chunks >>> 2; at !== 0; at = u32[at + NEXT] >>> 2) {
            if (p >= u32[at + RUN] && p < u32[at + RUN] + u32[at + SIZE]) return true;
          }
          return false;
        },
        reset: (s) => {
          s.ptr = s.end = s.marks = 0;
          shelve(s, 0, retain);
        },
        maxAlign: 4096, // as the heap hands out no page at the end of the address space, rounding up so far cannot wrap
        mark: (s) => {
          const m = get(s, 16, 16), { u32 } = heap;
          if (m === 0) return 0;
          u32[(m >>> 2) + OUTER] = s.marks;
          u32[(m >>> 2) + CHUNKS] = s.chunks;
          u32[(m >>> 2) + END] = s.end;
          s.marks = m;
          return m;
        },
        rewind: (s, m) => {
          const { u32 } = heap;
          let mark = s.marks;
          while (mark !== m && mark !== 0) mark = u32[(mark >>> 2) + OUTER];
          if (mark === 0) throw new RangeError(`Cannot rewind to ${m}: it is no mark of this arena that is left`);
          s.marks = u32[(m >>> 2) + OUTER];
          s.ptr = m;
          s.end = u32[(m >>> 2) + END];
          shelve(s, u32[(m >>> 2) + CHUNKS], retain);
        },
        ...pass(base, "verify", "pristine"),
        window: (s) => s,
      };
    },
    { assertInteger, pass, show },
  );
