/** A worker that compiles a program in AssemblyScript, as a compiler of that size is better gone when time is measured. */

import asc from "npm:assemblyscript@0.28.4/asc";

const program = `
export function malloc(size: usize): usize { return heap.alloc(size); }
export function free(p: usize): void { heap.free(p); }
export function realloc(p: usize, size: usize): usize { return heap.realloc(p, size); }
`;

/** As a worker has it. */
declare function postMessage(message: unknown): void;

// The minimal runtime has the same TLSF as the others, and a collector that is not called
const args = ["tlsf.ts", "--outFile=tlsf.wasm", "-O3", "--noAssert", "--runtime=minimal"];
const { error, stderr } = await asc.main(args, {
  readFile: (name) => name === "tlsf.ts" ? program : null,
  writeFile: (_, contents) => postMessage(contents),
  listFiles: () => [],
});
if (error !== null) throw new Error(`Cannot compile tlsf.ts: ${stderr}`);
