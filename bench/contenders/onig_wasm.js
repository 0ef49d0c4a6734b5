// In JavaScript, since TypeScript does not know this form of import yet
// @ts-self-types="./onig_wasm.d.ts"
import source wasm from "npm:vscode-oniguruma@2.0.1/release/onig.wasm";

export default wasm;
