/** Names of the contenders, which are files in this folder. */

import type { Contender } from "../contender.ts";

/** In the table of all, in the order of its columns. */
export const contenders: readonly string[] = [
  "bonwick",
  "stats",
  "region",
  "arena",
  "region_arena",
  "bump",
  "harfbuzz",
  "mempool",
  "objects",
];

/** Ours for general use; the first is that which is compared with the others. */
export const ours: readonly string[] = ["general", "bonwick", "lea", "kingsley", "reap"];

/** The allocators that are ready-made. */
export const ready: readonly string[] = ["general", "lea", "kingsley", "reap", "pool", "growing_arena"];

/** Allocators for general use in WebAssembly modules of their own, which ours are compared with. */
export const peers: readonly string[] = ["harfbuzz", "onig", "tlsf"];

/** What a workload takes without an allocator. */
export const baselines: readonly string[] = ["nothing", "touch"];

/** Loads one, which is all that a process that measures should have. */
export async function load(name: string): Promise<Contender> {
  return (await import(`./${name}.ts`)).contender;
}
