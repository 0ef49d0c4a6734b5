/**
 * Guests: WebAssembly programs whose `malloc` is a Region stack, or is watched by one, with no change to them.
 *
 * @module
 */

export { guest, type Hook, instantiateWasm, intercept, type Source } from "./instantiate.ts";
export { Guest } from "./guest.ts";
export { type GuestOptions, interpose, type Interposed, type Mode } from "./interpose.ts";
export type { Entries, Entry, EntryName, How, Language, Names, Other } from "./entries.ts";
export { exportsFromGlue, namesFromGlue } from "./glue.ts";
export {
  formatInspection,
  type HeapBase,
  type Hidden,
  type ImportedEntry,
  inspect,
  type Inspection,
  type MemoryInfo,
  type Verdict,
} from "./inspect.ts";
export type { Export, Import, Kind } from "./wasm/module.ts";
export type { FunctionNames, Symbols } from "./symbols.ts";
export { WasmError } from "./wasm/bytes.ts";
