/**
 * Binary trees with every node freed by hand, in one region that checks that none was forgotten, above and below the
 * allocator. `binarytree.ts` is the same with a region for each tree, and no `free`.
 *
 * Run: `deno run examples/binarytree_manual.ts 16`
 */

import { type AnyLayer, bonwick, check, enter, init, mmap, stats, std } from "../mod.ts";
import { progress, readArgs, readInteger } from "./cli.ts";

const HELP = `
Builds binary trees up to a depth, and frees every node by hand.

usage: deno run examples/binarytree_manual.ts [depth]

  depth  depth of the largest trees, 6 to 26 (default 16)
`;

const Node = std.struct({ left: std.ptr, right: std.ptr });
const { left, right } = Node.fields;

/** A complete tree with `depth` levels below its root. */
function build(depth: number): number {
  const node = std.alloc(Node);
  left.set(node, depth === 0 ? 0 : build(depth - 1));
  right.set(node, depth === 0 ? 0 : build(depth - 1));
  return node;
}

/** Frees a tree, and returns the number of its nodes. */
function free(node: number): number {
  const l = left.get(node), r = right.get(node);
  std.free(Node, node);
  return l === 0 ? 1 : 1 + free(l) + free(r);
}

/** Builds trees up to a depth of `most`, and frees them, in a region that `stack` serves. */
export function trees(most: number, stack: AnyLayer, bar: ReturnType<typeof progress>): void {
  const a = init(stack);
  enter(a, () => {
    console.log(`stretch tree of depth ${most + 1}\t nodes: ${free(build(most + 1))}`);
    const tree = build(most);
    for (let depth = 4; depth <= most; depth += 2) {
      const trees = 2 ** (most - depth + 4);
      let nodes = 0;
      for (let i = 0; i < trees; i++) {
        nodes += free(build(depth));
        if ((i & 255) === 0 || depth > 12) bar.show(`depth ${depth}: ${i} of ${trees} trees`);
      }
      bar.done();
      console.log(`${trees}\t trees of depth ${depth}\t nodes: ${nodes}`);
    }
    console.log(`long lived tree of depth ${most}\t nodes: ${free(tree)}`);
  });

  console.log(`\n${a}`);
}

if (import.meta.main) {
  const { words } = readArgs(HELP, [], 1);
  trees(readInteger("depth", words[0], 16, 6, 26), check(stats(bonwick(check(stats(mmap()))))), progress());
}
