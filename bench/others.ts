/** Other stacks than those that are measured: users meet a stack where there are some. */

import { type AnyLayer, batch, bonwick, bypass, check, chunk, mmap, stats } from "../mod.ts";
import { freelist } from "./freelist.ts";

/** A dozen stacks, which share the source of their layers with what is measured. */
export function others(): AnyLayer[] {
  return [
    chunk(mmap(), 4096),
    stats(mmap()),
    batch(mmap()),
    stats(batch(mmap())),
    bypass(mmap()),
    bypass(stats(mmap())),
    stats(bypass(chunk(batch(mmap()), 8192))),
    freelist(bypass(chunk(mmap(), 32768))),
    bonwick(stats(mmap())),
    stats(bypass(bonwick(bypass(mmap())))),
    check(stats(bonwick(mmap()))),
    bypass(bypass(freelist(bonwick(mmap())))),
  ];
}
