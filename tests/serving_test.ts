// The layers that serve from a region: pipe, ground and std
import { bytealloc, bytefree, chunk, enter, escape, ground, init, layers, mmap, pipe, stats } from "../mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { freshHeap } from "./kit.ts";

const live = () => ground().gauge().szalloc - ground().gauge().szfree;

Deno.test("pipe: serves from the region that was current at init", () => {
  const outer = init(stats(chunk(mmap(), 4096)));
  enter(outer, () => {
    const piped = init(stats(pipe()));
    enter(init(chunk(mmap(), 4096)), () => {
      const p = piped.get(100);
      assertEquals(outer.gauge().szalloc, 100); // not the innermost region's
      piped.put(p, 100);
    });
    enter(piped, () => bytefree(bytealloc(50), 50));
    assertEquals(piped.gauge().nalloc, 2);
    assertEquals([outer.gauge().szalloc, outer.gauge().szfree], [150, 150]);
  });
});

Deno.test("pipe: from the ground region, blocks stay out until they are put", () => {
  const before = live(), a = init(pipe()), p = a.get(100);
  a.deinit();
  assertEquals(live(), before + 100);
  bytefree(p, 100);
  assertEquals(live(), before);
});

Deno.test("pipe: to a region that is closed is a clear error", () => {
  const piped = enter(init(chunk(mmap(), 4096)), () => init(pipe()));
  assertThrows(() => piped.get(10), Error, "Cannot use the allocator chunk(mmap, 4096): it has been closed");
  assertThrows(() => enter(piped, () => bytealloc(10)), Error, "it has been closed");
});

Deno.test("ground and std: serve from the ground region, however deep", () => {
  for (const bottom of [layers.ground, layers.std]) {
    const before = live();
    enter(init(chunk(mmap(), 4096)), () =>
      enter(init(stats(bottom())), () => {
        const p = bytealloc(100);
        assertEquals(live(), before + 100);
        escape(() => assert(bytealloc(100) > 0)); // the chunk's
        assertEquals(live(), before + 100);
        bytefree(p, 100);
      }));
    assertEquals(live(), before);
    const a = init(chunk(bottom(), 1024)); // in chunks that are smaller than a page
    for (let i = 0; i < 100; i++) a.get(30);
    assert(live() > before);
    a.deinit();
    assertEquals(live(), before);
  }
});

Deno.test("pipe, ground and std: not from another heap", () => {
  for (const [name, of] of Object.entries({ pipe: layers.pipe, ground: layers.ground, std: layers.std })) {
    const other = freshHeap();
    assertThrows(() => init(of(other)), Error, `Cannot init ${name}: the region that serves it lies in another heap`);
  }
  const heap = freshHeap();
  enter(init(chunk(mmap(heap), 4096)), () => {
    assertThrows(() => init(pipe()), Error, "lies in another heap");
    assertEquals(init(pipe(heap)).heap, heap);
  });
});
