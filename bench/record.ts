/**
 * Records the logs in `logs/`: what three programs ask of their allocator, for the benchmark to replay.
 *
 * Run: `deno run -A bench/record.ts`
 */

import { bonwick, enter, init, mmap, std } from "../mod.ts";
import { fail, readArgs } from "../examples/cli.ts";
import { free as freeJson, parse, printBytes } from "../examples/json/json.ts";
import { log } from "../layers/log.ts";
import { parseLog } from "../testing/replay.ts";

const HELP = `
Records what three programs ask of their allocator, into bench/logs/: the same in every run.

usage: deno run -A bench/record.ts [--check]

  --check  write nothing, and complain if a log in bench/logs/ is not what would be written

programs:
  json     a JSON document is parsed, printed and freed
  trees    binary trees of growing depth are built and freed, one is kept meanwhile
  table    a hash table of strings: keys are inserted, looked up, deleted and inserted again
`;

/** Integers from 0 up to `n`, the same in every run. */
function random(seed: number): (n: number) => number {
  let x = seed;
  return (n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor(x / 2 ** 32 * n);
  };
}

const WORDS = 'region heap arena slab chunk page block free list bump grow kept größer память 記憶 null "quoted" a\\b'
  .split(" ");

/** Orders of a shop, as a JSON document of `orders` of them: about 370 bytes each. */
function orders(orders: number): Uint8Array {
  const pick = random(1);
  const words = (n: number) => Array.from({ length: n }, () => WORDS[pick(WORDS.length)]).join(" ");
  const order = (_: unknown, i: number) => ({
    id: 100_000 + i,
    customer: { name: words(2), mail: `user${pick(10_000)}@example.org`, vip: pick(8) === 0 },
    items: Array.from({ length: 1 + pick(4) }, () => ({ sku: `A-${pick(100_000)}`, price: pick(10_000) / 100 })),
    note: pick(3) === 0 ? words(3 + pick(30)) : null,
    tags: Array.from({ length: pick(4) }, () => words(1)),
  });
  return new TextEncoder().encode(
    JSON.stringify({ version: 1, orders: Array.from({ length: orders }, order) }, null, 1),
  );
}

function json(): void {
  const root = parse(orders(260));
  printBytes(root, 2);
  freeJson(root);
}

const Node = std.struct({ left: std.ptr, right: std.ptr });
const { left, right } = Node.fields;

/** A complete tree with `depth` levels below its root. */
function build(depth: number): number {
  const node = std.alloc(Node);
  left.set(node, depth === 0 ? 0 : build(depth - 1));
  right.set(node, depth === 0 ? 0 : build(depth - 1));
  return node;
}

function free(node: number): void {
  if (left.get(node) !== 0) {
    free(left.get(node));
    free(right.get(node));
  }
  std.free(Node, node);
}

function trees(): void {
  const most = 9, kept = build(most);
  for (let depth = 2; depth <= most; depth++) {
    for (let i = 0; i < 2 ** (most - depth); i++) free(build(depth));
  }
  free(kept);
}

function table(): void {
  const pick = random(2), t = std.mkht(std.string, std.i32);
  const key = (i: number) => `${WORDS[i % 12]}/${"x".repeat(i % 23)}${i}`;
  for (let i = 0; i < 4000; i++) {
    std.htput(t, key(i), i);
    if (i % 2 === 0) std.htget(t, key(pick(4000)));
    if (i % 3 === 0) std.htdel(t, key(pick(i)));
  }
  for (let i = 0; i < 4000; i += 2) std.htdel(t, key(i));
  for (let i = 0; i < 1500; i++) std.htput(t, key(pick(4000)), i);
  std.htfree(t);
}

/** What a program asks, in lines. */
function record(program: () => void): string {
  const lines: string[] = [];
  enter(init(log(bonwick(mmap()), (line) => lines.push(line))), program);
  return lines.join("\n") + "\n";
}

const { switches } = readArgs(HELP, [], 0, ["check"]);
const folder = new URL("logs/", import.meta.url);
if (!switches.has("check")) await Deno.mkdir(folder, { recursive: true });

for (const [name, program] of Object.entries({ json, trees, table })) {
  const text = record(program), { gets, puts, resizes, slots, peakLive } = parseLog(text);
  const file = new URL(`${name}.log`, folder);
  if (!switches.has("check")) await Deno.writeTextFile(file, text);
  else if (await Deno.readTextFile(file).catch(() => "") !== text) {
    fail(`logs/${name}.log is not what would be written, run bench/record.ts without --check`);
  }
  console.log(
    `logs/${name}.log: ${(text.length / 1024).toFixed(0)} KiB, ${gets} gets, ${puts} puts, ${resizes} resizes, ` +
      `at most ${slots} blocks of ${peakLive} bytes at a time`,
  );
}
