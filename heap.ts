/**
 * The heap: one `WebAssembly.Memory`, its typed views, and its pages.
 *
 * @module
 */

import { ADDRESS_SPACE, assertFunction, assertInteger, assertOptions, assertPowerOfTwo, show } from "./errors.ts";
import { Pages } from "./pages.ts";

/** Address in a heap, in bytes from its start; 0 is null. At most 2^32 - 1, always unsigned. */
export type Ptr = number;

/** Bytes in a page, the unit in which a heap hands out memory. */
export const PAGE = 4096;

/** Bytes in a WebAssembly page, the unit in which a memory grows, and how many of ours that is. */
const WASM_PAGE = 65536;
const PER_WASM_PAGE = WASM_PAGE / PAGE;

/** Pages asked for at once at least, where they are not grown. */
const LEAST = 16;

/** The last page of 4 GiB: never handed out, so that the end of a block is an address too. */
const LAST_PAGE = 2 ** 20 - 1;

/** How to make a {@linkcode Heap}. `initial` and `maximum` are in WebAssembly pages of 64 KiB, as everywhere. */
export interface HeapOptions {
  /** Size at the start, in WebAssembly pages of 64 KiB, 0 to 65536. Default 16 (1 MiB). */
  initial?: number;
  /** Size it may grow to, in WebAssembly pages of 64 KiB, `initial` to 65536. Default 65536 (4 GiB). */
  maximum?: number;
  /** Whether other threads can share the memory. Default false. */
  shared?: boolean;
  /** A memory that somebody else made, to lay the heap over, instead of `initial`, `maximum` and `shared`. */
  memory?: WebAssembly.Memory;
  /** With `memory`: the first address in bytes that is free, up to the end of that memory. Default: its end. */
  start?: number;
  /**
   * With `memory`: where more comes from than it has, in place of growing it. Returns the address of so many bytes at
   * least that are the heap's from now on, or 0.
   */
  more?: (bytes: number) => Ptr;
}

/** Looks at each access to a heap through `std`: a layer that finds misuse sets one. */
export interface Guard {
  /** Returns `p`, where so many bytes are to be read, or throws as they must not be. */
  read(p: Ptr, bytes: number): Ptr;
  /** Returns `p`, where so many bytes are to be written, or throws as they must not be. */
  write(p: Ptr, bytes: number): Ptr;
  /** Which of the bytes at `p` have been written to, not 0 for each that has: they are to be copied elsewhere. */
  lend(p: Ptr, bytes: number): Uint8Array;
  /** Bytes are to be copied to `p`, of which these had been written to where they come from. */
  take(p: Ptr, written: Uint8Array): void;
  /** Pages have been handed out by the heap: whoever had them before, they are somebody else's now. */
  handed(p: Ptr, bytes: number): void;
  /** Pages have been given back to the heap: they are nobody's. */
  returned(p: Ptr, bytes: number): void;
}

/**
 * One `WebAssembly.Memory` that is handed out in pages.
 *
 * Read a view through the heap at each use (`heap.u32[p >>> 2]`): that is as fast as keeping it, and right after the
 * memory has grown, whoever grew it. Views are plain fields until someone asks for `heap.memory`; from then on, as they
 * may grow it too, they are accessors that look whether the view is stale (which costs a load and a comparison). The
 * one growth that cannot be seen is that of a shared memory by WebAssembly code or in another thread: there, call
 * {@linkcode Heap.refresh}.
 *
 * @example
 * ```ts
 * import { Heap } from "./heap.ts";
 *
 * const heap = new Heap({ initial: 1, maximum: 256 });
 * const p = heap.getPages(3);          // 12 KiB at p
 * heap.u32[p >>> 2] = 42;
 * heap.putPages(p, 3);
 * ```
 */
export class Heap {
  /** First address, in bytes, that this heap may hand out. */
  readonly start: Ptr;

  // Assigned by viewsOf, hence declared only.
  /** The memory as unsigned bytes. */
  declare readonly u8: Uint8Array;
  /** The memory as signed bytes. */
  declare readonly i8: Int8Array;
  /** The memory as unsigned 16-bit words: index with `p >>> 1`. */
  declare readonly u16: Uint16Array;
  /** The memory as signed 16-bit words: index with `p >>> 1`. */
  declare readonly i16: Int16Array;
  /** The memory as unsigned 32-bit words: index with `p >>> 2`. */
  declare readonly u32: Uint32Array;
  /** The memory as signed 32-bit words: index with `p >>> 2`. */
  declare readonly i32: Int32Array;
  /** The memory as unsigned 64-bit words: index with `p >>> 3`. */
  declare readonly u64: BigUint64Array;
  /** The memory as signed 64-bit words: index with `p >>> 3`. */
  declare readonly i64: BigInt64Array;
  /** The memory as 32-bit floats: index with `p >>> 2`. */
  declare readonly f32: Float32Array;
  /** The memory as 64-bit floats: index with `p >>> 3`. */
  declare readonly f64: Float64Array;

  /**
   * What looks at accesses, while a layer asks for it. An engine takes a field that has never been assigned to for a
   * constant, so that in a program without such a layer asking for it costs nothing.
   *
   * @internal
   */
  guard: Guard | undefined = undefined;

  readonly #memory: WebAssembly.Memory;
  readonly #pages: Pages;
  readonly #maximum: number;
  readonly #more: ((bytes: number) => Ptr) | undefined;
  /** Pages had from there. */
  #asked = 0;
  /** The views, once others may grow the memory; until then they are fields. */
  #views: Record<string, ArrayBufferView> | undefined;

  /** A heap over a new memory, or over the one in `options`. */
  constructor(options: HeapOptions = {}) {
    const { memory, start } = open(options);
    const first = Math.max(1, Math.ceil(start / PAGE)); // page 0 is never handed out, so that 0 can be null
    this.#memory = memory;
    this.#more = options.more;
    this.start = first * PAGE;
    this.#maximum = options.memory ? 65536 : options.maximum ?? 65536;
    const pages = Math.max(first, pagesIn(this.size));
    this.#pages = new Pages(first, pages, options.memory ? pages : first);
    Object.assign(this, viewsOf(memory.buffer));
    if (options.memory !== undefined) this.#expose();
  }

  /** The memory itself, for a WebAssembly module to import. Whoever has it may grow it. */
  get memory(): WebAssembly.Memory {
    if (this.#views === undefined) this.#expose();
    return this.#memory;
  }

  /** Size of the memory now, in bytes. */
  get size(): number {
    return this.#memory.buffer.byteLength;
  }

  /** What of the memory is free now: in all, in the longest run (pages of 4 KiB), and the number of runs. O(pages). */
  get free(): { pages: number; longest: number; runs: number } {
    return this.#pages.free;
  }

  /**
   * Address of a run of `n` pages of 4 KiB with unspecified contents, or 0 when the memory has no such run and cannot
   * grow. Freed runs are used again before the memory grows. O(log pages).
   *
   * @param align What the run starts on a multiple of, in pages: a power of two. Default 1
   */
  getPages(n: number, align = 1): Ptr {
    if (typeof n !== "number" || n >>> 0 !== n || n === 0) assertInteger("get pages", "number of pages", n, 1, 2 ** 53);
    if (align !== 1) assertPowerOfTwo("get pages", "alignment in pages", align, 2 ** 20);
    const page = this.#pages.get(n, align), p = (page < 0 ? this.#getBehind(n, align) : page) * PAGE;
    if (this.guard !== undefined && p !== 0) this.guard.handed(p, n * PAGE);
    return p;
  }

  /**
   * Takes back a run that {@linkcode Heap.getPages} handed out, whole. Throws a `RangeError`, and changes nothing, when
   * `p` and `n` are not such a run. O(log pages).
   */
  putPages(p: Ptr, n: number): void {
    if (typeof p !== "number" || !this.#pages.put(p / PAGE, n)) {
      assertInteger("put pages", "address", p, 0, ADDRESS_SPACE - 1);
      assertInteger("put pages", "number of pages", n, 1, LAST_PAGE);
      throw new RangeError(`Cannot put pages: ${n} pages at ${show(p)} are not a run that is out`);
    }
    if (this.guard !== undefined) this.guard.returned(p, n * PAGE);
  }

  /**
   * Lengthens the run of `n` pages at `p` by `more` pages in place; false, and nothing changes, when the pages behind
   * it are not free. O(log pages).
   */
  extendPages(p: Ptr, n: number, more: number): boolean {
    assertInteger("extend pages", "address", p, 0, ADDRESS_SPACE - 1);
    assertInteger("extend pages", "number of pages", n, 1, LAST_PAGE);
    assertInteger("extend pages", "number of pages to add", more, 1, 2 ** 53);
    if (!this.#pages.extend(p / PAGE, n, more) && !this.#extendTail(p / PAGE, n, more)) return false;
    if (this.guard !== undefined) this.guard.handed(p + n * PAGE, more * PAGE);
    return true;
  }

  /**
   * Makes the run of `n` pages at `p` one of `to` pages in place; false, and nothing changes, when it is to grow and
   * the pages behind it are not free. A `RangeError` if there is no such run. O(log pages).
   */
  resizePages(p: Ptr, n: number, to: number): boolean {
    assertInteger("resize pages", "address", p, 0, ADDRESS_SPACE - 1);
    assertInteger("resize pages", "number of pages", n, 1, LAST_PAGE);
    assertInteger("resize pages", "new number of pages", to, 1, 2 ** 53);
    if (!this.#pages.isOut(p / PAGE, n)) {
      throw new RangeError(`Cannot resize pages: ${n} pages at ${p} are not a run that is out`);
    }
    if (to > n) return this.extendPages(p, n, to - n);
    if (this.guard !== undefined) this.guard.returned(p + to * PAGE, (n - to) * PAGE);
    return this.#pages.cut(p / PAGE, n, to);
  }

  /**
   * First address from which on no page has been handed out yet: nothing but zeros is there, unless others write. 2^32
   * where `more` is what gives memory, of which nobody knows what is in it.
   */
  get fresh(): Ptr {
    return this.#more === undefined ? this.#pages.fresh * PAGE : ADDRESS_SPACE;
  }

  /**
   * Makes the views cover the whole memory again. Needed in one case only: after WebAssembly code or another thread has
   * grown a memory that is shared.
   */
  refresh(): void {
    const views = viewsOf(this.#memory.buffer);
    if (this.#views === undefined) Object.assign(this, views);
    else this.#views = views;
  }

  /** Lengthens the run of `n` pages at `page` by what the memory grows by, if it is the last one. */
  #extendTail(page: number, n: number, more: number): boolean {
    if (page + n !== this.#pages.tail || !this.#pages.isOut(page, n)) return false;
    return more < LAST_PAGE && this.#grow(more) && this.#pages.extend(page, n, more);
  }

  /** First page of a run from what the memory grows by, or 0. */
  #getBehind(n: number, align: number): number {
    // The tail moves up where somebody else has grown the memory: so many pages have an aligned run wherever it is then
    for (const need of [n + (-this.#pages.tail & (align - 1)), n + align - 1]) {
      const grown = need < LAST_PAGE && this.#grow(need), page = this.#pages.get(n, align);
      if (page >= 0) return page;
      if (!grown) return 0;
    }
    return 0;
  }

  /** Grows so that `n` pages fit behind the tail: by half as much again as there is, or by as much as is possible. */
  #grow(n: number): boolean {
    if (this.#more !== undefined) return this.#askFor(n, this.#more);
    const pages = this.#pages;
    const size = this.size / WASM_PAGE;
    const need = Math.ceil((n - (pages.limit - pages.tail)) / PER_WASM_PAGE);
    if (need > this.#maximum - size) return false;
    const ideal = Math.min(Math.max(need, size >>> 1, 1), this.#maximum - size);
    for (const delta of [ideal, need + 1, Math.ceil(n / PER_WASM_PAGE)]) {
      if (delta < 1 || delta > 65536 - size) continue;
      let before;
      try {
        before = this.#memory.grow(delta);
      } catch {
        continue;
      }
      this.refresh();
      pages.grown(pagesIn(before * WASM_PAGE), pagesIn((before + delta) * WASM_PAGE));
      if (pages.limit - pages.tail >= n) return true;
    }
    return false;
  }

  /** Asks for a quarter of what there is, or for as much as fits `n` pages wherever it begins. */
  #askFor(n: number, more: (bytes: number) => Ptr): boolean {
    const pages = this.#pages;
    for (const ask of [Math.max(n, LEAST, this.#asked >>> 2), n]) {
      const bytes = (ask + 1) * PAGE, p = ask < LAST_PAGE ? more(bytes) : 0;
      if (p === 0) continue;
      const first = Math.ceil(p / PAGE), end = pagesIn(Math.floor((p + bytes) / PAGE) * PAGE);
      if (this.u8.length < this.size) this.refresh(); // code in a shared memory has grown it
      this.#asked += end - first;
      pages.grown(first, end);
      return true;
    }
    return false;
  }

  /** Turns the views into accessors that replace a view gone stale. */
  #expose(): void {
    const memory = this.#memory;
    const views = this.#views = viewsOf(memory.buffer);
    for (const name of Object.keys(views)) {
      Object.defineProperty(this, name, {
        get: (): ArrayBufferView => {
          const view = this.#views![name];
          if (view.byteLength !== 0) return view;
          this.refresh(); // growth detaches the buffer of a memory that is not shared
          return this.#views![name];
        },
      });
    }
    if (!(memory.buffer instanceof ArrayBuffer)) onGrow(memory, () => this.refresh());
  }
}

/** The heap that everything uses when no other is named. */
export const heap: Heap = new Heap();

function viewsOf(buffer: ArrayBufferLike): Record<string, ArrayBufferView> {
  return {
    u8: new Uint8Array(buffer),
    i8: new Int8Array(buffer),
    u16: new Uint16Array(buffer),
    i16: new Int16Array(buffer),
    u32: new Uint32Array(buffer),
    i32: new Int32Array(buffer),
    u64: new BigUint64Array(buffer),
    i64: new BigInt64Array(buffer),
    f32: new Float32Array(buffer),
    f64: new Float64Array(buffer),
  };
}

/** Calls `f` after anyone has called `memory.grow`: a shared buffer is not detached by it, so nothing else tells. */
function onGrow(memory: WebAssembly.Memory, f: () => void): void {
  const grow = memory.grow;
  memory.grow = (delta) => {
    const before = grow.call(memory, delta);
    f();
    return before;
  };
}

/** Number of our pages in a memory of so many bytes. */
function pagesIn(bytes: number): number {
  return Math.min(bytes / PAGE, LAST_PAGE);
}

function open(options: HeapOptions): { memory: WebAssembly.Memory; start: number } {
  assertOptions("make a heap", options);
  const { initial = 16, maximum = 65536, shared = false, memory } = options;
  if (memory !== undefined) {
    if (!(memory instanceof WebAssembly.Memory)) {
      throw new TypeError(`Cannot make a heap: memory must be a WebAssembly.Memory, got ${show(memory)}`);
    }
    const end = memory.buffer.byteLength;
    const { start = end, more } = options;
    assertInteger("make a heap", "start, an address in bytes,", start, 0, end);
    if (more !== undefined) assertFunction("make a heap", "more", more);
    return { memory, start };
  }
  if (options.start !== undefined) {
    throw new TypeError("Cannot make a heap: start needs the memory that it is an address in");
  }
  if (options.more !== undefined) {
    throw new TypeError("Cannot make a heap: more needs the memory that it comes from");
  }
  assertInteger("make a heap", "maximum, in pages of 64 KiB,", maximum, 0, 65536);
  assertInteger("make a heap", "initial, in pages of 64 KiB,", initial, 0, maximum);
  if (typeof shared !== "boolean") {
    throw new TypeError(`Cannot make a heap: shared must be a boolean, got ${show(shared)}`);
  }
  return { memory: new WebAssembly.Memory({ initial, maximum, shared }), start: 0 };
}
