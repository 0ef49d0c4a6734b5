// README's catalogue: that every layer is there, and what it costs
import { assert, assertEquals, assertMatch } from "./assert.ts";
import { rows } from "./capabilities.ts";

const ROOT = new URL("..", import.meta.url);
const names = [...new Set(rows.map(({ name }) => name.replace(/,.*/, "")))];

Deno.test("catalogue: every layer is in README, with what it costs", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const [, catalogue] = readme.split(/<!-- (?:begin|end) catalogue -->/);
  const told = [...catalogue.matchAll(/^\| `([\w.]+)\(.*\| +(\S*(?: [nu]s)?) \|$/gm)];
  const costs = new Map(told.map(([, name, cost]) => [name.replace(/^layers\.null$/, "null"), cost]));
  assertEquals([...costs.keys()].sort(), names.toSorted());
  for (const [name, cost] of costs) {
    if (name !== "null") assertMatch(cost, /^\+?\d+(\.\d)? [nu]s$/, name);
  }
});

Deno.test("catalogue: bench:layers measures each layer, and keeps no figures of a few rounds", async () => {
  const readmes = ["README.md", "bench/README.md"].map((path) => new URL(path, ROOT));
  const before = await Promise.all(readmes.map((path) => Deno.readTextFile(path)));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "bench/layers.ts", "--rounds=5"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(code, 0, err);
  const cells = out.split("\n").filter((line) => line.startsWith("|")).map((line) => line.split("|"));
  const measured = new Set(cells.slice(2).map((row) => row[1].trim().replace(/,.*/, "")));
  assertEquals([...measured].sort(), names.filter((name) => name !== "null").sort());
  for (const row of cells.slice(2)) assert(Number(row[2]) > 0, row.join("|"));
  assertEquals(await Promise.all(readmes.map((path) => Deno.readTextFile(path))), before);
});
