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
import { affix } from "../layers/affix.ts";
import { align } from "../layers/align.ts";
import { bitmap } from "../layers/bitmap.ts";
import { buddy } from "../layers/buddy.ts";
import { cascade } from "../layers/cascade.ts";
import { coalesce } from "../layers/coalesce.ts";
import { count } from "../layers/count.ts";
import { fail } from "../layers/fail.ts";
import { fallback } from "../layers/fallback.ts";
import { freelist } from "../layers/freelist.ts";
import { histogram } from "../layers/histogram.ts";
import { limit } from "../layers/limit.ts";
import { log } from "../layers/log.ts";
import { slabs } from "../layers/slabs.ts";
import { must } from "../layers/must.ts";
import { powersOfTwo, quantize } from "../layers/quantize.ts";
import { route, split } from "../layers/route.ts";
import { sizeclass } from "../layers/sizeclass.ts";
import { sized } from "../layers/sized.ts";
import { slab } from "../layers/slab.ts";
import { debug } from "../layers/debug.ts";
import { shadow } from "../layers/shadow.ts";
import { trace } from "../layers/trace.ts";
import { zero } from "../layers/zero.ts";
import { fixed } from "../layers/system/fixed.ts";
import { nameOf } from "../describe.ts";
import { ConformanceError, conforms } from "../testing/mod.ts";
import { type Pick, pickFrom } from "../testing/trial.ts";

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

/** What a random stack is made with: the layer below, numbers, and another stack over the same bottom. */
interface Material {
  base: AnyLayer;
  pick: Pick;
  other: () => AnyLayer;
}

/** A way to put a layer over another, where that has what it needs. */
interface Way {
  fits?: (base: AnyLayer) => boolean;
  over: (material: Material) => AnyLayer;
}

const among = <T>(pick: Pick, ...choices: T[]): T => choices[pick(choices.length)];
const aligns = (bytes: number) => (base: AnyLayer) => (base.maxAlign ?? 16) >= bytes;
const owning = (base: AnyLayer) => base.owns !== undefined;

/** A bottom of a random stack: mostly the layer that is given. */
function bottomOf(given: AnyLayer, pick: Pick): AnyLayer {
  const { heap } = given;
  switch (pick(8)) {
    case 0:
      return mmap(heap);
    case 1:
      return sbrk(heap);
    case 2: {
      const pages = 1 + pick(40);
      return fixed({ start: heap.getPages(pages), bytes: pages * 4096 }, heap);
    }
    default:
      return given;
  }
}

/** Every layer that has a layer below, with random parameters: add a line for a new one. */
const ways: Way[] = [
  { over: ({ base }) => bypass(base) },
  { over: ({ base }) => stats(base) },
  { fits: (base) => base.gauge !== undefined, over: ({ base }) => check(base as never) },
  { over: ({ base }) => check(stats(base)) },
  { over: ({ base }) => count(base) },
  { over: ({ base }) => histogram(base) },
  { over: ({ base, pick }) => debug(base, { depth: pick(3), quarantine: among(pick, 0, 4096, 2 ** 18) }) },
  { over: ({ base, pick }) => shadow(base, { depth: pick(3), quarantine: among(pick, 0, 4096, 2 ** 24) }) },
  { over: ({ base, pick }) => trace(base, { depth: 1 + pick(8) }) },
  { over: ({ base }) => log(base, () => {}) },
  { over: ({ base, pick }) => fail(base, among(pick, 1, Infinity)) },

  { over: ({ base }) => batch(base) },
  { over: ({ base }) => bigcache(base) },
  { over: ({ base }) => bonwick(base) },
  {
    over: ({ base, pick }) =>
      chunk(
        base,
        among(pick, 64, 100, 1024, 4096, 4097, 65536),
        among(pick, 1, 1, 1.5, 2, 16),
        among(pick, Infinity, Infinity, 0, 10_000),
      ),
  },

  { over: ({ base, pick }) => freelist(base, among(pick, 16, 24, 100, 1000, 5000), among(pick, Infinity, 0, 4096)) },
  { fits: (base) => base.divisible === true, over: ({ base, pick }) => freelist(base, among(pick, 16, 64), 4096, 512) },
  {
    fits: (base) => base.divisible === true && base.resize !== undefined && (base.maxAlign ?? 16) >= 4096,
    over: ({ base, pick }) => slabs(base as never, 64 << pick(3), 16 << pick(3), 1024 << pick(3)),
  },
  {
    fits: aligns(16_384),
    over: ({ base, pick }) => {
      const bytes = 1024 << pick(5);
      return slab(base as never, 1 + pick(bytes / 8), bytes);
    },
  },
  {
    over: ({ base, pick }) => {
      const classes = new Set([16, 32, 64, 48, 128, 512, 1008, 4096].filter(() => pick(2) === 0)).add(256);
      const make = among<(base: AnyLayer) => AnyLayer>(pick, freelists, arenas, bypass);
      return sizeclass(base, [...classes].sort((a, b) => a - b), make);
    },
  },
  { over: ({ base, pick }) => quantize(base, among<number | typeof powersOfTwo>(pick, 1, 16, 100, 4096, powersOfTwo)) },

  { over: ({ base, pick }) => bitmap(base, 16 << pick(6), among(pick, 1, 31, 32, 500, 2000)) },
  { fits: aligns(2 ** 20), over: ({ base, pick }) => buddy(base as never, 16 << pick(4), 2 ** (12 + pick(9))) },
  { over: ({ base, pick }) => coalesce(base, among(pick, 1024, 5000, 65536)) },

  { over: ({ base, pick }) => limit(base, among(pick, 1000, 20_000, 300_000, Infinity), among(pick, Infinity, 100)) },
  { fits: owning, over: ({ base, pick }) => cascade(base as never, among(pick, Infinity, 1, 3)) },
  {
    fits: owning,
    over: ({ base, pick }) => cascade(limit(base, among(pick, 3000, 20_000)) as never, among(pick, Infinity, 4)),
  },
  { fits: owning, over: ({ base, other }) => fallback(base as never, other()) },
  { over: ({ base, other }) => route(odd, base, other()) },
  { over: ({ base, pick, other }) => split(among(pick, 0, 16, 100, 4096), base, other()) },

  { over: ({ base, pick }) => align(base, 32 << pick(10)) },
  { over: ({ base, pick }) => affix(base, pick(40), pick(20)) },
  { over: ({ base }) => sized(base) },
  { over: ({ base, pick }) => zero(base, among(pick, "get", "put", "both")) },
];

const freelists = (base: AnyLayer) => freelist(base);
const arenas = (base: AnyLayer) => chunk(base, 3000);
const odd = (size: number) => size % 2 === 1;

/** The most layers that a random stack has on top of each other. */
export const DEPTH = 8;

/**
 * The random stack that a seed stands for, of 2 to 8 layers, over a layer that can what `mmap` can. What is put on top of
 * what depends on what that can, as the layer object says.
 */
export function randomStack(given: AnyLayer, seed: number): AnyLayer {
  const pick = pickFrom(seed);
  const build = (depth: number): AnyLayer => {
    let base = bottomOf(given, pick);
    for (let left = depth - 1; left > 0; left--) {
      const fitting = ways.filter(({ fits }) => fits === undefined || fits(base));
      const rest = Math.min(left, 3); // or stacks would become very broad
      base = among(pick, ...fitting).over({ base, pick, other: () => build(1 + pick(rest)) });
    }
    return base;
  };
  const depth = 2 + pick(DEPTH - 1);
  return depth > 2 && pick(8) === 0 ? must(build(depth - 1)) : build(depth); // it belongs on top
}

/**
 * Puts the random stack that a seed stands for on trial, with programs from the same seed, and returns its name. What it
 * throws names both.
 */
export function tryRandomStack(seed: number, programs: number, steps: number): string {
  let name = "";
  try {
    conforms((base) => {
      const stack = randomStack(base, seed);
      name = nameOf(stack);
      return stack;
    }, { seed, programs, steps, serves: "any", grows: true });
  } catch (e) {
    if (e instanceof ConformanceError) throw e;
    throw new Error(`Cannot try the stack of seed ${seed}, ${name || "which does not compose"}`, { cause: e });
  }
  return name;
}
