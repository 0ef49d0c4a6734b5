import { Pages } from "../pages.ts";
import { assert, assertEquals, assertFalse } from "./assert.ts";
import { random } from "./kit.ts";

/** The plainest page source: a flag for each page, and first fit by looking. */
class Model {
  used: Uint8Array;
  constructor(readonly first: number, readonly limit: number) {
    this.used = new Uint8Array(limit);
  }
  get(n: number): number {
    for (let page = this.first, run = 0; page < this.limit; page++) {
      run = this.used[page] ? 0 : run + 1;
      if (run === n) {
        this.used.fill(1, page + 1 - n, page + 1);
        return page + 1 - n;
      }
    }
    return -1;
  }
  /** Whether all pages of a run are free. */
  has(page: number, n: number): boolean {
    return page >= this.first && page + n <= this.limit && !this.used.subarray(page, page + n).includes(1);
  }
  put(page: number, n: number): void {
    this.used.fill(0, page, page + n);
  }
  extend(page: number, n: number, more: number): boolean {
    if (page + n + more > this.limit || this.used.subarray(page + n, page + n + more).includes(1)) return false;
    this.used.fill(1, page + n, page + n + more);
    return true;
  }
  get free(): { pages: number; longest: number; runs: number } {
    let pages = 0, longest = 0, runs = 0;
    for (let page = this.first, run = 0; page < this.limit; page++) {
      run = this.used[page] ? 0 : run + 1;
      if (run > 0) pages++;
      if (run === 1) runs++;
      longest = Math.max(longest, run);
    }
    return { pages, longest, runs };
  }
}

Deno.test("pages: runs are those of a first-fit model", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const below = random(seed), limit = 20 + below(300), first = below(10);
    const pages = new Pages(first, limit), model = new Model(first, limit);
    const out: [page: number, n: number][] = [];
    for (let i = 0; i < 600; i++) {
      const choice = below(10);
      if (choice < 5) {
        const n = 1 + below(below(2) ? 4 : 40), page = pages.get(n);
        assertEquals(page, model.get(n), `seed ${seed}, step ${i}: get ${n}`);
        if (page >= 0) out.push([page, n]);
      } else if (out.length > 0 && choice < 9) {
        const [page, n] = out.splice(below(out.length), 1)[0];
        assert(pages.put(page, n));
        model.put(page, n);
      } else if (out.length > 0) {
        const run = out[below(out.length)], more = 1 + below(8);
        const extended = pages.extend(run[0], run[1], more);
        assertEquals(extended, model.extend(run[0], run[1], more), `seed ${seed}, step ${i}: extend ${run} by ${more}`);
        if (extended) run[1] += more;
      }
      assertEquals(pages.free, model.free, `seed ${seed}, step ${i}`);
    }
    for (const [page, n] of out) assert(pages.put(page, n));
    assertEquals(pages.free, { pages: limit - first, longest: limit - first, runs: 1 });
    assertEquals(pages.tail, first);
  }
});

Deno.test("pages: what is not a run that is out is refused, and nothing changes", () => {
  const pages = new Pages(1, 100);
  const [a, b, c] = [pages.get(3), pages.get(4), pages.get(5)];
  pages.put(b, 4);
  const before = pages.free;
  // Freed, too short, too long, the middle, the free run itself, behind the tail, before the first, and no pages at all
  for (
    const [page, n] of [[b, 4], [a, 2], [a, 4], [a + 1, 2], [a + 1, 3], [b, 1], [c + 5, 1], [99, 1], [0, 1], [c, 0]]
  ) {
    assertFalse(pages.put(page, n), `${n} pages at ${page}`);
    assertEquals(pages.free, before);
  }
  assertFalse(pages.extend(a, 2, 1));
  assertFalse(pages.extend(a, 3, 5));
  assertFalse(pages.extend(c, 5, 88 + 1));
  assertEquals(pages.free, before);
  assert(pages.put(a, 3) && pages.put(c, 5));
  assertEquals(pages.free, { pages: 99, longest: 99, runs: 1 });
});

Deno.test("pages: memory that others grew lies between our runs and is never handed out", () => {
  const pages = new Pages(1, 16);
  const a = pages.get(10);
  pages.grown(32, 48); // pages 16 to 31 are somebody else's
  assertEquals(pages.free, { pages: 5 + 16, longest: 16, runs: 2 });
  assertEquals(pages.get(5), 11);
  assertEquals(pages.get(16), 32);
  assertEquals(pages.get(1), -1);
  assert(pages.put(11, 5) && pages.put(32, 16) && pages.put(a, 10));
  assertEquals(pages.free, { pages: 15 + 16, longest: 16, runs: 2 });
  assertEquals(pages.get(17), -1); // the two do not merge over the gap
  pages.grown(48, 64);
  assertEquals(pages.get(17), 32);
});

Deno.test("pages: growth behind the old limit adds to the run at the tail", () => {
  const pages = new Pages(1, 16);
  pages.grown(16, 32);
  assertEquals(pages.free, { pages: 31, longest: 31, runs: 1 });
});

Deno.test("pages: a million, in runs that are freed and merged in random order", () => {
  const limit = 2 ** 20 - 1, pages = new Pages(1, limit), below = random(7);
  const out: number[] = [];
  for (let page; (page = pages.get(1 + out.length % 4)) >= 0;) out.push(page, 1 + out.length % 4); // of 1 or 3
  const runs = out.length / 2;
  for (let i = runs - 1; i > 0; i--) {
    const j = below(i + 1);
    [out[2 * i], out[2 * j]] = [out[2 * j], out[2 * i]];
    [out[2 * i + 1], out[2 * j + 1]] = [out[2 * j + 1], out[2 * i + 1]];
  }
  for (let i = 0; i < runs / 2; i++) assert(pages.put(out[2 * i], out[2 * i + 1]));
  for (const n of [3, 1]) { // the long ones first: then they all fit again
    for (let i = 0; i < runs / 2; i++) if (out[2 * i + 1] === n) assert((out[2 * i] = pages.get(n)) > 0);
  }
  for (let i = 0; i < runs; i++) assert(pages.put(out[2 * i], out[2 * i + 1]));
  assertEquals(pages.free, { pages: limit - 1, longest: limit - 1, runs: 1 });
});

Deno.test("pages: aligned runs, and runs that are cut, against a model", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const below = random(seed), limit = 20 + below(400), first = below(10);
    const pages = new Pages(first, limit), model = new Model(first, limit);
    const out: [page: number, n: number][] = [];
    for (let i = 0; i < 600; i++) {
      const choice = below(10), what = `seed ${seed}, step ${i}`;
      if (choice < 5) {
        const n = 1 + below(below(2) ? 4 : 20), align = 1 << below(7), page = pages.get(n, align);
        if (page >= 0) {
          assert(page % align === 0 && model.has(page, n), `${what}: ${n} pages at ${page}, aligned to ${align}`);
          model.used.fill(1, page, page + n);
          out.push([page, n]);
        } else {
          assert(model.free.longest < n + align - 1, `${what}: no ${n} pages aligned to ${align}`);
          const last = Math.floor((limit - n) / align) * align; // at the tail, any that fits is found
          assertFalse(last >= pages.tail && model.has(last, n), what);
        }
      } else if (out.length > 0 && choice < 8) {
        const [page, n] = out.splice(below(out.length), 1)[0];
        assert(pages.put(page, n));
        model.put(page, n);
      } else if (out.length > 0) {
        const run = out[below(out.length)], to = 1 + below(run[1]);
        assertFalse(pages.cut(run[0], run[1] + 1, to));
        assert(pages.cut(run[0], run[1], to));
        model.put(run[0] + to, run[1] - to);
        run[1] = to;
      }
      assertEquals(pages.free, model.free, what);
      assert(out.every(([page, n]) => pages.isOut(page, n)), what);
    }
    for (const [page, n] of out) assert(pages.put(page, n));
    assertEquals(pages.free, { pages: limit - first, longest: limit - first, runs: 1 });
    assertEquals(pages.tail, first);
  }
});

Deno.test("pages: an aligned run that fits exactly is found in a hole, and at the end", () => {
  const pages = new Pages(1, 16);
  assertEquals([pages.get(4, 4), pages.get(4, 4), pages.get(4, 4), pages.get(4, 4)], [4, 8, 12, -1]);
  assertEquals(pages.free, { pages: 3, longest: 3, runs: 1 });
  assert(pages.put(8, 4));
  assertEquals([pages.get(4, 4), pages.get(2, 2), pages.get(2, 2)], [8, 2, -1]);
  assertEquals(pages.get(1), 1);
});

Deno.test("pages: fresh are those that no run has been on", () => {
  const pages = new Pages(1, 100);
  assertEquals(pages.fresh, 1);
  const a = pages.get(10), b = pages.get(5);
  assertEquals(pages.fresh, 16);
  pages.put(b, 5);
  pages.put(a, 10);
  assertEquals([pages.tail, pages.fresh], [1, 16]);
  pages.get(10);
  assertEquals(pages.fresh, 16);
  assert(pages.extend(1, 10, 10));
  assertEquals(pages.fresh, 21);
  assert(pages.cut(1, 20, 3));
  assertEquals([pages.tail, pages.fresh], [4, 21]);
  assertEquals([pages.get(8, 32), pages.fresh], [32, 40]);
  pages.grown(200, 300); // all below is ours or somebody else's by now
  assertEquals(pages.fresh, 200);
  assertEquals(new Pages(3, 50, 40).fresh, 40);
});
