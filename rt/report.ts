/**
 * What `leaks.ts` and `cli.ts` tell at the end of a program.
 *
 * @module
 */

import type { AnyAllocator } from "../allocator.ts";
import { leaveOut } from "../call_stack.ts";
import { fewer, formatFrames } from "../frames.ts";
import { formatBytes, formatGauge, type Gauge, isClean, plural } from "../gauge.ts";
import { formatOut } from "../layers/check.ts";
import { MemoryError } from "../memory_errors.ts";
import { formatSites, mergeSites, type Site, suppressing, totalOf } from "../sites.ts";
import { type Settings, VARIABLE } from "./settings.ts";

/** What there is to tell. */
export interface Report {
  /** Text for people; "" if there is nothing to tell. */
  readonly text: string;
  /** Whether something is out that is not meant to stay, or is damaged. */
  readonly bad: boolean;
}

/** Something that has served a program, and knows what is out. */
export interface Watched {
  /** Its figures. */
  gauge(): Gauge;
  /** Where what is out was allocated; none where that was not recorded. */
  sites(): readonly Site[];
  /** Throws if it finds damage. Absent where it cannot look for any. */
  verify?(): void;
}

/** What a report says in words of its own. */
export interface Words {
  /** Lines for a program that has allocated nothing. */
  readonly nothing: readonly string[];
  /** How to have all places, with all calls. */
  readonly all: string;
  /** A line for what would make the report a better one, if there is something. */
  readonly hint?: string | undefined;
}

/** What there is to tell, and what it is made of. */
export interface Findings extends Report {
  /** The figures, less what is meant to stay, unless that is an estimate. */
  readonly gauge: Gauge;
  /** Where what is out comes from, merged as it would be printed. */
  readonly places: readonly Site[];
  /** Where what is meant to stay comes from. */
  readonly suppressed: readonly Site[];
  /** What has been done to a block, if something has. */
  readonly damage: string | undefined;
  /** Whether something is out that is not meant to stay. */
  readonly leaks: boolean;
}

/**
 * What is out of the ground region `a`, and where it comes from.
 *
 * @param library URL of the `mod.ts` that belongs to it
 * @param unread Whether there may be settings that could not be read
 */
export function reportOn(a: AnyAllocator, settings: Settings, library: string, unread: boolean): Report {
  const { text, bad } = reportOf(watchedOf(a), settings, {
    nothing: [
      `Leaks at exit: none, as no allocation was made through ${library} but in regions`,
      "A program that imports another copy of the library is not seen",
    ],
    all: `${VARIABLE}=all`,
    hint: unread ? `Settings: ${VARIABLE} was not read, --allow-env=${VARIABLE} would allow it` : undefined,
  });
  return { text, bad };
}

/** An allocator as something that can be reported on: what its stack cannot tell is nothing. */
export function watchedOf(a: AnyAllocator): Watched {
  return {
    gauge: () => a.gauge(),
    sites: () => a.layer.sites === undefined ? [] : a.sites(),
    ...(a.layer.verify && { verify: () => a.verify() }),
  };
}

/** What is out of something, and where it comes from. */
export function reportOf(a: Watched, settings: Settings<string>, words: Words): Findings {
  const { suppress, verbose, every, bytes } = settings, gauge = a.gauge();
  const out = !isClean(gauge);
  const sites = out ? a.sites() : [], meant = suppressing(suppress);
  const suppressed = sites.filter(meant), places = merge(sites.filter((site) => !meant(site)), settings);
  const estimated = every > 1 || bytes > 0 || sites.some(({ count, sampled }) => sampled < count);
  // If the places are estimates, what they do not add up to may be of any place
  const leaks = out && (places.length > 0 || suppressed.length === 0);
  const damage = damageOf(a, settings.calls), left = estimated ? gauge : without(gauge, suppressed);
  const paragraphs: string[] = [], notes: string[] = [];

  if (leaks) {
    paragraphs.push(`Leaks at exit: ${formatOut(left)}`);
    if (places.length > 0) paragraphs.push(formatSites(places, { sites: settings.sites, frames: settings.calls }));
    const reads = totalOf(sites).sampled;
    if (estimated && reads === 0) notes.push("Places: none of these blocks has been recorded; every=1 records all");
    else if (estimated) {
      notes.push(`Places: estimates from ${plural(reads, "recorded block")}; the first line counts all that are out`);
    }
  }
  if (damage !== undefined) paragraphs.push(`Damage at exit: ${damage}`);
  if (verbose) {
    if (gauge.nalloc === 0) notes.push(...words.nothing);
    else if (!leaks) notes.push("Leaks at exit: none");
    if (gauge.nalloc > 0) notes.push(`In all: ${formatGauge(gauge)}`);
  }
  if (suppressed.length > 0 && (verbose || leaks)) notes.push(`Suppressed: ${amountOf(suppressed)}`);
  for (const pattern of verbose ? suppress : []) {
    if (!sites.some(suppressing([pattern]))) notes.push(`Suppressed: nothing by ${pattern}`);
  }
  if (leaks || damage !== undefined) {
    if (words.hint !== undefined) notes.push(words.hint);
    if (places.length > settings.sites) notes.push(`All places, with all calls: ${words.all}`);
  }
  if (notes.length > 0) paragraphs.push(notes.join("\n"));
  return {
    text: paragraphs.join("\n\n"),
    bad: leaks || damage !== undefined,
    gauge: left,
    places,
    suppressed,
    damage,
    leaks,
  };
}

/** Places as they are to be printed: those that would look the same are one, and calls that are to be left out are. */
function merge(sites: readonly Site[], { calls, skip }: Settings<string>): Site[] {
  return mergeSites(sites.map((site) => ({ ...site, frames: fewer(leaveOut(site.frames, skip), calls) })));
}

/** Figures as they would be if what is at some sites had been freed. */
function without(gauge: Gauge, sites: readonly Site[]): Gauge {
  const { count, bytes } = totalOf(sites);
  return { ...gauge, nfree: gauge.nfree + count, szfree: gauge.szfree + bytes };
}

function amountOf(sites: readonly Site[]): string {
  const { count, bytes, sampled } = totalOf(sites), about = sampled < count ? "about " : "";
  return `${about}${plural(count, "block")}, ${formatBytes(bytes)}, at ${plural(sites.length, "place")}`;
}

/** What has been done to a block, if the stack can tell. */
function damageOf(a: Watched, calls: number): string | undefined {
  try {
    a.verify?.();
  } catch (e) {
    if (!(e instanceof MemoryError)) return String(e);
    // Not where it is found, which is here
    const [what] = e.message.split("\n"), lines = [`${e.name}: ${what}`];
    for (const [heading, frames] of [["allocated at", e.allocated], ["freed at", e.freed]] as const) {
      if (frames.length > 0) lines.push(heading, ...formatFrames(frames, calls).map((line) => `  ${line}`));
    }
    return lines.join("\n  ");
  }
}
