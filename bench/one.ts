/** One workload by one contender, in a process of its own: `deno bench one.ts -- WORKLOAD CONTENDER [quick]`. */

import { load } from "./contenders/mod.ts";
import { roundOf, workloads } from "./workloads.ts";

const [workload, contender, quick] = Deno.args;
const round = roundOf(workloads[workload], await load(contender));
if (round === undefined) throw new Error(`Cannot bench ${contender}: it is not up to ${workload}`);

function checked(): void {
  const wrong = round!();
  if (wrong !== 0) throw new Error(`Cannot trust ${contender}: ${workload} went wrong ${wrong} times`);
}

const start = performance.now();
checked();
// What takes that long is not in need of a thousand samples
const few = quick !== undefined || performance.now() - start > 100;
Deno.bench(`${workload} ${contender}`, few ? { n: 3, warmup: 1 } : {}, checked);
