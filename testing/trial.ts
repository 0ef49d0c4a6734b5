/**
 * A layer on trial, for the conformance kit: every call of it is checked against a model, which is the list of the
 * blocks that are out.
 *
 * @module
 */

import { show } from "../errors.ts";
import type { Gauge } from "../gauge.ts";
import { type Heap, PAGE, type Ptr } from "../heap.ts";
import { nameOf } from "../describe.ts";
import type { AnyLayer } from "../layer.ts";
import { advance, fraction } from "../mulberry32.ts";
import { OutOfMemoryError } from "../out_of_memory.ts";
import type { Probe } from "./probe.ts";

/** What `conforms` throws: the layer, what it did, and how to see that again. */
export class ConformanceError extends Error {
  /** `why` the layer called `name` does not conform, and `where` that was seen. */
  constructor(name: string, why: string, where: string, cause?: unknown) {
    super(`Cannot call ${name} conforming: ${why} (${where})`, cause === undefined ? {} : { cause });
    this.name = "ConformanceError";
  }
}

/** A whole number from 0 up to `n`, exclusive. */
export type Pick = (n: number) => number;

/** Numbers that look random, and are the same for the same seed. */
export function pickFrom(seed: number): Pick {
  let x = seed >>> 0;
  return (n) => {
    x = advance(x);
    return Math.floor(fraction(x) * n);
  };
}

/** A block that is out. */
export interface Block {
  readonly p: Ptr;
  /** What was asked for, or resized to, in bytes. */
  size: number;
  /** What its bytes read as. */
  byte: number;
  /** When it was got. */
  readonly serial: number;
  readonly of: Trial;
}

/** A layer, what it stands on, and the blocks of all its states. */
export class Bench {
  /** Blocks that are out, of all states, in the order of their addresses. */
  readonly live: Block[] = [];
  /** What is being tried, as in "random program 2". */
  phase = "composing";
  /** Calls since the phase began. */
  step = 0;
  /** The last call, as in `["get", 100]`. */
  op: readonly unknown[] = [];
  serial = 0;
  #foreign: Ptr = 0;
  #direct = false;
  readonly #pagesAtFirst: number;

  constructor(
    readonly heap: Heap,
    readonly probe: Probe,
    readonly layer: AnyLayer,
    readonly how: string,
    readonly samples: boolean,
  ) {
    this.#pagesAtFirst = this.pages;
  }

  /** Pages of the heap that are out. */
  get pages(): number {
    return Math.min(this.heap.size / PAGE, 2 ** 20 - 1) - this.heap.start / PAGE - this.heap.free.pages;
  }

  begin(phase: string): void {
    this.phase = phase;
    this.step = 0;
    this.op = [];
  }

  fail(why: string, cause?: unknown): never {
    const [name, ...args] = this.op, call = name === undefined ? "" : `: ${name}(${args.join(", ")})`;
    const step = this.step === 0 ? "" : `, step ${this.step}`;
    throw new ConformanceError(nameOf(this.layer), why, `${this.phase}${step}${call}; ${this.how}`, cause);
  }

  /** Calls the layer. Whatever it throws, it should not have. */
  call<T>(op: readonly unknown[], f: () => T): T {
    this.step++;
    this.op = op;
    let result;
    try {
      result = f();
    } catch (e) {
      if (e instanceof OutOfMemoryError && this.probe.breach === undefined) throw e;
      this.fail(this.probe.breach ?? `${op[0]} threw ${e instanceof Error ? `${e.name}: ${e.message}` : show(e)}`, e);
    }
    if (this.probe.breach !== undefined) this.fail(this.probe.breach);
    return result;
  }

  /** Calls the layer for memory: 0 also where it throws, as `must` does, instead of giving 0. */
  request(op: readonly unknown[], f: () => Ptr): Ptr {
    try {
      return this.call(op, f);
    } catch (e) {
      if (e instanceof OutOfMemoryError) return 0;
      throw e;
    }
  }

  /** Where in `live` a block at `p` is, or would be. */
  at(p: Ptr): number {
    const { live } = this;
    let low = 0, high = live.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (live[mid].p < p) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /** Fails unless these bytes, for `of`, are not of a block but `self`, and of memory that the layer has. */
  assertFree(p: Ptr, size: number, of: Trial, self?: Block): void {
    const { live, heap } = this, end = p + (size || 1), i = this.at(p); // an empty block has an address of its own
    const before = live[i - 1], after = live[i] === self ? live[i + 1] : live[i];
    for (const b of [before, after]) {
      if (b === undefined || b === self || b.p >= end || b.p + (b.size || 1) <= p) continue;
      this.fail(
        `${size} bytes at ${p} overlap the ${b.size} bytes at ${b.p}${b.of === of ? "" : ", of another state"}`,
      );
    }
    if (p < heap.start || end > heap.size) this.fail(`${size} bytes at ${p} are not in the heap`);
    if (this.#direct || this.probe.holds(p, size)) return;
    this.#direct = this.pages > this.probe.pages + (this.#foreign === 0 ? 0 : 1);
    if (!this.#direct) this.fail(`${size} bytes at ${p} are not in memory that it has of the layer below`);
  }

  /** Runs `f` while a page of the heap belongs to somebody else, who notices if it is written to. */
  withForeignPage(f: () => void): void {
    const p = this.#foreign = this.heap.getPages(1), byte = 0x5a;
    this.heap.u8.fill(byte, p, p + PAGE);
    f();
    if (badByte(this.heap, p, PAGE, byte) >= 0) this.fail(`it writes to ${p}, a page that it does not have`);
    this.heap.putPages(p, 1);
    this.#foreign = 0;
  }

  /** Address of a page that belongs to somebody else, or 0. */
  get foreign(): Ptr {
    return this.#foreign;
  }

  /** Whether the layer has been seen to take pages straight from the heap. */
  get direct(): boolean {
    return this.#direct;
  }

  /** Fails unless the layer has given back everything. */
  assertAllBack(): void {
    const { probe, heap } = this, out = probe.runs();
    if (out.length > 0) {
      const [{ size, p }] = out;
      this.fail(`${out.length} blocks of the layer below are not given back at deinit, as the ${size} bytes at ${p}`);
    }
    if (probe.open > 0) this.fail(`${probe.open} states of the layer below are not closed at deinit`);
    const more = this.pages - this.#pagesAtFirst;
    if (more !== 0) this.fail(`${more} pages of the heap are not given back at deinit`);
    if (this.#pagesAtFirst === 0 && heap.free.runs > 1) this.fail("what it gave back of the heap is not one free run");
  }
}

/** A state of the layer, and its model. */
export class Trial {
  readonly #bench: Bench;
  // deno-lint-ignore no-explicit-any -- the layer's own
  readonly state: any;
  /** Requests that were served, and that were refused. */
  served = 0;
  refused = 0;
  /** The last request that was refused, as in "get(100)". */
  lastRefused = "";
  /** The marks that are left, the last one last. */
  readonly #marks: { m: Ptr; serial: number }[] = [];
  #figures: { -readonly [K in keyof Gauge]: number } = { nalloc: 0, nfree: 0, szalloc: 0, szfree: 0, watermark: 0 };

  /** A fresh state; for requests of `size` bytes only, if that is given. */
  constructor(bench: Bench, size?: number) {
    this.#bench = bench;
    this.state = size === undefined
      ? bench.call(["init"], () => bench.layer.init())
      : bench.call(["init", size], () => bench.layer.init(size));
  }

  /** The blocks of this state that are out. */
  get blocks(): Block[] {
    return this.#bench.live.filter((block) => block.of === this);
  }

  /** A block, or undefined if it is refused. */
  get(size: number, align?: number): Block | undefined {
    const bench = this.#bench, { heap, layer } = bench, { fresh } = heap;
    const op = align === undefined ? ["get", size] : ["get", size, align];
    const p = bench.request(
      op,
      () => align === undefined ? layer.get(this.state, size) : layer.get(this.state, size, align as 1),
    );
    if (p === 0) {
      this.refused++;
      this.lastRefused = `get(${op.slice(1).join(", ")})`;
      this.#assertFigures("after a get that was refused");
      return undefined;
    }
    return this.#got(p, size, align ?? 16, fresh);
  }

  /** A block from the window that the layer lends, as a region takes it, or undefined where there is no room. */
  bump(size: number): Block | undefined {
    const bench = this.#bench, { layer } = bench;
    if (layer.window === undefined || size === 0) return undefined;
    const window = bench.call(["window"], () => layer.window!(this.state)), p = (window.ptr + 15 & -16) >>> 0;
    if (p + size > window.end) return undefined;
    bench.op = ["bump", size];
    window.ptr = p + size;
    return this.#got(p, size, 16, Infinity);
  }

  put(block: Block): void {
    const bench = this.#bench, { p, size } = block;
    this.assertKept(block);
    bench.call(["put", p, size], () => bench.layer.put(this.state, p, size));
    this.#drop([block]);
    this.#assertFigures();
  }

  /** Puts a part of a block of a divisible layer, of whole units of 16 bytes; what is left are one block or two. */
  putPart(block: Block, from: number, size: number): Block[] {
    const bench = this.#bench, { p, size: whole } = block, end = from + size;
    this.assertKept(block);
    bench.call(["put", p + from, size], () => bench.layer.put(this.state, p + from, size));
    const pieces = [[p, from], [p + end, whole - end]].filter(([_, size]) => size > 0);
    const left = pieces.map(([p, size]) => ({ ...block, p, size }));
    bench.live.splice(bench.at(p), 1, ...left);
    for (const piece of left) this.assertKept(piece);
    return left;
  }

  /** Puts two blocks of a divisible layer as one, if they adjoin; otherwise one after the other. */
  putTogether(a: Block, b: Block): void {
    const bench = this.#bench, whole = b.p + b.size - a.p;
    if (a.p + a.size !== b.p) {
      this.put(a);
      this.put(b);
      return;
    }
    bench.call(["put", a.p, whole], () => bench.layer.put(this.state, a.p, whole));
    this.#drop([a, b]);
  }

  /** Puts everything: oldest first, newest first, or in any order. */
  putAll(pick: Pick): void {
    const blocks = this.blocks.sort((a, b) => a.serial - b.serial), order = pick(3);
    if (order === 0) blocks.reverse();
    if (order === 1) shuffle(blocks, pick);
    for (const block of blocks) this.put(block);
    this.#audit();
  }

  resize(block: Block, size: number): boolean {
    const bench = this.#bench, { layer, heap } = bench, { p, size: old } = block;
    this.assertKept(block);
    const done = bench.call(["resize", p, old, size], () => layer.resize!(this.state, p, old, size));
    if (typeof done !== "boolean") bench.fail(`resize must return a boolean, got ${show(done)}`);
    this.assertKept(block, done ? Math.min(old, size) : old);
    if (done) {
      bench.assertFree(p, size, this, block);
      block.size = size;
      heap.u8.fill(block.byte, p, p + size);
      const figures = this.#figures;
      if (size < old) figures.szfree += old - size;
      else figures.szalloc += size - old;
      this.#assertPeak();
    }
    this.#assertFigures();
    this.#assertSize(block);
    return done;
  }

  mark(): void {
    const bench = this.#bench;
    let m = 0;
    try {
      m = bench.request(["mark"], () => bench.layer.mark!(this.state));
    } catch (e) {
      if (!(e instanceof OutOfMemoryError)) throw e;
    }
    if (m !== 0) this.#marks.push({ m, serial: bench.serial });
  }

  get marks(): number {
    return this.#marks.length;
  }

  /** Goes back to the `nth` mark, and sees whether it and those after it are spent. */
  rewind(nth: number): void {
    const bench = this.#bench, { m, serial } = this.#marks[nth];
    const spent = this.#marks.splice(nth);
    bench.call(["rewind", m], () => bench.layer.rewind!(this.state, m));
    this.#drop(this.blocks.filter((block) => block.serial > serial));
    this.#assertFigures();
    this.#audit();
    this.assertAllKept();
    for (const { m } of spent.reverse()) this.#assertNoMark(m, "has been gone back to, or past");
  }

  reset(): void {
    const bench = this.#bench;
    bench.call(["reset"], () => bench.layer.reset!(this.state));
    this.#drop(this.blocks);
    this.#assertFigures();
    this.#audit();
    if (bench.layer.rewind) { for (const { m } of this.#marks) this.#assertNoMark(m, "was before a reset"); }
    this.#marks.length = 0;
  }

  /** Asks everything that can be asked about a block. */
  inspect(block: Block): void {
    const bench = this.#bench, { layer } = bench, { p } = block;
    this.assertKept(block);
    this.#assertSize(block);
    if (!layer.owns) return;
    const owns = (q: Ptr) => bench.call(["owns", q], () => layer.owns!(this.state, q));
    if (owns(p) !== true) bench.fail(`owns says false of the ${block.size} bytes at ${p}, which are out`);
    const others = bench.live.filter((b) => b.of !== this);
    const other = others[block.serial % others.length];
    if (other && owns(other.p) !== false) bench.fail(`owns says true of a block of another state, at ${other.p}`);
    if (bench.foreign !== 0 && owns(bench.foreign) !== false) {
      bench.fail(`owns says true of a block of another allocator, at ${bench.foreign}`);
    }
    if (owns(0) !== false) bench.fail("owns says true of the null address");
  }

  /** Fails if the bytes of a block, up to `size`, are not what the kit wrote there. */
  assertKept(block: Block, size: number = block.size): void {
    const bench = this.#bench, bad = badByte(bench.heap, block.p, size, block.byte);
    if (bad >= 0) bench.fail(`byte ${bad} of the ${block.size} bytes at ${block.p} has been overwritten`);
  }

  assertAllKept(): void {
    for (const block of this.blocks) this.assertKept(block);
  }

  /** Closes the state. With blocks out, whoever checks for leaks may complain. */
  close(): void {
    const bench = this.#bench, left = this.blocks;
    bench.step++;
    bench.op = ["deinit"];
    try {
      bench.layer.deinit(this.state);
    } catch (e) {
      const leak = left.length > 0 && e instanceof Error && e.name === "LeakError";
      if (!leak) bench.fail(bench.probe.breach ?? `deinit threw ${e instanceof Error ? e.message : show(e)}`, e);
    }
    if (bench.probe.breach !== undefined) bench.fail(bench.probe.breach);
    this.#assertSites(); // those that were out when it was closed
    this.#drop(left);
  }

  /** Calls the layer some times, with sizes from `anySize`. */
  run(pick: Pick, steps: number, anySize: () => number, takesBack = true): void {
    for (let i = 0; i < steps; i++) this.#step(pick, anySize, takesBack);
    this.#audit();
    this.assertAllKept();
  }

  #step(pick: Pick, anySize: () => number, takesBack: boolean): void {
    const { layer } = this.#bench, blocks = this.blocks, any = blocks[pick(Math.max(blocks.length, 1))];
    const what = pick(100), size = anySize();
    if (any === undefined || (what < 45 && blocks.length < 80)) {
      const align = [undefined, undefined, undefined, 16, 8, 4, 2, 1, this.#wide(pick)][pick(9)];
      if (pick(2) === 0 || this.bump(size) === undefined) this.get(size, align);
    } else if (what < 72) this.put(any);
    else if (what < 84 && layer.resize) this.resize(any, [size, any.size + pick(64), pick(any.size + 1), 0][pick(4)]);
    else if (what < 88 && layer.mark && layer.rewind) this.mark();
    else if (what < 90 && this.#marks.length > 0) this.rewind(pick(this.#marks.length));
    else if (what < 91 && layer.reset && takesBack) this.reset();
    else this.inspect(any);
  }

  /** An alignment of more than 16 bytes, if that can be had. */
  #wide(pick: Pick): number | undefined {
    const { maxAlign = 16 } = this.#bench.layer;
    return maxAlign > 16 ? 2 ** (5 + pick(Math.log2(Math.min(maxAlign, 2 ** 14)) - 4)) : undefined;
  }

  /** Books a block, if it is one. All memory from `fresh` on was zero before. */
  #got(p: Ptr, size: number, align: number, fresh: Ptr): Block {
    const bench = this.#bench, { live, heap, layer } = bench;
    if (typeof p !== "number" || !Number.isInteger(p) || p < 0) {
      bench.fail(`get must return an address, got ${show(p)}`);
    }
    if (p % align !== 0) bench.fail(`${size} bytes at ${p} are not aligned to ${align}`);
    bench.assertFree(p, size, this);
    if (layer.pristine && p >= fresh) this.#assertZero(p, size);
    const block: Block = { p, size, byte: bench.serial % 251 + 1, serial: ++bench.serial, of: this };
    live.splice(bench.at(p), 0, block);
    heap.u8.fill(block.byte, p, p + size);
    this.served++;
    this.#figures.nalloc++;
    this.#figures.szalloc += size;
    this.#assertPeak();
    this.#assertFigures();
    this.#assertSize(block);
    return block;
  }

  #drop(blocks: readonly Block[]): void {
    const { live } = this.#bench;
    for (const block of blocks) {
      live.splice(this.#bench.at(block.p), 1);
      this.#figures.nfree++;
      this.#figures.szfree += block.size;
    }
  }

  #assertPeak(): void {
    const figures = this.#figures;
    figures.watermark = Math.max(figures.watermark, figures.szalloc - figures.szfree);
  }

  #assertFigures(when = ""): void {
    const { layer } = this.#bench, gauge = layer.gauge?.(this.state);
    if (gauge === undefined) return;
    for (const name of ["nalloc", "nfree", "szalloc", "szfree", "watermark"] as const) {
      if (gauge[name] === this.#figures[name]) continue;
      this.#bench.fail(`the gauge says ${name} is ${gauge[name]} where it is ${this.#figures[name]} ${when}`.trimEnd());
    }
  }

  /** Asks what is known of all blocks at once. */
  #audit(): void {
    const bench = this.#bench, { layer } = bench;
    this.#assertSites();
    if (layer.verify) bench.call(["verify"], () => layer.verify!(this.state));
  }

  /** Fails unless the sites are sites, and add up to what is out; or to no more than that, if they are of a sample. */
  #assertSites(): void {
    const bench = this.#bench, { layer } = bench;
    if (!layer.sites) return;
    const sites = bench.call(["sites"], () => layer.sites!(this.state)), { blocks } = this;
    let count = 0, bytes = 0, sampled = 0, last = Infinity;
    for (const site of sites) {
      if (!(site.sampled >= 1 && site.count >= site.sampled)) bench.fail(`sites says ${site.sampled} of ${site.count}`);
      if (site.bytes > last) bench.fail(`sites must have those of the most bytes first: ${site.bytes} after ${last}`);
      count += site.count;
      bytes += site.bytes;
      sampled += site.sampled;
      last = site.bytes;
    }
    const out = blocks.length, size = blocks.reduce((sum, block) => sum + block.size, 0);
    if (bench.samples ? sampled > out : count !== out || bytes !== size) {
      bench.fail(`sites says ${count} blocks of ${bytes} bytes are out where it is ${out} of ${size}`);
    }
  }

  #assertSize({ p, size }: Block): void {
    const bench = this.#bench, { layer } = bench, { op } = bench;
    if (!layer.sizeOf) return;
    const says = bench.call(["sizeOf", p], () => layer.sizeOf!(this.state, p));
    if (says !== size) bench.fail(`sizeOf says ${says} of the ${size} bytes at ${p}, after ${op[0]}(${op.slice(1)})`);
    bench.op = op;
  }

  #assertZero(p: Ptr, size: number): void {
    const bench = this.#bench, bad = badByte(bench.heap, p, size, 0);
    if (bad >= 0) {
      bench.fail(`it is pristine, and byte ${bad} of ${size} bytes at ${p}, fresh from the heap, is not zero`);
    }
  }

  #assertNoMark(m: Ptr, why: string): void {
    const bench = this.#bench;
    bench.step++;
    bench.op = ["rewind", m];
    try {
      bench.layer.rewind!(this.state, m);
    } catch (e) {
      if (!(e instanceof RangeError)) bench.fail(`rewind must throw a RangeError, got ${show(e)}`, e);
      this.assertAllKept();
      return;
    }
    bench.fail(`it takes back to a mark that ${why}`);
  }
}

/** Where the first byte that is not `byte` is, or -1. */
export function badByte({ u8, u32 }: Heap, p: Ptr, size: number, byte: number): number {
  const end = p + size, word = Math.imul(byte, 0x01010101) >>> 0;
  let at = p;
  while (at < end && (at & 3) !== 0 && u8[at] === byte) at++;
  if ((at & 3) === 0) { while (at + 4 <= end && u32[at >>> 2] === word) at += 4; }
  while (at < end && u8[at] === byte) at++;
  return at < end ? at - p : -1;
}

function shuffle(items: unknown[], pick: Pick): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = pick(i + 1);
    [items[i], items[j]] = [items[j], items[i]];
  }
}
