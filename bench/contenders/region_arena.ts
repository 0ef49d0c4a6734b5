import { batch, chunk, mmap } from "../../mod.ts";
import { type Contender, inRegion } from "../contender.ts";

export const contender: Contender = inRegion(
  "`bytealloc` in a region of `chunk(batch(mmap()), 4096)`",
  chunk(batch(mmap()), 4096),
  false,
);
