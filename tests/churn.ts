// Tools for the tests of layers that stand on several others
import type { AnyAllocator, AnyLayer, Capability } from "../mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { assertFilled, fill, random } from "./kit.ts";

/** Whether two types are the same, and not merely assignable. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles if both types are the same. */
export function same<A, B>(_: Same<A, B>): void {}

/** The capabilities that a layer has when it runs, in alphabetical order. */
export function capabilities(layer: AnyLayer): Capability[] {
  const all: Capability[] = ["gauge", "goodSize", "mark", "maxAlign", "owns", "reset", "resize", "rewind", "sizeOf"];
  return all.filter((name) => layer[name] !== undefined);
}

/**
 * Gets, resizes and puts blocks of up to `most` bytes at random, each written full, and puts them all. Returns how many
 * requests were served, how many refused, and how many blocks were resized.
 */
export function churn(
  a: AnyAllocator,
  most: number,
  seed: number,
  steps = 2000,
): { served: number; refused: number; resized: number } {
  const next = random(seed), out: { p: number; size: number; byte: number }[] = [], { layer, heap } = a;
  let served = 0, refused = 0, resized = 0;
  const check = ({ p, size, byte }: typeof out[number]) => {
    assertFilled(heap, p, size, byte);
    if (layer.owns) assert(a.owns(p), `the block at ${p} has no owner`);
    if (layer.sizeOf) assertEquals(a.sizeOf(p), size);
  };
  for (let step = 0; step < steps; step++) {
    const at = next(Math.max(out.length, 1)), what = next(10);
    if (what < 5 || out.length === 0) {
      const size = next(8) === 0 ? 0 : next(most), align = 2 ** next(5), p = a.get(size, align as 16);
      if (p === 0) {
        refused++;
        continue;
      }
      assertEquals(p % align, 0);
      fill(heap, p, size, step);
      out.push({ p, size, byte: step & 255 });
      served++;
    } else if (what < 7 && layer.resize) {
      const it = out[at], size = next(most);
      if (!a.resize(it.p, it.size, size)) continue;
      assertFilled(heap, it.p, Math.min(it.size, size), it.byte);
      fill(heap, it.p, size, it.byte);
      it.size = size;
      resized++;
    } else {
      const [it] = out.splice(at, 1);
      check(it);
      a.put(it.p, it.size);
    }
  }
  for (const it of out) {
    check(it);
    a.put(it.p, it.size);
  }
  return { served, refused, resized };
}
