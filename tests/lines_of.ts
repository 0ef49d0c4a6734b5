// What is out, and which lines of a test it comes from, for tests of guests, whose sites have calls of others in between
import type { Gauge } from "../gauge.ts";
import type { Site } from "../sites.ts";

/** What is out of what is measured. */
export function outOf(measured: { gauge(): Gauge }): { blocks: number; bytes: number } {
  const { nalloc, nfree, szalloc, szfree } = measured.gauge();
  return { blocks: nalloc - nfree, bytes: szalloc - szfree };
}

/**
 * How many blocks each line of the file at `url` has allocated, by its text, those of the most bytes first; what has no call in
 * that file as "elsewhere".
 */
export function linesOf({ sites }: { readonly sites: readonly Site[] }, url: string): Record<string, number> {
  const source = Deno.readTextFileSync(new URL(url)).split("\n");
  const counts: Record<string, { count: number; bytes: number }> = {};
  for (const { count, bytes, frames } of sites) {
    const frame = frames.find(({ file }) => file === url);
    const line = counts[frame === undefined ? "elsewhere" : source[frame.line - 1].trim()] ??= { count: 0, bytes: 0 };
    line.count += count;
    line.bytes += bytes;
  }
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b.bytes - a.bytes);
  return Object.fromEntries(sorted.map(([line, { count }]) => [line, count]));
}
