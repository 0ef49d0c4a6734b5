// Deno's std comes from npm here, where it has no types: these are they. With `jsr:@std/assert` this file can go.
// @ts-types="./assert.d.ts"
export * from "@std/assert";
