// Programs that write where they should not, past the library: through the views of the heap
import { heap, OverrunError, top, UnderrunError, WriteAfterFreeError } from "../../mod.ts";
import { bytealloc, bytefree, free, mk, ptr, realloc, slalloc, slfree, str, struct, u32 } from "../../std/mod.ts";
import { meanwhile, species } from "./animal.ts";

const SIZES = [1, 8, 24, 2048, 4096, 100_000];

const Node = struct({ value: u32, next: ptr });

const overrun = species(OverrunError, (base, debug) => debug(base));

for (const size of SIZES) {
  overrun(`a loop that goes a byte too far, of ${size}`, (bug) => {
    const buffer = bytealloc(size); // allocated
    for (let i = 0; bug ? i <= size : i < size; i++) heap.u8[buffer + i] = i & 255;
    bytefree(buffer, size); // found
  });
}

overrun("the zero at the end of a C string", (bug) => {
  const word = new TextEncoder().encode("region"), size = word.length + (bug ? 0 : 1);
  const text = bytealloc(size, 1); // allocated
  heap.u8.set(word, text);
  heap.u8[text + word.length] = 0;
  bytefree(text, size); // found
});

overrun("a word behind an array of words", (bug) => {
  const counts = bytealloc(4 * 6); // allocated
  for (let i = 0; i < 6; i++) heap.u32[(counts >>> 2) + i] = 0;
  heap.u32[(counts >>> 2) + (bug ? 6 : 5)] = 1;
  bytefree(counts, 4 * 6); // found
});

overrun("a word, some words behind the end", (bug) => {
  const header = bytealloc(8); // allocated
  heap.u32[(header + (bug ? 16 : 4)) >>> 2] = 0xdeadbeef;
  bytefree(header, 8); // found
});

overrun("a text longer than its field", (bug) => {
  const field = bytealloc(8); // allocated
  const name = new TextEncoder().encode("Wilhelmina");
  heap.u8.set(bug ? name : name.subarray(0, 8), field);
  bytefree(field, 8); // found
});

overrun("a list of nodes, by the next field of the one behind the last", (bug) => {
  const nodes = slalloc(Node, 10); // allocated
  for (let i = 0; i < 10; i++) heap.u32[(nodes.at(i) >>> 2) + 1] = 0;
  if (bug) heap.u32[((nodes.at(9) + Node.size) >>> 2) + 1] = nodes.ptr;
  slfree(nodes); // found
});

overrun("a string in upper case, with an ending", (bug) => {
  const name = str("config"); // allocated
  const ending = [46, 84, 83];
  for (let i = 0; i < name.len; i++) heap.u8[name.ptr + i] -= 32;
  if (bug) heap.u8.set(ending, name.ptr + name.len);
  slfree(name); // found
});

overrun("what a block had before it shrank", (bug) => {
  const log = realloc(bytealloc(100), 100, 20); // allocated
  heap.u8[log + (bug ? 20 : 19)] = 0;
  bytefree(log, 20); // found
});

overrun("a block that has grown", (bug) => {
  const log = realloc(bytealloc(100), 100, 5000); // allocated
  heap.u8[log + (bug ? 5000 : 4999)] = 0;
  bytefree(log, 5000); // found
});

overrun("a block, 10,000 operations ago", (bug) => {
  const session = bytealloc(24); // allocated
  heap.u8[session + (bug ? 24 : 23)] = 1;
  meanwhile();
  bytefree(session, 24); // found
});

overrun("seen by verify", (bug) => {
  const buffer = bytealloc(2048); // allocated
  heap.u8[buffer + (bug ? 2048 : 2047)] = 1;
  top().verify(); // found
  bytefree(buffer, 2048);
});

overrun("seen when the region is closed", (bug) => {
  const request = bytealloc(100), reply = bytealloc(31); // allocated
  heap.u8.fill(1, request, request + 100);
  heap.u8.fill(1, reply, reply + (bug ? 32 : 31));
}, { keeps: true });

overrun("of a block of no bytes", (bug) => {
  const empty = bytealloc(0); // allocated
  if (bug) heap.u8[empty] = 1;
  bytefree(empty, 0); // found
});

const underrun = species(UnderrunError, (base, debug) => debug(base));

for (const size of SIZES) {
  underrun(`a loop backwards that goes a byte too far, of ${size}`, (bug) => {
    const buffer = bytealloc(size); // allocated
    for (let i = size - 1; bug ? i >= -1 : i >= 0; i--) heap.u8[buffer + i] = i & 255;
    bytefree(buffer, size); // found
  });
}

underrun("a length in front of what was allocated", (bug) => {
  const block = bytealloc(4 + 20); // allocated
  const bytes = bug ? block : block + 4;
  heap.u32[(bytes - 4) >>> 2] = 20;
  bytefree(block, 4 + 20); // found
});

underrun("an empty stack's top", (bug) => {
  const stack = bytealloc(4 * 16); // allocated
  let depth = 0;
  if (!bug) heap.u32[(stack >>> 2) + depth++] = 1;
  heap.u32[(stack >>> 2) + depth - 1] = 2;
  bytefree(stack, 4 * 16); // found
});

underrun("a word, some words in front of the start", (bug) => {
  const page = bytealloc(4096); // allocated
  heap.u32[(page + (bug ? -12 : 0)) >>> 2] = 0xdeadbeef;
  bytefree(page, 4096); // found
});

underrun("10,000 operations ago, seen by verify", (bug) => {
  const session = bytealloc(24); // allocated
  heap.u8[session - (bug ? 1 : 0)] = 1;
  meanwhile();
  top().verify(); // found
  bytefree(session, 24);
});

underrun("spaces in front of a text that has none", (bug) => {
  const line = str(bug ? "x y" : " x y"); // allocated
  let at = line.ptr;
  while (heap.u8[at] !== 120) at++;
  heap.u8[at - 1] = 46;
  slfree(line); // found
});

const writeAfterFree = species(WriteAfterFreeError, (base, debug) => debug(base, { quarantine: 2 ** 24 }));

for (const size of SIZES) {
  writeAfterFree(`the first byte of ${size}`, (bug) => {
    const buffer = bytealloc(size); // allocated
    if (!bug) heap.u8[buffer] = 1;
    bytefree(buffer, size); // freed
    if (bug) heap.u8[buffer] = 1;
  });
  writeAfterFree(`the last byte of ${size}`, (bug) => {
    const buffer = bytealloc(size); // allocated
    if (!bug) heap.u8[buffer + size - 1] = 1;
    bytefree(buffer, size); // freed
    if (bug) heap.u8[buffer + size - 1] = 1;
    top().verify(); // found
  });
}

writeAfterFree("a view that somebody has kept", (bug) => {
  const buffer = bytealloc(100), view = heap.u8.subarray(buffer, buffer + 100); // allocated
  if (!bug) view.fill(1);
  bytefree(buffer, 100); // freed
  if (bug) view.fill(1);
});

writeAfterFree("a node that a list still has", (bug) => {
  const last = mk(Node, { value: 2, next: 0 }), first = mk(Node, { value: 1, next: last }); // allocated
  if (!bug) heap.u32[(last >>> 2) + 1] = first;
  free(Node, last); // freed
  if (bug) heap.u32[(heap.u32[(first >>> 2) + 1] >>> 2) + 1] = first;
  free(Node, first);
});

writeAfterFree("10,000 operations later", (bug) => {
  const session = bytealloc(24); // allocated
  bytefree(session, 24); // freed
  meanwhile();
  if (bug) heap.u32[session >>> 2] = 1;
  top().verify(); // found
});

writeAfterFree("10,000 operations ago", (bug) => {
  const session = bytealloc(24); // allocated
  if (!bug) heap.u32[(session >>> 2) + 5] = 1;
  bytefree(session, 24); // freed
  if (bug) heap.u32[(session >>> 2) + 5] = 1;
  meanwhile();
});

writeAfterFree("seen when the block leaves the quarantine", (bug) => {
  const session = bytealloc(24); // allocated
  bytefree(session, 24); // freed
  if (bug) heap.u8[session + 3] = 1;
  for (let i = 0; i < 100; i++) bytefree(bytealloc(1000), 1000); // found
  if (bug) throw new Error("100 KB have been freed since");
}, { tool: (base, debug) => debug(base, { quarantine: 10_000 }) });

writeAfterFree("the place that a block had before it was reallocated", (bug) => {
  const small = bytealloc(16), next = bytealloc(16); // allocated
  const large = realloc(small, 16, 100_000); // freed
  heap.u8[bug ? small : large] = 1;
  bytefree(large, 100_000);
  bytefree(next, 16);
});

writeAfterFree("by the slower of two tasks", async (bug) => {
  const shared = bytealloc(64), read = Promise.withResolvers<void>(); // allocated
  const reader = async () => {
    await null;
    bytefree(shared, 64); // freed
    read.resolve();
  };
  const writer = async () => {
    if (bug) await read.promise;
    heap.u8[shared + 10] = 1;
  };
  await Promise.all([reader(), writer()]);
});
