/**
 * Regions within regions: each allocation is served by the innermost region, `escape` goes one further out, `escape`
 * within `escape` two.
 *
 * Run: `deno run examples/nested.ts`
 */

import { type AnyLayer, chunk, enter, escape, ground, init, mmap, stats, std } from "../mod.ts";
import { readArgs } from "./cli.ts";

/** Allocates in regions within regions, which `stack` serves. */
export function nested(stack: AnyLayer = stats(chunk(mmap(), 4096))): void {
  const outer = init(stack), inner = init(stack);
  const before = ground().gauge().szalloc;

  enter(outer, () => {
    std.bytealloc(100); // outer
    enter(inner, () => {
      std.bytealloc(10); // inner
      escape(() => {
        std.bytealloc(200); // outer
        const p = escape(() => std.bytealloc(1000)); // ground
        escape(() => std.bytefree(p, 1000));
      });
      std.bytealloc(20); // inner
    });
    console.log(`inner region closed:\n${inner}\n`);
  });

  console.log(`outer region closed:\n${outer}\n`);
  console.log(`ground region was asked for ${ground().gauge().szalloc - before} bytes meanwhile`);
}

if (import.meta.main) {
  readArgs("Allocates in regions within regions.\n\nusage: deno run examples/nested.ts", [], 0);
  nested();
}
