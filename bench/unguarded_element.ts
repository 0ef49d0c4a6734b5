/** How slices read and write values, if nobody could look at that: `std/element.ts` without a guard. */

import type { Heap, Ptr, std } from "../mod.ts";

export function load<V>(kind: number, type: std.Type<V>, heap: Heap, p: Ptr, i: number): V {
  return loadAny(kind, type, heap, p, i) as V;
}

// Literals, as an engine makes a jump table only of those
function loadAny<V>(kind: number, type: std.Type<V>, heap: Heap, p: Ptr, i: number): unknown {
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
    default:
      return type.load(heap, p + i * type.size);
  }
}

export function store<V>(kind: number, type: std.Type<V>, heap: Heap, p: Ptr, i: number, value: V): void {
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
  } else {
    if (typeof v !== "object" || v === null) throw wrongValue(type, v);
    type.store(heap, p + i * type.size, value);
  }
}

function wrongValue<V>(type: std.Type<V>, value: unknown): TypeError {
  return new TypeError(`Cannot store as ${type.name}: got ${value}`);
}
