/**
 * `chunk`: an arena. Bumps a pointer through chunks that it takes from the layer below.
 *
 * Guarantees: blocks lie behind one another, in the order of their requests, while a chunk lasts; `deinit` gives every
 * chunk back. Costs: `get` is an addition and a comparison; `put` does nothing, so memory comes back at `deinit` only.
 * Overhead is the padding up to the alignment, 16 bytes a chunk, and what is left of a chunk when the next request does
 * not fit (nothing when the next chunk adjoins: it is then one with the last). Needs nothing of the layer below.
 *
 * ```
 *         chunk                                  chunk of its own, for an oversize block
 *         | record | block | block | free |      | record | block ............. |
 *                                  ptr    end
 * chunks -> a list through the records: { next record, address of the run, its bytes, unused }
 * ```
 *
 * @module
 */

import { assertInteger } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { type Layer, layer, type Window } from "../layer.ts";

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
}

/**
 * Bumps through chunks of `bytes` bytes taken from `base`; a request that does not fit in a chunk gets one of its own.
 *
 * @param base The layer below
 * @param bytes What is asked of `base` at a time, 64 to 2^30
 *
 * @example
 * ```ts
 * import { chunk } from "./chunk.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const arena = chunk(mmap(), 4096);
 * const s = arena.init();
 * const a = arena.get(s, 24);
 * const b = arena.get(s, 24);      // a + 32
 * arena.deinit(s);                 // both are gone, and the chunk is back
 * ```
 */
export const chunk: <S>(base: Layer<S>, bytes: number) => Layer<Chunk<S>> = layer(
  function chunk<S>(base: Layer<S>, bytes: number): Layer<Chunk<S>> {
    assertInteger("compose chunk", "bytes in a chunk", bytes, 64, 2 ** 30);
    const RECORD = 16; // bytes
    bytes |= 0; // an integer also where it came as a float, as 2 ** 16 does: sums of it are kept in the state
    const heap = base.heap;

    /** Books the run of `size` bytes at `run` in the record at `record`. */
    const book = (s: Chunk<S>, record: Ptr, run: Ptr, size: number): void => {
      const { u32 } = heap, at = record >>> 2;
      u32[at] = s.chunks;
      u32[at + 1] = run;
      u32[at + 2] = size;
      s.chunks = record;
    };

    const refill = (s: Chunk<S>, size: number, align: number): Ptr => {
      if (size === 0) return get(s, 1, align);
      if (size > bytes - 2 * RECORD) {
        const run = RECORD + size < 2 ** 32 ? base.get(s.base, RECORD + size) : 0;
        if (run === 0) return 0;
        book(s, run, run, RECORD + size);
        return run + RECORD;
      }
      const run = base.get(s.base, bytes);
      if (run === 0) return 0;
      // What is left of the last chunk holds less than this request; with a chunk adjoining, it holds both.
      const record = run === s.end ? ((s.ptr + 15) & -16) >>> 0 : run;
      s.ptr = record + RECORD;
      s.end = ((run + bytes) & -16) >>> 0;
      book(s, record, run, bytes);
      return get(s, size, align);
    };

    const get = (s: Chunk<S>, size: number, align = 16): Ptr => {
      const p = ((s.ptr + (align - 1)) & -align) >>> 0;
      const end = p + (size >>> 0); // `>>> 0` tells the engine that it is a 32-bit word
      if (end > s.end || size === 0) return refill(s, size, align) >>> 0;
      s.ptr = end;
      return p;
    };

    return {
      heap,
      init: () => ({ base: base.init(), ptr: 0, end: 0, chunks: 0 }),
      deinit: (s) => {
        let record = s.chunks;
        s.ptr = s.end = s.chunks = 0;
        try {
          while (record !== 0) {
            const { u32 } = heap, at = record >>> 2;
            record = u32[at];
            base.put(s.base, u32[at + 1], u32[at + 2]);
          }
        } finally {
          base.deinit(s.base);
        }
      },
      get,
      put: () => {},
      window: (s) => s,
    };
  },
  { assertInteger },
);
