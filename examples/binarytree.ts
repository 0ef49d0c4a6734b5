/**
 * Binary trees, each in a region of its own: none is freed node by node, and nothing leaks.
 *
 * The workload is "binary-trees" of the Computer Language Benchmarks Game. `binarytree_manual.ts` is the same with
 * every node freed by hand.
 *
 * Run: `deno run examples/binarytree.ts 16 --stack=arena`
 */

import { type AnyLayer, batch, bonwick, check, chunk, enter, init, mmap, stats, std } from "../mod.ts";
import { progress, readArgs, readChoice, readInteger } from "./cli.ts";

const HELP = `
Builds binary trees up to a depth, each in a region of its own.

usage: deno run examples/binarytree.ts [depth] [--stack=NAME]

  depth         depth of the largest trees, 6 to 26 (default 16)
  --stack=NAME  what serves a region (default seed):
                  seed     stats(chunk(batch(check(stats(mmap()))), 4096))
                  arena    chunk(mmap(), 65536)
                  bonwick  bonwick(mmap())
                  profile  stats(bonwick(stats(mmap())))
`;

const STACKS: Record<string, AnyLayer> = {
  seed: stats(chunk(batch(check(stats(mmap()))), 4096)),
  arena: chunk(mmap(), 65536),
  bonwick: bonwick(mmap()),
  profile: stats(bonwick(stats(mmap()))),
};

const Node = std.struct({ left: std.ptr, right: std.ptr });
const { left, right } = Node.fields;

/** A complete tree with `depth` levels below its root. */
function build(depth: number): number {
  const node = std.alloc(Node);
  if (depth === 0) {
    left.set(node, 0);
    right.set(node, 0);
  } else {
    left.set(node, build(depth - 1));
    right.set(node, build(depth - 1));
  }
  return node;
}

/** Number of nodes in a tree. */
function count(node: number): number {
  const child = left.get(node);
  return child === 0 ? 1 : 1 + count(child) + count(right.get(node));
}

/** Builds trees up to a depth of `most`, in regions that `stack` serves. */
export function trees(most: number, stack: AnyLayer, bar: ReturnType<typeof progress>): void {
  const stretch = init(stack);
  console.log(`stretch tree of depth ${most + 1}\t nodes: ${enter(stretch, () => count(build(most + 1)))}`);

  const long = init(stack);
  enter(long, () => {
    const tree = build(most);
    for (let depth = 4; depth <= most; depth += 2) {
      const trees = 2 ** (most - depth + 4);
      let nodes = 0;
      for (let i = 0; i < trees; i++) {
        nodes += enter(init(stack), () => count(build(depth)));
        if ((i & 255) === 0 || depth > 12) bar.show(`depth ${depth}: ${i} of ${trees} trees`);
      }
      bar.done();
      console.log(`${trees}\t trees of depth ${depth}\t nodes: ${nodes}`);
    }
    console.log(`long lived tree of depth ${most}\t nodes: ${count(tree)}`);
  });

  console.log(`\nthe region of the stretch tree:\n${stretch}`);
  console.log(`\nthe region of the long lived tree:\n${long}`);
}

if (import.meta.main) {
  const { words, flags } = readArgs(HELP, ["stack"], 1);
  trees(readInteger("depth", words[0], 16, 6, 26), readChoice("stack", flags.stack, STACKS), progress());
}
