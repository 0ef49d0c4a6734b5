import { failuresOf } from "../../testing/mod.ts";
import { std } from "../../mod.ts";
import { assertEquals } from "../assert.ts";
import { evaluate, free, parse } from "./parser.ts";

Deno.test(
  "parser survives running out of memory",
  failuresOf(() => {
    const tree = parse("1 + 2 + 3 + 4");
    assertEquals(evaluate(tree), 10);
    free(tree);
  }),
);

Deno.test(
  "a number survives it",
  failuresOf(() => free(parse("1"))),
);

Deno.test(
  "a cache survives it in a way of its own",
  failuresOf(() => {
    let p = 0;
    try {
      p = std.bytealloc(1000);
    } catch {
      return; // without a cache, then
    }
    std.bytefree(p, 1000);
  }),
);

Deno.test(
  "a text survives it by mistake",
  failuresOf(() => {
    let p: { length: number } | undefined;
    try {
      const text = std.slalloc(std.u8, 4);
      p = { length: text.len };
      std.slfree(text);
    } catch {
      // p is then undefined
    }
    assertEquals(p!.length, 4);
  }),
);
