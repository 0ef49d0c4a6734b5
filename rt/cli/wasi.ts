/**
 * WASI, preview 1: what a command compiled for it imports, by `node:wasi` of the runtime, which Deno, Node and Bun have.
 *
 * The program has the standard streams, and besides what it is given: arguments, environment, directories. Node does not
 * promise that a program cannot reach other files.
 *
 * @module
 */

import { process } from "../host.ts";

/** What a program is given. */
export interface WasiOptions {
  /** Its arguments, its own name the first. */
  args: readonly string[];
  /** Its environment. */
  env: Readonly<Record<string, string>>;
  /** Directories by the names that they have in it. */
  dirs: Readonly<Record<string, string>>;
  /** The module that it imports functions of: one of {@linkcode WASI_MODULES}. */
  module: string;
  /** Is called before each of these, with what it is given. */
  before?(name: string, args: readonly unknown[]): void;
  /** Is called after each, with what it was given and has returned. */
  after?(name: string, args: readonly unknown[], result: unknown): void;
}

/** A program that can be run, once. */
export interface Wasi {
  /** What it imports. */
  readonly imports: WebAssembly.Imports;
  /** Runs an instance that has been given these. Its exit code. Throws what it traps with. */
  start(instance: WebAssembly.Instance): number;
}

/** What modules import from, with what `node:wasi` calls that. */
export const WASI_MODULES: Readonly<Record<string, string>> = {
  wasi_snapshot_preview1: "preview1",
  wasi_unstable: "unstable",
};

interface Host {
  wasiImport: Record<string, (...args: unknown[]) => unknown>;
  start(instance: WebAssembly.Instance): number | undefined;
}

/**
 * Makes what a program needs to be run. Throws an `Error` whose message is for the user if the runtime cannot, or a
 * directory is not there or may not be used.
 */
export function makeWasi({ args, env, dirs, module, before, after }: WasiOptions): Wasi {
  const host = withoutWarnings(() => {
    const node = process?.getBuiltinModule?.("node:wasi") as { WASI: new (options: unknown) => Host } | undefined;
    if (node === undefined) throw new Error("this runtime has no WASI");
    return new node.WASI({ version: WASI_MODULES[module], args, env, preopens: dirs, returnOnExit: true });
  });
  const functions: Record<string, (...args: unknown[]) => unknown> = {};
  for (const [name, f] of Object.entries(host.wasiImport)) {
    functions[name] = before === undefined && after === undefined ? f : (...args) => {
      before?.(name, args);
      const result = f(...args);
      after?.(name, args, result);
      return result;
    };
  }
  return {
    imports: { [module]: functions as WebAssembly.ModuleImports },
    start: (instance) => host.start(instance) ?? 0,
  };
}

/** The last character that a call of `fd_write` with these arguments writes; "" if it writes none. */
export function lastWritten(memory: WebAssembly.Memory, [, list, n]: readonly unknown[]): string {
  const view = new DataView(memory.buffer), at = (list as number) >>> 0;
  for (let i = (n as number) - 1; i >= 0; i--) {
    const p = view.getUint32(at + 8 * i, true), length = view.getUint32(at + 8 * i + 4, true);
    if (length > 0) return String.fromCharCode(view.getUint8(p + length - 1));
  }
  return "";
}

/** Calls `f` while nothing is said of what is experimental: Node says so of WASI. */
function withoutWarnings<T>(f: () => T): T {
  const host = process as { emitWarning?: unknown } | undefined;
  const warn = host?.emitWarning;
  if (host !== undefined) host.emitWarning = () => {};
  try {
    return f();
  } finally {
    if (host !== undefined) host.emitWarning = warn;
  }
}
