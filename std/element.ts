/**
 * Elements: how slices and tables read and write values at speed.
 *
 * A type's own `load` and `store` cannot be inlined where many types meet, as they do in `slpush`. So scalars have a
 * kind, a small integer, and a `switch` on it takes a nanosecond where such a call takes five; any other type is kind
 * 11.
 *
 * Accesses that a guard is to look at have kinds of their own, 16 more: a `switch` costs the same with them. A slice has
 * such a kind from when it got its block on; in the block of a table, everything has been written to.
 *
 * @module
 */

import { show } from "../errors.ts";
import type { Heap, Ptr } from "../heap.ts";
import { at, to } from "./guard.ts";
import { bool, f32, f64, i16, i32, i64, i8, ptr, type Type, u16, u32, u64, u8 } from "./type.ts";

// deno-lint-ignore no-explicit-any
type AnyType = Type<any>;

const KINDS: Map<AnyType, number> = new Map<AnyType, number>([
  [u8, 0],
  [i8, 1],
  [u16, 2],
  [i16, 3],
  [u32, 4],
  [ptr, 4],
  [i32, 5],
  [f32, 6],
  [f64, 7],
  [u64, 8],
  [i64, 9],
  [bool, 10],
]);

/** Kind of a type, 0 to 11. */
export function kindOf<V>(type: Type<V>): number {
  return KINDS.get(type) ?? 11;
}

/** What is added to the kind of a scalar where a guard is to look at it. Types of kind 11 are made of scalars. */
const GUARDED = 16;

/** Kind of a type whose values are in a heap: 0 to 11, or 16 to 26 if the heap is guarded now. */
export function kindIn<V>(heap: Heap, type: Type<V>): number {
  const kind = kindOf(type);
  return heap.guard === undefined || kind === 11 ? kind : kind + GUARDED;
}

/** Element `i` of the values of a type that begin at `p`. */
export function load<V>(kind: number, type: Type<V>, heap: Heap, p: Ptr, i: number): V {
  return loadAny(kind, type, heap, p, i) as V;
}

// Literals, as an engine makes a jump table only of those
function loadAny<V>(kind: number, type: Type<V>, heap: Heap, p: Ptr, i: number): unknown {
  switch (kind) {
    case 0:
      return heap.u8[p + i];
    case 1:
      return heap.i8[p + i];
    case 2:
      return heap.u16[(p >>> 1) + i];
    case 3:
      return heap.i16[(p >>> 1) + i];
    case 4:
      return heap.u32[(p >>> 2) + i];
    case 5:
      return heap.i32[(p >>> 2) + i];
    case 6:
      return heap.f32[(p >>> 2) + i];
    case 7:
      return heap.f64[(p >>> 3) + i];
    case 8:
      return heap.u64[(p >>> 3) + i];
    case 9:
      return heap.i64[(p >>> 3) + i];
    case 10:
      return heap.u8[p + i] !== 0;
    case 11:
      return type.load(heap, p + i * type.size);
    default:
      return loadAny(kind - GUARDED, type, heap, at(heap, p + i * type.size, type.size), 0);
  }
}

/** Makes element `i` of the values of a type that begin at `p` this one. A `TypeError` if it is not of that type. */
export function store<V>(kind: number, type: Type<V>, heap: Heap, p: Ptr, i: number, value: V): void {
  const v = value as unknown;
  if (kind < 8) {
    if (typeof v !== "number") throw wrongValue(type, v);
    switch (kind) {
      case 0:
        heap.u8[p + i] = v;
        return;
      case 1:
        heap.i8[p + i] = v;
        return;
      case 2:
        heap.u16[(p >>> 1) + i] = v;
        return;
      case 3:
        heap.i16[(p >>> 1) + i] = v;
        return;
      case 4:
        heap.u32[(p >>> 2) + i] = v;
        return;
      case 5:
        heap.i32[(p >>> 2) + i] = v;
        return;
      case 6:
        heap.f32[(p >>> 2) + i] = v;
        return;
      default:
        heap.f64[(p >>> 3) + i] = v;
        return;
    }
  }
  if (kind < 10) {
    if (typeof v !== "bigint") throw wrongValue(type, v);
    heap.u64[(p >>> 3) + i] = v; // the same bits for i64
  } else if (kind === 10) {
    if (typeof v !== "boolean") throw wrongValue(type, v);
    heap.u8[p + i] = v ? 1 : 0;
  } else storeOther(kind, type, heap, p, i, value);
}

/** The same for what is no scalar, or guarded: apart, as an engine inlines only what is short. */
function storeOther<V>(kind: number, type: Type<V>, heap: Heap, p: Ptr, i: number, value: V): void {
  if (kind >= GUARDED) return store(kind - GUARDED, type, heap, to(heap, p + i * type.size, type.size), 0, value);
  if (typeof value !== "object" || value === null) throw wrongValue(type, value);
  type.store(heap, p + i * type.size, value);
}

function wrongValue<V>(type: Type<V>, value: unknown): TypeError {
  return new TypeError(`Cannot store as ${type.name}: got ${show(value)}`);
}
