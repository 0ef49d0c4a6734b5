// Guests that nobody closes: what they have is collected when they are. In a process of its own, for `gc`
import { assertEquals } from "./assert.ts";

const PROGRAM = `
import { bytealloc, bytefree, enter, general, init } from "./mod.ts";
import { interpose } from "./rt/mod.ts";
import { leakFree } from "./testing/mod.ts";
import { guestBytes } from "./tests/guest_blocks.ts";

const refs = [];
for (const [file, allocator] of [["own", "watch"], ["own", "replace"], ["imports", "imports"]]) {
  for (let round = 0; round < 8; round++) {
    const plan = interpose(guestBytes(file), { allocator }), module = new WebAssembly.Module(plan.bytes);
    for (let i = 0; i < 10; i++) {
      const imports = plan.imports({ env: { callback: (i) => i } });
      const g = plan.attach(new WebAssembly.Instance(module, imports), imports);
      g.exports.pairs(10, 24);
      enter(g.arena(), () => g.exports.pairs(10, 24));
      enter(init(general()), () => bytefree(bytealloc(8), 8));
      if (round === 0) leakFree(() => g.exports.pairs(10, 24))();
      refs.push(new WeakRef(g), new WeakRef(g.memory), new WeakRef(g.heap), new WeakRef(g.ground));
    }
    await new Promise((done) => setTimeout(done, 0));
    gc();
  }
}
await new Promise((done) => setTimeout(done, 10));
gc();
const alive = refs.filter((ref) => ref.deref() !== undefined).length;
console.log(alive <= 60 ? "collected" : alive + " of " + refs.length + " are alive");
`;

Deno.test("guest_gc: 240 guests do not accumulate", async () => {
  const args = ["eval", "--no-check", "--v8-flags=--expose-gc", PROGRAM], cwd = new URL("..", import.meta.url);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd }).output();
  const text = new TextDecoder();
  assertEquals(text.decode(stdout), "collected\n", text.decode(stderr));
});
