/**
 * `conforms`: what every layer must pass, of this library or anybody's.
 *
 * @module
 */

import { ADDRESS_SPACE, assertFunction, assertInteger, assertOptions, show } from "../errors.ts";
import { Heap } from "../heap.ts";
import { describe } from "../describe.ts";
import { type AnyLayer, isLayer, specialise } from "../layer.ts";
import { type BaseLayer, Probe } from "./probe.ts";
import { Bench, type Block, ConformanceError, type Pick, pickFrom, Trial } from "./trial.ts";

/** How to put a layer on trial. */
export interface ConformsOptions {
  /**
   * Sizes in bytes to ask for: these, or any up to so many. Default: any up to what the layer serves, 16 KiB at the
   * most.
   */
  sizes?: number | readonly number[];
  /** What the random programs are made from: the same seed, the same programs. Default 1. */
  seed?: number;
  /** How many random programs to run, 1 to 1000; and four times as many points of failure. Default 3. */
  programs?: number;
  /** How many calls a random program makes, 1 to 10,000. Default 80. */
  steps?: number;
  /**
   * Whether `deinit` must take back the blocks that were not put, as that of `batch` and `chunk` does. Default false:
   * it may leave those alone that it passed on.
   */
  frees?: boolean;
  /**
   * Whether it may take more memory with each reset and rewind, as what stands on an arena does that takes nothing
   * back. Default false.
   */
  grows?: boolean;
  /**
   * Which requests are served while there is memory: `"all"`, `"some"`, the default, `"none"`, or `"any"`, which is not
   * looked at. After memory had run out and has come back it must be all again, or else half of them at least.
   */
  serves?: "all" | "some" | "none" | "any";
  /** Whether `sites` are estimates from a sample, which need not add up to what is out. Default false. */
  samples?: boolean;
}

/** The ways of composing, and what to compose over. */
const WAYS = [
  { how: "specialised, over pages", specialised: true, guarded: false },
  { how: "plain, over blocks with guards", specialised: false, guarded: true },
];

const MAXIMUM = 1024; // pages of 64 KiB that the heap may grow to
const SCANTY = 5; // pages of 64 KiB, where memory is to run out
const REPEATS = 10; // rounds after which it shows whether memory grows
const HUGE = [2 ** 31, ADDRESS_SPACE - 65536, ADDRESS_SPACE - 4096, ADDRESS_SPACE - 17, ADDRESS_SPACE - 1]; // bytes

/**
 * Throws a {@linkcode ConformanceError} unless a layer keeps to what {@linkcode Layer} promises, with every capability
 * that it has: alignment, no overlap, contents kept, blocks of no bytes, `resize`, `owns`, `sizeOf`, `goodSize`,
 * `reset`, `mark` and `rewind`, `sites`, `verify`, parts of blocks, `pristine`, `window`, the figures of the gauge; that states are
 * independent; that nothing is lost when the layer below has no memory, at each of its requests in turn, and that
 * everything is given back at `deinit`. All of it with layers specialised and plain.
 *
 * A layer may refuse requests (see `serves`); it must then be as before. The message names the stack, the seed and the
 * call at which it showed, and the same call of `conforms` leads there again.
 *
 * @param make Makes the layer over the one it is given, which can what `mmap` can and lies in a heap of its own:
 *   `base.heap`. It is called several times
 *
 * @example
 * ```ts
 * import { chunk } from "../layers/chunk.ts";
 * import { sbrk } from "../layers/system/sbrk.ts";
 * import { conforms } from "./conforms.ts";
 *
 * conforms((base) => chunk(base, 4096), { frees: true });
 * conforms((base) => sbrk(base.heap)); // has no layer below
 * ```
 */
export function conforms(make: (base: BaseLayer) => AnyLayer, options: ConformsOptions = {}): void {
  assertFunction("put a layer on trial", "what makes it", make);
  const plan = planOf(options);
  const before = specialise(true);
  try {
    for (const { how, specialised, guarded } of WAYS) {
      specialise(specialised);
      new Session(make, plan, `seed ${plan.seed}, ${how}`, guarded).run();
    }
  } finally {
    specialise(before);
  }
}

type Plan = Required<Omit<ConformsOptions, "sizes">> & { sizes: number | readonly number[] | undefined };

function planOf(options: ConformsOptions): Plan {
  const action = "put a layer on trial";
  assertOptions(action, options);
  const { sizes, seed = 1, programs = 3, steps = 80, frees = false, grows = false } = options;
  const { serves = "some", samples = false } = options;
  if (Array.isArray(sizes) && sizes.length === 0) {
    throw new RangeError(`Cannot ${action}: sizes must be a size or some, got none`);
  }
  for (const size of sizes === undefined ? [] : [sizes].flat() as unknown[]) {
    assertInteger(action, "a size in bytes", size, 0, 2 ** 24);
  }
  assertInteger(action, "seed", seed, 0, 2 ** 32 - 1);
  assertInteger(action, "number of programs", programs, 1, 1000);
  assertInteger(action, "number of steps", steps, 1, 10_000);
  for (const [name, value] of Object.entries({ frees, grows, samples })) {
    if (typeof value !== "boolean") {
      throw new TypeError(`Cannot ${action}: ${name} must be a boolean, got ${show(value)}`);
    }
  }
  if (!["all", "some", "none", "any"].includes(serves)) {
    throw new TypeError(`Cannot ${action}: serves must be "all", "some", "none" or "any", got ${show(serves)}`);
  }
  return { sizes, seed, programs, steps, frees, grows, serves, samples };
}

/** A layer, composed in one way, and all its trials. */
class Session {
  readonly #bench: Bench;
  #greatest = 0; // size in bytes that is asked for
  /** Whether some of the requests of the random programs have been served. */
  #served = false;

  constructor(
    readonly make: (base: BaseLayer) => AnyLayer,
    readonly plan: Plan,
    readonly how: string,
    readonly guarded: boolean,
  ) {
    this.#bench = this.#benchOver(MAXIMUM);
  }

  run(): void {
    const { layer } = this.#bench;
    if (this.plan.sizes === undefined) this.#greatest = this.#greatestServed();
    this.#small();
    this.#huge();
    for (let nth = 1; nth <= this.plan.programs; nth++) this.#program(nth);
    this.#assertServed();
    this.#sideBySide();
    this.#oneSize();
    if (layer.divisible && layer.gauge === undefined) this.#parts();
    if (layer.goodSize) this.#goodSizes();
    if (layer.reset) this.#resets();
    if (layer.mark || layer.rewind) this.#marks();
    this.#failures();
    this.#leaksAtRefusal();
    this.#exhaustion();
    this.#leftovers();
  }

  #benchOver(maximum: number): Bench {
    const heap = new Heap({ initial: 1, maximum }), probe = new Probe(heap, this.guarded);
    const layer = this.make(probe.layer);
    if (!isLayer(layer)) throw new TypeError(`Cannot put a layer on trial: expected a layer, got ${show(layer)}`);
    const bench = new Bench(heap, probe, layer, this.how, this.plan.samples);
    if (layer.heap !== heap) bench.fail("its heap is not that of the layer below");
    const most = layer.maxAlign;
    if (most !== undefined && !(most > 16 && Number.isInteger(Math.log2(most)))) {
      bench.fail(`maxAlign must be a power of two of more than 16, got ${show(most)}`);
    }
    return bench;
  }

  /** A state to try, which is closed afterwards, when everything must be back. */
  #try<T>(phase: string, f: (trial: Trial, pick: Pick) => T, bench: Bench = this.#bench): T {
    bench.begin(phase);
    const trial = new Trial(bench), pick = pickFrom(this.plan.seed), result = f(trial, pick);
    bench.probe.fails = () => false;
    trial.putAll(pick);
    bench.probe.audit();
    trial.close();
    bench.assertAllBack();
    return result;
  }

  /** What makes sizes: those that were given, or as many small ones as large ones, and those at powers of two. */
  #sizes(pick: Pick): () => number {
    const { sizes } = this.plan, greatest = typeof sizes === "number" ? sizes : this.#greatest;
    if (typeof sizes === "object") return () => sizes[pick(sizes.length)];
    return () => {
      const kind = pick(8), log = Math.log2(greatest + 1);
      if (kind === 0) return 0;
      if (kind < 3) return Math.min(greatest, 2 ** pick(log + 1) + pick(3) - 1);
      return Math.floor(2 ** (pick(2 ** 20) / 2 ** 20 * log));
    };
  }

  /** The greatest of some sizes that is served. */
  #greatestServed(): number {
    return this.#try("sizes", (trial) => {
      for (let size = 2 ** 14; size > 16; size /= 2) {
        const block = trial.get(size);
        if (block === undefined) continue;
        trial.put(block);
        return size + size / 4;
      }
      return 16;
    });
  }

  /** Blocks of no bytes, and small ones at every alignment; and what printing says of it. */
  #small(): void {
    const { layer } = this.#bench;
    this.#try("small blocks", (trial, pick) => {
      for (let i = 0; i < 4; i++) trial.get(0);
      for (const align of [1, 2, 4, 8, 16]) trial.get(0, align);
      for (const align of [1, 2, 4, 8, 16]) trial.get(1 + pick(40), align);
      for (let align = 32; align <= Math.min(layer.maxAlign ?? 0, 2 ** 16); align *= 2) trial.get(pick(100), align);
      for (const block of trial.blocks) trial.inspect(block);
      this.#bench.call(["describe"], () => describe(layer, trial.state));
    });
  }

  /** No layer serves more than there is, or asks for more than there are addresses. */
  #huge(): void {
    const bench = this.#bench;
    this.#try("huge blocks", (trial) => {
      const block = trial.get(8);
      for (const size of HUGE) {
        if (trial.get(size)) bench.fail(`it serves ${size} bytes of a heap of ${bench.heap.size}`);
        if (block && bench.layer.resize && trial.resize(block, size)) bench.fail(`it resizes a block to ${size} bytes`);
      }
    });
  }

  #program(nth: number): void {
    const bench = this.#bench, { plan } = this;
    this.#try(`random program ${nth}`, (trial) => {
      const pick = pickFrom(plan.seed + nth);
      bench.withForeignPage(() => {
        trial.run(pick, plan.steps, this.#sizes(pick));
        for (const block of trial.blocks) trial.inspect(block);
        trial.putAll(pick);
      });
      bench.op = [];
      if (trial.served > 0) this.#served = true;
      if (trial.served > 0 && plan.serves === "none") bench.fail("it is to serve nothing, and does");
      if (trial.refused > 0 && plan.serves === "all") bench.fail(`it has refused ${trial.lastRefused}`);
    });
  }

  #assertServed(): void {
    if (!this.#served && ["all", "some"].includes(this.plan.serves)) this.#bench.fail("it serves nothing");
  }

  /** Three states at once; one is closed while the others are in use. */
  #sideBySide(): void {
    const bench = this.#bench, { plan } = this, pick = pickFrom(plan.seed), sizes = this.#sizes(pick);
    bench.begin("states side by side");
    const trials = [new Trial(bench), new Trial(bench), new Trial(bench)];
    while (trials.length > 0) {
      for (let i = 0; i < plan.steps / 2; i++) trials[pick(trials.length)].run(pick, 1, sizes);
      for (const trial of trials) for (const block of trial.blocks) trial.inspect(block);
      const [trial] = trials.splice(pick(trials.length), 1);
      trial.putAll(pick);
      trial.close();
      for (const trial of trials) trial.assertAllKept();
    }
    bench.assertAllBack();
  }

  /** A state that is told the size of all requests. */
  #oneSize(): void {
    const bench = this.#bench, pick = pickFrom(this.plan.seed), size = Math.max(1, this.#sizes(pick)());
    bench.begin("requests of one size");
    const trial = new Trial(bench, size);
    trial.run(pick, this.plan.steps / 2, () => size);
    trial.putAll(pick);
    trial.close();
    bench.assertAllBack();
  }

  /** Blocks that are put in parts, and two as one. */
  #parts(): void {
    this.#try("parts of blocks", (trial, pick) => {
      const blocks = [4, 9, 16, 40].map((units) => trial.get(16 * units)).filter((block) => block !== undefined);
      for (const block of blocks) {
        const units = block.size / 16, from = pick(units), size = 1 + pick(units - from);
        const left = trial.putPart(block, 16 * from, 16 * size);
        trial.get(16 * size);
        if (pick(2) === 0) { for (const piece of left) trial.put(piece); }
      }
      const couples = [1, 2, 3, 4, 5, 6].map((units) => trial.get(16 * units)).filter((block) => block !== undefined);
      for (const block of couples) trial.inspect(block);
      couples.sort((a, b) => a.p - b.p);
      while (couples.length > 1) trial.putTogether(...couples.splice(pick(couples.length - 1), 2) as [Block, Block]);
    });
  }

  #goodSizes(): void {
    const bench = this.#bench, pick = pickFrom(this.plan.seed), sizes = this.#sizes(pick), asked = [0, 1, ...HUGE];
    const goodSize = (size: number) => bench.call(["goodSize", size], () => bench.layer.goodSize!(size));
    bench.begin("good sizes");
    for (let i = 0; i < 300; i++) asked.push(i, sizes());
    for (let size = 1; size < ADDRESS_SPACE; size *= 2) asked.push(size - 1, size, size + 1);
    let last = 0;
    for (const size of asked.sort((a, b) => a - b)) {
      const good = goodSize(size);
      if (!Number.isInteger(good) || good >= ADDRESS_SPACE) {
        bench.fail(`goodSize must return a size, got ${show(good)}`);
      }
      if (good < size) bench.fail(`goodSize says ${good}, which is less than ${size}`);
      if (good < last) bench.fail(`goodSize is not monotone: it says ${good}, and ${last} for less`);
      if (goodSize(good) !== good) {
        bench.fail(`goodSize is not idempotent: it says ${good}, and ${goodSize(good)} for that`);
      }
      last = good;
    }
    if (this.guarded || this.plan.serves !== "all") return; // there an alignment costs memory, too; here a quota may
    for (let i = 0; i < 8; i++) {
      const size = sizes(), good = goodSize(size), used = this.#costOf(size), usedByGood = this.#costOf(good);
      if (used < usedByGood && usedByGood !== Infinity) {
        bench.fail(
          `${size} bytes take less memory than ${good}, which goodSize says they cost: ${used}, ${usedByGood} pages`,
        );
      }
    }
  }

  /** Pages that blocks of a size take; Infinity if they are refused. */
  #costOf(size: number): number {
    const bench = this.#bench, { pages } = bench;
    return this.#try(`good sizes, blocks of ${size} bytes`, (trial) => {
      for (let i = 0; i < 12; i++) trial.get(size);
      return trial.refused > 0 ? Infinity : bench.pages - pages;
    });
  }

  /** The same program after each reset. */
  #resets(): void {
    this.#repeat("resets", (trial, pick) => {
      trial.run(pick, this.plan.steps / 2, this.#sizes(pick), false);
      trial.reset();
    });
  }

  /** The same program after each mark, and marks in marks. */
  #marks(): void {
    const bench = this.#bench, { layer } = bench, missing = layer.mark ? "rewind" : "mark";
    if (!layer.mark || !layer.rewind) bench.fail(`it has no ${missing}, without which the other is of no use`);
    this.#repeat("marks", (trial, pick) => {
      const sizes = this.#sizes(pick);
      if (trial.blocks.length === 0) trial.get(sizes());
      const { marks } = trial;
      trial.mark();
      for (let i = 0; i < 12; i++) trial.get(sizes());
      trial.mark();
      for (let i = 0; i < 4; i++) trial.get(sizes());
      if (trial.marks > marks + 1 && pick(2) === 0) trial.rewind(marks + 1);
      if (trial.marks > marks) trial.rewind(marks);
    });
  }

  /** The same again and again: in the second half it must not take more memory than in the first. */
  #repeat(phase: string, round: (trial: Trial, pick: Pick) => void): void {
    const bench = this.#bench;
    this.#try(phase, (trial) => {
      let most = 0;
      for (let i = 1; i <= REPEATS; i++) {
        bench.begin(`${phase}, round ${i}`);
        round(trial, pickFrom(this.plan.seed));
        if (i <= REPEATS / 2) most = Math.max(most, bench.pages);
        else if (bench.pages > most && !this.plan.grows) {
          bench.fail(`it takes ever more memory: ${bench.pages} pages, ${most} in round 5`);
        }
      }
    });
  }

  /** The layer below fails at its n-th request, once, or from then on until memory is back. */
  #failures(): void {
    const bench = this.#bench, { probe } = bench, { plan } = this;
    const attempt = (nth: number, on: boolean): boolean => {
      const what = nth === Infinity ? "no failure" : `failure ${nth} of the layer below${on ? " and on" : ""}`;
      probe.requests = 0;
      probe.fails = (request) => request === nth || (on && request > nth);
      return this.#try(what, (trial, pick) => {
        trial.run(pick, plan.steps, this.#sizes(pick));
        probe.fails = () => false;
        trial.putAll(pick);
        const before = trial.refused, servedBefore = trial.served, again = pickFrom(plan.seed);
        trial.run(again, plan.steps, this.#sizes(again));
        if (nth === Infinity) return trial.refused === 0;
        const refused = trial.refused - before, most = plan.serves === "all" ? 0 : trial.served - servedBefore;
        if (served && refused > most) bench.fail(`memory is back, and it refuses ${trial.lastRefused}`);
        return true;
      });
    };
    const served = attempt(Infinity, false), total = probe.requests >>> 1, points = 4 * plan.programs;
    const tried = new Set<number>();
    for (let i = 0; i < points; i++) tried.add(i < points / 2 ? i + 1 : Math.ceil((i + 1) / points * total));
    for (const nth of tried) {
      if (nth < 1 || nth > total) continue;
      attempt(nth, false);
      attempt(nth, true);
    }
  }

  /** The same request fails again and again, at the second of what it asks for below, or the third. */
  #leaksAtRefusal(): void {
    const bench = this.#bench, { probe } = bench;
    for (const period of [2, 3]) {
      this.#try(`every ${period === 2 ? "second" : "third"} request of the layer below fails`, (trial, pick) => {
        const sizes = this.#sizes(pick);
        trial.run(pick, 10, sizes);
        for (let i = 0; i < 4; i++) {
          const size = sizes();
          let growths = 0;
          for (let n = 0; n < 24 && growths >= 0; n++) {
            probe.requests = 0;
            probe.fails = (nth) => nth % period === 0;
            const { pages } = bench, block = trial.get(size);
            if (block) trial.put(block);
            else if (bench.pages > pages) growths++;
          }
          probe.fails = () => false;
          if (growths > 16) bench.fail(`it loses memory each time it refuses ${size} bytes`);
        }
      });
    }
  }

  /** A heap that is soon used up: after a state has been closed, the next is served as much. */
  #exhaustion(): void {
    const bench = this.#benchOver(SCANTY), { plan } = this;
    const exhaust = (phase: string) =>
      this.#try(phase, (trial, pick) => {
        const sizes = this.#sizes(pick);
        trial.run(pick, plan.steps, () => 4 * sizes(), false);
        return trial.refused;
      }, bench);
    const refused = exhaust("memory runs out"), again = exhaust("memory runs out again");
    if (again > refused) {
      bench.fail(`it refuses ${again} requests where, before a state was closed, it refused ${refused}`);
    }
  }

  /** Closed with blocks out. */
  #leftovers(): void {
    const bench = this.#bench, { probe, live } = bench, pick = pickFrom(this.plan.seed);
    bench.begin("blocks left at deinit");
    const trial = new Trial(bench);
    trial.run(pick, this.plan.steps, this.#sizes(pick));
    const left = live.map(({ p }) => p);
    trial.close();
    if (!this.plan.frees) {
      if (bench.direct) return; // pages that it passed on straight from the heap are not told from others
      for (const run of probe.runs()) {
        if (left.some((p) => p >= run.p && p <= run.p + run.size)) probe.release(run);
      }
    }
    bench.assertAllBack();
  }
}

export { ConformanceError };
