// What must not compile, and what the types of stacks are called. The type checker is the test: `deno test` runs it.
import {
  affix,
  align,
  type Allocator,
  type AnyAllocator,
  type AnyLayer,
  type Batch,
  batch,
  type Bigcache,
  bigcache,
  bitmap,
  type Bonwick,
  bonwick,
  type Buddy,
  buddy,
  bypass,
  bytealloc,
  type Cascade,
  cascade,
  check,
  type Chunk,
  chunk,
  type Coalesce,
  coalesce,
  type Count,
  count,
  enter,
  enterAsync,
  type Fallback,
  fallback,
  type Freelist,
  freelist,
  type Gauged,
  general,
  heap,
  type Histogram,
  histogram,
  init,
  type Layer,
  layers,
  type LayerWith,
  lea,
  type Limit,
  limit,
  log,
  type Mmap,
  mmap,
  must,
  type Pipe,
  pool,
  route,
  type Sbrk,
  sbrk,
  type Sizeclass,
  sizeclass,
  sized,
  type Slab,
  slab,
  type Slabs,
  slabs,
  type Split,
  split,
  type StateOf,
  type Stats,
  stats,
  type Trace,
  trace,
  zero,
} from "../mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { same } from "./churn.ts";

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

/** Checked, never run. */
export function namedOfCatalogue(): void {
  const first = fallback(chunk(mmap(), 64), mmap());
  same<typeof first, LayerWith<Fallback<Chunk<Mmap>, Mmap>, "resize" | "maxAlign">>(true);
  const both = split(100, chunk(mmap(), 64), coalesce(sbrk()));
  same<typeof both, LayerWith<Split<Chunk<Mmap>, Coalesce<Sbrk>>, "resize" | "owns" | "reset" | "maxAlign">>(true);
  const many = cascade(limit(chunk(mmap(), 64), 1000));
  same<typeof many, LayerWith<Cascade<Limit<Chunk<Mmap>>>, "resize" | "owns" | "reset" | "maxAlign">>(true);
  const small = slabs(coalesce(mmap()));
  same<typeof small, LayerWith<Slabs<Coalesce<Mmap>>, "resize" | "owns" | "reset" | "goodSize" | "maxAlign">>(true);
  const one = slab(mmap(), 16), halves = buddy(mmap());
  same<typeof one, LayerWith<Slab<Mmap>, "resize" | "goodSize">>(true);
  same<StateOf<typeof halves>, Buddy<Mmap>>(true);
  const classes = sizeclass(coalesce(mmap()), [16], (base) => freelist(base));
  same<
    typeof classes,
    LayerWith<
      Sizeclass<Coalesce<Mmap>, Freelist<Coalesce<Mmap>>>,
      "resize" | "reset" | "goodSize" | "maxAlign"
    >
  >(true);
  // Those without a state of their own have the name of what is below
  const shaped = zero(sized(affix(align(mmap(), 64), 16)));
  same<StateOf<typeof shaped>, Mmap>(true);
  const watched = count(histogram(log(must(mmap()), () => {})));
  same<typeof watched, LayerWith<Count<Histogram<Mmap>>, "resize" | "goodSize" | "maxAlign">>(true);
  const blocks = pool(16), split_ = init(general());
  same<typeof blocks, LayerWith<Freelist<Chunk<Mmap>>, "resize" | "owns" | "reset" | "maxAlign">>(true);
  const traced = check(stats(trace(mmap(), { depth: 4 })));
  same<typeof traced, LayerWith<Stats<Trace<Mmap>>, "gauge" | "resize" | "goodSize" | "maxAlign" | "sites">>(true);
  const p: number = split_.get(100, 4096), done: boolean = split_.resize(p, 100, 200);
  void done;
}

/** Checked, never run: a line that compiles would be an error. */
export function refusedOfCatalogue(): void {
  const pages = mmap(), arenas = chunk(mmap(), 64), merging = coalesce(mmap()), packed = bonwick(mmap());
  // @ts-expect-error the first cannot say what it owns
  fallback(pages, arenas);
  fallback(arenas, pages);
  // @ts-expect-error owns is lost
  fallback(split(100, arenas, pages), pages);
  // @ts-expect-error owns is lost
  fallback(affix(arenas, 16), pages);
  // @ts-expect-error the template cannot say what it owns
  cascade(pages);
  // @ts-expect-error the template cannot say what it owns
  cascade(limit(pages, 1000));
  // @ts-expect-error no alignment below
  slab(packed, 16);
  // @ts-expect-error no alignment below
  buddy(packed);
  // @ts-expect-error no alignment below
  slabs(bitmap(pages, 16, 100));
  slabs(merging);
  slab(align(packed, 16_384), 16);
  // @ts-expect-error counting is no gauge
  check(count(pages));
  check(log(stats(pages), () => {}));
  // @ts-expect-error the second has no owns
  init(fallback(arenas, pages)).owns(16);
  // @ts-expect-error the second has no reset
  init(split(100, arenas, pages)).reset();
  // @ts-expect-error a free list does not go back to a mark
  init(freelist(arenas, 16)).mark();
  // @ts-expect-error who routes does not know what a size costs
  init(route(() => true, pages, pages)).goodSize(100);
  // @ts-expect-error a header is in the way
  init(affix(pages, 16)).get(100, 32);
  // @ts-expect-error zeroes on put, so that nothing goes back at once
  init(zero(arenas, "put")).reset();
  init(zero(arenas)).reset();
  // @ts-expect-error an arena does not know sizes
  init(arenas).sizeOf(16);
  init(sized(arenas)).sizeOf(16);
  // @ts-expect-error huge blocks are nobody's
  init(general()).owns(16);
  // @ts-expect-error huge blocks are out
  init(lea()).reset();
  // @ts-expect-error a predicate is a function
  route(100, pages, arenas);
  // @ts-expect-error a threshold is a number
  split((size: number) => size > 100, pages, arenas);
  // @ts-expect-error classes make layers
  sizeclass(merging, [16], () => 5);
  // @ts-expect-error nothing is recorded
  init(stats(mmap())).sites();
  // @ts-expect-error what an arena serves are other blocks
  init(chunk(trace(mmap()), 64)).sites();
  // @ts-expect-error nothing is looked after
  init(trace(mmap())).verify();
  // @ts-expect-error it does not see what goes back to a mark
  init(trace(arenas)).mark();
  init(limit(stats(trace(arenas)), 1000)).sites();
  // @ts-expect-error no such option
  trace(pages, { evry: 2 });
  // @ts-expect-error neither "get", "put" nor "both"
  zero(pages, "always");
  // @ts-expect-error a heap is no layer
  coalesce(heap);
  // @ts-expect-error a layer is no heap
  general(pages);
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
    export const d: number = r.lea();
    export const e: number = r.cascade(r.limit(r.chunk(r.mmap(), 64), 1000));
    export const f: number = r.init(r.pool(16));
    r.fallback(r.mmap(), r.mmap());
    r.slab(r.bonwick(r.mmap()), 16);
  `);
  for (
    const expected of [
      `Type 'LayerWith<Stats<Chunk<Batch<Mmap>>>, "`,
      `Type 'LayerWith<Bonwick<Batch<Bigcache<Sbrk>>>, "resize" | "reset" | "goodSize">' is not assignable`,
      `Type 'Allocator<Mmap, "resize" | "goodSize" | "maxAlign" | "get">' is not assignable to type 'number'`,
      "Property 'gauge' is optional in type 'Layer<Chunk<Mmap>> & ",
      "Argument of type 'Batch<Mmap>' is not assignable to parameter of type 'Chunk<Mmap>'",
      `Type 'LayerWith<Split<Sizeclass<Coalesce<Mmap>, Freelist<Coalesce<Mmap>>>, Mmap>, "resize" | "goodSize" | "maxAlign">'`,
      `Type 'LayerWith<Cascade<Limit<Chunk<Mmap>>>, "resize" | "owns" | "reset" | "maxAlign">' is not assignable`,
      `Type 'Allocator<Freelist<Chunk<Mmap>>, "resize" | "owns" | "reset" | "maxAlign" | "get">' is not assignable`,
      "Property 'owns' is optional in type 'Layer<Mmap> & ",
      "Property 'maxAlign' is optional in type 'Layer<Bonwick<Batch<Mmap>>> & ",
    ]
  ) {
    assert(
      text.includes(expected),
      `${expected}\n${text}`,
    );
  }
  assertEquals(text.match(/\bTS\d+ \[ERROR\]/g)?.length, 10, text);
});
