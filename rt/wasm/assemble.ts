/**
 * A small assembler: functions written in the text format of WebAssembly, with folded instructions, as bytes.
 *
 * It knows what the library needs: integers, locals, globals, calls, loads and stores, `if`, `block`, `loop` and branches.
 * That words are known and lists well-formed is checked; types and numbers of operands are left to engines.
 *
 * @module
 */

import { Writer } from "./bytes.ts";
import { BULK, INDEXED, MEMORY, PLAIN, TYPES } from "./opcodes.ts";
import { type Expression, integer, parse, wordOf } from "./text.ts";
import type { FuncType } from "./types.ts";

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

/** What a value type is in a binary. */
export function typeCode(type: string): number {
  return named("type", TYPES, type);
}

/** Adds a type of function, as it stands in the section of types. Throws a `SyntaxError` for one with other than numbers. */
export function writeType(w: Writer, { params, results }: FuncType): void {
  w.byte(0x60);
  for (const types of [params, results]) w.u32(types.length).byte(...types.map(typeCode));
}

/**
 * The body of a function, as it stands in the code section without its length: locals and instructions.
 *
 * Throws a `SyntaxError` for a text that is none.
 *
 * @param text `(func (param $p i32) (result i32) (local $q i32) ...)`
 */
export function assemble(text: string, scope: Scope = {}): Writer {
  const [head, ...rest] = parse(text);
  if (head !== "func") throw new SyntaxError(`Cannot assemble: expected a func, got ${String(head)}`);
  const locals: Record<string, number> = {}, declared: number[] = [], body: Expression[] = [];
  let n = 0;
  for (const e of rest) {
    if (Array.isArray(e) && e[0] === "result") continue;
    if (!Array.isArray(e) || (e[0] !== "param" && e[0] !== "local")) body.push(e);
    else {
      const name = wordOf(e, 1), type = typeCode(wordOf(e, 2));
      if (Object.hasOwn(locals, name)) throw new SyntaxError(`Cannot assemble: there are two locals ${name}`);
      locals[name] = n++;
      if (e[0] === "local") declared.push(type);
    }
  }
  const w = new Writer(), runs: [count: number, type: number][] = [];
  for (const type of declared) {
    if (runs.at(-1)?.[1] === type) runs[runs.length - 1][0]++;
    else runs.push([1, type]);
  }
  w.u32(runs.length);
  for (const [count, type] of runs) w.u32(count).byte(type);
  new Emitter(w, scope, locals).all(body);
  return w.byte(END);
}

const BLOCK = 0x02, LOOP = 0x03, IF = 0x04, ELSE = 0x05, END = 0x0b, CALL_INDIRECT = 0x11, NO_RESULT = 0x40;

class Emitter {
  readonly #w: Writer;
  readonly #scope: Scope;
  readonly #locals: Readonly<Record<string, number>>;
  /** Names of the blocks around, the innermost last. */
  readonly #labels: string[] = [];

  constructor(w: Writer, scope: Scope, locals: Readonly<Record<string, number>>) {
    this.#w = w;
    this.#scope = scope;
    this.#locals = locals;
  }

  all(list: readonly Expression[]): void {
    for (const e of list) this.#one(typeof e === "string" ? [e] : [...e]);
  }

  /** An instruction, behind its operands. Uses up the list. */
  #one(list: Expression[]): void {
    const op = wordOf(list, 0), args = list.slice(1), w = this.#w, scope = this.#scope;
    if (op === "if") return this.#if(args);
    if (op === "block" || op === "loop") {
      const label = typeof args[0] === "string" ? args.shift() as string : "";
      w.byte(op === "block" ? BLOCK : LOOP, this.#result(args));
      return this.#inside(label, args);
    }
    if (op === "call_indirect") {
      const type = wordOf(list[1], 1);
      this.all(args.slice(1));
      w.byte(CALL_INDIRECT).u32(named("type", scope.types, type)).u32(scope.table ?? 0);
    } else if (Object.hasOwn(PLAIN, op)) {
      this.all(args);
      w.byte(PLAIN[op]);
    } else if (Object.hasOwn(BULK, op)) {
      this.all(args);
      w.byte(...BULK[op]);
    } else if (Object.hasOwn(INDEXED, op)) {
      this.all(args.slice(1));
      w.byte(INDEXED[op]);
      this.#index(op, wordOf(list, 1));
    } else if (Object.hasOwn(MEMORY, op)) this.#access(op, args);
    else unknown("instruction", op);
  }

  #index(op: string, word: string): void {
    const w = this.#w, scope = this.#scope;
    if (op === "i32.const") w.s32(Number(integer(word, 32)));
    else if (op === "i64.const") w.s64(integer(word, 64));
    else if (op === "call") w.u32(named("function", scope.functions, word));
    else if (op.startsWith("global")) w.u32(named("global", scope.globals, word));
    else if (op.startsWith("local")) {
      w.u32(Object.hasOwn(this.#locals, word) ? this.#locals[word] : unknown("local", word));
    } else {
      const depth = this.#labels.lastIndexOf(word);
      w.u32(depth < 0 ? unknown("label", word) : this.#labels.length - 1 - depth);
    }
  }

  /** A load or store, with `offset=` and `memory=` in front of its operands. */
  #access(op: string, args: Expression[]): void {
    const w = this.#w, [code, align] = MEMORY[op], options: Record<string, number> = {};
    for (; typeof args[0] === "string" && args[0].includes("="); args.shift()) {
      const [name, value] = args[0].split("=");
      if (name !== "offset" && name !== "memory") unknown("option", args[0]);
      options[name] = Number(integer(value, 32)) >>> 0;
    }
    const { memory = this.#scope.memory ?? 0, offset = 0 } = options;
    this.all(args);
    w.byte(code).u32(memory === 0 ? align : align | 0x40);
    if (memory !== 0) w.u32(memory);
    w.u32(offset);
  }

  #if(args: Expression[]): void {
    const type = this.#result(args), [condition, then, otherwise] = args;
    if (wordOf(then, 0) !== "then") unknown("branch", wordOf(then, 0));
    this.all([condition]);
    this.#w.byte(IF, type);
    this.#labels.push("");
    this.all(then.slice(1) as Expression[]);
    if (otherwise !== undefined) {
      if (wordOf(otherwise, 0) !== "else") unknown("branch", wordOf(otherwise, 0));
      this.#w.byte(ELSE);
      this.all(otherwise.slice(1) as Expression[]);
    }
    this.#labels.pop();
    this.#w.byte(END);
  }

  #inside(label: string, list: readonly Expression[]): void {
    this.#labels.push(label);
    this.all(list);
    this.#labels.pop();
    this.#w.byte(END);
  }

  /** Takes `(result T)` from the front: what a block leaves, as a byte. */
  #result(args: Expression[]): number {
    if (!Array.isArray(args[0]) || args[0][0] !== "result") return NO_RESULT;
    return typeCode(wordOf(args.shift(), 1));
  }
}

function named(what: string, indices: Readonly<Record<string, number>> = {}, name: string): number {
  const key = name.replace(/^\$/, "");
  return Object.hasOwn(indices, key) ? indices[key] : unknown(what, name);
}

function unknown(what: string, name: string): never {
  throw new SyntaxError(`Cannot assemble: there is no ${what} ${name}`);
}
