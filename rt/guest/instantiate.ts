/**
 * Making guests: of a binary, or of what a package's own JavaScript instantiates.
 *
 * @module
 */

import { assertFunction } from "../../errors.ts";
import { interposeBy } from "./by_glue.ts";
import type { Guest } from "./guest.ts";
import { checked, type GuestOptions, interpose, type Interposed } from "./interpose.ts";
import { callerOf } from "../symbols/symbols.ts";
import { bytesOf, WasmError } from "../wasm/bytes.ts";

/** The binary of a module, or the answer to a request for it. */
export type Source = BufferSource | Response | PromiseLike<BufferSource | Response>;

/**
 * Instantiates a WebAssembly module whose allocator is a Region stack, or is watched by one.
 *
 * `E` is the type of what it exports, for TypeScript to know its functions.
 *
 * Rejects with a `WasmError` if it is no module, or its allocator cannot be dealt with in that way; with a `TypeError` or
 * `RangeError` if the options are wrong, and with what instantiating it rejects with.
 *
 * @example
 * ```ts
 * import { guest } from "./instantiate.ts";
 *
 * // (module (memory (export "memory") 1) (func (export "malloc") ...) (func (export "free") ...))
 * const bytes = Uint8Array.of(
 *   0, 97, 115, 109, 1, 0, 0, 0, 1, 10, 2, 96, 1, 127, 1, 127, 96, 1, 127, 0, 3, 3, 2, 0, 1, 5, 3, 1, 0, 1, 7, 26, 3, 6,
 *   109, 101, 109, 111, 114, 121, 2, 0, 6, 109, 97, 108, 108, 111, 99, 0, 0, 4, 102, 114, 101, 101, 0, 1, 10, 10, 2, 5, 0,
 *   65, 128, 8, 11, 2, 0, 11,
 * );
 * const g = await guest<{ malloc(size: number): number }>(bytes, { allocator: "watch" });
 * g.exports.malloc(100);
 * console.log(g.gauge().szalloc); // 100
 * ```
 */
export async function guest<E extends object = WebAssembly.Exports>(
  source: Source,
  options: GuestOptions = {},
): Promise<Guest<E>> {
  checked(options);
  const { bytes, name } = await load(source);
  const plan = interpose(bytes, { ...(name !== undefined && { name }), ...options });
  return (await instantiate(plan, options.imports ?? {})).guest as unknown as Guest<E>;
}

/** What Emscripten's `Module.instantiateWasm` takes. */
export interface Hook {
  /** Called by Emscripten's JavaScript. */
  (imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void): object;
  /** The guest, once there is one; rejected if it cannot be made, of which that JavaScript does not learn. */
  readonly guest: Promise<Guest>;
}

/**
 * For modules that Emscripten's JavaScript instantiates, which tells what functions of a minified build are called, too: `await init({ instantiateWasm: hook })`, and `await hook.guest`.
 *
 * A hook is for one instance. What `guest` throws, `hook.guest` is rejected with.
 */
export function instantiateWasm(source: Source, options: GuestOptions = {}): Hook {
  checked(options);
  let resolve: (g: Guest | Promise<Guest>) => void;
  const made = new Promise<Guest>((done) => resolve = done);
  const hook = (
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ) => {
    const caller = callerOf();
    resolve((async () => {
      const { bytes, name } = await load(source);
      const plan = interposeBy(caller, bytes, { ...(name !== undefined && { name }), ...options });
      const { guest, module, instance } = await instantiate(plan, imports);
      receive(instance, module);
      return guest;
    })());
    return {};
  };
  return Object.assign(hook, { guest: made });
}

/**
 * Runs `f`, and makes a guest of every module with an allocator that is instantiated until the promise that `f` returns settles:
 * for packages whose JavaScript lets nobody else do that, and of a minified build tells what functions are called, if that file can be
 * read. Returns what `f` returned, and the guests. Modules without an
 * allocator are left as they are.
 *
 * Rejects as `f` does; with what `interpose` throws, if options are wrong; and with an `Error` if no guest was made, that
 * says why.
 *
 * @example
 * ```ts
 * import { intercept } from "./instantiate.ts";
 *
 * const bytes = Uint8Array.of(
 *   0, 97, 115, 109, 1, 0, 0, 0, 1, 10, 2, 96, 1, 127, 1, 127, 96, 1, 127, 0, 3, 3, 2, 0, 1, 5, 3, 1, 0, 1, 7, 26, 3, 6,
 *   109, 101, 109, 111, 114, 121, 2, 0, 6, 109, 97, 108, 108, 111, 99, 0, 0, 4, 102, 114, 101, 101, 0, 1, 10, 10, 2, 5, 0,
 *   65, 128, 8, 11, 2, 0, 11,
 * );
 * const [{ instance }, [g]] = await intercept({ allocator: "watch" }, () => WebAssembly.instantiate(bytes));
 * (instance.exports as { malloc(size: number): number }).malloc(100);
 * console.log(g.gauge().szalloc); // 100
 * ```
 */
export async function intercept<T>(
  options: GuestOptions,
  f: () => T | Promise<T>,
): Promise<[result: T, guests: Guest[]]> {
  assertFunction("intercept", "body", f);
  checked(options);
  if (intercepting) throw new Error("Cannot intercept: another interception has not ended");
  const guests: Guest[] = [], refusals: string[] = [];
  const plans = new WeakMap<WebAssembly.Module, Interposed>();
  const W = WebAssembly, before = { ...pick(W) };

  /** The plan for a binary, or undefined if it is to be left alone. */
  const planFor = (source: unknown): Interposed | undefined => {
    try {
      return interposeBy(callerOf(), bytesOf(source), options);
    } catch (e) {
      // Names are those of one module, which others do not have, or have for something else
      if (
        !(e instanceof WasmError ||
          (options.names !== undefined && (e instanceof RangeError || e instanceof TypeError)))
      ) throw e;
      refusals.push(e.message);
      return undefined;
    }
  };
  const attach = (plan: Interposed, module: WebAssembly.Module, imports: WebAssembly.Imports | undefined) => {
    const given = plan.imports(imports ?? {}), instance = new before.Instance(module, given);
    return received(plan, instance, given);
  };
  const received = (plan: Interposed, instance: WebAssembly.Instance, imports: WebAssembly.Imports) => {
    const g = plan.attach(instance, imports);
    guests.push(g);
    return facade(g);
  };
  const compiled = (plan: Interposed, module: WebAssembly.Module) => {
    plans.set(module, plan);
    return module;
  };
  const bytesFrom = async (response: Response | PromiseLike<Response>) =>
    new Uint8Array(await (await response).arrayBuffer());

  Object.assign(W, {
    async instantiate(source: BufferSource | WebAssembly.Module, imports?: WebAssembly.Imports) {
      if (source instanceof before.Module) {
        const plan = plans.get(source);
        if (plan === undefined) return before.instantiate(source, imports);
        const given = plan.imports(imports ?? {});
        return received(plan, await before.instantiate(source, given), given);
      }
      const plan = planFor(source);
      if (plan === undefined) return before.instantiate(source as BufferSource, imports);
      const given = plan.imports(imports ?? {}), { module, instance } = await before.instantiate(plan.bytes, given);
      return { module: compiled(plan, module), instance: received(plan, instance, given) };
    },
    async instantiateStreaming(response: Response | PromiseLike<Response>, imports?: WebAssembly.Imports) {
      return await W.instantiate(await bytesFrom(response), imports);
    },
    async compile(source: BufferSource) {
      const plan = planFor(source);
      return plan === undefined ? before.compile(source) : compiled(plan, await before.compile(plan.bytes));
    },
    async compileStreaming(response: Response | PromiseLike<Response>) {
      return await W.compile(await bytesFrom(response));
    },
    Module: new Proxy(before.Module, {
      construct(target, [source], newTarget) {
        const plan = planFor(source);
        if (plan === undefined) return Reflect.construct(target, [source], newTarget);
        return compiled(plan, Reflect.construct(target, [plan.bytes], newTarget));
      },
    }),
    Instance: new Proxy(before.Instance, {
      construct(target, [module, imports], newTarget) {
        const plan = plans.get(module);
        return plan === undefined
          ? Reflect.construct(target, [module, imports], newTarget)
          : attach(plan, module, imports);
      },
    }),
  });
  let result: T;
  intercepting = true;
  try {
    result = await f();
  } finally {
    Object.assign(W, before);
    intercepting = false;
  }
  if (guests.length === 0) {
    const why = refusals.length > 0 ? `: ${refusals.join("; ")}` : ", as none was instantiated";
    throw new Error(`Cannot intercept: no module became a guest${why}`);
  }
  return [result, guests];
}

let intercepting = false;

type Patched = Pick<
  typeof WebAssembly,
  "instantiate" | "instantiateStreaming" | "compile" | "compileStreaming" | "Module" | "Instance"
>;

function pick({ instantiate, instantiateStreaming, compile, compileStreaming, Module, Instance }: Patched): Patched {
  return { instantiate, instantiateStreaming, compile, compileStreaming, Module, Instance };
}

async function instantiate(
  plan: Interposed,
  imports: WebAssembly.Imports,
): Promise<{ guest: Guest; module: WebAssembly.Module; instance: WebAssembly.Instance }> {
  const given = plan.imports(imports), { module, instance } = await WebAssembly.instantiate(plan.bytes, given);
  const guest = plan.attach(instance, given);
  return { guest, module, instance: facade(guest) };
}

/** The instance for JavaScript that looks at all that is exported: as it was, without what was added. */
function facade({ exports }: Guest): WebAssembly.Instance {
  return Object.create(WebAssembly.Instance.prototype, { exports: { value: exports, enumerable: true } });
}

/** The bytes of a source, and its file's name where it has one. */
async function load(source: Source): Promise<{ bytes: Uint8Array<ArrayBuffer>; name?: string }> {
  if (source instanceof WebAssembly.Module) {
    throw new TypeError(
      "Cannot make a guest: expected the bytes of a module or a Response, got one that has been compiled",
    );
  }
  const given = await source;
  if (typeof Response === "undefined" || !(given instanceof Response)) return { bytes: bytesOf(given) };
  if (!given.ok) {
    throw new TypeError(`Cannot make a guest: the request for its module was answered with ${given.status}`);
  }
  const name = /([^/]+?)(?:\.wasm)?(?:[?#].*)?$/.exec(given.url)?.[1];
  return { bytes: new Uint8Array(await given.arrayBuffer()), ...(name !== undefined && { name }) };
}
