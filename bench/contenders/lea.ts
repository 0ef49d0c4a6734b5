import { lea } from "../../layers/ready.ts";
import { type Contender, direct } from "../contender.ts";

export const contender: Contender = direct("`lea()`, called directly", lea(), true);
