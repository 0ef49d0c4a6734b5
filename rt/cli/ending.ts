/**
 * What `run` of `cli.ts` tells of a program at its end.
 *
 * @module
 */

import { formatFrame, type Frame, framesOf, MOST_FRAMES } from "../../call_stack.ts";
import { formatBytes, formatCount } from "../../gauge.ts";
import { MemoryError } from "../../memory_errors.ts";
import type { Site } from "../../sites.ts";
import { plainly } from "./guest_calls.ts";
import type { StartUp } from "./startup.ts";
import type { Findings } from "../report.ts";

/** How a program has ended. */
export interface Ending {
  /** Its exit code. */
  readonly code: number;
  /** What it has been ended by, if it did not end by itself: mostly a trap. */
  readonly error?: unknown;
}

/** What there is to tell of a program. */
export interface Told {
  /** Its file. */
  readonly file: string;
  /** How it has ended. */
  readonly ending: Ending;
  /** How long it ran. */
  readonly seconds: number;
  /** What it has not freed. */
  readonly findings: Findings;
  /** What its C library keeps. */
  readonly startUp: StartUp;
  /** Size of its memory, in bytes. */
  readonly memory: { readonly before: number; readonly after: number };
  /** What served it. */
  readonly stack: string;
  /** Calls of `free` for what was no block. */
  readonly strays: number;
}

/** For people. */
export function textOf({ file, ending, seconds, findings, startUp, memory, strays }: Told): string {
  const { code, error } = ending, took = `after ${seconds.toFixed(2)} s`;
  const how = error === undefined ? `ended with exit code ${code} ${took}` : `was ended ${took} by ${describe(error)}`;
  const grown = memory.after > memory.before ? `, ${formatBytes(memory.before)} at its start` : "";
  const freed = strays === 0 ? "" : `Frees of what is no block: ${formatCount(strays)}, --stack=debug says of which`;
  const notes = [freed, String(startUp), `Memory: ${formatBytes(memory.after)}${grown}`].filter((line) => line !== "");
  return [`${file} ${how}`, findings.text, notes.join("\n")].filter((part) => part !== "").join("\n\n");
}

/** For programs. */
export function jsonOf(told: Told): unknown {
  const { file, ending, seconds, findings, startUp, memory, stack } = told;
  const { gauge, places, suppressed, damage, bad } = findings;
  return {
    file,
    exitCode: ending.code,
    ...ending.error !== undefined && { error: { message: messageOf(ending.error), frames: framesIn(ending.error) } },
    seconds: Math.round(seconds * 1e6) / 1e6,
    stack,
    bad,
    gauge,
    sites: places.map(siteOf),
    suppressed: suppressed.map(siteOf),
    ...damage !== undefined && { damage },
    startUp: { blocks: startUp.blocks, bytes: startUp.bytes },
    strays: told.strays,
    memory,
  };
}

const siteOf = ({ count, bytes, sampled, frames }: Site): Site => ({ count, bytes, sampled, frames });

/** An error with the calls that led to it. A `MemoryError` has them in its message. */
function describe(error: unknown): string {
  if (error instanceof MemoryError) return messageOf(error);
  return [messageOf(error), ...framesIn(error).map((frame) => `  ${formatFrame(frame)}`)].join("\n");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function framesIn(error: unknown): readonly Frame[] {
  return error instanceof Error ? plainly(framesOf(error, MOST_FRAMES)) : [];
}
