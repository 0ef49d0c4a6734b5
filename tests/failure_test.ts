import {
  type AnyAllocator,
  type AnyLayer,
  batch,
  bigcache,
  bonwick,
  bypass,
  check,
  chunk,
  init,
  mmap,
  stats,
} from "../mod.ts";
import { type FailAt, failAt } from "../testing/mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { assertAllFree, assertFilled, backed, fill, freshHeap, levels, random } from "./kit.ts";

const stacks: Record<string, (base: AnyLayer) => AnyLayer> = {
  bypass: (base) => bypass(base),
  stats: (base) => stats(base),
  check: (base) => check(stats(base)),
  batch: (base) => batch(base),
  bonwick: (base) => bonwick(base),
  bigcache: (base) => bigcache(base),
  chunk: (base) => chunk(base, 4096),
  "chunk of 64": (base) => chunk(base, 64),
  "chunk over batch": (base) => chunk(batch(base), 1000),
  "batch over chunk": (base) => batch(chunk(base, 4096)),
  "bonwick over bigcache": (base) => bonwick(bigcache(base)),
  "bigcache over bonwick": (base) => bigcache(bonwick(base)),
  "chunk over bonwick over chunk": (base) => chunk(bonwick(chunk(base, 70_000)), 300),
};

interface Block {
  p: number;
  size: number;
  byte: number;
}

/** A program that gets and puts: of every size class, enough for the ledgers and slabs to grow. */
function program(a: AnyAllocator, out: Block[]): number {
  const pick = random(1);
  let failed = 0;
  for (let i = 0; i < 150; i++) {
    if (pick(4) === 0 && out.length > 0) {
      const { p, size, byte } = out.splice(pick(out.length), 1)[0];
      assertFilled(a.heap, p, size, byte);
      a.put(p, size);
      continue;
    }
    const size = [pick(100), 16, 2048, 3000, pick(40_000)][pick(5)];
    const before = a.layer.gauge?.(a.state), p = a.get(size);
    if (p === 0) {
      failed++;
      assertEquals(a.layer.gauge?.(a.state), before);
      continue;
    }
    fill(a.heap, p, size, i);
    out.push({ p, size, byte: i % 256 });
  }
  return failed;
}

function finish(a: AnyAllocator, out: Block[]): void {
  for (const { p, size, byte } of out) {
    assertFilled(a.heap, p, size, byte);
    a.put(p, size);
  }
  a.deinit();
}

for (const [name, over] of Object.entries(stacks)) {
  Deno.test(`failure: ${name} over a base that fails at the n-th get, once or from then on`, () => {
    // How often it asks
    const heap = freshHeap(), asked = init(stats(over(failAt(mmap(heap), Infinity)))), blocks: Block[] = [];
    assertEquals(program(asked, blocks), 0);
    const gets = failAtOf(asked).gets;
    assert(gets > 0);
    finish(asked, blocks);
    assertAllFree(heap);
    // Each n, or a sample where there are many
    const step = Math.ceil(gets / 20);
    for (const every of [false, true]) {
      for (let n = 1; n <= gets; n += n < 12 ? 1 : step) {
        const heap = freshHeap(), a = init(stats(over(failAt(mmap(heap), n, every)))), out: Block[] = [];
        const failed = program(a, out), what = `${name}, get ${n}${every ? " and on" : ""}`;
        assert(failed > 0 || !every || bigcacheIn(name), `${what}: nothing failed`);
        failAtOf(a).gets = -Infinity; // memory is back
        assertEquals(program(a, out), 0, what);
        finish(a, out);
        for (const { layer, state } of levels(a.layer, a.state)) {
          const g = layer.gauge?.(state);
          if (g) assertEquals([g.nfree, g.szfree], [g.nalloc, g.szalloc], what);
        }
        assertAllFree(heap, what);
      }
    }
  });
}

/** A cache may serve what is left of the program. */
const bigcacheIn = (name: string) => name.includes("bigcache") || name.includes("bonwick");

function failAtOf(a: AnyAllocator): FailAt<unknown> {
  return [...levels(a.layer, a.state)].find(({ name }) => name === "fail")!.state;
}

Deno.test("failure: failAt fails once, or from then on", () => {
  for (const every of [false, true]) {
    const a = init(failAt(mmap(freshHeap()), 2, every));
    assertEquals([1, 2, 3, 4].map(() => a.get(10) > 0), [true, false, !every, !every]);
  }
});

Deno.test("failure: no layer asks for more than there are addresses", () => {
  for (const [name, over] of Object.entries(stacks)) {
    const { base } = backed({ maximum: 256 }), a = init(over(base));
    a.get(10);
    for (const size of [2 ** 31, 2 ** 32 - 65536, 2 ** 32 - 4096, 2 ** 32 - 17, 2 ** 32 - 16, 2 ** 32 - 1]) {
      assertEquals(a.get(size), 0, `${size} bytes from ${name}`);
    }
    for (const [what, size] of base.calls) assert(what !== "get" || size < 2 ** 32, `${name} asked for ${size} bytes`);
  }
});
