/**
 * Every layer, by its name: `layers.null()` and `layers.std()` included, which as plain names are taken.
 *
 * @module
 */

export { type Affix, affix, type AffixHook } from "./affix.ts";
export { type Align, align } from "./align.ts";
export { type Batch, batch } from "./batch.ts";
export { type Bigcache, bigcache } from "./bigcache.ts";
export { type Bitmap, bitmap } from "./bitmap.ts";
export { type Bonwick, bonwick } from "./bonwick.ts";
export { type Buddy, buddy } from "./buddy.ts";
export { type Bypass, bypass } from "./bypass.ts";
export { type Cascade, cascade, type CascadeInstance } from "./cascade.ts";
export { type Check, check, LeakError } from "./check.ts";
export { type Chunk, chunk } from "./chunk.ts";
export { type Coalesce, coalesce } from "./coalesce.ts";
export { type Count, count } from "./count.ts";
export { type Debug, debug, type DebugLayer, type DebugOptions } from "./debug.ts";
export { type Fail, fail } from "./fail.ts";
export { type Fallback, fallback } from "./fallback.ts";
export { type Freelist, freelist } from "./freelist.ts";
export { formatHistogram, type Histogram, histogram } from "./histogram.ts";
export type { Ledger } from "./ledger.ts";
export { type Limit, limit } from "./limit.ts";
export { type Log, log } from "./log.ts";
export { type Must, must } from "./must.ts";
export type { Both, Paired } from "./pair.ts";
export type { Patience } from "./patience.ts";
export { type Pipe, pipe } from "./pipe.ts";
export { powersOfTwo, type Quantize, quantize } from "./quantize.ts";
export { arena, general, kingsley, lea, pool, reap } from "./ready.ts";
export { type Route, route, type Split, split } from "./route.ts";
export { type Shadow, shadow, type ShadowOptions } from "./shadow.ts";
export { type Sizeclass, sizeclass } from "./sizeclass.ts";
export { type Sized, sized, type SizedLayer } from "./sized.ts";
export { type Slab, slab } from "./slab.ts";
export { type Slabs, slabs } from "./slabs.ts";
export { type Stats, stats } from "./stats.ts";
export { type Fixed, fixed } from "./system/fixed.ts";
export { type Mmap, mmap } from "./system/mmap.ts";
export { type Null, nullLayer, nullLayer as null } from "./system/null.ts";
export { type Sbrk, sbrk } from "./system/sbrk.ts";
export { type Trace, trace, type TraceOptions } from "./trace.ts";
export { type Zero, zero, type ZeroWhen } from "./zero.ts";
export { type Ground, ground } from "./ground.ts";
export { type Std, std } from "./system/std.ts";
