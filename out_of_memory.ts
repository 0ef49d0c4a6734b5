/**
 * What is thrown where 0 is not returned.
 *
 * @module
 */

import { formatBytes } from "./gauge.ts";

/**
 * What `must(...)` and the functions of `std` throw when memory cannot be had. Nothing is lost, and the allocator goes
 * on working.
 */
export class OutOfMemoryError extends Error {
  /** Bytes that were asked for. */
  readonly size: number;

  /** No memory for `size` bytes. `who` has none, as in "the region". */
  constructor(size: number, who = "the region") {
    super(`Cannot allocate ${formatBytes(size)}: ${who} is out of memory`);
    this.name = "OutOfMemoryError";
    this.size = size;
  }
}
