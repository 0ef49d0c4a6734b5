/**
 * Puts the program under `shadow`, whose ground region it replaces: `deno test -A --preload tests/under_shadow.ts ...`.
 * Programs that are right stay silent under it.
 */

import { init } from "../allocator.ts";
import { bonwick } from "../layers/bonwick.ts";
import { shadow } from "../layers/shadow.ts";
import { stats } from "../layers/stats.ts";
import { mmap } from "../layers/system/mmap.ts";
import { replaceGround } from "../region.ts";

replaceGround(init(stats(shadow(bonwick(mmap())))));
