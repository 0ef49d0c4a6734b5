/**
 * Every layer, by its name: `layers.null()` and `layers.std()` included, which as plain names are taken.
 *
 * @module
 */

export { type Batch, batch } from "./batch.ts";
export { type Bigcache, bigcache } from "./bigcache.ts";
export { type Bonwick, bonwick } from "./bonwick.ts";
export { type Bypass, bypass } from "./bypass.ts";
export { type Check, check, LeakError } from "./check.ts";
export { type Chunk, chunk } from "./chunk.ts";
export { type Ground, ground } from "./ground.ts";
export type { Ledger } from "./ledger.ts";
export { type Pipe, pipe } from "./pipe.ts";
export { type Stats, stats } from "./stats.ts";
export { type Mmap, mmap } from "./system/mmap.ts";
export { type Null, nullLayer, nullLayer as null } from "./system/null.ts";
export { type Sbrk, sbrk } from "./system/sbrk.ts";
export { type Std, std } from "./system/std.ts";
