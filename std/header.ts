/**
 * The header of a slice, and how it gets and gives back its block.
 *
 * @module
 */

import { ADDRESS_SPACE, assertInteger, show } from "../errors.ts";
import type { Heap, Ptr } from "../heap.ts";
import { printable } from "../printable.ts";
import { type AnyAllocator, top } from "../region.ts";
import { bytealloc, bytefree, heapFor } from "./alloc.ts";
import { copy } from "./bytes.ts";
import { kindIn, load, store } from "./element.ts";
import { printList, readable } from "./print.ts";
import type { Type } from "./type.ts";

/** Bytes in the first block of a slice that grows, at least. */
const FIRST = 32;

// For the hot path: an engine looks up what is imported at each use, and inlines a constant
const serving = top, kind = kindIn;

/** A sequence of values in a heap. Made by {@linkcode slalloc} and others. */
export class Slice<V> {
  /** Type of the elements. */
  readonly type: Type<V>;
  /** The heap that the elements lie in. */
  readonly heap: Heap;
  /** Address of the first element, or 0 where there is no block. */
  readonly ptr: Ptr;
  /** Number of elements. */
  readonly len: number;
  /** Number of elements that the block has room for. */
  readonly cap: number;
  /** Whether it looks at the block of another slice: then its length is fixed, and it cannot be freed. */
  readonly view: boolean;
  /** @internal */
  readonly _kind: number;
  /** @internal What has served its block: only that may resize it. */
  readonly _from: AnyAllocator | undefined;

  /** @internal */
  constructor(type: Type<V>, heap: Heap, ptr: Ptr, len: number, view: boolean) {
    this.type = type;
    this.heap = heap;
    this.ptr = ptr;
    this.len = len;
    this.cap = len;
    this.view = view;
    this._kind = kind(heap, type);
    this._from = view || len === 0 ? undefined : serving();
  }

  /** Number of elements: `len`. */
  get length(): number {
    return this.len;
  }

  /** Element `i`, 0 to `len - 1`; otherwise a `RangeError`. */
  get(i: number): V {
    if ((i >>> 0) !== i || i >= this.len) throw outOfBounds(this, i);
    return load(this._kind, this.type, this.heap, this.ptr, i);
  }

  /** Sets element `i`, 0 to `len - 1`; otherwise a `RangeError`. Numbers that do not fit wrap, as in a typed array. */
  set(i: number, value: V): void {
    if ((i >>> 0) !== i || i >= this.len) throw outOfBounds(this, i);
    store(this._kind, this.type, this.heap, this.ptr, i, value);
  }

  /** Address of element `i`, 0 to `len - 1`; otherwise a `RangeError`. Good until the slice grows or is freed. */
  at(i: number): Ptr {
    if ((i >>> 0) !== i || i >= this.len) throw outOfBounds(this, i);
    return this.ptr + i * this.type.size;
  }

  /** The elements, one after the other; the slice may change meanwhile. */
  *[Symbol.iterator](): Generator<V, void, void> {
    for (let i = 0; i < this.len; i++) yield this.get(i);
  }

  /** Its type, its length and its first 100 elements, as in `u8[3] [1, 2, 3]`. */
  toString(): string {
    return `${this.type.name}[${this.len}] ${printList(this.#readable(), this.len)}`;
  }

  *#readable(): Generator<unknown, void, void> {
    for (let i = 0; i < this.len; i++) yield readable(() => this.get(i));
  }
}
printable(Slice.prototype);

/** The header as the functions of this room change it. */
export type Header<V> = { -readonly [K in "heap" | "ptr" | "len" | "cap" | "_from" | "_kind"]: Slice<V>[K] };

/** Makes room for `len` elements. */
export function reserve<V>(s: Slice<V>, len: number): void {
  if (len > s.cap) release(s, enlarge(s, len));
}

/** A block that a slice had, as its header had it. */
export type Block = Pick<Header<unknown>, "heap" | "ptr" | "cap" | "_from">;

/**
 * Makes room for `len` elements, more than there is room for: in place where the current region has served the block
 * and can resize it, otherwise in a new block. Returns the block that is to be released then, if it has moved.
 */
export function enlarge<V>(s: Slice<V>, len: number): Block | undefined {
  const { type, ptr, cap } = s, { size } = type, header: Header<V> = s;
  assertInteger("grow a slice", `number of elements of ${size} bytes`, len, 0, most(type));
  const heap = heapFor(type), from = top();
  from._assertOpen("use"); // a task that has outlived its region may find it closed
  if (cap !== 0) assertHere("grow", s);
  const room = roomFor(from, Math.min(Math.max(len, 2 * cap, Math.floor(FIRST / size)), most(type)), type);
  if (cap !== 0 && from === s._from && from.layer.resize?.(from.state, ptr, cap * size, room * size)) {
    header.cap = room;
    return undefined;
  }
  const old = { heap: s.heap, ptr, cap, _from: s._from };
  const p = bytealloc(room * size, type.align);
  copy(heap, p, heap, ptr, s.len * size);
  header.heap = heap;
  header.ptr = p;
  header.cap = room;
  header._from = from;
  if (heap.guard !== undefined) header._kind = kind(heap, type);
  return old;
}

/** Elements that a block has room for that is to hold `n`. */
function roomFor<V>({ layer }: AnyAllocator, n: number, { size }: Type<V>): number {
  return layer.goodSize === undefined ? n : Math.floor(layer.goodSize(n * size) / size);
}

/** Gives a block that `s` had back to the current region. */
export function release<V>(s: Slice<V>, old: Block | undefined): void {
  if (old === undefined || old.cap === 0) return;
  const { size } = s.type;
  try {
    bytefree(old.ptr, old.cap * size);
  } catch (e) { // a layer has refused it: the slice stays where it was
    bytefree(s.ptr, s.cap * size);
    Object.assign(s, old);
    throw e;
  }
}

/** Throws unless `s` is a slice. */
export function assertSlice<V>(action: string, s: Slice<V>): void {
  if (!(s instanceof Slice)) throw new TypeError(`Cannot ${action} a slice: expected one, got ${show(s)}`);
}

/** Throws unless `s` is a slice that has its block for itself. */
export function assertOwner<V>(action: string, s: Slice<V>): void {
  assertSlice(action, s);
  if (s.view) {
    throw new TypeError(`Cannot ${action} a slice that is a view: its block is another's, sldup makes one of its own`);
  }
}

/** Throws unless blocks of the current region lie in the heap of `s`. */
export function assertHere<V>(action: string, s: Slice<V>): void {
  if (heapFor(s.type) !== s.heap) {
    throw new TypeError(`Cannot ${action} a slice of ${s.type.name}: it lies in another heap than the region's`);
  }
}

/** Elements of a type that there can be. */
export function most<V>(type: Type<V>): number {
  return Math.floor((ADDRESS_SPACE - 1) / type.size);
}

function outOfBounds<V>(s: Slice<V>, i: unknown): Error {
  if (typeof i !== "number") return new TypeError(`Cannot index a slice: index must be a number, got ${show(i)}`);
  return new RangeError(`Cannot index a slice of ${s.len} elements: got ${i}`);
}
