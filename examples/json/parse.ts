import { heap, type Ptr, std, top } from "../../mod.ts";
import { Scanner } from "./scan.ts";
import * as tree from "./tree.ts";
import {
  ARRAY,
  Constant,
  Double,
  FALSE,
  KEY,
  List,
  NULL,
  NUMBER,
  OBJECT,
  STRING,
  Text,
  TRUE,
  Written,
} from "./tree.ts";

const QUOTE = 0x22, COMMA = 0x2c, MINUS = 0x2d, ZERO = 0x30, NINE = 0x39, COLON = 0x3a;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;
const F = 0x66, N = 0x6e, T = 0x74;

/**
 * Parses a JSON text to a tree in the current region. To be freed by hand with `free(root)`, or with its region.
 *
 * Throws a `JsonError` if the text is not JSON by RFC 8259, and an `OutOfMemoryError`; what had been allocated is then
 * freed.
 *
 * @param text UTF-8, in the heap (a slice of `std.u8`, or a part of `heap.u8`) or outside of it
 *
 * @example
 * ```ts
 * import { at, free, get, parse, print } from "./json.ts";
 *
 * const root = parse(new TextEncoder().encode('{"xs": [1, 2.50]}'));
 * print(at(get(root, "xs"), 1));   // "2.50"
 * free(root);
 * ```
 */
export function parse(text: Uint8Array | std.Slice<number>): Ptr {
  if (!(text instanceof Uint8Array) && !(text instanceof std.Slice && text.type === std.u8)) {
    throw new TypeError("Cannot parse JSON: expected its bytes as a Uint8Array or a slice of u8");
  }
  if (top().heap !== heap) throw new TypeError("Cannot parse JSON: expected a region on the default heap");
  const builder = new Builder(new Scanner(text));
  try {
    builder.build();
  } catch (e) {
    if (builder.root !== 0) tree.free(builder.root);
    throw e;
  }
  return builder.root;
}

/** A tree in the making. It is a whole one at any time: a node is linked as soon as it is there. */
class Builder {
  /** The node first made, or 0. */
  root: Ptr = 0;
  /** The innermost array or object that is open, or 0. Being the last of its list, it leads to the one around it. */
  #open: Ptr = 0;
  /** Kind of that, or 0. */
  #kind = 0;
  /** The last node of its list, or 0. */
  #tail: Ptr = 0;
  readonly #scanner: Scanner;

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
  }

  build(): void {
    const scanner = this.#scanner;
    let c = scanner.space();
    for (;;) {
      // A value begins with c, unless what was opened last closes
      if (c === OPEN_ARRAY || c === OPEN_OBJECT) {
        scanner.pos++;
        this.#begin(c === OPEN_ARRAY ? ARRAY : OBJECT);
        c = scanner.space();
        if (c !== (this.#kind === ARRAY ? CLOSE_ARRAY : CLOSE_OBJECT)) {
          if (this.#kind === OBJECT) c = this.#key(c, 'a key or "}"');
          continue;
        }
      } else {
        this.#scalar(c);
        c = scanner.space();
      }
      // A value has ended: so do all that c closes
      while (this.#open !== 0 && c === (this.#kind === ARRAY ? CLOSE_ARRAY : CLOSE_OBJECT)) {
        scanner.pos++;
        this.#end();
        c = scanner.space();
      }
      if (this.#open === 0) break;
      if (c !== COMMA) scanner.fail(this.#kind === ARRAY ? '"," or "]"' : '"," or "}"');
      scanner.pos++;
      c = scanner.space();
      if (this.#kind === OBJECT) c = this.#key(c, "a key");
    }
    if (c >= 0) scanner.fail("the end of the text");
  }

  /** Adds a key and its colon, and returns what follows. */
  #key(c: number, expected: string): number {
    const scanner = this.#scanner;
    if (c !== QUOTE) scanner.fail(expected);
    this.#string(KEY);
    if (scanner.space() !== COLON) scanner.fail('":"');
    scanner.pos++;
    return scanner.space();
  }

  /** Adds a value that begins with c and has no list. */
  #scalar(c: number): void {
    const scanner = this.#scanner;
    if (c === QUOTE) {
      this.#string(STRING);
    } else if (c === MINUS || (c >= ZERO && c <= NINE)) {
      this.#number();
    } else {
      const k = c === T ? TRUE : c === F ? FALSE : c === N ? NULL : 0;
      if (k === 0) scanner.fail(this.#kind === ARRAY && this.#tail === 0 ? 'a value or "]"' : "a value");
      scanner.word(k === TRUE ? "true" : k === FALSE ? "false" : "null");
      this.#add(std.alloc(Constant), k);
    }
  }

  #string(k: number): void {
    const scanner = this.#scanner;
    scanner.string();
    const { length } = scanner, p = std.bytealloc(Text.size + length, Text.align);
    tree.textLength.set(p, length);
    this.#add(p, k);
    scanner.copy(p + Text.size);
  }

  #number(): void {
    const scanner = this.#scanner;
    scanner.number();
    const { length, plain } = scanner;
    const p = plain ? std.alloc(Double) : std.bytealloc(Written.size + length, Written.align);
    tree.value.set(p, scanner.value);
    if (!plain) {
      tree.writtenLength.set(p, length);
      scanner.copy(p + Written.size);
    }
    this.#add(p, plain ? NUMBER : tree.WRITTEN);
  }

  #begin(k: number): void {
    const p = std.alloc(List);
    tree.first.set(p, 0);
    this.#add(p, k);
    this.#open = p;
    this.#kind = k;
    this.#tail = 0;
  }

  #end(): void {
    this.#tail = this.#open;
    this.#open = tree.next.get(this.#open);
    this.#kind = this.#open === 0 ? 0 : tree.kind.get(this.#open);
  }

  /** Links a node behind the last one. */
  #add(p: Ptr, k: number): void {
    const { next, last } = tree, tail = this.#tail;
    next.set(p, this.#open);
    last.set(p, true);
    tree.kind.set(p, k);
    if (tail !== 0) {
      next.set(tail, p);
      last.set(tail, false);
    } else if (this.#open !== 0) {
      tree.first.set(this.#open, p);
    } else {
      this.root = p;
    }
    this.#tail = p;
  }
}
