/**
 * `affix`: reserves bytes in front of and behind each block: for canaries, owners, time stamps.
 *
 * Guarantees: the bytes of prefix and suffix are nobody else's while the block is out, and keep what is written there;
 * a resize carries the suffix to the new end. Costs: an addition or two a call; prefix, rounded up to a multiple of 16
 * so that blocks stay aligned, plus suffix bytes a block. Needs nothing of the layer below.
 *
 * ```
 * block of the layer below
 * | prefix          | block, size bytes | suffix |
 * p - prefix        p                   p + size
 * ```
 *
 * The prefix is at `p - prefix`, with `prefix` rounded up; the suffix, at `p + size`, is as aligned as the size is.
 * Lost are `owns`, `sizeOf` and `maxAlign`, which `batch`, `sized` and `align` over this layer have, and the gauge,
 * which would count affixes, too.
 *
 * @module
 */

import { assertFunction, assertInteger } from "../errors.ts";
import type { Heap, Ptr } from "../heap.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, share, type StateOf } from "../layer.ts";

/** State of {@linkcode affix}: that of the layer below. */
export type Affix<S> = S;

/** Called with the address of a block and its size in bytes. */
export type AffixHook = (heap: Heap, p: Ptr, size: number) => void;

/**
 * Reserves `prefix` bytes in front of and `suffix` bytes behind each block.
 *
 * What a hook throws comes out, and nothing has changed: a block that was to be handed out is given back, one that was
 * to be taken back stays out. No hook sees a resize, which moves the suffix as it is, nor a reset, a rewind or
 * `deinit`.
 *
 * @param base The layer below
 * @param prefix Bytes in front of the block, 0 to 2^20; rounded up to a multiple of 16
 * @param suffix Bytes behind the block, 0 to 2^20. Default 0
 * @param hooks `onGet` is called before a block is handed out, to write; `onPut` before it is taken back, to verify
 *
 * @example
 * ```ts
 * import { affix, type AffixHook } from "./affix.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * // A canary behind each block
 * const place: AffixHook = (heap, p, size) => heap.u8.fill(0xcb, p + size, p + size + 4);
 * const verify: AffixHook = (heap, p, size) => {
 *   for (let i = p + size; i < p + size + 4; i++) {
 *     if (heap.u8[i] !== 0xcb) throw new Error(`Cannot free: ${size} bytes at ${p} have been written beyond`);
 *   }
 * };
 * const stack = affix(mmap(), 0, 4, place, verify);
 * const s = stack.init();
 * const p = stack.get(s, 10);
 * stack.heap.u8[p + 10] = 0;       // one too far
 * try {
 *   stack.put(s, p, 10);
 * } catch (e) {
 *   (e as Error).message;          // "Cannot free: 10 bytes at ... have been written beyond"
 * }
 * ```
 */
export const affix = <L extends AnyLayer>(
  base: L,
  prefix: number,
  suffix = 0,
  ...hooks: [onGet?: AffixHook | undefined, onPut?: AffixHook | undefined]
): LayerWith<Affix<StateOf<L>>, Kept<L, "resize" | "reset" | "goodSize" | "mark" | "rewind" | "verify">> =>
  over(base, prefix, suffix, ...hooks);

const over: <L extends AnyLayer>(
  base: L,
  prefix: number,
  suffix: number,
  onGet?: AffixHook,
  onPut?: AffixHook,
) => ReturnType<typeof affix<L>> = layer(
  function affix<S>(
    base: Layer<S>,
    prefix: number,
    suffix: number,
    onGet?: AffixHook,
    onPut?: AffixHook,
  ): Layer<Affix<S>> {
    assertInteger("compose affix", "bytes of prefix", prefix, 0, 2 ** 20);
    assertInteger("compose affix", "bytes of suffix", suffix, 0, 2 ** 20);
    if (onGet !== undefined) assertFunction("compose affix", "onGet", onGet);
    if (onPut !== undefined) assertFunction("compose affix", "onPut", onPut);
    const { heap, get, put } = base;
    const before = (prefix + 15) & -16;
    const least = before > 0 && suffix === 0 ? 1 : 0; // without a byte, a block would start where the one below ends
    const around = (size: number): number => before + (size || least) + suffix;

    /** Calls `onGet` for the block at `p`, and puts the block if that throws. */
    const write = (s: S, p: Ptr, size: number): void => {
      try {
        onGet!(heap, p, size);
      } catch (e) {
        put(s, p - before, around(size));
        throw e;
      }
    };

    return {
      heap,
      stateless: true,
      init: (size) => size === undefined ? base.init() : base.init(around(size)),
      deinit: (s) => base.deinit(s),
      get: (s, size) => {
        const need = around(size), below = need < 2 ** 32 ? get(s, need) : 0;
        if (below === 0) return 0;
        const p = below + before;
        if (onGet !== undefined) write(s, p, size);
        return p;
      },
      put: (s, p, size) => {
        if (onPut !== undefined) onPut(heap, p, size);
        put(s, p - before, around(size));
      },
      ...(base.resize && {
        resize: (s, p, old, size) => {
          const need = around(size);
          if (need >= 2 ** 32) return false;
          if (suffix === 0) return base.resize!(s, p - before, around(old), need);
          const kept = heap.u8.slice(p + old, p + old + suffix); // what is cut off is the layer's below at once
          if (!base.resize!(s, p - before, around(old), need)) return false;
          heap.u8.set(kept, p + size);
          return true;
        },
      }),
      ...(base.goodSize && {
        goodSize: (size) => around(size) >= 2 ** 32 ? size : base.goodSize!(around(size)) - before - suffix,
      }),
      ...share(base, "reset", "mark", "rewind", "verify"),
      ...(onGet === undefined && share(base, "pristine")), // a hook may write anywhere
    };
  },
  { assertFunction, assertInteger, share },
);
