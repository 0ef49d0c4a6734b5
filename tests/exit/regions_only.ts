// Everything is allocated in a region of the program's own
import { bytealloc, chunk, enter, init, mmap } from "../../mod.ts";

enter(init(chunk(mmap(), 4096)), () => bytealloc(100));
