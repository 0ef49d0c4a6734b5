import { reap } from "../../layers/ready.ts";
import { type Contender, direct } from "../contender.ts";

export const contender: Contender = direct("`reap()`, called directly", reap(), true);
