/**
 * Colours in what a terminal shows.
 *
 * @module
 */

import { isTerminal, readEnv } from "../host.ts";

/** What lines begin with, and how they are shown. */
const STYLES: readonly [RegExp, style: number][] = [
  [/^Leaks at exit: none.*/gm, 32],
  [/^(?:Leaks|Damage) at exit: (?!none).*/gm, 31],
  [/^.* was ended after .*/gm, 31],
  [/^.* ended with exit code .*/gm, 1],
  [/^(?:In all|Start-up|Memory|Places|Suppressed|All places).*/gm, 2],
];

/** A report as it is shown on the standard error: with colours in a terminal, unless `NO_COLOR` is set. */
export function paint(text: string): string {
  if (!isTerminal(2) || readEnv("NO_COLOR")) return text;
  return STYLES.reduce((text, [what, style]) => text.replace(what, (line) => `\x1b[${style}m${line}\x1b[0m`), text);
}
