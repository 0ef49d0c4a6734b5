/**
 * Which stack fits? The same server under three of them, and the figures that tell.
 *
 * A request makes a list of small blocks (what was asked) and a buffer that grows (its answer), and some of the answers
 * go to a cache, where they stay for many requests. So there are two kinds of lifetimes, as the histogram shows. The
 * first stack makes use of that: what belongs to a request comes from an arena that goes with it, and need not be freed
 * block by block; what is to stay is allocated with `escape`, outside of it, from `general()`.
 *
 * Run: `deno run examples/choose.ts 2000`
 */

import {
  type AnyAllocator,
  type AnyLayer,
  arena,
  enter,
  escape,
  formatBytes,
  formatHistogram,
  general,
  Heap,
  histogram,
  init,
  kingsley,
  stats,
  std,
} from "../mod.ts";
import { progress, readArgs, readInteger } from "./cli.ts";

const HELP = `
Runs the same server under three stacks, and says by their figures which one fits best.

usage: deno run examples/choose.ts [requests]

  requests  how many requests it serves, 100 to 1000000 (default 3000)
`;

const ENTRIES = 500, RUNS = 10, PAGE = 4096; // answers in the cache, timed runs of each stack, bytes

/** What serves the program and, if that is something else, what serves each of its requests. */
interface Stack {
  readonly name: string;
  readonly program: (heap: Heap) => AnyLayer;
  readonly request?: (heap: Heap) => AnyLayer;
}

const STACKS: readonly Stack[] = [
  { name: "arena() for each request", program: general, request: arena },
  { name: "general() for all", program: general },
  { name: "kingsley() for all", program: kingsley },
];

/** Integers from 0 up to but not including `n`, the same ones for every stack. */
function random(seed: number): (n: number) => number {
  let x = seed;
  return (n) => (x = Math.imul(x, 1664525) + 1013904223 >>> 0) % 65537 * n / 65537 >>> 0;
}

/** The answers that are kept: where, and how long. */
class Cache {
  readonly #at: Uint32Array = new Uint32Array(ENTRIES);
  readonly #bytes: Uint32Array = new Uint32Array(ENTRIES);

  /** Empties a place, if there is something in it. */
  drop(i: number): void {
    if (this.#at[i] !== 0) std.bytefree(this.#at[i], this.#bytes[i]);
    this.#at[i] = 0;
  }

  /** Copies an answer to a place, which is empty. */
  keep(i: number, heap: Heap, answer: number, bytes: number): void {
    this.#at[i] = std.bytealloc(bytes);
    this.#bytes[i] = bytes;
    heap.u8.copyWithin(this.#at[i], answer, answer + bytes);
  }
}

/** What a server works with. */
interface Server {
  readonly heap: Heap;
  readonly pick: (n: number) => number;
  readonly cache: Cache;
  /** Whether a request has a region of its own. */
  readonly regional: boolean;
  /** Called when the most of a request is out. */
  readonly high: () => void;
}

/** Serves a request. */
function serve({ heap, pick, cache, regional, high }: Server): void {
  let asked = 0;
  for (let n = 40 + pick(80); n > 0; n--) { // a list: the item before, its size, and what it says
    const size = 16 + pick(100), p = std.bytealloc(size);
    heap.u32[p >>> 2] = asked;
    heap.u32[(p >>> 2) + 1] = size;
    asked = p;
  }
  const bytes = 500 + pick(1 << 8 + pick(7));
  let room = 256, answer = std.bytealloc(room);
  for (let at = 0; at < bytes; at += 64) {
    if (at + 64 > room) {
      answer = std.realloc(answer, room, 2 * room); // where it is, if there is room behind it
      room *= 2;
    }
    heap.u32[answer + at >>> 2] = at;
  }
  if (pick(4) === 0) {
    const place = pick(ENTRIES),
      keep = () => {
        cache.drop(place);
        cache.keep(place, heap, answer, bytes);
      };
    if (regional) escape(keep);
    else keep();
  }
  high();
  if (regional) return;
  std.bytefree(answer, room);
  while (asked !== 0) {
    const before = heap.u32[asked >>> 2];
    std.bytefree(asked, heap.u32[(asked >>> 2) + 1]);
    asked = before;
  }
}

const nothing = (): void => {};

/**
 * Serves so many requests from an allocator, and empties the cache; `high` is called in each request, `empty` at the end.
 */
export function run(
  requests: number,
  a: AnyAllocator,
  request?: AnyLayer,
  high: () => void = nothing,
  empty: () => void = nothing,
): void {
  const cache = new Cache(), regional = request !== undefined;
  const server = { heap: a.heap, pick: random(42), cache, regional, high };
  enter(a, () => {
    for (let i = 0; i < requests; i++) {
      if (request === undefined) serve(server);
      else enter(init(request), () => serve(server));
    }
    for (let i = 0; i < ENTRIES; i++) cache.drop(i);
    empty();
  });
}

/** Bytes of a heap that are out. */
const out = (heap: Heap): number => heap.size - heap.start - heap.free.pages * PAGE;

/** Figures of a stack. */
interface Figures {
  readonly name: string;
  /** Milliseconds of the fastest run. */
  readonly ms: number;
  /** Bytes of the heap: at most, and once the server has freed everything. */
  readonly peak: number;
  readonly left: number;
}

/** Looks at the heap in one run, and times the others. */
function* measure(requests: number, stack: Stack): Generator<void, Figures> {
  const heap = new Heap({ initial: 1 }), program = stack.program(heap), request = stack.request?.(heap);
  let peak = 0, left = 0, ms = Infinity;
  run(requests, init(program), request, () => peak = Math.max(peak, out(heap)), () => left = out(heap));
  for (let i = 0; i < RUNS; i++) {
    yield;
    const start = performance.now();
    run(requests, init(program), request);
    ms = Math.min(ms, performance.now() - start);
  }
  return { name: stack.name, ms, peak, left };
}

/** All at once, a run of each in turn, so that none has a quieter machine. */
function measureAll(requests: number, show: (run: number) => void): Figures[] {
  const runs = STACKS.map((stack) => measure(requests, stack));
  for (let i = 1;; i++) {
    show(i);
    const results = runs.map((run) => run.next());
    if (results.every(({ done }) => done)) return results.map(({ value }) => value as Figures);
  }
}

/** Tells which stack fits the server. */
function main(requests: number): void {
  const bar = progress();

  const watched = init(histogram(stats(general(new Heap({ initial: 1 })))));
  run(requests, watched);
  const live = watched.state.base.watermark;
  console.log(`What the server asks for in ${requests.toLocaleString("en")} requests:\n`);
  console.log(formatHistogram(watched.state));
  console.log(`\nAt most ${formatBytes(live)} are live. What that takes:\n`);

  const figures = measureAll(requests, (i) => bar.show(`run ${i} of ${RUNS + 1}`));
  bar.done();

  const rows = [
    ["stack", "time", "peak of the heap", "to live", "left at the end"],
    ...figures.map(({ name, ms, peak, left }) => [
      ...[name, `${ms.toFixed(2)} ms`, formatBytes(peak), `${(peak / live).toFixed(2)} x`, formatBytes(left)],
    ]),
  ];
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  for (const row of rows) {
    console.log(row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("   "));
  }

  const [best, ...others] = figures.toSorted((a, b) => a.ms * a.peak - b.ms * b.peak);
  const compared = others.map(({ name, ms, peak }) =>
    `${name} takes ${(ms / best.ms).toFixed(2)} x the time and ${(peak / best.peak).toFixed(2)} x the memory`
  );
  console.log(`\nBest by time and memory together: ${best.name}. ${compared.join("; ")}.`);
}

if (import.meta.main) {
  const { words } = readArgs(HELP, [], 1);
  main(readInteger("requests", words[0], 3000, 100, 1_000_000));
}
