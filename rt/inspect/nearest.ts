/**
 * Names like the one that was asked for, for an error that says what there is.
 *
 * @module
 */

/** Up to `most` of `names`: those most like `name`, the best first. O(names x their length). */
export function nearest(name: string, names: readonly string[], most = 5): string[] {
  const rated = [...new Set(names)].map((candidate) => ({ candidate, score: likeness(name, candidate) }));
  return rated.sort((a, b) => b.score - a.score).slice(0, most).map(({ candidate }) => candidate);
}

/** Share of pairs of letters that two names have in common. */
function likeness(a: string, b: string): number {
  const one = pairs(a), other = pairs(b);
  let common = 0;
  for (const pair of one) if (other.has(pair)) common++;
  return 2 * common / (one.size + other.size);
}

function pairs(name: string): Set<string> {
  const text = ` ${name.slice(0, 100).toLowerCase()} `, set = new Set<string>();
  for (let i = 1; i < text.length; i++) set.add(text.slice(i - 1, i + 1));
  return set;
}
