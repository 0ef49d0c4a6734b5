/**
 * JSON trees in the heap.
 *
 * A node is one of five structs that begin alike; texts are UTF-8 behind their struct. The values of an array or object
 * are a list, in an object with each key before its value, and the last of a list points back up. So a tree can be walked,
 * printed and freed without a stack, however deep it is.
 *
 * ```
 * {"a": [1, 2]}      object -first-> key "a" -next-> array -next (last)-> object
 *                                                      |
 *                                                    first-> 1 -next-> 2 -next (last)-> array
 * ```
 *
 * @module
 */

import { heap, type Ptr, std } from "../../mod.ts";

/** What a node is. `WRITTEN` is a number that also keeps its text, `KEY` a string before its value in an object. */
export const NULL = 1, FALSE = 2, TRUE = 3, NUMBER = 4, WRITTEN = 5, STRING = 6, KEY = 7, ARRAY = 8, OBJECT = 9;

const NAMES = [
  "",
  "null",
  "a boolean",
  "a boolean",
  "a number",
  "a number",
  "a string",
  "a key",
  "an array",
  "an object",
];

/** How all nodes begin: `next` is the next in the list or, for the `last`, what holds the list; 0 for a root. */
const start: Start = { next: std.ptr, kind: std.u8, last: std.bool };
type Start = { next: std.Type<Ptr>; kind: std.Type<number>; last: std.Type<boolean> };

/** null, false or true: 8 bytes. */
export const Constant: std.Struct<Start> = std.struct(start);
/** A number that prints as it was written: 16 bytes. */
export const Double: std.Struct<Start & { value: std.Type<number> }> = std.struct({ ...start, value: std.f64 });
/** A number that would not (`1.0`, `1e400`, `12345678901234567890`): 24 bytes, then the `length` bytes of its text. */
export const Written: std.Struct<Start & { value: std.Type<number>; length: std.Type<number> }> = std.struct({
  ...start,
  value: std.f64,
  length: std.u32,
});
/** A string or key: 12 bytes, then the `length` bytes of its text. */
export const Text: std.Struct<Start & { length: std.Type<number> }> = std.struct({ ...start, length: std.u32 });
/** An array or object: 12 bytes. */
export const List: std.Struct<Start & { first: std.Type<Ptr> }> = std.struct({ ...start, first: std.ptr });

/** Of every node: the next in the list or, for the last, what holds the list; 0 for a root. */
export const next: std.Field<Ptr> = Constant.fields.next;
/** Of every node: one of the kinds above. */
export const kind: std.Field<number> = Constant.fields.kind;
/** Of every node: whether it is the last of its list. A root is. */
export const last: std.Field<boolean> = Constant.fields.last;
/** Of a number of either kind. */
export const value: std.Field<number> = Double.fields.value;
/** Of a written number: bytes of its text. */
export const writtenLength: std.Field<number> = Written.fields.length;
/** Of a string or key: bytes of its text. */
export const textLength: std.Field<number> = Text.fields.length;
/** Of an array or object: the first of its list, or 0. */
export const first: std.Field<Ptr> = List.fields.first;

/** Whether nodes of a kind have a list. */
export function isList(k: number): boolean {
  return k >= ARRAY;
}

/** What sort of value a node is. */
export function typeOf(node: Ptr): "null" | "boolean" | "number" | "string" | "array" | "object" {
  const k = kindOf("tell the type of", node);
  if (k === NULL) return "null";
  if (k <= TRUE) return "boolean";
  if (k <= WRITTEN) return "number";
  return k <= KEY ? "string" : k === ARRAY ? "array" : "object";
}

/**
 * The values of an array, or keys and values of an object by turns, in order. O(1) each.
 *
 * Throws a `TypeError` for other nodes.
 */
export function* items(list: Ptr): Generator<Ptr> {
  const k = kindOf("list the items of", list);
  if (!isList(k)) throw new TypeError(`Cannot list the items of JSON: expected an array or object, got ${NAMES[k]}`);
  for (let p = first.get(list); p !== 0; p = last.get(p) ? 0 : next.get(p)) yield p;
}

/** Value `i` of an array, or 0 if it has none. O(i). A `TypeError` for other nodes. */
export function at(array: Ptr, i: number): Ptr {
  const k = kindOf("index", array);
  if (k !== ARRAY) throw new TypeError(`Cannot index JSON: expected an array, got ${NAMES[k]}`);
  if (!Number.isInteger(i) || i < 0) throw new RangeError(`Cannot index JSON: expected an integer from 0, got ${i}`);
  let p = first.get(array);
  for (; p !== 0 && i > 0; i--) p = last.get(p) ? 0 : next.get(p);
  return p;
}

/** The last value of an object with this key, or 0 if it has none. O(bytes of its keys). A `TypeError` for other nodes. */
export function get(object: Ptr, key: string): Ptr {
  const k = kindOf("get a member of", object);
  if (k !== OBJECT) throw new TypeError(`Cannot get a member of JSON: expected an object, got ${NAMES[k]}`);
  const bytes = new TextEncoder().encode(key), { u8 } = heap;
  let found = 0;
  for (let p = first.get(object); p !== 0;) {
    const member = next.get(p);
    if (textLength.get(p) === bytes.length) {
      let i = 0;
      while (i < bytes.length && u8[p + Text.size + i] === bytes[i]) i++;
      if (i === bytes.length) found = member;
    }
    p = last.get(member) ? 0 : next.get(member);
  }
  return found;
}

/** Gives a whole tree back to the current region. An `Error`, and nothing is freed, if `root` is a part of one. */
export function free(root: Ptr): void {
  kindOf("free", root);
  if (next.get(root) !== 0) throw new Error(`Cannot free JSON: the node at ${root} is part of a tree`);
  for (let p = root; p !== 0;) {
    const k = kind.get(p), inner = isList(k) ? first.get(p) : 0;
    if (inner !== 0) {
      first.set(p, 0); // on the way back it is a list without items
      p = inner;
      continue;
    }
    const then = next.get(p);
    if (k <= TRUE) std.free(Constant, p);
    else if (k === NUMBER) std.free(Double, p);
    else if (k === WRITTEN) std.bytefree(p, Written.size + writtenLength.get(p));
    else if (isList(k)) std.free(List, p);
    else std.bytefree(p, Text.size + textLength.get(p));
    p = then;
  }
}

/** Kind of the node at `p`. Throws if there can be none. */
export function kindOf(action: string, p: Ptr): number {
  if (typeof p !== "number") {
    throw new TypeError(`Cannot ${action} JSON: expected the address of a node, got ${typeof p}`);
  }
  const k = p > 0 && p % 4 === 0 && p < heap.size ? kind.get(p) : 0;
  if (k < NULL || k > OBJECT) throw new RangeError(`Cannot ${action} JSON: expected the address of a node, got ${p}`);
  return k;
}
