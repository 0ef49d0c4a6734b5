/** What accesses through `std` take, with a shadow or without, as JSON: `shadow_one.ts never|closed|open [quick]`. */

import { bonwick, bytealloc, bytefree, enter, heap, init, mmap, shadow, std } from "../mod.ts";
import { quantile } from "./report.ts";
import { Unguarded } from "./unguarded.ts";

/** Nanoseconds an access, by its name: as it is, and as it would be if nobody could look at it, where there is such. */
export type Costs = Record<string, { readonly std: number; readonly plain?: number }>;

const [mode, quick] = Deno.args;
const N = 1000, LOOPS = 5, SAMPLES = quick ? 5 : 300;

const Point = std.struct({ x: std.u32, y: std.f64, inner: std.struct({ z: std.u32 }) });
const TEXT = "a text of 24 characters.";

/** What the loops work with. */
function things() {
  const words = std.slzalloc(std.u32, N), floats = std.slzalloc(std.f64, N), table = std.mkht(std.u32, std.u32);
  for (let i = 0; i < N; i++) std.htput(table, i, i);
  new Unguarded(words).free();
  return {
    std,
    heap,
    bytealloc,
    bytefree,
    table,
    words,
    floats,
    plainWords: new Unguarded(words),
    plainFloats: new Unguarded(floats),
    points: Array.from({ length: N }, () => std.zalloc(Point)),
    x: Point.fields.x,
    y: Point.fields.y,
    z: Point.fields.inner.fields.z,
    Point,
    TEXT,
    N,
  };
}
type Things = ReturnType<typeof things>;
type Loop = (t: Things) => number;

/** A loop of `N` accesses through `std`, and the same without. */
const loops: Record<string, { readonly std: Loop; readonly plain?: Loop }> = {
  "field, get": {
    std: ({ points, x }) => {
      let sum = 0;
      for (let i = 0; i < points.length; i++) sum = sum + x.get(points[i]) | 0;
      return sum;
    },
    plain: ({ points, heap }) => {
      let sum = 0;
      for (let i = 0; i < points.length; i++) sum = sum + heap.u32[points[i] >>> 2] | 0;
      return sum;
    },
  },
  "field, set": {
    std: ({ points, y }) => {
      for (let i = 0; i < points.length; i++) y.set(points[i], i);
      return 0;
    },
    plain: ({ points, heap }) => {
      for (let i = 0; i < points.length; i++) heap.f64[points[i] + 8 >>> 3] = i;
      return 0;
    },
  },
  "nested field, get": {
    std: ({ points, z }) => {
      let sum = 0;
      for (let i = 0; i < points.length; i++) sum = sum + z.get(points[i]) | 0;
      return sum;
    },
    plain: ({ points, heap }) => {
      let sum = 0;
      for (let i = 0; i < points.length; i++) sum = sum + heap.u32[points[i] + 16 >>> 2] | 0;
      return sum;
    },
  },
  "slice of u32, get": {
    std: ({ words }) => {
      let sum = 0;
      for (let i = 0; i < words.len; i++) sum = sum + words.get(i) | 0;
      return sum;
    },
    plain: ({ plainWords }) => {
      let sum = 0;
      for (let i = 0; i < plainWords.len; i++) sum = sum + plainWords.get(i) | 0;
      return sum;
    },
  },
  "slice of u32, set": {
    std: ({ words }) => {
      for (let i = 0; i < words.len; i++) words.set(i, i);
      return 0;
    },
    plain: ({ plainWords }) => {
      for (let i = 0; i < plainWords.len; i++) plainWords.set(i, i);
      return 0;
    },
  },
  "slice of f64, get": {
    std: ({ floats }) => {
      let sum = 0;
      for (let i = 0; i < floats.len; i++) sum += floats.get(i);
      return sum;
    },
    plain: ({ plainFloats }) => {
      let sum = 0;
      for (let i = 0; i < plainFloats.len; i++) sum += plainFloats.get(i);
      return sum;
    },
  },
  "text of 24 characters, there and back": {
    std: ({ std, TEXT, N }) => {
      let sum = 0;
      for (let i = 0; i < N; i++) {
        const s = std.str(TEXT);
        sum += std.text(s).length;
        std.slfree(s);
      }
      return sum;
    },
  },
  "struct, load": {
    std: ({ points, Point, heap }) => {
      let sum = 0;
      for (let i = 0; i < points.length; i++) sum = sum + Point.load(heap, points[i]).x | 0;
      return sum;
    },
  },
  "table, get": {
    std: ({ table, std, N }) => {
      let sum = 0;
      for (let i = 0; i < N; i++) sum = sum + std.htget(table, i, 0) | 0;
      return sum;
    },
  },
};

/** Loops of source text of their own: text that an engine has seen shares what was learnt about it. */
const fresh = (loop: Loop, i: number): Loop => new Function(`return ${loop}\n// ${i}`)();

function measure(samples: number): Costs {
  const t = things(), runs: { readonly loop: Loop; readonly ns: number[]; readonly key: string }[] = [];
  for (const [name, { std, plain }] of Object.entries(loops)) {
    for (let i = 0; i < LOOPS; i++) {
      runs.push({ loop: fresh(std, i), ns: [], key: `${name} std` });
      if (plain) runs.push({ loop: fresh(plain, i), ns: [], key: `${name} plain` });
    }
  }
  for (let r = 0; r < 2 * samples; r++) {
    for (const { loop, ns } of runs) {
      const times = 5, start = performance.now();
      for (let i = 0; i < times; i++) loop(t);
      if (r >= samples) ns.push((performance.now() - start) * 1e6 / (times * N));
    }
  }
  const best = (key: string) => quantile(runs.filter((run) => run.key === key).map(({ ns }) => quantile(ns, 0.1)), 0.5);
  return Object.fromEntries(
    Object.entries(loops).map(([name, { plain }]) => [
      name,
      { std: best(`${name} std`), ...plain && { plain: best(`${name} plain`) } },
    ]),
  );
}

const region = () => init(shadow(bonwick(mmap())));
if (mode === "closed") enter(region(), () => measure(2));
const costs = mode === "open" ? enter(region(), () => measure(Math.ceil(SAMPLES / 5))) : measure(SAMPLES);
console.log(JSON.stringify(costs));
