/**
 * Call stacks: captured at once, which takes microseconds, and read only where somebody wants to see them.
 *
 * The calls that are the library's own are left out, wherever they are, as is what the runtime has under a program; what
 * is left begins with the user's line.
 *
 * @module
 */

/** A call that was going on. */
export interface Frame {
  /** The function as the engine calls it, as in "parse", "new Parser" or "Parser.next"; "" if it has no name. */
  readonly name: string;
  /** The file, as a URL mostly; of generated code, the file that generated it. */
  readonly file: string;
  /** Line in the file, from 1; 0 if it is not known, or WebAssembly. */
  readonly line: number;
  /** Column in the line, from 1; 0 if it is not known. Of WebAssembly, the offset in the module, in bytes. */
  readonly column: number;
}

/** A call stack that nobody has read yet. */
export type CallStack = Error;

/**
 * Calls of the library that are captured besides those of the user: from `sbputb` there are eight to the first layer, and
 * from `trace` three down to here. The others are for the layers in between, and for `enter` further out.
 */
const WITHIN = 16;

/** Calls that are recorded of a call stack where nobody says how many, those of the library not counted. */
export const USUAL_DEPTH = 8;

/** Calls that a captured stack has at most, those of the library not counted. */
export const MOST_FRAMES = 100;

/**
 * The calls that are going on, up to `depth` of them not counting the library's own, of which there may be 16. Takes some
 * 5 microseconds, and until it is dropped 530 bytes and 40 for each call.
 */
export function captureCallStack(depth: number): CallStack {
  const limit = Error.stackTraceLimit;
  Reflect.set(Error, "stackTraceLimit", depth + WITHIN); // no assignment, which throws if a program has frozen Error
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

/**
 * The calls of a stack, the innermost first, `depth` at most. Those of the library and of the runtime are left out, and
 * those in files whose URL contains one of `skip`, unless there are no others. Takes some 200 microseconds the first time.
 */
export function framesOf(stack: CallStack, depth: number, skip: readonly string[] = []): readonly Frame[] {
  let frames = framesRead.get(stack);
  if (frames === undefined) framesRead.set(stack, frames = read(stack));
  const own = frames.filter((frame) => !isLibrary(frame) && !isRuntime(frame));
  return (own.length > 0 ? leaveOut(own, skip) : frames).slice(0, depth);
}

/** Calls without those in files whose URL contains one of `skip`, unless there are no others. */
export function leaveOut(frames: readonly Frame[], skip: readonly string[]): readonly Frame[] {
  const others = frames.filter(({ file }) => !skip.some((part) => file.includes(part)));
  return others.length > 0 ? others : frames;
}

/** A call in a line, as engines write it: `parse (file:///parser.ts:42:18)`, `f (wasm://wasm/12ab34cd:0x1a2)`. */
export function formatFrame({ name, file, line, column }: Frame): string {
  const place = file + (line > 0 ? `:${line}:${column}` : column > 0 ? `:0x${column.toString(16)}` : "");
  return name === "" ? place : `${name} (${place})`;
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
    return parseCallStack(String(stack.stack));
  } finally {
    Reflect.set(E, "prepareStackTrace", prepare);
  }
}

/** How V8 writes a call: `at name (place)`, `at place`, either with `async` where it is waited for. */
const V8 = /^\s*at (?:async )?(?:(.*?) \((.*)\)|(.*))$/;
/** How the engines of Firefox and Safari write a call: `name@place`, where it is waited for as `async*name@place`. */
const OTHERS = /^(?:[a-z ]*\*)?(.*?)(?:\/?<)*@(.*:\d+:\d+|.*:wasm-function.*|\[.*)$/;

/** The calls in a text as the engines of Deno, Node and browsers write it. Lines that are none are skipped. */
export function parseCallStack(text: string): Frame[] {
  const frames: Frame[] = [];
  for (const row of text.split("\n")) {
    const [, name = "", place, alone] = V8.exec(row) ?? OTHERS.exec(row) ?? [];
    if (name || place || alone) frames.push(frameOf(name, place ?? alone));
  }
  return frames;
}

function frameOf(name: string, place: string): Frame {
  const wasm = /^(.*?):(wasm-function\[\d+\])(?::0x([\da-f]+))?$/.exec(place);
  if (wasm !== null) {
    const [, file, index, offset = "0"] = wasm;
    // Deno has no name for one without, and calls every one the 0th
    return { name: name === "<anonymous>" ? "" : name || index, file, line: 0, column: parseInt(offset, 16) };
  }
  // Of generated code, where it was generated: the innermost of what there is in parentheses
  const [, origin = place] = /^eval at .*\(([^()]*)\)/.exec(place) ?? [];
  const [, file = origin, line = 0, column = 0] = /^(.*?):(\d+):(\d+)$/.exec(origin) ?? [];
  return {
    name: name === "<anonymous>" ? "" : name,
    file: file.replace(/, <anonymous>$/, ""),
    line: Number(line),
    column: Number(column),
  };
}

/** Where the library lies, or undefined where it has been bundled with what uses it. */
const HOME: string | undefined = /^(.*\/)call_stack\.[jt]s$/.exec(import.meta.url)?.[1];

/** The files of the library, by their names relative to where it lies. */
const OWN: RegExp = new RegExp(
  "^(?:(?:layers|std|testing|rt)/.*|(?:allocator|call_stack|describe|errors|gauge|heap|layer|memory_errors|mod|" +
    "mulberry32|out_of_memory|owners|pages|printable|region|sites))\\.[jt]s$",
);

/** Whether a call is of a function of the library, of a layer, for instance. */
function isLibrary({ file }: Frame): boolean {
  if (file.startsWith("region:")) return true; // a layer that has been specialised
  return HOME !== undefined && file.startsWith(HOME) && OWN.test(file.slice(HOME.length));
}

/** Whether a call is of what the runtime has under every program, or of what every program has, as `Array.map`. */
function isRuntime({ file, line }: Frame): boolean {
  if (file.startsWith("ext:") || file.startsWith("node:")) return true;
  return file === "native" || file === "[native code]" || line === 0 && /^(<anonymous>|index \d+)$/.test(file);
}
