// Random programs for the layers that cut blocks out of larger ones, and bases to run them over
import { type AnyAllocator, type Heap, type LayerWith, type Mmap, mmap } from "../mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { assertFilled, fill, freshHeap, PAGE, random } from "./kit.ts";

/** A block that is out, written full of `byte`. */
export interface Block {
  p: number;
  size: number;
  byte: number;
}

/** A random program. */
export interface Turnover {
  seed: number;
  steps: number;
  /** Bytes of the next request. */
  size: (pick: (n: number) => number) => number;
  /** Alignment of the next request. Default 16. */
  align?: (pick: (n: number) => number) => number;
  /** Blocks to keep out at most. Default 200. */
  most?: number;
  /** Called now and then. */
  check?: (out: readonly Block[]) => void;
}

/**
 * Gets, puts and, where the layer can, resizes blocks; asserts that they are aligned, overlap no other and keep their
 * contents. Returns what is still out, how many requests were refused and how many blocks were resized.
 */
export function turnOver(
  a: AnyAllocator,
  program: Turnover,
): { out: Block[]; refused: number; resized: number } {
  const { seed, steps, size: sizeOf, align: alignOf = () => 16, most = 200, check = () => {} } = program;
  const { heap, layer } = a, pick = random(seed), out: Block[] = [];
  let refused = 0, resized = 0;
  for (let i = 0; i < steps; i++) {
    const op = pick(10);
    if (i % 100 === 0) check(out);
    if (out.length > 0 && (op < 3 || out.length >= most)) {
      const [{ p, size, byte }] = out.splice(pick(out.length), 1);
      assertFilled(heap, p, size, byte);
      a.put(p, size);
    } else if (out.length > 0 && op < 5 && layer.resize !== undefined) {
      const block = out[pick(out.length)], { p, size, byte } = block, to = sizeOf(pick);
      if (!a.resize(p, size, to)) continue;
      resized++;
      assertFilled(heap, p, Math.min(size, to), byte);
      block.size = to;
      assertApart(block, out, block);
      fill(heap, p, to, byte);
    } else {
      const size = sizeOf(pick), align = alignOf(pick), p = a.get(size, align);
      if (p === 0) {
        refused++;
        continue;
      }
      assertEquals(p % align, 0, `${size} bytes at ${p} are not aligned to ${align}`);
      assert(p >= heap.start && p + size <= heap.size, `${size} bytes at ${p} are not in the heap`);
      const block = { p, size, byte: i % 251 };
      assertApart(block, out);
      fill(heap, p, size, block.byte);
      out.push(block);
    }
  }
  for (const { p, size, byte } of out) assertFilled(heap, p, size, byte);
  check(out);
  return { out, refused, resized };
}

/** Puts all blocks, which must be as they were. */
export function putAll(a: AnyAllocator, out: readonly Block[]): void {
  for (const { p, size, byte } of out) {
    assertFilled(a.heap, p, size, byte);
    a.put(p, size);
  }
}

function assertApart({ p, size }: Block, out: readonly Block[], but?: Block): void {
  const end = p + (size || 1); // a block of no bytes has an address of its own
  for (const b of out) {
    if (b === but) continue;
    assert(end <= b.p || b.p + (b.size || 1) <= p, `${size} bytes at ${p} overlap ${b.size} at ${b.p}`);
  }
}

/** `mmap` as somebody else's layer: it refuses the `nth` request, from 1, counts them, and cannot resize. */
export function refusing(heap: Heap, nth: number): LayerWith<Mmap, "maxAlign"> & { gets: number } {
  const { init, deinit, get, put, maxAlign } = mmap(heap);
  const base = {
    heap,
    init,
    deinit,
    put,
    maxAlign,
    gets: 0,
    get: (s: Mmap, size: number, align?: number) => ++base.gets === nth ? 0 : get(s, size, align),
  };
  return base;
}

/** A heap of which what lies below an address is out. Touches none of it. */
export function heapFrom(address: number): Heap {
  const heap = freshHeap();
  assertEquals(heap.getPages(address / PAGE - 1), PAGE);
  return heap;
}

/** Names of the capabilities that a layer has. */
export function capabilities(layer: object): string[] {
  const names = ["gauge", "resize", "owns", "sizeOf", "reset", "goodSize", "maxAlign", "mark", "rewind"];
  return names.filter((name) => name in layer);
}
