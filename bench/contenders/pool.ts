import { pool } from "../../layers/ready.ts";
import { type Contender, direct } from "../contender.ts";

export const contender: Contender = {
  ...direct("`pool(64)`, called directly, for 64 bytes only", pool(64), true),
  size: 64,
};
