/**
 * Guests: WebAssembly programs whose `malloc` is a Region stack, or is watched by one, with no change to them.
 *
 * @module
 */

export { guest, type Hook, instantiateWasm, intercept, type Source } from "./instantiate.ts";
export { Guest } from "./guest.ts";
export { type GuestOptions, interpose, type Interposed, type Mode } from "./interpose.ts";
export type { Entries, Entry, EntryName, Names } from "./entries.ts";
export type { Symbols } from "./symbols.ts";
export { WasmError } from "./wasm/bytes.ts";
