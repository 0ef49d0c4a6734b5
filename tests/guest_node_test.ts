// Guests in Node: in one that knows modules with several memories, or not, as Node 20 does
import { assertEquals } from "./assert.ts";
import { hasNode, libraryForNode } from "./in_node.ts";

if (!hasNode) console.warn("guest_node: there is no Node here, so that nothing is tested");

const PROGRAM = `
import { readFileSync } from "node:fs";
import { guest, interpose } from "./rt/mod.js";
import { check, debug, enter, enterAsync, init, stats, trace } from "./mod.js";
import { leakFree } from "./testing/mod.js";

const bytes = (name) => readFileSync(new URL(name + ".wasm", process.argv[2]));
const thrown = (f) => {
  try {
    f();
  } catch (e) {
    return e.constructor.name + ": " + e.message.split("\\n", 1)[0];
  }
};
const out = ({ nalloc, nfree, szalloc, szfree }) => [nalloc - nfree, szalloc - szfree];
for (const allocator of ["watch", "replace"]) {
  const g = await guest(bytes("own"), { allocator, imports: { env: { callback: (i) => i } } }), x = g.exports;
  const say = (...what) => console.log(allocator, JSON.stringify(what));
  say(x.balanced(100, 24), out(g.gauge()), g.gauge().nalloc);
  say(enter(g.arena(), () => x.tree_count(x.tree_make(8))), out(g.gauge()));
  say(thrown(() => enter(init(check(trace(stats(g.bottom)))), () => x.leak(2, 24))));
  say(thrown(leakFree(() => x.leak(3, 24))), out(g.gauge()));
  say(thrown(() => x.trap(2, 10)), out(g.gauge()));
  const text = x.text_make(5000);
  say(x.text_check(text));
  x.text_free(text);
  const a = g.arena();
  await enterAsync(a, async () => {
    x.leak(1, 10);
    await new Promise((done) => setTimeout(done, 1));
    x.leak(1, 10);
  });
  say(out(a.gauge()));
  const d = await guest(bytes("own"), { allocator, stack: (b) => debug(b), imports: { env: { callback: (i) => i } } });
  say(thrown(() => d.exports.double_free(24)).replace(/ at [0-9]+/, ""));
}
const g = await guest(bytes("imports"));
console.log("imports", g.exports.pairs(100, 24), g.exports.realloc_kept(100, 5000), JSON.stringify(out(g.gauge())));
`;

const SAYS = (allocator: string) =>
  [
    "[14850,[0,0],101]",
    "[511,[0,0]]",
    '["LeakError: Cannot close as free of leaks: 2 of 2 blocks, 48 B, still out"]',
    '["LeakError: Cannot close as free of leaks: 3 of 3 blocks, 72 B, still out",[3,72]]',
    '["RuntimeError: unreachable",[5,92]]',
    "[5000]",
    "[[2,20]]",
    '["DoubleFreeError: Cannot free the block of 24 B: it has been freed before"]',
  ].map((line) => `${allocator} ${line}`);

Deno.test({
  name: "guest_node: guests are served",
  ignore: !hasNode,
  async fn() {
    const dir = await libraryForNode();
    try {
      await Deno.writeTextFile(`${dir}/program.js`, PROGRAM);
      const args = [`${dir}/program.js`, new URL("guests/", import.meta.url).href];
      const { stdout, stderr } = await new Deno.Command("node", { args }).output();
      const text = new TextDecoder();
      assertEquals(
        text.decode(stdout).trim().split("\n"),
        [...SAYS("watch"), ...SAYS("replace"), "imports 4950 100 [0,0]"],
        text.decode(stderr),
      );
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
