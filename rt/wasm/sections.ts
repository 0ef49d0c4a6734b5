/**
 * The sections of a WebAssembly binary: which there are, and where they lie.
 *
 * @module
 */

import { Reader } from "./bytes.ts";

/** Ids of sections. */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** The order in which sections come, by id. A tag section is between memories and globals, a data count before the code. */
const ORDER: readonly number[] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** Place of a section among the others: what comes after it has a greater one. Custom sections, which may be anywhere: -1. */
export function rankOf(id: number): number {
  return ORDER.indexOf(id);
}

/** A section. */
export interface Section {
  /** Which it is: see {@linkcode SECTION}. */
  readonly id: number;
  /** Name of a custom section, "" for the others. */
  readonly name: string;
  /** Where it begins, with its id, in bytes from the start of the file. */
  readonly start: number;
  /** Where its contents begin; of a custom section, behind its name. */
  readonly body: number;
  /** Where it ends. */
  readonly end: number;
}

/** What a module begins with: four bytes that are the same for all, and its version. */
export const HEADER: Uint8Array = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

const MOST = 100_000;

/**
 * The sections of a binary, in its order. O(sections).
 *
 * Throws a {@linkcode WasmError} if it is no WebAssembly module, if it is cut off, or if sections are unknown, there twice
 * or out of order.
 */
export function readSections(bytes: Uint8Array): Section[] {
  const file = new Reader(bytes, 8), sections: Section[] = [];
  if (bytes.length === 0) file.fail("it is empty", 0);
  if (bytes.length < 8 || HEADER.subarray(0, 4).some((byte, i) => bytes[i] !== byte)) {
    file.fail("it is no WebAssembly, which begins with 00 61 73 6d and its version", 0);
  }
  const version = bytes[4] | bytes[5] << 8, layer = bytes[6] | bytes[7] << 8;
  if (layer === 1) file.fail("it is a component; give the module in it, as wasm-tools component unbundle does", 4);
  if (version !== 1 || layer !== 0) file.fail(`expected version 1, got ${version}`, 4);
  let last = -1;
  while (!file.done) {
    const start = file.at, id = file.byte(), contents = file.sized("bytes of a section");
    if (sections.length === MOST) file.fail(`it has more than ${MOST} sections`, start);
    const name = id === SECTION.custom ? contents.name() : "";
    if (id !== SECTION.custom) {
      const rank = rankOf(id);
      if (rank < 0) file.fail(`there is no section ${id}`, start);
      if (rank <= last) file.fail(`section ${id} is out of order`, start);
      last = rank;
    }
    sections.push({ id, name, start, body: contents.at, end: contents.end });
  }
  return sections;
}
