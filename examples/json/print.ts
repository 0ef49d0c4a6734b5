import { heap, type Ptr } from "../../mod.ts";
import { ARRAY, first, isList, KEY, kind, kindOf, last, next, NULL, NUMBER, STRING, TRUE, value } from "./tree.ts";
import { Text, textLength, WRITTEN, Written, writtenLength } from "./tree.ts";

const QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, BACKSLASH = 0x5c, U = 0x75, SPACE = 0x20, NEWLINE = 0x0a;
const HEX = "0123456789abcdef";

/** By byte: 0 where it stands for itself in a string, else what follows the backslash. */
const ESCAPES = new Uint8Array(256).fill(U, 0, 32);
[...'\b\t\n\f\r"\\'].forEach((c, i) => ESCAPES[c.charCodeAt(0)] = 'btnfr"\\'.charCodeAt(i));

/** Longest text in bytes: what fits in a string of every engine. */
const LONGEST = 2 ** 29 - 24;

/** Runs of less than so many bytes are copied in a loop: for more, a call into the engine is faster. */
const SHORT = 48;

/**
 * A tree, or a part of one, as text: just as `JSON.stringify` would print it, but with numbers as they were written, and
 * with keys in their order and as often as they occur.
 *
 * @param indent Spaces for each level, 0 to 10, with a value a line; 0, the default, is all in one line
 */
export function print(node: Ptr, indent = 0): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(printBytes(node, indent));
}

/** Like {@linkcode print}, as UTF-8, outside of the heap. */
export function printBytes(node: Ptr, indent = 0): Uint8Array<ArrayBuffer> {
  kindOf("print", node);
  if (!Number.isInteger(indent) || indent < 0 || indent > 10) {
    throw new RangeError(`Cannot print JSON: expected an indent of 0 to 10 spaces, got ${indent}`);
  }
  const out = new Writer();
  let depth = 0;
  const newline = () => {
    if (indent > 0) out.newline(depth * indent);
  };
  for (let p = node;; p = next.get(p)) {
    for (; isList(kind.get(p)) && first.get(p) !== 0; p = first.get(p)) {
      out.byte(kind.get(p) === ARRAY ? 0x5b : 0x7b);
      depth++;
      newline();
    }
    leaf(out, p);
    for (; p !== node && last.get(p); out.byte(kind.get(p) === ARRAY ? 0x5d : 0x7d)) {
      p = next.get(p);
      depth--;
      newline();
    }
    if (p === node) return out.finish();
    if (kind.get(p) !== KEY) {
      out.byte(COMMA);
      newline();
    } else {
      out.byte(COLON);
      if (indent > 0) out.byte(SPACE);
    }
  }
}

function leaf(out: Writer, p: Ptr): void {
  const k = kind.get(p);
  if (k === STRING || k === KEY) out.string(p + Text.size, textLength.get(p));
  else if (k === NUMBER) out.ascii(String(value.get(p)));
  else if (k === WRITTEN) out.run(p + Written.size, p + Written.size + writtenLength.get(p));
  else out.ascii(isList(k) ? k === ARRAY ? "[]" : "{}" : k === NULL ? "null" : k === TRUE ? "true" : "false");
}

/** A text in the making. */
class Writer {
  #bytes = new Uint8Array(1024);
  #length = 0;

  byte(c: number): void {
    if (this.#length === this.#bytes.length) this.#room(1);
    this.#bytes[this.#length++] = c;
  }

  ascii(text: string): void {
    this.#room(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  newline(spaces: number): void {
    this.#room(spaces + 1);
    this.#bytes[this.#length++] = NEWLINE;
    this.#bytes.fill(SPACE, this.#length, this.#length += spaces);
  }

  /** Writes the bytes of the heap from one address to another. */
  run(from: Ptr, to: Ptr): void {
    this.#room(to - from);
    const bytes = this.#bytes, { u8 } = heap;
    let n = this.#length;
    if (to - from >= SHORT) bytes.set(u8.subarray(from, to), n);
    else for (let p = from; p < to;) bytes[n++] = u8[p++];
    this.#length += to - from;
  }

  /** Writes the text of `n` bytes at `p` with quotes and escapes. */
  string(p: Ptr, n: number): void {
    const { u8 } = heap, end = p + n;
    this.byte(QUOTE);
    for (let from = p;; p++) {
      while (p < end && ESCAPES[u8[p]] === 0) p++;
      this.run(from, p);
      if (p >= end) break;
      this.#escape(u8[p]);
      from = p + 1;
    }
    this.byte(QUOTE);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #escape(c: number): void {
    this.byte(BACKSLASH);
    this.byte(ESCAPES[c]);
    if (ESCAPES[c] === U) this.ascii(`00${HEX[c >> 4]}${HEX[c & 15]}`);
  }

  /** Makes room for `n` more bytes. */
  #room(n: number): void {
    const need = this.#length + n, size = this.#bytes.length;
    if (need <= size) return;
    if (need > LONGEST) {
      throw new RangeError(`Cannot print JSON: expected a text of at most ${LONGEST} bytes, got a longer one`);
    }
    const bytes = new Uint8Array(Math.min(LONGEST, Math.max(need, 2 * size)));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}
