import { type Contender, type Exports, peer } from "../contender.ts";
import wasm from "./onig_wasm.js";

/** What the module imports. Allocating calls none of it but the growing of the memory, which is done for it before. */
const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
for (const { module, name } of WebAssembly.Module.imports(wasm)) {
  (imports[module] ??= {})[name] = () => {
    throw new Error(`Cannot call ${name}: only malloc and free are benched`);
  };
}
imports.env.emscripten_resize_heap = () => 0; // "no memory"

export const contender: Contender = peer(
  "`malloc` and `free` of npm:vscode-oniguruma, C compiled to WebAssembly",
  new WebAssembly.Instance(wasm, imports).exports as unknown as Exports,
);
