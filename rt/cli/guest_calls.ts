/**
 * Calls in a program that nothing but the runtime has called: shown as the calls of any program are, a line for each.
 *
 * @module
 */

import type { Frame } from "../../frames.ts";
import { mergeSites, type Site } from "../../sites.ts";
import type { Watched } from "../report.ts";
import { ENTRY_NAMES, languageOf } from "../abi/spellings.ts";

/** Calls as of a program that is no guest. */
export function plainly(frames: readonly Frame[]): readonly Frame[] {
  return frames.map(({ name, file, line, column }) => ({ name, file, line, column }));
}

/** The same, with sites that begin with the call of the allocator. */
export function asProgram(watched: Watched): Watched {
  return { ...watched, sites: () => mergeSites(watched.sites().map(shown)) };
}

function shown(site: Site): Site {
  const inner = site.frames.findIndex(({ name }) => !isAllocator(name));
  return { ...site, frames: plainly(site.frames.slice(Math.max(0, inner))) };
}

/** Whether a function is malloc, or one of its kind: where it was called is what matters. */
function isAllocator(name: string): boolean {
  return (ENTRY_NAMES as readonly string[]).includes(name) || languageOf(name) !== undefined;
}
