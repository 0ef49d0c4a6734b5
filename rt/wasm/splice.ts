/**
 * A WebAssembly binary with more at the end of its lists, and other bodies in place of some: everything else is taken over as
 * it is, byte for byte.
 *
 * @module
 */

import { Reader, WasmError, Writer } from "./bytes.ts";
import { rankOf, SECTION, type Section, type WasmModule } from "./module.ts";
import { type Additions, writeNames } from "./names.ts";
import type { Copy } from "./writer.ts";

/** What is added to a section that is a list. */
export interface List {
  /** How many. */
  readonly count: number;
  /** All of them. */
  readonly contents: Writer;
}

/** What is done to a module. */
export interface Splicing {
  /** By ids of sections. */
  readonly lists: ReadonlyMap<number, List>;
  /** By indices of functions, in ascending order. */
  readonly bodies: ReadonlyMap<number, Writer>;
  /** What the section of names gets. */
  readonly names: Additions;
}

/** A module that has been rewritten. */
export interface Rewritten {
  /** The binary. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where an instruction was in the binary before, by where it is now, in bytes from the start; -1 if it is new. */
  moved(offset: number): number;
}

/** Engines take no more of anything, and less of tables and memories. */
const MOST = 1_000_000, MOST_MEMORIES = 100_000;

/** Puts the binary together. Throws a {@linkcode WasmError} if an engine would refuse one that has so many of something. */
export function splice(module: WasmModule, { lists, bodies, names }: Splicing): Rewritten {
  const { bytes, sections } = module, out = new Writer().piece(bytes.subarray(0, 8));
  const missing = [...lists.keys()].filter((id) => lists.get(id)!.count > 0 && !sections.some((s) => s.id === id));
  missing.sort((a, b) => rankOf(b) - rankOf(a));
  const addMissing = (before: number) => {
    while (missing.length > 0 && rankOf(missing.at(-1)!) < before) {
      const id = missing.pop()!, { count, contents } = lists.get(id)!;
      out.section(id, new Writer().u32(count).append(contents));
    }
  };
  const named = sections.find(({ name }) => name === "name");
  for (const section of sections) {
    const { id, body, start, end } = section, list = lists.get(id);
    if (id !== SECTION.custom) addMissing(rankOf(id));
    if (id === SECTION.code) out.section(id, lengthened(module, section, list, bodies));
    else if (list !== undefined && list.count > 0) out.section(id, lengthened(module, section, list));
    else {
      const written = section === named ? writeNames(new Reader(bytes, body, end), names) : undefined;
      if (written !== undefined) out.append(written);
      else out.piece(bytes.subarray(start, end));
    }
  }
  addMissing(Infinity);
  if (named === undefined && names.module !== undefined) {
    out.append(writeNames(new Reader(bytes, bytes.length), names)!);
  }
  const copies = out.copies(bytes);
  return { bytes: out.bytes(), moved: (offset) => offsetBefore(copies, offset) };
}

/** The contents of a section that is a list, with more behind, and of functions with other bodies. */
function lengthened(
  { bytes, bodies, importedFunctions }: WasmModule,
  { id, body, end }: Section,
  { count: more, contents }: List = { count: 0, contents: new Writer() },
  replaced: ReadonlyMap<number, Writer> = new Map(),
): Writer {
  const r = new Reader(bytes, body, end), count = r.u32() + more, out = new Writer().u32(count);
  if (count > (id === SECTION.table || id === SECTION.memory ? MOST_MEMORIES : MOST)) {
    throw new WasmError(`Cannot rewrite the module: ${count} things in section ${id} are more than engines take`, body);
  }
  let at = r.at;
  for (const [index, body] of replaced) {
    const own = index - importedFunctions;
    // The length in front of a body is what lies between it and the one before
    out.piece(bytes.subarray(at, own === 0 ? r.at : bodies[own - 1][1])).sized(body);
    at = bodies[own][1];
  }
  return out.piece(bytes.subarray(at, end)).append(contents);
}

function offsetBefore(copies: readonly Copy[], offset: number): number {
  let low = 0, high = copies.length; // the last copy that begins at or before it is in between
  while (high - low > 1) {
    const middle = low + high >>> 1;
    if (copies[middle].at <= offset) low = middle;
    else high = middle;
  }
  const { at, from, length } = copies[low];
  return offset >= at && offset < at + length ? from + offset - at : -1;
}
