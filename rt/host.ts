/**
 * What a program that runs has around it: arguments, environment, files, standard error. In Deno, Node and Bun; in Deno
 * without ever asking for a permission.
 *
 * @module
 */

/** Node's `process`, which Deno and Bun have, too. */
export interface Process {
  /** The runtime, the program, and what it was called with. */
  argv: string[];
  /** The environment. */
  env: Record<string, string | undefined>;
  /** The exit code, where it has been set. */
  exitCode?: number | string | null | undefined;
  /** Calls the listeners of an event. */
  emit(name: string, ...args: unknown[]): boolean;
  /** Adds a listener. */
  on(name: string, listener: (...args: unknown[]) => void): unknown;
  /** Number of listeners. */
  listenerCount(name: string): number;
  /** Whether there is one for errors that nobody has caught. */
  hasUncaughtExceptionCaptureCallback?(): boolean;
  /** Ends the program. */
  exit(code: number): never;
  /** A module of Node's. */
  getBuiltinModule?(id: string): unknown;
}

/** What is used of `Deno`. */
export interface DenoNamespace {
  /** The exit code, if nobody sets another. */
  exitCode: number;
  /** Ends the program. */
  exit(code?: number): never;
  /** What is permitted. */
  permissions: { querySync(what: Record<string, string>): { state: string } };
  /** Adds a test. */
  test?: { name: string };
}

interface Files {
  readFileSync(file: string, encoding: "utf8"): string;
  readFileSync(file: string): Uint8Array;
  writeFileSync(file: string, bytes: Uint8Array): void;
  statSync(file: string): { isDirectory(): boolean };
  writeSync(fd: number, bytes: Uint8Array): number;
}

interface Terminals {
  isatty(fd: number): boolean;
}

const host = globalThis as unknown as { process?: Process; Deno?: DenoNamespace };

/** Node's `process`, if there is one. */
export const process: Process | undefined = host.process;

/** `Deno`, if there is one. */
export const deno: DenoNamespace | undefined = host.Deno;

const files = process?.getBuiltinModule?.("node:fs") as Files | undefined;

/** What the program was called with. */
export function args(): string[] {
  return process?.argv.slice(2) ?? [];
}

/** How to run a program with the module at `url` loaded before it. */
export function commandFor(url: string, program?: string): string {
  if (deno !== undefined) return `deno run --preload ${url} ${program ?? "main.ts"}`;
  return `${"Bun" in globalThis ? "bun --preload" : "node --import"} ${url} ${program ?? "main.js"}`;
}

/** Whether a module is the program itself. */
export function isMain({ main, url }: { main?: boolean; url: string }): boolean {
  return main ?? decodeURI(url) === `file://${process?.argv[1]}`;
}

/** The value of an environment variable, or undefined if it has none, or may not be read. */
export function readEnv(variable: string): string | undefined {
  return mayReadEnv(variable) ? process?.env[variable] : undefined;
}

/** Whether an environment variable may be read. */
export function mayReadEnv(variable: string): boolean {
  return may({ name: "env", variable });
}

/** A file's text. Throws an `Error` whose message says in a line why it cannot be had. */
export function readText(file: string): string {
  return use("read", file, (files) => files.readFileSync(file, "utf8"));
}

/** A file's bytes. Throws an `Error` whose message says in a line why they cannot be had. */
export function readBytes(file: string): Uint8Array {
  return use("read", file, (files) => files.readFileSync(file));
}

/** Writes a file. Throws an `Error` whose message says in a line why that cannot be. */
export function writeBytes(file: string, bytes: Uint8Array): void {
  use("write", file, (files) => files.writeFileSync(file, bytes));
}

/** Whether there is a directory, as far as that may be known. */
export function isDirectory(file: string): boolean {
  try {
    return use("read", file, (files) => files.statSync(file).isDirectory());
  } catch {
    return false;
  }
}

/** Prints a line on the standard error, and returns when that is done. */
export function writeError(text: string): void {
  if (files === undefined) console.error(text);
  else write(2, text + "\n");
}

/** Prints a line on the standard output, and returns when that is done. */
export function writeOutput(text: string): void {
  if (files === undefined) console.log(text);
  else write(1, text + "\n");
}

/** Writes to a file descriptor, and returns when that is done. */
export function write(fd: 1 | 2, text: string): void {
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
    try {
      rest = rest.subarray(files!.writeSync(fd, rest));
    } catch (e) {
      if ((e as { code?: string }).code !== "EAGAIN") return; // nobody reads it any more
    }
  }
}

/** Whether somebody looks at a file descriptor in a terminal. */
export function isTerminal(fd: 0 | 1 | 2): boolean {
  return (process?.getBuiltinModule?.("node:tty") as Terminals | undefined)?.isatty(fd) ?? false;
}

/** Ends the program. */
export function exit(code: number): never {
  if (process === undefined) throw new Error(`the program ends with ${code}`);
  return process.exit(code);
}

/** Whether this is a worker of Deno's, which does not learn that it ends. */
export const inDenoWorker: boolean = deno !== undefined && "WorkerGlobalScope" in globalThis;

/** Whether the program is a file of tests that `deno test` runs. */
export const inTest: boolean = deno?.test !== undefined && deno.test.name !== "noopTest";

/** What is done to a file, or an `Error` that says why that cannot be. */
function use<T>(what: "read" | "write", file: string, f: (files: Files) => T): T {
  if (!may({ name: what, path: file })) throw new Error(`that takes --allow-${what}=${file}`);
  if (files === undefined) throw new Error("this runtime has no files");
  try {
    return f(files);
  } catch (e) {
    const known = REASONS[(e as { code?: string }).code ?? ""];
    throw known === undefined ? e : new Error(known[what] ?? known.read);
  }
}

const REASONS: Record<string, { read: string; write?: string }> = {
  ENOENT: { read: "there is no such file", write: "there is no such directory" },
  EISDIR: { read: "it is a directory" },
  EACCES: { read: "that is not permitted" },
};

/** Whether Deno permits something, which nobody is asked for. */
function may(what: Record<string, string>): boolean {
  return deno === undefined || deno.permissions.querySync(what).state === "granted";
}
