import { general } from "../../layers/ready.ts";
import { type Contender, direct } from "../contender.ts";

export const contender: Contender = direct("`general()`, called directly", general(), true);
