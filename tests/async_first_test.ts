// In a file of its own, as it is about the first `enterAsync` of a program
import { batch, bytealloc, chunk, enter, enterAsync, init, mmap, stats, top } from "../mod.ts";
import { assertEquals, assertStrictEquals } from "./assert.ts";
import { freshHeap } from "./kit.ts";

Deno.test("async: the first region is kept, also when started inside a synchronous one", async () => {
  const arena = () => init(stats(chunk(batch(mmap(freshHeap())), 4096)));
  const inner = arena();
  const { running } = enter(arena(), () => ({
    running: enterAsync(inner, async () => {
      bytealloc(1);
      await new Promise((done) => setTimeout(done, 0));
      bytealloc(1);
      assertStrictEquals(top(), inner as unknown);
    }),
  }));
  await running;
  assertEquals(inner.gauge().nalloc, 2);
});
