/**
 * Allocation from the current region, by bytes and by type.
 *
 * @module
 */

import { assertRequest } from "../allocator.ts";
import { ADDRESS_SPACE, assertInteger } from "../errors.ts";
import { type Heap, heap, type Ptr } from "../heap.ts";
import { OutOfMemoryError } from "../out_of_memory.ts";
import { bump, bytealloc as regionAlloc, bytefree, byteresize, request, top, topHeap } from "../region.ts";
import { copy } from "./bytes.ts";
import { to } from "./guard.ts";
import { assertType, type Type } from "./type.ts";

export { OutOfMemoryError };

/**
 * Address of a block of `size` bytes from the current region, with unspecified contents.
 *
 * @param size Bytes, 0 to 2^32 - 1
 * @param align What it is aligned to at least, in bytes: a power of two, 16 by default, and more where the region can
 */
export function bytealloc(size: number, align = 16): Ptr {
  const p = regionAlloc(size, align);
  if (p === 0) throw new OutOfMemoryError(size);
  return p;
}

/** Like {@linkcode bytealloc}, with every byte 0. */
export function zbytealloc(size: number, align = 16): Ptr {
  const p = bytealloc(size, align), heap = topHeap();
  heap.u8.fill(0, to(heap, p, size), p + size);
  return p;
}

export { bytefree };

/**
 * Makes the block at `p`, of `old` bytes, one of `size` bytes, and returns its address: in place where the current
 * region can, otherwise as a new block. The contents stay, up to the lesser of both sizes; what is added has
 * unspecified contents.
 *
 * The block must be one of the current region, as for {@linkcode bytefree}. As in C, `p` of 0, with `old` of 0, stands
 * for no block: then this is {@linkcode bytealloc}. Unlike in C, `size` of 0 frees nothing: it gives a block of 0
 * bytes.
 *
 * Throws an `OutOfMemoryError`, or what a layer throws that finds no such block. The block at `p` is then as before,
 * and still the caller's.
 *
 * @param p Its address, or 0
 * @param old Its size now, in bytes, as it was asked for
 * @param size Bytes, 0 to 2^32 - 1
 * @param align As for {@linkcode bytealloc}: what the block is aligned to afterwards. Default 16
 *
 * @example
 * ```ts
 * import { bytealloc, bytefree, realloc } from "./alloc.ts";
 *
 * let p = bytealloc(100);
 * p = realloc(p, 100, 10_000);
 * bytefree(p, 10_000);
 * ```
 */
export function realloc(p: Ptr, old: number, size: number, align = 16): Ptr {
  assertInteger("reallocate", "address", p, 0, ADDRESS_SPACE - 1);
  assertInteger("reallocate", "old size in bytes", old, 0, p === 0 ? 0 : ADDRESS_SPACE - 1);
  assertRequest(size, align, top().layer);
  if (p === 0) return bytealloc(size, align);
  if (p % align === 0 && byteresize(p, old, size)) return p;
  const to = bytealloc(size, align), heap = topHeap();
  copy(heap, to, heap, p, Math.min(old, size));
  try {
    bytefree(p, old);
  } catch (e) { // a layer has refused it
    bytefree(to, size);
    throw e;
  }
  return to;
}

// For the hot path: an engine looks up what is imported at each use, and inlines a constant
const home = heap, here = topHeap, lent = bump, asked = request;

/**
 * Address of a value of a type, with unspecified contents, from the current region.
 *
 * Throws a `TypeError` if the type is a struct on another heap than the region's.
 */
export function alloc<V>(type: Type<V>): Ptr {
  let p = 0;
  if (type?.heap === home) p = lent(type.size, type.align);
  else assertType("allocate", type);
  if (p === 0) {
    heapFor(type);
    p = asked(type.size, type.align);
    if (p === 0) throw new OutOfMemoryError(type.size);
  }
  return p;
}

/** Like {@linkcode alloc}, with every byte 0. */
export function zalloc<V>(type: Type<V>): Ptr {
  const p = alloc(type), heap = topHeap();
  heap.u8.fill(0, to(heap, p, type.size), p + type.size);
  return p;
}

/**
 * Address of a new value in the current region.
 *
 * @example
 * ```ts
 * import { free, mk } from "./alloc.ts";
 * import { struct } from "./struct.ts";
 * import { f32 } from "./type.ts";
 *
 * const Point = struct({ x: f32, y: f32 });
 * const p = mk(Point, { x: 1, y: 2 });
 * Point.fields.y.get(p);           // 2
 * free(Point, p);
 * ```
 */
export function mk<V>(type: Type<V>, value: V): Ptr {
  assertType("make a value", type);
  const p = alloc(type);
  try {
    type.store(topHeap(), p, value);
  } catch (e) {
    bytefree(p, type.size);
    throw e;
  }
  return p;
}

/** Gives the value of a type at `p` back to the current region. A `RangeError` if no such value can lie there. */
export function free<V>(type: Type<V>, p: Ptr): void {
  assertType("free", type);
  assertInteger("free", `address of a ${type.name}`, p, 1, ADDRESS_SPACE - 1);
  if (p % type.align !== 0) {
    throw new RangeError(`Cannot free a ${type.name}: its address must be a multiple of ${type.align}, got ${p}`);
  }
  heapFor(type);
  bytefree(p, type.size);
}

/** The heap of the current region. Throws a `TypeError` if `type` is bound to another one. */
export function heapFor<V>(type: Type<V>): Heap {
  const top = here();
  if (type?.heap !== top && type?.heap !== undefined) {
    throw new TypeError(
      `Cannot allocate ${type.name}: its accessors are for another heap, struct.on(heap) makes them for one`,
    );
  }
  return top;
}
