// What is allocated in a region is the region's own matter; what escapes from it is not
import { bytealloc, chunk, enter, escape, init, mmap } from "../../mod.ts";

function longest(words: string[]): number {
  return enter(init(chunk(mmap(), 4096)), () => {
    const lengths = words.map((word) => bytealloc(word.length));
    return escape(() => bytealloc(lengths.length));
  });
}

longest(["a", "bb", "ccc"]);
