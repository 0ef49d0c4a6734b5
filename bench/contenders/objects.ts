import type { Contender } from "../contender.ts";

export const contender: Contender = {
  about: "plain JavaScript objects and typed arrays, left to the garbage collector",
};
