/**
 * How values in the heap print.
 *
 * @module
 */

import { MemoryError, UninitialisedError, UseAfterFreeError } from "../memory_errors.ts";

/** Elements that are printed at most. */
const MOST = 100;

/** A value as `console.log` shows it, more or less. */
export function print(value: unknown): string {
  if (value instanceof Unreadable) return value.why;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (Array.isArray(value)) return printList(value, value.length);
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value).map(([name, v]) => `${name}: ${print(v)}`).join(", ")} }`;
  }
  return String(value);
}

/** A value that must not be read. */
class Unreadable {
  constructor(readonly why: string) {}
}

/** What `f` returns; or, where a guard says that it must not be read, why: who prints a value wants to find that out. */
export function readable(f: () => unknown): unknown {
  try {
    return f();
  } catch (e) {
    if (!(e instanceof MemoryError)) throw e;
    if (e instanceof UninitialisedError) return new Unreadable("(not written)");
    return new Unreadable(e instanceof UseAfterFreeError ? "(freed)" : "(out of bounds)");
  }
}

/** The first 100 of `length` values, and how many more there are. */
export function printList(values: Iterable<unknown>, length: number): string {
  const shown: string[] = [];
  for (const value of values) {
    if (shown.length === MOST) {
      shown.push(`... ${length - MOST} more`);
      break;
    }
    shown.push(print(value));
  }
  return `[${shown.join(", ")}]`;
}
