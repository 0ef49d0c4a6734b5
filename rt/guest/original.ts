/**
 * `original`: serves from the allocator that a guest has brought along, which so becomes the bottom of a stack.
 *
 * Guarantees: pointers are the guest's own, and the guest's allocator sees the requests that it would see alone; besides, where
 * nothing but `posix_memalign` aligns, one of 4 bytes for each that is aligned. It counts, so that `stats` over it adds nothing.
 * Costs: while nothing but `check` and `stats` is above it, the guest's own code does all of it. Blocks are aligned as that
 * allocator aligns them: to 8 bytes at least where it is the usual one. Those that are out when it is closed stay out, and go
 * back to the guest's allocator when the guest frees them.
 *
 * @module
 */

import type { Gauge } from "../../gauge.ts";
import type { Heap } from "../../heap.ts";
import { type Layer, layer, type LayerWith } from "../../layer.ts";
import { adapterOn, type Native } from "./adapter.ts";

/** State of {@linkcode original}: what is counted, in the guest. */
export type Original = Native;

/** Serves from a guest's own allocator. */
export const original = (heap: Heap): LayerWith<Original, "gauge" | "maxAlign"> =>
  adapterOn(heap, "original").adopt("original", over(heap)) as LayerWith<Original, "gauge" | "maxAlign">;

const over = layer(
  function original(heap: Heap): Layer<Original> & { gauge(s: Original): Gauge } {
    const adapter = adapterOn(heap, "original"), { functions } = adapter.own;
    if (functions.malloc === undefined || functions.free === undefined) {
      throw new TypeError("Cannot compose original: the guest has no allocator of its own");
    }
    const { aligns } = adapter.own;
    return {
      heap,
      counts: true,
      init: () => adapter.open("original"),
      deinit: (s) => adapter.close(s),
      get: (s, size, align = 16) => {
        const more = (align as number) > 16;
        if (more && !aligns) return 0;
        const p = more ? adapter.own.getAligned(align as number, size) : adapter.getOwn(size);
        if (p !== 0) s.area.countIn(size);
        adapter.latest = p;
        return p;
      },
      put: (s, p, size) => {
        s.area.countOut(size);
        adapter.released(p);
        adapter.putOwn(p);
      },
      gauge: (s) => s.figures ?? s.area.gauge(),
      ...(aligns && { maxAlign: 2 ** 30 }),
    };
  },
  { adapterOn },
);
