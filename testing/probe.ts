/**
 * The layer that the conformance kit puts under the one it tests: pages of a heap, with every capability that `mmap`
 * has. It books what it hands out, checks what it is asked, and fails when it is told to.
 *
 * ```
 * run, whole pages -> | guard | block ........... | guard |
 * ```
 *
 * What lies between a block and the ends of its pages is painted, so that whoever writes there is found out. `guarded`,
 * there is always some of it: no block starts on a page then, and no two adjoin.
 *
 * @module
 */

import { type Heap, PAGE, type Ptr } from "../heap.ts";
import { layer, type LayerWith } from "../layer.ts";

/** State of the layer below. */
export interface Base {
  /** Whether it is between `init` and `deinit`. */
  open: boolean;
}

/** What {@linkcode conforms} gives a layer to stand on: it can what `mmap` can. */
export type BaseLayer = LayerWith<Base, "resize" | "goodSize" | "maxAlign">;

/** A block that the layer below has handed out. */
export interface Run {
  /** The state that handed it out. */
  readonly state: Base;
  /** Address of its first page. */
  readonly start: Ptr;
  /** Number of its pages, of 4 KiB. */
  pages: number;
  /** Address of the block. */
  readonly p: Ptr;
  /** Size of the block in bytes, as asked for. */
  size: number;
}

const MARGIN = 16; // bytes of guard on both sides, at least, where blocks are guarded
const GUARD = 0xe7, GUARDED = 64; // the paint, and how many bytes of it are looked at
const POISON = 0xdb; // what memory that came back reads as

/** The layer below, and its books. */
export class Probe {
  /** The layer. */
  readonly layer: BaseLayer;
  /** Requests so far that may need memory: calls of `get`, and of `resize` that grow. */
  requests = 0;
  /** Which of the requests fail, by their number from 1. */
  fails: (nth: number) => boolean = () => false;
  /** What it has been asked that must not be, if anything. */
  breach: string | undefined;
  /** Pages that are out. */
  pages = 0;
  /** States that are open. */
  open = 0;
  /** By page: the run that it is of. */
  readonly #runs: (Run | undefined)[] = [];
  readonly #heap: Heap;
  readonly #guarded: boolean;

  /** A layer over a heap. */
  constructor(heap: Heap, guarded: boolean) {
    this.#heap = heap;
    this.#guarded = guarded;
    const made: BaseLayer = {
      heap,
      init: () => (this.open++, { open: true }),
      deinit: (s) => {
        this.#assertOpen(s, "close");
        s.open = false;
        this.open--;
      },
      get: (s, size, align = 16) => this.#get(s, size, align),
      put: (s, p, size) => this.#put(s, p, size),
      resize: (s, p, old, size) => this.#resize(s, p, old, size),
      goodSize: (size) => {
        this.#assertSize(size);
        const margins = guarded ? 2 * MARGIN : 0;
        return Math.min(pagesOf(size + margins) * PAGE - margins, 2 ** 32 - 1);
      },
      maxAlign: guarded ? 2 ** 20 : 2 ** 30,
      pristine: true,
    };
    this.layer = layer(function base(_: Heap): BaseLayer {
      return made;
    }, { made })(heap);
  }

  /** Whether these bytes lie in a block that is out, or in several that adjoin. */
  holds(p: Ptr, size: number): boolean {
    const end = p + size;
    if (size === 0) { // it may be at the end of a block
      const runs = [this.#runs[Math.floor(p / PAGE)], this.#runs[Math.floor((p - 1) / PAGE)]];
      return runs.some((run) => run !== undefined && p >= run.p && p <= run.p + run.size);
    }
    for (let at = p; at < end;) {
      const run = this.#runs[Math.floor(at / PAGE)];
      if (run === undefined || at < run.p || at >= run.p + run.size) return false;
      at = run.p + run.size;
    }
    return true;
  }

  /** The blocks that are out. */
  runs(): Run[] {
    return [...new Set(this.#runs)].filter((run) => run !== undefined);
  }

  /** Takes a block back in the place of the layer that has it. */
  release(run: Run): void {
    this.#forget(run);
    this.#heap.putPages(run.start, run.pages);
  }

  /** Finds out whether somebody has written around a block that is out. */
  audit(): void {
    for (const run of this.runs()) this.#assertGuards(run);
  }

  #get(s: Base, size: number, align: number): Ptr {
    this.#assertOpen(s, "get from");
    this.#assertSize(size);
    if (!(align >= 1 && align <= this.layer.maxAlign && Number.isInteger(Math.log2(align)))) {
      this.#refuse(`it asks the layer below for an alignment of ${align}`);
    }
    if (this.fails(++this.requests)) return 0;
    const wide = align > 16;
    const need = this.#guarded ? size + 2 * MARGIN + (wide ? align : 0) : size;
    const pages = pagesOf(need), start = this.#heap.getPages(pages, !this.#guarded && align > PAGE ? align / PAGE : 1);
    if (start === 0) return 0;
    const p = !this.#guarded ? start : wide ? Math.ceil((start + MARGIN) / align) * align : start + MARGIN;
    const run: Run = { state: s, start, pages, p, size };
    this.pages += pages;
    for (let page = start / PAGE; page < start / PAGE + pages; page++) this.#runs[page] = run;
    this.#paint(run);
    return p;
  }

  #put(s: Base, p: Ptr, size: number): void {
    const run = this.#find(s, p, size, "put");
    this.#forget(run);
    this.#heap.u8.fill(POISON, run.start, run.start + run.pages * PAGE);
    this.#heap.putPages(run.start, run.pages);
  }

  #resize(s: Base, p: Ptr, old: number, size: number): boolean {
    const run = this.#find(s, p, old, "resize");
    this.#assertSize(size);
    if (size > old && this.fails(++this.requests)) return false;
    const pages = pagesOf(run.p - run.start + size + (this.#guarded ? MARGIN : 0));
    const first = run.start / PAGE;
    if (pages < run.pages) this.#heap.u8.fill(POISON, run.start + pages * PAGE, run.start + run.pages * PAGE);
    if (pages !== run.pages && !this.#heap.resizePages(run.start, run.pages, pages)) return false;
    for (let page = first + pages; page < first + run.pages; page++) this.#runs[page] = undefined;
    for (let page = first + run.pages; page < first + pages; page++) this.#runs[page] = run;
    this.pages += pages - run.pages;
    run.pages = pages;
    run.size = size;
    this.#paint(run);
    return true;
  }

  /** The block at `p`, which must be out with `size` bytes. */
  #find(s: Base, p: Ptr, size: number, action: string): Run {
    this.#assertOpen(s, `${action} to`);
    const run = this.#runs[Math.floor(p / PAGE)], what = `it ${action}s ${size} bytes at ${p} to the layer below`;
    if (run === undefined || run.p !== p) this.#refuse(`${what}, where no block is out there`);
    if (run.size !== size) this.#refuse(`${what}, of which it has ${run.size} bytes`);
    if (run.state !== s) this.#refuse(`${what}, which another state of that has handed out`);
    this.#assertGuards(run);
    return run;
  }

  #forget(run: Run): void {
    const first = run.start / PAGE;
    for (let page = first; page < first + run.pages; page++) this.#runs[page] = undefined;
    this.pages -= run.pages;
  }

  /** Ends of the guards that are looked at: in front of the block, and behind it. */
  #guards({ start, pages, p, size }: Run): [from: Ptr, to: Ptr][] {
    const end = p + size;
    return [[Math.max(start, p - GUARDED), p], [end, Math.min(start + pages * PAGE, end + GUARDED)]];
  }

  #paint(run: Run): void {
    for (const [from, to] of this.#guards(run)) this.#heap.u8.fill(GUARD, from, to);
  }

  #assertGuards(run: Run): void {
    const { u8 } = this.#heap;
    for (const [from, to] of this.#guards(run)) {
      for (let i = from; i < to; i++) {
        if (u8[i] === GUARD) continue;
        this.#refuse(`it writes to ${i}, outside the ${run.size} bytes at ${run.p} that it has of the layer below`);
      }
    }
  }

  #assertOpen(s: Base, action: string): void {
    if (s?.open !== true) this.#refuse(`it would ${action} a state of the layer below that is not open`);
  }

  #assertSize(size: number): void {
    if (Number.isInteger(size) && size >= 0 && size < 2 ** 32) return;
    this.#refuse(`it asks the layer below for ${size} bytes`);
  }

  #refuse(what: string): never {
    this.breach ??= what;
    throw new Error(what);
  }
}

function pagesOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / PAGE));
}
