/**
 * A slice that grows inside a region, and outside of it: what is built up in `ys` and `zs` is scratch and gone with the
 * region, what escapes into `xs` stays.
 *
 * Run: `deno run examples/append.ts`
 */

import { type AnyLayer, batch, check, chunk, enter, escape, init, mmap, stats, std } from "../mod.ts";
import { readArgs } from "./cli.ts";

/** Appends to a slice what has been built up in a region, which `stack` serves. */
export function append(stack: AnyLayer = stats(chunk(batch(check(stats(mmap()))), 4096))): void {
  const b = init(stack);

  let xs = std.slalloc(std.i32, 0);
  console.log(`outside the region: xs = [${[...xs]}]`);
  try {
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
  } finally {
    std.slfree(xs); // also if memory has run out
  }
  console.log(`\nthe region's allocator, each layer with its figures:\n${b}`);
}

if (import.meta.main) {
  readArgs("Builds up slices inside a region and outside of it.\n\nusage: deno run examples/append.ts", [], 0);
  append();
}
