/** Puts random stacks on trial until time is up: `deno task fuzz --minutes=N`. What `compositions_test.ts` does, for longer. */

import { fail, progress, readArgs, readInteger } from "../examples/cli.ts";
import { tryRandomStack } from "./stacks.ts";

const HELP = `
deno task fuzz [--minutes=N] [--seed=N] [--stacks=N]

Composes random stacks of all layers and puts each on trial, in random programs, until time is up or one fails.

  --minutes=N  how long, 1 to 100000. Default 1
  --seed=N     the seed of the first stack, 0 to 4294967295; each that follows has the next. Default: another at each run
  --stacks=N   how many stacks at most. Default: as many as there is time for
`;

const PROGRAMS = 2, STEPS = 100; // of each stack

const { flags } = readArgs(HELP, ["minutes", "seed", "stacks"], 0);
const minutes = readInteger("--minutes", flags.minutes, 1, 1, 100_000);
const seed = readInteger("--seed", flags.seed, Math.floor(Math.random() * 2 ** 31), 0, 2 ** 32 - 1);
const most = readInteger("--stacks", flags.stacks, Infinity, 1, 2 ** 32);

const start = performance.now(), end = start + minutes * 60_000;
const names = new Set<string>(), line = progress();
let stacks = 0, failure = "";

while (failure === "" && stacks < most && performance.now() < end) {
  const next = (seed + stacks) % 2 ** 32;
  try {
    names.add(tryRandomStack(next, PROGRAMS, STEPS));
  } catch (e) {
    failure = `${messageOf(e)}\nTo see it again: deno task fuzz --seed=${next} --stacks=1`;
  }
  stacks++;
  const seconds = Math.round((performance.now() - start) / 1000);
  line.show(`${stacks} stacks, ${names.size} distinct, ${seconds} of ${minutes * 60} seconds`);
}
line.done();

console.log(
  `${stacks} stacks from seed ${seed} on, ${names.size} distinct, ${failure === "" ? "none fails" : "one fails"}`,
);
if (failure !== "") fail(failure);

/** Message of an error, and of what it was caused by where that says more. */
function messageOf(e: unknown): string {
  if (!(e instanceof Error)) return String(e);
  return e.name === "Error" && e.cause !== undefined ? `${e.message}: ${messageOf(e.cause)}` : e.message;
}
