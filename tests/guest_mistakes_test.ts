// Guests that make mistakes: the books of the host stay in order, and debug says what was done
import {
  type AnyLayer,
  check,
  coalesce,
  debug,
  DoubleFreeError,
  enter,
  ForeignFreeError,
  init,
  InteriorFreeError,
  MemoryError,
  mmap,
  OverrunError,
  stats,
  trace,
  WriteAfterFreeError,
} from "../mod.ts";
import { leakFree } from "../testing/mod.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "./assert.ts";
import { random } from "./kit.ts";
import { each, make, out, OWN, type Way, WAYS } from "./guest_kit.ts";

const WATCH: readonly Way[] = OWN.filter(({ mode }) => mode === "watch");
const REPLACE: readonly Way[] = OWN.filter(({ mode }) => mode === "replace");
const debugged = { stack: (bottom: AnyLayer) => debug(bottom) };

each(WAYS, "guest_mistakes: null is freed, and is no mistake", (way) => {
  const { g, x } = make(way);
  for (let i = 0; i < 3; i++) x.do_free(0);
  enter(g.arena(), () => x.do_free(0));
  assertEquals(g.strays, 0);
  assertEquals(g.gauge().nfree, 0);
});

each(REPLACE, "guest_mistakes: without debug, frees of no block are counted, and change nothing", (way) => {
  const { g, x } = make(way), p = x.do_malloc(1000), gauge = () => out(g.gauge());
  x.double_free(24);
  assertEquals(g.strays, 1);
  x.double_free(5000);
  x.do_free(p + 16);
  x.do_free(p + 3);
  assertEquals(x.do_realloc(p + 16, 10), 0);
  assertEquals(x.do_realloc(p - 7, 10), 0);
  assertEquals(gauge(), [1, 1000]);
  assertEquals(g.strays, 6);
  x.balanced(1000, 100); // the guest's own allocator, which the memory comes from, has seen none of that
  assertEquals(gauge(), [1, 1000]);
  x.do_free(p);
  assertEquals(gauge(), [0, 0]);
});

each(WAYS, "guest_mistakes: without debug, blocks in arenas and of other sizes", (way) => {
  const { g, x } = make(way);
  enter(g.arena(), () => {
    const large = x.do_malloc(20_000_000), p = x.do_malloc(10);
    for (const q of [large, p]) {
      x.do_free(q);
      x.do_free(q);
      x.do_free(q + 8);
    }
    assertEquals(g.strays, 4);
    assert(x.do_malloc(10) !== 0);
  });
  x.pairs(100, 100);
  assertEquals(out(g.gauge()), [0, 0]);
});

each(REPLACE, "guest_mistakes: writes to freed blocks and beyond their ends spoil nothing of the host's", (way) => {
  const { g, x } = make(way);
  for (let i = 0; i < 3; i++) {
    for (const f of [() => x.use_after_free(24), () => x.write_past(24, 40), () => x.balanced(100, 24)]) {
      try {
        f();
      } catch (e) {
        assert(e instanceof WebAssembly.RuntimeError); // a list of free blocks leads anywhere, as it would in any allocator
      }
    }
  }
  g.gauge();
  enter(g.arena(), () => assertEquals(x.balanced(100, 24), 14850));
});

each(OWN, "guest_mistakes: debug names them", (way) => {
  const { g, x } = make(way, debugged);
  const named = <E extends MemoryError>(f: () => unknown, kind: new (...args: never[]) => E, ...says: string[]): E => {
    const e = assertThrows(f, MemoryError) as E;
    assertEquals(e.constructor, kind);
    for (const text of says) assertStringIncludes(e.message, text);
    assertStringIncludes(e.message, "guest_mistakes_test.ts");
    return e;
  };
  named(() => x.double_free(24), DoubleFreeError, "24 B", "it has been freed before", "in own: free <- double_free");
  named(() => x.double_free(70_000), DoubleFreeError, "68.4 KiB");
  named(() => x.free_interior(100, 16), InteriorFreeError, "16 bytes inside", "in own: malloc <- free_interior");
  named(() => x.free_interior(100, 13), InteriorFreeError, "13 bytes inside");
  named(() => x.free_data(), ForeignFreeError, "is no block", "in own: free <- free_data");
  named(() => x.free_foreign(64), ForeignFreeError, "64 is no block");
  named(() => x.free_foreign(-64), ForeignFreeError, "4294967232 is no block");
  named(() => x.write_past(24, 4), OverrunError, "24 B", "in own: free <- write_past");
  named(() => x.do_realloc(64, 10), ForeignFreeError);
  const p = x.do_malloc(50);
  x.do_free(p);
  named(() => x.do_realloc(p, 10), DoubleFreeError);
  assertEquals(g.strays, 0);
  x.use_after_free(24);
  named(() => g.verify(), WriteAfterFreeError, "24 B");
});

each(OWN, "guest_mistakes: debug in a region, and around one that looks at nothing", (way) => {
  const { g, x } = make(way), { bottom } = g;
  for (const stack of [debug(bottom), stats(debug(bottom)), debug(coalesce(mmap(g.heap)))]) {
    enter(init(stack), () => {
      assertThrows(() => x.double_free(24), DoubleFreeError);
      const p = x.do_malloc(10);
      x.do_free(p);
      enter(g.arena(), () => assertThrows(() => x.do_free(p), DoubleFreeError));
      leakFree(() => assertThrows(() => x.do_free(p), DoubleFreeError))();
    });
  }
  x.do_free(x.do_malloc(10));
});

each(OWN, "guest_mistakes: debug goes on after each", (way) => {
  const { g, x } = make(way, { stack: (bottom) => check(stats(debug(bottom))) as AnyLayer });
  for (let i = 0; i < 20; i++) {
    assertThrows(() => x.double_free(24), DoubleFreeError);
    assertEquals(out(g.gauge()), [0, 0]);
    assertEquals(x.balanced(100, 24), 14850);
  }
  g.deinit();
});

each(OWN, "guest_mistakes: what was allocated before is no mistake, and its own allocator's", (way) => {
  const early = [0, 0];
  const { g, x } = make(way, {
    ...debugged,
    before: (x) => early.forEach((_, i) => early[i] = x.do_malloc(100)),
  });
  const [p, q] = early;
  x.do_free(p);
  const r = x.do_realloc(q, 5000);
  assert(r !== 0);
  x.do_free(r);
  assertEquals(g.strays, 3);
  x.balanced(100, 100);
});

each(WATCH, "guest_mistakes: functions that were not found, of an allocator that is watched", (way) => {
  const { g, x } = make(way, { file: "own_hidden" });
  for (const [align, size] of [[64, 100], [4096, 10], [256, 3000]]) {
    const p = x.do_aligned_alloc(align, size);
    assertEquals(p % align, 0);
    x.do_free(p);
  }
  assertEquals(out(g.gauge()), [0, 0]);
  assertEquals(g.strays, 0);
  const p = x.text_make(1000); // which reallocates
  assertEquals(x.text_check(p), 1000);
  x.text_free(p);
  assertEquals(out(g.gauge()), [0, 0]);
  enter(init(check(trace(stats(g.bottom)))), () => x.do_free(x.do_aligned_alloc(64, 100)));
  leakFree(() => {
    const blocks: number[] = [], fills = (p: number) => g.heap.u8.fill(p & 255, p, p + 300), pick = random(1);
    const free = ([p]: number[]) => {
      assert(g.heap.u8.subarray(p, p + 300).every((byte) => byte === (p & 255)));
      x.do_free(p);
    };
    for (let i = 0; i < 1000; i++) {
      const p = i % 2 === 0 ? x.do_aligned_alloc(256, 300) : x.do_malloc(300);
      assert(blocks.every((q) => Math.abs(p - q) >= 300));
      fills(p);
      blocks.push(p);
      if (blocks.length > 50) free(blocks.splice(pick(50), 1));
    }
    while (blocks.length > 0) free(blocks.splice(0, 1));
  })();
  x.balanced(1000, 100);
  const message = "Cannot serve the guest own_hidden by such a stack: blocks that it has not served would come to";
  for (const stack of [debug(g.bottom), mmap(g.heap)]) {
    const a = init(stats(stack)), e = assertThrows(() => enter(a, () => x.do_malloc(10)), Error);
    assertStringIncludes(e.message, message);
    assertEquals(out(a.gauge()), [0, 0]);
  }
  x.balanced(1000, 100);
});

each(WATCH, "guest_mistakes: functions that were not found, but that which aligns", (way) => {
  for (const names of [{ posix_memalign: 43 }, { aligned_alloc: 45 }]) {
    const { g, x } = make(way, { file: "own_hidden", names });
    const aligned = names.aligned_alloc ? x.do_aligned_alloc : x.do_posix_memalign;
    const round = () => {
      for (const [align, size] of [[64, 100], [4096, 10], [256, 300_000]]) {
        const p = aligned(align, size), q = aligned(align, size);
        assertEquals([p % align, q % align], [0, 0]);
        g.heap.u8.fill(255, p, p + size);
        x.do_free(p);
        x.do_free(q);
      }
    };
    round();
    enter(init(check(trace(stats(g.bottom)))), round);
    leakFree(round)();
    assertEquals(out(g.gauge()), [0, 0]);
    assertEquals(g.strays, 0);
    x.balanced(1000, 100);
  }
});

each(WATCH, "guest_mistakes: a function that aligns and has no memory", (way) => {
  const { g, x } = make(way, { file: "own_hidden", names: { posix_memalign: 43 } }), gauge = g.gauge();
  for (const size of [-1, -100_000]) assertEquals(x.do_posix_memalign(64, size), 0);
  assertEquals(g.gauge(), gauge);
});

each(WATCH, "guest_mistakes: aligned blocks that are cut out of others, while freed ones are held back", (way) => {
  const { g, x } = make(way, { file: "own_hidden" }), held: number[] = [];
  // Keeps one freed block, as a quarantine does
  const late: AnyLayer = {
    ...g.bottom,
    put: (s, p, size) => {
      held.push(p, size);
      if (held.length > 2) g.bottom.put(s, ...held.splice(0, 2) as [number, number]);
    },
  };
  enter(init(late), () => {
    const p = x.do_malloc(2000), q = x.do_aligned_alloc(256, 3000);
    x.do_free(p);
    x.do_free(q); // now p goes back, and not q
    assert(Math.abs(x.do_malloc(2000) - q) >= 2000);
    x.do_free(x.do_malloc(10));
  });
  x.balanced(1000, 3000);
});

each(OWN, "guest_mistakes: a guest that frees what the host has got, and the other way round", (way) => {
  const { g, x } = make(way), a = g.arena();
  enter(a, () => {
    const p = a.get(100);
    x.do_free(p); // the ledger does not know it
    assertEquals(g.strays, 1);
    const q = x.do_malloc(100);
    a.put(q, 100);
    x.do_free(q); // gone
    assertEquals(g.strays, 1);
    assertEquals(out(a.gauge()), [1, 100]);
  });
  const b = init(stats(debug(coalesce(mmap(g.heap)))));
  enter(b, () => {
    x.do_free(b.get(100)); // debug knows it
    assertEquals(out(b.gauge()), [0, 0]);
  });
});
