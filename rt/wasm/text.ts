/**
 * The text format of WebAssembly as lists of words.
 *
 * @module
 */

/** A list or word of a text. */
export type Expression = string | Expression[];

/** The one list that a text is. Throws a `SyntaxError` if it is none. */
export function parse(text: string): Expression[] {
  const all: Expression[] = [], open = [all];
  for (const word of text.replace(/;;.*/g, "").match(/[()]|[^\s()]+/g) ?? []) {
    const list = open[open.length - 1];
    if (word === "(") {
      const inner: Expression[] = [];
      list.push(inner);
      open.push(inner);
    } else if (word !== ")") list.push(word);
    else if (open.length > 1) open.pop();
    else throw new SyntaxError("Cannot assemble: there is a ) too many");
  }
  if (open.length > 1) throw new SyntaxError("Cannot assemble: there is a ) missing");
  const [list] = all;
  if (all.length === 1 && Array.isArray(list)) return list;
  throw new SyntaxError(`Cannot assemble: expected one list, got ${all.length === 1 ? list : all.length}`);
}

/** Word `i` of a list. Throws a `SyntaxError` if there is none. */
export function wordOf(list: Expression | undefined, i: number): string {
  const word = Array.isArray(list) ? list[i] : undefined;
  if (typeof word === "string") return word;
  throw new SyntaxError(`Cannot assemble: expected a list with a word at place ${i}, got ${JSON.stringify(list)}`);
}

/** The integer that a word is, of so many bits, signed. Throws a `SyntaxError` for one that does not fit. */
export function integer(word: string, bits: number): bigint {
  const [, sign, digits] = word.match(/^([+-]?)(\d+|0x[\da-fA-F]+)$/) ?? [];
  const value = digits === undefined ? undefined : BigInt(digits) * (sign === "-" ? -1n : 1n);
  if (value !== undefined && value < 1n << BigInt(bits) && value >= -(1n << BigInt(bits - 1))) {
    return BigInt.asIntN(bits, value);
  }
  throw new SyntaxError(`Cannot assemble: expected an integer of ${bits} bits, got ${word}`);
}
