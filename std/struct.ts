/**
 * Fixed arrays and structs.
 *
 * Layout is C's: a struct is aligned to its most aligned field, and its size is a multiple of that.
 *
 * @module
 */

import { assertInteger, show } from "../errors.ts";
import { type Heap, heap as defaultHeap, type Ptr } from "../heap.ts";
import { assertType, type Field, type Type, type ValueOf } from "./type.ts";

/** A field that is a fixed array. */
export interface ArrayField<V> extends Field<V[]> {
  /** Number of elements. */
  readonly length: number;
  /** All elements of the array in the struct at `p`. */
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

/**
 * A fixed array of `length` values.
 *
 * @param of Type of the elements
 * @param length Number of elements, 1 or more; all of them less than 4 GiB
 *
 * @example
 * ```ts
 * import { array, struct } from "./struct.ts";
 * import { u32, u8 } from "./type.ts";
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
    if (!Array.isArray(values)) {
      throw new TypeError(`Cannot store as ${type.name}: expected an array, got ${show(values)}`);
    }
    if (values.length !== length) {
      throw new RangeError(`Cannot store as ${type.name}: expected ${length} elements, got ${values.length}`);
    }
    for (let i = 0; i < length; i++) of.store(heap, p + i * size, values[i]);
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
        if ((i >>> 0) !== i || i >= length) throw new RangeError(`Cannot index ${type.name}: got ${show(i)}`);
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
 * import { alloc, free } from "./alloc.ts";
 * import { struct } from "./struct.ts";
 * import { ptr } from "./type.ts";
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

/** `n` or the next multiple of `align`. */
export function roundUp(n: number, align: number): number {
  return Math.ceil(n / align) * align;
}
