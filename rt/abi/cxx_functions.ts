/**
 * The operators `new` and `delete` of C++, served from {@linkcode Blocks}, under the names that compilers give them.
 *
 * ```text
 *   _Zn w m St11align_val_t RKSt9nothrow_t     new: an object (w) or array (a), of size_t (m, or j), aligned, not throwing
 *   _Zd l Pv m St11align_val_t RKSt9nothrow_t  delete: an object (l) or array (a), with its size, aligned, not throwing
 * ```
 *
 * - A block is aligned to 16 bytes, or to what is asked for. One of no bytes has an address of its own.
 * - A `new` that throws, where memory cannot be had, throws an {@linkcode OutOfMemoryError} through the guest: an error of
 *   JavaScript, for which destructors run only where the guest was compiled for WebAssembly's exceptions. A handler that the
 *   program has set is not called. `new (std::nothrow)` returns null.
 * - `delete` of null does nothing. The size that it is told is not needed, nor believed.
 *
 * @module
 */

import type { Ptr } from "../../heap.ts";
import { OutOfMemoryError } from "../../out_of_memory.ts";
import { ALIGN, atLeast16, type Blocks, isPowerOfTwo } from "./blocks.ts";
import type { Signature } from "./spellings.ts";

const ALIGNED = "St11align_val_t", NOTHROW = "RKSt9nothrow_t";

/** What may follow the names of `new` and `delete`, and how many words such an operator takes. */
const NEW: Readonly<Record<string, number>> = { "": 1, [NOTHROW]: 2, [ALIGNED]: 2, [ALIGNED + NOTHROW]: 3 };
const DELETE: Readonly<Record<string, number>> = {
  ...NEW,
  m: 2,
  j: 2,
  [`m${ALIGNED}`]: 3,
  [`j${ALIGNED}`]: 3,
};

/** The operators, by their names, with what they take and return. */
export const CXX_SIGNATURES: Readonly<Record<string, Signature>> = Object.fromEntries([
  ...["_Znwm", "_Znwj", "_Znam", "_Znaj"].flatMap((name) => signatures(name, NEW, 1)),
  ...["_ZdlPv", "_ZdaPv"].flatMap((name) => signatures(name, DELETE, 0)),
]);

function signatures(name: string, forms: Readonly<Record<string, number>>, results: number): [string, Signature][] {
  return Object.entries(forms).map(([suffix, params]) => [name + suffix, { params, results }]);
}

/** The operators, by their names. Words of 32 bits are taken for unsigned. */
export type CxxFunctions = Record<string, (word: number, ...words: number[]) => Ptr | void>;

/** The operators `new` and `delete`, served from `blocks`, by all names that they can have. */
export function cxxFunctions(blocks: Blocks): CxxFunctions {
  function allocate(size: number): Ptr {
    return blocks.get(size >>> 0, ALIGN) || exhausted(size);
  }
  function allocateQuietly(size: number): Ptr {
    return blocks.get(size >>> 0, ALIGN);
  }
  function allocateAligned(size: number, align: number): Ptr {
    return allocateAlignedQuietly(size, align) || exhausted(size);
  }
  function allocateAlignedQuietly(size: number, align: number): Ptr {
    return isPowerOfTwo(align) ? blocks.get(size >>> 0, atLeast16(align)) : 0;
  }
  function release(p: Ptr): void {
    if (p !== 0) blocks.put(p >>> 0);
  }

  function operator(name: string): CxxFunctions[string] {
    if (name.startsWith("_Zd")) return release;
    if (name.includes(ALIGNED)) return name.endsWith(NOTHROW) ? allocateAlignedQuietly : allocateAligned;
    return name.endsWith(NOTHROW) ? allocateQuietly : allocate;
  }
  return Object.fromEntries(Object.keys(CXX_SIGNATURES).map((name) => [name, operator(name)]));
}

function exhausted(size: number): never {
  throw new OutOfMemoryError(size >>> 0, "the guest");
}
