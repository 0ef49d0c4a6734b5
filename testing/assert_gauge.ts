/**
 * `assertGauge`: what a program has allocated is what it should have.
 *
 * @module
 */

import { Allocator, type AnyAllocator } from "../allocator.ts";
import { blame } from "../call_stack.ts";
import { show } from "../errors.ts";
import { formatCount, type Gauge } from "../gauge.ts";

/** A figure as it should be: a number, or a least and a most. */
export type Expected = number | readonly [least: number, most: number];

/** Some figures as they should be: those of a gauge, and what is live. */
export interface ExpectedGauge extends Partial<Record<keyof Gauge, Expected>> {
  /** Blocks that are out: calls of `get` less calls of `put`. */
  blocks?: Expected;
  /** Bytes that are out. */
  bytes?: Expected;
}

/** What {@linkcode assertGauge} throws. */
export class GaugeError extends Error {
  /** The figures that differ, as they are. */
  readonly actual: Readonly<Record<string, number>>;
  /** The figures that differ, as they should be. */
  readonly expected: Readonly<Record<string, Expected>>;

  /** Figures that differ, of so many. */
  constructor(differing: readonly (readonly [name: string, expected: Expected, actual: number])[], of: number) {
    const rows = [
      ["", "expected", "actual"],
      ...differing.map(([name, expected, actual]) => [name, format(expected), formatCount(actual)]),
    ];
    const [first, ...rest] = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
    const lines = rows.map(([name, ...cells]) =>
      `  ${name.padEnd(first)}  ${cells.map((cell, i) => cell.padStart(rest[i])).join("  ")}`
    );
    super(`Cannot accept the figures of a gauge: ${differing.length} of ${of} differ\n${lines.join("\n")}`);
    this.name = "GaugeError";
    this.actual = Object.fromEntries(differing.map(([name, , actual]) => [name, actual]));
    this.expected = Object.fromEntries(differing.map(([name, expected]) => [name, expected]));
  }
}

const NAMES = ["nalloc", "nfree", "szalloc", "szfree", "watermark", "blocks", "bytes"] as const;

/**
 * Throws a {@linkcode GaugeError} unless the figures of a gauge are as they should be. It lists all that differ.
 *
 * A `TypeError` if there are none to compare, or if one has another name than a gauge has figures, or is no number.
 *
 * @param measured A gauge, or an allocator that has one, open or closed
 * @param expected Each figure as a number or as `[least, most]`, in calls, blocks and bytes
 *
 * @example
 * ```ts
 * import { assertGauge } from "./assert_gauge.ts";
 * import { enter, general, init, stats, std } from "../mod.ts";
 *
 * const a = init(stats(general()));
 * enter(a, () => std.bytefree(std.bytealloc(100), 100));
 * assertGauge(a, { nalloc: 1, blocks: 0, watermark: [1, 1000] });
 * ```
 */
export function assertGauge(measured: AnyAllocator | Gauge, expected: ExpectedGauge): void {
  const gauge = measured instanceof Allocator ? measured.gauge() : measured;
  if (typeof gauge?.nalloc !== "number") {
    throw new TypeError(`Cannot assert a gauge: expected an allocator or a gauge, got ${show(measured)}`);
  }
  if (typeof expected !== "object" || expected === null || Object.keys(expected).length === 0) {
    throw new TypeError(`Cannot assert a gauge: expected figures to compare with, got ${showFigures(expected)}`);
  }
  const figures = {
    ...gauge,
    blocks: gauge.nalloc - gauge.nfree,
    bytes: gauge.szalloc - gauge.szfree,
  };
  for (const [name, value] of Object.entries(expected)) assertExpected(name, value);
  const names = NAMES.filter((name) => expected[name] !== undefined);
  const differing = names
    .map((name) => [name, expected[name]!, figures[name]] as const)
    .filter(([, expected, actual]) => !matches(expected, actual));
  if (differing.length === 0) return;
  const error = new GaugeError(differing, names.length);
  blame(error, assertGauge);
  throw error;
}

function matches(expected: Expected, actual: number): boolean {
  return typeof expected === "number" ? actual === expected : actual >= expected[0] && actual <= expected[1];
}

function assertExpected(name: string, value: unknown): void {
  if (!(NAMES as readonly string[]).includes(name)) {
    throw new TypeError(`Cannot assert a gauge: expected figures among ${NAMES.join(", ")}, got ${show(name)}`);
  }
  const [least, most] = Array.isArray(value) && value.length === 2 ? value : [value, value];
  if (typeof least !== "number" || typeof most !== "number") {
    throw new TypeError(
      `Cannot assert a gauge: ${name} must be a number or a least and a most, got ${show(value)}`,
    );
  }
  if (!(least <= most)) {
    throw new RangeError(`Cannot assert a gauge: ${name} must be from a least to a most, got ${least} to ${most}`);
  }
}

const showFigures = (value: unknown): string => typeof value === "object" && value !== null ? "none" : show(value);

function format(expected: Expected): string {
  return typeof expected === "number" ? formatCount(expected) : expected.map(formatCount).join(" to ");
}
