// What a guest's own code does with realloc and calloc, without leaving it
import { assert, assertEquals } from "./assert.ts";
import { interpose } from "../rt/mod.ts";
import { each, make, out, OWN, type Way } from "./guest_kit.ts";
import { binary, body, END, I32, list, section, type } from "./wasm_kit.ts";

const REPLACE: readonly Way[] = OWN.filter(({ mode }) => mode === "replace");

each(OWN, "guest_realloc: every size to every other keeps what is in the block, and the figures", (way) => {
  const { g, x } = make(way), sizes = [0, 1, 15, 16, 17, 31, 48, 100, 511, 512, 513, 1023, 1024, 1025, 5000];
  for (const from of sizes) {
    for (const to of sizes.slice(1)) {
      const p = x.do_malloc(from) >>> 0, before = g.gauge(), [blocks] = out(before);
      for (let i = 0; i < from; i++) g.heap.u8[p + i] = i * 7 + from;
      const q = x.do_realloc(p, to) >>> 0;
      for (let i = 0; i < Math.min(from, to); i++) {
        assertEquals(g.heap.u8[q + i], i * 7 + from & 0xff, `${from}, ${to}`);
      }
      assertEquals(out(g.gauge()), [blocks, to], `${from} to ${to}`);
      x.do_free(q);
      assertEquals(out(g.gauge()), [0, 0], `${from} to ${to}`);
    }
  }
  assertEquals(g.strays, 0);
});

each(OWN, "guest_realloc: of null, and to where the memory grows", (way) => {
  const { g, x } = make(way);
  let p = x.do_realloc(0, 40) >>> 0;
  assertEquals(out(g.gauge()), [1, 40]);
  g.heap.u8.fill(3, p, p + 40);
  let behind = 0;
  for (let size = 10_000; size < 3e7; size *= 3) { // beyond what there was memory, and what has a size in the ledger
    const after = x.do_malloc(16), q = x.do_realloc(p, size) >>> 0; // it cannot grow where it is
    x.do_free(behind);
    behind = after;
    assertEquals([g.heap.u8[q + 39], ...out(g.gauge())], [3, 2, size + 16]);
    p = q;
  }
  assert(g.memory.buffer.byteLength > 1e7);
  p = x.do_realloc(p, 8) >>> 0;
  assertEquals([g.heap.u8[p + 7], ...out(g.gauge())], [3, 2, 24]);
  x.do_free(p);
  x.do_free(behind);
  assertEquals([g.strays, ...out(g.gauge())], [0, 0, 0]);
});

each(OWN, "guest_realloc: the peak is at least what is out, and calloc clears what was used", (way) => {
  const { g, x } = make(way);
  for (const size of [1, 16, 100, 1000, 1024, 3000]) {
    const p = x.do_malloc(size);
    g.heap.u8.fill(255, p, p + size);
    x.do_free(p);
    const q = x.do_calloc(1, size) >>> 0;
    assertEquals(g.heap.u8.slice(q, q + size).findIndex((byte: number) => byte !== 0), -1, `${size}`);
    assertEquals(out(g.gauge()), [1, size]);
    assert(g.gauge().watermark >= size);
    x.do_free(q);
  }
  assertEquals([x.do_calloc(0x10000, 0x10000), x.do_calloc(-1, 2)], [0, 0]);
  assertEquals(out(g.gauge()), [0, 0]);
});

each(REPLACE, "guest_realloc: blocks of one class stay where they are", (way) => {
  const { x } = make(way), p = x.do_malloc(33);
  for (const size of [48, 34, 40, 33]) assertEquals(x.do_realloc(p, size), p);
  x.do_free(p);
});

/** A guest whose realloc calls nothing else of its allocator, which only goes up. */
function apart(): Uint8Array<ArrayBuffer> {
  const globals = { top: 0 }, top = 1024;
  const take = `(local.set $q (global.get $top))
    (global.set $top (i32.and (i32.add (i32.add (local.get $q) (local.get $n)) (i32.const 15)) (i32.const -16)))`;
  return binary(
    section("type", list(type([I32], [I32]), type([I32], []), type([I32, I32], [I32]))),
    section("function", list(0, 1, 2)),
    section("memory", list([1, 1, 100])),
    section("global", list([I32, 1, 0x41, 0x80, top >>> 7, END])),
    section("export", list(["memory", 2, 0], ["malloc", 0, 0], ["free", 0, 1], ["realloc", 0, 2])),
    section(
      "code",
      list(
        body(`(func (param $n i32) (result i32) (local $q i32) ${take} (local.get $q))`, { globals }),
        body(`(func (param $p i32))`),
        body(
          `(func (param $p i32) (param $n i32) (result i32) (local $q i32) ${take}
            (memory.copy (local.get $q) (local.get $p) (i32.const 16))
            (local.get $q))`,
          { globals },
        ),
      ),
    ),
  );
}

for (const mode of ["watch", "replace"] as const) {
  Deno.test(`guest_realloc: ${mode}: a realloc that calls nothing else, also to where there was no memory before`, () => {
    const plan = interpose(apart(), { allocator: mode });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(plan.bytes)), g = plan.attach(instance);
    const { malloc, free, realloc } = g.exports as Record<string, (...words: number[]) => number>;
    g.memory.grow(90);
    const first = malloc(16);
    let p = first, last = 16;
    g.heap.refresh();
    g.heap.u8.fill(5, p, p + 16);
    for (const size of [100, 40, 2_000_000, 50, 60, 1000]) {
      p = realloc(p, size);
      assertEquals([...out(g.gauge()), g.heap.u8[p + 15]], [1, size, 5], `${last} to ${size}`);
      last = size;
    }
    assert(g.gauge().watermark >= 2_000_000);
    free(p);
    assertEquals([g.strays, ...out(g.gauge())], [0, 0, 0]);
    free(first);
    assertEquals([g.strays, ...out(g.gauge())], [1, 0, 0]);
  });
}
