/** Modules that are rewritten: as npm has them, and one that is as large as they get. */

import { Writer } from "../rt/wasm/bytes.ts";
import { parseModule, SECTION } from "../rt/wasm/module.ts";
import { npmFile } from "../tests/npm_files.ts";

type Binary = Uint8Array<ArrayBuffer>;
const sql = (): Promise<Binary> => npmFile("sql.js/dist/sql-wasm-debug.wasm");

/** Modules by their names; the largest is the last. */
export const MODULES: Readonly<Record<string, () => Promise<Binary>>> = {
  "sql.js, debug": sql,
  "tree-sitter-bash": () => npmFile("tree-sitter-bash/tree-sitter-bash.wasm"),
  "quickjs, debug": () => npmFile("@jitl/quickjs-wasmfile-debug-asyncify/dist/emscripten-module.wasm"),
  "sql.js, debug, 65 times": async () => repeated(await sql(), 65),
};

/** A module that has its functions so many times, each with a name. */
function repeated(bytes: Binary, times: number): Binary {
  const { sections, bodies, functions, importedFunctions } = parseModule(bytes),
    own = functions.slice(importedFunctions);
  const w = new Writer().piece(bytes.subarray(0, 8));
  const again = (id: number, write: (w: Writer) => void) => {
    const contents = new Writer().u32(times * own.length);
    for (let i = 0; i < times; i++) write(contents);
    w.section(id, contents);
  };
  const types = new Writer(), code = new Writer(), names = new Writer().u32(times * own.length);
  for (const type of own) types.u32(type);
  for (const [start, end] of bodies) code.u32(end - start).piece(bytes.subarray(start, end));
  const types1 = types.bytes(), code1 = code.bytes();
  for (let i = 0; i < times * own.length; i++) names.u32(importedFunctions + i).name(`a_function_of_${i}`);
  for (const { id, start, end } of sections) {
    if (id === SECTION.function) again(id, (w) => w.piece(types1));
    else if (id === SECTION.code) again(id, (w) => w.piece(code1));
    else w.piece(bytes.subarray(start, end));
  }
  return w.section(SECTION.custom, new Writer().name("name").byte(1).sized(names)).bytes();
}
