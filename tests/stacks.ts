// Random stacks, for the tests that a layer must pass whatever it is composed with
import { fc } from "./fast_check.ts";
import {
  type AnyLayer,
  batch,
  bigcache,
  bonwick,
  bypass,
  check,
  chunk,
  type Heap,
  layers,
  mmap,
  sbrk,
  stats,
} from "../mod.ts";

/** A layer of a stack: its name, a function from the layer below, and whether it gives back what passes through it. */
export interface Part {
  name: string;
  over: (base: AnyLayer) => AnyLayer;
  owns: boolean;
}

const part = (name: string, over: (base: AnyLayer) => AnyLayer, owns: boolean): Part => ({ name, over, owns });

export const parts: Part[] = [
  part("bypass", (base) => bypass(base), false),
  part("stats", (base) => stats(base), false),
  part("check", (base) => check(stats(base)), false),
  part("batch", (base) => batch(base), true),
  part("bonwick", (base) => bonwick(base), true),
  part("bigcache", (base) => bigcache(base), true),
  ...[64, 100, 1024, 4096, 4097, 65536].map((n) => part(`chunk ${n}`, (base) => chunk(base, n), true)),
];

/** What a stack can stand on, in a heap of its own. */
export interface Bottom {
  name: string;
  of: (heap: Heap) => AnyLayer;
  owns: boolean;
}

export const bottoms: Bottom[] = [
  { name: "mmap", of: (heap) => mmap(heap), owns: false },
  { name: "sbrk", of: (heap) => sbrk(heap), owns: true },
];

/** Bottoms that serve from a region over the default heap. */
export const regional: Bottom[] = [
  { name: "std", of: () => layers.std(), owns: false },
  { name: "ground", of: () => layers.ground(), owns: false },
  { name: "pipe", of: () => layers.pipe(), owns: false },
];

export const anyParts: fc.Arbitrary<Part[]> = fc.array(fc.constantFrom(...parts), { maxLength: 6 });

/** The layers of `above`, of which the first is the topmost, over `base`. */
export function stack(above: readonly Part[], base: AnyLayer): AnyLayer {
  return above.reduceRight((below, { over }) => over(below), base);
}

/** Whether a stack frees at deinit what was not put. */
export function owns(above: readonly Part[], bottom: { owns: boolean }): boolean {
  return bottom.owns || above.some((part) => part.owns);
}

/** Whether some `check` sees the blocks that are out at deinit: if no layer above it puts them first. */
export function leaks(above: readonly Part[]): boolean {
  const at = above.findIndex(({ name }) => name === "check");
  return at >= 0 && !above.slice(0, at).some((part) => part.owns);
}

export type Op =
  | { op: "get"; size: number; align: number }
  | { op: "put"; nth: number }
  | { op: "refill"; nth: number };

const anySize = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 64 }) },
  { weight: 4, arbitrary: fc.integer({ min: 65, max: 2100 }) },
  { weight: 2, arbitrary: fc.constantFrom(2047, 2048, 2049, 4064, 4080, 4095, 4096, 4097, 8192) },
  { weight: 2, arbitrary: fc.integer({ min: 4097, max: 70_000 }) },
);

export const anyOps: fc.Arbitrary<Op[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        op: fc.constant("get" as const),
        size: anySize,
        align: fc.constantFrom(16, 16, 16, 1, 2, 4, 8),
      }),
    },
    { weight: 4, arbitrary: fc.record({ op: fc.constant("put" as const), nth: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("refill" as const), nth: fc.nat() }) },
  ),
  { maxLength: 200, size: "max" },
);
