/**
 * Patience: when to give back what is kept for use again. Not a layer; those that keep memory have it in their state.
 *
 * A layer that gave all back whenever nothing is out would make a program that frees its last block and then gets
 * another pay for that each time. One that never did would keep the memory from everybody else. So it does so the first
 * time, and when that happens again, after it has let it pass once, then 3 times, 7, 15, 31, and 63 times from then on.
 *
 * @module
 */

/** What a layer's state has of it. Fresh: `{ patience: 0, penalty: 0 }`. */
export interface Patience {
  /** How many more times it is let pass. */
  patience: number;
  /** What `patience` was set to the last time. */
  penalty: number;
}

/** Counts one more time that nothing is out; true if all is to be given back now. */
export function losesPatience(s: Patience): boolean {
  if (s.patience-- > 0) return false;
  s.penalty = s.patience = Math.min(2 * s.penalty + 1, 63);
  return true;
}
