/**
 * Objects that `console.log` shows as `String` does.
 *
 * @module
 */

/** Makes `console.log` show what `toString` of a class says: in Deno, and in Node and Bun. */
export function printable(prototype: object): void {
  for (const inspect of ["Deno.customInspect", "nodejs.util.inspect.custom"]) {
    Object.defineProperty(prototype, Symbol.for(inspect), {
      value(this: object): string {
        return String(this);
      },
    });
  }
}
