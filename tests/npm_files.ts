/**
 * Files of npm packages, as the binaries of guests are: where `deno.json` pins the package under `imports`, from a cache
 * that may be empty. No script of a package is run, and none of its modules, and where a file is not in its `exports`, it
 * is found all the same. What cannot be had is an error: a test that needs it has not passed.
 */
import { findPackageJSON } from "node:module";
import { pathToFileURL } from "node:url";

/**
 * The `file:` URL of a file of a package, as in "web-tree-sitter/web-tree-sitter.wasm": to read it, or to import it where
 * it is a module that the package does not export.
 */
export async function npmUrl(path: string): Promise<URL> {
  const [, name, file] = path.match(/^((?:@[^/]+\/)?[^/]+)\/(.+)$/) ?? [];
  if (name === undefined) throw new TypeError(`Cannot find a file of a package: got ${JSON.stringify(path)}`);
  // Any import of a package puts all of it into the cache. This one runs nothing, and may be refused: then that is done
  const refused = await import(`${name}/package.json`, { with: { type: "json" } }).then(() => undefined, (e) => e);
  try {
    const url = new URL(file, pathToFileURL(findPackageJSON(name, import.meta.url)!));
    await Deno.stat(url);
    return url;
  } catch (cause) {
    throw new Error(`Cannot find ${path}: ${[refused, cause].filter(Boolean).map((e) => e.message).join("; ")}`, {
      cause,
    });
  }
}

/** The bytes of a file of a package. */
export async function npmFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(await npmUrl(path));
}
