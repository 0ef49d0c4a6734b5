/**
 * What a module imports of an allocator, by the names that C, C++ and Rust have for it, served from {@linkcode Blocks}.
 *
 * Only functions are looked at, whichever module they are imported from. That `GOT.func` has globals by the same names is
 * the affair of the linker that loads it.
 *
 * @module
 */

import type { Blocks } from "./blocks.ts";
import { cFunctions, type COptions } from "./c_functions.ts";
import { CXX_SIGNATURES, cxxFunctions } from "./cxx_functions.ts";
import { RUST_SIGNATURES, rustFunctions, rustName } from "./rust_functions.ts";
import { type Signature, SIGNATURES, wasmSignature, wasmType } from "./spellings.ts";
import { WasmError } from "../wasm/bytes.ts";
import { type FuncType, SECTION, type WasmModule } from "../wasm/module.ts";

const ALL: Readonly<Record<string, Signature>> = { ...SIGNATURES, ...CXX_SIGNATURES, ...RUST_SIGNATURES };

/** Whether a function of this name is one of an allocator: `malloc`, `_Znwm`, `__rust_alloc` and what belongs to them. */
export function isAllocatorImport(name: string): boolean {
  return Object.hasOwn(ALL, rustName(name));
}

/**
 * An import object with all functions of an allocator that `module` imports, served from `blocks`. One without any is empty.
 *
 * Throws a {@linkcode WasmError} if one of them does not take and return the words of 32 bits that it should, as in a module
 * whose addresses have 64 bits. Of a compiled module that cannot be told: its calls with a bigint throw a `TypeError`.
 */
export function allocatorImports(
  module: WasmModule | WebAssembly.Module,
  blocks: Blocks,
  options: COptions = {},
): WebAssembly.Imports {
  const functions: Readonly<Record<string, WebAssembly.ImportValue>> = {
    ...cFunctions(blocks, options),
    ...cxxFunctions(blocks),
    ...rustFunctions(blocks),
  };
  const imports: WebAssembly.Imports = Object.create(null); // a module can be called "__proto__"
  for (const { module: from, name, kind, type } of importsOf(module)) {
    if ((kind !== "func" && kind !== "function") || !isAllocatorImport(name)) continue;
    const plain = rustName(name);
    if (type !== undefined) assertType(`${from}.${name}`, ALL[plain], type, module as WasmModule);
    (imports[from] ??= {})[name] = functions[plain];
  }
  return imports;
}

/** What is imported, with the types of functions where those can be told. */
function importsOf(
  module: WasmModule | WebAssembly.Module,
): { module: string; name: string; kind: string; type?: FuncType | undefined }[] {
  if (module instanceof WebAssembly.Module) return WebAssembly.Module.imports(module);
  const { types, functions } = module;
  return module.imports.map((one) => one.kind === "func" ? { ...one, type: types[functions[one.index]] } : one);
}

/** Throws unless a function that is imported takes and returns what it should. */
function assertType(what: string, signature: Signature, type: FuncType, module: WasmModule): void {
  const { params, results } = wasmType(signature), expected = wasmSignature(params, results);
  const got = wasmSignature(type.params, type.results);
  if (got === expected) return;
  const at = module.sections.find(({ id }) => id === SECTION.import)?.start ?? 0;
  const wide = module.memories.some(({ wide }) => wide) || got === expected.replaceAll("i32", "i64");
  const why = wide ? "; addresses of 64 bits are not supported" : "";
  throw new WasmError(`Cannot serve ${what}: expected ${expected}, got ${got}${why}`, at);
}
