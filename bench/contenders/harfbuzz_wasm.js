// In JavaScript, since TypeScript does not know this form of import yet
// @ts-self-types="./harfbuzz_wasm.d.ts"
import source wasm from "npm:harfbuzzjs@1.6.4/dist/harfbuzz-subset.wasm";

export default wasm;
