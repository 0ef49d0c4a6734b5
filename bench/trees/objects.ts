/** Binary trees of plain objects, left to the garbage collector: `objects.ts DEPTH`. */

interface Tree {
  readonly left: Tree | null;
  readonly right: Tree | null;
}

function make(depth: number): Tree {
  return depth === 0 ? { left: null, right: null } : { left: make(depth - 1), right: make(depth - 1) };
}

function count(tree: Tree): number {
  return tree.left === null ? 1 : 1 + count(tree.left) + count(tree.right!);
}

const depth = Math.max(6, Number(Deno.args[0]));
console.log(`stretch ${depth + 1} ${count(make(depth + 1))}`);
const long = make(depth);
for (let d = 4; d <= depth; d += 2) {
  const trees = 2 ** (depth - d + 4);
  let nodes = 0;
  for (let i = 0; i < trees; i++) nodes += count(make(d));
  console.log(`trees ${trees} ${d} ${nodes}`);
}
console.log(`long ${depth} ${count(long)}`);
