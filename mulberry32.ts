/**
 * Ettinger's mulberry32: a small generator of numbers that look random, and are the same for the same seed.
 *
 * @module
 */

/** The state after `x`, which is a seed or a state: a 32-bit word. */
export function advance(x: number): number {
  return (x + 0x6d2b79f5) >>> 0;
}

/** The number of a state, from 0 up to 1. */
export function fraction(x: number): number {
  x = Math.imul(x ^ (x >>> 15), x | 1);
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
  return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
}
