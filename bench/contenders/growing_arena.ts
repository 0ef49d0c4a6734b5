import { arena } from "../../layers/ready.ts";
import { type Contender, direct } from "../contender.ts";

export const contender: Contender = direct("`arena()`, called directly", arena(), false);
