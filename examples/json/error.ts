import { sequence } from "./utf8.ts";

/** What a text that is not JSON is refused with. */
export class JsonError extends SyntaxError {
  /** Line, from 1. Lines end with a line feed. */
  readonly line: number;
  /** Column, from 1, in code points. */
  readonly column: number;
  /** Position in bytes from the start of the text, from 0. */
  readonly offset: number;

  /** At `offset` in `bytes` something else was expected. */
  constructor(expected: string, bytes: Uint8Array, offset: number) {
    let line = 1, column = 1;
    for (let i = 0; i < offset; i++) {
      if (bytes[i] === 0x0a) line++, column = 1;
      else if ((bytes[i] & 0xc0) !== 0x80) column++;
    }
    super(`Cannot parse JSON: expected ${expected}, got ${show(bytes, offset)} at line ${line}, column ${column}`);
    this.name = "JsonError";
    this.line = line;
    this.column = column;
    this.offset = offset;
  }
}

/** What is at `p`, for people. */
function show(bytes: Uint8Array, p: number): string {
  if (p >= bytes.length) return "the end of the text";
  const n = sequence(bytes, p, bytes.length);
  if (n === 0) return `the byte 0x${hex(bytes[p], 2)}`;
  const c = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.slice(p, p + n));
  return /^[\p{L}\p{N}\p{P}\p{S} ]$/u.test(c) ? JSON.stringify(c) : `U+${hex(c.codePointAt(0)!, 4)}`;
}

function hex(n: number, digits: number): string {
  return n.toString(16).toUpperCase().padStart(digits, "0");
}
