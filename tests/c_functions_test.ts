import { fc } from "./fast_check.ts";
import { type CFunctions, cFunctions, EINVAL, ENOMEM } from "../rt/abi/c_functions.ts";
import type { Blocks } from "../rt/abi/blocks.ts";
import { Heap } from "../mod.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { MapBlocks } from "./guest_blocks.ts";
import { assertAllFree, assertFilled, fill } from "./kit.ts";

const MOST = 2 ** 32 - 1;

function setUp(): { blocks: MapBlocks; c: CFunctions } {
  const blocks = new MapBlocks({ initial: 1, maximum: 64 });
  return { blocks, c: cFunctions(blocks) };
}

function assertZero(heap: Heap, p: number, size: number): void {
  assertFilled(heap, p, size, 0);
}

Deno.test("c_functions: malloc gives blocks of 16 bytes' alignment, and free takes them back", () => {
  const { blocks, c } = setUp();
  for (const size of [1, 3, 16, 100, 5000, 100_000]) {
    const p = c.malloc(size);
    assert(p !== 0 && p % 16 === 0);
    assertEquals(blocks.sizeOf(p), size);
    c.free(p);
  }
  assertEquals([blocks.out.size, blocks.garbage], [0, []]);
});

Deno.test("c_functions: blocks of no bytes have addresses of their own", () => {
  const { blocks, c } = setUp();
  const all = [
    c.malloc(0),
    c.malloc(0),
    c.calloc(0, 8),
    c.calloc(8, 0),
    c.realloc(0, 0),
    c.reallocarray(0, 0, 5),
    c.aligned_alloc(64, 0),
    c.memalign(64, 0),
  ];
  assert(!all.includes(0));
  assertEquals(new Set(all).size, all.length);
  assertEquals(all.map((p) => blocks.sizeOf(p)), all.map(() => 0));
  all.forEach((p) => c.free(p));
  assertEquals(blocks.out.size, 0);
});

Deno.test("c_functions: null is no block", () => {
  const { blocks, c } = setUp();
  c.free(0);
  assertEquals(c.malloc_usable_size(0), 0);
  const p = c.realloc(0, 50);
  assertEquals(blocks.sizeOf(p), 50);
  assertEquals(blocks.sizeOf(c.reallocarray(0, 5, 7)), 35);
  assertEquals(blocks.garbage, []);
});

Deno.test("c_functions: calloc gives zeros, whatever was there before", () => {
  const { blocks, c } = setUp();
  for (const [n, size] of [[1, 1], [1, 7], [3, 5], [1, 255], [1, 256], [1, 257], [3, 100], [1000, 13], [1, 0]]) {
    const old = c.malloc(n * size + 16);
    fill(blocks.heap, old, n * size + 16, 0xee);
    c.free(old);
    const p = c.calloc(n, size);
    assertEquals(blocks.sizeOf(p), n * size);
    assertZero(blocks.heap, p, n * size);
  }
});

Deno.test("c_functions: calloc writes zeros to nothing but its block", () => {
  const heap = new Heap({ initial: 1 }), at = heap.getPages(1);
  const stub = { heap, get: () => at + 16 } as unknown as Blocks, c = cFunctions(stub);
  for (const size of [0, 1, 2, 3, 4, 5, 255, 256, 257, 301]) {
    fill(heap, at, 400, 0xee);
    assertEquals(c.calloc(size, 1), at + 16);
    assertFilled(heap, at, 16, 0xee);
    assertZero(heap, at + 16, size);
    assertFilled(heap, at + 16 + size, 400 - 16 - size, 0xee);
  }
});

Deno.test("c_functions: calloc on a shared memory that the guest has grown", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true });
  const heap = new Heap({ memory });
  WebAssembly.Memory.prototype.grow.call(memory, 2); // as an instruction of the guest's does
  const bytes = new Uint8Array(memory.buffer).fill(0xee), stub = { heap, get: () => 100_000 } as unknown as Blocks;
  assertEquals(cFunctions(stub).calloc(1, 1000), 100_000);
  assertEquals([bytes[99_999], bytes[100_000], bytes[100_999], bytes[101_000]], [0xee, 0, 0, 0xee]);
  WebAssembly.Memory.prototype.grow.call(memory, 1);
  assertEquals(cFunctions(stub).posix_memalign(250_000, 16, 1), 0);
  assertEquals(heap.u32[250_000 >>> 2], 100_000);
});

Deno.test("c_functions: what is too large is null, and nothing is lost", () => {
  const { blocks, c } = setUp();
  const p = c.malloc(100);
  fill(blocks.heap, p, 100, 7);
  for (const size of [MOST, MOST - 15, 2 ** 31, 2 ** 31 - 1, 64 * 65536]) {
    for (const n of [size, size | 0]) {
      assertEquals(c.malloc(n), 0);
      assertEquals(c.calloc(1, n), 0);
      assertEquals(c.calloc(n, 1), 0);
      assertEquals(c.realloc(p, n), 0);
      assertEquals(c.realloc(0, n), 0);
      assertEquals(c.reallocarray(p, n, 1), 0);
      assertEquals(c.aligned_alloc(4096, n), 0);
      assertEquals(c.memalign(4096, n), 0);
      assertEquals(c.posix_memalign(p, 4096, n), ENOMEM);
    }
  }
  assertEquals([...blocks.out.keys()], [p]);
  assertFilled(blocks.heap, p, 100, 7);
});

Deno.test("c_functions: a product that overflows is null", () => {
  const { blocks, c } = setUp();
  const p = c.malloc(10);
  // Each is a small number of bytes modulo 2^32
  for (const [n, size] of [[65536, 65536], [2 ** 31, 2], [MOST, MOST], [0x10001, 0xffff0], [641, 6700417]]) {
    assertEquals(c.calloc(n, size), 0, `${n} x ${size}`);
    assertEquals(c.calloc(size | 0, n | 0), 0);
    assertEquals(c.reallocarray(p, n, size), 0);
    assertEquals(c.reallocarray(p, size | 0, n | 0), 0);
    assertEquals(c.reallocarray(0, n, size), 0);
  }
  assertEquals([...blocks.out.keys()], [p]);
  const asked = cFunctions({} as Blocks); // which would throw
  assertEquals([asked.calloc(65536, 65537), asked.reallocarray(p, 65536, 65537)], [0, 0]);
});

Deno.test("c_functions: realloc keeps what was there", () => {
  for (const resizes of [true, false]) {
    const { blocks, c } = setUp();
    blocks.resizes = resizes;
    let p = c.malloc(10);
    fill(blocks.heap, p, 10, 9);
    for (const size of [11, 100, 100, 10_000, 300_000, 20, 10]) {
      p = c.realloc(p, size);
      assert(p !== 0 && p % 16 === 0);
      assertEquals(blocks.sizeOf(p), size);
      assertFilled(blocks.heap, p, 10, 9);
    }
    p = c.reallocarray(p, 7, 9);
    assertEquals(blocks.sizeOf(p), 63);
    assertFilled(blocks.heap, p, 10, 9);
    c.free(p);
    assertEquals([blocks.out.size, blocks.garbage], [0, []]);
  }
});

Deno.test("c_functions: realloc in place where that can be", () => {
  const { blocks, c } = setUp();
  const p = c.malloc(200_000);
  assertEquals(c.realloc(p, 150_000), p);
  assertEquals(blocks.sizeOf(p), 150_000);
});

Deno.test("c_functions: realloc that fails leaves the block, and to fewer bytes never fails", () => {
  const { blocks, c } = setUp();
  const p = c.malloc(100);
  fill(blocks.heap, p, 100, 5);
  blocks.limit = -1;
  assertEquals(c.realloc(p, 101), 0);
  assertEquals(c.reallocarray(p, 20, 20), 0);
  assertEquals(c.realloc(p, 99), p);
  assertEquals(c.realloc(p, 0), p);
  assertFilled(blocks.heap, p, 100, 5);
  assertEquals(blocks.sizeOf(p), 100); // which is what it is: `free` has to give back so much
  c.free(p);
  assertEquals(blocks.out.size, 0);
});

Deno.test("c_functions: realloc to no bytes makes a block of none, or frees it", () => {
  const { blocks, c } = setUp();
  const p = c.realloc(c.malloc(100), 0);
  assert(p !== 0);
  assertEquals([...blocks.out].map(([p, { size }]) => [p, size]), [[p, 0]]);
  c.free(p);

  const freeing = cFunctions(blocks, { frees: true });
  assertEquals(freeing.realloc(freeing.malloc(100), 0), 0);
  assertEquals(freeing.reallocarray(freeing.malloc(100), 0, 10), 0);
  assertEquals(blocks.out.size, 0);
  assert(freeing.realloc(0, 0) !== 0); // which is malloc(0)
});

Deno.test("c_functions: what is no block is for the blocks to deal with", () => {
  const { blocks, c } = setUp();
  const p = c.malloc(100);
  c.free(p + 16);
  c.free(MOST | 0);
  assertEquals(c.realloc(p + 32, 200), 0);
  assertEquals(c.realloc(p + 48, 0), 0);
  assertEquals(c.malloc_usable_size(p + 16), 0);
  assertEquals(blocks.garbage, [p + 16, MOST, p + 32, p + 48]);
  assertEquals([...blocks.out.keys()], [p]);
});

Deno.test("c_functions: aligned_alloc aligns to powers of two, and is null for others", () => {
  const { blocks, c } = setUp();
  for (let align = 1; align <= 2 ** 20; align *= 2) {
    const p = c.aligned_alloc(align, 40);
    assert(p !== 0 && p % Math.max(16, align) === 0, `${p} is not aligned to ${align}`);
    assertEquals(blocks.sizeOf(p), 40);
    c.free(p);
  }
  for (const align of [0, 3, 24, 48, 100, 2 ** 31 + 1, MOST, -1, -16]) assertEquals(c.aligned_alloc(align, 40), 0);
  assertEquals(c.aligned_alloc(2 ** 31, 40), 0);
  assertEquals(c.aligned_alloc(2 ** 31 | 0, 40), 0);
  assertEquals([blocks.out.size, blocks.garbage], [0, []]);
});

Deno.test("c_functions: memalign rounds alignments up to powers of two", () => {
  const asked: number[] = [];
  const heap = new Heap({ initial: 1 }), get = (_: number, align: number) => asked.push(align);
  const c = cFunctions({ heap, get } as unknown as Blocks);
  for (const align of [0, 1, 3, 16, 17, 24, 32, 33, 1000, 65536, 65537, 2 ** 30 + 1, 2 ** 31, 2 ** 31 | 0]) {
    c.memalign(align, 1);
  }
  const M = 2 ** 31;
  assertEquals(asked, [16, 16, 16, 16, 32, 32, 32, 64, 1024, 65536, 131072, M, M, M]);
  for (const align of [M + 1, MOST, -1]) assertEquals(c.memalign(align, 1), 0);
  asked.length = 0;
  c.aligned_alloc(1, 1);
  c.aligned_alloc(8, 1);
  c.posix_memalign(0, 4, 1);
  assertEquals(asked, [16, 16, 16]);
});

Deno.test("c_functions: posix_memalign", () => {
  const { blocks, c } = setUp(), { heap } = blocks;
  const out = c.malloc(32);
  for (const at of [out, out + 1, out + 2, out + 3, out + 4]) {
    for (let align = 4; align <= 65536; align *= 2) {
      fill(heap, out, 32, 0xee);
      assertEquals(c.posix_memalign(at, align, 40), 0);
      const p = new DataView(heap.memory.buffer).getUint32(at, true);
      assertEquals([p % Math.max(16, align), blocks.sizeOf(p)], [0, 40]);
      assertFilled(heap, out, at - out, 0xee);
      assertFilled(heap, at + 4, out + 28 - at, 0xee);
      c.free(p);
    }
  }
  fill(heap, out, 32, 0xee);
  for (const align of [0, 1, 2, 3, 5, 6, 12, 20, 100, 2 ** 31 + 4, MOST, -4]) {
    assertEquals(c.posix_memalign(out, align, 40), EINVAL, `${align}`);
  }
  assertEquals(c.posix_memalign(out, 2 ** 31, 40), ENOMEM);
  assertEquals(c.posix_memalign(out, 16, -1), ENOMEM);
  assertFilled(heap, out, 32, 0xee);
  assertEquals([...blocks.out.keys()], [out]);
  assertEquals([EINVAL, ENOMEM], [28, 48]); // of WASI
});

Deno.test("c_functions: posix_memalign beyond the memory traps, and allocates nothing", () => {
  const { blocks, c } = setUp();
  for (const out of [blocks.heap.size, blocks.heap.size - 3, MOST, -1]) {
    assertThrows(() => c.posix_memalign(out, 16, 40), WebAssembly.RuntimeError, "memory access out of bounds");
  }
  assertEquals(c.posix_memalign(blocks.heap.size - 4, 16, 40), 0);
  assertEquals(blocks.out.size, 1);
});

Deno.test("c_functions: malloc_usable_size is what was asked for", () => {
  const { c } = setUp();
  for (const size of [0, 1, 17, 1000, 200_000]) assertEquals(c.malloc_usable_size(c.malloc(size)), size);
});

Deno.test("c_functions: addresses and sizes arrive as signed words", () => {
  const calls: unknown[] = [], high = 3_000_000_000;
  const stub: Blocks = {
    heap: new Heap({ initial: 1 }),
    get: (...args) => (calls.push(["get", ...args]), 0),
    put: (...args) => calls.push(["put", ...args]),
    sizeOf: (...args) => (calls.push(["sizeOf", ...args]), high),
    resize: (...args) => (calls.push(["resize", ...args]), false),
    move: (...args) => (calls.push(["move", ...args]), high),
  };
  const c = cFunctions(stub), n = high | 0;
  c.malloc(n);
  c.calloc(n, 1);
  c.aligned_alloc(2 ** 31 | 0, n);
  c.memalign(2 ** 31 | 0, n);
  c.free(n);
  assertEquals(c.malloc_usable_size(n), high);
  assertEquals(c.realloc(n, n), high);
  assertEquals(calls, [
    ["get", high, 16],
    ["get", high, 16],
    ["get", high, 2 ** 31],
    ["get", high, 2 ** 31],
    ["put", high],
    ["sizeOf", high],
    ["sizeOf", high],
    ["resize", high, high],
    ["move", high, high, high, 16],
  ]);
});

/** A call, as words: `which` of the functions, on the `nth` block that is out. */
interface Call {
  which: keyof CFunctions;
  nth: number;
  n: number;
  size: number;
  align: number;
}

const anyCalls = fc.array(
  fc.record<Call>({
    which: fc.constantFrom<(keyof CFunctions)[]>(
      ...(["malloc", "calloc", "aligned_alloc", "memalign", "posix_memalign"] as const),
      ...(["free", "free", "free", "realloc", "realloc", "reallocarray", "malloc_usable_size"] as const),
    ),
    nth: fc.nat(),
    n: fc.oneof({ weight: 5, arbitrary: fc.nat(9) }, fc.constantFrom(65536, -1, 2 ** 31)),
    size: fc.oneof({ weight: 8, arbitrary: fc.nat(300) }, fc.nat(70_000), fc.constantFrom(0, -1, 65536, 2 ** 31)),
    align: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(4, 8, 16, 32, 64, 4096, 32768) }, fc.integer()),
  }),
  { maxLength: 60 },
);

Deno.test("c_functions: random programs, against a list of the blocks that are out", () => {
  fc.assert(
    fc.property(anyCalls, fc.boolean(), fc.boolean(), (calls, frees, resizes) => {
      const blocks = new MapBlocks({ initial: 1, maximum: 8 }), c = cFunctions(blocks, { frees }), { heap } = blocks;
      const word = c.malloc(4), out: { p: number; size: number; byte: number }[] = [];
      blocks.resizes = resizes;
      let byte = 0;
      const check = (p: number, align: number) => assertEquals([p % align, p >= heap.start], [0, true]);
      const add = (p: number, size: number, align: number) => {
        if (p === 0) return;
        check(p, Math.max(16, align));
        assert(size <= heap.size - p);
        for (const b of out) assert(p + (size || 1) <= b.p || b.p + (b.size || 1) <= p, "blocks overlap");
        fill(heap, p, size, byte = byte % 255 + 1);
        out.push({ p, size, byte });
      };
      const isPower = (align: number) => align !== 0 && Number.isInteger(Math.log2(align >>> 0));
      for (const { which, nth, n, size, align } of calls) {
        const bytes = size >>> 0, product = (n >>> 0) * bytes, at = out.length === 0 ? -1 : nth % out.length;
        if (which === "malloc") add(c.malloc(size), bytes, 16);
        else if (which === "calloc") {
          const p = c.calloc(n, size);
          if (p !== 0) assertZero(heap, p, product);
          add(p, product, 16);
        } else if (which === "aligned_alloc") {
          const p = c.aligned_alloc(align, size);
          assert(p === 0 || isPower(align));
          add(p, bytes, align);
        } else if (which === "memalign") add(c.memalign(align, size), bytes, isPower(align) ? align >>> 0 : 16);
        else if (which === "posix_memalign") {
          heap.u32[word >>> 2] = 77;
          const e = c.posix_memalign(word, align, size), p = heap.u32[word >>> 2];
          assertEquals(e === EINVAL, !isPower(align) || align >>> 0 < 4);
          if (e === 0) add(p, bytes, align);
          else assertEquals(p, 77);
        } else if (at >= 0) {
          const b = out[at];
          assertFilled(heap, b.p, b.size, b.byte);
          if (which === "malloc_usable_size") assertEquals(c.malloc_usable_size(b.p), b.size);
          else {
            out.splice(at, 1);
            if (which === "free") c.free(b.p | 0);
            else {
              const to = which === "realloc" ? bytes : product;
              const p = which === "realloc" ? c.realloc(b.p | 0, size) : c.reallocarray(b.p | 0, n, size);
              if (p === 0 && !(frees && to === 0)) out.push(b); // as it was, which is looked at later
              else if (p !== 0) {
                assertFilled(heap, p, Math.min(b.size, to), b.byte);
                add(p, blocks.sizeOf(p), 16);
                assert(blocks.sizeOf(p) === to || p === b.p && to < b.size);
              }
            }
          }
        }
        assertEquals(blocks.out.size, out.length + 1);
      }
      for (const { p, size, byte } of out) {
        assertFilled(heap, p, size, byte);
        c.free(p);
      }
      c.free(word);
      assertEquals([blocks.out.size, blocks.garbage], [0, []]);
      blocks.deinit();
      assertAllFree(heap);
    }),
    { numRuns: 150 },
  );
});
