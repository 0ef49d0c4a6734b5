/** The memory that one workload takes with one contender, as JSON: `fragmentation_one.ts WORKLOAD CONTENDER [quick]`. */

import { Heap, PAGE } from "../heap.ts";
import type { Malloc } from "./contender.ts";
import { load } from "./contenders/mod.ts";
import { mixed } from "./traffic.ts";
import type { Scoped } from "./workload.ts";

/** What a process has seen. */
export interface Memory {
  /** Bytes asked for that were out at the same time, at most. */
  live: number;
  /** The same, with every size rounded up to a multiple of 16. */
  rounded: number;
  /** Bytes from the start of the lowest block that was ever out to the end of the highest. */
  span: number;
  /** Bytes in pages that the heap ever handed out; of ours only. */
  pages?: number;
  /** With every block put, and the allocator still open: bytes in pages that are out, and runs of free pages. */
  after?: { pages: number; runs: number };
}

/** Does as `a`, and notes where the blocks are. */
function watch(a: Malloc, seen: Memory): Malloc {
  let live = 0, rounded = 0, lowest = Infinity, highest = 0;
  /** The block at `p`, if any, of `old` bytes, now has `size` bytes. */
  const note = (p: number, old: number, size: number) => {
    live += size - old;
    rounded += (size + 15 & -16) - (old + 15 & -16);
    lowest = Math.min(lowest, p);
    highest = Math.max(highest, p + size);
    seen.live = Math.max(seen.live, live);
    seen.rounded = Math.max(seen.rounded, rounded);
    seen.span = highest - lowest;
  };
  const { resize } = a;
  return {
    heap: a.heap,
    get: (s, size, align) => {
      const p = a.get(s, size, align);
      if (p !== 0) note(p, 0, size);
      return p;
    },
    put: (s, p, size) => {
      note(p, size, 0);
      a.put(s, p, size);
    },
    ...resize && {
      resize: (s: unknown, p: number, old: number, size: number) => {
        const done = resize(s, p, old, size);
        if (done) note(p, old, size);
        return done;
      },
    },
  };
}

const [workload, name, quick] = Deno.args, seen: Memory = { live: 0, rounded: 0, span: 0 };
const { scope, ...contender } = await load(name) as Scoped;

const watched: Scoped = {
  ...contender,
  scope: (f) =>
    scope((a, s) => {
      const { heap } = a, wrong = f(watch(a, seen), s);
      if (heap instanceof Heap) {
        const { pages, runs } = heap.free;
        seen.pages = heap.fresh - heap.start;
        seen.after = { pages: heap.size - heap.start - pages * PAGE, runs };
      }
      return wrong;
    }),
};
const wrong = mixed(quick !== undefined)[workload].run(watched);
if (wrong !== 0) throw new Error(`Cannot trust ${name}: ${workload} went wrong ${wrong} times`);
console.log(JSON.stringify(seen));
