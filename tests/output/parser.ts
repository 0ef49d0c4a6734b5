/** A parser of sums such as "1 + 2 + 3", with its trees in the heap: what the tests here are about, whose output is. */

import { type Ptr, std } from "../../mod.ts";

const Sum = std.struct({ left: std.ptr, right: std.ptr, value: std.f64 });
const { left, right, value } = Sum.fields;

/** The tree of a text, to be freed by `free`. */
export function parse(text: string): Ptr {
  let tree = 0;
  for (const word of text.split("+")) {
    const n = Number(word);
    if (word.trim() === "" || Number.isNaN(n)) throw new SyntaxError(`Cannot parse: expected a number, got "${word}"`);
    const leaf = number(n);
    tree = tree === 0 ? leaf : add(tree, leaf);
  }
  return tree;
}

function number(n: number): Ptr {
  return std.mk(Sum, { left: 0, right: 0, value: n });
}

function add(l: Ptr, r: Ptr): Ptr {
  return std.mk(Sum, { left: l, right: r, value: 0 });
}

/** What a tree comes to. */
export function evaluate(tree: Ptr): number {
  return left.get(tree) === 0 ? value.get(tree) : evaluate(left.get(tree)) + evaluate(right.get(tree));
}

/** Frees a tree. */
export function free(tree: Ptr): void {
  if (left.get(tree) !== 0) {
    free(left.get(tree));
    free(right.get(tree));
  }
  std.free(Sum, tree);
}
