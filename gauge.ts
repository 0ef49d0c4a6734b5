/**
 * What a layer can tell about itself, and how that prints.
 *
 * @module
 */

import { show } from "./errors.ts";

/** The five figures of a layer that measures. `nalloc - nfree` blocks of `szalloc - szfree` bytes are out. */
export interface Gauge {
  /** Calls of `get` that were served. */
  readonly nalloc: number;
  /** Calls of `put`. */
  readonly nfree: number;
  /** Bytes asked for, in all. */
  readonly szalloc: number;
  /** Bytes given back, in all. */
  readonly szfree: number;
  /** Bytes out at the same time, at most. */
  readonly watermark: number;
}

/**
 * The figures in one line, for people.
 *
 * @example
 * ```ts
 * import { formatGauge } from "./gauge.ts";
 *
 * formatGauge({ nalloc: 3, nfree: 1, szalloc: 96, szfree: 32, watermark: 96 });
 * // "3 allocated, 1 freed; 96 B allocated, 32 B freed, peak 96 B; 2 live, 64 B"
 * ```
 */
export function formatGauge(g: Gauge): string {
  if (typeof g?.nalloc !== "number") throw new TypeError(`Cannot format as figures: expected a gauge, got ${show(g)}`);
  return `${formatCount(g.nalloc)} allocated, ${formatCount(g.nfree)} freed; ` +
    `${formatBytes(g.szalloc)} allocated, ${formatBytes(g.szfree)} freed, peak ${formatBytes(g.watermark)}; ` +
    `${formatCount(g.nalloc - g.nfree)} live, ${formatBytes(g.szalloc - g.szfree)}`;
}

/** A number of bytes for people: exact below 10,000, then with a binary unit and one decimal. */
export function formatBytes(bytes: number): string {
  if (typeof bytes !== "number") throw new TypeError(`Cannot format as bytes: expected a number, got ${show(bytes)}`);
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
  if (Math.abs(bytes) < 10_000) return `${formatCount(bytes)} B`;
  let unit = -1;
  while (Math.abs(bytes) >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${bytes.toFixed(1)} ${units[unit]}`;
}

/** Whether all that went out has come back. */
export function isClean({ nalloc, nfree, szalloc, szfree }: Gauge): boolean {
  return nalloc === nfree && szalloc === szfree;
}

/** A number of things, for people: "1 block", "1,234 blocks". */
export function plural(n: number, what: string): string {
  return `${formatCount(n)} ${what}${n === 1 ? "" : "s"}`;
}

/** An integer with its thousands set off, for people. */
export function formatCount(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}
