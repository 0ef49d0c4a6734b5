import { assemble, type Scope, typeCode, writeType } from "../rt/wasm/assemble.ts";
import { Writer } from "../rt/wasm/bytes.ts";
import { MEMORY, PLAIN } from "../rt/wasm/opcodes.ts";
import { assertEquals, assertThrows } from "./assert.ts";
import { binary, body, FUNCREF, I32, I64, list, section, type } from "./wasm_kit.ts";

// deno-lint-ignore no-explicit-any -- a function of whatever type its text says
type Functions = Record<string, any>;

const SIGNATURES = {
  "i32 i32": [[I32, I32], [I32]],
  "i64 i64": [[I64, I64], [I64]],
  "i64 i64 i32": [[I64, I64], [I32]],
  "": [[], []],
} as const;

const SCOPE: Scope = {
  functions: { f: 0, add: 1 },
  types: { i32: 0, i64: 1, i32_of_i64: 2, none: 3 },
  globals: { n: 0, wide: 1 },
  table: 1,
};

/** An instance with a function of this text, exported as "f", two memories, two tables and two globals. */
function run(text: string, signature: keyof typeof SIGNATURES = "i32 i32", scope: Scope = SCOPE): Functions {
  const types = Object.values(SIGNATURES).map(([params, results]) => type(params, results));
  const bytes = binary(
    section("type", list(...types)),
    section("function", list(Object.keys(SIGNATURES).indexOf(signature), 0)),
    section("table", list([FUNCREF, 0, 1], [FUNCREF, 0, 2])),
    section("memory", list([0, 1], [0, 1])),
    section("global", list([I32, 1, 0x41, 5, 0x0b], [I64, 1, 0x42, 6, 0x0b])),
    section("export", list(["f", 0, 0], ["memory", 2, 0], ["other", 2, 1], ["n", 3, 0], ["wide", 3, 1])),
    section("element", list([2, 1, 0x41, 1, 0x0b, 0, list(1)])),
    section(
      "code",
      list(
        body(text, scope),
        body("(func (param $a i32) (param $b i32) (result i32) (i32.add (local.get $a) (local.get $b)))"),
      ),
    ),
  );
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
}

const PARAMS = "(param $a i32) (param $b i32) (result i32)", WIDE = "(param $a i64) (param $b i64)";

/** What an instruction makes of -7 and 3, as JavaScript has it. */
const A: bigint = -7n, B: bigint = 3n;
const OF_TWO: Record<string, (bits: number, ua: bigint) => bigint | boolean> = {
  eq: () => A === B,
  ne: () => A !== B,
  lt_s: () => A < B,
  lt_u: (_, ua) => ua < B,
  gt_s: () => A > B,
  gt_u: (_, ua) => ua > B,
  le_s: () => A <= B,
  le_u: (_, ua) => ua <= B,
  ge_s: () => A >= B,
  ge_u: (_, ua) => ua >= B,
  add: () => A + B,
  sub: () => A - B,
  mul: () => A * B,
  div_s: () => A / B,
  div_u: (_, ua) => ua / B,
  rem_s: () => A % B,
  rem_u: (_, ua) => ua % B,
  and: () => A & B,
  or: () => A | B,
  xor: () => A ^ B,
  shl: () => A << B,
  shr_s: () => A >> B,
  shr_u: (_, ua) => ua >> B,
  rotl: (bits, ua) => ua << B | ua >> BigInt(bits) - B,
  rotr: (bits, ua) => ua >> B | ua << BigInt(bits) - B,
};

/** What one makes of -7. */
const OF_ONE: Record<string, (bits: number, ua: bigint) => bigint | boolean> = {
  eqz: () => A === 0n,
  clz: () => 0n,
  ctz: () => 0n,
  popcnt: (bits) => BigInt(bits - 2),
  wrap_i64: () => A,
  extend_i32_s: () => A,
  extend_i32_u: () => BigInt.asUintN(32, A),
};

const OTHERS = ["unreachable", "nop", "return", "drop", "select"];

for (const op of Object.keys(PLAIN)) {
  if (OTHERS.includes(op)) continue;
  Deno.test(`wasm_assemble: ${op}`, () => {
    const [given, name] = op.split("."), bits = given === "i64" ? 64 : 32;
    const expected = (OF_ONE[name] ?? OF_TWO[name])(bits, BigInt.asUintN(bits, A)),
      of = name.match(/i\d+/)?.[0] ?? given;
    const text = `(${op} (${of}.const ${A}) ${name in OF_ONE ? "" : `(${of}.const ${B})`})`;
    if (bits === 64 && typeof expected === "bigint") {
      assertEquals(run(`(func ${WIDE} (result i64) ${text})`, "i64 i64").f(0n, 0n), BigInt.asIntN(64, expected));
    } else assertEquals(run(`(func ${PARAMS} ${text})`).f(0, 0), Number(BigInt.asIntN(32, BigInt(expected))));
  });
}

for (const op of Object.keys(MEMORY)) {
  Deno.test(`wasm_assemble: ${op}, in any memory, at any offset`, () => {
    const [bits] = op.match(/i(32|64)/)!, size = Number(op.match(/(\d+)(_[su])?$/)?.[1] ?? op.slice(1, 3)) / 8;
    for (const memory of ["memory", "other"]) {
      for (const scope of [SCOPE, { ...SCOPE, memory: 1 }]) {
        const where = scope === SCOPE ? `memory=${memory === "other" ? 1 : 0} ` : "";
        if (where === "" && memory === "memory") continue;
        const at = `${where}offset=8 (i32.const 16)`, value = 0xf1f2f3f4f5f6f7f8n;
        const text = op.includes("store")
          ? `(${op} ${at} (${bits}.const ${value & 0xffffffffn})) (i32.const 0)`
          : `(${op} ${at})`;
        const wide = bits === "i64" && op.includes("load");
        const exports = run(
          wide ? `(func ${WIDE} (result i64) ${text})` : `(func ${PARAMS} ${text})`,
          wide ? "i64 i64" : "i32 i32",
          scope,
        );
        const view = new DataView(exports[memory].buffer);
        if (op.includes("load")) view.setBigUint64(24, value, true);
        const result = wide ? exports.f(0n, 0n) : exports.f(0, 0);
        const part = BigInt.asUintN(8 * size, value), signed = BigInt.asIntN(8 * size, value);
        if (op.includes("store")) {
          assertEquals(view.getBigUint64(24, true), BigInt.asUintN(8 * size, value & 0xffffffffn));
        } else if (op.endsWith("_u")) assertEquals(BigInt(result), part);
        else assertEquals(BigInt(result), signed);
      }
    }
  });
}

Deno.test("wasm_assemble: locals, set and read", () => {
  const text = `(func ${PARAMS} (local $c i32) (local $d i64)
    (local.set $c (i32.mul (local.tee $d (i64.extend_i32_u (local.get $a))) (local.get $b))))`;
  assertThrows(() => run(text), WebAssembly.CompileError); // types are left to engines
  const f = run(`(func ${PARAMS} (local $c i32) (local $d i64)
    (local.set $d (i64.extend_i32_u (local.get $a)))
    (i32.add (local.tee $c (i32.wrap_i64 (local.get $d))) (local.get $c)))`).f;
  assertEquals(f(21, 0), 42);
});

Deno.test("wasm_assemble: globals", () => {
  const { f, n, wide } = run(`(func ${PARAMS}
    (global.set $wide (i64.const -0x8000000000000000))
    (global.set $n (i32.add (global.get $n) (local.get $a)))
    (global.get $n))`);
  assertEquals([f(4, 0), n.value, wide.value], [9, 9, -(2n ** 63n)]);
});

Deno.test("wasm_assemble: constants of all sizes", () => {
  const i32 = (word: string) => run(`(func ${PARAMS} (i32.const ${word}))`).f(0, 0);
  const i64 = (word: string) => run(`(func ${WIDE} (result i64) (i64.const ${word}))`, "i64 i64").f(0n, 0n);
  assertEquals(["0", "-1", "0x7fffffff", "4294967295", "-0x80000000", "+64"].map(i32), [
    0,
    -1,
    2 ** 31 - 1,
    -1,
    -(2 ** 31),
    64,
  ]);
  assertEquals(["-64", "0xffffffffffffffff", "4294967296"].map(i64), [-64n, -1n, 2n ** 32n]);
});

Deno.test("wasm_assemble: branches", () => {
  const { f } = run(`(func ${PARAMS} (local $sum i32)
    (block $done                      ;; a comment
      (loop $next
        (br_if $done (i32.eqz (local.get $a)))
        (if (i32.eq (local.get $a) (local.get $b)) (then (return (i32.const -1))))
        (local.set $sum (i32.add (local.get $sum) (local.get $a)))
        (local.set $a (i32.sub (local.get $a) (i32.const 1)))
        (if (i32.gt_u (local.get $a) (i32.const 100)) (then (br $done)) (else (br $next)))))
    (local.get $sum))`);
  assertEquals([f(4, 99), f(4, 2), f(1000, 0)], [10, -1, 1000]);
});

Deno.test("wasm_assemble: blocks that leave something", () => {
  const { f } = run(`(func ${PARAMS}
    (i32.add
      (if (result i32) (local.get $a) (then (i32.const 10)) (else (block (result i32) (nop) (i32.const 20))))
      (select (i32.const 1) (i32.const 2) (local.get $b))))`);
  assertEquals([f(1, 1), f(0, 0)], [11, 22]);
});

Deno.test("wasm_assemble: a word alone is an instruction, too", () => {
  assertThrows(() => run(`(func ${PARAMS} unreachable)`).f(0, 0), WebAssembly.RuntimeError, "unreachable");
  assertEquals(run(`(func ${PARAMS} (i32.const 5) (drop (i32.const 6)))`).f(0, 0), 5);
});

Deno.test("wasm_assemble: calls, also through a table", () => {
  const { f } = run(`(func ${PARAMS} (call $add (local.get $a)
    (call_indirect (type $i32) (local.get $a) (local.get $b) (i32.const 1))))`);
  assertEquals(f(1, 2), 4);
});

Deno.test("wasm_assemble: blocks of memory", () => {
  const { f, memory } = run(`(func ${PARAMS}
    (memory.fill (i32.const 1) (local.get $a) (i32.const 2))
    (memory.copy (i32.const 10) (i32.const 0) (i32.const 4))
    (i32.const 0))`);
  f(9, 0);
  assertEquals([...new Uint8Array(memory.buffer, 0, 15)], [0, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 0, 0]);
});

Deno.test("wasm_assemble: a text that is none is refused", () => {
  const cases: Record<string, string> = {
    "": "expected one list, got 0",
    "func": "expected one list, got func",
    "(func) (func)": "expected one list, got 2",
    "(func": "there is a ) missing",
    "(func))": "there is a ) too many",
    "(module)": "expected a func, got module",
    "()": "expected a func, got undefined",
    "(func (i32.const))": "expected a list with a word at place 1",
    "(func ((nop)))": "expected a list with a word at place 0",
    "(func (i32.const 0x100000000))": "expected an integer of 32 bits, got 0x100000000",
    "(func (i32.const -2147483649))": "expected an integer of 32 bits",
    "(func (i32.const five))": "expected an integer of 32 bits, got five",
    "(func (i64.const 1.5))": "expected an integer of 64 bits, got 1.5",
    "(func (f32.const 1))": "there is no instruction f32.const",
    "(func (constructor))": "there is no instruction constructor",
    "(func (local.get $x))": "there is no local $x",
    "(func (local.get constructor))": "there is no local constructor",
    "(func (global.get $x))": "there is no global $x",
    "(func (call $toString))": "there is no function $toString",
    "(func (call_indirect (type $x)))": "there is no type $x",
    "(func (call_indirect $x))": "expected a list with a word at place 1",
    "(func (block $a) (br $a))": "there is no label $a",
    "(func (local i32))": "expected a list with a word at place 2",
    "(func (local $a i8))": "there is no type i8",
    "(func (param $a i32) (local $a i32))": "there are two locals $a",
    "(func (if (i32.const 1)))": "expected a list with a word at place 0",
    "(func (if (i32.const 1) (nop)))": "there is no branch nop",
    "(func (if (i32.const 1) (then) (then)))": "there is no branch then",
    "(func (i32.load align=4 (i32.const 0)))": "there is no option align=4",
    "(func (i32.load offset=-x (i32.const 0)))": "expected an integer of 32 bits",
    "(func (block (result i128)))": "there is no type i128",
  };
  for (const [text, problem] of Object.entries(cases)) {
    assertThrows(() => assemble(text), SyntaxError, `Cannot assemble: ${problem}`);
  }
});

Deno.test("wasm_assemble: types of values have their codes", () => {
  assertEquals(["i32", "i64", "f32", "f64"].map(typeCode), [0x7f, 0x7e, 0x7d, 0x7c]);
  assertThrows(() => typeCode("v128"), SyntaxError, "there is no type v128");
});

Deno.test("wasm_assemble: types of functions", () => {
  const written = (params: string[], results: string[]) => {
    const w = new Writer();
    writeType(w, { params, results });
    return [...w.bytes()];
  };
  assertEquals(written(["i32", "f64"], ["i64"]), [0x60, 2, 0x7f, 0x7c, 1, 0x7e]);
  assertEquals(written([], []), [0x60, 0, 0]);
  assertThrows(() => written(["ref"], []), SyntaxError, "there is no type ref");
});
