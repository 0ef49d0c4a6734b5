/** Binary trees in a WebAssembly memory, bumped through and reset for each tree, all by hand: `bump.ts DEPTH`. */

const depth = Math.max(6, Number(Deno.args[0]));
const NODE = 8; // bytes: addresses of the left and the right node, or 0
const bytes = 16 + 3 * NODE * 2 ** (depth + 1); // for the long-lived tree, and the stretched one
const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) });
const u32 = new Uint32Array(memory.buffer);
let top = 16;

function make(depth: number): number {
  const p = top, at = p >>> 2;
  top += NODE;
  u32[at] = depth === 0 ? 0 : make(depth - 1);
  u32[at + 1] = depth === 0 ? 0 : make(depth - 1);
  return p;
}

function count(p: number): number {
  const left = u32[p >>> 2];
  return left === 0 ? 1 : 1 + count(left) + count(u32[(p >>> 2) + 1]);
}

const start = top;
console.log(`stretch ${depth + 1} ${count(make(depth + 1))}`);
top = start;
const long = make(depth), base = top;
for (let d = 4; d <= depth; d += 2) {
  const trees = 2 ** (depth - d + 4);
  let nodes = 0;
  for (let i = 0; i < trees; i++) {
    top = base;
    nodes += count(make(d));
  }
  console.log(`trees ${trees} ${d} ${nodes}`);
}
console.log(`long ${depth} ${count(long)}`);
