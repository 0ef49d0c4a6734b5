import { leakFree } from "../../testing/mod.ts";
import { assertEquals } from "../assert.ts";
import { evaluate, free, parse } from "./parser.ts";

Deno.test(
  "parser adds up, to something else",
  leakFree(() => {
    const tree = parse("1 + 2");
    assertEquals(evaluate(tree), 4);
    free(tree);
  }),
);

Deno.test(
  "parser refuses, which nobody expects",
  leakFree(async () => {
    free(await Promise.resolve("1 + 2 + x").then(parse));
  }),
);
