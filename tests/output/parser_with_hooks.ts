import { withRegion } from "../../testing/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { evaluate, free, parse } from "./parser.ts";

withRegion();

Deno.test("parser adds up", () => {
  const tree = parse("1 + 2 + 3");
  assertEquals(evaluate(tree), 6);
  free(tree);
});

Deno.test("parser refuses what is no number", () => {
  assertThrows(() => parse("1 + x"), SyntaxError);
});

Deno.test("parser is called later", async () => {
  const tree = await Promise.resolve("4 + 5").then(parse);
  assertEquals(evaluate(tree), 9);
  free(tree);
});

Deno.test("parser adds up, to something else", async () => {
  const tree = parse(await Promise.resolve("1 + 2"));
  assertEquals(evaluate(tree), 4);
  free(tree);
});
