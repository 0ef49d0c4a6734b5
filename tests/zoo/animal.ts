// The bug zoo: programs with one memory error each, as people write them. The same programs repaired are silent.
//
// A program is blamed at lines that have a mark at their end: `// allocated` and `// freed` are those of the block that
// the error is about, `// wrong` is the line that does what must not be done, `// found` the one that it is noticed at
// later on. The test reads the marks from the source, so lines can move.
import {
  type AllocatorOf,
  type AnyAllocator,
  type AnyLayer,
  bytealloc,
  bytefree,
  enter,
  enterAsync,
  type Frame,
  init,
} from "../../mod.ts";
import { parseCallStack } from "../../call_stack.ts";
import type { DebugOptions } from "../../layers/debug.ts";
import { random } from "../kit.ts";

/** What an animal may be, besides its program. */
interface Habits {
  /** What finds its error, if not what finds those of its species. */
  tool?: Tool;
  /** A part of the message. */
  says?: string | RegExp;
  /** Whether it never frees, as programs in an arena do: then also the repaired program is not asked to. */
  keeps?: boolean;
  /** Whether the block is of the ground region, which records call stacks under `shadow` only. */
  ofGround?: boolean;
}

/** A program with an error, if it is told so. */
export interface Animal extends Habits {
  readonly name: string;
  /** What its error is. */
  // deno-lint-ignore no-explicit-any
  readonly error: new (...args: any[]) => Error;
  readonly tool: Tool;
  /** Where it is in the source. */
  readonly file: string;
  readonly line: number;
  readonly body: Body;
}

/** Puts the layers that find an error over a base: with `debug`, or what finds all that it does. */
export type Tool = (base: AnyLayer, debug: (base: AnyLayer, options?: DebugOptions) => AnyLayer) => AnyLayer;

/** A program. `another` makes an allocator like that of the region that it runs in, which is fresh. */
export type Body = (bug: boolean, another: () => AnyAllocator) => void | Promise<void>;

/** All animals, in the order of their files. */
export const zoo: Animal[] = [];

/** What adds programs that all have the same error, which the same tool finds. */
export function species(
  error: Animal["error"],
  tool: Tool,
): (name: string, body: Body, habits?: Habits) => void {
  return (name, body, habits = {}) => {
    const { file, line } = parseCallStack(String(new Error().stack)).find((frame) => frame.file !== import.meta.url)!;
    zoo.push({ name: `${error.name}: ${name}`, error, tool, file, line, body, ...habits });
  };
}

/** Runs a program, with its error or repaired, in a region of a stack. */
export function run({ body }: Animal, stack: AnyLayer, bug: boolean): void | Promise<void> {
  const another = (): AllocatorOf<AnyLayer> => init(stack);
  if (body.constructor.name === "AsyncFunction") return enterAsync(another(), () => body(bug, another));
  return enter(another(), () => body(bug, another) as void);
}

/** What a line can have done. */
export type Mark = "allocated" | "freed" | "wrong" | "found";

const MARKED = /\/\/ ((?:(?:allocated|freed|wrong|found)(?:, )?)+)$/;

/** Lines with a mark, as `file:line`, by their marks: from the start of an animal to that of the next one in the file. */
export function marksOf({ file, line }: Animal): Partial<Record<Mark, string[]>> {
  const starts = zoo.filter((other) => other.file === file && other.line > line).map((other) => other.line);
  const marks: Partial<Record<Mark, string[]>> = {};
  sourceOf(file).slice(0, Math.min(...starts) - 1).forEach((text, i) => {
    const list = i + 1 < line ? undefined : MARKED.exec(text)?.[1].split(", ") as Mark[] | undefined;
    for (const mark of list ?? []) (marks[mark] ??= []).push(`${baseName(file)}:${i + 1}`);
  });
  return marks;
}

/** A call as `file:line`. */
export function lineOf(frame: Frame | undefined): string {
  return frame === undefined ? "nowhere" : `${baseName(frame.file)}:${frame.line}`;
}

function baseName(file: string): string {
  return file.replace(/^.*\//, "");
}

const sources = new Map<string, string[]>();

function sourceOf(file: string): string[] {
  let lines = sources.get(file);
  if (lines === undefined) sources.set(file, lines = Deno.readTextFileSync(new URL(file)).split("\n"));
  return lines;
}

const SIZES = [0, 1, 7, 8, 16, 24, 31, 40, 64, 100, 128, 200, 500, 1000, 2048, 4096];

/** What goes on in a program between an error and its consequences: blocks of many sizes that come and go. */
export function meanwhile(operations = 10_000): void {
  const pick = random(operations), out: [p: number, size: number][] = [];
  for (let i = 0; i < operations; i++) {
    if (out.length === 0 || out.length < 40 && pick(2) === 0) {
      const size = SIZES[pick(SIZES.length)];
      out.push([bytealloc(size), size]);
    } else {
      const [[p, size]] = out.splice(pick(out.length), 1);
      bytefree(p, size);
    }
  }
  for (const [p, size] of out) bytefree(p, size);
}
