/**
 * The functions that a WebAssembly module puts into tables, from where anything can call them.
 *
 * @module
 */

import { Reader } from "./bytes.ts";
import { readConstant } from "./constants.ts";
import { SECTION, type WasmModule } from "./module.ts";
import { readValueType } from "./types.ts";

const REF_FUNC = 0xd2;

/** Indices of the functions in element segments. O(elements). Throws a {@linkcode WasmError} if they cannot be read. */
export function elementFunctions(module: WasmModule): Set<number> {
  const found = new Set<number>(), section = module.sections.find(({ id }) => id === SECTION.element);
  if (section === undefined) return found;
  const r = new Reader(module.bytes, section.body, section.end);
  for (let n = r.count("element segments", 2); n > 0; n--) {
    const flags = r.u32();
    if (flags > 7) r.fail("unknown kind of element segment", r.at - 1);
    const active = (flags & 1) === 0, explicit = (flags & 2) !== 0, expressions = (flags & 4) !== 0;
    if (active) {
      if (explicit) r.u32(); // the table
      readConstant(r, () => undefined);
    }
    if (!active || explicit) {
      if (expressions) readValueType(r);
      else r.byte();
    }
    for (let n = r.count("elements"); n > 0; n--) {
      if (!expressions) found.add(r.u32());
      else {
        const at = r.at;
        if (r.byte() === REF_FUNC) found.add(r.u32());
        r.at = at;
        readConstant(r, () => undefined);
      }
    }
  }
  return found;
}
