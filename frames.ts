/**
 * Calls as reports show them: read from the text that an engine writes of a call stack, and written for people.
 *
 * A call in a guest, which is WebAssembly that has told what it is, has a name and a place there. Such calls are shown
 * behind those of JavaScript, of which the user's come first, in a line of their own.
 *
 * @module
 */

/** A call that was going on. */
export interface Frame {
  /** The function as the engine calls it, as in "parse", "new Parser" or "Parser.next"; "" if it has no name. */
  readonly name: string;
  /** The file, as a URL mostly; of generated code, the file that generated it; of a guest whose source is not known, its name. */
  readonly file: string;
  /** Line in the file, from 1; 0 if it is not known, or WebAssembly. */
  readonly line: number;
  /** Column in the line, from 1; 0 if it is not known. Of WebAssembly without a line, the offset in the module, in bytes. */
  readonly column: number;
  /** What the guest is called that it is a call in. Only calls in guests have it. */
  readonly module?: string;
}

/** How V8 writes a call in WebAssembly with a name, in which there may be anything. */
const WASM = /^\s*at (?:async )?(.*) \((wasm:\/\/.*)\)$/;
/** How V8 writes a call: `at name (place)`, `at place`, either with `async` where it is waited for. */
const V8 = /^\s*at (?:async )?(?:(.*?) \((.*)\)|(.*))$/;
/** How the engines of Firefox and Safari write a call: `name@place`, where it is waited for as `async*name@place`. */
const OTHERS = /^(?:[a-z ]*\*)?(.*?)(?:\/?<)*@(.*:\d+:\d+|.*:wasm-function.*|\[.*)$/;

/** The calls in a text as the engines of Deno, Node and browsers write it. Lines that are none are skipped. */
export function parseCallStack(text: string): Frame[] {
  const frames: Frame[] = [];
  for (const row of text.split("\n")) {
    const [, name = "", place, alone] = WASM.exec(row) ?? V8.exec(row) ?? OTHERS.exec(row) ?? [];
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

/** A file of a package where Deno keeps it, by the name and the version of the package. */
const CACHED = /^file:\/\/\/.*\/npm\/[^/]+\/((?:@[^/]+\/)?[^/]+)\/(\d+\.[^/]+)\//;

/**
 * A call in a line, as engines write it: `parse (file:///parser.ts:42:18)`, `f (wasm://wasm/12ab34cd:0x1a2)`; in a guest,
 * `f (sql-wasm:0x1a2)`, or `f (../src/main.c:170:3)` if its source is known. Of packages off npm, files are `npm:sql.js@1.16.0/dist/sql-wasm.js`.
 */
export function formatFrame({ name, file, line, column }: Frame): string {
  const place = file.replace(CACHED, "npm:$1@$2/") +
    (line > 0 ? `:${line}:${column}` : column > 0 ? `:0x${column.toString(16)}` : "");
  return name === "" ? place : place === "" ? name : `${name} (${place})`;
}

/** The calls of JavaScript among these, and those in guests. */
export function apart(
  frames: readonly Frame[],
): { readonly calls: readonly Frame[]; readonly guests: readonly Frame[] } {
  return {
    calls: frames.filter(({ module }) => module === undefined),
    guests: frames.filter(({ module }) => module !== undefined),
  };
}

/** No more than `most` calls of JavaScript, and all that are in guests. */
export function fewer(frames: readonly Frame[], most: number): readonly Frame[] {
  const { calls, guests } = apart(frames);
  return [...calls.slice(0, most), ...guests];
}

/** Of the calls in a guest, those at the inner and at the outer end that are shown where not all are. */
const INNER = 2, OUTER = 2;

/** Calls for people, in lines: at most `most` of JavaScript, then what they had called in guests, a line for each of these. */
export function formatFrames(frames: readonly Frame[], most: number = Infinity): string[] {
  const { calls, guests } = apart(frames);
  return [...calls.slice(0, most).map(formatFrame), ...formatGuests(guests, most === Infinity)];
}

/** Calls in guests: `in sql-wasm: sqlite3MemMalloc <- sqlite3Malloc <- ... 9 more ... <- sqlite3_step`. */
export function formatGuests(frames: readonly Frame[], all: boolean): string[] {
  const lines: string[] = [];
  for (let from = 0, to = 0; from < frames.length; from = to) {
    while (to < frames.length && frames[to].module === frames[from].module) to++;
    const names = frames.slice(from, to).map(inGuest), more = names.length - INNER - OUTER;
    if (!all && more > 1) names.splice(INNER, more, `... ${more} more ...`);
    lines.push(`in ${frames[from].module}: ${names.join(" <- ")}`);
  }
  return lines;
}

/** A call in a guest, whose name is told already: the file without its folder, or the offset if there is nothing else. */
function inGuest({ name, file, line, column }: Frame): string {
  const place = line > 0
    ? `${file.slice(file.lastIndexOf("/") + 1)}:${line}`
    : /^(function \d+)?$/.test(name)
    ? `0x${column.toString(16)}`
    : "";
  return place === "" ? name : name === "" ? place : `${name} (${place})`;
}
