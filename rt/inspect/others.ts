/**
 * Functions of a module that allocate and free for C++, Rust and AssemblyScript.
 *
 * @module
 */

import { type NameIndex, signatureAt } from "./candidates.ts";
import type { Other } from "./entries.ts";
import { languageOf, plainName } from "../abi/spellings.ts";
import type { WasmModule } from "../wasm/module.ts";

/** Those that are not `taken` as entries of C. O(names). */
export function othersIn(module: WasmModule, index: NameIndex, taken: ReadonlySet<number>): Other[] {
  const list = new Map<number, Other>();
  const look = (name: string, at: number, imported: boolean) => {
    const language = languageOf(name);
    if (language === undefined || list.has(at) || taken.has(at)) return;
    list.set(at, { language, name, index: at, imported, signature: signatureAt(module, at) });
  };
  for (const i of index.imports) look(plainName(i.name), i.index, true);
  for (const [name, at] of index.exports) look(plainName(name), at, at < module.importedFunctions);
  for (const [name, at] of index.named) look(name, at, at < module.importedFunctions);
  return [...list.values()].sort((a, b) => a.index - b.index);
}
