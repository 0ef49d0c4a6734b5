/** Names of the contenders, which are files in this folder, in the order of the table's columns. */

import type { Contender } from "../contender.ts";

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

/** Loads one, which is all that a process that measures should have. */
export async function load(name: string): Promise<Contender> {
  return (await import(`./${name}.ts`)).contender;
}
