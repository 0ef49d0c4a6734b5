import { leakFree } from "../../testing/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { evaluate, free, parse } from "./parser.ts";

Deno.test(
  "parser adds up",
  leakFree(() => {
    const tree = parse("1 + 2 + 3");
    assertEquals(evaluate(tree), 6);
    free(tree);
  }),
);

Deno.test(
  "parser refuses what is no number",
  leakFree(() => {
    assertThrows(() => parse("1 + 2 + x"), SyntaxError);
  }),
);

Deno.test(leakFree(async function parserIsCalledLater() {
  const tree = await Promise.resolve("4 + 5").then(parse);
  assertEquals(evaluate(tree), 9);
  free(tree);
}));

Deno.test(
  "parser in steps",
  leakFree(async (t) => {
    let tree = 0;
    await t.step("parses", () => void (tree = parse("1 + 1")));
    await t.step("evaluates", () => assertEquals(evaluate(tree), 2));
  }),
);
