/**
 * How the library says no: one grammar, "Cannot X: expected Y, got Z", and the checks that public entry points share.
 *
 * @module
 */

/** One past the largest size and address, in bytes: a heap has at most 4 GiB. */
export const ADDRESS_SPACE: number = 2 ** 32;

/** A value as an error message shows it: short, and telling `"4"` from `4`. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? value.slice(0, 40) + "..." : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return value.name ? `function ${value.name}` : "a function";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return `a ${value.constructor?.name || "object"}`;
  return String(value);
}

/**
 * Throws unless `value` is an integer of `least` to `most`: a `TypeError` if it is not a number at all, otherwise a
 * `RangeError`.
 *
 * @param action What could not be done, as in "allocate"
 * @param what What `value` is, with its unit, as in "size in bytes"
 */
export function assertInteger(action: string, what: string, value: unknown, least: number, most: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action}: ${what} must be a number, got ${show(value)}`);
  }
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`Cannot ${action}: ${what} must be an integer from ${least} to ${most}, got ${value}`);
  }
}

/** Throws unless `value` is a power of two from 1 to `most`. */
export function assertPowerOfTwo(action: string, what: string, value: unknown, most: number): void {
  assertInteger(action, what, value, 1, most);
  if (!Number.isInteger(Math.log2(value as number))) {
    throw new RangeError(`Cannot ${action}: ${what} must be a power of two, got ${value}`);
  }
}

/** Throws a `TypeError` unless `value` is an object, as options are. */
export function assertOptions(action: string, value: unknown): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new TypeError(`Cannot ${action}: options must be an object, got ${show(value)}`);
}

/** Throws a `TypeError` unless `value` is a function. */
export function assertFunction(action: string, what: string, value: unknown): void {
  if (typeof value !== "function") {
    throw new TypeError(`Cannot ${action}: ${what} must be a function, got ${show(value)}`);
  }
}
