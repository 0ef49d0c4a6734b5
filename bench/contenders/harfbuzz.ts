import { type Contender, type Exports, peer } from "../contender.ts";
import wasm from "./harfbuzz_wasm.js";

export const contender: Contender = peer(
  "`malloc` and `free` of npm:harfbuzzjs, C compiled to WebAssembly; its memory is of 65 MiB for good",
  new WebAssembly.Instance(wasm).exports as unknown as Exports,
  false,
);
