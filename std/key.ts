/**
 * Keys: what a table has to know about them.
 *
 * In an entry of a table a key is a few 32-bit words: a value with zeroes up to a multiple of 4 bytes, or address and
 * length of a text. Two keys are the same when their words are, or the bytes of their texts.
 *
 * @module
 */

import type { Heap, Ptr } from "../heap.ts";
import { show } from "../errors.ts";
import { topHeap } from "../region.ts";
import { bytealloc, bytefree } from "./alloc.ts";
import { scalarsIn } from "./bytes.ts";
import { kindOf, load, store } from "./element.ts";
import { at, to } from "./guard.ts";
import { assertType, f32, f64, type Type } from "./type.ts";
import { decode, encode, writeShortAscii } from "./utf8.ts";

/** How a table deals with keys `K`. */
export interface KeyType<K> {
  /** What it is called. */
  readonly name: string;
  /** Bytes of a key in an entry. */
  readonly size: number;
  /** Bytes that the address of an entry is a multiple of, on account of its key. */
  readonly align: number;
  /** Writes a key to the spare entry at `p`, whose padding is 0, as far as it needs no memory, and returns its hash. */
  stage(heap: Heap, p: Ptr, key: K): number;
  /** Whether the key of the entry at `q` is the one that was staged at `p`. */
  same(heap: Heap, p: Ptr, q: Ptr): boolean;
  /** Gets the memory that the staged key at `p` needs in an entry. */
  own(heap: Heap, p: Ptr): void;
  /** Gives the memory of the key at `p` back. */
  disown(heap: Heap, p: Ptr): void;
  /** The key at `p`. */
  load(heap: Heap, p: Ptr): K;
}

/** The type of keys that are JavaScript strings: `mkht(string, u32)`. */
export interface StringKey {
  /** What it is called. */
  readonly name: "string";
}

/** The type of keys that are JavaScript strings, of which a table keeps the UTF-8. Lone surrogates count as U+FFFD. */
export const string: StringKey = { name: "string" };

const KEYS: WeakMap<object, KeyType<unknown>> = new WeakMap();

/** How a table deals with keys of a type. */
export function keyTypeOf<K>(type: Type<K> | StringKey): KeyType<K> {
  if (type === string) return texts as unknown as KeyType<K>;
  assertType("make a table", type);
  let keys = KEYS.get(type);
  if (keys === undefined) KEYS.set(type, keys = plain(type as Type<unknown>));
  return keys as KeyType<K>;
}

function plain<K>(type: Type<K>): KeyType<K> {
  const kind = kindOf(type), words = Math.ceil(type.size / 4);
  if (kind < 6 || kind === 10) return word(kind, type);
  const floats: [type: Type<number>, offset: number][] = [];
  scalarsIn(type, 0, (t, offset) => {
    if (t === f32 || t === f64) floats.push([t, offset]);
  });
  return {
    name: type.name,
    size: words * 4,
    align: type.align,
    stage: (heap, p, key) => {
      store(kind, type, heap, p, 0, key);
      for (const [t, offset] of floats) {
        const x = t.load(heap, p + offset);
        if (x === 0 || x !== x) t.store(heap, p + offset, x === 0 ? 0 : NaN); // one 0, one NaN
      }
      const { u32 } = heap;
      let h = words;
      for (let w = 0; w < words; w++) h = mix(h, u32[(p >>> 2) + w]);
      return finish(h);
    },
    same: (heap, p, q) => {
      const { u32 } = heap;
      for (let w = 0; w < words; w++) if (u32[(p >>> 2) + w] !== u32[(q >>> 2) + w]) return false;
      return true;
    },
    own: () => {},
    disown: () => {},
    load: (heap, p) => load(kind, type, heap, p, 0),
  };
}

/** Keys of one word, and none of them a float. */
function word<K>(kind: number, type: Type<K>): KeyType<K> {
  return {
    name: type.name,
    size: 4,
    align: 4,
    stage: (heap, p, key) => {
      store(kind, type, heap, p, 0, key);
      return finish(heap.u32[p >>> 2]);
    },
    same: ({ u32 }, p, q) => u32[p >>> 2] === u32[q >>> 2],
    own: () => {},
    disown: () => {},
    load: (heap, p) => load(kind, type, heap, p, 0),
  };
}

/** The text that is staged: its UTF-8, and how many bytes of that. */
const short: Uint8Array = new Uint8Array(64);
let bytes: Uint8Array = short, length = 0;

const texts: KeyType<string> = {
  name: "string",
  size: 8,
  align: 4,
  stage: (_heap, _p, key) => {
    if (typeof key !== "string") {
      throw new TypeError(`Cannot look up in a table: key must be a string, got ${show(key)}`);
    }
    bytes = writeShortAscii(short, 0, key) ? short : encode(key);
    length = bytes === short ? key.length : bytes.length;
    let h = length;
    for (let i = 0; i < length; i++) h = Math.imul(h ^ bytes[i], 0x01000193);
    return finish(h);
  },
  same: ({ u8, u32 }, _p, q) => {
    if (u32[(q >>> 2) + 1] !== length) return false;
    const text = u32[q >>> 2];
    for (let i = 0; i < length; i++) if (u8[text + i] !== bytes[i]) return false;
    return true;
  },
  own: (heap, p) => {
    assertHere(heap);
    const utf8 = bytes, n = length; // an allocator may itself look up a text
    const text = n === 0 ? 0 : to(heap, bytealloc(n, 1), n);
    if (utf8 !== short) heap.u8.set(utf8, text);
    else for (let i = 0; i < n; i++) heap.u8[text + i] = utf8[i];
    heap.u32[p >>> 2] = text;
    heap.u32[(p >>> 2) + 1] = n;
  },
  disown: (heap, p) => {
    assertHere(heap);
    const text = heap.u32[p >>> 2], n = heap.u32[(p >>> 2) + 1];
    if (n !== 0) bytefree(text, n);
  },
  load: (heap, p) => decode(heap, heap.u32[p >>> 2], heap.u32[(p >>> 2) + 1]),
};

const GUARDED: WeakMap<object, object> = new WeakMap();

/**
 * The same for a table on a guarded heap: it looks whether the block of the table is there, and that of a text. What is
 * in its block, a table knows.
 */
export function guarded<K>(keys: KeyType<K>): KeyType<K> {
  let own = GUARDED.get(keys) as KeyType<K> | undefined;
  if (own !== undefined) return own;
  const { size, stage, same } = keys;
  own = {
    ...keys,
    stage: (heap, p, key) => stage(heap, at(heap, p, size), key),
    ...keys as unknown === texts && {
      same: (heap, p, q) => {
        const { u32 } = heap;
        at(heap, u32[q >>> 2], u32[(q >>> 2) + 1]);
        return same(heap, p, q);
      },
    },
  };
  GUARDED.set(keys, own);
  GUARDED.set(own, own);
  return own;
}

/** Throws unless blocks of the current region lie in the heap of a table. */
export function assertHere(heap: Heap): void {
  if (topHeap() !== heap) throw new TypeError("Cannot change a table: it lies in another heap than the region's");
}

/** A step of MurmurHash3. */
function mix(h: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51), x = h ^ Math.imul(k << 15 | k >>> 17, 0x1b873593);
  return Math.imul(x << 13 | x >>> 19, 5) + 0xe6546b64 | 0;
}

/** The last steps of MurmurHash3. Never 0, which marks an entry without key. */
function finish(h: number): number {
  h = Math.imul(h ^ h >>> 16, 0x85ebca6b);
  h = Math.imul(h ^ h >>> 13, 0xc2b2ae35);
  return ((h ^ h >>> 16) >>> 0) || 1;
}
