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

const MEMORY = [0, 1, 2, 3, 4].flatMap((align) => [[align, X], [align, X, X], [align, X, 1]]);
const REFERENCES = [0x6b, 0x6a];

/** What can be behind an opcode, by its prefix, the shortest first: a longer one could be several instructions. */
const BEHIND: Readonly<Record<number, readonly (readonly Bytes[])[]>> = {
  0: [
    [],
    [X],
    [FUNCREF],
    [0x40, END], // a block
    [X, X],
    [1, I32], // select
    [1, X, X], // br_table
    [0x40, 0, END], // try_table
    ...MEMORY,
  ],
  0xfb: [[], ...[STRUCT, PACKED, ARRAY, BYTES, FUNCTIONS, ...REFERENCES].flatMap((t) => [[t], [t, X], [t, t]])],
  0xfc: [[], [X], [X, X]],
  0xfd: [[], [X], [1], ...MEMORY],
  0xfe: [[0], ...MEMORY],
};
for (const list of Object.values(BEHIND)) (list as Bytes[][]).sort((a, b) => a.length - b.length);

/** Constants would take whatever is there. */
const CONSTANTS: Readonly<Record<number, number>> = { 0x43: 4, 0x44: 8, [0xfd000c]: 16, [0xfd000d]: 16 };

Deno.test("wasm/code: every instruction that the engine takes is passed over as it does", () => {
  const opcodes: [op: number, Bytes][] = Array.from({ length: 0xe8 }, (_, op) => [op, op]);
  for (const [prefix, most] of [[0xfb, 0x21], [0xfc, 0x18], [0xfd, 0x118], [0xfe, 0x50]]) {
    for (let n = 0; n < most; n++) opcodes.push([prefix << 16 | n, [prefix, bytes().u32(n)]]);
  }
  let known = 0;
  for (const [op, code] of opcodes) {
    if (op === END || op === 0x05) continue;
    const behind = (CONSTANTS[op] ? [Array(CONSTANTS[op]).fill(X)] : BEHIND[op >>> 16])
      .find((b) => WebAssembly.validate(moduleOf(bodyOf(code, ...b))));
    if (behind === undefined) continue;
    known++;
    assertEquals(walked(code, ...behind), [op, ...(behind[0] === 0x40 ? [END] : [])], `0x${op.toString(16)} ${behind}`);
  }
  assert(known > 530, `the engine takes only ${known} instructions`);
});

Deno.test("wasm/code: instructions that need others around them", () => {
  const cases: Record<string, [Bytes[], number[]]> = {
    "try, catch, rethrow, catch_all": [
      [0x06, 0x40, 0x07, X, 0x09, 0, 0x19, END],
      [0x06, 0x07, 0x09, 0x19, END],
    ],
    "try, delegate": [[0x06, 0x40, 0x06, 0x40, 0x18, 0, 0x07, X, END], [0x06, 0x06, 0x18, 0x07, END]],
    "try_table with every catch": [
      [0x02, 0x40, 0x02, 0x69, 0x1f, 0x40, list([0, X, 1], [2, 1], [1, X, 0], [3, 0]), END, 0x00, END, 0x1a, END],
      [0x02, 0x02, 0x1f, END, 0x00, END, OP.drop, END],
    ],
    "if, else": [[0x04, 0x40, 0x05, END], [0x04, 0x05, END]],
    "a block of a type by its index": [[0x02, X, END], [0x02, END]],
    "a block that leaves a reference": [[0x02, 0x63, STRUCT, 0x00, END, 0x1a], [0x02, 0x00, END, OP.drop]],
    "br_on_cast, br_on_cast_fail": [
      [0x02, 0x63, 0x6b, 0xfb, 0x18, 3, 0, 0x6e, 0x6b, 0xfb, 0x19, 3, 0, 0x6b, 0x6a, 0x00, END, 0x1a],
      [0x02, 0xfb0018, 0xfb0019, 0x00, END, OP.drop],
    ],
    "array.new_fixed": [[0xfb, 0x08, ARRAY, X, 0x1a], [0xfb0008, OP.drop]],
    "an integer of 64 bits": [[0x42, ...Array(9).fill(0x80), 0x7f, 0x1a], [0x42, OP.drop]],
  };
  for (const [name, [instructions, ops]] of Object.entries(cases)) {
    assertEquals(walked(...instructions), ops, name);
    if (name !== "br_on_cast, br_on_cast_fail") {
      assert(WebAssembly.validate(moduleOf(bodyOf(...instructions))), `the engine does not take ${name}`);
    }
  }
});

/** What is told of the instructions of a body. */
function told(...instructions: readonly Bytes[]): number[][] {
  const body = bytes(0, ...instructions, END).bytes(), all: number[][] = [];
  walk(body, 0, body.length, (...instruction) => all.push(instruction));
  return all.slice(0, -1);
}

Deno.test("wasm/code: what follows an instruction is told", () => {
  assertEquals(told(0x10, 0x85, 0x01), [[OP.call, 133, 0, 1]]);
  assertEquals(told(0x11, 7, 9), [[OP.callIndirect, 7, 9, 1]]);
  assertEquals(told(0x12, 5, 0x13, 7, 9), [[OP.returnCall, 5, 0, 1], [OP.returnCallIndirect, 7, 9, 3]]);
  assertEquals(told(0x20, 3, 0x23, 4), [[OP.localGet, 3, 0, 1], [OP.globalGet, 4, 0, 3]]);
  assertEquals(told(0x41, 0x78, 0x41, 0x80, 0x80, 0x80, 0x80, 0x78), [[OP.i32Const, -8, 0, 1], [
    OP.i32Const,
    -(2 ** 31),
    0,
    3,
  ]]);
  assertEquals(told(0x28, 2, 0x84, 0x08), [[OP.i32Load, 1028, 0, 1]]);
  assertEquals(told(0x28, 0x42, 3, 4), [[OP.i32Load, 4, 3, 1]]);
  assertEquals(told(0x28, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01), [[OP.i32Load, 2 ** 35, 0, 1]]);
  assertEquals(told(0x40, 1, 0xfc, 10, 2, 3), [[OP.memoryGrow, 1, 0, 1], [OP.memoryCopy, 2, 3, 3]]);
});

Deno.test("wasm/code: which instructions touch memory", () => {
  assert([OP.i32Load, OP.i64Store32, 0xfd0000, 0xfd005d, 0xfe0000, 0xfe004e].every(touchesMemory));
  assert(![OP.memorySize, OP.call, 0xfd000c, 0xfd0053, 0xfe0003, 0xfc000a].some(touchesMemory));
});

Deno.test("wasm/code: what cannot be read is refused", () => {
  const refuses = (message: string, ...body: Bytes[]) => {
    const b = bytes(...body).bytes();
    assertRefuses(() => walk(b, 0, b.length, () => {}), message, b.length);
  };
  for (const op of [0x16, 0x1d, 0x27, 0xc5, 0xd7, 0xfa, 0xff]) {
    refuses(`there is no instruction 0x${op.toString(16)}`, 0, op, END);
  }
  for (const [prefix, n] of [[0xfb, 31], [0xfc, 18], [0xfd, 0x114], [0xfe, 4], [0xfe, 0x4f]]) {
    refuses(`there is no instruction 0x${prefix.toString(16)} ${n}`, 0, prefix, bytes().u32(n), END);
  }
  refuses("there is no instruction 0xfc 65536", 0, 0xfc, bytes().u32(65536), END);
  refuses("ends too early", 0);
  refuses("ends too early", 0, 0x41);
  refuses("ends too early", 0, 0x44, 0, END);
  refuses("ends too early", 0, 0x02, 0x40, END);
  refuses("labels do not fit into what is left", 0, 0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, END);
  refuses("there is code behind the end", 0, END, END);
  refuses("an integer is too long", 0, 0x41, ...Array(5).fill(0x80), 0, END);
  refuses("an integer is too long", 0, 0x10, ...Array(5).fill(0x80), 0, END);
  refuses("an integer is too long", 0, 0x42, ...Array(10).fill(0x80), 0, END);
  refuses("an integer is too long", 0, 0x28, 2, ...Array(10).fill(0x80), 0, END);
  refuses("there is no type 0x20", 1, 1, 0x20, END);
  refuses("there is no catch of kind 4", 0, 0x1f, 0x40, 1, 4, 0, END, END);
});

const REAL = [
  "sql.js/dist/sql-wasm.wasm",
  "sql.js/dist/sql-wasm-debug.wasm",
  "vscode-oniguruma/release/onig.wasm",
  "harfbuzzjs/dist/harfbuzz.wasm",
  "web-tree-sitter/web-tree-sitter.wasm",
  "tree-sitter-bash/tree-sitter-bash.wasm",
];

for (const file of REAL) {
  Deno.test(`wasm/code: every function of ${file}`, async () => {
    const module = parseModule(await npmFile(file));
    let calls = 0;
    module.functions.forEach((_, index) =>
      walkFunction(module, index, (op, a) => {
        if (op !== OP.call) return;
        calls++;
        assert(a < module.functions.length, `function ${index} calls ${a}`);
      })
    );
    assert(calls > module.bodies.length, `only ${calls} calls in ${module.bodies.length} functions`);
  });
}
