/** One workload by one contender, in a process of its own: `deno bench one.ts -- WORKLOAD CONTENDER [quick]`. */

import { load } from "./contenders/mod.ts";
import { traffic } from "./traffic.ts";
import { roundOf } from "./workload.ts";
import { workloads } from "./workloads.ts";

const [workload, contender, quick] = Deno.args;
const round = roundOf({ ...traffic, ...workloads }[workload], await load(contender));

function checked(): void {
  const wrong = round!();
  if (wrong !== 0) throw new Error(`Cannot trust ${contender}: ${workload} went wrong ${wrong} times`);
}

const start = performance.now();
checked();
const took = performance.now() - start;
// What takes that long is not in need of a thousand samples
const few = quick !== undefined || took > 100, n = quick ? Math.ceil(50 / took) : 3;
Deno.bench(`${workload} ${contender}`, few ? { n, warmup: Math.ceil(n / 2) } : {}, checked);
