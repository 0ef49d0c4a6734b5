/**
 * Stacks for people: their names, and what their layers have to tell.
 *
 * @module
 */

import { show } from "./errors.ts";
import { formatGauge } from "./gauge.ts";
import { type AnyLayer, inspect, type Instance, isLayer } from "./layer.ts";

/** A stack in one line, as in "stats(chunk(mmap, 4096))". */
export function nameOf(layer: AnyLayer): string {
  const made = inspect(layer);
  if (made === undefined) return "layer";
  const inside = [...made.base ? [made.base] : [], ...made.params].map((arg) => isLayer(arg) ? nameOf(arg) : show(arg));
  return made.name + (inside.length > 0 ? `(${inside.join(", ")})` : "");
}

/** The figures of a layer, where it has any, and its state is where it is looked for. */
function figuresOf(layer: AnyLayer, s: unknown): string {
  try {
    return layer.gauge ? formatGauge(layer.gauge(s)) : "";
  } catch {
    return "";
  }
}

/**
 * A stack and its state for people: a line for each layer, the topmost first, with its parameters and its figures.
 * Where a layer stands on several, each of these stacks follows, indented, behind its name.
 */
export function describe(layer: AnyLayer, state: unknown): string {
  if (!isLayer(layer)) throw new TypeError(`Cannot describe as a stack: expected a layer, got ${show(layer)}`);
  const rows = linesOf(layer, state, "", "");
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, figures]) => `${name.padEnd(width)}  ${figures}`.trimEnd()).join("\n");
}

/** Lines of a stack: names, behind `first` in the first line and `rest` in the others, and figures. */
function linesOf(layer: AnyLayer, state: unknown, first: string, rest: string): [name: string, figures: string][] {
  const { name, base, params }: Instance = inspect(layer) ?? { name: "layer", base: undefined, params: [] };
  const own = [name, ...params.filter((param) => !isLayer(param)).map(show)].join(" ");
  const lines: [string, string][] = [[first + own, layer.stateless ? "" : figuresOf(layer, state)]];
  const inside = state as Record<string, unknown> | undefined;
  if (layer.parts !== undefined) {
    for (const [field, part] of Object.entries(layer.parts)) {
      lines.push(...linesOf(part, inside?.[field], `${rest}  ${field}: `, `${rest}  ${" ".repeat(field.length)}  `));
    }
  } else if (base !== undefined) lines.push(...linesOf(base, layer.stateless ? state : inside?.base, rest, rest));
  return lines;
}
