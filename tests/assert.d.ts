// deno-lint-ignore-file no-explicit-any
type Class<T> = abstract new (...args: any[]) => T;

export class AssertionError extends Error {}
export function assert(condition: unknown, message?: string): asserts condition;
export function assertEquals<T>(actual: T, expected: T, message?: string): void;
export function assertFalse(condition: unknown, message?: string): asserts condition is false;
export function assertGreater(actual: number, low: number, message?: string): void;
export function assertGreaterOrEqual(actual: number, low: number, message?: string): void;
export function assertInstanceOf<T>(actual: unknown, type: Class<T>, message?: string): asserts actual is T;
export function assertLess(actual: number, high: number, message?: string): void;
export function assertLessOrEqual(actual: number, high: number, message?: string): void;
export function assertMatch(actual: string, pattern: RegExp, message?: string): void;
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
export function assertNotStrictEquals<T>(actual: T, expected: T, message?: string): void;
export function assertRejects(f: () => PromiseLike<unknown>): Promise<unknown>;
export function assertRejects<E extends Error>(
  f: () => PromiseLike<unknown>,
  type: Class<E>,
  includes?: string,
): Promise<E>;
export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
export function assertStringIncludes(actual: string, expected: string, message?: string): void;
export function assertThrows(f: () => unknown): unknown;
export function assertThrows<E extends Error>(f: () => unknown, type: Class<E>, includes?: string): E;
export function fail(message?: string): never;
