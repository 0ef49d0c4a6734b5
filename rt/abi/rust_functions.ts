/**
 * The allocating functions of Rust, served from {@linkcode Blocks}: what `alloc` calls where a program has no allocator of its
 * own linked in.
 *
 * - Alignments are powers of two, as a `Layout` has them. `__rust_realloc` keeps them.
 * - Null is returned when memory cannot be had. What Rust does then is call `__rust_alloc_error_handler`, which throws an
 *   {@linkcode OutOfMemoryError} through the guest.
 * - Sizes and alignments that are told of a block are not needed, nor believed.
 *
 * @module
 */

import type { Ptr } from "../../heap.ts";
import { OutOfMemoryError } from "../../out_of_memory.ts";
import { atLeast16, type Blocks, isPowerOfTwo, resized, zeroed } from "./blocks.ts";
import type { Signature } from "./spellings.ts";

/** The functions of Rust, by their names before mangling. Words of 32 bits are taken for unsigned. */
export interface RustFunctions {
  /** Address of a block, or 0. */
  __rust_alloc(size: number, align: number): Ptr;
  /** Address of a block of zeros, or 0. */
  __rust_alloc_zeroed(size: number, align: number): Ptr;
  /** Takes back a block. */
  __rust_dealloc(p: Ptr, size: number, align: number): void;
  /** Makes a block one of `to` bytes, here or elsewhere; 0, and it is as before, when memory cannot be had. */
  __rust_realloc(p: Ptr, size: number, align: number, to: number): Ptr;
  /** Throws an {@linkcode OutOfMemoryError}. */
  __rust_alloc_error_handler(size: number, align: number): never;
  /** Whether Rust itself is to panic when memory cannot be had: no. */
  __rust_alloc_error_handler_should_panic_v2(): number;
  /** Does nothing: that it is called is to keep programs from using these functions without saying so. */
  __rust_no_alloc_shim_is_unstable_v2(): void;
}

/** The functions of Rust, by their names before mangling, with what they take and return. */
export const RUST_SIGNATURES: Readonly<Record<keyof RustFunctions, Signature>> = {
  __rust_alloc: { params: 2, results: 1 },
  __rust_alloc_zeroed: { params: 2, results: 1 },
  __rust_dealloc: { params: 3, results: 0 },
  __rust_realloc: { params: 4, results: 1 },
  __rust_alloc_error_handler: { params: 2, results: 0 },
  __rust_alloc_error_handler_should_panic_v2: { params: 0, results: 1 },
  __rust_no_alloc_shim_is_unstable_v2: { params: 0, results: 0 },
};

/** The allocating functions of Rust, served from `blocks`. */
export function rustFunctions(blocks: Blocks): RustFunctions {
  function get(size: number, align: number): Ptr {
    return isPowerOfTwo(align) ? blocks.get(size >>> 0, atLeast16(align)) : 0;
  }
  return {
    __rust_alloc(size, align) {
      return get(size, align);
    },
    __rust_alloc_zeroed(size, align) {
      return zeroed(blocks.heap, get(size, align), size >>> 0);
    },
    __rust_dealloc(p, _size, _align) {
      if (p !== 0) blocks.put(p >>> 0);
    },
    __rust_realloc(p, _size, align, to) {
      if (p === 0) return get(to, align);
      return isPowerOfTwo(align) ? resized(blocks, p >>> 0, to >>> 0, atLeast16(align)) : 0;
    },
    __rust_alloc_error_handler(size, _align) {
      throw new OutOfMemoryError(size >>> 0, "the guest");
    },
    __rust_alloc_error_handler_should_panic_v2() {
      return 0;
    },
    __rust_no_alloc_shim_is_unstable_v2() {},
  };
}

/**
 * A name before Rust mangled it: `__rust_alloc` for itself and, as newer compilers have it, for
 * `_RNvCs4fqI2P2rA04_7___rustc12___rust_alloc`, where what follows `Cs` differs from compiler to compiler.
 */
export function rustName(name: string): string {
  return /^_RNvC(?:s[0-9A-Za-z]*_)?7___rustc\d+_(__rust_\w+)$/.exec(name)?.[1] ?? name;
}
