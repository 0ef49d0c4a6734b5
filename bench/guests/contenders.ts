/** What programs are timed as, by their names. */

/** The name of one. */
export type ContenderName = "own" | "replace" | "arena" | "front" | "general" | "imports" | "watch" | "traced";

/** What they are. */
export const CONTENDERS: Readonly<Record<ContenderName, string>> = {
  own: "the program as it is, served by the allocator that it has",
  replace: "a guest whose allocator is replaced, by `front(coalesce(mmap(heap)))`",
  arena: "the same, each sample in a region of `guest.arena()`; where it can, it deletes nothing in the end",
  front: "likewise, by `front(general(heap))`",
  general: "likewise, by `general(heap)`: every call leaves the guest, as it does for any other stack without `front`",
  imports: "the program built without an allocator: it imports `malloc`",
  watch: "a guest whose allocator is watched, by `check(stats(bottom))`",
  traced: "likewise, by `check(trace(stats(bottom)))`: a call stack for each block",
};
