import { kingsley } from "../../layers/ready.ts";
import { type Contender, direct } from "../contender.ts";

export const contender: Contender = direct("`kingsley()`, called directly", kingsley(), true);
