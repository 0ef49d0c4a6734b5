/**
 * What calls of a function come to: what it calls directly, and, where it does nothing but call another, that one, as `malloc`
 * does that clang makes for `dlmalloc`.
 *
 * Costs: O(bytes of the functions that are looked into).
 *
 * @module
 */

import { OP, walkFunction } from "./code.ts";
import type { WasmModule } from "./module.ts";

/**
 * What a call of function `index` ends in: the function itself, or, if all it does is to hand its parameters to another of the
 * same type, that one, and so on. Calls of functions without parameters and results in front and behind, as linkers put around
 * the exports of commands, are passed over.
 */
export function thunkTarget(module: WasmModule, index: number): number {
  const seen = new Set<number>();
  for (let at = index;;) {
    const next = seen.has(at) ? undefined : handsTo(module, at);
    if (next === undefined) return at;
    seen.add(at);
    at = next;
  }
}

/** The function that `index` hands its parameters to and does nothing else; undefined if that is not what it does. */
function handsTo(module: WasmModule, index: number): number | undefined {
  const type = module.functions[index];
  const body = module.bodies[index - module.importedFunctions];
  if (body === undefined || body[1] - body[0] > 64) return undefined;
  let loaded = 0, target: number | undefined, plain = true, ends = 0;
  walkFunction(module, index, (op, a) => {
    if (op === OP.localGet && target === undefined && a === loaded) loaded++;
    else if (op === OP.call || op === OP.returnCall) {
      if (module.functions[a] === type && target === undefined && a !== index) target = a;
      else if (op !== OP.call || !empty(module, a) || (loaded > 0 && target === undefined)) plain = false;
    } else if (op === OP.end) ends++;
    else if (op !== OP.return) plain = false;
  });
  return plain && ends === 1 ? target : undefined;
}

/** Whether a function takes and returns nothing. */
function empty(module: WasmModule, index: number): boolean {
  const type = module.types[module.functions[index]];
  return type !== undefined && type.params.length === 0 && type.results.length === 0;
}

/** The functions that a call of `index` may come to by direct calls: what it calls, what those call, and so on. */
export function reachedFrom(module: WasmModule, index: number): Set<number> {
  const reached = new Set<number>(), pending = [index];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    if (at < module.importedFunctions) continue;
    for (const callee of calleesOf(module, at)) {
      if (reached.size < reached.add(callee).size) pending.push(callee);
    }
  }
  return reached;
}

/** The functions that `index` calls directly. */
export function calleesOf(module: WasmModule, index: number): Set<number> {
  const found = new Set<number>();
  walkFunction(module, index, (op, a) => {
    if (op === OP.call || op === OP.returnCall) found.add(a);
  });
  return found;
}
