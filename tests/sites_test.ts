import { formatSites, type Frame, type Origin, type Site, suppressing } from "../mod.ts";
import { groupBySite } from "../sites.ts";
import { assert, assertEquals, assertStrictEquals } from "./assert.ts";

const frame = (name: string, line = 1, file = "file:///a.ts"): Frame => ({ name, file, line, column: 2 });

/** A call stack with these calls. */
const stackOf = (...frames: Frame[]): Error => {
  const rows = frames.map(({ name, file, line, column }) => `    at ${name} (${file}:${line}:${column})`);
  return Object.defineProperty(new Error(), "stack", { value: ["Error", ...rows].join("\n") });
};

const origin = (name: string, size: number, weight = 1): Origin => ({ size, weight, stack: stackOf(frame(name)) });

const said = (sites: readonly Site[]) =>
  sites.map(({ count, bytes, sampled, frames }) => [frames.map(({ name }) => name).join(), count, bytes, sampled]);

Deno.test("sites: origins by where they are, those of the most bytes first, then those of the most blocks", () => {
  const origins = [
    ...[origin("a", 10), origin("b", 100), origin("a", 20), origin("c", 15), origin("c", 15)],
    ...[origin("none", 0), origin("none", 0)],
  ];
  assertEquals(said(groupBySite(origins, 8)), [["b", 1, 100, 1], ["a", 2, 30, 2], ["c", 2, 30, 2], ["none", 2, 0, 2]]);
  assertEquals(said(groupBySite([origin("few", 40), origin("many", 20), origin("many", 20)], 8)), [
    ["many", 2, 40, 2],
    ["few", 1, 40, 1],
  ]);
  assertEquals(groupBySite([], 8), []);
});

Deno.test("sites: tells places apart by as many calls as it is told, and by line, column and file", () => {
  const origins = [
    { size: 1, weight: 1, stack: stackOf(frame("make"), frame("f")) },
    { size: 1, weight: 1, stack: stackOf(frame("make"), frame("g")) },
    { size: 1, weight: 1, stack: stackOf(frame("make", 2), frame("g")) },
    { size: 1, weight: 1, stack: stackOf(frame("make", 1, "file:///b.ts"), frame("g")) },
  ];
  assertEquals(said(groupBySite(origins, 1)), [["make", 2, 2, 2], ["make", 1, 1, 1], ["make", 1, 1, 1]]);
  assertEquals(groupBySite(origins, 2).length, 4);
  assertEquals(said(groupBySite(origins, 8, ["/b.ts"])).map(([names]) => names), ["make,f", "make,g", "make,g", "g"]);
});

Deno.test("sites: a sample stands for as many blocks as it weighs", () => {
  const [site] = groupBySite([origin("a", 10, 100), origin("a", 20, 50.4)], 8);
  assertEquals([site.count, site.bytes, site.sampled], [150, 2008, 2]);
});

Deno.test("sites: of very many, an estimate from a thousand, also where places alternate", () => {
  const few = Array.from({ length: 1000 }, (_, i) => origin(i % 2 ? "odd" : "even", 10));
  assertEquals(said(groupBySite(few, 8)), [["even", 500, 5000, 500], ["odd", 500, 5000, 500]]);
  for (const length of [1250, 2000, 4000, 30_000]) {
    const stacks = [stackOf(frame("even")), stackOf(frame("odd"))];
    const many = Array.from({ length }, (_, i) => ({ size: 10, weight: 1, stack: stacks[i % 2] }));
    const sites = groupBySite(many, 8);
    assertEquals(sites.length, 2);
    let blocks = 0, sampled = 0;
    for (const site of sites) {
      assert(Math.abs(site.count - length / 2) < 0.1 * length, `${site.count} of ${length}`);
      assert(site.sampled < site.count);
      assert(Math.abs(site.bytes - 10 * site.count) <= 10);
      blocks += site.count;
      sampled += site.sampled;
    }
    assert(Math.abs(blocks - length) <= 1, `${blocks} of ${length}`); // each is rounded
    assertEquals(sampled, 1000);
  }
});

Deno.test("sites: of very many, what holds much is never missed", () => {
  const stack = stackOf(frame("small")),
    others = Array.from({ length: 20_000 }, () => ({ size: 10, weight: 1, stack }));
  const origins = [...others.slice(0, 777), origin("large", 100_000), ...others, origin("huge", 10 ** 9)];
  const sites = groupBySite(origins, 8);
  assertEquals(said(sites.slice(0, 1)), [["huge", 1, 10 ** 9, 1]]);
  assertEquals(said(groupBySite(origins.slice(0, -1), 8)).find(([name]) => name === "large"), ["large", 1, 100_000, 1]);
  const equal = groupBySite(Array.from({ length: 5000 }, () => ({ size: 0, weight: 1, stack })), 8);
  assertEquals(said(equal), [["small", 5000, 0, 1000]]); // blocks of no bytes
});

const site = (count: number, bytes: number, ...frames: Frame[]): Site => ({ count, bytes, sampled: count, frames });

const three = [
  site(1200, 5000, frame("parse", 42, "file:///parser.ts"), frame("main", 9)),
  site(1, 100, frame("", 3)),
  site(2, 60),
];

Deno.test("sites: print with what they are about and the calls that led there", () => {
  assertEquals(
    formatSites(three),
    `  1,200 blocks, 5,000 B, allocated at
    parse (file:///parser.ts:42:2)
    main (file:///a.ts:9:2)
  1 block, 100 B, allocated at
    file:///a.ts:3:2
  2 blocks, 60 B, allocated at
    a place that was not recorded`,
  );
  assertStrictEquals(formatSites([]), "");
  assertStrictEquals(
    formatSites([{ ...site(900, 100, frame("f")), sampled: 9 }]),
    "  about 900 blocks, 100 B, allocated at\n    f (file:///a.ts:1:2)",
  );
});

Deno.test("sites: print as many as are asked for, and how many more there are", () => {
  assertEquals(
    formatSites(three, { sites: 1, frames: 1 }),
    `  1,200 blocks, 5,000 B, allocated at
    parse (file:///parser.ts:42:2)
  and 3 more, 160 B, at 2 other places`,
  );
  assert(formatSites(three, { sites: 2 }).endsWith("\n  and 2 more, 60 B, at 1 other place"));
  assertStrictEquals(formatSites(three, { sites: 0 }), "  and 1,203 more, 5,160 B, at 3 other places");
  assertStrictEquals(formatSites([three[0]], { frames: 0 }), "  1,200 blocks, 5,000 B, allocated at");
  assertStrictEquals(formatSites(three, { sites: 3, frames: Infinity }), formatSites(three));
  assertStrictEquals(formatSites(three, { sites: Infinity }), formatSites(three, {}));
});

Deno.test("sites: are meant to stay by the name of a function", () => {
  const at = (...names: string[]) => site(1, 1, ...names.map((name) => frame(name)));
  const meant = suppressing(["fn:intern"]);
  for (const name of ["intern", "Names.intern", "new intern", "Object.intern [as add]"]) assert(meant(at(name)), name);
  for (const name of ["internal", "reintern", "intern.f", "interN", ""]) assert(!meant(at(name)), name);
  assert(meant(at("f", "g", "intern", "main"))); // anywhere in the stack
  assert(!meant(at("f", "g")));
  assert(!meant(site(1, 1)));
  const wild = suppressing(["fn:cache*", "fn:*Pool.get", " fn: new Table "]);
  for (const name of ["cache", "cacheAll", "Store.cached", "ThreadPool.get", "new Table"]) assert(wild(at(name)), name);
  for (const name of ["uncache", "Pool.getAll", "Table"]) assert(!wild(at(name)), name);
});

Deno.test("sites: are meant to stay by a file", () => {
  const at = (file: string) => site(1, 1, frame("f", 7, "file:///main.ts"), frame("cache.ts", 1, file));
  const meant = suppressing(["file:cache.ts"]);
  for (const file of ["file:///src/cache.ts", "https://example.com/cache.ts", "cache.ts"]) {
    assert(meant(at(file)), file);
  }
  for (const file of ["file:///src/mycache.ts", "file:///cache.tsx", "file:///cachexts", "file:///cache.ts/a.js"]) {
    assert(!meant(at(file)), file);
  }
  assert(suppressing(["file:src/*"])(at("file:///home/me/src/deep/a.ts")));
  assert(suppressing(["file:https://example.com/*"])(at("https://example.com/a/b.js")));
  assert(suppressing(["file:///src/cache.ts"])(at("file:///src/cache.ts"))); // as it was printed
  assert(suppressing(["file:file:///src/cache.ts"])(at("file:///src/cache.ts")));
  assert(suppressing(["https://example.com/a.ts"])(at("https://example.com/a.ts")));
  assert(!suppressing(["file:///src/cache.ts"])(at("file:///home/src/cache.ts")));
});

Deno.test("sites: a pattern without fn or file is either, one with is only that", () => {
  const byName = site(1, 1, frame("cache", 1, "file:///a.ts")), byFile = site(1, 1, frame("f", 1, "file:///cache"));
  assertEquals([byName, byFile].map(suppressing(["cache"])), [true, true]);
  assertEquals([byName, byFile].map(suppressing(["fn:cache"])), [true, false]);
  assertEquals([byName, byFile].map(suppressing(["file:cache"])), [false, true]);
  assertEquals([byName, byFile].map(suppressing([])), [false, false]);
  assertEquals([byName, byFile].map(suppressing(["other", "fn:cache"])), [true, false]);
  assertEquals([byName, byFile].map(suppressing(["*"])), [true, true]);
});

Deno.test("sites: patterns that are odd, or that take an expression for ever", () => {
  const at = (name: string) => site(1, 1, frame(name));
  assert(suppressing(["fn:a\nb"])(at("a\nb")));
  assert(!suppressing(["fn:a\nb"])(at("a")));
  assert(suppressing(["**"])(at("f")));
  const stars = "*".repeat(40);
  assertEquals(["y", "z"].map((end) => suppressing([`fn:${stars}z`])(at("x".repeat(100) + end))), [false, true]);
});

Deno.test("sites: what is special in a regular expression is not in a pattern", () => {
  const at = (name: string) => site(1, 1, frame(name));
  assert(suppressing(["fn:f(x)[0]$^+?|{2}\\"])(at("f(x)[0]$^+?|{2}\\")));
  assert(!suppressing(["fn:a.c"])(at("abc")));
});
