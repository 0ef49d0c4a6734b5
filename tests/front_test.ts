// The layers that a guest's own code knows, as layers: they keep to what every layer does
import { type AnyLayer, chunk, coalesce, enter, freelist, general, Heap, init, mmap, slabs, stats } from "../mod.ts";
import { inspect } from "../layer.ts";
import { conforms } from "../testing/mod.ts";
import { Adapter } from "../rt/guest/adapter.ts";
import { front } from "../rt/guest/front.ts";
import { Ledger, TABLE } from "../rt/guest/ledger.ts";
import { original } from "../rt/guest/original.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { each, make, out, OWN, type Way } from "./guest_kit.ts";
import { turnOver } from "./turnover.ts";

const REPLACE: readonly Way[] = OWN.filter(({ mode }) => mode === "replace");

const heaps = new WeakSet<Heap>();

/** The heap of a guest that is not there. */
function guestless(heap: Heap): Heap {
  if (heaps.has(heap)) return heap;
  heaps.add(heap);
  const ledger = new Ledger(new WebAssembly.Memory({ initial: TABLE / 65536, maximum: 1000 }), 4);
  const adapter = new Adapter("nobody", heap, heap.memory, {}, ledger, undefined, false, {
    nested: new Set(),
    missing: () => undefined,
    dataEnd: 0,
  });
  adapter.start(init(general(heap)));
  return heap;
}

const over = (base: AnyLayer): AnyLayer => (guestless(base.heap), front(base));

Deno.test("front: conforms over pages", () => conforms((base) => over(base)));
Deno.test("front: conforms over what takes parts back", () => conforms((base) => over(coalesce(base, 4096))));
Deno.test("front: conforms over an arena", () => conforms((base) => over(chunk(base, 4096)), { frees: true }));
Deno.test("front: conforms over what knows no more than get and put", () =>
  conforms((base) => {
    const { heap, init, deinit, get, put } = coalesce(base, 4096);
    return over({ heap, init, deinit, get: (s, n, a) => get(s, n, a), put });
  }));
Deno.test("front: conforms over lists of its own", () => conforms((base) => over(freelist(coalesce(base, 4096), 64))));

Deno.test("front: what it can, by what is below", () => {
  const heap = guestless(new Heap({ maximum: 64 }));
  const can = (layer: AnyLayer) =>
    ["gauge", "resize", "reset", "maxAlign", "counts", "owns", "mark"].filter((name) => Reflect.has(layer, name));
  assertEquals(can(front(mmap(heap))), ["gauge", "resize", "maxAlign", "counts"]);
  assertEquals(can(front(chunk(mmap(heap), 64))), ["gauge", "resize", "reset", "maxAlign", "counts"]);
  assertEquals(stats(front(mmap(heap))), front(mmap(heap)) as AnyLayer);
  assertEquals(inspect(front(mmap(heap)))?.name, "front");
});

Deno.test("front: on a heap that is no guest's", () => {
  assertThrows(() => front(mmap(new Heap())), TypeError, "Cannot compose front: expected the heap of a guest");
  assertThrows(() => original(new Heap()), TypeError, "Cannot compose original: expected the heap of a guest");
  const heap = guestless(new Heap({ maximum: 64 }));
  assertThrows(() => original(heap), TypeError, "Cannot compose original: the guest has no allocator of its own");
});

Deno.test("front: blocks do not overlap, keep what is in them, and come back", () => {
  const heap = guestless(new Heap({ maximum: 1024 })), a = init(front(coalesce(mmap(heap))));
  for (let seed = 1; seed <= 3; seed++) {
    const { out: left } = turnOver(a, { seed, steps: 3000, size: (pick) => pick(pick(8) === 0 ? 5000 : 600) });
    for (const { p, size } of left) a.put(p, size);
    assertEquals(out(a.gauge()), [0, 0]);
  }
  a.deinit();
  assertEquals(heap.free.runs, 1);
});

Deno.test("front: when memory runs out, what lists keep goes to whoever needs it", () => {
  const heap = guestless(new Heap({ initial: 4, maximum: 4 })), a = init(front(coalesce(mmap(heap))));
  for (const size of [16, 512, 48, 3000, 100, 16]) {
    const blocks: number[] = [];
    for (let p = a.get(size); p !== 0; p = a.get(size)) blocks.push(p);
    assert(blocks.length * Math.max(16, size) > 120_000, `${blocks.length} blocks of ${size} bytes`);
    for (const p of blocks) a.put(p, size);
  }
  assert(a.get(200_000) !== 0);
});

Deno.test("front: what is put is given back in time", () => {
  const heap = guestless(new Heap({ maximum: 1024 })), a = init(front(coalesce(mmap(heap))));
  const most = heap.free.pages;
  for (let size = 16; size <= 512; size += 16) {
    const blocks = Array.from({ length: 2 ** 20 / size }, () => a.get(size));
    for (const p of blocks) a.put(p, size);
  }
  const { state } = a as unknown as { state: { had: number } };
  assert(state.had <= 2.5 * 2 ** 20 + 2 ** 18 + 2 ** 16, `${state.had} bytes are kept`);
  assert(heap.size < 4 * 2 ** 20 + most * 4096, `${heap.size} bytes for 1 MiB`);
});

each(REPLACE, "front: over any stack that serves a guest", (way) => {
  for (
    const stack of [
      (b: AnyLayer) => front(slabs(coalesce(mmap(b.heap)), 256)),
      (b: AnyLayer) => front(mmap(b.heap)),
      (b: AnyLayer) => front(general(b.heap)),
      (b: AnyLayer) => front(stats(coalesce(mmap(b.heap)))),
      (b: AnyLayer) => stats(front(front(coalesce(mmap(b.heap))))),
    ]
  ) {
    const { g, x } = make(way, { stack });
    assertEquals(x.balanced(500, 100), 374250);
    x.churn(2000, 100, 1, 700, 7);
    assertEquals(out(g.gauge()), [0, 0]);
    enter(g.arena(), () => x.churn(2000, 100, 1, 700, 7));
  }
});
