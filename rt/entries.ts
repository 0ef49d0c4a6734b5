/**
 * The functions of an allocator that a program calls, by the names of C.
 *
 * @module
 */

/** A function of C's allocator. */
export type EntryName =
  | "malloc"
  | "free"
  | "calloc"
  | "realloc"
  | "reallocarray"
  | "aligned_alloc"
  | "memalign"
  | "posix_memalign"
  | "malloc_usable_size";
