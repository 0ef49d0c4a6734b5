import { MemPool } from "npm:@thi.ng/malloc@6.1.150";
import type { Contender, Malloc } from "../contender.ts";

const buf = new ArrayBuffer(64 * 2 ** 20);
const pool = new MemPool({ buf, align: 16 });
const mempool: Malloc<null> = {
  heap: { u8: new Uint8Array(buf), u32: new Uint32Array(buf) },
  get: (_, size) => pool.malloc(size),
  put: (_, p) => {
    pool.free(p);
  },
};

export const contender: Contender = {
  about: "`MemPool` of npm:@thi.ng/malloc; its `free` looks for the block among those that are out",
  frees: true,
  closes: true,
  scope: (f) => {
    const result = f(mempool, null);
    pool.freeAll();
    return result;
  },
};
