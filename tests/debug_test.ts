import {
  type AnyAllocator,
  type AnyLayer,
  batch,
  bonwick,
  bypass,
  bytealloc,
  bytefree,
  check,
  chunk,
  coalesce,
  debug,
  DoubleFreeError,
  enter,
  fail,
  ForeignFreeError,
  general,
  type Heap,
  init,
  InteriorFreeError,
  LeakError,
  type MemoryError,
  mmap,
  OverrunError,
  specialise,
  stats,
  std,
  trace,
  UnderrunError,
  WriteAfterFreeError,
  WrongSizeError,
} from "../mod.ts";
import { parseCallStack } from "../call_stack.ts";
import { nameOf } from "../describe.ts";
import { enter as enterInto, entries, entryAt, LARGE, newBook, rowFor } from "../layers/book.ts";
import type { DebugOptions } from "../layers/debug.ts";
import { endOf } from "../layers/fences.ts";
import { blockAt } from "../layers/known.ts";
import { MOST_GONE } from "../layers/past.ts";
import { type Watched, watched, type Watcher } from "../layers/watched.ts";
import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap, PAGE, random } from "./kit.ts";

type Class = new (what: string, address: number) => MemoryError;
type State = Watched<unknown>;

const SIZES = [0, 1, 7, 8, 13, 16, 100, 2007, 2048, PAGE, 100_000];

/** Runs a test with layers specialised and plain. */
function test(name: string, f: () => void): void {
  for (const on of [true, false]) {
    Deno.test(`debug: ${name}${on ? "" : ", unspecialised"}`, () => {
      const before = specialise(on);
      try {
        f();
      } finally {
        specialise(before);
      }
    });
  }
}

/** The line of the call of this. */
const line = (): number => parseCallStack(new Error().stack!)[1].line;

const open = (layer: AnyLayer): AnyAllocator => init(layer) as AnyAllocator;

/** Over pages of a heap of its own, and what it has taken of that. */
function over(options: DebugOptions = {}, heap: Heap = freshHeap()) {
  const a = open(debug(stats(mmap(heap)), options)), s = a.state as State & { base: { nalloc: number; nfree: number } };
  return { heap, a, s, out: () => s.base.nalloc - s.base.nfree };
}

/** All that a refused call must leave as it was. */
const snapshot = (s: State) => JSON.stringify([...entries(s), s.head, s.tail, s.heldBytes, s.base]);

/** Asserts that a call is refused, and that nothing but the damage it tells of is changed. */
function refused<T extends MemoryError>(
  a: AnyAllocator,
  f: () => unknown,
  C: new (...args: never[]) => T,
  says = "",
): T {
  const s = a.state as State, before = snapshot(s);
  const e = assertThrows(f, C as never, says) as T;
  assertStrictEquals(e.constructor as unknown, C);
  assertEquals(snapshot(s), before);
  assertMatch(e.message, /^Cannot [a-z]/);
  return e;
}

test("blocks are aligned, filled, and fenced on both sides", () => {
  for (const depth of [0, 8]) {
    const { heap, a } = over({ depth });
    for (const size of SIZES) {
      const p = a.get(size), { u8 } = heap;
      assertEquals(p % 16, 0);
      assert(u8.subarray(p, p + size).every((byte) => byte === 0xcd));
      assert(u8.subarray(p - 16, p).every((byte) => byte === 0xfd));
      const end = endOf(p, size);
      assert(end - p - size >= 9 && end - p - size <= 16);
      assert(u8.subarray(p + size, end).every((byte) => byte === 0xfd));
      u8.fill(1, p, p + size);
      a.put(p, size);
      assert(u8.subarray(p, p + size).every((byte) => byte === 0xdd));
    }
    a.deinit();
    assertAllFree(heap);
  }
});

test("a double free: where it was allocated, freed, and freed again", () => {
  const { heap, a } = over();
  for (const size of SIZES) {
    const p = a.get(size), got = line();
    a.put(p, size);
    const freed = line() - 1;
    const e = refused(a, () => a.put(p, size), DoubleFreeError, "it has been freed before"), now = line();
    assertEquals([e.address, e.block], [p, { address: p, size }]);
    assertEquals([e.allocated[0].line, e.freed[0].line], [got, freed]);
    for (const frame of [e.allocated[0], e.freed[0]]) assert(frame.file.endsWith("/debug_test.ts"));
    const [, at] = e.message.match(/\n {2}at\n.*debug_test\.ts:(\d+)/)!;
    assertEquals(Number(at), now);
    refused(a, () => a.put(p, size + 1), DoubleFreeError);
  }
  a.deinit();
  assertAllFree(heap);
});

test("a double free after 10,000 operations, and with its slab gone", () => {
  for (const options of [{}, { quarantine: 0 }, { depth: 0 }, { depth: 0, quarantine: 1000 }]) {
    const heap = freshHeap(), a = open(debug(bonwick(mmap(heap)), options)), pick = random(3);
    const p = a.get(40);
    a.put(p, 40);
    const live = Array.from({ length: 50 }, () => [a.get(3000), 3000]);
    for (let i = 0; i < 5000; i++) {
      const [q, size] = live[i % 50], next = 2100 + pick(3000);
      a.put(q, size);
      live[i % 50] = [a.get(next), next];
    }
    const e = refused(a, () => a.put(p, 40), DoubleFreeError);
    assertEquals(e.freed.length > 0, options.depth === undefined);
    for (const [q, size] of live) a.put(q, size);
    a.deinit();
    assertAllFree(heap);
  }
  const { heap, a, out } = over({ quarantine: 0 });
  const p = a.get(40), got = line();
  a.put(p, 40); // and its page is nobody's
  assertEquals(out(), 0);
  const e = refused(a, () => a.put(p, 40), DoubleFreeError);
  assertEquals([e.allocated[0].line, e.freed[0].line], [got, got + 1]);
  const q = a.get(40);
  assertEquals(q, p); // the address is another block's, which can be freed
  a.put(q, 40);
  a.deinit();
  assertAllFree(heap);
});

test("of blocks long gone it is still known that they were, if not where", () => {
  const { a } = over({ quarantine: 0, depth: 1 }), s = a.state as State;
  const blocks = Array.from({ length: MOST_GONE + 10 }, () => a.get(10));
  for (const p of blocks) a.put(p, 10);
  assertEquals(s.past!.gone.size, MOST_GONE);
  assertEquals(s.past!.kept.size, 0);
  assertEquals(refused(a, () => a.put(blocks[0], 10), DoubleFreeError).freed, []);
  assertEquals(refused(a, () => a.put(blocks.at(-1)!, 10), DoubleFreeError).freed.length > 0, true);
  a.deinit();
});

test("a free inside of a block, beside it, and inside of a freed one", () => {
  for (const size of SIZES) {
    const { heap, a } = over(), p = a.get(size), got = line();
    const cases: [at: number, says: string][] = [
      [p - 16, `16 bytes in front of the block`],
      [p - 1, "1 byte in front of the block"],
      [endOf(p, size) - 1, `${endOf(p, size) - 1 - p - size} bytes behind the end of the block`],
    ];
    if (size > 1) cases.push([p + 1, "1 byte inside the block"], [p + size - 1, "inside the block"]);
    for (const [at, says] of cases) {
      const e = refused(a, () => a.put(at, size), InteriorFreeError, says);
      assertEquals([e.address, e.block!.address, e.allocated[0].line], [at, p, got]);
    }
    a.put(p, size);
    for (const [at, says] of cases) {
      const e = refused(a, () => a.put(at, size), InteriorFreeError, says);
      assertMatch(e.message, /, which has been freed\n/);
    }
    a.deinit();
    assertAllFree(heap);
  }
});

test("what was a block, and is in another now", () => {
  const heap = freshHeap(), a = open(debug(coalesce(mmap(heap)), { quarantine: 0 }));
  const blocks = Array.from({ length: 10 }, () => a.get(100));
  for (const p of blocks) a.put(p, 100);
  const big = a.get(1500);
  assert(blocks[5] > big && blocks[5] < big + 1500);
  refused(a, () => a.put(blocks[5], 100), InteriorFreeError, `inside the block of 1,500 B at ${big}`);
  a.put(big, 1500);
  refused(a, () => a.put(blocks[5], 100), DoubleFreeError, "the block of 100 B");
  const small = [1, 2, 3, 4].map(() => a.get(100));
  assert(small[3] > big && small[3] < big + 1500);
  refused(a, () => a.put(small[3] + 1, 100), InteriorFreeError, "1 byte inside the block of 100 B");
  for (const p of small) a.put(p, 100);
  a.deinit();
  assertAllFree(heap);
});

test("a free of what is no block at all", () => {
  const { heap, a } = over(), p = a.get(100);
  for (const wrong of [1, 16, p + 4000, 2 ** 31, 2 ** 32 - 16, 2 ** 32 - 1]) {
    const e = refused(a, () => a.put(wrong, 100), ForeignFreeError, `${wrong} is no block of this allocator`);
    assertEquals([e.address, e.block, e.allocated], [wrong, undefined, []]);
  }
  a.put(p, 100);
  a.deinit();
  assertAllFree(heap);
});

test("a free with another size", () => {
  const { heap, a } = over();
  for (const size of SIZES) {
    const p = a.get(size), got = line();
    for (const wrong of [0, 1, size - 1, size + 1, size + 2 ** 24, 2 ** 32 - 1]) {
      if (wrong === size || wrong < 0) continue;
      const e = refused(a, () => a.put(p, wrong), WrongSizeError, `got ${wrong.toLocaleString("en")}`);
      assertEquals([e.block, e.allocated[0].line], [{ address: p, size }, got]);
      refused(a, () => a.resize(p, wrong, 10), WrongSizeError, "Cannot resize: ");
    }
    a.put(p, size);
  }
  a.deinit();
  assertAllFree(heap);
});

/** What looks at a block, and does what it says once the damage is mended. */
const LOOKS: Record<string, (a: AnyAllocator, p: number, size: number) => unknown> = {
  free: (a, p, size) => a.put(p, size),
  resize: (a, p, size) => a.resize(p, size, size) && a.put(p, size),
  verify: (a, p, size) => (a.verify(), a.put(p, size)),
};

for (const [action, look] of Object.entries(LOOKS)) {
  test(`writes around a block, found by ${action}`, () => {
    for (const depth of [0, 8]) {
      const { heap, a } = over({ depth });
      for (const size of SIZES) {
        const ends = endOf(0, size) - 1;
        const cases: [C: Class, offset: number][] = [
          [UnderrunError, -1],
          [UnderrunError, -16],
          [OverrunError, size],
          [OverrunError, size + 1],
          [OverrunError, ends - 1],
          [OverrunError, ends],
        ];
        for (const [C, offset] of cases) {
          const p = a.get(size), got = line();
          heap.u8.fill(0x2a, p, p + size);
          heap.u8[p + offset] = 0x2b;
          const where = C === OverrunError ? "behind the end of" : "in front of";
          const e = refused(a, () => look(a, p, size), C, `Cannot ${action}: 1 byte ${where} the block`);
          assertMatch(e.message, new RegExp(`has been overwritten, at offset ${offset}: 2b(\n|$)`));
          assertEquals([e.address, e.block], [p + offset, { address: p, size }]);
          assertEquals(e.allocated[0]?.line, depth === 0 ? undefined : got);
          assert(heap.u8.subarray(p, p + size).every((byte) => byte === 0x2a));
          assert(heap.u8[p + offset] === 0xfd);
          look(a, p, size);
        }
      }
      a.deinit();
      assertAllFree(heap);
    }
  });
}

test("any byte of a fence, at any size", () => {
  const { heap, a } = over({ depth: 0 });
  for (let size = 0; size < 34; size++) {
    const p = a.get(size);
    for (let at = p - 16; at < endOf(p, size); at++) {
      if (at >= p && at < p + size) continue;
      heap.u8[at] ^= 1;
      refused(a, () => a.put(p, size), at < p ? UnderrunError : OverrunError, `at offset ${at - p}: fc`);
    }
    a.put(p, size);
  }
  a.deinit();
  assertAllFree(heap);
});

test("how much has been overwritten, and with what", () => {
  const { heap, a } = over(), p = a.get(5);
  heap.u8.set([1, 2, 3], p + 5);
  refused(a, () => a.put(p, 5), OverrunError, "3 bytes behind the end of the block of 5 B at");
  heap.u8.set([1, 2, 0xfd, 4], p + 5);
  refused(a, () => a.put(p, 5), OverrunError, "have been overwritten, from offset 5 on: 01 02 fd 04");
  heap.u8.fill(0, p - 16, p + 21);
  refused(a, () => a.put(p, 5), UnderrunError, "16 bytes in front of");
  refused(a, () => a.put(p, 5), OverrunError, "11 bytes behind the end of");
  heap.u8.fill(0, p - 16, p);
  refused(a, () => a.put(p, 5), UnderrunError, "from offset -16 on: 00 00 00 00 00 00 00 00 ...");
  a.put(p, 5);
  a.deinit();
  assertAllFree(heap);
});

test("a write to a freed block, found by verify", () => {
  for (const depth of [0, 8]) {
    const { heap, a } = over({ depth });
    for (const size of SIZES) {
      for (const offset of [-8, -1, 0, Math.max(0, size - 1), size, size - size % 8 + 7]) {
        const p = a.get(size), got = line();
        a.put(p, size);
        heap.u8[p + offset] = 0x2b;
        const e = refused(a, () => a.verify(), WriteAfterFreeError, "has been overwritten after it was freed");
        assertMatch(e.message, new RegExp(`, at offset ${offset}: 2b(\n|$)`));
        assertEquals([e.address, e.block], [p + offset, { address: p, size }]);
        assertEquals(e.allocated[0]?.line, depth === 0 ? undefined : got);
        assertEquals(e.freed[0]?.line, depth === 0 ? undefined : got + 1);
        a.verify(); // told once
      }
    }
    a.deinit();
    assertAllFree(heap);
  }
});

test("a write to a freed block, found when it leaves the quarantine, does not go unnoticed, nor is another lost", () => {
  for (const depth of [0, 8]) {
    const { heap, a, s } = over({ depth, quarantine: 1000 });
    const p = a.get(100);
    a.put(p, 100);
    heap.u8[p + 99] = 1;
    const others = Array.from({ length: 20 }, () => a.get(100));
    let found = 0;
    for (const q of others) {
      heap.u8.fill(7, q, q + 100);
      const before = s.base.nfree;
      try {
        a.put(q, 100);
      } catch (e) {
        assert(e instanceof WriteAfterFreeError);
        assertMatch(e.message, /^Cannot free: 1 byte of the block of 100 B at \d+ has been overwritten after/);
        assertMatch(e.message, /, at offset 99: 01; found as another block is freed(\n {2}found at\n|$)/);
        assertEquals(e.block, { address: p, size: 100 });
        assertEquals(s.base.nfree, before);
        assert(a.owns(q) && heap.u8.subarray(q, q + 100).every((byte) => byte === 7));
        found++;
        a.put(q, 100);
      }
    }
    assertEquals(found, 1);
    a.deinit();
    assertAllFree(heap);
  }
});

test("the quarantine is bounded, and what is freed first leaves it first", () => {
  for (const quarantine of [0, 39, 40, 100, 1000, 5000, 2 ** 18]) {
    const heap = freshHeap(), a = open(debug(general(heap), { depth: 0, quarantine })), s = a.state as State;
    const pick = random(5), freed: number[] = [], most: number[] = [];
    for (let i = 0; i < 8000; i++) {
      const size = pick(200), p = a.get(size);
      const again = freed.indexOf(p);
      if (again >= 0) freed.splice(0, again + 1); // those freed before have all left
      a.put(p, size);
      freed.push(p);
      let held = 0;
      for (let at = s.head; at < s.tail; at += 2) held += endOf(16, s.queue[at + 1]);
      if (i % 100 === 0) assertEquals(s.heldBytes, held);
      assert(s.heldBytes <= quarantine);
      most.push(s.heldBytes);
    }
    assert(quarantine < 1000 || Math.max(...most) > quarantine * 0.8);
    a.deinit();
    assertAllFree(heap);
  }
});

test("a block larger than the quarantine goes back at once, and others stay", () => {
  const { heap, a, out } = over({ quarantine: 1000 });
  const small = a.get(100), big = a.get(5000), large = a.get(LARGE);
  a.put(small, 100);
  assertEquals(out(), 3);
  a.put(big, 5000);
  assertEquals(out(), 2);
  a.put(large, LARGE);
  assertEquals(out(), 1);
  refused(a, () => a.put(big, 5000), DoubleFreeError);
  refused(a, () => a.put(large, LARGE), DoubleFreeError);
  heap.u8[small] = 0;
  refused(a, () => a.verify(), WriteAfterFreeError);
  a.deinit();
  assertAllFree(heap);
});

test("memory runs out no earlier for the quarantine", () => {
  for (const depth of [0, 8]) {
    const heap = freshHeap({ initial: 4, maximum: 4 }), { a } = over({ depth }, heap);
    for (let i = 0; i < 1000; i++) {
      const p = a.get(100_000);
      assert(p !== 0);
      a.put(p, 100_000);
    }
    const p = a.get(200_000), s = a.state as State;
    assert(p !== 0);
    const q = a.get(10);
    a.put(q, 10);
    const before = [...entries(s)].length;
    assertEquals([a.get(200_000), a.get(2 ** 32 - 1), a.get(2 ** 32 - 30)], [0, 0, 0]);
    assertEquals([...entries(s)].length, before);
    a.put(p, 200_000);
    a.deinit();
    assertAllFree(heap);
  }
});

test("a write to a freed block, found when memory has run out", () => {
  const heap = freshHeap({ initial: 1, maximum: 1 }), { a } = over({ depth: 0 }, heap);
  const p = a.get(30_000);
  a.put(p, 30_000);
  heap.u32[p + 8 >>> 2] = 0x04030201;
  const e = refused(a, () => a.get(40_000), WriteAfterFreeError, "Cannot allocate: 4 bytes of the block");
  assertMatch(e.message, /from offset 8 on: 01 02 03 04; found as memory has run out/);
  const q = a.get(40_000);
  assert(q !== 0);
  a.put(q, 40_000);
  a.deinit();
  assertAllFree(heap);
});

test("the layer below is asked again only for what has left the quarantine", () => {
  const heap = freshHeap(), a = open(debug(fail(mmap(heap), 2)));
  const p = a.get(10);
  assertEquals(a.get(10), 0);
  a.put(p, 10);
  a.deinit();
  const b = open(debug(fail(mmap(heap), 2))), q = b.get(10);
  b.put(q, 10);
  assertEquals(b.get(10), q);
  b.deinit();
});

test("verify tells of one block after another, and changes nothing else", () => {
  const { heap, a } = over(), blocks = [10, 20, 30].map((size) => a.get(size));
  a.put(blocks[2], 30);
  a.verify();
  heap.u8[blocks[0] + 10] = heap.u8[blocks[1] - 1] = heap.u8[blocks[2]] = 0;
  refused(a, () => a.verify(), OverrunError, "; 2 other blocks are damaged, too");
  refused(a, () => a.verify(), UnderrunError, "; 1 other block is damaged, too");
  const e = refused(a, () => a.verify(), WriteAfterFreeError);
  assert(!e.message.includes("other block"));
  a.verify();
  a.put(blocks[0], 10);
  a.put(blocks[1], 20);
  a.deinit();
  assertAllFree(heap);
});

test("verify looks at the layers below, too", () => {
  const heap = freshHeap(), below = debug(mmap(heap)), stack = debug(below), s = stack.init();
  const p = stack.get(s, 100), from = p - 16;
  heap.u8[from - 1] = 0;
  assertThrows(() => stack.verify(s), UnderrunError);
  stack.verify(s);
  stack.put(s, p, 100);
  stack.deinit(s);
  assertAllFree(heap);
});

test("deinit gives everything back, and then tells what it has found", () => {
  const { heap, a } = over({}), batched = open(debug(batch(mmap(heap))));
  const p = a.get(100), q = a.get(200);
  a.put(p, 100);
  a.put(q, 200);
  heap.u8[p] = heap.u8[q] = 0;
  const e = assertThrows(() => a.deinit(), WriteAfterFreeError, "Cannot close: "), now = line();
  assertMatch(e.message, /; 1 other block is damaged, too\n/);
  assertMatch(e.message, new RegExp(`found at\n.*debug_test\\.ts:${now}:`));
  assert(a.closed);
  const r = batched.get(100);
  batched.put(batched.get(5000), 5000);
  heap.u8[r + 100] = 0;
  assertThrows(() => batched.deinit(), OverrunError);
  assertAllFree(heap);
});

test("what the layer below refuses is as it was", () => {
  const heap = freshHeap();
  let refuses = false;
  const base = batch(mmap(heap)),
    stubborn: AnyLayer = {
      ...base,
      put: (s, p, size) => {
        if (refuses) throw new Error("Cannot put: not now");
        base.put(s, p, size);
      },
    };
  for (const options of [{ quarantine: 0 }, { quarantine: 200 }]) {
    const a = open(debug(stubborn, options)), s = a.state as State, blocks = [1, 2, 3, 4].map(() => a.get(100));
    for (const p of blocks) {
      for (refuses of [true, false]) {
        const before = JSON.stringify([...entries(s)]), held = s.heldBytes;
        try {
          a.put(p, 100);
        } catch (e) {
          assertEquals((e as Error).message, "Cannot put: not now");
          assertEquals([JSON.stringify([...entries(s)]), s.heldBytes], [before, held]);
          assert(a.owns(p));
          continue;
        }
        assert(!a.owns(p));
        break;
      }
    }
    refuses = true;
    if (options.quarantine > 0) assertThrows(() => a.deinit(), Error, "not now");
    else a.deinit();
    refuses = false;
  }
  assertAllFree(heap); // batch was closed all the same
});

test("resize moves the fence, keeps what is there, and fills what is new", () => {
  for (const depth of [0, 8]) {
    const { heap, a, s } = over({ depth }), pick = random(7);
    let size = 100;
    const p = a.get(size), got = line();
    heap.u8.fill(0x2a, p, p + size);
    for (let i = 0; i < 300; i++) {
      const to = pick(3) === 0 ? pick(9000) : Math.max(0, size + pick(20) - 10), kept = Math.min(size, to);
      if (!a.resize(p, size, to)) continue;
      assert(heap.u8.subarray(p, p + kept).every((byte) => byte === 0x2a));
      assert(heap.u8.subarray(p + kept, p + to).every((byte) => byte === 0xcd));
      assertEquals(a.sizeOf(p), to);
      heap.u8.fill(0x2a, p, p + to);
      a.verify();
      size = to;
    }
    assertEquals(a.resize(p, size, 2 ** 32 - 1), false);
    heap.u8[p + size] = 0;
    refused(a, () => a.resize(p, size, size + 1), OverrunError, "Cannot resize: ");
    const e = refused(a, () => a.put(p, size + 1), WrongSizeError);
    assertEquals(e.allocated[0]?.line, depth === 0 ? undefined : got);
    a.put(p, size);
    refused(a, () => a.resize(p, size, 10), DoubleFreeError, "Cannot resize ");
    refused(a, () => a.resize(p + 1, size, 10), InteriorFreeError);
    refused(a, () => a.resize(16, size, 10), ForeignFreeError);
    assertEquals(s.head < s.tail, true);
    a.deinit();
    assertAllFree(heap);
  }
});

test("reset takes everything, and knows it afterwards", () => {
  for (const depth of [0, 8]) {
    const heap = freshHeap(), a = open(debug(batch(mmap(heap)), { depth }));
    const p = a.get(100), q = a.get(100), got = line();
    a.put(q, 100);
    heap.u8[p + 100] = 0;
    refused(a, () => a.reset(), OverrunError, "Cannot reset: ");
    heap.u8[q] = 0;
    refused(a, () => a.reset(), WriteAfterFreeError, "Cannot reset: ");
    a.reset();
    const reset = line() - 1;
    const e = refused(a, () => a.put(p, 100), DoubleFreeError, "it went with a reset");
    if (depth > 0) assertEquals([e.allocated[0].line, e.freed[0].line], [got, reset]);
    refused(a, () => a.put(q, 100), DoubleFreeError, "it has been freed before");
    assertEquals([a.owns(p), a.sites()], [false, []]);
    const r = a.get(100);
    a.put(r, 100);
    a.deinit();
    assertAllFree(heap);
  }
});

test("owns and sizeOf know the blocks that are out, and sites where they come from", () => {
  const { heap, a } = over(), { a: bare } = over({ depth: 0 }, heap);
  const make = (b: AnyAllocator, size: number) => b.get(size), made = line();
  const blocks = [10, 2000, 2000].map((size) => make(a, size)), got = line();
  blocks.push(a.get(0));
  assertEquals(blocks.map((p) => [a.owns(p), a.sizeOf(p)]), [10, 2000, 2000, 0].map((size) => [true, size]));
  assertEquals([a.owns(0), a.owns(blocks[1] + 16), a.owns(2 ** 32 - 1)], [false, false, false]);
  assertEquals([bare.owns(blocks[0]), bare.sites()], [false, []]);
  const [site, second] = a.sites();
  assertEquals([site.count, site.bytes, site.sampled], [3, 4010, 3]);
  assertEquals(site.frames.slice(0, 2).map((frame) => frame.line), [made, got]);
  assertEquals([second.count, second.bytes, second.frames[0].line], [1, 0, got + 1]);
  a.put(blocks[1], 2000);
  assertEquals([a.owns(blocks[1]), a.sites()[0].bytes], [false, 2010]);
  const p = bare.get(30), q = bare.get(12);
  assertEquals(bare.sites(), [{ count: 2, bytes: 42, sampled: 2, frames: [] }]);
  bare.put(p, 30);
  bare.put(q, 12);
  assertEquals(bare.sites(), []);
  bare.deinit();
  for (const [p, size] of [[blocks[0], 10], [blocks[2], 2000], [blocks[3], 0]]) a.put(p, size);
  a.deinit();
  assertAllFree(heap);
});

test("blocks of any alignment are fenced where they start", () => {
  for (const depth of [0, 8]) {
    const { heap, a } = over({ depth });
    for (const align of [1, 8, 16, 32, 64, 4096, 65536]) {
      for (const size of [0, 5, 1000]) {
        const p = a.get(size, align as 16);
        assertEquals(p % Math.max(16, align), 0);
        heap.u8[p - 1] = 0;
        refused(a, () => a.put(p, size), UnderrunError, "at offset -1: 00");
        assert(a.resize(p, size, size + 3));
        heap.u8[p + size + 3] = 0;
        refused(a, () => a.put(p, size + 3), OverrunError);
        a.put(p, size + 3);
        refused(a, () => a.put(p, size + 3), DoubleFreeError);
        heap.u8[p] = 0;
        refused(a, () => a.verify(), WriteAfterFreeError);
      }
    }
    a.deinit();
    assertAllFree(heap);
  }
});

test("aligned blocks leave the quarantine as they came", () => {
  const heap = freshHeap(), a = open(debug(chunk(mmap(heap), 65536), { depth: 0, quarantine: 3000 })), pick = random(2);
  for (let i = 0; i < 2000; i++) {
    const size = pick(100), p = a.get(size, 1 << pick(9) as 16);
    a.put(p, size);
  }
  a.deinit();
  assertAllFree(heap);
});

test("goodSize is what fits between the fences", () => {
  const { heap, a } = over();
  assertEquals([a.goodSize(0), a.goodSize(100), a.goodSize(4071), a.goodSize(4072)], [4071, 4071, 4071, 8167]);
  assertEquals(a.goodSize(2 ** 32 - 1), 2 ** 32 - 1);
  const p = a.get(4071), free = heap.free.pages, q = a.get(100);
  assertEquals(free - heap.free.pages, 1);
  a.put(p, 4071);
  a.put(q, 100);
  a.deinit();
});

test("large blocks, whose sizes are kept apart", () => {
  const heap = freshHeap(), { a } = over({ depth: 0, quarantine: 2 ** 27 }, heap);
  for (const size of [LARGE - 1, LARGE, LARGE + 1, 2 ** 24, 2 ** 24 + 5, 2 ** 25]) {
    const p = a.get(size);
    assertEquals([a.owns(p), a.sizeOf(p)], [true, size]);
    if (size >= 2 ** 24) refused(a, () => a.put(p, size % 2 ** 24), WrongSizeError);
    heap.u8[p + size] = 0;
    refused(a, () => a.put(p, size), OverrunError);
    assert(a.resize(p, size, size - 10));
    a.put(p, size - 10);
    refused(a, () => a.put(p, size - 10), DoubleFreeError);
    heap.u8[p + size - 11] = 0;
    refused(a, () => a.verify(), WriteAfterFreeError);
  }
  a.deinit();
  assertAllFree(heap);
});

test("it stands below check, stats and trace, and tells them where", () => {
  const heap = freshHeap();
  for (const trial of [check(stats(debug(mmap(heap)))), check(trace(stats(debug(batch(mmap(heap))))))]) {
    const a = open(trial as AnyLayer);
    const p = a.get(100), got = line();
    const e = assertThrows(() => a.deinit(), LeakError);
    assertEquals([e.blocks, e.bytes, e.sites[0].frames[0].line], [1, 100, got]);
    if (!nameOf(trial).includes("batch")) heap.putPages(p - 16, 1);
  }
  const bare = open(check(stats(debug(batch(mmap(heap)), { depth: 0 }))));
  bare.get(100);
  assertThrows(() => bare.deinit(), LeakError, "1 block, 100 B, allocated at\n    a place that was not recorded");
  const a = open(check(stats(debug(batch(mmap(heap)))))), p = a.get(10);
  heap.u8[p + 10] = 0;
  assertThrows(() => a.put(p, 10), OverrunError);
  assertEquals(a.gauge().nfree, 0); // refused: not counted
  a.put(p, 10);
  a.deinit();
  assertAllFree(heap);
});

test("a region: what std cannot put is as it was", () => {
  const a = open(check(stats(debug(bonwick(mmap())))));
  enter(a, () => {
    const p = bytealloc(100), { u8 } = a.heap;
    u8.fill(7, p, p + 100);
    u8[p + 100] = 0;
    assertThrows(() => std.realloc(p, 100, 5000), OverrunError);
    assertEquals([a.gauge().nalloc - a.gauge().nfree, u8[p], u8[p + 99]], [1, 7, 7]);
    const q = std.realloc(p, 100, 5000);
    assertEquals([u8[q], u8[q + 99], u8[q + 100]], [7, 7, 0xcd]);
    bytefree(q, 5000);
    assertThrows(() => bytefree(q, 5000), DoubleFreeError);
  });
});

test("a watcher is told of all that happens to memory", () => {
  const heap = freshHeap(), calls: unknown[][] = [];
  const watcher: Watcher = {
    got: (...args) => void calls.push(["got", ...args]),
    freed: (...args) => void calls.push(["freed", ...args]),
    resized: (...args) => void calls.push(["resized", ...args]),
    released: (...args) => void calls.push(["released", ...args]),
    left: (...args) => void calls.push(["left", ...args]),
  };
  const told = () => calls.splice(0);
  const stack = watched(batch(mmap(heap)), 0, 1000, watcher), s = stack.init();
  const p = stack.get(s, 100), q = stack.get(s, 50, 64);
  assertEquals(told(), [["got", p, 100, p - 16, p + 112], ["got", q, 50, q - 64, q + 64]]);
  stack.resize(s, p, 100, 90);
  assertEquals(told(), [["resized", p, 100, 90]]);
  stack.put(s, p, 90);
  stack.put(s, q, 50);
  assertEquals(told(), [["freed", p, 90], ["freed", q, 50]]);
  const big = stack.get(s, 5000), r = stack.get(s, 900);
  told();
  stack.put(s, big, 5000);
  assertEquals(told(), [["released", big - 16, big + 5016]]);
  stack.put(s, r, 900);
  assertEquals(told(), [["released", p - 16, p + 104], ["released", q - 64, q + 64], ["freed", r, 900]]);
  const t = stack.get(s, 1);
  told();
  stack.reset(s);
  assertEquals(told().sort(), [["released", r - 16, r + 912], ["released", t - 16, t + 16]].sort());
  const u = stack.get(s, 1), v = stack.get(s, 2);
  stack.put(s, u, 1);
  told();
  stack.deinit(s);
  assertEquals(told().sort(), [["left", u - 16, u + 16], ["left", v - 16, v + 16]].sort());
  assertAllFree(heap);
});

test("blockAt finds the block by any of its bytes and fences", () => {
  const { a } = over(), s = a.state as State, p = a.get(100), q = a.get(0);
  for (const at of [p - 16, p, p + 99, p + 111]) {
    const { address, size, live, allocated } = blockAt(s, at)!;
    assertEquals([address, size, live, allocated instanceof Error], [p, 100, true, true]);
  }
  assertEquals([blockAt(s, p - 17), blockAt(s, p + 112)], [undefined, undefined]);
  assertEquals(blockAt(s, q)!.address, q);
  a.put(p, 100);
  assertEquals([blockAt(s, p + 50)!.live, blockAt(s, p + 50)!.freed instanceof Error], [false, true]);
  a.put(q, 0);
  a.deinit();
});

test("high addresses", () => {
  const GIB = 2 ** 30, MIB = 2 ** 20;
  for (const [from, to] of [[2 * GIB - MIB, 2 * GIB + MIB], [4 * GIB - 2 * MIB, 4 * GIB]]) {
    const heap = freshHeap(), end = Math.min(to, 4 * GIB - PAGE);
    assertEquals(heap.getPages(from / PAGE - 1), PAGE);
    const gap = heap.getPages((end - from) / PAGE), rest = to < 4 * GIB ? heap.getPages((4 * GIB - to) / PAGE - 1) : 0;
    assertEquals([gap, rest], [from, to < 4 * GIB ? to : 0]);
    heap.putPages(gap, (end - from) / PAGE);
    const whole = heap.free, pick = random(4);
    for (const depth of [0, 1]) {
      const a = open(debug(general(heap), { depth, quarantine: 100_000 })), out: [number, number][] = [];
      for (let i = 0, failed = 0; failed < 10; i++) {
        const size = pick(pick(4) ? 2000 : 30_000), p = a.get(size, 16 << pick(4) as 16);
        if (p === 0) {
          failed++;
          continue;
        }
        assert(p >= from && p + size <= end);
        heap.u8.fill(i, p, p + size);
        out.push([p, size]);
        if (i % 3 === 0) a.put(...out.splice(pick(out.length), 1)[0]);
      }
      const [p, size] = out.at(-1)!;
      heap.u8[p + size] = 0;
      refused(a, () => a.put(p, size), OverrunError);
      refused(a, () => a.put(p + 1, size), InteriorFreeError);
      a.verify();
      for (const [p, size] of out) a.put(p, size);
      refused(a, () => a.put(p, size), DoubleFreeError);
      a.deinit();
      assertEquals(heap.free, whole);
    }
  }
});

test("what it has depends on what is below", () => {
  const heap = freshHeap(), { resize: _r, goodSize: _g, maxAlign: _m, ...bare } = mmap(heap) as AnyLayer;
  const least = debug(bypass(bare)) as AnyLayer;
  for (
    const name of ["resize", "goodSize", "maxAlign", "reset", "mark", "rewind", "gauge", "window", "pristine"] as const
  ) {
    assertEquals(least[name], undefined, name);
  }
  assertEquals([debug(mmap(heap)).maxAlign, "reset" in debug(chunk(mmap(heap), 4096))], [2 ** 30, true]);
  assertEquals(String(init(debug(mmap(heap), { depth: 0 }))), "debug 0 262144\nmmap");
  assertStrictEquals(debug(mmap(heap)), debug(mmap(heap), { depth: 8 }));
});

Deno.test("debug: its book takes any address, and knows what it was told", () => {
  const b = newBook(), pick = random(11), said = new Map<number, string>();
  for (let i = 0; i < 3000; i++) {
    const p = 16 * (pick(2) ? pick(2 ** 28) : pick(5000) + pick(8) * 2 ** 20),
      size = pick(2) ? pick(2 ** 32) : pick(99);
    const entry = { p, size, prefix: 16 << pick(27), state: 1 + pick(3) };
    enterInto(b, entry);
    said.set(p, JSON.stringify(entry));
  }
  for (const [p, entry] of said) assertEquals(JSON.stringify(entryAt(b, p)), entry);
  assertEquals([...entries(b)].map(({ p }) => p), [...said.keys()].sort((a, b) => a - b));
  for (const p of [8, 2 ** 32 - 8]) assertEquals(entryAt(b, p), undefined);
  let none = 0;
  for (let i = 0; i < 3000; i++) {
    const p = 16 * pick(2 ** 28);
    if (said.has(p)) continue;
    assertEquals(entryAt(b, p), undefined);
    none++;
  }
  assert(none > 2900 && rowFor(b, 16) % 1024 === 1);
});

Deno.test("debug: of blocks that an address has been in, the live one is named", () => {
  const s = { ...debug(mmap()).init(), base: undefined } as State;
  enterInto(s, { p: 160, size: 500, prefix: 16, state: 2 });
  enterInto(s, { p: 320, size: 16, prefix: 16, state: 1 });
  assertEquals([blockAt(s, 325)!.address, blockAt(s, 305)!.address, blockAt(s, 360)!.address], [320, 320, 160]);
});

Deno.test("debug: its book takes a quarter of the memory that blocks start in", () => {
  const heap = freshHeap(), a = open(debug(bonwick(mmap(heap)), { depth: 0, quarantine: 0 })), s = a.state as State;
  for (let i = 0; i < 20_000; i++) a.get(20);
  assert(4 * s.used <= 0.27 * heap.size);
  for (const block of [...entries(s)]) a.put(block.p, block.size);
  const { used } = s;
  for (let i = 0; i < 20_000; i++) a.put(a.get(20), 20);
  assertEquals(s.used, used);
  a.deinit();
});
