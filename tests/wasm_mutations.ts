/** Binaries that are not quite what they were. Whatever is done to one follows from a seed. */

import { advance, fraction } from "../mulberry32.ts";
import { Writer } from "../rt/wasm/bytes.ts";
import { parseModule, SECTION } from "../rt/wasm/module.ts";

type Binary = Uint8Array<ArrayBuffer>;

/** Numbers by chance. */
export class Chance {
  #x: number;

  constructor(seed: number) {
    this.#x = seed;
    for (let i = 0; i < 3; i++) this.#x = advance(this.#x); // seeds that are near begin far from each other
  }

  /** An integer from 0 up to `n`. */
  below(n: number): number {
    this.#x = advance(this.#x);
    return Math.floor(n * fraction(this.#x));
  }

  /** One of them. */
  of<T>(all: readonly T[]): T {
    return all[this.below(all.length)];
  }
}

/** One most of the time, or a few: what is wrong in many ways is refused for the first. */
const few = (c: Chance): number => c.below(3) > 0 ? 1 : 2 + c.below(3);

/** `bytes` with others in place of those from `start` up to `end`. */
function splice(bytes: Binary, start: number, end: number, others: Uint8Array): Binary {
  return new Writer().piece(bytes.subarray(0, start)).piece(others).piece(bytes.subarray(end)).bytes();
}

const TELLING = [0x00, 0x01, 0x02, 0x0b, 0x40, 0x60, 0x63, 0x64, 0x6f, 0x70, 0x7f, 0x80, 0xfb, 0xfd, 0xff];

/** What can be done to bytes. `others` are whole binaries. */
const MUTATIONS: Record<string, (c: Chance, bytes: Binary, others: readonly Binary[]) => Binary> = {
  flip: (c, bytes) => {
    const copy = bytes.slice();
    for (let n = few(c); n > 0; n--) copy[c.below(copy.length)] ^= 1 << c.below(8);
    return copy;
  },
  set: (c, bytes) => {
    const copy = bytes.slice();
    copy[c.below(copy.length)] = c.below(2) === 0 ? c.of(TELLING) : c.below(256);
    return copy;
  },
  truncate: (c, bytes) => bytes.slice(0, c.below(bytes.length)),
  remove: (c, bytes) => {
    const at = c.below(bytes.length);
    return splice(bytes, at, Math.min(bytes.length, at + 1 + c.below(8)), new Uint8Array());
  },
  insert: (c, bytes) => {
    const at = c.below(bytes.length + 1);
    return splice(bytes, at, at, Uint8Array.from({ length: 1 + c.below(4) }, () => c.of(TELLING)));
  },
  take: (c, bytes, others) => { // a part of another one
    const other = c.of(others), from = c.below(other.length), at = c.below(bytes.length);
    const part = other.subarray(from, from + 1 + c.below(64));
    return splice(bytes, at, Math.min(bytes.length, at + (c.below(2) === 0 ? 0 : part.length)), part);
  },
  lengthen: (c, bytes) => { // an integer, if it is one
    const at = c.below(bytes.length), more = new Array(1 + c.below(9)).fill(0x80).fill(c.of([0x00, 0x7f]), -1);
    return splice(bytes, at, at + 1, Uint8Array.of(bytes[at] | 0x80, ...more));
  },
  enlarge: (c, bytes) => { // a number of things, if it is one
    const at = c.below(bytes.length);
    return splice(bytes, at, at + 1, Uint8Array.of(0xff, 0xff, 0xff, 0xff, c.of([0x0f, 0x07, 0x1f])));
  },
};

const SHUFFLES: Record<string, (c: Chance, parts: Uint8Array[], others: readonly Uint8Array[]) => void> = {
  swap: (c, parts) => {
    const [i, j] = [c.below(parts.length), c.below(parts.length)];
    [parts[i], parts[j]] = [parts[j], parts[i]];
  },
  repeat: (c, parts) => void parts.splice(c.below(parts.length), 0, c.of(parts)),
  drop: (c, parts) => void parts.splice(c.below(parts.length), 1),
  transplant: (c, parts, others) => void parts.splice(c.below(parts.length), c.below(2), c.of(others)),
};

/** The sections of a binary that is right, each with its head. */
function partsOf(bytes: Binary): Uint8Array[] {
  return parseModule(bytes).sections.map(({ start, end }) => bytes.subarray(start, end));
}

/** One of the binaries, and what has become of it. */
export function mutated(c: Chance, all: readonly Binary[]): Binary {
  const bytes = c.of(all), kind = c.below(10);
  if (kind < 1) return shuffled(c, bytes, partsOf(c.of(all)));
  if (kind < 5) return inSection(c, bytes, all);
  if (kind < 8) return inBody(c, bytes, all);
  return anywhere(c, bytes, all);
}

function shuffled(c: Chance, bytes: Binary, others: readonly Uint8Array[]): Binary {
  const parts = partsOf(bytes), w = new Writer().piece(bytes.subarray(0, 8));
  for (let n = few(c); n > 0 && parts.length > 0; n--) c.of(Object.values(SHUFFLES))(c, parts, others);
  for (const part of parts) w.piece(part);
  return w.bytes();
}

/** Something done wherever it may be. */
function anywhere(c: Chance, bytes: Binary, others: readonly Binary[]): Binary {
  for (let n = few(c); n > 0 && bytes.length > 0; n--) bytes = c.of(Object.values(MUTATIONS))(c, bytes, others);
  return bytes;
}

/** Something done to the contents of a section, of which the length is right, so that they are looked at. */
function inSection(c: Chance, bytes: Binary, others: readonly Binary[]): Binary {
  const { id, name, start, body, end } = c.of(parseModule(bytes).sections), w = new Writer();
  if (id === SECTION.custom) w.name(name);
  w.piece(anywhere(c, bytes.slice(body, end), others));
  return splice(bytes, start, end, new Writer().section(id, w).bytes());
}

/** Something done to the contents of a function, of which the length is right. */
function inBody(c: Chance, bytes: Binary, others: readonly Binary[]): Binary {
  const { sections, bodies } = parseModule(bytes), chosen = c.below(bodies.length);
  const { start, end } = sections.find(({ id }) => id === SECTION.code)!, w = new Writer().u32(bodies.length);
  bodies.forEach(([from, to], i) => {
    const body = bytes.slice(from, to);
    w.sized(new Writer().piece(i === chosen ? anywhere(c, body, others) : body));
  });
  return splice(bytes, start, end, new Writer().section(SECTION.code, w).bytes());
}

/** A module without what its functions do, and without its data: all that is said of them is left. */
export function hollowed(bytes: Binary): Binary {
  const { sections, bodies } = parseModule(bytes), w = new Writer().piece(bytes.subarray(0, 8));
  for (const { id, start, end } of sections) {
    if (id === SECTION.code) {
      const code = new Writer().u32(bodies.length);
      for (let i = 0; i < bodies.length; i++) code.byte(3, 0, 0x00, 0x0b); // unreachable
      w.section(id, code);
    } else if (id !== SECTION.data && id !== SECTION.dataCount) w.piece(bytes.subarray(start, end));
  }
  return w.bytes();
}
