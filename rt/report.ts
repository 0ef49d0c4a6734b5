/**
 * What `leaks.ts` tells at the end of a program.
 *
 * @module
 */

import type { AnyAllocator } from "../allocator.ts";
import { formatFrame, leaveOut } from "../call_stack.ts";
import { formatBytes, formatGauge, type Gauge, isClean, plural } from "../gauge.ts";
import { formatOut } from "../layers/check.ts";
import { MemoryError } from "../memory_errors.ts";
import { formatSites, mergeSites, type Site, suppressing, totalOf } from "../sites.ts";
import { VARIABLE } from "./help.ts";
import type { Settings } from "./settings.ts";

/** What there is to tell. */
export interface Report {
  /** Text for people; "" if there is nothing to tell. */
  readonly text: string;
  /** Whether something is out that is not meant to stay, or is damaged. */
  readonly bad: boolean;
}

/**
 * What is out of the ground region `a`, and where it comes from.
 *
 * @param library URL of the `mod.ts` that belongs to it
 * @param unread Whether there may be settings that could not be read
 */
export function reportOn(a: AnyAllocator, settings: Settings, library: string, unread: boolean): Report {
  const { suppress, verbose, every, bytes } = settings, gauge: Gauge = a.gauge();
  const out = !isClean(gauge);
  const sites = out ? a.sites() : [], meant = suppressing(suppress);
  const suppressed = sites.filter(meant), places = merge(sites.filter((site) => !meant(site)), settings);
  const estimated = every > 1 || bytes > 0 || sites.some(({ count, sampled }) => sampled < count);
  // If the places are estimates, what they do not add up to may be of any place
  const leaks = out && (places.length > 0 || suppressed.length === 0);
  const damage = damageOf(a, settings.calls);
  const paragraphs: string[] = [], notes: string[] = [];

  if (leaks) {
    paragraphs.push(`Leaks at exit: ${formatOut(estimated ? gauge : without(gauge, suppressed))}`);
    if (places.length > 0) paragraphs.push(formatSites(places, { sites: settings.sites }));
    const reads = totalOf(sites).sampled;
    if (estimated && reads === 0) notes.push("Places: none of these blocks has been recorded; every=1 records all");
    else if (estimated) {
      notes.push(`Places: estimates from ${plural(reads, "recorded block")}; the first line counts all that are out`);
    }
  }
  if (damage !== undefined) paragraphs.push(`Damage at exit: ${damage}`);
  if (verbose) {
    if (gauge.nalloc === 0) {
      notes.push(
        `Leaks at exit: none, as no allocation was made through ${library} but in regions`,
        "A program that imports another copy of the library is not seen",
      );
    } else if (!leaks) notes.push("Leaks at exit: none");
    if (gauge.nalloc > 0) notes.push(`In all: ${formatGauge(gauge)}`);
  }
  if (suppressed.length > 0 && (verbose || leaks)) notes.push(`Suppressed: ${amountOf(suppressed)}`);
  for (const pattern of verbose ? suppress : []) {
    if (!sites.some(suppressing([pattern]))) notes.push(`Suppressed: nothing by ${pattern}`);
  }
  if (leaks || damage !== undefined) {
    if (unread) notes.push(`Settings: ${VARIABLE} was not read, --allow-env=${VARIABLE} would allow it`);
    if (places.length > settings.sites) notes.push(`All places, with all calls: ${VARIABLE}=all`);
  }
  if (notes.length > 0) paragraphs.push(notes.join("\n"));
  return { text: paragraphs.join("\n\n"), bad: leaks || damage !== undefined };
}

/** Places as they are to be printed: those that would look the same are one, and calls that are to be left out are. */
function merge(sites: readonly Site[], { calls, skip }: Settings): Site[] {
  return mergeSites(sites.map((site) => ({ ...site, frames: leaveOut(site.frames, skip).slice(0, calls) })));
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
function damageOf(a: AnyAllocator, calls: number): string | undefined {
  if (a.layer.verify === undefined) return undefined;
  try {
    a.verify();
  } catch (e) {
    if (!(e instanceof MemoryError)) return String(e);
    // Not where it is found, which is here
    const [what] = e.message.split("\n"), lines = [`${e.name}: ${what}`];
    for (const [heading, frames] of [["allocated at", e.allocated], ["freed at", e.freed]] as const) {
      if (frames.length > 0) lines.push(heading, ...frames.slice(0, calls).map((frame) => `  ${formatFrame(frame)}`));
    }
    return lines.join("\n  ");
  }
}
