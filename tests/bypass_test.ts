import { type AnyLayer, batch, bonwick, bypass, chunk, init, mmap, sbrk, stats } from "../mod.ts";
import { assert, assertEquals, assertStrictEquals } from "./assert.ts";
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

Deno.test("bypass: can do all that the layer below can, with the same functions", () => {
  const heap = freshHeap(),
    names = ["gauge", "goodSize", "mark", "maxAlign", "owns", "reset", "resize", "rewind"] as const;
  for (
    const base of [mmap(heap), sbrk(heap), chunk(mmap(heap), 64), batch(mmap(heap)), bonwick(mmap(heap)), stub(heap)]
  ) {
    const over = bypass(bypass(base as AnyLayer));
    for (const name of [...names, "sizeOf", "pristine", "window"] as const) {
      assertEquals(name in over, name in base, name);
      assertStrictEquals(over[name], (base as AnyLayer)[name]);
    }
  }
  const a = init(bypass(bypass(chunk(mmap(heap), 4096)))), p = a.get(10, 256), m = a.mark(), q = a.get(10);
  assert(a.resize(q, 10, 20) && a.owns(q) && p % 256 === 0);
  a.rewind(m);
  assertEquals(a.get(10), m);
  a.reset();
  assert(!a.owns(p));
  a.deinit();
});
