import {
  type AnyLayer,
  arena,
  batch,
  bigcache,
  bonwick,
  bypass,
  check,
  chunk,
  type Gauge,
  general,
  Heap,
  kingsley,
  type Layer,
  layer,
  lea,
  mmap,
  nullLayer,
  pool,
  reap,
  sbrk,
  type Site,
  specialise,
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
import { type BaseLayer, ConformanceError, conforms, type ConformsOptions, failAt } from "../testing/mod.ts";
import { assertEquals, assertThrows } from "./assert.ts";

type Make = (base: BaseLayer) => AnyLayer;

const FREES: ConformsOptions = { frees: true };

/** Every layer, with the parameters that make a difference: add a line for a new one. */
const LAYERS: Record<string, [make: Make, options?: ConformsOptions]> = {
  mmap: [({ heap }) => mmap(heap), { serves: "all" }],
  sbrk: [({ heap }) => sbrk(heap), FREES],
  null: [({ heap }) => nullLayer(heap), { serves: "none" }],
  fixed: [({ heap }) => fixed({ start: heap.getPages(16), bytes: 65536 }, heap), FREES],
  "fixed, from an odd address on": [({ heap }) => fixed({ start: heap.getPages(2) + 3, bytes: 5000 }, heap), FREES],

  bypass: [(base) => bypass(base), { serves: "all" }],
  stats: [(base) => stats(base), { serves: "all" }],
  check: [(base) => check(stats(base)), { serves: "all" }],
  count: [(base) => count(base), { serves: "all" }],
  histogram: [(base) => histogram(base), { serves: "all" }],
  log: [(base) => log(base, () => {}), { serves: "all" }],
  must: [(base) => must(base), { serves: "all" }],
  trace: [(base) => trace(base), { serves: "all" }],
  "trace of some": [(base) => trace(batch(base), { every: 3, depth: 1 }), { ...FREES, serves: "all", samples: true }],
  "trace of some bytes": [(base) => trace(chunk(base, 4096), { bytes: 1000 }), { ...FREES, samples: true }],
  "trace below others": [(base) => check(stats(trace(base))), { serves: "all" }],
  debug: [(base) => debug(base), { serves: "all" }],
  "debug with no call stacks": [(base) => debug(base, { depth: 0, quarantine: 4000 }), { serves: "all" }],
  "debug of arenas, with no quarantine": [(base) => debug(chunk(base, 4096), { depth: 0, quarantine: 0 }), FREES],
  "debug below others": [(base) => check(stats(debug(batch(base)))), { ...FREES, serves: "all" }],
  shadow: [(base) => shadow(base), { serves: "all" }],
  "shadow of arenas, with no quarantine": [(base) => shadow(chunk(base, 4096), { quarantine: 0 }), FREES],
  "fail at the third": [(base) => fail(base, 3)],
  "fail by a predicate": [(base) => fail(base, (nth) => nth % 7 === 0)],
  failAt: [(base) => failAt(base, 5)],

  batch: [(base) => batch(base), { ...FREES, serves: "all" }],
  "batch over an arena": [(base) => batch(chunk(base, 4096)), { ...FREES, serves: "all" }],
  bigcache: [(base) => bigcache(base), { ...FREES, serves: "all" }],
  bonwick: [(base) => bonwick(base), { ...FREES, serves: "all" }],
  chunk: [(base) => chunk(base, 4096), { ...FREES, serves: "all" }],
  "chunk, small": [(base) => chunk(base, 64), FREES],
  "chunk, growing": [(base) => chunk(base, 1000, 2), FREES],
  "chunk that retains": [(base) => chunk(base, 4096, 1, 10_000), FREES],
  "chunk that retains nothing": [(base) => chunk(base, 4096, 1.5, 0), FREES],
  "chunk below bypass": [(base) => bypass(chunk(base, 4096)), FREES],

  freelist: [(base) => freelist(base, 100)],
  "freelist of large blocks, bounded": [(base) => freelist(base, 3000, 10_000)],
  "freelist that takes many": [(base) => freelist(coalesce(base), 64, 4096, 512), FREES],
  slab: [(base) => slab(base, 64)],
  "slab, small": [(base) => slab(base, 24, 1024)],
  slabs: [(base) => slabs(coalesce(base)), FREES],
  "slabs, small": [(base) => slabs(coalesce(base, 1024), 64, 32, 1024), FREES],
  sizeclass: [(base) => sizeclass(coalesce(base), [16, 32, 64, 128, 512], (b) => freelist(b)), FREES],
  "sizeclass of arenas": [(base) => sizeclass(base, [16, 64, 1024], (b) => chunk(b, 2000))],
  quantize: [(base) => quantize(base, 64)],
  "quantize by a function": [(base) => quantize(base, powersOfTwo)],

  bitmap: [(base) => bitmap(base, 16, 2048), FREES],
  "bitmap of large units": [(base) => bitmap(base, 1024, 100), FREES],
  buddy: [(base) => buddy(base), FREES],
  "buddy, small": [(base) => buddy(base, 64, 65536), FREES],
  coalesce: [(base) => coalesce(base), FREES],
  "coalesce, small": [(base) => coalesce(base, 1024), FREES],

  limit: [(base) => limit(base, 30_000)],
  "limit of calls": [(base) => limit(base, Infinity, 40)],
  cascade: [(base) => cascade(limit(chunk(base, 4096), 10_000)), FREES],
  "cascade of few": [(base) => cascade(bitmap(base, 16, 1024), 2), FREES],
  fallback: [(base) => fallback(limit(batch(base), 5000), base)],
  "fallback of an arena": [(base) => fallback(limit(chunk(base, 4096), 5000), base)],
  "fallback of a buffer": [(base) => fallback(fixed({ start: base.heap.getPages(1), bytes: 4096 }, base.heap), base)],
  route: [(base) => route((size: number) => size % 3 === 0, chunk(base, 4096), base)],
  split: [(base) => split(256, chunk(base, 4096), base)],

  align: [(base) => align(base, 64)],
  "align to more than pages": [(base) => align(chunk(base, 9000), 16_384), FREES],
  affix: [(base) => affix(base, 16, 8)],
  "affix of odd sizes": [(base) => affix(base, 3, 1)],
  sized: [(base) => sized(base)],
  zero: [(base) => zero(base)],
  "zero on put": [(base) => zero(base, "put")],
  "zero on both": [(base) => zero(chunk(base, 4096), "both"), FREES],

  general: [({ heap }) => general(heap), { serves: "all" }],
  "general, of sizes small and huge": [({ heap }) => general(heap), { sizes: 600_000, serves: "all" }],
  lea: [({ heap }) => lea(heap), { serves: "all" }],
  kingsley: [({ heap }) => kingsley(heap), { serves: "all" }],
  arena: [({ heap }) => arena(heap), FREES],
  "arena that retains little": [({ heap }) => arena(heap, 10_000), FREES],
  reap: [({ heap }) => reap(heap), { ...FREES, serves: "all" }],
  pool: [({ heap }) => pool(24, heap), FREES],
};

for (const [name, [make, options]] of Object.entries(LAYERS)) {
  Deno.test(`conforms: ${name}`, () => conforms(make, options));
}

interface Honest<S> {
  base: S;
  /** The blocks that are out. */
  out: Map<number, { size: number; serial: number }>;
  /** The sizes of those that were out when it was closed. */
  left: number[] | undefined;
  marks: { m: number; serial: number }[];
  serial: number;
  nalloc: number;
  nfree: number;
  szalloc: number;
  szfree: number;
  watermark: number;
}

/** A layer of somebody else's that can everything, to break a member of. */
function honest<S>(
  base: Layer<S>,
): Required<Omit<Layer<Honest<S>>, "stateless" | "parts" | "counts" | "window" | "divisible">> {
  const putFrom = (s: Honest<S>, serial: number) => {
    for (const [p, block] of [...s.out]) if (block.serial >= serial) self.put(s, p, block.size);
    while (s.marks.length > 0 && s.marks.at(-1)!.serial >= serial) base.put(s.base, s.marks.pop()!.m, 16);
  };
  const self = {
    heap: base.heap,
    init: () => ({
      ...{ base: base.init(), out: new Map(), left: undefined, marks: [], serial: 0 },
      ...{ nalloc: 0, nfree: 0, szalloc: 0, szfree: 0, watermark: 0 },
    }),
    deinit: (s: Honest<S>) => {
      s.left = Array.from(s.out.values(), ({ size }) => size);
      putFrom(s, 0);
      base.deinit(s.base);
    },
    get: (s: Honest<S>, size: number, align?: number) => {
      const p = base.get(s.base, size, align as 16);
      if (p === 0) return 0;
      s.out.set(p, { size, serial: s.serial++ });
      s.nalloc++;
      s.szalloc += size;
      s.watermark = Math.max(s.watermark, s.szalloc - s.szfree);
      return p;
    },
    put: (s: Honest<S>, p: number, size: number) => {
      base.put(s.base, p, size);
      s.out.delete(p);
      s.nfree++;
      s.szfree += size;
    },
    resize: (s: Honest<S>, p: number, old: number, size: number) => {
      if (!base.resize!(s.base, p, old, size)) return false;
      s.out.get(p)!.size = size;
      if (size < old) s.szfree += old - size;
      else s.szalloc += size - old;
      s.watermark = Math.max(s.watermark, s.szalloc - s.szfree);
      return true;
    },
    gauge: (s: Honest<S>): Gauge => s,
    owns: (s: Honest<S>, p: number) => s.out.has(p),
    sizeOf: (s: Honest<S>, p: number) => s.out.get(p)!.size,
    goodSize: (size: number) => base.goodSize!(size),
    maxAlign: base.maxAlign!,
    pristine: true,
    sites: (s: Honest<S>): Site[] => {
      const sizes = s.left ?? Array.from(s.out.values(), ({ size }) => size), count = sizes.length;
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      return count === 0 ? [] : [{ count, bytes, sampled: count, frames: [] }];
    },
    verify: (s: Honest<S>) => {
      for (const [p, { size }] of s.out) {
        if (p + size > base.heap.size) throw new Error("Cannot verify: a block is lost");
      }
    },
    reset: (s: Honest<S>) => putFrom(s, 0),
    mark: (s: Honest<S>) => {
      const m = base.get(s.base, 16);
      if (m !== 0) s.marks.push({ m, serial: s.serial++ });
      return m;
    },
    rewind: (s: Honest<S>, m: number) => {
      const mark = s.marks.find((mark) => mark.m === m);
      if (mark === undefined) throw new RangeError(`Cannot rewind to ${m}: it is no mark that is left`);
      putFrom(s, mark.serial);
    },
  };
  return self;
}

/** An arena of one block, from below, that forgets to check. */
const bump = (base: BaseLayer, bytes: number, patch: Partial<AnyLayer> = {}): AnyLayer => ({
  heap: base.heap,
  init: () => ({ base: base.init(), start: 0, ptr: 0, end: 0 }),
  deinit: (s) => {
    if (s.start !== 0) base.put(s.base, s.start, bytes);
    base.deinit(s.base);
  },
  get: (s, size, align = 16) => {
    if (s.start === 0) {
      s.start = s.ptr = base.get(s.base, bytes);
      if (s.start === 0) return 0;
      s.end = s.start + bytes;
    }
    const p = Math.ceil(s.ptr / align) * align, end = p + (size || 1);
    if (end > s.end) return 0;
    s.ptr = end;
    return p;
  },
  put: () => {},
  ...patch,
});

Deno.test("conforms: the layers that the mutants are made of", () => {
  conforms((base) => honest(base), { ...FREES, serves: "all" });
  conforms((base) => bump(base, 10_000), FREES);
});

type AnyHonest = ReturnType<typeof honest<unknown>>;

/** What a mutant does otherwise; undefined: it cannot. */
type Change = (self: AnyHonest, base: Layer<unknown>) => { [K in keyof AnyLayer]?: AnyLayer[K] | undefined };

/** A layer that is honest but for some members. */
const mutant = (change: Change): Make => (base) => {
  const self = honest(base as AnyLayer as Layer<unknown>);
  return { ...self, ...change(self, base as AnyLayer as Layer<unknown>) } as AnyLayer;
};

/** The honest layer without figures and sites, which most lies would show in. */
const quiet = (change: Change): Make =>
  mutant((self, base) => ({ gauge: undefined, sites: undefined, ...change(self, base) }));

const outside = (s: AnyLayer["init"]): number => s as unknown as number;

const everywhere = new Set<number>();

/** Broken layers, and what the kit has to say of each. */
const MUTANTS: Record<string, [make: Make, says: string, options?: ConformsOptions]> = {
  "blocks at odd addresses": [
    (base) => ({
      ...bypassing(base),
      get: (s, size) => {
        const p = base.get(s, size + 8);
        return p === 0 ? 0 : p + 8;
      },
      put: (s, p, size) => base.put(s, p - 8, size + 8),
    }),
    "are not aligned to 16",
  ],
  "alignments are promised, and not kept": [
    (base) => ({ ...chunk(base, 4096), get: (s, size) => chunk(base, 4096).get(s, size) }),
    "are not aligned to 32",
  ],
  "maxAlign is no more than anybody's": [mutant(() => ({ maxAlign: 16 })), "maxAlign must be a power of two"],
  "the same block twice": [
    quiet((self) => ({ get: (s, size, align) => s.serial === 7 ? [...s.out.keys()][0] : self.get(s, size, align) })),
    "overlap",
  ],
  "blocks overlap by a byte": [
    (base) => bump(base, 10_000, { put: (s, p, size) => void (s.ptr = p + size - 1) }),
    "overlap",
  ],
  "two states are one": [
    quiet((self) => {
      let open = 0, shared: ReturnType<typeof self.init>;
      return {
        init: () => open++ === 0 ? shared = self.init() : shared,
        deinit: (s) => --open === 0 ? self.deinit(s) : undefined,
      };
    }),
    "owns says true of a block of another state",
  ],
  "less is asked for below than is served": [
    quiet((self, base) => ({
      get: (s, size) => {
        const p = base.get(s.base, size >>> 1);
        if (p !== 0) s.out.set(p, { size: size >>> 1, serial: s.serial++ });
        return p;
      },
      put: (s, p, size) => self.put(s, p, size >>> 1),
    })),
    "are not in memory that it has of the layer below",
  ],
  "memory is used that was given back": [
    (base) =>
      bump(base, 5000, {
        get: (s) => {
          if (s.start === 0) {
            s.start = base.get(s.base, 5000);
            if (s.start === 0) return 0;
            base.put(s.base, s.start, 5000);
          }
          return s.start;
        },
        deinit: (s) => base.deinit(s.base),
      }),
    "are not in memory that it has of the layer below",
  ],
  "an address that is no number": [
    mutant(() => ({ get: () => "16" as unknown as number })),
    "get must return an address",
  ],
  "an address outside the heap": [mutant(() => ({ get: () => 2 ** 31 })), "are not in the heap"],
  "blocks of no bytes share an address": [
    (base) =>
      bump(base, 60_000, {
        get: (s, size, align) =>
          size === 0 ? (s.none ??= bump(base, 60_000).get(s, 16)) : bump(base, 60_000).get(s, size, align),
      }),
    "0 bytes at",
  ],
  "put writes into another block": [
    quiet((self) => ({
      put: (s, p, size) => {
        self.put(s, p, size);
        for (const [q, block] of s.out) if (block.size > 4) self.heap.u8[q + block.size - 1] ^= 1;
      },
    })),
    "has been overwritten",
  ],
  "get writes behind its block": [
    quiet((self) => ({
      get: (s, size, align) => {
        const p = self.get(s, size, align);
        if (p !== 0) self.heap.u8[p + size] ^= 1;
        return p;
      },
    })),
    "outside the",
  ],
  "a block is put with another size": [
    quiet((_, base) => ({ put: (s, p) => base.put(s.base, p, 1) })),
    "of which it has",
  ],
  "a block is put twice": [
    quiet((self, base) => ({
      put: (s, p, size) => {
        self.put(s, p, size);
        base.put(s.base, p, size);
      },
    })),
    "where no block is out there",
  ],
  "put forgets the block": [
    quiet(() => ({ put: (s, p) => void s.out.delete(p) })),
    "are not given back at deinit",
  ],
  "a block of its own is left at deinit": [
    (base) => ({
      ...bypassing(base),
      init: () => {
        const s = base.init();
        base.get(s, 100);
        return s;
      },
    }),
    "are not given back at deinit",
  ],
  "blocks that are out are not taken back": [(base) => bypass(base), "are not given back at deinit", FREES],
  "pages of the heap are left at deinit": [
    (base) => ({ ...bypassing(base), init: () => (base.heap.getPages(1), base.init()) }),
    "pages of the heap are not given back",
  ],
  "the layer below is not closed": [(base) => ({ ...bypassing(base), deinit: () => {} }), "are not closed at deinit"],
  "the layer below is closed twice": [
    (base) => ({ ...bypassing(base), deinit: (s) => (base.deinit(s), base.deinit(s)) }),
    "it would close a state of the layer below that is not open",
  ],
  "the layer below is closed before its blocks are put": [
    (base) =>
      bump(base, 10_000, {
        deinit: (s) => {
          base.deinit(s.base);
          if (s.start !== 0) base.put(s.base, s.start, 10_000);
        },
      }),
    "it would put to a state of the layer below that is not open",
  ],
  "what it has is lost when the second request fails": [
    (base) => twoBlocks(base, () => {}),
    "it loses memory each time it refuses",
  ],
  "figures count what was refused": [
    mutant((self) => ({
      get: (s, size, align) => {
        const p = self.get(s, size, align);
        if (p === 0) s.nalloc++;
        return p;
      },
    })),
    "the gauge says nalloc is",
  ],
  "figures miss what was resized": [
    mutant((_, base) => ({
      resize: (s, p, old, size) => {
        if (!base.resize!(s.base, p, old, size)) return false;
        s.out.get(p).size = size;
        return true;
      },
    })),
    "the gauge says",
  ],
  "figures have no peak": [mutant(() => ({ gauge: (s) => ({ ...s, watermark: s.szalloc }) })), "watermark"],
  "an error where memory is out": [
    mutant((self) => ({
      get: (s, size, align) => {
        const p = self.get(s, size, align);
        if (p === 0) throw new Error("no memory");
        return p;
      },
    })),
    "get threw Error: no memory",
  ],
  "nothing is served any more once memory was out": [
    quiet((self) => ({
      get: (s, size, align) => {
        if (s.dead) return 0;
        const p = self.get(s, size, align);
        if (p === 0 && size < 2 ** 20) s.dead = true;
        return p;
      },
    })),
    "memory is back, and it refuses get(",
  ],
  "nothing is served": [mutant(() => ({ get: () => 0 })), "it serves nothing"],
  "not everything is served": [
    mutant((self) => ({ get: (s, size, align) => size === 17 ? 0 : self.get(s, size, align) })),
    "it has refused get(17",
    { serves: "all", sizes: [16, 17] },
  ],
  "something is served": [(base) => bypass(base), "it is to serve nothing, and does", { serves: "none" }],
  "sizes beyond the address space are asked for": [
    (base) => ({
      ...bypassing(base),
      get: (s, size) => base.get(s, size + 16),
      put: (s, p, size) => base.put(s, p, size + 16),
    }),
    "it asks the layer below for 4294967311 bytes",
  ],
  "sizes wrap around": [
    (base) => ({
      ...bypassing(base),
      get: (s, size) => base.get(s, (size + 16) >>> 0),
      put: (s, p, size) => base.put(s, p, (size + 16) >>> 0),
    }),
    "are not in the heap",
  ],
  "resize says yes and does nothing": [quiet(() => ({ resize: () => true })), "are not in the heap"],
  "resize says no and has done it": [
    quiet((_, base) => ({
      resize: (s, p, old, size) => {
        base.resize!(s.base, p, old, size);
        return false;
      },
    })),
    "has been overwritten",
  ],
  "resize loses contents": [
    quiet((self) => ({
      resize: (s, p, old, size) => {
        if (!self.resize(s, p, old, size)) return false;
        if (Math.min(old, size) > 0) self.heap.u8[p] ^= 1;
        return true;
      },
    })),
    "has been overwritten",
  ],
  "resize says neither yes nor no": [
    quiet((self) => ({ resize: (...args) => self.resize(...args) ? 1 as unknown as boolean : false })),
    "resize must return a boolean",
  ],
  "owns everything": [mutant(() => ({ owns: () => true })), "owns says true of"],
  "owns nothing": [mutant(() => ({ owns: () => false })), "owns says false of"],
  "owns what other states have": [
    mutant((self) => ({
      get: (s, size, align) => {
        const p = self.get(s, size, align);
        if (p !== 0) everywhere.add(p);
        return p;
      },
      put: (s, p, size) => {
        everywhere.delete(p);
        self.put(s, p, size);
      },
      owns: (_, p) => everywhere.has(p),
    })),
    "owns says true of a block of another state",
  ],
  "sizeOf is rounded": [
    mutant((self) => ({ sizeOf: (s, p) => Math.ceil(self.sizeOf(s, p) / 16) * 16 })),
    "sizeOf says",
  ],
  "sizeOf does not know of resize": [
    mutant((self) => ({
      get: (s, size, align) => {
        const p = self.get(s, size, align);
        (s.first ??= new Map()).set(p, size);
        return p;
      },
      sizeOf: (s, p) => s.first.get(p),
    })),
    "sizeOf says",
  ],
  "goodSize is less": [mutant(() => ({ goodSize: (size) => size & -16 })), "goodSize says"],
  "goodSize is not monotone": [
    mutant(() => ({ goodSize: (size) => size < 1024 ? 1040 : size })),
    "goodSize is not monotone",
  ],
  "goodSize is not idempotent": [
    mutant(() => ({ goodSize: (size) => Math.min(size + 16, 2 ** 32 - 1) })),
    "goodSize is not idempotent",
  ],
  "goodSize is beyond the address space": [
    mutant(() => ({ goodSize: (size) => Math.ceil(size / 16) * 16 })),
    "goodSize must return a size",
  ],
  "goodSize costs more": [
    mutant(() => ({ goodSize: (size) => Math.min(Math.ceil(size / 8192) * 8192, 2 ** 32 - 1) })),
    "which goodSize says they cost",
    { serves: "all" },
  ],
  "reset does nothing": [
    quiet(() => ({ reset: () => {}, mark: undefined, rewind: undefined })),
    "it takes ever more memory",
  ],
  "reset forgets": [
    quiet(() => ({ reset: (s) => void (s.out.clear(), s.marks.length = 0) })),
    "are not given back at deinit",
  ],
  "reset takes what is got afterwards for its own": [
    (base) => {
      const { gauge: _, ...arena } = chunk(base, 4096) as AnyLayer;
      return { ...arena, reset: (s) => void (s.ptr = s.end - 64) };
    },
    "",
  ],
  "reset leaves marks": [
    quiet((self) => ({
      reset: (s) => {
        const { marks } = s;
        s.marks = [];
        self.reset(s);
        s.marks = marks;
      },
    })),
    "it takes back to a mark that was before a reset",
  ],
  "rewind takes back nothing": [
    quiet((self, base) => ({
      rewind: (s, m) => {
        const at = s.marks.findIndex((mark: { m: number }) => mark.m === m);
        if (at < 0) self.rewind(s, m);
        for (const { m } of s.marks.splice(at)) base.put(s.base, m, 16);
      },
    })),
    "it takes ever more memory",
  ],
  "rewind takes back too much": [
    quiet((self) => ({ rewind: (s, m) => (self.rewind(s, m), self.reset(s)) })),
    "",
  ],
  "rewind takes any mark": [
    quiet((self) => ({
      rewind: (s, m) => s.marks.some((mark: { m: number }) => mark.m === m) ? self.rewind(s, m) : undefined,
    })),
    "it takes back to a mark that",
  ],
  "marks are kept": [
    quiet((self, base) => ({
      mark: (s) => {
        const p = base.get(s.base, 16);
        if (p !== 0) (s.kept ??= []).push(p);
        return self.mark(s);
      },
      deinit: (s) => {
        for (const p of s.kept ?? []) base.put(s.base, p, 16);
        self.deinit(s);
      },
    })),
    "it takes ever more memory",
  ],
  "mark without rewind": [
    (base) => {
      const { rewind: _, ...rest } = honest(base);
      return rest;
    },
    "it has no rewind",
  ],
  "sites forgets": [quiet((self) => ({ sites: (s) => s.out.size > 9 ? [] : self.sites(s) })), "sites says 0 blocks"],
  "sites does not know of put": [
    quiet((self) => ({
      put: (s, p, size) => {
        const { out } = s;
        self.put({ ...s, out: new Map(out) }, p, size);
      },
      ...{ sites: self.sites, owns: undefined, reset: undefined, mark: undefined, rewind: undefined },
    })),
    "sites says",
  ],
  "sites does not know of resize": [
    quiet((self, base) => ({
      resize: (s, p, old, size) => base.resize!(s.base, p, old, size),
      ...{ sites: self.sites, sizeOf: undefined, reset: undefined, mark: undefined, rewind: undefined },
    })),
    "bytes are out where it is",
  ],
  "sites does not know of reset": [
    quiet((self) => ({
      reset: (s) => {
        s.left = Array.from(s.out.values(), ({ size }) => size);
        self.reset(s);
      },
      sites: self.sites,
    })),
    "sites says",
  ],
  "sites does not know when it is closed": [
    quiet((self) => ({ sites: (s) => s.left ? [] : self.sites(s) })),
    "sites says 0 blocks of 0 bytes",
    FREES,
  ],
  "sites makes more of a sample than there is": [
    quiet((self) => ({ sites: (s) => self.sites(s).map((site) => ({ ...site, count: 2 * site.count, sampled: 99 })) })),
    "sites says 99 of",
    { samples: true },
  ],
  "sites has more samples than blocks": [
    quiet((self) => ({ sites: (s) => self.sites(s).map((site) => ({ ...site, count: 999, sampled: 99 })) })),
    "blocks of",
    { samples: true },
  ],
  "sites is in no order": [
    quiet((self) => ({
      sites: (s) => Array.from(s.out.values(), ({ size }) => ({ count: 1, bytes: size, sampled: 1, frames: [] })),
      init: () => self.init(),
    })),
    "sites must have those of the most bytes first",
  ],
  "verify finds fault": [
    quiet((_, base) => ({
      verify: (s) => {
        for (const p of s.out.keys()) if (base.heap.u8[p] === 7) throw new Error("Cannot verify: 7 is unlucky");
      },
    })),
    "verify threw Error: Cannot verify",
  ],
  "verify writes": [
    quiet((_, base) => ({
      verify: (s) => {
        for (const [p, { size }] of s.out) if (size > 0) base.heap.u8[p] = 0;
      },
    })),
    "has been overwritten",
  ],
  "pristine, and writes": [
    quiet((self) => ({
      get: (s, size, align) => {
        const p = self.get(s, size, align);
        if (p !== 0 && size > 8) self.heap.u32[p >>> 2] = 1;
        return p;
      },
    })),
    "it is pristine, and byte 0",
  ],
  "a window beyond its memory": [
    (base) => ({ ...bump(base, 500), window: (s) => (s.ptr === 0 ? s : Object.assign(s, { end: s.start + 2048 })) }),
    "are not in memory that it has",
  ],
  "parts cannot be put": [(base) => ({ ...bypassing(base), divisible: true }), "to the layer below"],
  "states share what they have": [
    quiet((self) => {
      const out = new Map();
      return { init: () => Object.assign(self.init(), { out }), owns: undefined };
    }),
    "which another state of that has handed out",
  ],
  "another heap": [
    (base) => ({ ...bypassing(base), heap: new Heap({ initial: 1 }) }),
    "its heap is not that of the layer below",
  ],
  "a name that the factory was not given": [
    (base) => careless(base),
    "get threw ReferenceError: outside is not defined",
  ],
  "works only where it is specialised": [
    (base) => specialisedOnly(base),
    "plain, over blocks with guards",
  ],
  "printing throws": [
    quiet(() => ({
      parts: new Proxy({}, {
        ownKeys: () => {
          throw new Error("no parts");
        },
      }),
    })),
    "describe threw Error: no parts",
  ],
};

/** A plain object that does what `bypass` does. */
function bypassing(base: BaseLayer): AnyLayer {
  return {
    heap: base.heap,
    init: () => base.init(),
    deinit: (s) => base.deinit(s),
    get: (s, size) => base.get(s, size),
    put: (s, p, size) => base.put(s, p, size),
  };
}

/** A layer that takes a second block for each, and calls `undo` if it cannot have that. */
function twoBlocks(base: BaseLayer, undo: (s: never, p: number) => void): AnyLayer {
  return {
    heap: base.heap,
    init: () => ({ base: base.init(), all: new Map(), lost: [] }),
    deinit: (s) => {
      for (const [p, size] of s.lost) base.put(s.base, p, size);
      base.deinit(s.base);
    },
    get: (s, size) => {
      const p = base.get(s.base, size);
      if (p === 0) return 0;
      const q = base.get(s.base, 16);
      if (q === 0) {
        s.lost.push([p, size]);
        undo(s as never, p);
        return 0;
      }
      s.all.set(p, q);
      return p;
    },
    put: (s, p, size) => {
      base.put(s.base, p, size);
      base.put(s.base, s.all.get(p), 16);
      s.all.delete(p);
    },
  };
}

const careless = layer(function careless(base: AnyLayer): AnyLayer {
  return {
    heap: base.heap,
    init: () => base.init(),
    deinit: (s) => base.deinit(s),
    get: (s, size) => base.get(s, outside(size as never)),
    put: (s, p, size) => base.put(s, p, size),
  };
});

const specialisedOnly = layer(function specialisedOnly(base: AnyLayer): AnyLayer {
  const own = new Error().stack!.includes("region:");
  return {
    heap: base.heap,
    init: () => base.init(),
    deinit: (s) => base.deinit(s),
    get: (s, size) => base.get(s, own ? size : size >>> 1),
    put: (s, p, size) => base.put(s, p, own ? size : size >>> 1),
  };
});

for (const [name, [make, says, options]] of Object.entries(MUTANTS)) {
  Deno.test(`conforms: finds a mutant: ${name}`, () => {
    const e = assertThrows(() => conforms(make, options), ConformanceError, says);
    assertEquals(e.message.startsWith("Cannot call "), true, e.message);
    assertEquals(e.message.includes("seed 1, "), true, e.message);
  });
}

Deno.test("conforms: the same seed shows the same", () => {
  const say = (seed: number) =>
    assertThrows(() => conforms(MUTANTS["put writes into another block"][0], { seed }), Error).message;
  assertEquals(say(7), say(7));
  assertEquals(say(2 ** 32 - 1).includes("seed 4294967295, "), true);
});

Deno.test("conforms: asks for the sizes that it is given, and for no others", () => {
  const asked = new Set<number>();
  const listening = (base: BaseLayer): AnyLayer => ({
    ...bypassing(base),
    get: (s, size) => (asked.add(size), base.get(s, size)),
  });
  conforms(listening, { sizes: [48, 64] });
  const rest = [...asked].filter((size) =>
    size > 48 && size < 2 ** 31 && size !== 64 && size !== 4 * 48 && size !== 4 * 64
  );
  assertEquals(rest, []);
  asked.clear();
  conforms(listening, { sizes: 1000 });
  assertEquals([...asked].filter((size) => size > 4000 && size < 2 ** 31), []);
});

Deno.test("conforms: tries layers specialised and plain, and leaves the switch as it was", () => {
  for (const on of [true, false]) {
    const before = specialise(on), seen = new Set<boolean>();
    try {
      conforms((base) => {
        const was = specialise(true);
        specialise(was);
        seen.add(was);
        return bypass(base);
      });
      assertThrows(() => conforms(() => nullLayer(new Heap({ initial: 1 }))), ConformanceError, "its heap");
      assertEquals(specialise(on), on);
      assertEquals([...seen], [true, false]);
    } finally {
      specialise(before);
    }
  }
});

Deno.test("conforms: refuses what it cannot put on trial", () => {
  const make: Make = (base) => bypass(base);
  assertThrows(() => conforms(bypass as never, null as never), TypeError, "options must be an object, got null");
  assertThrows(() => conforms(42 as never), TypeError, "what makes it must be a function, got 42");
  assertThrows(() => conforms((() => 42) as never), TypeError, "expected a layer, got 42");
  assertThrows(() => conforms(make, { sizes: [] }), RangeError, "sizes must be a size or some, got none");
  assertThrows(() => conforms(make, { sizes: -1 }), RangeError, "a size in bytes must be an integer from 0");
  assertThrows(() => conforms(make, { sizes: [16, 1.5] }), RangeError, "a size in bytes must be an integer from 0");
  assertThrows(() => conforms(make, { sizes: "16" as never }), TypeError, "a size in bytes must be a number");
  assertThrows(() => conforms(make, { seed: -1 }), RangeError, "seed must be an integer from 0");
  assertThrows(() => conforms(make, { programs: 0 }), RangeError, "number of programs must be an integer from 1");
  assertThrows(() => conforms(make, { steps: 0 }), RangeError, "number of steps must be an integer from 1");
  assertThrows(() => conforms(make, { samples: 1 as never }), TypeError, "samples must be a boolean, got 1");
  assertThrows(() => conforms(make, { frees: 1 as never }), TypeError, "frees must be a boolean, got 1");
  assertThrows(
    () => conforms(make, { serves: "most" as never }),
    TypeError,
    'serves must be "all", "some", "none" or "any"',
  );
});
