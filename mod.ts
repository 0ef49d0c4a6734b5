/**
 * Region: composable memory allocation for WebAssembly memory.
 *
 * @module
 */

export { formatBytes, formatGauge, type Gauge } from "./gauge.ts";
export { Heap, heap, type HeapOptions, type Ptr } from "./heap.ts";
export {
  type Aligning,
  type Alignment,
  type AnyLayer,
  type Capability,
  describe,
  type Factory,
  type Gauged,
  type Kept,
  type Layer,
  layer,
  type LayerWith,
  pass,
  type Passable,
  type Passed,
  share,
  specialise,
  type StateOf,
  type Window,
} from "./layer.ts";
export {
  Allocator,
  type AllocatorOf,
  type AnyAllocator,
  bytealloc,
  bytefree,
  byteresize,
  enter,
  enterAsync,
  escape,
  ground,
  init,
  next,
  top,
} from "./region.ts";

export { type Batch, batch } from "./layers/batch.ts";
export { type Bigcache, bigcache } from "./layers/bigcache.ts";
export { type Bonwick, bonwick } from "./layers/bonwick.ts";
export { type Bypass, bypass } from "./layers/bypass.ts";
export { type Check, check, LeakError } from "./layers/check.ts";
export { type Chunk, chunk } from "./layers/chunk.ts";
export type { Ledger } from "./layers/ledger.ts";
export { type Pipe, pipe } from "./layers/pipe.ts";
export { type Stats, stats } from "./layers/stats.ts";
export { type Mmap, mmap } from "./layers/system/mmap.ts";
export { type Null, nullLayer, nullLayer as null } from "./layers/system/null.ts";
export { type Sbrk, sbrk } from "./layers/system/sbrk.ts";

export * as layers from "./layers/mod.ts";
export * as std from "./std/mod.ts";
export { OutOfMemoryError } from "./out_of_memory.ts";
