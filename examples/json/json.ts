/**
 * JSON with trees that live in the heap, in memory from the current region.
 *
 * Strict: what RFC 8259 does not allow is refused, with line and column. Nothing here recurses or keeps a stack, so depth
 * is limited by memory alone.
 *
 * @example
 * ```ts
 * import { chunk, enter, init, mmap } from "../../mod.ts";
 * import { get, parse, print, toJS } from "./json.ts";
 *
 * enter(init(chunk(mmap(), 32 * 1024)), () => {
 *   const root = parse(new TextEncoder().encode('{"id": 12345678901234567890, "tags": []}'));
 *   print(get(root, "id"));        // "12345678901234567890", as it was written
 *   toJS(root);                    // { id: 12345678901234567000, tags: [] }
 * }); // the tree is gone
 * ```
 *
 * @module
 */

export { JsonError } from "./error.ts";
export { parse } from "./parse.ts";
export { print, printBytes } from "./print.ts";
export { toJS } from "./to_js.ts";
export { at, free, get, items, typeOf } from "./tree.ts";
