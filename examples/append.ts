/**
 * A slice that grows inside a region, and outside of it: what is built up in `ys` and `zs` is scratch and gone with the
 * region, what escapes into `xs` stays.
 *
 * Run: `deno run examples/append.ts`
 */

import { batch, check, chunk, enter, escape, init, mmap, stats, std } from "../mod.ts";
import { readArgs } from "./cli.ts";

readArgs("Builds up slices inside a region and outside of it.\n\nusage: deno run examples/append.ts", [], 0);

const b = init(stats(chunk(batch(check(stats(mmap()))), 4096)));

let xs = std.slalloc(std.i32, 0);
console.log(`outside the region: xs = [${[...xs]}]`);

xs = enter(b, () => {
  const ys = std.slalloc(std.i32, 0);
  for (let i = 0; i < 5; i++) std.slpush(ys, i);
  xs = escape(() => std.sljoin(xs, ys));

  const zs = std.slalloc(std.i32, 0);
  for (let i = 0; i < 5; i++) std.slpush(zs, i + i * 10);
  xs = escape(() => std.sljoin(xs, zs));

  console.log(`inside the region:  ys = [${[...ys]}], zs = [${[...zs]}], in memory of the region`);
  return xs;
});

console.log(`outside the region: xs = [${[...xs]}]`);
console.log(`\nthe region's allocator, each layer with its figures:\n${b}`);
std.slfree(xs);
