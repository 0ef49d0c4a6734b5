/**
 * The trait that every layer has, and `layer()`, which makes composing layers free.
 *
 * @module
 */

import type { Gauge } from "./gauge.ts";
import { Heap, type Ptr } from "./heap.ts";
import { assertFunction, show } from "./errors.ts";
import type { Site } from "./sites.ts";

/**
 * An allocation policy: a plain object that serves requests, mostly by asking the layer under it. It holds no state of
 * its own; `init` makes a state and every call is handed it.
 *
 * What every layer keeps to:
 * - A block is aligned to 16 bytes, overlaps no other, and is the caller's until `put`. Its contents are unspecified.
 * - `get` of 0 bytes gives a block like any other, with an address of its own.
 * - `get` returns 0 when memory cannot be had; the state is then as before.
 * - `deinit` gives back to the layer below everything that the layer took for itself. Blocks that a layer merely passes
 *   on are their owner's to put; `batch` is the layer that puts them all.
 * - `init`, `get` and `put` check nothing that costs time. Arguments are checked by the allocator that `init(layer)` in
 *   `region.ts` makes.
 *
 * An optional member is a capability: absent means "cannot". {@linkcode LayerWith} is the type of a layer that has
 * some.
 */
export interface Layer<in out S> {
  /** The heap that the blocks of this layer lie in. */
  readonly heap: Heap;
  /**
   * A fresh state: a plain object literal, with the state of the layer below as `base`, where printing looks for it.
   * `size` is what all requests will be for, in bytes, where that is known: `sizeclass` says so to the layers of its
   * classes.
   */
  init(size?: number): S;
  /** Gives everything back to the layer below. The state is not used again, except to be printed. */
  deinit(s: S): void;
  /**
   * Address of a block of `size` bytes (0 to 2^32 - 1), or 0. `align` is a power of two up to 16, 16 when left out,
   * that the caller is content with; a layer that packs blocks makes use of it, any other may ignore it. More than 16,
   * up to `maxAlign`, is a promise: the block is so aligned.
   */
  get(s: S, size: number, align?: Alignment): Ptr;
  /** Takes back the block at `p`. `size` is the size in bytes that was asked for, or resized to. */
  put(s: S, p: Ptr, size: number): void;
  /** True when the state is that of the layer below, which printing a stack has to know. */
  readonly stateless?: boolean;
  /** The layers under this one, by the fields of the state that hold their states, if it is not one layer in `base`. */
  readonly parts?: Readonly<Record<string, AnyLayer>>;
  /** What the layer has measured; only a layer that measures has one. */
  gauge?(s: S): Gauge;
  /**
   * Makes the block at `p`, of `old` bytes, one of `size` bytes where it is, and returns true: the contents up to the
   * lesser of both stay. False if that cannot be, and nothing has changed.
   */
  resize?(s: S, p: Ptr, old: number, size: number): boolean;
  /** Whether the block at `p` is of this state: true for each that is out, false for each of any other allocator. */
  owns?(s: S, p: Ptr): boolean;
  /** Size in bytes of the block at `p`, which is out: what was asked for, as `put` takes it. */
  sizeOf?(s: S, p: Ptr): number;
  /** Takes all blocks back at once, and keeps their memory for what comes. */
  reset?(s: S): void;
  /**
   * What a request of `size` bytes takes in fact: asking for so many bytes, aligned to 16 as usual, takes no more
   * memory. At least `size`; of two sizes the larger one's is no less; and its own is itself.
   */
  goodSize?(size: number): number;
  /** The greatest alignment in bytes, more than 16, that `get` can be asked for. Absent, it is 16. */
  readonly maxAlign?: number;
  /** A mark that {@linkcode Layer.rewind} goes back to, or 0 when memory cannot be had for it. */
  mark?(s: S): Ptr;
  /**
   * Takes back all blocks got since `mark` gave `m`, which is spent then, as are those that came after it. Marks are
   * gone back to last in, first out: a `RangeError` if `m` is none that is left.
   */
  rewind?(s: S, m: Ptr): void;
  /**
   * Where the blocks that are out were allocated, those of the most bytes first; once it is closed, those that were out
   * then. Takes milliseconds.
   */
  sites?(s: S): readonly Site[];
  /**
   * Looks at every block for damage, and throws a `MemoryError` that says what has been done to one. O(bytes out).
   */
  verify?(s: S): void;
  /** True when its gauge counts just what goes through it, as `stats` over it would. */
  readonly counts?: boolean;
  /** True when `get` writes to no block, so that what has come fresh from the heap is still zero. */
  readonly pristine?: boolean;
  /** True when `put` takes a part of a block as well, in units of 16 bytes, and blocks that adjoin as one. */
  readonly divisible?: boolean;
  /**
   * The window of free memory that the layer bumps through; only a layer where a bump is all that `get` is, and that
   * `layer()` made. A region allocates through it without a call of `get`.
   */
  window?(s: S): Window;
}

/** An alignment in bytes that every layer can be asked for. */
export type Alignment = 1 | 2 | 4 | 8 | 16;

/** What a layer may be able to do beyond `get` and `put`: names of optional members of {@linkcode Layer}. */
export type Capability =
  | "gauge"
  | "resize"
  | "owns"
  | "sizeOf"
  | "reset"
  | "goodSize"
  | "maxAlign"
  | "mark"
  | "rewind"
  | "sites"
  | "verify";

/** A {@linkcode Layer} with these capabilities: `LayerWith<S, "owns" | "reset">`. */
export type LayerWith<S, C extends Capability> =
  & Layer<S>
  & { readonly [K in C]-?: NonNullable<Layer<S>[K]> }
  & ("maxAlign" extends C ? Aligning<S> : unknown);

/** A {@linkcode Layer} that can be asked for any alignment up to its `maxAlign`. */
export interface Aligning<in out S> {
  /** Address of a block of `size` bytes, aligned to `align`, a power of two up to `maxAlign`; or 0. */
  get(s: S, size: number, align?: number): Ptr;
}

/** A {@linkcode Layer} that measures. */
export interface Gauged<in out S> extends Layer<S> {
  /** What the layer has measured. */
  gauge(s: S): Gauge;
}

/** The state of a layer. */
export type StateOf<L> = L extends Layer<infer S> ? S : never;

/** Those of the capabilities `C` that a layer has: what a combinator over it can pass on. */
export type Kept<L, C extends Capability = Capability> = `${{
  [K in C]: L extends { readonly [P in K]: unknown } ? undefined extends L[K] ? never : K : never;
}[C]}`; // a template, so that hovers show the names that it comes to

/**
 * Free memory that a bump layer lends to the region it serves, so that an allocation is an addition and a comparison:
 * what virtual machines call a thread-local allocation buffer. Lender and borrower both move `ptr`.
 */
export interface Window {
  /** Address in bytes of the first free byte. */
  ptr: Ptr;
  /** Address in bytes after the last free byte, a multiple of 16: `ptr`, rounded up, is not beyond it. */
  end: Ptr;
}

/** How an instance of a layer came to be: for printing a stack. */
export interface Instance {
  /** Name of the layer, as in "chunk". */
  readonly name: string;
  /** The layer below, if there is one. */
  readonly base: AnyLayer | undefined;
  /** The parameters that are not layers, as in `[4096]`. */
  readonly params: readonly unknown[];
}

/** A layer whatever its state. (`Layer` is invariant in its state, so `Layer<unknown>` would not include any other.) */
// deno-lint-ignore no-explicit-any
export type AnyLayer = Layer<any>;

/** What makes a layer of the layer below, or of the heap, and parameters. */
// deno-lint-ignore no-explicit-any
export type Factory = (...args: any[]) => AnyLayer;

/** The layers made from some arguments, as a tree with a level for each argument. */
class Instances {
  layer: AnyLayer | undefined;
  readonly #objects = new WeakMap<object, Instances>();
  readonly #values = new Map<unknown, Instances>();

  at(key: unknown): Instances {
    const map: Pick<Map<unknown, Instances>, "get" | "set"> =
      (typeof key === "object" && key !== null) || typeof key === "function"
        ? this.#objects as WeakMap<WeakKey, Instances> as unknown as Map<unknown, Instances>
        : this.#values;
    let next = map.get(key);
    if (next === undefined) map.set(key, next = new Instances());
    return next;
  }
}

const instanceOf = new WeakMap<AnyLayer, Instance>();
let specialising = true;
let serial = 0;

/**
 * Makes a combinator of a factory: a function that makes a layer from the layer below and parameters.
 *
 * An engine attaches what it learns about a piece of code (which function is called here, which shape is read) to the
 * piece's place in the source. Were every stack to run the same source, each call to the layer below would be to "any
 * of them", and nothing would be inlined. So the combinator evaluates the factory's source text afresh for each
 * distinct composition, as a C++ template is compiled for each of its instantiations, and a stack becomes one piece of
 * machine code. The same arguments give the same layer object, so composing in a loop compiles once.
 *
 * A factory does well to take the functions that its hot paths call out of the layer below, `const { get, put } =
 * base`, as an engine inlines a constant most readily.
 *
 * Therefore **a factory sees only its arguments and globals**. What it needs of its module it is given by name in
 * `names`; a name that it is not given is a `ReferenceError` or, if it is needed to compose, leaves it unspecialised.
 * Where code cannot be generated (a content security policy), the factory itself is called: the same layer, only
 * slower.
 *
 * @example
 * ```ts
 * import { type Layer, layer } from "./layer.ts";
 *
 * // Rounds every request up to a multiple of 64 bytes
 * const lines: <S>(base: Layer<S>) => Layer<{ base: S }> = layer(
 *   function lines<S>(base: Layer<S>): Layer<{ base: S }> {
 *     const { heap, get, put } = base;
 *     const round = (size: number) => (size + 63) & -64;
 *     return {
 *       heap,
 *       init: () => ({ base: base.init() }),
 *       deinit: (s) => base.deinit(s.base),
 *       get: (s, size, align) => get(s.base, round(size), align),
 *       put: (s, p, size) => put(s.base, p, round(size)),
 *     };
 *   },
 * );
 * ```
 *
 * @param factory A function expression with the name of the layer. Its first parameter is the layer below or, for a
 *   layer that has none, the heap
 * @param names What the factory uses of its module, by the names it uses
 */
export function layer<F extends Factory, G extends Factory = F>(
  factory: F,
  names: Readonly<Record<string, unknown>> = {},
): G {
  assertFunction("make a combinator", "factory", factory);
  const specialised = new Instances();
  const plain = new Instances();
  const name = factory.name.replace(/_$/, "");

  const compose = (args: unknown[]): AnyLayer => {
    const [given, ...params] = args, base = isLayer(given) ? given : undefined;
    if (base === undefined && !(given instanceof Heap)) {
      throw new TypeError(
        `Cannot compose ${name}: expected a layer or a heap as its first argument, got ${show(given)}`,
      );
    }
    const [own, ...rest] = args.map((arg) => isLayer(arg) ? ownFunctions(arg) : arg);
    const made = instantiate(factory, names, [own, ...rest]);
    if (made === own && base !== undefined) return base; // a factory may return what it was given
    if (!isLayer(made) || !(made.heap instanceof Heap)) {
      throw new TypeError(`Cannot compose ${name}: ${misfit(made, base !== undefined)}`);
    }
    if (!instanceOf.has(made)) instanceOf.set(made, { name, base, params });
    return made;
  };

  const combinator: Factory = (...args) => {
    let instance = specialising ? specialised : plain;
    for (const arg of args) instance = instance.at(arg);
    return instance.layer ??= compose(args);
  };
  return combinator as G;
}

/** Members of a layer that one above it may have without doing anything for it. */
export type Passable = Capability | "pristine" | "divisible" | "window";

/** Some of these members. */
export type Passed<S> = Partial<Pick<Layer<S>, Passable>>;

/**
 * The capabilities among `names` that `base` has, for a layer that passes them on unchanged and whose state holds that
 * of `base` as `base`. It is evaluated afresh with each factory that has it among its names.
 *
 * @example
 * ```ts
 * import { type Layer, layer, pass } from "./layer.ts";
 *
 * const silent = layer(function silent<S>(base: Layer<S>): Layer<{ base: S }> {
 *   const { heap, get, put } = base;
 *   return {
 *     heap,
 *     init: () => ({ base: base.init() }),
 *     deinit: (s) => base.deinit(s.base),
 *     get: (s, size, align) => get(s.base, size, align),
 *     put: (s, p, size) => put(s.base, p, size),
 *     ...pass(base, "owns", "resize"),
 *   };
 * }, { pass });
 * ```
 */
export function pass<S>(
  base: Layer<S>,
  ...names: Passable[]
): Passed<{ base: S }> {
  const all: Layer<{ base: S }> = {
    gauge: (s) => base.gauge!(s.base),
    resize: (s, p, old, size) => base.resize!(s.base, p, old, size),
    owns: (s, p) => base.owns!(s.base, p),
    sizeOf: (s, p) => base.sizeOf!(s.base, p),
    reset: (s) => base.reset!(s.base),
    goodSize: base.goodSize,
    maxAlign: base.maxAlign,
    mark: (s) => base.mark!(s.base),
    rewind: (s, m) => base.rewind!(s.base, m),
    sites: (s) => base.sites!(s.base),
    verify: (s) => base.verify!(s.base),
    pristine: base.pristine,
    divisible: base.divisible,
    window: (s) => base.window!(s.base),
  } as Layer<{ base: S }>;
  return Object.fromEntries(names.filter((name) => base[name] !== undefined).map((name) => [name, all[name]]));
}

/** The capabilities among `names` that `base` has, for a layer that passes them on unchanged and shares its state. */
export function share<S>(base: Layer<S>, ...names: Passable[]): Passed<S> {
  return Object.fromEntries(names.filter((name) => base[name] !== undefined).map((name) => [name, base[name]]));
}

/**
 * Turns specialising off or on for the layers composed from now on, and returns what it was. Off is for coverage, which
 * does not see generated code, and for stepping through a layer's source; on is the default.
 */
export function specialise(on: boolean): boolean {
  if (typeof on !== "boolean") throw new TypeError(`Cannot switch specialising: expected a boolean, got ${show(on)}`);
  const before = specialising;
  specialising = on;
  return before;
}

/** How a layer came to be, or undefined for one that was not made by a combinator. */
export function inspect(layer: AnyLayer): Instance | undefined {
  return instanceOf.get(layer);
}

/** Whether a value is a layer: has a heap and the four functions. */
export function isLayer(value: unknown): value is AnyLayer {
  const l = value as Partial<AnyLayer> | null | undefined;
  return typeof l === "object" && l !== null && typeof l.heap === "object" && typeof l.init === "function" &&
    typeof l.deinit === "function" && typeof l.get === "function" && typeof l.put === "function";
}

/**
 * A layer whose functions can be taken out of it: itself, or for a layer of somebody else's, whose functions may use
 * `this`, another around it, which lends no window: that may be a copy's of a layer with another `get`. A `TypeError`
 * if it is no layer.
 */
export function ownFunctions(base: AnyLayer): AnyLayer {
  if (instanceOf.has(base)) return base;
  if (!isLayer(base)) {
    throw new TypeError(`Cannot use as a layer: expected init, deinit, get and put, got ${show(base)}`);
  }
  return {
    heap: base.heap,
    init: (size) => base.init(size),
    deinit: (s) => base.deinit(s),
    get: (s, size, align) => base.get(s, size, align),
    put: (s, p, size) => base.put(s, p, size),
    ...(base.stateless && { stateless: true }),
    ...(base.parts && { parts: base.parts }),
    ...(base.gauge && { gauge: (s) => base.gauge!(s) }),
    ...(base.resize && { resize: (s, p, old, size) => base.resize!(s, p, old, size) }),
    ...(base.owns && { owns: (s, p) => base.owns!(s, p) }),
    ...(base.sizeOf && { sizeOf: (s, p) => base.sizeOf!(s, p) }),
    ...(base.reset && { reset: (s) => base.reset!(s) }),
    ...(base.goodSize && { goodSize: (size) => base.goodSize!(size) }),
    ...(base.maxAlign && { maxAlign: base.maxAlign }),
    ...(base.mark && { mark: (s) => base.mark!(s) }),
    ...(base.rewind && { rewind: (s, m) => base.rewind!(s, m) }),
    ...(base.sites && { sites: (s) => base.sites!(s) }),
    ...(base.verify && { verify: (s) => base.verify!(s) }),
    ...(base.counts && { counts: true }),
    ...(base.pristine && { pristine: true }),
    ...(base.divisible && { divisible: true }),
  };
}

/** What is wrong with what a factory made: mostly that it was given a heap for a layer, or a layer for a heap. */
function misfit(made: unknown, givenLayer: boolean): string {
  const parts = (typeof made === "object" ? made : null) as Record<string, unknown> | null;
  const lacking = ["heap", "init", "deinit", "get", "put"].filter((part) => parts?.[part] === undefined);
  if (givenLayer && isLayer(parts?.heap)) return "expected a heap as its first argument, got a layer";
  if (!givenLayer && parts !== null && lacking.join() === "heap") {
    return "expected a layer as its first argument, got a heap";
  }
  return `expected a layer from its factory, got ${show(made)} without ${lacking.join(", ")}`;
}

/** Calls the factory: a copy of its own for these arguments, or else itself. */
function instantiate(factory: Factory, names: Readonly<Record<string, unknown>>, args: unknown[]): AnyLayer {
  if (specialising) {
    try {
      return evaluate(factory, names)(...args);
    } catch {
      // No code can be generated here, or a tool has put names into it that it does not have elsewhere: the factory
      // itself works. Or the arguments are wrong, which it then says.
    }
  }
  return factory(...args);
}

function evaluate<F extends (...args: never[]) => unknown>(factory: F, names: Readonly<Record<string, unknown>>): F {
  if (factory as unknown !== pass && Object.values(names).includes(pass)) {
    names = { ...names, pass: evaluate(pass, {}) };
  }
  const source = String(factory);
  for (const name of Object.keys(names)) {
    // A minifier has renamed it in the source text, which therefore cannot be evaluated elsewhere
    const word = new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`);
    if (!word.test(source)) throw new ReferenceError(`${name} is not in the factory's source`);
  }
  const url = `region:${factory.name}.${++serial}`;
  const code = `"use strict"; return (${source})\n//# sourceURL=${url}`;
  return new Function(...Object.keys(names), code)(...Object.values(names));
}
