import { affix, type AnyLayer, batch, bonwick, chunk, type Heap, init, mmap, sbrk, stats } from "../mod.ts";
import { zero, type ZeroWhen } from "../layers/zero.ts";
import { conforms, failAt } from "../testing/mod.ts";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, PAGE, random, stub } from "./kit.ts";

const whens: ZeroWhen[] = ["get", "put", "both"];

for (const when of whens) {
  Deno.test(`zero: conforms, on ${when}`, () => {
    conforms((base) => zero(base, when));
    conforms((base) => zero(chunk(base, 1000), when), { frees: true });
    conforms((base) => zero(batch(base), when), { frees: true });
    conforms((base) => zero(stats(base), when));
    conforms((base) => stats(batch(zero(bonwick(base), when))), { frees: true });
  });
}

const bases: [name: string, over: (heap: ReturnType<typeof freshHeap>) => AnyLayer][] = [
  ["mmap", (heap) => mmap(heap)],
  ["sbrk", (heap) => sbrk(heap)],
  ["chunk", (heap) => chunk(mmap(heap), 4096)],
  ["batch", (heap) => batch(mmap(heap))],
  ["bonwick", (heap) => bonwick(mmap(heap))],
];

for (const [name, over] of bases) {
  for (const when of ["get", "both"] as const) {
    Deno.test(`zero: on ${when} over ${name}, every block is zero when it is handed out, and what it grows by`, () => {
      const heap = freshHeap(), soiled = heap.getPages(8); // used pages are there, too, and must not be taken for fresh
      fill(heap, soiled, 8 * PAGE, 0xff);
      heap.putPages(soiled, 8);
      const a = init(zero(over(heap), when) as AnyLayer), pick = random(7);
      const out: { p: number; size: number }[] = [];
      for (let i = 0; i < 400; i++) {
        const what = pick(3), at = pick(out.length);
        if (what === 0 || out.length === 0) {
          const size = pick([40, 3000, 30_000][pick(3)]), p = a.get(size, ([1, 4, 16] as const)[pick(3)]);
          assertFilled(heap, p, size, 0);
          fill(heap, p, size, 0xff);
          out.push({ p, size });
        } else if (what === 1) {
          const [{ p, size }] = out.splice(at, 1);
          a.put(p, size);
        } else if (a.layer.resize) {
          const block = out[at], { p, size } = block, to = pick(2 * size + 100);
          if (!a.resize(p, size, to)) continue;
          assertFilled(heap, p, Math.min(size, to), 0xff);
          if (to > size) assertFilled(heap, p + size, to - size, 0);
          fill(heap, p, to, 0xff);
          block.size = to;
        }
      }
      for (const { p, size } of out) a.put(p, size);
      a.deinit();
      assertAllFree(heap);
    });
  }
}

Deno.test("zero: on get, small blocks and large, to the byte", () => {
  const heap = freshHeap(), a = init(zero(chunk(mmap(heap), 65536)));
  a.get(16);
  fill(heap, a.state.ptr, a.state.end - a.state.ptr, 0xff);
  for (let size = 1; size < 100; size++) {
    const p = a.get(size, 1);
    assertFilled(heap, p, size, 0);
    assertEquals(heap.u8[p + size], 0xff);
  }
  a.deinit();
  assertAllFree(heap);
});

Deno.test("zero: on get, only what is fresh from the heap and has been written by nobody is skipped", () => {
  const written = (base: AnyLayer) => {
    // What is fresh is made dirty, so that it shows whether it was zeroed
    const { heap } = base,
      dirty: AnyLayer = {
        ...base,
        get: (s, size) => {
          const p = base.get(s, size);
          if (p !== 0) fill(heap, p, size, 1);
          return p;
        },
      };
    const a = init(zero(dirty)), p = a.get(3 * PAGE);
    return [0, PAGE, 2 * PAGE, 3 * PAGE - 1].map((at) => heap.u8[p + at]);
  };
  const pristine = freshHeap();
  assertEquals(written(mmap(pristine)), [1, 1, 1, 1]); // all fresh
  const partly = freshHeap();
  partly.putPages(partly.getPages(2), 2); // two used, then fresh ones
  assertEquals(written(mmap(partly)), [0, 0, 1, 1]);
  assertEquals(written({ ...mmap(freshHeap()), pristine: false }), [0, 0, 0, 0]);
});

Deno.test("zero: on get, what a block grows by into fresh memory is skipped, and the rest is not", () => {
  const heap = freshHeap(), base = mmap(heap);
  const dirty: AnyLayer = {
    ...base,
    resize: (s, p, old, size) => base.resize(s, p, old, size) && (fill(heap, p + old, size - old, 1), true),
  };
  const a = init(zero(dirty) as AnyLayer), p = a.get(PAGE), q = heap.getPages(1);
  heap.putPages(q, 1);
  assertEquals(a.resize(p, PAGE, 4 * PAGE), true);
  assertEquals([1, 2, 3].map((page) => heap.u8[p + page * PAGE]), [0, 1, 1]);
});

Deno.test("zero: on put, nothing is left behind, cut-off parts included, before the layer below has it", () => {
  for (const when of ["put", "both"] as const) {
    const heap = freshHeap(), base = mmap(heap);
    const left: number[] = [];
    const note = (from: number, to: number) => {
      for (let i = from; i < to; i++) if (heap.u8[i] !== 0) left.push(i);
    };
    const watched: AnyLayer = {
      ...base,
      put: (s, p, size) => (note(p, p + size), base.put(s, p, size)),
      resize: (s, p, old, size) => (note(p + size, p + old), base.resize(s, p, old, size)),
    };
    const a = init(zero(watched, when) as AnyLayer), p = a.get(10_000), q = a.get(3);
    fill(heap, p, 10_000, 0xff);
    fill(heap, q, 3, 0xff);
    assertEquals(a.resize(p, 10_000, 5001), true);
    assertFilled(heap, p, 5001, 0xff);
    assertFilled(heap, p + 5001, 4999, 0);
    a.put(p, 5001);
    a.put(q, 3);
    assertEquals(left, []);
    a.deinit();
    assertAllFree(heap);
  }
});

Deno.test("zero: on put, a block that the layer below does not shrink keeps its contents", () => {
  const heap = freshHeap(), refusing: AnyLayer = { ...mmap(heap), resize: () => false };
  const throwing: AnyLayer = {
    ...mmap(heap),
    resize: () => {
      throw new RangeError("from below");
    },
  };
  for (const when of ["put", "both"] as const) {
    const a = init(zero(refusing, when) as AnyLayer), b = init(zero(throwing, when) as AnyLayer);
    for (const x of [a, b]) {
      const p = x.get(1000);
      fill(heap, p, 1000, 7);
      if (x === a) assertEquals(x.resize(p, 1000, 10), false);
      else assertThrows(() => x.resize(p, 1000, 10), RangeError, "from below");
      assertFilled(heap, p, 1000, 7);
      x.put(p, 1000);
    }
  }
  assertAllFree(heap);
});

Deno.test("zero: on get only, a block that comes back or shrinks is left as it is; on put only, one that goes out", () => {
  const heap = freshHeap(), a = init(zero(mmap(heap))), p = a.get(PAGE);
  fill(heap, p, PAGE, 5);
  a.resize(p, PAGE, 100);
  assertFilled(heap, p, PAGE, 5);
  a.put(p, 100);
  assertFilled(heap, p, PAGE, 5);
  const b = init(zero(mmap(heap), "put")), q = b.get(100);
  assertEquals([q, heap.u8[q]], [p, 5]);
  b.resize(q, 100, 200);
  assertFilled(heap, q, 200, 5);
  b.put(q, 200);
  assertFilled(heap, q, 200, 0);
  assertAllFree(heap);
});

Deno.test("zero: what is refused below is refused", () => {
  const heap = freshHeap({ initial: 1, maximum: 2 }), first = heap.getPages(1);
  fill(heap, first, PAGE, 3);
  for (const when of whens) {
    const a = init(zero(failAt(mmap(heap), 2), when));
    const p = a.get(10);
    assertEquals([a.get(10), a.get(1_000_000)], [0, 0]);
    a.put(p, 10);
    a.deinit();
  }
  assertFilled(heap, first, PAGE, 3);
  assertEquals(heap.u8.subarray(0, PAGE).every((byte) => byte === 0), true);
  heap.putPages(first, 1);
  assertAllFree(heap);
});

Deno.test("zero: has what is kept below, but no window, and on put no way to take blocks back unseen", () => {
  const heap = freshHeap(), arena = chunk(mmap(heap), 4096), keys = (l: AnyLayer) => Object.keys(l);
  assert(keys(arena).includes("window"));
  for (const lost of ["reset", "mark", "rewind"]) {
    assert(keys(zero(arena)).includes(lost));
    assert(!keys(zero(arena, "put")).includes(lost) && !keys(zero(arena, "both")).includes(lost));
  }
  for (const when of whens) {
    assert(!keys(zero(arena, when)).includes("window"));
    for (const kept of ["resize", "owns", "maxAlign"]) assert(keys(zero(arena, when)).includes(kept));
    assertEquals(keys(zero(stub(heap), when)), ["heap", "stateless", "init", "deinit", "get", "put"]);
  }
  const a = init(zero(stats(mmap(heap)), "put"));
  a.put(a.get(5), 5);
  assertEquals(a.gauge().szfree, 5);
});

/** Checked, never run. */
export function types(): void {
  init(zero(chunk(mmap(), 64))).reset();
  init(zero(chunk(mmap(), 64), "get")).mark();
  init(zero(chunk(mmap(), 64), "put")).owns(16);
  // @ts-expect-error a reset takes blocks back unseen
  init(zero(chunk(mmap(), 64), "put")).reset();
  // @ts-expect-error a rewind does, too
  init(zero(chunk(mmap(), 64), "both")).rewind(16);
  // @ts-expect-error it may be "put"
  init(zero(chunk(mmap(), 64), "get" as ZeroWhen)).reset();
  // @ts-expect-error no capability of the layer below
  init(zero(mmap())).reset();
  // @ts-expect-error no time
  zero(mmap(), "never");
}

Deno.test("zero: on get is the default, and the same layer; anything else is refused", () => {
  const base = mmap(freshHeap());
  assertStrictEquals(zero(base), zero(base, "get"));
  assertEquals(String(init(zero(base))), 'zero "get"\nmmap');
  for (const [when, shown] of [["", '""'], ["never", '"never"'], [null, "null"], [1, "1"], [true, "true"]]) {
    // deno-lint-ignore no-explicit-any -- what JavaScript can do
    const compose = () => zero(base, when as any);
    assertThrows(compose, TypeError, `Cannot compose zero: when must be "get", "put" or "both", got ${shown}`);
  }
});

Deno.test("zero: what a layer below has written to fresh memory is zeroed, through an arena too", () => {
  const poison = (heap: Heap, p: number, size: number) => void heap.u8.fill(0xaa, p, p + size);
  for (const over of [(base: AnyLayer) => base, (base: AnyLayer) => chunk(base, 4096)]) {
    const heap = freshHeap(), layer = zero(over(affix(mmap(heap), 16, 0, poison))), s = layer.init();
    const p = layer.get(s, 100);
    assertEquals([...heap.u8.subarray(p, p + 100)], new Array(100).fill(0));
    layer.put(s, p, 100);
    layer.deinit(s);
  }
});
