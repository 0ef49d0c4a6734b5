// The table in README is what the code has, and types say what objects have. The type checker is a part of the test.
import { layers } from "../mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { FLAGS, rows, withTable } from "./capabilities.ts";

for (const { name, has, types } of rows) {
  Deno.test(`capabilities: ${name}: its type says what it has`, () => {
    const typed = Object.entries(has).filter(([member]) => !FLAGS.includes(member));
    assertEquals(Object.fromEntries(typed), { ...types });
    assertEquals(has.mark, has.rewind, "a mark is of no use if it cannot be gone back to");
  });
}

Deno.test("capabilities: every layer is in the table", () => {
  const others = ["LeakError", "formatHistogram", "powersOfTwo", "nullLayer"];
  const named = new Set(rows.map(({ name }) => name.replace(/^layers\.|,.*/g, "")));
  for (const name of Object.keys(layers)) {
    assert(others.includes(name) || named.has(name), `${name} is not in tests/capabilities.ts`);
  }
});

Deno.test("capabilities: the table in README is up to date", async () => {
  const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  assert(readme === withTable(readme), "README.md has another table than the code: run deno task tables");
});
