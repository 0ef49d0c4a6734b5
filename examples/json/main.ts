/**
 * Parses JSON files and prints them, or runs the JSON test suite. The trees live in a region.
 *
 * Run: `deno run -A examples/json/main.ts --suite`
 */

import { enter, init } from "../../mod.ts";
import { fail, progress, readArgs, readChoice, readInteger } from "../cli.ts";
import { free, parse, printBytes } from "./json.ts";
import { live, type Stack, STACKS } from "./stacks.ts";

const HELP = `
Parses JSON files, each in a region of its own, and prints them.

usage: deno run -A examples/json/main.ts [file...] [--indent=N] [--stack=NAME] [--stats]
       deno run -A examples/json/main.ts --suite [--stack=NAME]

  file          what to parse; "-", or none, is the standard input
  --indent=N    print a value a line, each level N spaces further in, 1 to 10 (default 0: all in one line)
  --stats       show each layer of the stack with its figures, on the standard error
  --suite       run the JSON test suite instead: every case must come out as it should, and nothing be live at the end
  --stack=NAME  what serves the regions (default cached):
                  cached   chunk(batch(stats(bigcache(stats(mmap())))), 32768)
                  arena    stats(chunk(stats(mmap()), 65536))
                  bonwick  stats(bonwick(stats(mmap()))), trees freed by hand
                  check    check(stats(bonwick(check(stats(mmap()))))), trees freed by hand
`;

const { words, flags, switches } = readArgs(HELP, ["indent", "stack"], Infinity, ["suite", "stats"]);
const indent = readInteger("--indent", flags.indent, 0, 0, 10);
const stack = readChoice("stack", flags.stack, STACKS);
const bar = progress();

if (switches.has("suite")) {
  if (words.length > 0) fail(`unexpected argument "${words[0]}", --suite takes no files`);
  const { runSuite } = await import("./suite.ts");
  const wrong = runSuite(stack, bar.show);
  bar.done();
  for (const problem of wrong) console.error(`error: ${problem}`);
  Deno.exit(wrong.length > 0 ? 1 : 0);
}

let failed = false;
for (const file of words.length > 0 ? words : ["-"]) {
  bar.show(`parsing ${file}`);
  try {
    const text = convert(await read(file), stack);
    bar.done();
    write(text);
    write(new TextEncoder().encode("\n"));
  } catch (e) {
    bar.done();
    if (e instanceof Deno.errors.BrokenPipe) break; // whoever reads this has seen enough
    console.error(
      `error: ${file === "-" ? "standard input" : file}: ${(e as Error).message.replace(/ \(os error .*/s, "")}`,
    );
    failed = true;
  }
}
Deno.exit(failed ? 1 : 0);

async function read(file: string): Promise<Uint8Array> {
  return file === "-"
    ? new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer())
    : await Deno.readFile(file);
}

function convert(bytes: Uint8Array, { layer, byHand }: Stack): Uint8Array {
  const allocator = init(layer);
  const text = enter(allocator, () => {
    const root = parse(bytes), text = printBytes(root, indent);
    if (byHand) free(root);
    return text;
  });
  if (switches.has("stats")) console.error(`${allocator}`);
  const { blocks, bytes: out } = live(allocator);
  if (blocks !== 0 || out !== 0) throw new Error(`${blocks} blocks of ${out} bytes are still live`);
  return text;
}

function write(bytes: Uint8Array): void {
  for (let n = 0; n < bytes.length;) n += Deno.stdout.writeSync(bytes.subarray(n));
}
