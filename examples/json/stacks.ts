import {
  type AnyAllocator,
  type AnyLayer,
  batch,
  bigcache,
  bonwick,
  check,
  chunk,
  type Gauge,
  mmap,
  stats,
} from "../../mod.ts";

/** A stack to parse under. */
export interface Stack {
  readonly layer: AnyLayer;
  /** Whether trees have to be freed by hand under it. */
  readonly byHand: boolean;
}

/** The stacks that the command offers, the default first. */
export const STACKS: Readonly<Record<string, Stack>> = {
  cached: { layer: chunk(batch(stats(bigcache(stats(mmap())))), 32 * 1024), byHand: false },
  arena: { layer: stats(chunk(stats(mmap()), 64 * 1024)), byHand: false },
  bonwick: { layer: stats(bonwick(stats(mmap()))), byHand: true },
  check: { layer: check(stats(bonwick(check(stats(mmap()))))), byHand: true },
};

/** The figures in the state of a `stats`. */
export type Figures = { -readonly [K in keyof Gauge]: Gauge[K] };

/** The states of the `stats` in a stack, the topmost first. */
export function* figures(state: unknown): Generator<Figures> {
  for (let s = state as { base?: unknown } | undefined; s !== undefined; s = s.base as typeof s) {
    if ("nalloc" in s) yield s as unknown as Figures;
  }
}

/** What a closed allocator has not given back to the heap, as its lowest `stats` sees it: blocks and bytes. */
export function live(allocator: AnyAllocator): { blocks: number; bytes: number } {
  const { nalloc, nfree, szalloc, szfree } = [...figures(allocator.state)].at(-1)!;
  return { blocks: nalloc - nfree, bytes: szalloc - szfree };
}
