import { type Contender, type Exports, peer } from "../contender.ts";

const compiler = new Worker(new URL("tlsf_compiler.ts", import.meta.url), { type: "module" });
const wasm = await new Promise<BufferSource>((resolve) => compiler.onmessage = ({ data }) => resolve(data));
compiler.terminate();

const imports = {
  env: {
    abort: () => {
      throw new Error("Cannot go on: AssemblyScript has aborted");
    },
  },
};

export const contender: Contender = peer(
  "`heap.alloc`, `heap.free` and `heap.realloc` of npm:assemblyscript, its TLSF allocator, compiled with `-O3`",
  new WebAssembly.Instance(new WebAssembly.Module(wasm), imports).exports as unknown as Exports,
);
