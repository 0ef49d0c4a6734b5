/** What it takes to rewrite a module, as JSON: `rewriting_one.ts times|peak FILE [quick]`, with V8's `--expose-gc`. */

import { resourceUsage } from "node:process";
import { interpose } from "../rt/interpose.ts";
import { parseModule } from "../rt/wasm/module.ts";
import { rewrite } from "../rt/wasm/rewrite.ts";
import { npmFile } from "../tests/npm_files.ts";
import { quantile } from "./report.ts";

/** What was measured of a module. */
export interface Times {
  /** Its size, in bytes. */
  readonly bytes: number;
  readonly functions: number;
  /** Microseconds to read and rewrite it, as the first one in the process. */
  readonly first: number;
  /** Microseconds to read and rewrite it, later. */
  readonly rewrite: number;
  /** Microseconds to do so with all it takes to find its allocator. */
  readonly interpose: number;
}

type Binary = Uint8Array<ArrayBuffer>;

/** Reads it and puts switches in front of ten functions. */
function rewriteSome(bytes: Binary): number {
  const module = parseModule(bytes), own = module.bodies.length;
  const switches = Array.from({ length: 10 }, (_, i) => {
    return { name: `f${i}`, index: module.importedFunctions + Math.floor(i * own / 10) };
  });
  return rewrite(module, { switches, memory: 1 }).bytes.length;
}

const interposeIt = (bytes: Binary): number => interpose(bytes).bytes.length;

/** Microseconds that it takes. */
function time(f: (bytes: Binary) => number, bytes: Binary): number {
  const start = performance.now();
  if (f(bytes) <= bytes.length) throw new Error("Cannot bench it: nothing has been added");
  return 1000 * (performance.now() - start);
}

/** Of several, the middle one. */
function many(f: (bytes: Binary) => number, bytes: Binary, ms: number): number {
  const us: number[] = [], start = performance.now();
  do us.push(time(f, bytes)); while (performance.now() - start < ms);
  return quantile(us);
}

function times(file: string, ms: number): Times {
  const bytes = Deno.readFileSync(file);
  const first = time(rewriteSome, bytes), rewrite = many(rewriteSome, bytes, ms);
  const interpose = many(interposeIt, bytes, ms);
  return { bytes: bytes.length, functions: parseModule(bytes).functions.length, first, rewrite, interpose };
}

/** How much more memory the process has at its peak than before the module was there, as a multiple of the module. */
async function peak(file: string): Promise<number> {
  const gc = (globalThis as { gc?: () => void }).gc!;
  many(rewriteSome, await npmFile("vscode-oniguruma/release/onig.wasm"), 500); // so that there is code for it
  gc();
  const before = Deno.memoryUsage().rss, bytes = Deno.readFileSync(file);
  rewriteSome(bytes);
  return (1024 * resourceUsage().maxRSS - before) / bytes.length;
}

if (import.meta.main) {
  const [what, file, quick] = Deno.args;
  console.log(JSON.stringify(what === "peak" ? await peak(file) : times(file, quick ? 0 : 2000)));
}
