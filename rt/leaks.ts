/**
 * Shows, when a program ends, what it has allocated and not freed, with no change to the program. `--help` tells how.
 *
 * ```sh
 * deno run --preload <url>/rt/leaks.ts main.ts
 * node --import ./rt/leaks.js main.js
 * ```
 *
 * It puts a stack that records in place of the ground region, where a program allocates outside of regions of its own;
 * what these have is theirs, and goes with them. It has to be loaded first, and from where the program has the library
 * from: another copy, or version, has a ground region of its own.
 *
 * In place of `--preload`, a program can import this file before anything else.
 *
 * What guests allocate (`rt/mod.ts`) is in a report of its own for each.
 *
 * A worker is a program of its own, with a heap of its own. Node loads this in each. Deno loads it in none, and does not
 * tell a worker that it ends: there, a region with a `check` is what finds leaks.
 *
 * A program that ends by an error that nobody has caught shows that, and no report. A signal ends it without one, too.
 * In `deno test`, a file of tests whose ground region is not empty behind the last test fails; `leakFree` of
 * `testing/` says which test it was.
 *
 * Costs what `trace` does: some microseconds for an allocation, or with `every=1000` some nanoseconds. With `stack=debug` or
 * `shadow`, which record where a block is freed, too, it is some more.
 *
 * @module
 */

import { type AnyAllocator, init } from "../allocator.ts";
import { withStackLimit } from "../call_stack.ts";
import type { AnyLayer } from "../layer.ts";
import { bonwick } from "../layers/bonwick.ts";
import { debug } from "../layers/debug.ts";
import { through } from "../layers/pipe.ts";
import { shadow } from "../layers/shadow.ts";
import { stats } from "../layers/stats.ts";
import { mmap } from "../layers/system/mmap.ts";
import { trace } from "../layers/trace.ts";
import { ground, replaceGround } from "../region.ts";
import { atExit } from "./at_exit.ts";
import { help } from "./help.ts";
import {
  args,
  commandFor,
  exit,
  inDenoWorker,
  inTest,
  isMain,
  mayReadEnv,
  readEnv,
  readText,
  writeError,
} from "./host.ts";
import { reportOn } from "./report.ts";
import { parseSettings, type Settings, type StackName, VARIABLE } from "./settings.ts";

const STACKS: Record<StackName, (settings: Settings) => AnyLayer> = {
  check: ({ depth, every, bytes, skip }) => trace(stats(bonwick(mmap())), { depth, every, bytes, skip }),
  debug: ({ depth }) => stats(debug(bonwick(mmap()), { depth })),
  shadow: ({ depth }) => stats(shadow(bonwick(mmap()), { depth })),
};

/** What looks on at what a guest allocates, whatever serves it. Its accesses are not seen, hence no `shadow`. */
const OVER_GUESTS: Record<StackName, (base: AnyLayer, settings: Settings) => AnyLayer> = {
  check: (base, { depth, every, bytes, skip }) => trace(stats(base), { depth, every, bytes, skip }),
  debug: (base, { depth }) => stats(debug(base, { depth })),
  shadow: (base, { depth }) => stats(debug(base, { depth })),
};

const url: string = import.meta.url;

if (isMain(import.meta)) {
  const [first = "--help"] = args();
  if (first === "--help") print(help(url));
  else stop(`this runs no program, "${commandFor(url, first)}" does`);
} else watch(readSettings(), !mayReadEnv(VARIABLE));

/** Watches over the program that is about to start. */
function watch(settings: Settings, unread: boolean): void {
  if (settings.help) print(help(url));
  if (inDenoWorker) {
    throw new Error("Cannot watch over a worker: it does not learn that it ends, a region with check(...) in it does");
  }
  const { nalloc } = ground().gauge();
  if (nalloc > 0) stop(`${url} has to be loaded before the program, which has made ${nalloc} allocations already`);
  const a = init(STACKS[settings.stack](settings)) as AnyAllocator;
  a._escort = (outside) => OVER_GUESTS[settings.stack](through(outside), settings);
  replaceGround(a);
  atExit(() => {
    const library = new URL("../mod.ts", url).href;
    const reports = [a, ...a._companions].map((one) => reportOn(one, settings, library, unread));
    const text = reports.map(({ text }) => text).filter((text) => text !== "").join("\n\n");
    const bad = reports.some(({ bad }) => bad);
    if (bad && inTest && settings.exitcode !== 0) {
      throw failure(`${text}\nWhich test it is: leakFree of testing/mod.ts makes that test fail`);
    }
    if (text !== "") writeError(text);
    return bad ? settings.exitcode : 0;
  });
}

function readSettings(): Settings {
  try {
    return parseSettings(readEnv(VARIABLE) ?? "", readText);
  } catch (e) {
    stop(`${VARIABLE}: ${(e as Error).message}; ${VARIABLE}=help tells more`);
  }
}

/** What fails a file of tests, whose exit code is not its own. */
function failure(text: string): Error {
  return withStackLimit(0, () => new Error(text)); // the calls would be those of this file
}

function print(text: string): never {
  console.log(text);
  exit(0);
}

function stop(message: string): never {
  writeError(`error: ${message}`);
  exit(2);
}
