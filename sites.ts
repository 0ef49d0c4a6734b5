/**
 * Sites: the places in a program that blocks were allocated at, and how these print.
 *
 * @module
 */

import { type CallStack, framesOf } from "./call_stack.ts";
import { assertInteger, assertOptions, show } from "./errors.ts";
import { apart, formatFrame, formatFrames, formatGuests, type Frame } from "./frames.ts";
import { formatBytes, formatCount, plural } from "./gauge.ts";
import { advance, fraction } from "./mulberry32.ts";

/** Live blocks that were allocated at the same place. */
export interface Site {
  /** Number of blocks. An estimate where `sampled` is less. */
  readonly count: number;
  /** Bytes that were asked for. An estimate, likewise. */
  readonly bytes: number;
  /** Blocks of which the call stack has been looked at: `count`, unless it is an estimate. */
  readonly sampled: number;
  /**
   * The calls that led to the allocation, the user's innermost first, behind them what these had called in guests, the
   * innermost first. Empty where none was recorded.
   */
  readonly frames: readonly Frame[];
}

/** What is known of where a live block comes from. */
export interface Origin {
  /** Size in bytes, as it was asked for. */
  size: number;
  /** The call stack of its allocation. */
  readonly stack: CallStack;
  /** Number of blocks that it stands for: 1, unless it is a sample. */
  readonly weight: number;
}

/** Call stacks that are read for one report. As one takes some 200 microseconds, it would else take many seconds. */
const MOST_READ = 1000;

/**
 * Origins by where they are, those of the most bytes first. If there are very many, those that hold much are looked at
 * and a random choice of the others, and figures are estimates.
 *
 * @param depth Calls that tell a place from another, at most
 * @param skip Calls in files whose URL contains one of these are left out
 */
export function groupBySite(origins: readonly Origin[], depth: number, skip: readonly string[] = []): Site[] {
  const sites: Site[] = [];
  const look = ({ size, stack, weight }: Origin, times: number): void => {
    const count = weight * times;
    sites.push({ count, bytes: count * size, sampled: 1, frames: framesOf(stack, depth, skip) });
  };
  const bytes = origins.reduce((sum, { size, weight }) => sum + weight * size, 0), few = origins.length <= MOST_READ;
  const others = origins.filter((origin) => {
    const much = few || origin.weight * origin.size > 2 / MOST_READ * bytes;
    if (much) look(origin, 1);
    return !much;
  });
  // Of each of so many equal parts one, at random: what alternates would else be one of the two always
  const parts = Math.min(others.length, MOST_READ - (origins.length - others.length)), each = others.length / parts;
  for (let i = 0, x = 1; i < parts; i++) look(others[Math.floor((i + fraction(x = advance(x))) * each)], each);
  return mergeSites(sites);
}

/** Sites with the same calls as one, those of the most bytes first. Figures are rounded. */
export function mergeSites(sites: readonly Site[]): Site[] {
  const groups = new Map<string, Site[]>();
  for (const site of sites) {
    const key = keyOf(site.frames), group = groups.get(key);
    if (group === undefined) groups.set(key, [site]);
    else group.push(site);
  }
  return [...groups.values()]
    .map((group) => {
      const { count, bytes, sampled } = totalOf(group);
      return { count: Math.round(count), bytes: Math.round(bytes), sampled, frames: group[0].frames };
    })
    .sort((a, b) => b.bytes - a.bytes || b.count - a.count);
}

/** What tells a place from another: its calls. */
export function keyOf(frames: readonly Frame[]): string {
  return frames.map(formatFrame).join("\n");
}

/** How much of a list of sites is printed. */
export interface SiteFormat {
  /** Sites, at most; how many more there are is then told. Default: all. */
  sites?: number;
  /** Calls of each site, at most. Default: all. */
  frames?: number;
}

/**
 * Sites for people: each with what it is about and the calls that led to it. Sites with the same calls of JavaScript, from
 * which a guest has allocated in several ways, are shown as one, with the ways.
 *
 * @example
 * ```ts
 * import { formatSites } from "./sites.ts";
 *
 * const frames = [{ name: "parse", file: "file:///parser.ts", line: 42, column: 18 }];
 * formatSites([{ count: 2, bytes: 64, sampled: 2, frames }]);
 * // "  2 blocks, 64 B, allocated at\n    parse (file:///parser.ts:42:18)"
 * ```
 */
export function formatSites(sites: readonly Site[], options: SiteFormat = {}): string {
  if (!Array.isArray(sites) || !sites.every((site) => Array.isArray(site?.frames))) {
    throw new TypeError(`Cannot format as sites: expected an array of sites, got ${show(sites)}`);
  }
  assertOptions("format as sites", options);
  const { sites: most = Infinity, frames: calls = Infinity } = options;
  if (most !== Infinity) assertInteger("format as sites", "number of sites", most, 0, 2 ** 32);
  if (calls !== Infinity) assertInteger("format as sites", "number of frames", calls, 0, 2 ** 32);
  const lines: string[] = [], places = placesOf(sites, calls);
  for (const ways of places.slice(0, most)) {
    const frames = ways.length === 1 ? ways[0].frames : apart(ways[0].frames).calls;
    lines.push(`  ${amountOf(ways)}, allocated at`);
    if (ways[0].frames.length === 0) lines.push("    a place that was not recorded");
    lines.push(...formatFrames(frames, calls).map((line) => `    ${line}`));
    if (ways.length > 1) lines.push(...formatWays(ways, calls).map((line) => `    ${line}`));
  }
  const more = places.slice(most).flat();
  if (more.length > 0) {
    const { count, bytes } = totalOf(more);
    lines.push(
      `  and ${formatCount(count)} more, ${formatBytes(bytes)}, at ${plural(places.length - most, "other place")}`,
    );
  }
  return lines.join("\n");
}

function amountOf(sites: readonly Site[]): string {
  const { count, bytes, sampled } = totalOf(sites);
  return `${sampled < count ? "about " : ""}${plural(count, "block")}, ${formatBytes(bytes)}`;
}

/** Sites from which guests have allocated, together with those that differ in nothing that is shown but the calls in these. */
function placesOf(sites: readonly Site[], most: number): readonly (readonly Site[])[] {
  const places = new Map<unknown, Site[]>();
  for (const site of sites) {
    const { calls, guests } = apart(site.frames), together = guests.length > 0 && calls.length > 0;
    const key = together ? keyOf(calls.slice(0, most)) : site;
    const place = places.get(key);
    if (place === undefined) places.set(key, [site]);
    else place.push(site);
  }
  const together = [...places.values()];
  return places.size === sites.length ? together : together.sort((a, b) => totalOf(b).bytes - totalOf(a).bytes);
}

/** The ways that guests have allocated in, a line for each, those of the most bytes first. */
function formatWays(sites: readonly Site[], most: number): string[] {
  const ways = mergeSites(sites.map((site) => ({ ...site, frames: apart(site.frames).guests })));
  const lines = ways.slice(0, most).map((way) => {
    return `${amountOf([way])}, ${formatGuests(way.frames, most === Infinity).join(" <- ")}`;
  });
  if (ways.length > most) lines.push(`${amountOf(ways.slice(most))}, in ${plural(ways.length - most, "other way")}`);
  return lines;
}

/** The figures of some sites, taken together. */
export function totalOf(sites: readonly Site[]): Pick<Site, "count" | "bytes" | "sampled"> {
  const total = { count: 0, bytes: 0, sampled: 0 };
  for (const { count, bytes, sampled } of sites) {
    total.count += count;
    total.bytes += bytes;
    total.sampled += sampled;
  }
  return total;
}

/**
 * Which sites are meant to stay: a function that says so of a site, from patterns of which one matches the name of a
 * function or the file of one of its calls.
 *
 * @param patterns `fn:` and the name of a function, `file:` and a file, or either without; `*` stands for anything. A
 *   file may be given by its end: "cache.ts" is "https://example.com/src/cache.ts", too
 *
 * @example
 * ```ts
 * import { suppressing } from "./sites.ts";
 *
 * const meant = suppressing(["fn:intern*", "file:cache.ts"]);
 * const frames = [{ name: "internName", file: "file:///names.ts", line: 1, column: 1 }];
 * meant({ count: 1, bytes: 8, sampled: 1, frames });      // true
 * ```
 */
export function suppressing(patterns: readonly string[]): (site: Site) => boolean {
  if (!Array.isArray(patterns)) {
    throw new TypeError(`Cannot suppress sites: patterns must be an array of strings, got ${show(patterns)}`);
  }
  const tests = patterns.map((pattern) => {
    const [, kind, glob] = typeof pattern === "string" ? /^\s*(?:(fn|file):)?\s*(.*?)\s*$/s.exec(pattern)! : [];
    if (!glob) {
      throw new TypeError(
        `Cannot suppress sites: a pattern must be fn:NAME, file:FILE or either, got ${show(pattern)}`,
      );
    }
    const source = glob.split(/\*+/).map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*");
    const name = new RegExp(`^(?:.*[. ])?${source}(?: \\[as .*\\])?$`), file = new RegExp(`^(?:file:|.*/)?${source}$`);
    return (frame: Frame) =>
      kind !== "file" && name.test(frame.name) ||
      kind !== "fn" && (file.test(frame.file) || frame.module !== undefined && file.test(frame.module));
  });
  return ({ frames }) => frames.some((frame) => tests.some((test) => test(frame)));
}
