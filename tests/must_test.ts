import { batch, bytealloc, chunk, enter, init, mmap, nullLayer, OutOfMemoryError, stats } from "../mod.ts";
import { must } from "../layers/must.ts";
import { conforms, failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap } from "./kit.ts";

Deno.test("must: conforms, with what the layer below can", () => {
  conforms((base) => must(base));
  conforms((base) => must(chunk(base, 1000)), { frees: true });
  conforms((base) => must(batch(base)), { frees: true });
  conforms((base) => must(stats(base)));
  conforms((base) => stats(batch(must(base))), { frees: true });
});

Deno.test("must: throws where 0 would be returned, says who has no memory, and goes on", () => {
  const heap = freshHeap({ initial: 1, maximum: 2 }), a = init(must(chunk(mmap(heap), 4096)));
  const p = a.get(100), before = JSON.stringify(a.state);
  const e = assertThrows(
    () => a.get(1_000_000),
    OutOfMemoryError,
    "Cannot allocate 976.6 KiB: chunk(mmap, 4096) is out of memory",
  );
  assertEquals([e.size, JSON.stringify(a.state)], [1_000_000, before]);
  assertEquals(a.get(100), p + 112);
  const once = init(must(failAt(mmap(heap), 1)));
  assertThrows(() => once.get(5), OutOfMemoryError, "Cannot allocate 5 B: ");
  once.put(once.get(5), 5);
  a.deinit();
  assertAllFree(heap);
  const theirs = { ...nullLayer(heap) };
  assertThrows(() => init(must(theirs)).get(0), OutOfMemoryError, "Cannot allocate 0 B: layer is out of memory");
});

Deno.test("must: a mark that cannot be had throws, too", () => {
  const heap = freshHeap(), arena = chunk(failAt(mmap(heap), 1), 4096), a = init(must(arena));
  assertThrows(() => a.mark(), OutOfMemoryError);
  const m = a.mark();
  a.get(10);
  a.rewind(m);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("must: lends the window of an arena, and throws when the arena is full", () => {
  const arena = chunk(failAt(mmap(), 2, true), 4096), stack = must(arena);
  assertStrictEquals(stack.window, arena.window);
  enter(init(stack), () => {
    let blocks = 0;
    assertThrows(() => {
      for (; blocks < 1000; blocks++) bytealloc(100);
    }, OutOfMemoryError);
    assert(blocks > 30);
    assertEquals(bytealloc(8) % 16, 0);
  });
});
