import { bonwick, mmap, stats } from "../../mod.ts";
import { type Contender, direct } from "../contender.ts";

export const contender: Contender = direct(
  "`stats(bonwick(mmap()))`, which the ground region is, called directly",
  stats(bonwick(mmap())),
  true,
);
