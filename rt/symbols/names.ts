/**
 * Names of functions of a WebAssembly module, as people call them.
 *
 * @module
 */

import { show } from "../../errors.ts";

/** Names by the index of the function: a map, an object, or the text that `emcc --emit-symbol-map` writes. */
export type FunctionNames = string | Readonly<Record<number, string>> | ReadonlyMap<number, string>;

/** Names by index, from what a caller has given. Throws a `TypeError` if it is none of that. */
export function readFunctionNames(given: FunctionNames): ReadonlyMap<number, string> {
  if (typeof given === "string") return parseSymbolMap(given);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    refuse(`functions must be names by index, or the text of a symbol map, got ${show(given)}`);
  }
  const names = new Map<number, string>();
  for (const [key, name] of given instanceof Map ? given : Object.entries(given)) {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || String(index) !== String(key)) {
      refuse(`an index of a function must be an integer from 0, got ${show(key)}`);
    }
    if (typeof name !== "string") refuse(`the name of function ${index} must be a string, got ${show(name)}`);
    names.set(index, name);
  }
  return names;
}

/** The lines of a symbol map: `123:name`, where what is special is written as a backslash and two hexadecimal digits. */
function parseSymbolMap(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  text.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    const [, index, name] = /^(\d+):(.*?)\s*$/.exec(line) ??
      refuse(`line ${i + 1} must be INDEX:NAME, got ${show(line)}`);
    names.set(Number(index), name.replace(/\\([\da-f]{2})/gi, (_, code) => String.fromCharCode(parseInt(code, 16))));
  });
  return names;
}

function refuse(why: string): never {
  throw new TypeError(`Cannot read symbols: ${why}`);
}

/** What stands for special characters in the names of Rust, between dollars. */
const SPECIAL: Readonly<Record<string, string>> = {
  C: ",",
  SP: "@",
  BP: "*",
  RF: "&",
  LT: "<",
  GT: ">",
  LP: "(",
  RP: ")",
};

/** The hash that Rust puts behind a name. */
const HASH = /^h[\da-f]{16}$/;

/**
 * A name as it is in the source. Names that C++ and Rust have made one of several parts are taken apart: "_ZN3app5parseEv"
 * is `app::parse`. Those of templates and of operators stay as they are, as do those that Rust mangles in the newer way.
 */
export function demangle(name: string): string {
  if (!name.startsWith("_ZN")) return name.replace(/::h[\da-f]{16}$/, "");
  const parts: string[] = [];
  let rest = name.slice(3).replace(/^[rVK]+(?=\d)/, ""); // of a method that changes nothing
  for (;;) {
    const [digits] = /^[1-9]\d*/.exec(rest) ?? [""], length = Number(digits);
    if (length === 0) break;
    parts.push(rest.slice(digits.length, digits.length + length));
    rest = rest.slice(digits.length + length);
  }
  if (!rest.startsWith("E") || parts.length === 0) return name;
  if (!HASH.test(parts.at(-1)!)) return parts.join("::");
  return parts.slice(0, -1).map(ofRust).join("::");
}

function ofRust(part: string): string {
  return part.replace(/^_(?=\$)/, "").replaceAll("..", "::").replace(
    /\$(?:u([\da-f]{2,6})|(\w+))\$/g,
    (all, code, word) => {
      return code !== undefined ? String.fromCodePoint(parseInt(code, 16)) : SPECIAL[word] ?? all;
    },
  );
}
