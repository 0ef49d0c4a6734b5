// What guests are tested with is had from npm, or else the test that needs it fails
import { assertEquals, assertRejects } from "./assert.ts";
import { npmFile, npmUrl } from "./npm_files.ts";

Deno.test("npm_files: a file is read, exported by its package or not", async () => {
  for (const path of ["web-tree-sitter/web-tree-sitter.wasm", "web-tree-sitter/package.json"]) {
    assertEquals(await Deno.readFile(await npmUrl(path)), await npmFile(path));
  }
  assertEquals(
    (await npmFile("tree-sitter-bash/tree-sitter-bash.wasm")).subarray(0, 4),
    new Uint8Array([0, 97, 115, 109]),
  );
});

Deno.test("npm_files: what is not there is an error that says what", async () => {
  await assertRejects(() => npmFile("web-tree-sitter/no.wasm"), Error, "Cannot find web-tree-sitter/no.wasm: ");
  await assertRejects(() => npmFile("no-such-package/no.wasm"), Error, "Cannot find no-such-package/no.wasm: ");
  await assertRejects(() => npmFile("web-tree-sitter"), TypeError, 'got "web-tree-sitter"');
});
