/**
 * Call stacks: captured at once, which takes microseconds, and read only where somebody wants to see them.
 *
 * The calls that are the library's own are left out, wherever they are, as is what the runtime has under a program; what
 * is left begins with the user's line.
 *
 * @module
 */

import { apart, fewer, type Frame, parseCallStack } from "./frames.ts";

export { formatFrame, type Frame, parseCallStack } from "./frames.ts";

/** A call stack that nobody has read yet. */
export type CallStack = Error;

/**
 * Calls of the library that are captured besides those of the user: from `sbputb` there are eight to the first layer, and
 * from `trace` three down to here. The others are for the layers in between, and for `enter` further out.
 */
const WITHIN = 16;

/** Calls in guests that are captured besides, if there are guests: those of the user's JavaScript are further out. */
const IN_GUESTS = 256;

/** Calls that are recorded of a call stack where nobody says how many, those of the library not counted. */
export const USUAL_DEPTH = 8;

/** Calls that a captured stack has at most, those of the library not counted. */
export const MOST_FRAMES = 100;

let uncounted = WITHIN;

/**
 * The calls that are going on, up to `depth` of them not counting the library's own, of which there may be 16. Takes some
 * 5 microseconds, and until it is dropped 530 bytes and 40 for each call. Once there are guests, there may be 256 calls in
 * these besides, for 0.15 microseconds each.
 */
export function captureCallStack(depth: number): CallStack {
  const limit = Error.stackTraceLimit;
  Reflect.set(Error, "stackTraceLimit", depth + uncounted); // no assignment, which throws if a program has frozen Error
  const stack = new Error(); // here, as a function for it would be one more call
  Reflect.set(Error, "stackTraceLimit", limit);
  return stack;
}

/** Calls `f`, where errors have up to `most` calls. */
export function withStackLimit<T>(most: number, f: () => T): T {
  const limit = Error.stackTraceLimit;
  Reflect.set(Error, "stackTraceLimit", most);
  try {
    return f();
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit);
  }
}

/** Reads a call in a guest, from where it is in the binary, in bytes; undefined for code of the library's own. */
export type GuestReader = (offset: number) => Frame | undefined;

const guests = new Map<string, GuestReader>(), glue = new Set<string>();

/**
 * From now on, calls in a WebAssembly module whose name in its binary is `name` are those of a guest, in call stacks that
 * have not been read yet. Of several of the same name, the last is right.
 *
 * @param files Parts of URLs of JavaScript that belongs to the module: its calls come behind those of the user
 */
export function readGuest(name: string, reader: GuestReader, files: readonly string[] = []): void {
  guests.set(name, reader);
  for (const file of files) glue.add(file);
  uncounted = WITHIN + IN_GUESTS;
}

/**
 * The calls of a stack, the innermost first, `depth` at most. Those of the library and of the runtime are left out, and
 * those in files whose URL contains one of `skip`, unless there are no others. Takes some 200 microseconds the first time.
 *
 * Of a stack with calls in guests, these are behind the others, and not counted. What belongs to a guest, or has come in
 * a package of npm, is behind what the user has written.
 */
export function framesOf(stack: CallStack, depth: number, skip: readonly string[] = []): readonly Frame[] {
  let frames = framesRead.get(stack);
  if (frames === undefined) framesRead.set(stack, frames = read(stack));
  const own = frames.filter((frame) => !isLibrary(frame) && !isRuntime(frame));
  return fewer(own.length > 0 ? leaveOut(own, skip) : frames, depth);
}

/** Calls without those in files whose URL contains one of `skip`, unless there are no others. Those in guests are kept. */
export function leaveOut(frames: readonly Frame[], skip: readonly string[]): readonly Frame[] {
  const isLeft = ({ file, module }: Frame) => module === undefined && !skip.some((part) => file.includes(part));
  return frames.some(isLeft) ? frames.filter((frame) => frame.module !== undefined || isLeft(frame)) : frames;
}

/** Makes the stack of an error that of the call of a function, of which it then says nothing more. */
export function blame(error: unknown, of: (...args: never[]) => unknown): void {
  if (error instanceof Error && typeof Error.captureStackTrace === "function") Error.captureStackTrace(error, of);
}

const framesRead: WeakMap<CallStack, readonly Frame[]> = new WeakMap();

function read(stack: CallStack): readonly Frame[] {
  // The engine's own format, whatever a program has made of it
  const E = Error as { prepareStackTrace?: unknown }, prepare = E.prepareStackTrace;
  Reflect.set(E, "prepareStackTrace", undefined);
  try {
    return withGuests(parseCallStack(String(stack.stack)));
  } finally {
    Reflect.set(E, "prepareStackTrace", prepare);
  }
}

function withGuests(frames: readonly Frame[]): readonly Frame[] {
  if (guests.size === 0) return frames;
  let through = false;
  const known = frames.flatMap((frame) => {
    // V8 puts the module's name there, and behind it a hash of the binary
    const reader = guests.get(/^wasm:\/\/wasm\/(.+)-[\da-f]+$/.exec(frame.file)?.[1] ?? "");
    if (reader === undefined) return frame;
    through = true;
    return reader(frame.column) ?? [];
  });
  if (!through) return frames;
  const module = known.at(-1)?.module;
  if (module !== undefined && frames.length >= IN_GUESTS) {
    known.push({ name: "calls that were not recorded", file: "", line: 0, column: 0, module });
  }
  const { calls, guests: inside } = apart(known), users = calls.filter((call) => !isGlue(call));
  return [...users, ...calls.filter(isGlue), ...inside];
}

/** Files of packages of npm: in Node, and in Deno with and without a folder for them. */
const PACKAGE = /\/node_modules\/|\/npm\/[^/]+\/(?:@[^/]+\/)?[^/]+\/\d+\.\d+\.\d+[^/]*\//;

/** Whether a call is of what stands between a user and a guest. */
function isGlue({ file }: Frame): boolean {
  return PACKAGE.test(file) || [...glue].some((part) => file.includes(part));
}

/** Where the library lies, or undefined where it has been bundled with what uses it. */
const HOME: string | undefined = /^(.*\/)call_stack\.[jt]s$/.exec(import.meta.url)?.[1];

/** The files of the library, by their names relative to where it lies. */
const OWN: RegExp = new RegExp(
  "^(?:(?:layers|std|testing|rt)/.*|(?:allocator|call_stack|describe|errors|frames|gauge|heap|layer|memory_errors|mod|" +
    "mulberry32|out_of_memory|owners|pages|printable|region|sites))\\.[jt]s$",
);

/** Whether a call is of a function of the library, of a layer, for instance. */
function isLibrary({ file, module }: Frame): boolean {
  if (module !== undefined) return false;
  if (/^(?:wasm:\/\/wasm\/)?region:/.test(file)) return true; // a layer that has been specialised, or a module
  return HOME !== undefined && file.startsWith(HOME) && OWN.test(file.slice(HOME.length));
}

/** Whether a call is of what the runtime has under every program, or of what every program has, as `Array.map`. */
function isRuntime({ file, line, module }: Frame): boolean {
  if (module !== undefined) return false;
  if (file.startsWith("ext:") || file.startsWith("node:")) return true;
  return file === "native" || file === "[native code]" || line === 0 && /^(<anonymous>|index \d+)$/.test(file);
}
