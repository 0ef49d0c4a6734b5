import { batch, chunk, mmap } from "../../mod.ts";
import { type Contender, direct } from "../contender.ts";

export const contender: Contender = direct(
  "`chunk(batch(mmap()), 4096)`, called directly",
  chunk(batch(mmap()), 4096),
  false,
);
