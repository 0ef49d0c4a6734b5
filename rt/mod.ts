/**
 * Guests: WebAssembly programs whose `malloc` is a Region stack, or is watched by one, with no change to them.
 *
 * @module
 */

export { guest, type Hook, instantiateWasm, intercept, type Source } from "./instantiate.ts";
export { Guest } from "./guest.ts";
export { type GuestOptions, interpose, type Interposed, type Mode } from "./interpose.ts";
export { type Front, front } from "./front.ts";
export { type Original, original } from "./original.ts";
export type { Entries, Entry, EntryName, How, Language, Names, Other } from "./entries.ts";
export { namesFromGlue } from "./glue.ts";
export { formatInspection, inspect, type Inspection } from "./inspect.ts";
export type { FunctionNames, Symbols } from "./symbols.ts";
export { WasmError } from "./wasm/bytes.ts";
