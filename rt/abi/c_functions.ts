/**
 * The allocating functions of C, served from {@linkcode Blocks}: what a guest imports, and what its own are replaced by.
 *
 * They do what C17, POSIX and, where those leave it open, dlmalloc and musl do, of which the libraries for WebAssembly are
 * made. Sizes and addresses arrive as signed words, as WebAssembly hands them to JavaScript, and are taken for unsigned.
 * Nothing is thrown when memory cannot be had or more is asked for than there can be: that is a null pointer.
 *
 * - Every block is aligned to 16 bytes, which is C's `max_align_t`, or to what is asked for if that is more. One of no bytes has
 *   an address of its own.
 * - `realloc(p, 0)` makes a block of no bytes, which has to be freed, as dlmalloc and mimalloc do. With `frees` it frees `p` and
 *   returns null, as glibc and emmalloc do. C leaves it undefined.
 * - `realloc` to fewer bytes never fails. It keeps no greater alignment than 16, as C says.
 * - `aligned_alloc` returns null for an alignment that is no power of two. `memalign` rounds it up, as dlmalloc and glibc do.
 * - `posix_memalign` leaves the pointer alone where it fails. Its errors have the numbers of WASI, which are Emscripten's, too.
 *   `errno` is a variable of the guest's, and is not set.
 * - `malloc_usable_size` is what was asked for.
 *
 * @module
 */

import { ADDRESS_SPACE } from "../../errors.ts";
import type { Heap, Ptr } from "../../heap.ts";
import { ALIGN, atLeast16, type Blocks, isPowerOfTwo, resized, zeroed } from "./blocks.ts";

/** What `posix_memalign` returns for an alignment that cannot be: `EINVAL`. */
export const EINVAL = 28;

/** What `posix_memalign` returns when memory cannot be had: `ENOMEM`. */
export const ENOMEM = 48;

/** The allocating functions of C. Addresses and sizes are in bytes, signed or unsigned; what is returned is unsigned. */
export interface CFunctions {
  /** Address of a block of `size` bytes, or 0. */
  malloc(size: number): Ptr;
  /** Takes back the block at `p`; nothing, for 0. */
  free(p: Ptr): void;
  /** Address of a block of `n * size` bytes, all zero, or 0. */
  calloc(n: number, size: number): Ptr;
  /** Makes the block at `p` one of `size` bytes, here or elsewhere; 0, and it is as before, when memory cannot be had. */
  realloc(p: Ptr, size: number): Ptr;
  /** As `realloc` to `n * size` bytes. */
  reallocarray(p: Ptr, n: number, size: number): Ptr;
  /** Address of a block aligned to `align`, or 0: also if that is no power of two. */
  aligned_alloc(align: number, size: number): Ptr;
  /** Address of a block aligned to `align`, rounded up to a power of two, or 0. */
  memalign(align: number, size: number): Ptr;
  /** Writes the address of a block aligned to `align` to `out`. Returns 0, {@linkcode EINVAL} or {@linkcode ENOMEM}. */
  posix_memalign(out: Ptr, align: number, size: number): number;
  /** Bytes that may be used at `p`; 0 for 0, and for what is no block. */
  malloc_usable_size(p: Ptr): number;
}

/** What C leaves open. */
export interface COptions {
  /** Whether `realloc(p, 0)` frees `p` and returns 0. Default false: it makes a block of no bytes. */
  readonly frees?: boolean;
}

/**
 * The allocating functions of C, served from `blocks`.
 *
 * Where `posix_memalign` is to write beyond the memory, it throws what WebAssembly throws.
 */
export function cFunctions(blocks: Blocks, options: COptions = {}): CFunctions {
  const { frees = false } = options;

  function malloc(size: number): Ptr {
    return blocks.get(size >>> 0, ALIGN);
  }

  function free(p: Ptr): void {
    if (p !== 0) blocks.put(p >>> 0);
  }

  function realloc(p: Ptr, size: number): Ptr {
    return p === 0 ? malloc(size) : reallocate(p >>> 0, size >>> 0);
  }

  function reallocate(p: Ptr, size: number): Ptr {
    if (frees && size === 0) {
      blocks.put(p);
      return 0;
    }
    return resized(blocks, p, size, ALIGN);
  }

  return {
    malloc,
    free,
    calloc(n, size) {
      const bytes = product(n, size);
      return bytes < 0 ? 0 : zeroed(blocks.heap, blocks.get(bytes, ALIGN), bytes);
    },
    realloc,
    reallocarray(p, n, size) {
      const bytes = product(n, size);
      return bytes < 0 ? 0 : realloc(p, bytes);
    },
    aligned_alloc(align, size) {
      return isPowerOfTwo(align) ? blocks.get(size >>> 0, atLeast16(align)) : 0;
    },
    memalign(align, size) {
      const power = roundUp(align);
      return power < ADDRESS_SPACE ? blocks.get(size >>> 0, power) : 0;
    },
    posix_memalign(out, align, size) {
      if (!isPowerOfTwo(align) || (align & 3) !== 0) return EINVAL;
      assertWord(blocks.heap, out >>> 0);
      const p = blocks.get(size >>> 0, atLeast16(align));
      if (p === 0) return ENOMEM;
      store(blocks.heap, out >>> 0, p);
      return 0;
    },
    malloc_usable_size(p) {
      return Math.max(0, blocks.sizeOf(p >>> 0));
    },
  };
}

/** The least power of two from 16 on that is not less than `align`. */
function roundUp(align: number): number {
  const power = 2 ** (32 - Math.clz32((align >>> 0) - 1));
  return align >>> 0 <= ALIGN ? ALIGN : power;
}

/** `n * size`, taken for unsigned, or -1 if that is no size. */
function product(n: number, size: number): number {
  const bytes = (n >>> 0) * (size >>> 0);
  return bytes < ADDRESS_SPACE ? bytes : -1;
}

/** Throws unless a word can be stored at `p`. */
function assertWord(heap: Heap, p: Ptr): void {
  if (p + 4 <= heap.u8.length) return;
  heap.refresh();
  if (p + 4 > heap.u8.length) throw new WebAssembly.RuntimeError("memory access out of bounds");
}

/** Stores a word at an address that need not be aligned. */
function store({ u8 }: Heap, p: Ptr, word: number): void {
  for (let i = 0; i < 4; i++) u8[p + i] = word >>> 8 * i;
}
