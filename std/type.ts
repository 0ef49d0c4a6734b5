/**
 * Types: how a value lies in memory. Numbers, booleans and addresses; `struct.ts` has what is made of them.
 *
 * Layout is C's: a value is aligned to its size.
 *
 * @module
 */

import { show } from "../errors.ts";
import type { Heap, Ptr } from "../heap.ts";
import { at as reading, to as writing } from "./guard.ts";

/** How values `V` lie in memory. */
export interface Type<V> {
  /** What it is called, as in "u32" or "u8[16]". */
  readonly name: string;
  /** Bytes that a value takes. */
  readonly size: number;
  /** Bytes that the address of a value is a multiple of: 1, 2, 4 or 8. */
  readonly align: number;
  /** The only heap that it is for, if its accessors are bound to one. */
  readonly heap: Heap | undefined;
  /** The value at `p`. */
  load(heap: Heap, p: Ptr): V;
  /** Makes the value at `p` this one. Numbers that do not fit wrap, as in a typed array. */
  store(heap: Heap, p: Ptr, value: V): void;
  /** Accessors for a field at `offset` bytes in a struct on `heap`. */
  field(heap: Heap, offset: number): Field<V>;
}

/** The value type of a {@linkcode Type}. */
export type ValueOf<T> = T extends Type<infer V> ? V : never;

/** A field of a struct. Where the struct is a constant, `get` and `set` cost what indexing a view of the heap costs. */
export interface Field<V> {
  /** Type of the field. */
  readonly type: Type<V>;
  /** Where in the struct it lies, in bytes from the start. */
  readonly offset: number;
  /** Value of the field in the struct at `p`. */
  get(p: Ptr): V;
  /** Sets the field in the struct at `p`. */
  set(p: Ptr, value: V): void;
}

function scalar<V>(
  name: string,
  size: number,
  load: (heap: Heap, p: Ptr) => V,
  store: (heap: Heap, p: Ptr, value: V) => void,
  access: (heap: Heap, offset: number) => Pick<Field<V>, "get" | "set">,
): Type<V> {
  const kind = name === "bool" ? "boolean" : size === 8 && name !== "f64" ? "bigint" : "number";
  const type: Type<V> = {
    name,
    size,
    align: size,
    heap: undefined,
    load,
    store: (heap, p, value) => {
      // deno-lint-ignore valid-typeof
      if (typeof value !== kind) throw new TypeError(`Cannot store as ${name}: expected a ${kind}, got ${show(value)}`);
      store(heap, p, value);
    },
    field: (heap, offset) => {
      const { get, set } = access(heap, offset);
      return { type, offset, get, set };
    },
  };
  return type;
}

// For the hot path: an engine looks up what is imported at each use, and inlines a constant
const at = reading, to = writing;

// Each type has accessors of its own in the source, so that each reads one kind of view.

/** Unsigned byte: 0 to 255. */
export const u8: Type<number> = scalar(
  "u8",
  1,
  (h, p) => h.u8[at(h, p, 1)],
  (h, p, v) => void (h.u8[to(h, p, 1)] = v),
  (h, o) => ({ get: (p) => h.u8[at(h, p + o, 1)], set: (p, v) => void (h.u8[to(h, p + o, 1)] = v) }),
);

/** Signed byte: -128 to 127. */
export const i8: Type<number> = scalar(
  "i8",
  1,
  (h, p) => h.i8[at(h, p, 1)],
  (h, p, v) => void (h.i8[to(h, p, 1)] = v),
  (h, o) => ({ get: (p) => h.i8[at(h, p + o, 1)], set: (p, v) => void (h.i8[to(h, p + o, 1)] = v) }),
);

/** Unsigned 16-bit integer: 0 to 65535. */
export const u16: Type<number> = scalar(
  "u16",
  2,
  (h, p) => h.u16[at(h, p, 2) >>> 1],
  (h, p, v) => void (h.u16[to(h, p, 2) >>> 1] = v),
  (h, o) => ({ get: (p) => h.u16[at(h, p + o, 2) >>> 1], set: (p, v) => void (h.u16[to(h, p + o, 2) >>> 1] = v) }),
);

/** Signed 16-bit integer: -32768 to 32767. */
export const i16: Type<number> = scalar(
  "i16",
  2,
  (h, p) => h.i16[at(h, p, 2) >>> 1],
  (h, p, v) => void (h.i16[to(h, p, 2) >>> 1] = v),
  (h, o) => ({ get: (p) => h.i16[at(h, p + o, 2) >>> 1], set: (p, v) => void (h.i16[to(h, p + o, 2) >>> 1] = v) }),
);

/** Unsigned 32-bit integer: 0 to 2^32 - 1. */
export const u32: Type<number> = scalar(
  "u32",
  4,
  (h, p) => h.u32[at(h, p, 4) >>> 2],
  (h, p, v) => void (h.u32[to(h, p, 4) >>> 2] = v),
  (h, o) => ({ get: (p) => h.u32[at(h, p + o, 4) >>> 2], set: (p, v) => void (h.u32[to(h, p + o, 4) >>> 2] = v) }),
);

/** Signed 32-bit integer: -2^31 to 2^31 - 1. */
export const i32: Type<number> = scalar(
  "i32",
  4,
  (h, p) => h.i32[at(h, p, 4) >>> 2],
  (h, p, v) => void (h.i32[to(h, p, 4) >>> 2] = v),
  (h, o) => ({ get: (p) => h.i32[at(h, p + o, 4) >>> 2], set: (p, v) => void (h.i32[to(h, p + o, 4) >>> 2] = v) }),
);

/** Unsigned 64-bit integer, as a `bigint`. */
export const u64: Type<bigint> = scalar(
  "u64",
  8,
  (h, p) => h.u64[at(h, p, 8) >>> 3],
  (h, p, v) => void (h.u64[to(h, p, 8) >>> 3] = v),
  (h, o) => ({ get: (p) => h.u64[at(h, p + o, 8) >>> 3], set: (p, v) => void (h.u64[to(h, p + o, 8) >>> 3] = v) }),
);

/** Signed 64-bit integer, as a `bigint`. */
export const i64: Type<bigint> = scalar(
  "i64",
  8,
  (h, p) => h.i64[at(h, p, 8) >>> 3],
  (h, p, v) => void (h.i64[to(h, p, 8) >>> 3] = v),
  (h, o) => ({ get: (p) => h.i64[at(h, p + o, 8) >>> 3], set: (p, v) => void (h.i64[to(h, p + o, 8) >>> 3] = v) }),
);

/** 32-bit float. */
export const f32: Type<number> = scalar(
  "f32",
  4,
  (h, p) => h.f32[at(h, p, 4) >>> 2],
  (h, p, v) => void (h.f32[to(h, p, 4) >>> 2] = v),
  (h, o) => ({ get: (p) => h.f32[at(h, p + o, 4) >>> 2], set: (p, v) => void (h.f32[to(h, p + o, 4) >>> 2] = v) }),
);

/** 64-bit float: any JavaScript number. */
export const f64: Type<number> = scalar(
  "f64",
  8,
  (h, p) => h.f64[at(h, p, 8) >>> 3],
  (h, p, v) => void (h.f64[to(h, p, 8) >>> 3] = v),
  (h, o) => ({ get: (p) => h.f64[at(h, p + o, 8) >>> 3], set: (p, v) => void (h.f64[to(h, p + o, 8) >>> 3] = v) }),
);

/** Boolean, in a byte. */
export const bool: Type<boolean> = scalar(
  "bool",
  1,
  (h, p) => h.u8[at(h, p, 1)] !== 0,
  (h, p, v) => void (h.u8[to(h, p, 1)] = v ? 1 : 0),
  (h, o) => ({ get: (p) => h.u8[at(h, p + o, 1)] !== 0, set: (p, v) => void (h.u8[to(h, p + o, 1)] = v ? 1 : 0) }),
);

/** Address in the same heap, or 0. */
export const ptr: Type<Ptr> = scalar(
  "ptr",
  4,
  (h, p) => h.u32[at(h, p, 4) >>> 2],
  (h, p, v) => void (h.u32[to(h, p, 4) >>> 2] = v),
  (h, o) => ({ get: (p) => h.u32[at(h, p + o, 4) >>> 2], set: (p, v) => void (h.u32[to(h, p + o, 4) >>> 2] = v) }),
);

/** Throws a `TypeError` unless `type` is a {@linkcode Type}. */
export function assertType(action: string, type: unknown): asserts type is Type<unknown> {
  const t = type as Partial<Type<unknown>> | null | undefined;
  if (typeof t !== "object" || t === null || typeof t.size !== "number" || typeof t.load !== "function") {
    throw new TypeError(`Cannot ${action}: expected a type such as std.u32, got ${show(type)}`);
  }
}
