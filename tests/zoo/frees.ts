// Programs that free what they should not, or not so
import { DoubleFreeError, ForeignFreeError, heap, InteriorFreeError, WrongSizeError } from "../../mod.ts";
import {
  alloc,
  array,
  bytealloc,
  bytefree,
  f64,
  free,
  htfree,
  htput,
  mk,
  mkht,
  mksb,
  ptr,
  realloc,
  sbfin,
  sbputs,
  slalloc,
  slfree,
  slice,
  slpush,
  str,
  string,
  struct,
  u32,
  u8,
} from "../../std/mod.ts";
import { meanwhile, species } from "./animal.ts";

const PAGES = [1, 8, 24, 2048, 4096, 100_000];

const Node = struct({ value: u32, next: ptr });
const Tree = struct({ left: ptr, right: ptr });
const Packet = struct({ kind: u8, length: u32, payload: array(u8, 32) });
const Circle = struct({ x: f64, y: f64, radius: f64 });
const Rect = struct({ x: f64, y: f64, width: f64, height: f64 });

const double = species(DoubleFreeError, (base, debug) => debug(base, { quarantine: 2 ** 24 }));

for (const size of PAGES) {
  double(`a block of ${size} bytes, at once`, (bug) => {
    const block = bytealloc(size); // allocated
    bytefree(block, size); // freed
    if (bug) bytefree(block, size); // wrong
  });
}

double("a buffer, at the end and in finally", (bug) => {
  const buffer = bytealloc(2048); // allocated
  try {
    heap.u8[buffer] = 1;
    if (bug) bytefree(buffer, 2048); // freed
  } finally {
    bytefree(buffer, 2048); // wrong
  }
});

double("a block, 10,000 operations later", (bug) => {
  const session = bytealloc(24); // allocated
  bytefree(session, 24); // freed
  meanwhile();
  if (bug) bytefree(session, 24); // wrong
});

double("the end that two lists share", (bug) => {
  const end = mk(Node, { value: 3, next: 0 }); // allocated
  const one = mk(Node, { value: 1, next: end }), two = mk(Node, { value: 2, next: bug ? end : 0 });
  for (const list of [one, two]) {
    for (let node = list; node !== 0;) {
      const next = heap.u32[(node >>> 2) + 1];
      free(Node, node); // freed, wrong
      node = next;
    }
  }
});

double("a leaf that is in a tree twice", (bug) => {
  const leaf = mk(Tree, { left: 0, right: 0 }); // allocated
  const root = mk(Tree, { left: leaf, right: bug ? leaf : 0 });
  const { left, right } = Tree.fields, children = [left.get(root), right.get(root)];
  for (const child of children) if (child !== 0) free(Tree, child); // freed, wrong
  free(Tree, root);
});

double("a slice, and its bytes", (bug) => {
  const primes = slalloc(u32, 10); // allocated
  const { ptr } = primes;
  slfree(primes); // freed
  if (bug) bytefree(ptr, 40); // wrong
});

double("a text that is the value of two keys", (bug) => {
  const names = mkht(string, ptr), ada = bytealloc(3); // allocated
  htput(names, "first", ada);
  htput(names, "last", bug ? ada : bytealloc(3));
  for (const [, name] of names) bytefree(name, 3); // freed, wrong
  htfree(names);
});

double("a block from before it was reallocated", (bug) => {
  const small = bytealloc(16), next = bytealloc(16); // allocated
  const large = realloc(small, 16, 100_000, 16); // freed
  if (bug) bytefree(small, 16); // wrong
  bytefree(large, 100_000);
  bytefree(next, 16);
});

double("a string, by the buffer's owner and by the string's", (bug) => {
  const sb = sbputs(mksb(), "hello"); // allocated
  const { ptr, cap } = sb.bytes, hello = sbfin(sb);
  slfree(hello); // freed
  if (bug) bytefree(ptr, cap); // wrong
});

double("a message, by sender and receiver", async (bug) => {
  const message = bytealloc(100), sent = Promise.withResolvers<void>(); // allocated
  const send = async () => {
    await null;
    bytefree(message, 100); // freed
    sent.resolve();
  };
  const receive = async () => {
    await sent.promise;
    if (bug) bytefree(message, 100); // wrong
  };
  await Promise.all([send(), receive()]);
});

const foreign = species(ForeignFreeError, (base, debug) => debug(base));

foreign("of another allocator", (bug, another) => {
  const pool = another(), block = pool.get(64); // allocated
  if (bug) bytefree(block, 64); // wrong
  else pool.put(block, 64);
  pool.deinit();
});

foreign("an index instead of an address", (bug) => {
  const table = slalloc(ptr, 4);
  table.set(3, bytealloc(24));
  bytefree(bug ? 3 : table.get(3), 24); // wrong
  slfree(table);
});

foreign("an address that no block has ever been at", (bug) => {
  const size = 8, block = bytealloc(size);
  bytefree(bug ? 2 ** 32 - 16 : block, size); // wrong
});

foreign("what another heap has there", (bug, another) => {
  const pages = heap.getPages(1);
  if (bug) bytefree(pages, 4096); // wrong
  another().deinit();
  heap.putPages(pages, 1);
});

const interior = species(InteriorFreeError, (base, debug) => debug(base));

for (const size of [2, 24, 2048, 4096, 100_000]) {
  interior(`the last byte of ${size}`, (bug) => {
    const block = bytealloc(size); // allocated
    bytefree(bug ? block + size - 1 : block, size); // wrong
  });
}

interior("where a loop has come to", (bug) => {
  const digits = bytealloc(10); // allocated
  let at = digits;
  for (let i = 0; i < 4; i++) heap.u8[at++] = 48 + i;
  bytefree(bug ? at : digits, 10); // wrong
});

interior("a payload instead of its packet", (bug) => {
  const packet = alloc(Packet); // allocated
  const payload = Packet.fields.payload.at(packet, 0);
  if (bug) bytefree(payload, 32); // wrong
  free(Packet, packet);
});

interior("the rest of a slice", (bug) => {
  const words = str("to be or not"); // allocated
  const rest = slice(words, 6);
  bytefree(bug ? rest.ptr : words.ptr, bug ? rest.len : words.len); // wrong
});

interior("a node of a block of nodes, 10,000 operations later", (bug) => {
  const nodes = slalloc(Node, 100); // allocated
  meanwhile();
  if (bug) free(Node, nodes.at(50)); // wrong
  slfree(nodes);
});

const wrongSize = species(WrongSizeError, (base, debug) => debug(base));

for (const size of PAGES) {
  wrongSize(`a byte less than ${size}`, (bug) => {
    const block = bytealloc(size); // allocated
    bytefree(block, bug ? size - 1 : size); // wrong
  });
  wrongSize(`a byte more than ${size}`, (bug) => {
    const block = bytealloc(size); // allocated
    bytefree(block, bug ? size + 1 : size); // wrong
  });
}

wrongSize("what it was before it grew", (bug) => {
  const text = realloc(bytealloc(100), 100, 5000); // allocated
  bytefree(text, bug ? 100 : 5000); // wrong
});

wrongSize("the elements of a slice, not its bytes", (bug) => {
  const primes = slalloc(u32, 50); // allocated
  bytefree(primes.ptr, bug ? primes.len : primes.len * 4); // wrong
});

wrongSize("the elements that a slice has, not what it has room for", (bug) => {
  const primes = slalloc(u32, 0);
  for (const p of [2, 3, 5]) slpush(primes, p); // allocated
  bytefree(primes.ptr, (bug ? primes.len : primes.cap) * 4); // wrong
});

wrongSize("the length of a text, not of its UTF-8", (bug) => {
  const word = "naïve", utf8 = str(word); // allocated
  bytefree(utf8.ptr, bug ? word.length : utf8.len); // wrong
});

wrongSize("a rectangle freed as a circle", (bug) => {
  const shape = mk(Rect, { x: 0, y: 0, width: 2, height: 1 }); // allocated
  if (bug) free(Circle, shape); // wrong
  free(Rect, shape);
});

wrongSize("reallocated from a size that it has not", (bug) => {
  const buffer = bytealloc(64); // allocated
  const larger = realloc(buffer, bug ? 32 : 64, 4096); // wrong
  bytefree(larger, 4096);
});

wrongSize("an array whose length has changed, 10,000 operations later", (bug) => {
  let length = 24;
  const items = bytealloc(length); // allocated
  if (bug) length++;
  meanwhile();
  bytefree(items, length); // wrong
});
