// A parser of bash, as npm's web-tree-sitter and tree-sitter-bash have it: a module that exports its malloc, and a side module
// that imports it, instantiated by glue of their own
import type { Tree } from "web-tree-sitter";
import {
  check,
  debug,
  DoubleFreeError,
  enter,
  general,
  init,
  LeakError,
  stats,
  trace,
  WriteAfterFreeError,
} from "../mod.ts";
import { type Guest, type GuestOptions, instantiateWasm } from "../rt/mod.ts";
import { leakFree } from "../testing/mod.ts";
import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
  assertThrows,
  fail,
} from "./assert.ts";
import { linesOf } from "./lines_of.ts";
import { npmFile } from "./npm_files.ts";
import { bashScript, mainModule, textOf, type TreeSitter, treeSitter } from "./tree_sitter.ts";

const SMALL = bashScript(12_000), LARGE = bashScript(150_000);

/** The parser as a guest. */
async function asGuest(options: GuestOptions = {}): Promise<[TreeSitter, Guest]> {
  const hook = instantiateWasm(await mainModule(), { name: "tree-sitter", ...options });
  const all = await treeSitter({ instantiateWasm: hook });
  return [all, await hook.guest];
}

/** What a script is as a tree, parsed by a parser that is made for that. All is deleted again. */
function parsed({ Parser, bash }: TreeSitter, script: string): string {
  const parser = new Parser().setLanguage(bash), tree = parser.parse(script) ?? fail("it was not parsed");
  const text = textOf(tree);
  tree.delete();
  parser.delete();
  return text;
}

/** The same without a guest, made once. */
const expected = (() => {
  let plain: Promise<TreeSitter> | undefined;
  const texts = new Map<string, string>();
  return async (script: string): Promise<string> => {
    const all = await (plain ??= treeSitter());
    if (!texts.has(script)) texts.set(script, parsed(all, script));
    return texts.get(script)!;
  };
})();

/** Blocks and bytes that are out. */
const live = (g: Guest): [blocks: number, bytes: number] => {
  const { nalloc, nfree, szalloc, szfree } = g.gauge();
  return [nalloc - nfree, szalloc - szfree];
};

/** What nobody has deleted: the package frees what is collected, which in an arena is no more. */
const kept: unknown[] = [];

Deno.test("guest_tree_sitter: the scripts have all that bash has, and no errors", async () => {
  const text = await expected(LARGE);
  assertGreater(text.split("\n").length, 50_000);
  for (
    const type of [
      "heredoc_body",
      "case_item",
      "process_substitution",
      "c_style_for_statement",
      "expansion",
      "subshell",
    ]
  ) {
    assertStringIncludes(text, type);
  }
  assert(!/ERROR|MISSING/.test(text));
});

for (const allocator of ["replace", "watch"] as const) {
  const of = (text: string) => `guest_tree_sitter: ${allocator}: ${text}`;

  Deno.test(of("the syntax trees are the same"), async () => {
    const [all, g] = await asGuest({ allocator });
    const before = live(g), { nalloc } = g.gauge();
    for (const script of [LARGE, SMALL, "", "if [ a = ", "echo 'ä€𝄞' $((1 + "]) {
      assertEquals(parsed(all, script) === await expected(script), true);
    }
    assertGreater(g.gauge().nalloc - nalloc, 50_000);
    assertEquals(live(g), before);
  });

  Deno.test(of("all deleted is zero, in the first test already"), async () => {
    const [all] = await asGuest({ allocator });
    assertEquals(leakFree(() => parsed(all, SMALL))() === await expected(SMALL), true);
    assertEquals(leakFree(() => parsed(all, SMALL))() === await expected(SMALL), true);
  });

  Deno.test(of("a tree that is not deleted is reported, with the line and what was called in the guest"), async () => {
    const [{ Parser, bash }] = await asGuest({ allocator });
    const e = assertThrows(
      leakFree(() => {
        const parser = new Parser().setLanguage(bash);
        parser.parse("echo $closed")!.delete();
        const forgotten = parser.parse(SMALL)!;
        parser.delete();
        kept.push(forgotten);
      }),
      LeakError,
    );
    const lines = linesOf(e, import.meta.url);
    assertEquals(Object.keys(lines), ["const forgotten = parser.parse(SMALL)!;"]);
    assertGreater(e.blocks, 1000);
    const [{ frames }] = e.sites;
    assertEquals(frames[0].file, import.meta.url); // not what the package calls
    assert(
      frames.some(({ name, module }) => module === "tree-sitter" && name === "ts_parser_parse_wasm"),
      frames.map(({ name }) => name).join(),
    );
    const source = Deno.readTextFileSync(new URL(import.meta.url)).split("\n");
    const line = 1 + source.findIndex((text) => text.includes("const forgotten = parser.parse(SMALL)!;"));
    assertMatch(e.message, new RegExp(`guest_tree_sitter_test\\.ts:${line}:\\d+\\n`));
    assertMatch(e.message, /in tree-sitter: function \d+ \(0x[\da-f]+\) <- .*ts_parser_parse_wasm/);
  });

  Deno.test(of("so are a parser, a copy, a cursor and a query, each with its line"), async () => {
    const [{ Parser, Query, bash }] = await asGuest({ allocator });
    const e = assertThrows(
      leakFree(() => {
        const parser = new Parser();
        parser.setLanguage(bash);
        const tree = parser.parse("if a; then b; fi")!;
        const copy = tree.copy();
        const cursor = copy.walk();
        cursor.gotoDescendant(3);
        const query = new Query(bash, "(command name: (command_name) @name)");
        assertGreater(query.captures(copy.rootNode).length, 1);
        tree.delete();
        kept.push(parser, copy, cursor, query);
      }),
      LeakError,
    );
    const lines = Object.keys(linesOf(e, import.meta.url)).join("\n");
    for (const call of ["new Parser()", "parser.parse(", "tree.copy()", "copy.walk()", "new Query(bash"]) {
      assertStringIncludes(lines, call);
    }
  });

  Deno.test(of("an error thrown in a callback passes through the guest, and nothing is lost"), async () => {
    const [all, g] = await asGuest({ allocator }), { Parser, bash } = all;
    const before = live(g);
    const parse = leakFree(() => {
      const inside = new Parser().setLanguage(bash);
      try {
        inside.parse((index) => {
          if (index > 5_000) throw new RangeError("no more");
          return SMALL.slice(index, index + 100);
        });
      } finally {
        inside.delete();
      }
    });
    assertThrows(parse, RangeError, "no more");
    assertEquals(live(g), before);
    assertEquals(parsed(all, SMALL) === await expected(SMALL), true);
  });

  Deno.test(of("the memory grows under it, by the glue's own doing"), async () => {
    const [all, g] = await asGuest({ allocator }), { Parser, bash } = all, before = g.memory.buffer.byteLength;
    (g.exports as { malloc(size: number): number }).malloc(before - 2 ** 23); // the rest is not much
    const parser = new Parser().setLanguage(bash), trees: Tree[] = [];
    while (g.memory.buffer.byteLength === before) trees.push(parser.parse(LARGE)!);
    for (const tree of trees) assertEquals(tree.rootNode.hasError, false);
    assertEquals(textOf(trees[0]) === await expected(LARGE), true);
    assertEquals(textOf(trees.at(-1)!) === await expected(LARGE), true);
    for (const tree of trees) tree.delete();
    parser.delete();
    assertEquals(parsed(all, SMALL) === await expected(SMALL), true);
  });
}

Deno.test("guest_tree_sitter: a stack of one's own says where all that is out comes from", async () => {
  for (const allocator of ["replace", "watch"] as const) {
    const [{ Parser }, g] = await asGuest({ allocator, stack: (bottom) => check(trace(stats(bottom))) });
    // The data of the language, which the package keeps for good
    const language = { "const all = await treeSitter({ instantiateWasm: hook });": 1 };
    assertEquals(linesOf({ sites: g.sites() }, import.meta.url), language);
    const [, loaded] = live(g);
    assertGreater(loaded, 1e6);
    const parser = new Parser(), made = live(g)[0] - 1;
    assertEquals(linesOf({ sites: g.sites() }, import.meta.url), {
      ...language,
      "const parser = new Parser(), made = live(g)[0] - 1;": made,
    });
    parser.delete();
    assertEquals(live(g)[1], loaded);

    const e = assertThrows(() => g.deinit(), LeakError);
    assertEquals(linesOf(e, import.meta.url), language);
    assertThrows(() => g.deinit(), Error, "it has been closed");
    g[Symbol.dispose]();
    if (allocator === "replace") assertThrows(() => new Parser(), Error, "it has been closed");
    else new Parser().delete(); // by its own allocator alone
  }
});

Deno.test("guest_tree_sitter: a whole parse in an arena is freed in one go", async () => {
  const [all, g] = await asGuest({ allocator: "replace" }), { Parser, bash } = all;
  const before = live(g), sizes: number[] = [];
  for (let i = 0; i < 3; i++) {
    const text = enter(g.arena(), () => {
      const parser = new Parser().setLanguage(bash), tree = parser.parse(LARGE)!;
      kept.push(parser, tree);
      return textOf(tree);
    });
    assertEquals(text === await expected(LARGE), true);
    assertEquals(live(g), before); // none of it came from the ground
    sizes.push(g.memory.buffer.byteLength);
  }
  assertEquals(sizes[2], sizes[0]); // what one has given back, the next uses
  assertEquals(parsed(all, SMALL) === await expected(SMALL), true);
});

Deno.test("guest_tree_sitter: a tree of one region is deleted in another", async () => {
  const [{ Parser, bash }, g] = await asGuest({ allocator: "replace" });
  const parser = new Parser().setLanguage(bash), tree = parser.parse(SMALL)!;
  const before = live(g);
  enter(init(stats(general(g.heap))), () => {
    const inner = parser.parse(SMALL)!;
    assertEquals(textOf(inner), textOf(tree));
    tree.delete();
    inner.delete();
  });
  assertGreater(before[0], live(g)[0] + 1000);
});

Deno.test("guest_tree_sitter: debug has nothing to say of a parse", async () => {
  const [all, g] = await asGuest({ allocator: "replace", stack: (bottom) => debug(bottom, { depth: 0 }) });
  assertEquals(parsed(all, SMALL) === await expected(SMALL), true);
  g.verify();
  const inside = enter(init(debug(stats(general(g.heap)), { depth: 0 })), () => parsed(all, SMALL));
  assertEquals(inside === await expected(SMALL), true);
});

Deno.test("guest_tree_sitter: debug names what is done to blocks of the guest", async () => {
  const [{ Parser, bash }, g] = await asGuest({ allocator: "replace", stack: (bottom) => debug(bottom) });
  const { malloc, free } = g.exports as Record<string, (x: number) => number>;
  const p = malloc(40);
  free(p);
  const twice = assertThrows(() => free(p), DoubleFreeError);
  assertMatch(String(twice.stack), /guest_tree_sitter_test\.ts/);
  assertThrows(() => free(p + 8), Error);
  const q = malloc(40);
  free(q);
  g.heap.u8[q + 3] = 1;
  assertThrows(() => g.verify(), WriteAfterFreeError);
  const parser = new Parser().setLanguage(bash);
  parser.parse("echo $a")!.delete(); // and goes on working
  parser.delete();
  g.verify();
});

Deno.test("guest_tree_sitter: with the source map of the package, reports have the lines of the C code", async () => {
  const sourceMap = JSON.parse(new TextDecoder().decode(await npmFile("web-tree-sitter/web-tree-sitter.wasm.map")));
  // The map has lost a file that its mappings still count, so that all behind it are off by one
  sourceMap.sources.splice(12, 0, "lost.h");
  sourceMap.sourcesContent.splice(12, 0, "");
  const [{ Parser, bash }] = await asGuest({ allocator: "replace", symbols: { sourceMap } });
  const e = assertThrows(
    leakFree(() => {
      const parser = new Parser().setLanguage(bash);
      kept.push(parser.parse(SMALL));
      parser.delete();
    }),
    LeakError,
  );
  const [{ frames }] = e.sites, inGuest = frames.filter(({ module }) => module === "tree-sitter");
  assertEquals(inGuest.map(({ file }) => file), ["lib/alloc.c", "lib/subtree.c", "lib/parser.c", "lib/parser.c"]);
  const code = inGuest.map(({ file, line }) => {
    return sourceMap.sourcesContent[sourceMap.sources.indexOf(file)].split("\n")[line - 1].trim();
  });
  assertMatch(code[0], /\b(malloc|realloc)\(/);
  assertMatch(code[1], /\bts_(malloc|realloc)\(/);
  assertMatch(code[2], /\bts_subtree_new_node\(/);
  assertMatch(e.message, /\(subtree\.c:\d+\) <- .*\(parser\.c:\d+\)/);
});
