import { bonwick, mmap } from "../../mod.ts";
import { type Contender, inRegion } from "../contender.ts";

export const contender: Contender = inRegion(
  "`bytealloc` and `bytefree` in a region of `bonwick(mmap())`",
  bonwick(mmap()),
  true,
);
