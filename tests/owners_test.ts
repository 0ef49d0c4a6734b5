import {
  type AnyAllocator,
  type AnyLayer,
  batch,
  bonwick,
  bypass,
  bytealloc,
  bytefree,
  chunk,
  debug,
  enter,
  ForeignFreeError,
  general,
  type Heap,
  heap as defaultHeap,
  init,
  mmap,
  pipe,
  stats,
} from "../mod.ts";
import { addOwner, keep, type Owner, ownerAt } from "../owners.ts";
import { holds } from "../layers/holds.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap } from "./kit.ts";

const open = (layer: AnyLayer): AnyAllocator => init(layer) as AnyAllocator;

/** What is said of freeing `p` in a. */
function saidBy(a: AnyAllocator, p: number): string {
  const e = assertThrows(() => a.put(p, 100), ForeignFreeError) as ForeignFreeError;
  return e.message.split("\n")[0].replace(/^Cannot free: \d+ is no block of this allocator/, "").replace(/^, but /, "");
}

// First, as these are about what was there before any debug(...) had been opened, or a region entered, in this process

const early = open(batch(mmap(freshHeap())));

Deno.test("owners: the ground region is always among them", () => {
  const a = open(debug(bonwick(mmap()))), p = bytealloc(100);
  assertEquals(saidBy(a, p), "in memory of stats(bonwick(batch(mmap)))");
  bytefree(p, 100);
  a.deinit();
});

Deno.test("owners: what was there before anybody asked is not kept, but for regions", () => {
  const { heap } = early, p = early.get(100);
  const a = open(debug(mmap(heap)));
  assertEquals(saidBy(a, p), "");
  enter(early, () => {
    enter(a, () => assertEquals(saidBy(a, p), "one of batch(mmap)")); // the region around it
  });
  assertAllFree(heap);
});

Deno.test("owners: a free says whose the block is", () => {
  const heap = freshHeap(), a = open(debug(mmap(heap), { depth: 0 })), b = open(stats(batch(mmap(heap))));
  const p = b.get(100), other = open(debug(bypass(mmap(heap)), { depth: 2 })), q = other.get(100);
  assertEquals(saidBy(a, p), "one of stats(batch(mmap))");
  assertEquals(saidBy(a, q), "one of debug(bypass(mmap), 2, 262144)");
  assertEquals(saidBy(other, p), "one of stats(batch(mmap))");
  b.deinit();
  assertEquals(saidBy(a, p), ""); // it is closed
  other.put(q, 100);
  assertEquals(saidBy(a, q), ""); // and not its any more
  const leaked = other.get(100);
  other.deinit();
  assertEquals(saidBy(a, leaked), "");
  heap.putPages(leaked - 16, 1);
  a.deinit();
  assertAllFree(heap);
});

Deno.test("owners: what is in memory of some layer", () => {
  const a = open(debug(bonwick(mmap()))), b = open(general()), p = b.get(100);
  assert(saidBy(a, p).startsWith("in memory of split("));
  b.put(p, 100);
  b.deinit();
  a.deinit();
});

Deno.test("owners: an address in the allocator's own memory, of which it has made no block, is nobody's", () => {
  const heap = freshHeap(), a = open(stats(debug(bonwick(mmap(heap))))), p = a.get(100);
  assertEquals(saidBy(a, p + 8000), "");
  a.put(p, 100);
  a.deinit();
});

Deno.test("owners: a region inside of another has its memory of that, and is named first", () => {
  const outer = open(bonwick(mmap())), a = open(debug(mmap()));
  enter(outer, () => {
    const inner = open(chunk(pipe(), 4096)), p = inner.get(100);
    assertEquals(saidBy(a, p), "one of chunk(pipe, 4096)");
    const other = open(bonwick(pipe()));
    assertEquals(saidBy(a, other.get(100)), "in memory of bonwick(batch(pipe))");
    other.deinit();
    inner.deinit();
  });
  a.deinit();
});

Deno.test("owners: one in another heap has no say", () => {
  const heap = freshHeap(), a = open(debug(mmap(heap))), b = open(batch(mmap(freshHeap()))), p = b.get(100);
  assert(b.owns(p));
  assertEquals(saidBy(a, p), "");
  b.deinit();
  a.deinit();
});

/** One that says the same of any address. */
const fake = (heap: Heap, name: string, owns: () => boolean, outside?: Owner): Owner => ({
  heap,
  _outside: outside,
  _name: () => name,
  _owns: owns,
  _holds: () => false,
});

Deno.test("owners: one that throws has no say, and chains are followed once", () => {
  const heap = freshHeap();
  const outer = fake(heap, "outer", () => true), chain: Owner[] = [outer];
  const wild = fake(heap, "wild", () => {
    throw new Error("no");
  }, outer);
  keep(wild);
  assertEquals(ownerAt(heap, 16, undefined), "one of outer");
  for (let i = 0; i < 500; i++) {
    chain.push(fake(heap, "inner", () => false, chain.at(-1)));
    addOwner(chain.at(-1)!);
  }
  assertEquals(ownerAt(heap, 16, undefined), "one of outer");
  assertEquals(ownerAt(defaultHeap, 16, undefined), "");
});

Deno.test("owners: what a stack holds, down to a layer", () => {
  const heap = freshHeap(), stack = stats(bonwick(mmap(heap))), s = stack.init(), p = stack.get(s, 100);
  const big = stack.get(s, 5000);
  for (const at of [p, p + 50, p + 4000, big, big + 4999]) assert(holds(stack, s, at), `${at}`);
  for (const at of [16, big + 8192 * 100, 2 ** 32 - 16]) assert(!holds(stack, s, at), `${at}`);
  assert(!holds(stack, s, p, s.base));
  stack.deinit(s);
  assert(!holds(stack, s, p));
  assertAllFree(heap);
});
