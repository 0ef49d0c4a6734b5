// A program of somebody else's imports the library: by URL with no configuration at all, and in Node
import { assert, assertEquals } from "./assert.ts";

const root = new URL("../", import.meta.url);

const program = (library: string) => `
import { batch, bytealloc, check, chunk, enter, enterAsync, escape, Heap, init, layers, mmap, stats, top } from "${library}";

const heap = new Heap({ initial: 1 });
const a = init(stats(chunk(batch(check(stats(mmap(heap)))), 4096)));
const p = enter(a, () => {
  for (let i = 0; i < 100; i++) bytealloc(100);
  return escape(() => bytealloc(4));
});
const b = init(chunk(layers.std(), 1024));
await enterAsync(b, async () => {
  await new Promise((done) => setTimeout(done, 1));
  if (top() !== b) throw new Error("the region was lost");
  bytealloc(10);
});
console.log(p > 0, a.gauge().szalloc, String(a).split("\\n").map((line) => line.split("  ")[0]).join(" "));
`;

const expected = "true 10000 stats chunk 4096 batch check stats mmap (closed)";

async function run(command: string, args: string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd, env }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  assert(success, text(stderr));
  return text(stdout);
}

async function inEmptyFolder(f: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await f(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("import: by URL, with no configuration and nothing cached", () =>
  inEmptyFolder(async (dir) => {
    const asked = new Set<string>();
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      const path = new URL(request.url).pathname;
      asked.add(path);
      try {
        const body = await Deno.readTextFile(new URL("." + path, root));
        return new Response(body, { headers: { "content-type": "application/typescript" } });
      } catch {
        return new Response("not found", { status: 404 });
      }
    });
    const { port } = server.addr;
    await Deno.writeTextFile(`${dir}/main.ts`, program(`http://127.0.0.1:${port}/mod.ts`));
    const args = ["run", "--no-config", "--no-lock", "--no-prompt", `--allow-import=127.0.0.1:${port}`, "main.ts"];
    assertEquals(await run(Deno.execPath(), args, dir, { DENO_DIR: `${dir}/cache`, NO_COLOR: "1" }), expected);
    assert(asked.has("/layers/chunk.ts"));
    for (const path of asked) assert(!/^\/(tests|examples|bench|testing)\//.test(path), path);
    await server.shutdown();
  }));

/** The library's files, from mod.ts on. */
async function files(path = "mod.ts", seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(path)) return seen;
  seen.add(path);
  const source = await Deno.readTextFile(new URL(path, root));
  for (const [, specifier] of source.matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)";/gm)) {
    const url = new URL(specifier, new URL(path, root));
    assert(/^\.\.?\//.test(specifier) && url.href.startsWith(root.href), `${path} imports ${specifier}`);
    await files(url.href.slice(root.href.length), seen);
  }
  return seen;
}

Deno.test("import: library files import each other only, and know of no host", async () => {
  const all = await files();
  assert(all.size > 20);
  for (const path of all) {
    const source = await Deno.readTextFile(new URL(path, root));
    const code = source.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");
    assert(!/\bDeno\.(?!customInspect)/.test(code), `${path} uses Deno`);
  }
});

const hasNode = await new Deno.Command("node", { args: ["--version"] }).output().then((o) => o.success, () => false);

Deno.test({
  name: "import: in Node, transpiled",
  ignore: !hasNode,
  fn: () =>
    inEmptyFolder(async (dir) => {
      const all = [...await files()];
      for (const path of all) {
        await Deno.mkdir(new URL(path, `file://${dir}/`).pathname.replace(/[^/]*$/, ""), { recursive: true });
        await Deno.copyFile(new URL(path, root), `${dir}/${path}`);
      }
      await run(Deno.execPath(), ["transpile", "--no-check", "--no-config", "--outdir", "out", ...all], dir);
      for (const path of all) {
        const name = `${dir}/out/${path.replace(/ts$/, "js")}`, source = await Deno.readTextFile(name);
        await Deno.writeTextFile(name, source.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
      }
      await Deno.writeTextFile(`${dir}/out/package.json`, '{ "type": "module" }');
      await Deno.writeTextFile(`${dir}/out/main.js`, program("./mod.js"));
      assertEquals(await run("node", ["out/main.js"], dir), expected);
    }),
});
