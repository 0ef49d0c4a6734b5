// Tests, run by `deno test`: one of them leaks
import { bytealloc, bytefree } from "../../mod.ts";

Deno.test("frees", () => bytefree(bytealloc(100), 100));

Deno.test("forgets", () => {
  bytealloc(100);
});
