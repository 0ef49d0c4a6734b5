/**
 * Which layer has which capability, looked up in the layers: `deno task tables` writes the table into README.md.
 *
 * Each layer is composed twice: over one that can everything, and over one that can nothing but what the layer needs. What
 * it has in both cases is its own; what it has in the first only it passes on.
 */

import {
  affix,
  align,
  type AnyLayer,
  arena,
  batch,
  bigcache,
  bitmap,
  bonwick,
  buddy,
  bypass,
  type Capability,
  cascade,
  check,
  chunk,
  coalesce,
  count,
  debug,
  fail,
  fallback,
  fixed,
  freelist,
  general,
  Heap,
  histogram,
  type Kept,
  kingsley,
  type Layer,
  layer,
  layers,
  type LayerWith,
  lea,
  limit,
  log,
  mmap,
  must,
  nullLayer,
  type Passable,
  pipe,
  pool,
  quantize,
  reap,
  route,
  sbrk,
  shadow,
  sizeclass,
  sized,
  slab,
  slabs,
  split,
  stats,
  trace,
  zero,
} from "../mod.ts";
import { table } from "../bench/report.ts";

/** Whether a layer has a capability whatever is below it, or if the layer below has it. */
export type Has = "own" | "kept";

/** A row of the table. */
export interface Row {
  /** How the layer is called, and with what. */
  readonly name: string;
  /** Capabilities that the layer below must have. */
  readonly needs: readonly string[];
  /** What the objects have. */
  readonly has: Readonly<Record<string, Has>>;
  /** What the types say, but for members that they say nothing of. */
  readonly types: Readonly<Record<string, Has>>;
}

/** Members of which types say nothing. */
export const FLAGS: readonly string[] = ["pristine", "divisible", "window"];
const MEMBERS: readonly Passable[] = [
  ...[
    "gauge",
    "resize",
    "owns",
    "sizeOf",
    "reset",
    "goodSize",
    "maxAlign",
    "mark",
    "rewind",
    "sites",
    "verify",
  ] as const,
  ...["pristine", "divisible", "window"] as const,
];

interface State {
  size: number;
}

/** A layer that has some members, and is never called. */
const having: (heap: Heap, ...names: readonly Passable[]) => AnyLayer = layer(
  function having(heap: Heap, ...names: Passable[]): Layer<State> {
    const all: Required<Pick<Layer<State>, Passable>> = {
      gauge: () => ({ nalloc: 0, nfree: 0, szalloc: 0, szfree: 0, watermark: 0 }),
      resize: () => false,
      owns: () => false,
      sizeOf: ({ size }) => size,
      reset: () => {},
      goodSize: (size) => size,
      maxAlign: 2 ** 20,
      mark: () => 0,
      rewind: () => {},
      sites: () => [],
      verify: () => {},
      pristine: true,
      divisible: true,
      window: () => ({ ptr: 0, end: 0 }),
    };
    return {
      heap,
      init: (size = 0) => ({ size }),
      deinit: () => {},
      get: () => 0,
      put: () => {},
      ...Object.fromEntries(names.map((name) => [name, all[name]])),
    };
  },
);

const heap = new Heap({ initial: 1 });
const all = having(heap, ...MEMBERS) as LayerWith<State, Capability>;
const none = having(heap) as Layer<State>;
const owner = having(heap, "owns") as LayerWith<State, "owns">;
const gauged = having(heap, "gauge") as LayerWith<State, "gauge">;
const aligned = having(heap, "maxAlign") as LayerWith<State, "maxAlign">;
const divisible = having(heap, "resize", "maxAlign", "divisible") as LayerWith<State, "resize" | "maxAlign">;

const lists = <L extends AnyLayer>(base: L): ReturnType<typeof freelist<L>> => freelist(base);

const membersOf = (layer: AnyLayer): Passable[] => MEMBERS.filter((name) => layer[name] !== undefined);

/** Checks that a list names all that a type has, and nothing else. */
type All<Named, Typed> = [Typed] extends [Named] ? [Named] extends [Typed] ? unknown
  : { readonly unexpected: Exclude<Named, Typed> }
  : { readonly missing: Exclude<Typed, Named> };

/** A layer over one that can everything and over one that can what it needs, and what its types say of both. */
function row<
  F extends AnyLayer,
  B extends AnyLayer,
  const O extends Capability = never,
  const K extends Capability = never,
>(
  name: string,
  full: F,
  bare: B,
  own: readonly O[] & All<O, Kept<B>>,
  kept: readonly K[] & All<K, Exclude<Kept<F>, Kept<B>>>,
  below: AnyLayer = none,
): Row {
  const always = new Set(membersOf(bare)), has = new Set([...always, ...membersOf(full)]);
  return {
    name,
    needs: membersOf(below),
    has: Object.fromEntries([...has].map((name) => [name, always.has(name) ? "own" : "kept"])),
    types: Object.fromEntries([...own.map((name) => [name, "own"]), ...kept.map((name) => [name, "kept"])]),
  };
}

/** A layer that has none below it, or only what it brings with it. */
function source<L extends AnyLayer, const O extends Capability = never>(
  name: string,
  it: L,
  own: readonly O[] & All<O, Kept<L>>,
): Row {
  return row<AnyLayer, AnyLayer, O>(name, it, it, own as readonly O[] & All<O, never>, []);
}

const GENERAL = ["resize", "goodSize", "maxAlign"] as const;
const MERGING = [...GENERAL, "owns", "reset"] as const;
const BLOCKS = [...MERGING, "sizeOf"] as const;
const MARKS = ["mark", "rewind"] as const;
const EVERYTHING = [...BLOCKS, ...MARKS, "gauge", "sites", "verify"] as const;
const ARENA = ["resize", "owns", "reset", "maxAlign", ...MARKS] as const;
const PAIRED = ["resize", "owns", "sizeOf", "reset", "maxAlign", "verify"] as const;
const MOVED = ["resize", "reset", "goodSize", "verify", ...MARKS] as const;

/** Every layer, by its job: add a line for a new one, in the order of README's catalogue. */
export const rows: readonly Row[] = [
  source("mmap", mmap(heap), GENERAL),
  source("sbrk", sbrk(heap), ["resize", "owns", "reset", "maxAlign"]),
  source("fixed", fixed({ start: heap.getPages(1), bytes: 4096 }, heap), MERGING),
  source("null", nullLayer(heap), []),
  row("limit", limit(all, 1000), limit(none, 1000), [], [...PAIRED, "gauge", "sites"]),
  row("cascade", cascade(all), cascade(owner), ["owns"], [...GENERAL, "sizeOf", "reset", "verify"], owner),

  row("chunk", chunk(all, 4096), chunk(none, 4096), ARENA, ["verify"]),
  row("batch", batch(all), batch(none), ["owns", "sizeOf", "reset"], [...GENERAL, "verify"]),

  row("freelist", freelist(all), freelist(none), ["resize"], ["reset", "owns", "maxAlign", "verify"]),
  row("slab", slab(all, 64), slab(aligned, 64), ["resize", "goodSize"], ["owns", "reset", "verify"], aligned),
  row("slabs", slabs(all), slabs(divisible), GENERAL, ["owns", "reset", "verify"], divisible),
  row("sizeclass", sizeclass(all, [16, 32], lists), sizeclass(none, [16, 32], lists), ["resize", "goodSize"], [
    ...["reset", "maxAlign", "verify"] as const,
  ]),
  row("quantize", quantize(all, 64), quantize(none, 64), ["resize", "goodSize"], [
    ...["owns", "reset", "maxAlign", "verify", ...MARKS] as const,
  ]),
  row("bigcache", bigcache(all), bigcache(none), ["resize", "owns", "goodSize"], ["verify"]),
  row("bonwick", bonwick(all), bonwick(none), ["resize", "goodSize", "reset"], ["verify"]),

  row("coalesce", coalesce(all), coalesce(none), MERGING, ["verify"]),
  row("buddy", buddy(all), buddy(aligned), GENERAL, ["owns", "reset", "verify"], aligned),
  row("bitmap", bitmap(all, 64, 100), bitmap(none, 64, 100), ["resize", "owns", "reset", "goodSize"], [
    "verify",
  ]),

  row("split", split(64, all, all), split(64, none, none), [], [...PAIRED, "goodSize"]),
  row("route", route(() => true, all, all), route(() => true, none, none), [], PAIRED),
  row("fallback", fallback(all, all), fallback(owner, none), [], [...PAIRED, "goodSize"], owner),

  row("align", align(all, 64), align(none, 64), ["maxAlign"], [...MOVED, "sizeOf"]),
  row("affix", affix(all, 16), affix(none, 16), [], MOVED),
  row("sized", sized(all), sized(none), ["sizeOf"], [...MOVED, "maxAlign"]),
  row("zero, on get", zero(all), zero(none), [], EVERYTHING),
  row("zero, on put", zero(all, "both"), zero(none, "both"), [], [
    ...[...GENERAL, "owns", "sizeOf", "gauge", "sites", "verify"] as const,
  ]),

  row("stats", stats(all), stats(none), ["gauge"], [...BLOCKS, "sites", "verify"]),
  row("check", check(all), check(gauged), ["gauge"], [...BLOCKS, ...MARKS, "sites", "verify"], gauged),
  row("trace", trace(all), trace(none), ["sites"], [...BLOCKS, "gauge", "verify"]),
  row("debug", debug(all), debug(none), ["owns", "sizeOf", "sites", "verify"], [
    ...["resize", "reset", "goodSize", "maxAlign"] as const,
  ]),
  row("shadow", shadow(all), shadow(none), ["owns", "sizeOf", "sites", "verify"], [
    ...["resize", "reset", "goodSize", "maxAlign"] as const,
  ]),
  row("count", count(all), count(none), [], EVERYTHING),
  row("histogram", histogram(all), histogram(none), [], [...BLOCKS, "verify"]),
  row("log", log(all, () => {}), log(none, () => {}), [], EVERYTHING),
  row("fail", fail(all, 3), fail(none, 3), [], EVERYTHING),
  row("must", must(all), must(none), [], EVERYTHING),
  row("bypass", bypass(all), bypass(none), [], EVERYTHING),

  source("pipe", pipe(heap), []),
  source("layers.ground", layers.ground(heap), []),
  source("layers.std", layers.std(heap), []),

  source("general", general(heap), GENERAL),
  source("lea", lea(heap), GENERAL),
  source("kingsley", kingsley(heap), GENERAL),
  source("arena", arena(heap), ARENA),
  source("reap", reap(heap), MERGING),
  source("pool", pool(64, heap), ["resize", "reset", "owns", "maxAlign"]),
];

/** The table: a column for each capability; a mark and going back to it are one. */
export function capabilityTable(): string {
  const columns = MEMBERS.filter((name) => name !== "rewind");
  const marks = { own: "●", kept: "○" };
  return table([
    ["layer", "needs", ...columns],
    ...rows.map(({ name, needs, has }) => [
      name.replace(/^\S+?(?=,|$)/, "`$&`"),
      needs.map((need) => `\`${need}\``).join(" ") || "-",
      ...columns.map((column) => column in has ? marks[has[column]] : ""),
    ]),
  ]);
}

const README = new URL("../README.md", import.meta.url);
const BEGIN = "<!-- begin capabilities -->", END = "<!-- end capabilities -->";

/** README as it should be. */
export function withTable(readme: string): string {
  const from = readme.indexOf(BEGIN), to = readme.indexOf(END);
  if (from < 0 || to < from) throw new Error(`Cannot write the table: README.md must have ${BEGIN} and ${END}`);
  return `${readme.slice(0, from + BEGIN.length)}\n\n${capabilityTable()}\n\n${readme.slice(to)}`;
}

if (import.meta.main) {
  await Deno.writeTextFile(README, withTable(await Deno.readTextFile(README)));
  console.log("The table of capabilities in README.md is that of the code.");
}
