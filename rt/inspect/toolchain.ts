/**
 * What built a WebAssembly module, as far as it shows.
 *
 * @module
 */

import { Reader, WasmError } from "../wasm/bytes.ts";
import type { WasmModule } from "../wasm/module.ts";

/** Tools by what they leave behind in imports and exports, and names of functions. */
const TRACES: readonly (readonly [tool: string, trace: RegExp])[] = [
  ["wasm-bindgen", /^(import (wbg|__wbindgen_placeholder__|\.\/\w+_bg\.js)\.|export __wbindgen_)/],
  ["AssemblyScript", /^(export __(new|pin|collect|rtti_base)|name ~lib\/)/],
  ["Emscripten", /^(import \w+\.(emscripten_|_emscripten|_embind|__syscall|_abort_js)|export _?emscripten_)/],
  ["Go", /^import (gojs|go)\./],
  ["WASI", /^import wasi_(snapshot_preview1|unstable)\./],
];

/** Tools, the most telling first: those found by their traces, then those that the section "producers" names. */
export function toolchainOf(module: WasmModule): string[] {
  const traces = [
    ...module.imports.map((i) => `import ${i.module}.${i.name}`),
    ...module.exports.map((e) => `export ${e.name}`),
    ...[...module.functionNames.values()].map((name) => `name ${name}`),
  ];
  const tools = TRACES.filter(([, trace]) => traces.some((t) => trace.test(t))).map(([tool]) => tool);
  // Emscripten shortens all names of an optimized build to a letter or two
  const short = module.imports.filter((i) => i.kind === "func" && /^\w$/.test(i.module) && /^\w{1,2}$/.test(i.name));
  if (!tools.includes("Emscripten") && short.length > 0) tools.push("Emscripten, with short names");
  if (module.sections.some(({ name }) => name.startsWith("dylink"))) tools.push("for dynamic linking");
  return [...tools, ...producers(module)];
}

/** Tools with their versions, in the words of the module. */
function producers(module: WasmModule): string[] {
  const section = module.sections.find(({ name }) => name === "producers"), found: string[] = [];
  if (section === undefined) return found;
  try {
    const r = new Reader(module.bytes, section.body, section.end);
    for (let fields = r.count("fields", 2); fields > 0; fields--) {
      const field = r.name();
      for (let values = r.count("values", 2); values > 0; values--) {
        const tool = r.name(), version = r.name();
        if (field !== "language") found.push(`${tool} ${version.split(" (")[0]}`.trim());
      }
    }
  } catch (e) {
    if (!(e instanceof WasmError)) throw e;
  }
  return found;
}
