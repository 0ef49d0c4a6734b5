// What must not compile, and what the types of stacks are called. The type checker is the test: `deno test` runs it.
import {
  type Allocator,
  type AnyAllocator,
  type AnyLayer,
  type Batch,
  batch,
  type Bigcache,
  bigcache,
  type Bonwick,
  bonwick,
  bypass,
  bytealloc,
  check,
  type Chunk,
  chunk,
  enter,
  enterAsync,
  type Gauged,
  init,
  type Layer,
  layers,
  type LayerWith,
  type Mmap,
  mmap,
  type Pipe,
  type Sbrk,
  sbrk,
  type StateOf,
  type Stats,
  stats,
} from "../mod.ts";
import { assert, assertEquals } from "./assert.ts";

/** Whether two types are the same, and not merely assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

function same<A, B>(_: Same<A, B>): void {}

/** Checked, never run. */
export function named(): void {
  const stack = stats(chunk(batch(mmap()), 4096));
  same<
    typeof stack,
    LayerWith<Stats<Chunk<Batch<Mmap>>>, "gauge" | "resize" | "owns" | "reset" | "maxAlign">
  >(true);
  const gauged: Gauged<Stats<Chunk<Batch<Mmap>>>> = stack, plain: Layer<Stats<Chunk<Batch<Mmap>>>> = stack;
  const slabs = bonwick(bigcache(sbrk()));
  same<typeof slabs, LayerWith<Bonwick<Batch<Bigcache<Sbrk>>>, "resize" | "goodSize" | "reset">>(true);
  const checked = chunk(check(stats(layers.pipe())), 64);
  same<StateOf<typeof checked>, Chunk<Stats<Pipe>>>(true);
  const a = init(stack);
  same<
    typeof a,
    Allocator<Stats<Chunk<Batch<Mmap>>>, "get" | "gauge" | "resize" | "owns" | "reset" | "maxAlign">
  >(true);
  same<typeof a.state.base.base.base, Mmap>(true);
  // A capability that is kept is in the type
  const kept = bypass(stats(mmap())), arena = chunk(mmap(), 64), none = bypass(arena);
  same<typeof kept, LayerWith<Stats<Mmap>, "gauge" | "resize" | "goodSize" | "maxAlign">>(true);
  same<typeof none, typeof arena>(true);
  // The test itself tells types apart
  same<Layer<Stats<Mmap>>, Layer<Chunk<Mmap>>>(false);
  same<Gauged<Mmap>, Layer<Mmap>>(false);
  // Results
  const n = enter(a, () => 5), later = enterAsync(a, async () => await "text");
  same<typeof n, number>(true);
  same<typeof later, Promise<string>>(true);
  // Whatever their state
  const any: AnyLayer[] = [stack, slabs, checked, mmap()], anyone: AnyAllocator[] = [a, init(slabs)];
  void [any, anyone, gauged, plain];
}

/** Checked, never run: a line that compiles would be an error. */
export function refused(): void {
  // @ts-expect-error no gauge below
  check(mmap());
  const pages = init(mmap()), arenas = chunk(mmap(), 64);
  // @ts-expect-error a capability that it does not have
  pages.gauge();
  // @ts-expect-error a capability that it does not have
  pages.reset();
  // @ts-expect-error a capability that it does not have
  init(bypass(stats(batch(mmap())))).mark();
  // @ts-expect-error an alignment that it does not have
  init(layers.pipe()).get(100, 32);
  // @ts-expect-error a capability that it does not have, of a layer
  arenas.gauge(arenas.init());
  pages.get(100, 32);
  init(arenas).reset();
  // @ts-expect-error the gauge is lost
  check(chunk(stats(mmap()), 4096));
  // @ts-expect-error the gauge is lost
  check(batch(stats(mmap())));
  // @ts-expect-error the gauge is lost
  check(bypass(bonwick(stats(mmap()))));
  const arena = chunk(mmap(), 64), books = batch(mmap()), counted = stats(arena);
  const s = arena.init(), t = books.init(), u = counted.init();
  // @ts-expect-error the state of another layer
  arena.get(t, 10);
  // @ts-expect-error the state of another layer
  books.put(s, 16, 10);
  // @ts-expect-error the state of the layer below
  counted.get(s, 10);
  // @ts-expect-error the state of the layer above
  arena.deinit(u);
  // @ts-expect-error a stack with other states
  const wrong: Layer<Stats<Chunk<Batch<Mmap>>>> = counted;
  // @ts-expect-error an allocator with other states
  const other: Allocator<Batch<Mmap>> = init(arena);
  // @ts-expect-error no layer
  stats(5);
  // @ts-expect-error an allocator is no layer
  stats(init(arena));
  // @ts-expect-error a layer is no allocator
  enter(arena, () => {});
  // @ts-expect-error bytes are missing
  chunk(mmap());
  // @ts-expect-error no number
  bytealloc("10");
  void [wrong, other];
}

const root = new URL("../", import.meta.url);

/** The messages of the type checker on a program that imports the library. */
async function diagnose(body: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, `import * as r from "${root}mod.ts";\n${body}`);
    const args = ["check", "--config", new URL("deno.json", root).pathname, file];
    const { stderr } = await new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } }).output();
    return new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("types: errors and hovers show the named types", async () => {
  const text = await diagnose(`
    export const a: number = r.stats(r.chunk(r.batch(r.mmap()), 4096));
    export const b: number = r.bonwick(r.bigcache(r.sbrk()));
    export const c: number = r.init(r.mmap());
    r.check(r.chunk(r.mmap(), 4096));
    r.chunk(r.mmap(), 64).get(r.batch(r.mmap()).init(), 10);
  `);
  for (
    const expected of [
      `Type 'LayerWith<Stats<Chunk<Batch<Mmap>>>, "`,
      `Type 'LayerWith<Bonwick<Batch<Bigcache<Sbrk>>>, "resize" | "reset" | "goodSize">' is not assignable`,
      `Type 'Allocator<Mmap, "resize" | "goodSize" | "maxAlign" | "get">' is not assignable to type 'number'`,
      "Property 'gauge' is optional in type 'Layer<Chunk<Mmap>> & ",
      "Argument of type 'Batch<Mmap>' is not assignable to parameter of type 'Chunk<Mmap>'",
    ]
  ) {
    assert(
      text.includes(expected),
      `${expected}\n${text}`,
    );
  }
  assertEquals(text.match(/\bTS\d+ \[ERROR\]/g)?.length, 5, text);
});
