/**
 * Region: composable memory allocation for WebAssembly memory.
 *
 * @module
 */

export type { CallStack, Frame } from "./call_stack.ts";
export { describe } from "./describe.ts";
export { formatBytes, formatGauge, type Gauge } from "./gauge.ts";
export { Heap, heap, type HeapOptions, type Ptr } from "./heap.ts";
export {
  type Aligning,
  type Alignment,
  type AnyLayer,
  type Capability,
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
  type BlockHistory,
  DoubleFreeError,
  ForeignFreeError,
  InteriorFreeError,
  MemoryError,
  OutOfBoundsError,
  OverrunError,
  UnderrunError,
  UninitialisedError,
  UseAfterFreeError,
  WriteAfterFreeError,
  WrongSizeError,
} from "./memory_errors.ts";
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
export { formatSites, type Origin, type Site, type SiteFormat, suppressing } from "./sites.ts";

export { type Affix, affix, type AffixHook } from "./layers/affix.ts";
export { type Align, align } from "./layers/align.ts";
export { type Batch, batch } from "./layers/batch.ts";
export { type Bigcache, bigcache } from "./layers/bigcache.ts";
export { type Bitmap, bitmap } from "./layers/bitmap.ts";
export { type Bonwick, bonwick } from "./layers/bonwick.ts";
export { type Buddy, buddy } from "./layers/buddy.ts";
export { type Bypass, bypass } from "./layers/bypass.ts";
export { type Cascade, cascade, type CascadeInstance } from "./layers/cascade.ts";
export { type Check, check, LeakError } from "./layers/check.ts";
export { type Chunk, chunk } from "./layers/chunk.ts";
export { type Coalesce, coalesce } from "./layers/coalesce.ts";
export { type Count, count } from "./layers/count.ts";
export { type Debug, debug, type DebugLayer, type DebugOptions } from "./layers/debug.ts";
export { type Fail, fail } from "./layers/fail.ts";
export { type Fallback, fallback } from "./layers/fallback.ts";
export { type Freelist, freelist } from "./layers/freelist.ts";
export { formatHistogram, type Histogram, histogram } from "./layers/histogram.ts";
export type { Ledger } from "./layers/ledger.ts";
export { type Limit, limit } from "./layers/limit.ts";
export { type Log, log } from "./layers/log.ts";
export { type Must, must } from "./layers/must.ts";
export type { Both, Paired } from "./layers/pair.ts";
export type { Patience } from "./layers/patience.ts";
export { type Pipe, pipe } from "./layers/pipe.ts";
export { powersOfTwo, type Quantize, quantize } from "./layers/quantize.ts";
export { arena, general, kingsley, lea, pool, reap } from "./layers/ready.ts";
export { type Route, route, type Split, split } from "./layers/route.ts";
export { type Shadow, shadow, type ShadowOptions } from "./layers/shadow.ts";
export { type Sizeclass, sizeclass } from "./layers/sizeclass.ts";
export { type Sized, sized, type SizedLayer } from "./layers/sized.ts";
export { type Slab, slab } from "./layers/slab.ts";
export { type Slabs, slabs } from "./layers/slabs.ts";
export { type Stats, stats } from "./layers/stats.ts";
export { type Fixed, fixed } from "./layers/system/fixed.ts";
export { type Mmap, mmap } from "./layers/system/mmap.ts";
export { type Null, nullLayer, nullLayer as null } from "./layers/system/null.ts";
export { type Sbrk, sbrk } from "./layers/system/sbrk.ts";
export { type Trace, trace, type TraceOptions } from "./layers/trace.ts";
export { type Zero, zero, type ZeroWhen } from "./layers/zero.ts";

export * as layers from "./layers/mod.ts";
export * as std from "./std/mod.ts";
export { OutOfMemoryError } from "./out_of_memory.ts";
