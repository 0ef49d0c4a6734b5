/**
 * Tables: hash tables in the heap.
 *
 * A table is a small mutable header in JavaScript over a block in the heap; as a slice, it remembers no region.
 *
 * Keys are values of any type, or JavaScript strings. Two keys are the same when their bytes are, but for what follows:
 * 0 and -0 are the same, and so are all NaNs, as in a `Map`; padding in structs does not count. A string is kept as
 * UTF-8, in a block that is the table's.
 *
 * Guarantees: on an `OutOfMemoryError` the table holds what it held; a table that has held nothing takes no memory.
 * Costs: O(1) on average, amortised where the table grows, which it does when it is three quarters full; deleting
 * leaves nothing behind that slows later searches. A key's entry takes its size and the value's, and 4 bytes for the
 * hash, 1.3 to 2.7 times; a string another 8 bytes, and a block.
 *
 * ```
 * ptr -> | hash 0 | hash 1 | ... | hash cap - 1 | key, value | key, value | ... | spare entry |
 *          0: free                                entry 0      entry 1            of the key that is looked up
 * ```
 *
 * @module
 */

import { show } from "../errors.ts";
import type { Heap, Ptr } from "../heap.ts";
import { printable } from "../printable.ts";
import { bytefree, heapFor } from "./alloc.ts";
import { copy } from "./bytes.ts";
import { kindOf } from "./element.ts";
import {
  alignOf,
  bytesFor,
  entry,
  find,
  type Header,
  insert,
  lookup,
  rehash,
  remove,
  setValue,
  stage,
  valueAt,
} from "./entries.ts";
import { at } from "./guard.ts";
import { assertHere, type KeyType, keyTypeOf, string, type StringKey } from "./key.ts";
import { print, readable } from "./print.ts";
import { roundUp } from "./struct.ts";
import { assertType, type Type } from "./type.ts";

/** A hash table in a heap. Made by {@linkcode mkht}. Iterable as `[key, value]`, in no particular order. */
export class Table<K, V> {
  /** @internal How it deals with keys. */
  readonly _keys: KeyType<K>;
  /** Type of the values. */
  readonly type: Type<V>;
  /** The heap that it lies in. */
  readonly heap: Heap;
  /** Address of the block, or 0. */
  readonly ptr: Ptr = 0;
  /** Number of keys. */
  readonly len: number = 0;
  /** Number of entries that the block has: a power of two, or 0. */
  readonly cap: number = 0;
  /** @internal Bytes from entry to entry, and from an entry to its value. */
  readonly _stride: number;
  /** @internal */
  readonly _value: number;
  /** @internal Kind of the values. */
  readonly _kind: number;
  /** @internal Keys that came and went, so far. */
  readonly _changes: number = 0;

  /** @internal */
  constructor(keys: KeyType<K>, type: Type<V>, heap: Heap) {
    this._keys = keys;
    this.type = type;
    this.heap = heap;
    this._kind = kindOf(type);
    this._value = roundUp(keys.size, type.align);
    this._stride = roundUp(this._value + type.size, alignOf(keys, type));
  }

  /** Number of keys: `len`. */
  get length(): number {
    return this.len;
  }

  /** Keys and values. Values may be set meanwhile; an `Error` if keys have come or gone. */
  *[Symbol.iterator](): Generator<[K, V], void, void> {
    const { _changes } = this;
    for (let i = 0; i < this.cap; i++) {
      if (this.heap.u32[at(this.heap, this.ptr + i * 4, 4) >>> 2] === 0) continue;
      yield [this._keys.load(this.heap, entry(this, i)), valueAt(this, i)];
      if (this._changes !== _changes) throw new Error("Cannot iterate over a table: keys have come or gone meanwhile");
    }
  }

  /** Its types, and keys and values, the first 100 of them. */
  toString(): string {
    const shown = readable(() => this.#shown());
    return `${this._keys.name} => ${this.type.name} [${this.len}] {${
      Array.isArray(shown) ? shown.join(", ") : print(shown)
    }}`;
  }

  #shown(): string[] {
    const shown: string[] = [];
    for (const [key, value] of this) {
      if (shown.push(`${print(key)} => ${print(value)}`) === 100) break;
    }
    if (this.len > 100) shown.push(`... ${this.len - 100} more`);
    return shown;
  }
}
printable(Table.prototype);

/**
 * An empty table, which takes no memory yet.
 *
 * @param keys Type of the keys; `string` for JavaScript strings
 * @param values Type of the values
 *
 * @example
 * ```ts
 * import { string } from "./key.ts";
 * import { htfree, htget, htput, mkht } from "./table.ts";
 * import { u32 } from "./type.ts";
 *
 * const ages = mkht(string, u32);
 * htput(ages, "Ada", 36);
 * htget(ages, "Ada");              // 36
 * htget(ages, "Alan");             // undefined
 * htget(ages, "Alan", 0);          // 0
 * [...ages];                       // [["Ada", 36]]
 * htfree(ages);
 * ```
 */
export function mkht<V>(keys: StringKey, values: Type<V>): Table<string, V>;
/** An empty table whose keys are values of a type. */
export function mkht<K, V>(keys: Type<K>, values: Type<V>): Table<K, V>;
export function mkht<K, V>(keys: Type<K> | StringKey, values: Type<V>): Table<K, V> {
  const keyType = keyTypeOf(keys);
  assertType("make a table", values);
  if (keys !== string) heapFor(keys as Type<K>);
  return new Table(keyType, values, heapFor(values));
}

/** Sets the value of a key, which need not be there before, and returns the table. */
export function htput<K, V>(t: Table<K, V>, key: K, value: V): Table<K, V> {
  assertTable("put into", t);
  if (t.cap !== 0) return put(t, key, value);
  rehash(t, 8);
  try {
    return put(t, key, value);
  } catch (e) {
    htfree(t); // a table that has held nothing takes no memory
    throw e;
  }
}

function put<K, V>(t: Table<K, V>, key: K, value: V): Table<K, V> {
  const hash = stage(t, key), i = find(t, hash);
  if (i >= 0 && t._kind < 11) {
    setValue(t, i, value);
    return t;
  }
  setValue(t, t.cap, value);
  if (i >= 0) {
    copy(t.heap, entry(t, i) + t._value, t.heap, entry(t, t.cap) + t._value, t.type.size);
    return t;
  }
  t._keys.own(t.heap, entry(t, t.cap));
  if ((t.len + 1) * 4 > t.cap * 3) {
    try {
      rehash(t, 2 * t.cap);
    } catch (e) {
      t._keys.disown(t.heap, entry(t, t.cap));
      throw e;
    }
  }
  insert(t, hash, entry(t, t.cap));
  const header: Header<K, V> = t;
  header.len++;
  header._changes++;
  return t;
}

/** The value of a key, or `undefined` if it is not there. */
export function htget<K, V>(t: Table<K, V>, key: K): V | undefined;
/** The value of a key, or `fallback` if it is not there. */
export function htget<K, V, D>(t: Table<K, V>, key: K, fallback: D): V | D;
export function htget<K, V, D>(t: Table<K, V>, key: K, fallback?: D): V | D | undefined {
  assertTable("look up in", t);
  const i = lookup(t, key);
  return i < 0 ? fallback : valueAt(t, i);
}

/** Whether a key is there. */
export function hthas<K, V>(t: Table<K, V>, key: K): boolean {
  assertTable("look up in", t);
  return lookup(t, key) >= 0;
}

/** Deletes a key with its value; whether it was there. */
export function htdel<K, V>(t: Table<K, V>, key: K): boolean {
  assertTable("delete from", t);
  const i = lookup(t, key);
  if (i < 0) return false;
  t._keys.disown(t.heap, entry(t, i));
  remove(t, i);
  const header: Header<K, V> = t;
  header.len--;
  header._changes++;
  return true;
}

/** The keys, in no particular order. */
export function htkeys<K, V>(t: Table<K, V>): K[] {
  assertTable("list the keys of", t);
  return Array.from(t, ([key]) => key);
}

/** Number of keys. */
export function htlen<K, V>(t: Table<K, V>): number {
  assertTable("count the keys of", t);
  return t.len;
}

/** Gives what the table holds back to the current region. It is then an empty table. */
export function htfree<K, V>(t: Table<K, V>): void {
  assertTable("free", t);
  if (t.cap === 0) return;
  assertHere(t.heap);
  const { ptr, cap, heap, _keys } = t;
  at(heap, ptr, 4);
  for (let i = 0; i < cap; i++) if (heap.u32[(ptr >>> 2) + i] !== 0) _keys.disown(heap, entry(t, i));
  const header: Header<K, V> = t;
  header.ptr = header.len = header.cap = 0;
  header._changes++;
  bytefree(ptr, bytesFor(t, cap));
}

function assertTable<K, V>(action: string, t: Table<K, V>): void {
  if (!(t instanceof Table)) throw new TypeError(`Cannot ${action} a table: expected one, got ${show(t)}`);
}
