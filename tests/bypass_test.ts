import { bypass, chunk, init, mmap, stats } from "../mod.ts";
import { assertEquals, assertStrictEquals } from "./assert.ts";
import { freshHeap, stub } from "./kit.ts";

Deno.test("bypass: passes everything on, unchanged, alignment included", () => {
  const heap = freshHeap(), base = stub(heap);
  const aligns: (number | undefined)[] = [], { get } = base;
  base.get = (s, size, align?: number) => (aligns.push(align), get(s, size));
  const l = bypass(bypass(base)), s = l.init();
  const p = l.get(s, 100);
  l.get(s, 0, 4);
  l.put(s, p, 100);
  l.deinit(s);
  assertEquals(base.calls, [["init"], ["get", 100], ["get", 0], ["put", p, 100], ["deinit"]]);
  assertEquals(aligns, [undefined, 4]);
  assertStrictEquals(l.heap, heap);
});

Deno.test("bypass: has the capabilities of the layer below, and no others", () => {
  const heap = freshHeap();
  assertEquals("gauge" in bypass(mmap(heap)), false);
  assertEquals("window" in bypass(mmap(heap)), false);
  const a = init(bypass(stats(mmap(heap))));
  a.put(a.get(5), 5);
  assertEquals(a.gauge().szfree, 5);
  const arena = bypass(chunk(mmap(heap), 4096)), s = arena.init();
  assertStrictEquals(arena.window!(s), s);
});
