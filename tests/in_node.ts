// The library as JavaScript, for tests that run it in Node

import { assert } from "./assert.ts";

const root = new URL("../", import.meta.url);

/** Whether there is a Node here. */
export const hasNode: boolean = await new Deno.Command("node", { args: ["--version"] }).output()
  .then((o) => o.success, () => false);

/** The library's files in a folder, by their paths. */
function sources(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isFile, isDirectory }) =>
    isDirectory ? sources(`${folder}${name}/`) : isFile && name.endsWith(".ts") ? [folder + name] : []
  );
}

/** Writes the library as JavaScript into a new folder, for the caller to remove, and returns its path. */
export async function libraryForNode(): Promise<string> {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  const top = [...Deno.readDirSync(root)].filter(({ name }) => name.endsWith(".ts")).map(({ name }) => name);
  const all = [...top, ...["layers/", "rt/", "std/", "testing/"].flatMap(sources)];
  const args = ["transpile", "--no-check", "--no-config", "--outdir", dir, ...all];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root.pathname }).output();
  assert(success, new TextDecoder().decode(stderr));
  for (const path of all) {
    const name = `${dir}/${path.replace(/ts$/, "js")}`, source = await Deno.readTextFile(name);
    await Deno.writeTextFile(name, source.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
  }
  await Deno.writeTextFile(`${dir}/package.json`, '{ "type": "module" }');
  return dir;
}
