/**
 * What README shows is what comes out: its programs are run, and what they print is compared.
 * `UPDATE_SNAPSHOTS=1` writes what is printed now into README.
 */

import { assertEquals, assertStringIncludes } from "./assert.ts";
import { normalise, output } from "./output/snapshot.ts";

const root = new URL("../", import.meta.url), readme = new URL("README.md", root);

/** The blocks of code of a section, in its order. */
function blocksOf(section: string): string[] {
  const text = Deno.readTextFileSync(readme), start = text.indexOf(`\n## ${section}\n`);
  const body = text.slice(start, text.indexOf("\n## ", start + 1));
  return [...body.matchAll(/\n```ts[^\n]*\n(.*?)```\n/gs)].map(([, code]) => code);
}

/** Asserts that README shows a text between its markers. */
function assertShown(marker: string, text: string): void {
  const shown = `<!-- begin ${marker} -->\n\n\`\`\`\n${text.trimEnd()}\n\`\`\`\n\n<!-- end ${marker} -->`;
  const before = Deno.readTextFileSync(readme),
    between = new RegExp(`<!-- begin ${marker} -->.*<!-- end ${marker} -->`, "s");
  if (Deno.env.get("UPDATE_SNAPSHOTS")) Deno.writeTextFileSync(readme, before.replace(between, () => shown));
  assertEquals(Deno.readTextFileSync(readme).match(between)?.[0], shown);
}

/** What `deno test` says of a file of tests, which begins with its name, as if that were in the folder of README. */
async function test(code: string): Promise<{ code: number; text: string }> {
  const [, name] = /^\/\/ (\S+)/.exec(code)!, dir = Deno.makeTempDirSync(), file = `${dir}/${name}`;
  try {
    Deno.writeTextFileSync(file, code.replaceAll('"./', `"${root.href}`));
    const { code: exit, text } = await output(
      Deno.execPath(),
      ...["test", "-A", "--seed=1", "--no-check", "--config", new URL("deno.json", root).pathname, file],
    );
    const shown = normalise(text)
      .replaceAll(
        new RegExp(`(?:\\.\\.?/|file:///|/)[^\\s()]*/${name.replace(".", "\\.")}`, "g"),
        (path) => path.startsWith("file:") ? `file:///.../${name}` : `./${name}`,
      )
      .replaceAll(" (TIME)", "");
    return { code: exit, text: shown };
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("readme: the test that leaks fails as it is shown, and passes once it is repaired", async () => {
  const [leaking, repair] = blocksOf("Find a leak in five minutes");
  const bad = await test(leaking);
  assertShown("leaking", bad.text.slice(0, bad.text.indexOf("\n FAILURES")));
  assertEquals(bad.code, 1);

  const from = leaking.indexOf("  if (counts.len"), to = leaking.indexOf("  return words.slice(0, most);\n");
  assertStringIncludes(leaking.slice(from, to), "htfree");
  const good = await test(
    leaking.slice(0, from) + repair + leaking.slice(to).slice("  return words.slice(0, most);\n".length),
  );
  assertShown("repaired", good.text);
  assertEquals(good.code, 0);
});

Deno.test("readme: the test of a module that somebody else has built fails as it is shown", async () => {
  const [leaking] = blocksOf("Find the leak in a module you did not build");
  const bad = await test(leaking);
  assertShown("guest", bad.text.slice(0, bad.text.indexOf("\n FAILURES")));
  assertEquals(bad.code, 1);

  const good = await test(leaking.replace("return [];", "return db.close(), [];"));
  assertEquals(good.code, 0, good.text);
});

Deno.test("readme: the report at the end of a program is one of a program", () => {
  const report = Deno.readTextFileSync(new URL("exit/suppressed.txt", import.meta.url));
  assertShown("exit", report.replace("../../rt", "<url>/rt").replaceAll("<url>/tests/exit", "file:///..."));
});
