import type { Contender, Malloc } from "../contender.ts";
import wasm from "./harfbuzz_wasm.js";

interface Exports {
  malloc(size: number): number;
  free(p: number): void;
  readonly memory: WebAssembly.Memory;
}

const { malloc, free, memory } = new WebAssembly.Instance(wasm).exports as unknown as Exports;

// This memory has its maximum size from the start, so views stay good
const hb: Malloc<null> = {
  heap: { u8: new Uint8Array(memory.buffer), u32: new Uint32Array(memory.buffer) },
  get: (_, size) => malloc(size),
  put: (_, p) => free(p),
};

export const contender: Contender = {
  about: "`malloc` and `free` of npm:harfbuzzjs, C compiled to WebAssembly",
  frees: true,
  scope: (f) => f(hb, null),
};
