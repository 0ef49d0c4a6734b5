/** What it takes to rewrite a module, as JSON: `rewriting_one.ts times|peak FILE [quick]`, with V8's `--expose-gc`. */

import { interpose } from "../rt/guest/interpose.ts";
import { parseModule, type WasmModule } from "../rt/wasm/module.ts";
import { rewrite, type Rewriting } from "../rt/wasm/rewrite.ts";
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

/** Switches in front of ten functions. */
function someOf({ bodies, importedFunctions }: WasmModule): Rewriting {
  const index = (i: number) => importedFunctions + Math.floor(i * bodies.length / 10);
  return { switches: Array.from({ length: 10 }, (_, i) => ({ name: `f${i}`, index: index(i) })), memory: 1 };
}

function rewriteSome(bytes: Binary): number {
  const module = parseModule(bytes);
  return rewrite(module, someOf(module)).bytes.length;
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

/**
 * How much more memory the process has than before the module was there, as a multiple of the module: at the greatest of
 * moments when all that was made is still there. What an operating system says of the peak, it may say of the parent.
 */
async function peak(file: string): Promise<number> {
  const gc = (globalThis as { gc?: () => void }).gc!, rss = () => Deno.memoryUsage().rss;
  many(rewriteSome, await npmFile("vscode-oniguruma/release/onig.wasm"), 500); // so that there is code for it
  gc();
  const before = rss(), bytes = Deno.readFileSync(file), module = parseModule(bytes), read = rss();
  const rewritten = rewrite(module, someOf(module)), after = rss();
  if (rewritten.bytes.length <= bytes.length) throw new Error("Cannot bench it: nothing has been added");
  return (Math.max(read, after) - before) / bytes.length;
}

if (import.meta.main) {
  const [what, file, quick] = Deno.args;
  console.log(JSON.stringify(what === "peak" ? await peak(file) : times(file, quick ? 0 : 2000)));
}
