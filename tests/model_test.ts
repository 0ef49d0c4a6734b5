import { fc } from "./fast_check.ts";
import {
  affix,
  align,
  type AnyAllocator,
  type AnyLayer,
  bitmap,
  buddy,
  bytealloc,
  bytefree,
  cascade,
  chunk,
  coalesce,
  enter,
  fallback,
  freelist,
  ground,
  type Heap,
  init,
  LeakError,
  limit,
  sizeclass,
  sized,
  slab,
  slabs,
  split,
} from "../mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, levels, random } from "./kit.ts";
import { anyOps, anyParts, bottoms, leaks, type Op, owns, regional, stack } from "./stacks.ts";

interface Block {
  p: number;
  size: number;
  byte: number;
}

/** How to allocate: from an allocator, or from the current region. */
interface Door {
  get(size: number, align?: number): number;
  put(p: number, size: number): void;
}

/** Runs a program against the model, which is the list of the blocks that are out. */
class Model {
  readonly out: Block[] = [];
  nalloc = 0;
  nfree = 0;
  szalloc = 0;
  szfree = 0;
  watermark = 0;

  constructor(readonly heap: Heap, readonly door: Door) {}

  run(ops: readonly Op[]): void {
    for (const op of ops) {
      if (op.op === "get") this.get(op.size, op.align);
      else if (this.out.length > 0) {
        const i = op.nth % this.out.length;
        if (op.op === "put") this.put(i);
        else this.refill(this.out[i]);
      }
    }
  }

  /** False when memory cannot be had. */
  get(size: number, align = 16): boolean {
    const p = this.door.get(size, align);
    if (p === 0) return false;
    assertEquals(p % align, 0, `${size} bytes at ${p} are not aligned to ${align}`);
    assert(p >= this.heap.start && p + size <= this.heap.size, `${size} bytes at ${p} are not in the heap`);
    const end = p + (size || 1); // a block of no bytes has an address of its own
    for (const b of this.out) {
      assert(end <= b.p || b.p + (b.size || 1) <= p, `${size} bytes at ${p} overlap ${b.size} at ${b.p}`);
    }
    const block = { p, size, byte: ++this.nalloc % 256 };
    fill(this.heap, p, size, block.byte);
    this.out.push(block);
    this.szalloc += size;
    this.watermark = Math.max(this.watermark, this.szalloc - this.szfree);
    return true;
  }

  put(i: number): void {
    const { p, size, byte } = this.out[i];
    this.out[i] = this.out.at(-1)!;
    this.out.pop();
    assertFilled(this.heap, p, size, byte);
    this.door.put(p, size);
    this.nfree++;
    this.szfree += size;
  }

  refill(block: Block): void {
    assertFilled(this.heap, block.p, block.size, block.byte);
    block.byte = (block.byte + 101) % 256;
    fill(this.heap, block.p, block.size, block.byte);
  }

  assertKept(): void {
    for (const { p, size, byte } of this.out) assertFilled(this.heap, p, size, byte);
  }

  get figures() {
    const { nalloc, nfree, szalloc, szfree, watermark } = this;
    return { nalloc, nfree, szalloc, szfree, watermark };
  }
}

/**
 * Asserts that what the layers of a closed stack counted out has all been counted in: every layer if all blocks were put,
 * otherwise those below the first that puts them itself.
 */
function assertBalanced(a: AnyAllocator, what: string, allPut = true): void {
  for (const { name, layer, state } of levels(a.layer, a.state)) {
    const g = layer.gauge?.(state);
    if (g && allPut) assertEquals([g.nfree, g.szfree], [g.nalloc, g.szalloc], `${name} in ${what}`);
    allPut ||= ["batch", "bonwick", "bigcache", "chunk"].includes(name);
  }
}

Deno.test("model: random stacks run random programs", () => {
  fc.assert(
    fc.property(
      anyParts,
      fc.constantFrom(...bottoms),
      anyOps,
      fc.boolean(),
      fc.boolean(),
      (above, bottom, ops, all, in_) => {
        const heap = freshHeap(), a = init(stack(above, bottom.of(heap))), what = String(a);
        let model = new Model(heap, a);
        const body = () => {
          if (in_) model = new Model(heap, { get: bytealloc, put: bytefree });
          model.run(ops);
          model.assertKept();
          while (model.out.length > 0 && (all || !owns(above, bottom))) model.put(0);
          // In a region, a window that is lent serves requests that no layer counts
          const counted = above[0]?.name === "stats" || above[0]?.name === "check";
          if (counted) assertEquals(a.gauge(), model.figures, what);
        };
        const close = () => in_ ? enter(a, body) : (body(), a.deinit());
        const leftovers = !all && owns(above, bottom) && leaks(above);
        if (leftovers) {
          try {
            close();
            assertEquals(model.out.length, 0, what);
          } catch (e) {
            if (!(e instanceof LeakError)) throw e;
            assertEquals([e.blocks, e.bytes], [model.out.length, model.szalloc - model.szfree], what);
          }
        } else {
          close();
          assertBalanced(a, what, model.out.length === 0);
        }
        assertAllFree(heap, what);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("model: random stacks over a region", () => {
  const live = () => {
    const g = ground().gauge();
    return [g.nalloc - g.nfree, g.szalloc - g.szfree];
  };
  fc.assert(
    fc.property(anyParts, fc.constantFrom(...regional), anyOps, (above, bottom, ops) => {
      const before = live(), a = init(stack(above, bottom.of(ground().heap)));
      const model = new Model(a.heap, a);
      model.run(ops);
      while (model.out.length > 0) model.put(0);
      a.deinit();
      assertBalanced(a, String(a));
      assertEquals(live(), before, String(a));
    }),
    { numRuns: 100 },
  );
});

/** Layers that cut, merge and keep what they have of a region's. */
const cutting: Record<string, (base: AnyLayer) => AnyLayer> = {
  coalesce: (base) => coalesce(base, 4096),
  "slabs over coalesce": (base) => slabs(coalesce(base)),
  "freelist over coalesce": (base) => freelist(coalesce(base), 64, 4096, 1024),
  "sizeclass of freelists": (base) => sizeclass(base, [16, 64, 512, 4096], (b) => freelist(b)),
  "slab over align": (base) => slab(align(base, 4096), 64, 4096),
  "buddy over align": (base) => buddy(align(base, 65_536), 32, 65_536),
  "cascade of bitmaps": (base) => cascade(bitmap(base, 64, 1000)),
  "fallback of an arena": (base) => fallback(limit(chunk(base, 4096), 50_000), base),
  "split of coalesce": (base) => split(1000, coalesce(base), base),
  "sized, between affixes": (base) => affix(sized(affix(base, 5, 5)), 20, 1),
};

Deno.test("model: layers that cut and merge, over a region", () => {
  const live = () => {
    const g = ground().gauge();
    return [g.nalloc - g.nfree, g.szalloc - g.szfree];
  };
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(cutting)), fc.constantFrom(...regional), anyOps, (name, bottom, ops) => {
      const before = live(), a = init(cutting[name](bottom.of(ground().heap)));
      const model = new Model(a.heap, a);
      model.run(ops);
      while (model.out.length > 0) model.put(0);
      a.deinit();
      assertEquals(live(), before, `${name} over ${bottom.name}`);
    }),
    { numRuns: 60 },
  );
});

Deno.test("model: stacks side by side in one heap", () => {
  fc.assert(
    fc.property(fc.array(anyParts, { minLength: 2, maxLength: 4 }), anyOps, fc.nat(), (stacks, ops, seed) => {
      const heap = freshHeap(), pick = random(seed);
      const models = stacks.map((above) => {
        const a = init(stack(above, bottoms[0].of(heap)));
        return { a, model: new Model(heap, a) };
      });
      for (const op of ops) models[pick(models.length)].model.run([op]);
      for (const { model } of models) model.assertKept();
      for (const { a, model } of models) {
        while (model.out.length > 0) model.put(0);
        a.deinit();
        assertBalanced(a, String(a));
      }
      assertAllFree(heap);
    }),
    { numRuns: 60 },
  );
});

Deno.test("model: where memory runs out, nothing is lost and the stack goes on working", () => {
  fc.assert(
    fc.property(anyParts, fc.constantFrom(...bottoms), anyOps, (above, bottom, ops) => {
      const heap = freshHeap({ initial: 1, maximum: 3 }), a = init(stack(above, bottom.of(heap)));
      const model = new Model(heap, a);
      model.run(ops);
      model.assertKept();
      while (model.out.length > 0) model.put(0);
      a.deinit();
      assertBalanced(a, String(a));
      assertAllFree(heap, String(a));
    }),
    { numRuns: 100 },
  );
});

Deno.test("model: finds an overlap, a lost byte and a leak", () => {
  const heap = freshHeap(), at = heap.getPages(1);
  const program: Op[] = [{ op: "get", size: 32, align: 16 }, { op: "get", size: 32, align: 16 }];
  const same = new Model(heap, { get: () => at, put: () => {} });
  assertThrows(() => same.run(program), Error, "overlap");
  let next = at;
  const narrow = new Model(heap, { get: () => next += 16, put: () => {} });
  assertThrows(() => narrow.run(program), Error, "overlap");
  const odd = new Model(heap, { get: () => at + 8, put: () => {} });
  assertThrows(() => odd.run(program), Error, "not aligned");
  const careless = new Model(heap, { get: () => next += 64, put: () => {} });
  careless.run(program);
  heap.u8[next + 31]++;
  assertThrows(() => careless.assertKept(), Error, "byte 31");
  assertThrows(() => assertAllFree(heap));
});
