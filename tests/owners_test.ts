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
  DoubleFreeError,
  enter,
  fallback,
  fixed,
  ForeignFreeError,
  general,
  type Heap,
  heap as defaultHeap,
  init,
  InteriorFreeError,
  mmap,
  pipe,
  split,
  stats,
  WrongSizeError,
} from "../mod.ts";
import { holds, whoseIs } from "../layers/whose.ts";
import { addOwner, keep, type Owner } from "../owners.ts";
import { assert, assertEquals, assertMatch, assertThrows } from "./assert.ts";
import { assertAllFree, freshHeap, stub } from "./kit.ts";

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
  assertEquals(saidBy(a, q), "it was one of debug(bypass(mmap), 2, 262144), and has been freed");
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

Deno.test("owners: another debug tells where its block was allocated, and freed", () => {
  const heap = freshHeap(), a = open(debug(mmap(heap))), b = open(bypass(debug(batch(mmap(heap)))));
  const allocate = () => b.get(100), free = () => b.put(p, 100), p = allocate();
  const refused = (p: number) => assertThrows(() => a.put(p, 100), ForeignFreeError) as ForeignFreeError;
  const names = (frames: readonly { name: string }[]) => frames.slice(0, 1).map(({ name }) => name);
  let e = refused(p);
  assertEquals([names(e.allocated), names(e.freed), e.block], [["allocate"], [], { address: p, size: 100 }]);
  assertMatch(e.message, /, but one of bypass\(debug\(.*\n {2}at\n(.*\n)+ {2}allocated at\n {4}allocate /);
  assertEquals(saidBy(a, p + 8), `in memory of bypass(debug(batch(mmap), 8, 262144)), in the block of 100 B at ${p}`);
  assertEquals(saidBy(a, p + 100), "in memory of bypass(debug(batch(mmap), 8, 262144))");
  assertEquals(names(refused(p + 100).allocated), ["allocate"]);
  free();
  e = refused(p);
  assertEquals([names(e.allocated), names(e.freed), e.block], [["allocate"], ["free"], { address: p, size: 100 }]);
  b.deinit();
  a.deinit();
  assertAllFree(heap);
});

Deno.test("owners: of a block in memory that a debug below has handed out, that is known", () => {
  const heap = freshHeap(), a = open(debug(mmap(heap))), b = open(bonwick(debug(mmap(heap)))), p = b.get(100);
  const e = assertThrows(
    () => a.put(p, 100),
    ForeignFreeError,
    "in memory of bonwick(batch(debug(",
  ) as ForeignFreeError;
  assert(e.block!.size > 100 && e.block!.address < p && e.allocated.length > 0);
  b.put(p, 100);
  b.deinit();
  a.deinit();
});

Deno.test("owners: two debugs side by side know of each other's blocks", () => {
  const heap = freshHeap(), buffer = heap.getPages(1);
  const a = open(fallback(debug(fixed({ start: buffer, bytes: 4096 }, heap)), debug(mmap(heap)))), p = a.get(100);
  const q = a.get(4096);
  assert(p - buffer < 4096 && q - buffer >= 4096);
  const kept = a.get(100), free = () => a.put(p, 100);
  assertThrows(() => a.put(kept + 8, 100), InteriorFreeError);
  assertThrows(() => a.put(q + 8, 4096), InteriorFreeError);
  free();
  const e = assertThrows(free, DoubleFreeError) as DoubleFreeError;
  assertEquals([e.freed[0].name, e.block], ["free", { address: p, size: 100 }]);
  assertThrows(() => a.put(p, 101), DoubleFreeError);
  assertThrows(() => a.put(buffer + 4000, 16), ForeignFreeError, "is no block of this allocator");
  a.put(kept, 100);
  a.put(q, 4096);
  a.deinit();

  const b = open(split(128, debug(mmap(heap)), debug(bypass(mmap(heap))))), r = b.get(100);
  assertThrows(() => b.put(r, 200), WrongSizeError, `the block at ${r} has 100 bytes, got 200`);
  b.put(r, 100);
  b.deinit();
  heap.putPages(buffer, 1);
  assertAllFree(heap);
});

Deno.test("owners: a debug below another does not speak for it", () => {
  const heap = freshHeap(), a = open(debug(chunk(debug(mmap(heap)), 4096))), p = a.get(100);
  assertEquals(saidBy(a, p + 1000), "");
  a.put(p, 100);
  a.deinit();
  assertAllFree(heap);
});

/** One that says the same of any address. */
const fake = (heap: Heap, owns: () => boolean, outside?: Owner): Owner => ({
  heap,
  layer: { ...stub(heap), owns },
  state: {},
  closed: false,
  _outside: outside,
});

Deno.test("owners: one that throws has no say, and chains are followed once", () => {
  const heap = freshHeap();
  const outer = fake(heap, () => true), chain: Owner[] = [outer];
  const wild = fake(heap, () => {
    throw new Error("no");
  }, outer);
  keep(wild);
  assertEquals(whoseIs(heap, 16, undefined)?.text, "but one of layer");
  for (let i = 0; i < 500; i++) {
    chain.push(fake(heap, () => false, chain.at(-1)));
    addOwner(chain.at(-1)!);
  }
  assertEquals(whoseIs(heap, 16, undefined)?.text, "but one of layer");
  assertEquals(whoseIs(defaultHeap, 16, undefined), undefined);
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
