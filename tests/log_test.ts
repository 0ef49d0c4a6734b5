import {
  type AnyLayer,
  batch,
  bonwick,
  bypass,
  check,
  chunk,
  init,
  layers,
  LeakError,
  mmap,
  nullLayer,
  stats,
} from "../mod.ts";
import { parseLog } from "../testing/mod.ts";
import { log } from "../layers/log.ts";
import { fail } from "../layers/fail.ts";
import { assertEquals, assertStrictEquals, assertThrows } from "./assert.ts";
import { assertAllFree, assertFilled, fill, freshHeap, stub } from "./kit.ts";

/** A log of a fresh allocator, and its lines. */
function logged<L extends AnyLayer>(base: L) {
  const lines: string[] = [];
  return { a: init(log(base, (line) => lines.push(line))), lines };
}

Deno.test("log: a line for each event", () => {
  const { a, lines } = logged(chunk(mmap(freshHeap()), 4096));
  const p = a.get(100), q = a.get(3, 1), big = a.get(10, 1024), m = a.mark(), r = a.get(0);
  a.resize(r, 0, 50);
  a.resize(p, 100, 5000);
  a.rewind(m);
  a.put(p, 100);
  a.reset();
  const again = a.get(7, 8);
  a.deinit();
  assertEquals(lines, [
    "init",
    `get 100 16 ${p}`,
    `get 3 1 ${q}`,
    `get 10 1024 ${big}`,
    `mark ${m}`,
    `get 0 16 ${r}`,
    `resize ${r} 0 50 true`,
    `resize ${p} 100 5000 false`,
    `rewind ${m}`,
    `put ${p} 100`,
    "reset",
    `get 7 8 ${again}`,
    "deinit",
  ]);
});

Deno.test("log: what is refused is logged with address 0, what throws is not", () => {
  const { a, lines } = logged(batch(fail(mmap(freshHeap()), 3)));
  const p = a.get(10);
  assertEquals(a.get(20), 0);
  assertThrows(() => a.put(p, 11), RangeError, "not out with 11 bytes");
  assertEquals(lines, ["init", `get 10 16 ${p}`, "get 20 16 0"]);
  const none = logged(chunk(nullLayer(freshHeap()), 64));
  assertEquals(none.a.mark(), 0);
  assertThrows(() => none.a.rewind(16), RangeError);
  assertEquals(none.lines, ["init", "mark 0"]);
});

Deno.test("log: addresses and sizes beyond 2^31 are logged as they are", () => {
  const { a, lines } = logged(stub(freshHeap(), [2 ** 32 - 65536]));
  a.put(a.get(2 ** 32 - 1), 2 ** 32 - 1);
  assertEquals(lines, ["init", "get 4294967295 16 4294901760", "put 4294901760 4294967295"]);
});

Deno.test("log: a sink that throws loses no block", () => {
  const heap = freshHeap(), below = stats(bonwick(mmap(heap))), problem = new Error("the disk is full");
  let full = false;
  const stack = log(below, () => {
    if (full) throw problem;
  });
  /** Calls `f` with a sink that throws, and returns the figures then. */
  const failing = <T>(f: () => unknown, figures: () => T): T => {
    full = true;
    assertStrictEquals(assertThrows(f, Error), problem);
    full = false;
    return figures();
  };
  const s = stack.init(), p = stack.get(s, 70), live = () => s.szalloc - s.szfree;
  fill(heap, p, 70, 1);
  assertEquals(failing(() => stack.get(s, 50), live), 70);
  const calls = s.nalloc;
  assertEquals(failing(() => stack.resize(s, p, 70, 128), live), 70);
  assertEquals(failing(() => stack.resize(s, p, 70, 65), live), 70);
  assertEquals(failing(() => stack.resize(s, p, 70, 129), live), 70, "refused");
  assertEquals([s.nalloc, s.watermark], [calls, 128], "resized in place, and back");
  assertFilled(heap, p, 65, 1);
  assertEquals(failing(() => stack.put(s, p, 70), live), 0);
  stack.get(s, 1);
  assertEquals(failing(() => stack.reset(s), live), 0);
  stack.get(s, 1);
  failing(() => stack.deinit(s), () => assertAllFree(heap));
  failing(() => stack.init(), () => assertAllFree(heap));
});

Deno.test("log: a refused get, and a state that was made, are undone where the sink throws", () => {
  const heap = freshHeap(), base = stub(heap, [0]);
  let full = true;
  const stack = log(base, () => {
    if (full) throw new Error("the disk is full");
  });
  assertThrows(() => stack.init(), Error);
  assertEquals(base.calls, [["init"], ["deinit"]]);
  full = false;
  const s = stack.init();
  full = true;
  base.calls.length = 0;
  assertThrows(() => stack.get(s, 10), Error);
  assertEquals(base.calls, [["get", 10]], "there is no block to put");
  assertThrows(() => stack.get(s, 10), Error);
  assertEquals(base.calls.slice(1), [["get", 10], ["put", 2 * 2 ** 20, 10]]);
});

Deno.test("log: a mark is undone where the sink throws, a rewind has happened", () => {
  let full = false;
  const arena = chunk(mmap(freshHeap()), 4096);
  const stack = log(arena, () => {
    if (full) throw new Error("the disk is full");
  });
  const s = stack.init(), p = stack.get(s, 16), m = stack.mark(s);
  full = true;
  const before = { ...s };
  assertThrows(() => stack.mark(s), Error);
  assertEquals(s, before);
  assertThrows(() => stack.rewind(s, m), Error);
  full = false;
  assertThrows(() => stack.rewind(s, m), RangeError, "no mark");
  assertEquals(stack.get(s, 16), p + 16);
});

Deno.test("log: has the capabilities of the layer below, and lends no window", () => {
  for (const base of [mmap(), chunk(mmap(), 64), stats(mmap()), bypass(bonwick(mmap())), batch(mmap()), layers.std()]) {
    const stack: AnyLayer = log(base, () => {}), below: AnyLayer = base;
    const names = ["gauge", "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "mark", "rewind", "pristine"];
    for (const name of names as (keyof AnyLayer)[]) {
      assertEquals(stack[name] === undefined, below[name] === undefined, name);
    }
    assertEquals(stack.window, undefined);
  }
  const { a } = logged(stats(batch(mmap(freshHeap()))));
  const p = a.get(100);
  assertEquals([a.owns(p), a.owns(p + 4096), a.sizeOf(p), a.goodSize(1), a.gauge().szalloc], [
    true,
    false,
    100,
    4096,
    100,
  ]);
});

Deno.test("log: a sink that is none is refused", () => {
  for (const wrong of [undefined, null, [], "file"]) {
    assertThrows(() => log(mmap(), wrong as never), TypeError, "Cannot compose log: sink must be a function, got");
  }
});

Deno.test("log: a state that is closed with a leak is closed in the log", () => {
  const lines: string[] = [], stack = log(check(stats(mmap(freshHeap()))), (line) => void lines.push(line));
  for (let i = 0; i < 2; i++) {
    const s = stack.init();
    stack.get(s, 100);
    assertThrows(() => stack.deinit(s), LeakError);
  }
  assertEquals(parseLog(lines.join("\n")).gets, 2);
});
