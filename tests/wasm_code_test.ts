import { OP, touchesMemory, walk, walkFunction } from "../rt/wasm/code.ts";
import { parseModule } from "../rt/wasm/module.ts";
import { assert, assertEquals } from "./assert.ts";
import { npmFile } from "./npm_files.ts";
import { assertRefuses, binary, type Bytes, bytes, END, FUNCREF, I32, list, section, sized, type } from "./wasm_kit.ts";

/** There are twelve of everything: as an index, 11 is a byte that is an `end` if it is taken for an instruction. */
const X = 11;
const twelve = (...item: Bytes[]): Bytes[] => Array(12).fill(item);

/** Types that are none of functions, where their indices are bytes that are no instructions. */
const STRUCT = 0x17, PACKED = 0x1d, ARRAY = 0x1e, BYTES = 0x27, FUNCTIONS = 0x16;
const TYPES: Readonly<Record<number, Bytes>> = {
  [STRUCT]: [0x5f, list(...twelve(I32, 1))],
  [PACKED]: [0x5f, list(...twelve(0x78, 1))],
  [ARRAY]: [0x5e, I32, 1],
  [BYTES]: [0x5e, 0x78, 1],
  [FUNCTIONS]: [0x5e, FUNCREF, 1],
};

/** A module that has a function of this body, in which there is everything that an instruction can be about. */
function moduleOf(body: Bytes): Uint8Array<ArrayBuffer> {
  return binary(
    section("type", list(...Array.from({ length: 40 }, (_, i) => TYPES[i] ?? type([], [])))),
    section("function", list(...Array(12).fill(X))),
    section("table", list(...twelve(FUNCREF, 0, 12))),
    section("memory", list(...twelve(0x03, 1, 1))),
    section("tag", list(...twelve(0, X))),
    section("global", list(...twelve(I32, 1, 0x41, 0, END))),
    section("export", list(["f", 0, X])),
    section("element", list(...twelve(1, 0, list(X)))),
    section("dataCount", 12),
    section("code", list(...Array(11).fill(sized(0, END)), sized(body))),
    section("data", list(...twelve(1, "data"))),
  );
}

const LAST = [0x41, 0x2a, 0x1a, 0x41, 0x2a, 0x1a, 0x00], LAST_OPS = [OP.i32Const, OP.drop, OP.i32Const, OP.drop, 0x00];

/**
 * Behind an `unreachable`, any operands are there, and with another behind it, no result is left. What comes between them cannot
 * be taken for anything else, whatever is cut off in front.
 */
function bodyOf(...instructions: readonly Bytes[]): Bytes {
  return [list([12, I32]), ...twelve(0x02, 0x40), 0x00, ...instructions, ...LAST, ...Array(13).fill(END)];
}

/** The instructions of a body, without those around what was put into it. */
function walked(...instructions: readonly Bytes[]): number[] {
  const body = bytes(bodyOf(...instructions)).bytes(), ops: number[] = [];
  walk(body, 0, body.length, (op) => ops.push(op));
  assertEquals(ops.slice(0, 13), [...Array(12).fill(OP.block), 0x00], `${instructions}`);
  assertEquals(ops.slice(-18), [...LAST_OPS, ...Array(13).fill(END)], `${instructions}`);
  return ops.slice(13, -18);
}

/** What can be behind an opcode, the shortest first: a longer one could be several instructions. */
const BEHIND: readonly (readonly Bytes[])[] = [
  [],
  [X],
  [1], // a lane
  [0x6b], // what a reference is to
  [0x6a],
  [FUNCREF],
  [0x40, END], // a block
  [X, X],
  [1, I32], // select
  [1, X, X], // br_table
  [0x40, 0, END], // try_table
  ...[STRUCT, PACKED, ARRAY, BYTES, FUNCTIONS].flatMap((t) => [[t], [t, X], [t, t]]),
  ...[0, 1, 2, 3, 4].flatMap((align) => [[align, X], [align, X, X], [align, X, 1]]),
  [3, X, 0x6e, 0x6b], // br_on_cast
].sort((a, b) => a.length - b.length);

/** Constants, which would take whatever is there. */
const CONSTANTS: Readonly<Record<number, number>> = { 0x43: 4, 0x44: 8, [0xfd000c]: 16, [0xfd000d]: 16 };

Deno.test("wasm/code: every instruction that the engine takes is passed over as it does", () => {
  const opcodes: [op: number, Bytes][] = Array.from({ length: 0xfb }, (_, op) => [op, op]);
  for (const [prefix, most] of [[0xfb, 0x28], [0xfc, 0x20], [0xfd, 0x140], [0xfe, 0x60]]) {
    for (let n = 0; n < most; n++) opcodes.push([prefix << 16 | n, [prefix, bytes().u32(n)]]);
  }
  const unknown: string[] = [];
  for (const [op, code] of opcodes) {
    if (op === END || op === 0x05) continue;
    const constant = CONSTANTS[op] && [Array(CONSTANTS[op]).fill(X)];
    const behind = (constant || BEHIND).find((b) => WebAssembly.validate(moduleOf(bodyOf(code, ...b))));
    if (behind === undefined) unknown.push(op.toString(16));
    else {
      const block = behind[0] === 0x40 ? [END] : [];
      assertEquals(walked(code, ...behind), [op, ...block], `0x${op.toString(16)} ${behind}`);
    }
  }
  console.log(opcodes.length, unknown.join(" "));
});
