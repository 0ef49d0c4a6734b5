import { bonwick, mmap } from "../../mod.ts";
import { type Contender, direct } from "../contender.ts";

export const contender: Contender = direct("`bonwick(mmap())`, called directly", bonwick(mmap()), true);
