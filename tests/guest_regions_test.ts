// Regions that serve guests: entered, left, nested, closed with blocks out, and what the guest does with those later
import {
  type AnyAllocator,
  batch,
  bonwick,
  check,
  chunk,
  coalesce,
  enter,
  escape,
  freelist,
  general,
  Heap,
  init,
  LeakError,
  mmap,
  stats,
  trace,
} from "../mod.ts";
import { bypass } from "../layers/bypass.ts";
import { front } from "../rt/guest/front.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "./assert.ts";
import { each, make, out, OWN, type Way, WAYS } from "./guest_kit.ts";

const WATCH: readonly Way[] = OWN.filter(({ mode }) => mode === "watch");
const REPLACE: readonly Way[] = OWN.filter(({ mode }) => mode === "replace");

each(OWN, "guest_regions: an arena is freed in one go, and its memory used again", (way) => {
  const { g, x } = make(way);
  const round = () =>
    enter(g.arena(), () => {
      const p = x.tree_make(8);
      assertEquals(x.tree_count(p), 511);
      x.leak(10, 3000);
    });
  for (let i = 0; i < 10; i++) round();
  const bytes = g.memory.buffer.byteLength;
  for (let i = 0; i < 1000; i++) round();
  assertEquals(g.memory.buffer.byteLength, bytes);
  assertEquals(out(g.gauge()), [0, 0]);
});

each(WAYS, "guest_regions: what an arena serves is its own", (way) => {
  const { g, x } = make(way), a = g.arena();
  let p = 0;
  enter(a, () => {
    p = x.do_malloc(100);
    x.do_malloc(5000);
    x.do_free(p);
    assertEquals(a.gauge(), { nalloc: 2, nfree: 1, szalloc: 5100, szfree: 100, watermark: 5100 });
  });
  assertEquals(g.gauge().nalloc, 0);
  assertEquals(a.gauge().nalloc, 2); // still to be read
});

each(OWN, "guest_regions: stacks that check and record", (way) => {
  const { g, x } = make(way);
  for (const stack of [check(stats(g.bottom)), check(trace(stats(g.bottom))), check(stats(bypass(g.bottom)))]) {
    enter(init(stack), () => x.balanced(100, 24));
    const e = assertThrows(() => enter(init(stack), () => x.leak(2, 24)), LeakError, "2 of 2 blocks, 48 B");
    const [site] = e.sites;
    if (stack.sites !== undefined) {
      assertStringIncludes(site.frames.map(({ name }) => name).join(" "), "leak");
      assertStringIncludes(site.frames.map(({ file }) => file).join(" "), "guest_regions_test.ts");
    }
  }
  assertEquals(g.gauge(), { nalloc: 0, nfree: 0, szalloc: 0, szfree: 0, watermark: 0 });
});

each(WAYS, "guest_regions: any stack over the pages of its heap", (way) => {
  const { g, x } = make(way), { heap } = g;
  const stacks = [
    mmap(heap),
    general(heap),
    bonwick(mmap(heap)),
    batch(coalesce(mmap(heap))),
    freelist(chunk(mmap(heap), 4096), 32),
    chunk(mmap(heap), 4096),
  ];
  for (const stack of stacks) {
    const a = init(stats(stack)) as AnyAllocator;
    enter(a, () => {
      const blocks = Array.from({ length: 50 }, (_, i) => x.do_malloc(i * 7));
      assertEquals(new Set(blocks).size, 50);
      for (const p of blocks) assertEquals(p % 16, 0);
      blocks.forEach((p) => x.do_free(p));
      assertEquals(out(a.gauge()), [0, 0]);
    });
  }
});

each(WAYS, "guest_regions: escape, and regions on other heaps in between", (way) => {
  const { g, x } = make(way), outer = g.arena(), inner = g.arena();
  const nalloc = () => [g.gauge(), outer.gauge(), inner.gauge()].map(({ nalloc }) => nalloc);
  enter(outer, () =>
    enter(init(general(new Heap())), () => {
      x.do_malloc(1);
      assertEquals(nalloc(), [0, 1, 0]);
      enter(inner, () => {
        x.do_malloc(1);
        assertEquals(nalloc(), [0, 1, 1]);
        escape(() => x.do_malloc(1)); // to the region on the other heap, outside of which is the outer one
        assertEquals(nalloc(), [0, 2, 1]);
        escape(() => escape(() => escape(() => x.do_malloc(1))));
        assertEquals(nalloc(), [1, 2, 1]);
      });
    }));
  x.do_malloc(1);
  assertEquals(nalloc(), [2, 2, 1]);
});

each(WAYS, "guest_regions: a block goes home wherever it is freed, and stays where it is when it grows", (way) => {
  const { g, x } = make(way), a = g.arena();
  const ours = x.do_malloc(40);
  let theirs = 0, again = 0;
  enter(a, () => {
    theirs = x.do_malloc(40);
    again = x.do_realloc(ours, 50_000);
    assertEquals(out(g.gauge()), [1, 50_000]);
    assertEquals(out(a.gauge()), [1, 40]);
    escape(() => x.do_free(theirs));
    assertEquals(out(a.gauge()), [0, 0]);
    x.do_free(again);
    assertEquals(out(g.gauge()), [0, 0]);
    again = x.do_realloc(0, 10);
    assertEquals(out(a.gauge()), [1, 10]);
    assertEquals(out(g.gauge()), [0, 0]);
  });
});

each(WAYS, "guest_regions: what is gone with its region may be freed, reallocated and forgotten", (way) => {
  const { g, x } = make(way);
  const blocks: number[] = [];
  enter(g.arena(), () => {
    for (let i = 0; i < 20; i++) blocks.push(x.do_malloc(100 + i));
    blocks.push(x.do_malloc(100_000));
  });
  const kept = Array.from({ length: 20 }, () => x.do_malloc(100)), before = g.gauge();
  const stale = blocks.filter((p) => !kept.includes(p));
  assert(stale.length > 1);
  const moved = x.do_realloc(stale.pop()!, 10);
  for (const p of stale) if (p !== moved) x.do_free(p);
  for (const p of stale) if (p !== moved) x.do_free(p); // strays by now
  assertEquals(out(g.gauge()), [21, 2010]);
  x.do_free(moved);
  assertEquals(out(g.gauge()), out(before));
  const more = Array.from({ length: 100 }, () => x.do_malloc(100));
  assertEquals(new Set([...kept, ...more]).size, 120);
  for (const p of [...kept, ...more]) x.do_free(p);
  assertEquals(out(g.gauge()), [0, 0]);
});

each(WATCH, "guest_regions: what its own allocator has served is still its own when the region is closed", (way) => {
  const { g, x } = make(way);
  for (const stack of [stats(g.bottom), trace(stats(g.bottom))]) {
    for (let i = 0; i < 50; i++) {
      let p = 0, q = 0;
      enter(init(stack) as AnyAllocator, () => {
        p = x.do_malloc(1000);
        q = x.do_malloc(1000);
      });
      x.do_free(p);
      x.do_free(x.do_realloc(q, 100_000)); // which is of the ground now
    }
  }
  assertEquals(out(g.gauge()), [0, 0]);
  assertEquals(g.strays, 0);
  assert(g.memory.buffer.byteLength < 2 ** 20, "memory is lost");
});

each(WATCH, "guest_regions: what layers have given back to its own allocator is gone", (way) => {
  const { g, x } = make(way);
  for (const stack of [chunk(g.bottom, 4096), batch(g.bottom), freelist(g.bottom, 64), bonwick(g.bottom)]) {
    const blocks: number[] = [];
    enter(init(stack) as AnyAllocator, () => {
      for (let i = 0; i < 30; i++) blocks.push(x.do_malloc(64));
      for (let i = 0; i < 10; i++) x.do_free(blocks.shift()!);
      blocks.push(x.do_malloc(10_000));
    });
    for (const p of blocks) x.do_free(p);
    x.balanced(100, 64); // its own books are in order
  }
  enter(init(batch(g.bottom)) as AnyAllocator, () => x.leak(1, 64));
  x.balanced(1000, 64);
});

each(WAYS, "guest_regions: after a reset, blocks are gone", (way) => {
  const { g, x } = make(way), a = g.arena();
  enter(a, () => {
    for (let round = 0; round < 3; round++) {
      const blocks = Array.from({ length: 50 }, (_, i) => x.do_malloc(i * 20));
      a.reset();
      assertEquals(out(a.gauge()), [0, 0]);
      const p = x.do_malloc(64); // where one of them was
      for (const q of blocks) if (q !== p) x.do_free(q);
      assertEquals(out(a.gauge()), [1, 64]);
      const others = Array.from({ length: 50 }, () => x.do_malloc(64));
      assertEquals(new Set([p, ...others]).size, 51);
    }
    assertEquals(a.gauge().nalloc, 3 * 101);
  });
});

each(WAYS, "guest_regions: 600 regions, one after another, of each of which a block is left", (way) => {
  const { g, x } = make(way);
  const kinds = [
    () => g.arena(1024),
    () => init(stats(general(g.heap))),
    () => init(stats(g.bottom)),
  ] as (() => AnyAllocator)[];
  const left: number[] = [], ground = [x.do_malloc(1), x.do_malloc(2 ** 24)];
  for (let i = 0; i < 600; i++) {
    const a = kinds[i % 3]();
    enter(a, () => {
      const own = [x.do_malloc(40 + i)];
      if (i % 50 === 0) own.push(x.do_malloc(2 ** 24)); // kept elsewhere in the ledger
      // Of a region whose slot others may have had since
      const [old] = left.splice(0, i >= 300 ? 1 : 0);
      if (old !== undefined && !own.includes(old)) x.do_free(old);
      left.push(...own);
    });
    assertEquals(a.gauge().nalloc, i % 50 === 0 ? 2 : 1);
    assertEquals(a.gauge().nfree, 0);
  }
  for (const p of ground) x.do_free(p);
  assertEquals(out(g.gauge()), [0, 0]);
  for (const p of left) x.do_free(p);
  assertEquals(out(g.gauge()), [0, 0]);
});

each(WAYS, "guest_regions: there can be some 250 allocators at once, and after that again", (way) => {
  const { g, x } = make(way), open: AnyAllocator[] = [];
  const message = /^Cannot serve the guest \w+: 25\d allocators are open on its heap, which is the most$/;
  const e = assertThrows(() => {
    for (let i = 0; i < 300; i++) open.push(g.arena(1024));
  }, Error);
  assert(message.test(e.message), e.message);
  assert(open.length >= 250, String(open.length));
  x.do_free(x.do_malloc(10));
  enter(open.pop()!, () => x.do_malloc(10));
  for (const a of open) a.deinit();
  for (let i = 0; i < 300; i++) enter(g.arena(1024), () => x.do_malloc(10));
  assertEquals(out(g.gauge()), [0, 0]);
});

each(WAYS, "guest_regions: of 300 nested ones, that which is too many fails without a trace", (way) => {
  const { g, x } = make(way);
  const nest = (n: number): void => {
    const a = init(stats(general(g.heap)));
    enter(a, () => {
      x.do_malloc(1);
      if (n > 0) nest(n - 1);
    });
  };
  assertThrows(() => nest(300), Error, "allocators are open on its heap");
  const p = x.do_malloc(8);
  assertEquals(out(g.gauge()), [1, 8]);
  x.do_free(p);
  nest(100);
});

each(WAYS, "guest_regions: blocks that a stack cannot align lie in larger ones", (way) => {
  const { g, x } = make(way), a = init(stats(bonwick(mmap(g.heap))));
  const blocks: number[] = [];
  enter(a, () => {
    for (const align of [32, 64, 256, 4096, 65536]) {
      const p = x.do_aligned_alloc(align, 100) >>> 0;
      assertEquals(p % align, 0);
      g.heap.u8.fill(align & 255, p, p + 100);
      blocks.push(p);
    }
    const moved = x.do_realloc(blocks.pop()!, 200) >>> 0;
    assertEquals(g.heap.u8.subarray(moved, moved + 100), new Uint8Array(100));
    x.do_free(moved);
    x.do_free(blocks.shift()!);
    assertEquals(x.do_aligned_alloc(2 ** 31, 2 ** 31), 0);
    assertEquals(out(a.gauge())[0], 3);
    const p = blocks.pop()!;
    x.do_free(p);
    x.do_free(p);
    assertEquals(g.strays, 1);
  });
  for (const p of blocks) x.do_free(p);
  assertEquals(out(g.gauge()), [0, 0]);
});

each(WAYS, "guest_regions: such blocks of lists in the guest go back whole", (way) => {
  const { g, x } = make(way), a = init(stats(front(bonwick(mmap(g.heap))))) as AnyAllocator;
  const blocks = new Set<number>();
  enter(a, () => {
    for (let i = 0; i < 5; i++) {
      const p = x.do_aligned_alloc(256, 100) >>> 0;
      assertEquals(p % 256, 0);
      const q = i < 3 ? p : x.do_realloc(p, 104); // which is in the same class
      x.do_free(q);
      assertEquals(out(a.gauge()), [0, 0]);
      assertEquals(g.strays, 0);
    }
    for (let i = 0; i < 1000; i++) {
      const p = x.do_malloc(100) >>> 0;
      for (let q = p & -16; q < p + 100; q += 16) {
        assert(!blocks.has(q));
        blocks.add(q);
      }
    }
    assertEquals(out(a.gauge()), [1000, 100_000]);
  });
});

each(WAYS, "guest_regions: where such a block was, another may be later", (way) => {
  const { g, x } = make(way);
  let p = 0;
  enter(init(bonwick(mmap(g.heap))), () => p = x.do_aligned_alloc(4096, 8000));
  enter(init(stats(mmap(g.heap))), () => {
    const blocks = Array.from({ length: 40 }, () => x.do_malloc(100));
    assert(blocks.includes(p));
    blocks.forEach((p) => x.do_free(p));
  });
  assertEquals(g.strays, 0);
});

each(OWN, "guest_regions: a callback enters a region and calls the guest again", (way) => {
  const arenas: AnyAllocator[] = [];
  const { g, x } = make(way, {
    callback: (i) => {
      const a = g.arena(1024);
      arenas.push(a);
      enter(a, () => i > 0 ? x.nest(i - 1, 40) : x.leak(3, 24));
      x.do_free(x.do_malloc(8));
      return 1;
    },
  });
  assertEquals(x.nest(3, 40), 4);
  assertEquals(out(g.gauge()), [0, 0]);
  assert(arenas.length > 10 && arenas.every((a) => a.closed));
});

each(OWN, "guest_regions: exceptions through guest frames leave everything as it was", (way) => {
  let throwing = true;
  const { g, x } = make(way, {
    callback: (i) => {
      if (throwing && i === 2) throw new TypeError("of the host");
      return i;
    },
  });
  for (let i = 0; i < 20; i++) {
    const a = g.arena();
    assertThrows(() => enter(a, () => x.with_callback(5, 40)), TypeError, "of the host");
    assertEquals(out(a.gauge()), [1, 40]);
    assertThrows(() => enter(init(check(stats(g.bottom))), () => x.trap(3, 50)), WebAssembly.RuntimeError);
    assertEquals(g.gauge().nalloc, i * (5 + 10));
    assertThrows(() => x.with_callback(5, 40), TypeError);
    throwing = false;
    assertEquals(x.with_callback(5, 40) > 0, true);
    throwing = true;
  }
  assertEquals(out(g.gauge()), [20, 800]);
});

each(OWN, "guest_regions: a trap in the middle", (way) => {
  const { g, x } = make(way);
  for (let i = 1; i <= 5; i++) {
    assertThrows(() => x.trap(3, 50), WebAssembly.RuntimeError);
    assertEquals(out(g.gauge()), [3 * i, 150 * i]);
    assertEquals(x.balanced(10, 24), 135);
  }
});

each(REPLACE, "guest_regions: lists keep no more than what has been out, and 256 KiB", (way) => {
  const { g, x } = make(way);
  for (let size = 16; size <= 512; size += 16) x.balanced((2 ** 20) / size, size);
  assert(g.memory.buffer.byteLength < 6 * 2 ** 20, `${g.memory.buffer.byteLength} bytes for 1 MiB`);
  assertEquals(out(g.gauge()), [0, 0]);
});

each(WAYS, "guest_regions: an allocator that is closed twice, or of another guest", (way) => {
  const { g, x } = make(way), other = make(way), a = g.arena();
  enter(a, () => {
    other.x.do_malloc(10);
    x.do_malloc(10);
  });
  assertEquals(out(other.g.gauge()), [1, 10]);
  assertEquals(out(g.gauge()), [0, 0]);
  assertThrows(() => enter(a, () => {}), Error, "it has been closed");
});
