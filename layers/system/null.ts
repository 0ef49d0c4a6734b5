/**
 * `null`: has no memory. The end of a stack that must not reach further, and the base that makes every failure
 * testable.
 *
 * Every `get` returns 0. Costs nothing. There is no layer below.
 *
 * @module
 */

import { type Heap, heap as defaultHeap } from "../../heap.ts";
import { type Layer, layer } from "../../layer.ts";

/** State of {@linkcode nullLayer}: none. */
// deno-lint-ignore no-empty-interface
export interface Null {}

/**
 * Has no memory: every `get` returns 0. (`null` cannot be the name of a constant; modules export it as `null` too, for
 * `layers.null()`.)
 *
 * @param heap The heap whose memory it does not hand out. Default: the program's default heap
 *
 * @example
 * ```ts
 * import { nullLayer } from "./null.ts";
 *
 * const stack = nullLayer();
 * stack.get(stack.init(), 16);     // 0
 * ```
 */
export const nullLayer = (heap: Heap = defaultHeap): Layer<Null> => over(heap);

const over = layer(function null_(heap: Heap): Layer<Null> {
  return { heap, init: () => ({}), deinit: () => {}, get: () => 0, put: () => {} };
});
