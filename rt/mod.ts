/**
 * Guests: WebAssembly programs whose `malloc` is a Region stack, or is watched by one, with no change to them.
 *
 * @module
 */

export { guest, type Hook, instantiateWasm, intercept, type Source } from "./guest/instantiate.ts";
export { Guest } from "./guest/guest.ts";
export { type GuestOptions, interpose, type Interposed, type Mode } from "./guest/interpose.ts";
export type { Entries, Entry, EntryName, How, Language, Names, Other } from "./inspect/entries.ts";
export { exportsFromGlue, namesFromGlue } from "./inspect/glue.ts";
export {
  formatInspection,
  type HeapBase,
  type Hidden,
  type ImportedEntry,
  inspect,
  type Inspection,
  type MemoryInfo,
  type Verdict,
} from "./inspect/inspect.ts";
export type { Export, Import, Kind } from "./wasm/module.ts";
export type { FunctionNames, Symbols } from "./symbols/symbols.ts";
export { WasmError } from "./wasm/bytes.ts";
