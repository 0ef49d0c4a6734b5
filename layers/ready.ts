/**
 * Allocators ready made, of the layers here and nothing else: a line each, to use as they are or to start from.
 *
 * @module
 */

import { assertInteger } from "../errors.ts";
import { type Heap, heap as defaultHeap } from "../heap.ts";
import type { AnyLayer, LayerWith } from "../layer.ts";
import { type Chunk, chunk } from "./chunk.ts";
import { type Coalesce, coalesce } from "./coalesce.ts";
import { type Freelist, freelist } from "./freelist.ts";
import { type Split, split } from "./route.ts";
import { type Sizeclass, sizeclass } from "./sizeclass.ts";
import { type Slabs, slabs } from "./slabs.ts";
import { type Mmap, mmap } from "./system/mmap.ts";

/** Up to so many bytes, blocks share spans; larger ones are pages of their own. */
const HUGE = 262_144;

/** Multiples of 16 up to 256, and powers of two up to 64 KiB: classes of sizes. */
const EXACT: readonly number[] = Array.from({ length: 16 }, (_, i) => 16 * (i + 1));
const POWERS: readonly number[] = Array.from({ length: 13 }, (_, i) => 16 << i);

const quickList = <L extends AnyLayer>(base: L): ReturnType<typeof freelist<L>> => freelist(base, 0, 512);
const list = <L extends AnyLayer>(base: L): ReturnType<typeof freelist<L>> => freelist(base);

/**
 * For general use, memory and time in balance: small blocks from magazines and slabs, larger ones from what splits and
 * merges, huge ones (above 256 KiB) straight from pages. Once all blocks have come back, all memory has, unless that
 * happens again and again: then a span is kept in between.
 *
 * @param heap Where the memory comes from. Default: the program's default heap
 *
 * @example
 * ```ts
 * import { bytealloc, bytefree, enter, init } from "../region.ts";
 * import { general } from "./ready.ts";
 *
 * enter(init(general()), () => {
 *   const p = bytealloc(1000);
 *   bytefree(p, 1000);
 * });
 * ```
 */
export const general = (
  heap: Heap = defaultHeap,
): LayerWith<Split<Slabs<Coalesce<Mmap>>, Mmap>, "resize" | "goodSize" | "maxAlign"> =>
  split(HUGE, slabs(coalesce(mmap(heap))), mmap(heap));

/**
 * As Doug Lea's malloc: quick lists of some blocks for small sizes, over what splits and merges; huge blocks (above 256
 * KiB) straight from pages. Takes the least memory.
 *
 * @param heap Where the memory comes from. Default: the program's default heap
 *
 * @example
 * ```ts
 * import { init } from "../region.ts";
 * import { lea } from "./ready.ts";
 *
 * const a = init(lea());
 * a.put(a.get(1000), 1000);
 * a.deinit();
 * ```
 */
export const lea = (
  heap: Heap = defaultHeap,
): LayerWith<Split<Sizeclass<Coalesce<Mmap>, Freelist<Coalesce<Mmap>>>, Mmap>, "resize" | "goodSize" | "maxAlign"> =>
  split(HUGE, sizeclass(coalesce(mmap(heap)), EXACT, quickList), mmap(heap));

/**
 * As Chris Kingsley's malloc of 4.2BSD: a free list for each power of two up to 64 KiB, filled from an arena and never
 * emptied; larger blocks straight from pages. Fast, and wasteful.
 *
 * @param heap Where the memory comes from. Default: the program's default heap
 *
 * @example
 * ```ts
 * import { init } from "../region.ts";
 * import { kingsley } from "./ready.ts";
 *
 * const a = init(kingsley());
 * a.goodSize(1000);                // 1024
 * a.deinit();
 * ```
 */
export const kingsley = (
  heap: Heap = defaultHeap,
): LayerWith<Split<Sizeclass<Chunk<Mmap>, Freelist<Chunk<Mmap>>>, Mmap>, "resize" | "goodSize" | "maxAlign"> =>
  split(65_536, sizeclass(chunk(mmap(heap), 65_536), POWERS, list), mmap(heap));

/**
 * An arena: chunks that double from a page on; blocks go with the arena, a `reset` or a `rewind`.
 *
 * @param heap Where the memory comes from. Default: the program's default heap
 * @param retain Bytes that `reset` keeps at most. Default: all
 *
 * @example
 * ```ts
 * import { init } from "../region.ts";
 * import { arena } from "./ready.ts";
 *
 * const a = init(arena());
 * a.get(1000);
 * a.reset();
 * a.deinit();
 * ```
 */
export const arena = (heap: Heap = defaultHeap, retain: number = Infinity): ReturnType<typeof chunk<LayerOf<Mmap>>> =>
  chunk(mmap(heap), 4096, 2, retain);

/**
 * An arena whose blocks can also be put: bumps as long as nothing has come back, and then serves that first. A `reap`.
 *
 * After Berger, Zorn and McKinley, "Reconsidering Custom Memory Allocation" (OOPSLA 2002).
 *
 * @param heap Where the memory comes from. Default: the program's default heap
 *
 * @example
 * ```ts
 * import { init } from "../region.ts";
 * import { reap } from "./ready.ts";
 *
 * const a = init(reap());
 * const p = a.get(1000);
 * a.put(p, 1000);
 * a.get(500);                      // p
 * a.reset();
 * a.deinit();
 * ```
 */
export const reap = (heap: Heap = defaultHeap): ReturnType<typeof coalesce<LayerOf<Mmap>>> => coalesce(mmap(heap));

/**
 * A pool: blocks of one size, in chunks that double. What is larger comes from the chunks, too, and comes
 * back with a `reset` only.
 *
 * @param bytes Bytes in a block, 1 to 2^30, rounded up to a multiple of 16
 * @param heap Where the memory comes from. Default: the program's default heap
 *
 * @example
 * ```ts
 * import { init } from "../region.ts";
 * import { pool } from "./ready.ts";
 *
 * const a = init(pool(24));
 * a.put(a.get(24), 24);
 * a.reset();
 * a.deinit();
 * ```
 */
export const pool = (
  bytes: number,
  heap: Heap = defaultHeap,
): LayerWith<Freelist<Chunk<Mmap>>, "resize" | "reset" | "owns" | "maxAlign"> => {
  assertInteger("compose pool", "bytes in a block", bytes, 1, 2 ** 30);
  return freelist(chunk(mmap(heap), 4096, 2), bytes);
};

type LayerOf<S> = LayerWith<S, "resize" | "goodSize" | "maxAlign">;
