/**
 * Types: how a value lies in memory.
 *
 * Layout is C's: a value is aligned to its size, a struct to its most aligned field, and its size is a multiple of that.
 *
 * @module
 */

import { assertInteger, show } from "../errors.ts";
import { type Heap, heap as defaultHeap, type Ptr } from "../heap.ts";

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

/** A field that is a fixed array. */
export interface ArrayField<V> extends Field<V[]> {
  /** Number of elements. */
  readonly length: number;
  /** Element `i` of the array in the struct at `p`. Without `i`, all of them. */
  get(p: Ptr): V[];
  /** Address of element `i` of the array in the struct at `p`. */
  at(p: Ptr, i: number): Ptr;
  /** Element `i` of the array in the struct at `p`. */
  getAt(p: Ptr, i: number): V;
  /** Sets element `i` of the array in the struct at `p`. */
  setAt(p: Ptr, i: number, value: V): void;
}

/** A field that is itself a struct. */
export interface StructField<F extends FieldTypes> extends Field<ValuesOf<F>> {
  /** Its fields, for the address of the struct around it. */
  readonly fields: FieldsOf<F>;
  /** Its address in the struct at `p`. */
  at(p: Ptr): Ptr;
}

/** A fixed array: `length` values behind one another. */
export interface ArrayType<V> extends Type<V[]> {
  /** Type of the elements. */
  readonly of: Type<V>;
  /** Number of elements. */
  readonly length: number;
  /** Accessors for a field of this type. */
  field(heap: Heap, offset: number): ArrayField<V>;
}

/** Names and types of the fields of a struct, in the order of the declaration. */
// deno-lint-ignore no-explicit-any
export type FieldTypes = Readonly<Record<string, Type<any>>>;

/** A struct as a plain object. */
export type ValuesOf<F extends FieldTypes> = { [K in keyof F]: ValueOf<F[K]> };

/** The accessors of a struct's fields. */
export type FieldsOf<F extends FieldTypes> = {
  readonly [K in keyof F]: F[K] extends Struct<infer G> ? StructField<G>
    : F[K] extends ArrayType<infer E> ? ArrayField<E>
    : Field<ValueOf<F[K]>>;
};

/** A struct type. */
export interface Struct<F extends FieldTypes> extends Type<ValuesOf<F>> {
  /** The heap that the accessors read and write. */
  readonly heap: Heap;
  /** Types of the fields, as declared. */
  readonly types: F;
  /** Accessors of the fields, for the address of a struct. */
  readonly fields: FieldsOf<F>;
  /** The same struct on another heap. */
  on(heap: Heap): Struct<F>;
  /** Accessors for a field of this type. */
  field(heap: Heap, offset: number): StructField<F>;
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

// Each type has accessors of its own in the source, so that each reads one kind of view.

/** Unsigned byte: 0 to 255. */
export const u8: Type<number> = scalar(
  "u8",
  1,
  (h, p) => h.u8[p],
  (h, p, v) => void (h.u8[p] = v),
  (h, o) => ({ get: (p) => h.u8[p + o], set: (p, v) => void (h.u8[p + o] = v) }),
);

/** Signed byte: -128 to 127. */
export const i8: Type<number> = scalar(
  "i8",
  1,
  (h, p) => h.i8[p],
  (h, p, v) => void (h.i8[p] = v),
  (h, o) => ({ get: (p) => h.i8[p + o], set: (p, v) => void (h.i8[p + o] = v) }),
);

/** Unsigned 16-bit integer: 0 to 65535. */
export const u16: Type<number> = scalar(
  "u16",
  2,
  (h, p) => h.u16[p >>> 1],
  (h, p, v) => void (h.u16[p >>> 1] = v),
  (h, o) => ({ get: (p) => h.u16[(p + o) >>> 1], set: (p, v) => void (h.u16[(p + o) >>> 1] = v) }),
);

/** Signed 16-bit integer: -32768 to 32767. */
export const i16: Type<number> = scalar(
  "i16",
  2,
  (h, p) => h.i16[p >>> 1],
  (h, p, v) => void (h.i16[p >>> 1] = v),
  (h, o) => ({ get: (p) => h.i16[(p + o) >>> 1], set: (p, v) => void (h.i16[(p + o) >>> 1] = v) }),
);

/** Unsigned 32-bit integer: 0 to 2^32 - 1. */
export const u32: Type<number> = scalar(
  "u32",
  4,
  (h, p) => h.u32[p >>> 2],
  (h, p, v) => void (h.u32[p >>> 2] = v),
  (h, o) => ({ get: (p) => h.u32[(p + o) >>> 2], set: (p, v) => void (h.u32[(p + o) >>> 2] = v) }),
);

/** Signed 32-bit integer: -2^31 to 2^31 - 1. */
export const i32: Type<number> = scalar(
  "i32",
  4,
  (h, p) => h.i32[p >>> 2],
  (h, p, v) => void (h.i32[p >>> 2] = v),
  (h, o) => ({ get: (p) => h.i32[(p + o) >>> 2], set: (p, v) => void (h.i32[(p + o) >>> 2] = v) }),
);

/** Unsigned 64-bit integer, as a `bigint`. */
export const u64: Type<bigint> = scalar(
  "u64",
  8,
  (h, p) => h.u64[p >>> 3],
  (h, p, v) => void (h.u64[p >>> 3] = v),
  (h, o) => ({ get: (p) => h.u64[(p + o) >>> 3], set: (p, v) => void (h.u64[(p + o) >>> 3] = v) }),
);

/** Signed 64-bit integer, as a `bigint`. */
export const i64: Type<bigint> = scalar(
  "i64",
  8,
  (h, p) => h.i64[p >>> 3],
  (h, p, v) => void (h.i64[p >>> 3] = v),
  (h, o) => ({ get: (p) => h.i64[(p + o) >>> 3], set: (p, v) => void (h.i64[(p + o) >>> 3] = v) }),
);

/** 32-bit float. */
export const f32: Type<number> = scalar(
  "f32",
  4,
  (h, p) => h.f32[p >>> 2],
  (h, p, v) => void (h.f32[p >>> 2] = v),
  (h, o) => ({ get: (p) => h.f32[(p + o) >>> 2], set: (p, v) => void (h.f32[(p + o) >>> 2] = v) }),
);

/** 64-bit float: any JavaScript number. */
export const f64: Type<number> = scalar(
  "f64",
  8,
  (h, p) => h.f64[p >>> 3],
  (h, p, v) => void (h.f64[p >>> 3] = v),
  (h, o) => ({ get: (p) => h.f64[(p + o) >>> 3], set: (p, v) => void (h.f64[(p + o) >>> 3] = v) }),
);

/** Boolean, in a byte. */
export const bool: Type<boolean> = scalar(
  "bool",
  1,
  (h, p) => h.u8[p] !== 0,
  (h, p, v) => void (h.u8[p] = v ? 1 : 0),
  (h, o) => ({ get: (p) => h.u8[p + o] !== 0, set: (p, v) => void (h.u8[p + o] = v ? 1 : 0) }),
);

/** Address in the same heap, or 0. */
export const ptr: Type<Ptr> = scalar(
  "ptr",
  4,
  (h, p) => h.u32[p >>> 2],
  (h, p, v) => void (h.u32[p >>> 2] = v),
  (h, o) => ({ get: (p) => h.u32[(p + o) >>> 2], set: (p, v) => void (h.u32[(p + o) >>> 2] = v) }),
);

/**
 * A fixed array of `length` values.
 *
 * @param of Type of the elements
 * @param length Number of elements, 1 or more; all of them less than 4 GiB
 *
 * @example
 * ```ts
 * import { array, struct, u8, u32 } from "./type.ts";
 *
 * const Name = struct({ length: u32, bytes: array(u8, 60) });
 * Name.size;                       // 64
 * ```
 */
export function array<V>(of: Type<V>, length: number): ArrayType<V> {
  assertType("make an array type", of);
  assertInteger("make an array type", "length", length, 1, Math.floor((2 ** 32 - 1) / of.size));
  const { size } = of;
  const load = (heap: Heap, p: Ptr): V[] => Array.from({ length }, (_, i) => of.load(heap, p + i * size));
  const store = (heap: Heap, p: Ptr, values: V[]): void => {
    if (values.length !== length) {
      throw new RangeError(`Cannot store as ${type.name}: expected ${length} elements, got ${values.length}`);
    }
    values.forEach((value, i) => of.store(heap, p + i * size, value));
  };
  const type: ArrayType<V> = {
    name: `${of.name}[${length}]`,
    size: size * length,
    align: of.align,
    heap: of.heap,
    load,
    store,
    of,
    length,
    field: (heap, offset) => {
      const element = of.field(heap, offset);
      const step = (i: number): number => {
        if (!(i >= 0 && i < length)) throw new RangeError(`Cannot index ${type.name}: got ${show(i)}`);
        return i * size;
      };
      return {
        type,
        offset,
        length,
        get: (p) => load(heap, p + offset),
        set: (p, values) => store(heap, p + offset, values),
        at: (p, i) => p + offset + step(i),
        getAt: (p, i) => element.get(p + step(i)),
        setAt: (p, i, value) => element.set(p + step(i), value),
      };
    },
  };
  return type;
}

/**
 * A struct with C's layout. Declare it once, as a constant of a module.
 *
 * @param types Names and types of the fields, in order
 * @param heap The heap that its accessors read and write. Default: the program's default heap
 *
 * @example
 * ```ts
 * import { ptr, struct } from "./type.ts";
 * import { alloc, free } from "./alloc.ts";
 *
 * const Node = struct({ left: ptr, right: ptr });
 * const { left, right } = Node.fields;
 *
 * const p = alloc(Node);           // 8 bytes
 * left.set(p, 0);
 * right.set(p, left.get(p));
 * right.offset;                    // 4
 * free(Node, p);
 * ```
 */
export function struct<F extends FieldTypes>(types: F, heap: Heap = defaultHeap): Struct<F> {
  if (typeof types !== "object" || types === null || Object.keys(types).length === 0) {
    throw new TypeError(
      `Cannot make a struct: expected an object of types with one field at least, got ${show(types)}`,
    );
  }
  const names = Object.keys(types), offsets: number[] = [];
  const index = names.find((name) => /^\d+$/.test(name));
  if (index !== undefined) {
    throw new TypeError(`Cannot make a struct: ${show(index)} is an index, not the name of a field`);
  }
  let end = 0, align = 1;
  for (const name of names) {
    const type = types[name];
    assertType(`make a struct with the field ${show(name)}`, type);
    offsets.push(roundUp(end, type.align));
    end = roundUp(end, type.align) + type.size;
    align = Math.max(align, type.align);
  }
  const size = roundUp(end, align);
  assertInteger("make a struct", "its size in bytes", size, 1, 2 ** 32 - 1);

  const load = (heap: Heap, p: Ptr): ValuesOf<F> => {
    const value: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) value[names[i]] = types[names[i]].load(heap, p + offsets[i]);
    return value as ValuesOf<F>;
  };
  const store = (heap: Heap, p: Ptr, value: ValuesOf<F>): void => {
    for (const name of names) {
      if (value?.[name] === undefined) throw new TypeError(`Cannot store as ${type.name}: ${name} is missing`);
    }
    for (let i = 0; i < names.length; i++) types[names[i]].store(heap, p + offsets[i], value[names[i]]);
  };
  const fieldsAt = (heap: Heap, base: number): FieldsOf<F> => {
    const fields: Record<string, Field<unknown>> = {};
    for (let i = 0; i < names.length; i++) fields[names[i]] = types[names[i]].field(heap, base + offsets[i]);
    return fields as FieldsOf<F>;
  };
  const type: Struct<F> = {
    name: `struct { ${names.map((name) => `${name}: ${types[name].name}`).join(", ")} }`,
    size,
    align,
    heap,
    load,
    store,
    types,
    fields: fieldsAt(heap, 0),
    on: (heap) => struct(types, heap),
    field: (heap, offset) => ({
      type,
      offset,
      fields: fieldsAt(heap, offset),
      get: (p) => load(heap, p + offset),
      set: (p, value) => store(heap, p + offset, value),
      at: (p) => p + offset,
    }),
  };
  return type;
}

/** Throws a `TypeError` unless `type` is a {@linkcode Type}. */
export function assertType(action: string, type: unknown): asserts type is Type<unknown> {
  const t = type as Partial<Type<unknown>> | null | undefined;
  if (typeof t !== "object" || t === null || typeof t.size !== "number" || typeof t.load !== "function") {
    throw new TypeError(`Cannot ${action}: expected a type such as std.u32, got ${show(type)}`);
  }
}

function roundUp(n: number, align: number): number {
  return Math.ceil(n / align) * align;
}
