// Guests for tests of how they are served: in each way that there is, with code of ours in them and without

import type { Gauge } from "../mod.ts";
import { type Guest, type GuestOptions, interpose, type Mode } from "../rt/mod.ts";
import { graft } from "../rt/guest/switches.ts";
import { type Exports, guestBytes } from "./guest_blocks.ts";

/** How a guest is served. */
export interface Way {
  readonly mode: Mode;
  /** Whether it has code of ours, as in engines that know several memories. */
  readonly grafted: boolean;
}

/** Watched and replaced, with code of ours and without. */
export const OWN: readonly Way[] = (["watch", "replace"] as const).flatMap((mode) =>
  [true, false].map((grafted) => ({ mode, grafted }))
);

/** All. */
export const WAYS: readonly Way[] = [...OWN, { mode: "imports", grafted: true }, { mode: "imports", grafted: false }];

/** A guest, and what it exports. */
export interface Made {
  readonly g: Guest;
  readonly x: Exports;
}

/** What a guest's `callback` calls, if it is not 0. */
export type Callback = (i: number) => number;

/** A guest of a file in `tests/guests`. Default: one that can be served so. `before` is called before it is. */
export function make(
  { mode, grafted }: Way,
  options: GuestOptions & { file?: string; callback?: Callback; before?: (x: Exports) => void } = {},
): Made {
  const { file = mode === "imports" ? "imports" : "own", callback = (i) => i, before, ...rest } = options;
  const grafting = graft(grafted);
  try {
    const plan = interpose(guestBytes(file), { name: file, allocator: mode, ...rest });
    const imports = plan.imports({ env: { callback }, ...options.imports });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(plan.bytes), imports);
    before?.(instance.exports as Exports);
    const g = plan.attach(instance, imports);
    return { g, x: g.exports as Exports };
  } finally {
    graft(grafting);
  }
}

/** Defines a test for each way: its name begins with that of the file. */
export function each(ways: readonly Way[], name: string, f: (way: Way) => void | Promise<void>): void {
  const [file, what] = name.split(": ", 2);
  for (const way of ways) {
    const how = `${way.mode}${way.grafted ? "" : ", without code in the guest"}`;
    Deno.test(`${file}: ${how}: ${what}`, () => f(way));
  }
}

/** Blocks and bytes that are out. */
export function out({ nalloc, nfree, szalloc, szfree }: Gauge): [blocks: number, bytes: number] {
  return [nalloc - nfree, szalloc - szfree];
}
