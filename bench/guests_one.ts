/** What a program takes as a guest of each kind, and as it is, as JSON, in a process of its own: `guests_one.ts WORK [quick]`. */

import { type AnyLayer, check, enter, general, stats, trace } from "../mod.ts";
import { front } from "../rt/guest/front.ts";
import type { GuestOptions } from "../rt/mod.ts";
import type { ContenderName } from "./guests/contenders.ts";
import { type Program, works } from "./guests/programs.ts";
import { quantile } from "./report.ts";

/** What is told of a contender: nanoseconds an operation; the bytes of its memory in the end. */
export interface Measured {
  readonly ns: number;
  readonly memory: number;
}

interface Contender {
  /** None: the program as it is. */
  readonly options?: GuestOptions;
  /** Each sample is in a region of its own. */
  readonly arena?: boolean;
  /** It takes so long that fewer and smaller samples have to do. */
  readonly slow?: boolean;
}

const contenders: Readonly<Record<ContenderName, Contender>> = {
  own: {},
  replace: { options: { allocator: "replace" } },
  arena: { options: { allocator: "replace" }, arena: true },
  front: { options: { allocator: "replace", stack: ({ heap }) => front(general(heap)) } },
  general: { options: { allocator: "replace", stack: ({ heap }) => general(heap) } },
  imports: { options: { allocator: "imports" } },
  watch: { options: { allocator: "watch", stack: (bottom) => check(stats(bottom as Counted)) } },
  traced: { options: { allocator: "watch", stack: (bottom) => check(trace(stats(bottom as Counted))) }, slow: true },
};

// deno-lint-ignore no-explicit-any -- `stack` is given a layer of which nothing is known
type Counted = AnyLayer & any;

const [name, quick] = Deno.args, work = works[name];

class Runner {
  readonly name: string;
  readonly slow: boolean;
  readonly memory: WebAssembly.Memory;
  readonly #program: Program;
  readonly #arena: boolean;
  readonly #ops: number;
  #ns: number[] = [];

  constructor(name: string, program: Program, { slow = false, arena = false }: Contender) {
    this.name = name;
    this.slow = slow;
    this.memory = program.memory;
    this.#program = program;
    this.#arena = arena;
    this.#ops = slow || quick === "quick" ? work.few : work.ops;
  }

  /** Takes a sample; returns what came of it, by operation. */
  run(): number {
    const { guest, run } = this.#program, start = performance.now();
    const sum = this.#arena ? enter(guest!.arena(), () => run(this.#ops, true)) : run(this.#ops, false);
    this.#ns.push((performance.now() - start) * 1e6 / this.#ops);
    return sum;
  }

  reset(): void {
    this.#ns = [];
  }

  get ns(): number {
    return quantile(this.#ns, 0.1);
  }
}

const runners: Runner[] = [];
for (const [name, contender] of Object.entries(contenders)) {
  const { options } = contender;
  if (options?.allocator && !work.modes.includes(options.allocator)) continue;
  runners.push(new Runner(name, await work.load(options && { name, ...options }), contender));
}

const samples = quick === "quick" ? 2 : work.samples, warmup = quick === "quick" ? 0 : Math.ceil(work.samples / 4);
const sums = new Map<boolean, number>();
for (let r = -warmup; r < samples; r++) {
  if (r === 0) { for (const runner of runners) runner.reset(); }
  for (let i = 0; i < runners.length; i++) {
    const runner = runners[(i + r + warmup) % runners.length], { slow } = runner; // none is always after the same other
    if (slow && r % 4 !== 0) continue;
    const sum = runner.run();
    if (!sums.has(slow)) sums.set(slow, sum);
    if (sums.get(slow) !== sum) {
      throw new Error(`Cannot trust ${runner.name}: ${name} made ${sum}, not ${sums.get(slow)}`);
    }
  }
}
const measured: Record<string, Measured> = Object.fromEntries(
  runners.map(({ name, ns, memory }) => [name, { ns, memory: memory.buffer.byteLength }]),
);
console.log(JSON.stringify(measured));
