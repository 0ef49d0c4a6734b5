/**
 * A small assembler: functions written in the text format of WebAssembly, with folded instructions, as bytes.
 *
 * It knows what the library needs: integers, locals, globals, calls, one memory, `if`, `block`, `loop` and branches.
 *
 * @module
 */

import { Writer } from "./bytes.ts";

/** What the names in a text stand for: indices in the module that it is for. */
export interface Scope {
  /** Functions. */
  readonly functions?: Readonly<Record<string, number>>;
  /** Types, which `call_indirect` names. */
  readonly types?: Readonly<Record<string, number>>;
  /** Globals. */
  readonly globals?: Readonly<Record<string, number>>;
  /** The memory that loads and stores go to. Default 0 */
  readonly memory?: number;
  /** The table that `call_indirect` goes through. Default 0 */
  readonly table?: number;
}

/** A list or word of a text. */
type Expression = string | Expression[];

/** Instructions without anything behind them, by their opcodes. */
const PLAIN: Readonly<Record<string, number>> = {
  "unreachable": 0x00,
  "nop": 0x01,
  "return": 0x0f,
  "drop": 0x1a,
  "select": 0x1b,
  "i32.eqz": 0x45,
  "i32.eq": 0x46,
  "i32.ne": 0x47,
  "i32.lt_s": 0x48,
  "i32.lt_u": 0x49,
  "i32.gt_s": 0x4a,
  "i32.gt_u": 0x4b,
  "i32.le_u": 0x4d,
  "i32.ge_u": 0x4f,
  "i64.eqz": 0x50,
  "i64.eq": 0x51,
  "i64.ne": 0x52,
  "i64.lt_s": 0x53,
  "i64.gt_s": 0x55,
  "i64.gt_u": 0x56,
  "i32.clz": 0x67,
  "i32.add": 0x6a,
  "i32.sub": 0x6b,
  "i32.mul": 0x6c,
  "i32.and": 0x71,
  "i32.or": 0x72,
  "i32.xor": 0x73,
  "i32.shl": 0x74,
  "i32.shr_s": 0x75,
  "i32.shr_u": 0x76,
  "i32.rotl": 0x77,
  "i32.rotr": 0x78,
  "i64.add": 0x7c,
  "i64.sub": 0x7d,
  "i64.mul": 0x7e,
  "i64.or": 0x84,
  "i64.shl": 0x86,
  "i64.shr_u": 0x88,
  "i32.wrap_i64": 0xa7,
  "i64.extend_i32_u": 0xad,
};

/** Instructions that an index or an integer follows. */
const INDEXED: Readonly<Record<string, number>> = {
  "br": 0x0c,
  "br_if": 0x0d,
  "call": 0x10,
  "local.get": 0x20,
  "local.set": 0x21,
  "local.tee": 0x22,
  "global.get": 0x23,
  "global.set": 0x24,
  "i32.const": 0x41,
  "i64.const": 0x42,
};

/** Loads and stores: opcode, and the binary logarithm of their bytes. */
const MEMORY: Readonly<Record<string, readonly [opcode: number, align: number]>> = {
  "i32.load": [0x28, 2],
  "i64.load": [0x29, 3],
  "i32.load8_u": [0x2d, 0],
  "i32.load16_u": [0x2f, 1],
  "i32.store": [0x36, 2],
  "i64.store": [0x37, 3],
  "i32.store8": [0x3a, 0],
  "i32.store16": [0x3b, 1],
};

const TYPES: Readonly<Record<string, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c };

/** What a value type is in a binary. */
export function typeCode(type: string): number {
  return TYPES[type] ?? unknown("type", type);
}

/**
 * The body of a function, as it stands in the code section without its length: locals and instructions.
 *
 * @param text `(func (param $p i32) (result i32) (local $q i32) ...)`
 */
export function assemble(text: string, scope: Scope = {}): Writer {
  const [head, ...rest] = parse(text);
  if (head !== "func") throw new SyntaxError(`Cannot assemble: expected a func, got ${String(head)}`);
  const locals = new Map<string, number>(), declared: string[] = [], body: Expression[] = [];
  for (const e of rest) {
    if (Array.isArray(e) && e[0] === "result") continue;
    if (!Array.isArray(e) || (e[0] !== "param" && e[0] !== "local")) body.push(e);
    else {
      locals.set(e[1] as string, locals.size);
      if (e[0] === "local") declared.push(e[2] as string);
    }
  }
  const w = new Writer().u32(declared.length);
  for (const type of declared) w.byte(0x01, typeCode(type));
  new Emitter(w, scope, locals).all(body);
  return w.byte(0x0b);
}

class Emitter {
  readonly #w: Writer;
  readonly #scope: Scope;
  readonly #locals: ReadonlyMap<string, number>;
  /** Names of the blocks around, the innermost last. */
  readonly #labels: string[] = [];

  constructor(w: Writer, scope: Scope, locals: ReadonlyMap<string, number>) {
    this.#w = w;
    this.#scope = scope;
    this.#locals = locals;
  }

  all(list: readonly Expression[]): void {
    for (const e of list) this.#one(e);
  }

  #one(e: Expression): void {
    const [op, ...args] = Array.isArray(e) ? e as [string, ...Expression[]] : [e];
    const w = this.#w, scope = this.#scope;
    if (op === "if") return this.#if(args);
    if (op === "block" || op === "loop") {
      const label = typeof args[0] === "string" ? args.shift() as string : "";
      const [type] = this.#result(args);
      w.byte(op === "block" ? 0x02 : 0x03, type);
      return this.#inside(label, args);
    }
    if (op === "call_indirect") {
      const [[, type], ...operands] = args as [string[], ...Expression[]];
      this.all(operands);
      w.byte(0x11).u32(named("type", scope.types, type)).u32(scope.table ?? 0);
    } else if (op === "memory.fill" || op === "memory.copy") { // in memory 0
      this.all(args);
      w.byte(0xfc).byte(...op === "memory.fill" ? [0x0b, 0x00] : [0x0a, 0x00, 0x00]);
    } else if (op in PLAIN) {
      this.all(args);
      w.byte(PLAIN[op]);
    } else if (op in INDEXED) {
      const [name, ...operands] = args;
      this.all(operands);
      w.byte(INDEXED[op]);
      this.#index(op, name as string);
    } else if (op in MEMORY) {
      const [code, align] = MEMORY[op];
      const options = new Map([["memory", scope.memory ?? 0], ["offset", 0]]);
      while (typeof args[0] === "string") {
        const [name, value] = (args.shift() as string).split("=");
        options.set(name, Number(value));
      }
      const memory = options.get("memory")!;
      this.all(args);
      w.byte(code).u32(memory === 0 ? align : align | 0x40);
      if (memory !== 0) w.u32(memory);
      w.u32(options.get("offset")!);
    } else unknown("instruction", op);
  }

  #index(op: string, name: string): void {
    const w = this.#w, scope = this.#scope;
    if (op === "i32.const") w.s32(Number(name) | 0);
    else if (op === "i64.const") w.s32(Number(name));
    else if (op === "call") w.u32(named("function", scope.functions, name));
    else if (op.startsWith("global")) w.u32(named("global", scope.globals, name));
    else if (op.startsWith("local")) w.u32(this.#locals.get(name) ?? unknown("local", name));
    else {
      const depth = this.#labels.lastIndexOf(name);
      w.u32(depth < 0 ? unknown("label", name) : this.#labels.length - 1 - depth);
    }
  }

  #if(args: Expression[]): void {
    const [type] = this.#result(args);
    const [condition, then, otherwise] = args as [Expression, Expression[], Expression[] | undefined];
    this.#one(condition);
    this.#w.byte(0x04, type);
    this.#labels.push("");
    this.all(then.slice(1));
    if (otherwise !== undefined) {
      this.#w.byte(0x05);
      this.all(otherwise.slice(1));
    }
    this.#labels.pop();
    this.#w.byte(0x0b);
  }

  #inside(label: string, list: readonly Expression[]): void {
    this.#labels.push(label);
    this.all(list);
    this.#labels.pop();
    this.#w.byte(0x0b);
  }

  /** Takes `(result T)` from the front: what a block leaves, as a byte. */
  #result(args: Expression[]): [type: number] {
    if (!Array.isArray(args[0]) || args[0][0] !== "result") return [0x40];
    const [[, type]] = args.splice(0, 1) as [string[]];
    return [typeCode(type)];
  }
}

function named(what: string, indices: Readonly<Record<string, number>> = {}, name: string): number {
  return indices[name.replace("$", "")] ?? unknown(what, name);
}

function unknown(what: string, name: string): never {
  throw new SyntaxError(`Cannot assemble: there is no ${what} ${name}`);
}

/** The list that a text is. */
function parse(text: string): Expression[] {
  const words = text.replace(/;;.*/g, "").match(/[()]|[^\s()]+/g) ?? [];
  const open: Expression[][] = [[]];
  for (const word of words) {
    if (word === "(") open.push([]);
    else if (word === ")") {
      const list = open.pop()!;
      open.at(-1)!.push(list);
    } else open.at(-1)!.push(word);
  }
  return open[0][0] as Expression[];
}
