// Programs that read and write through `std` what they should not: seen at the access itself
import { OutOfBoundsError, UninitialisedError, UseAfterFreeError } from "../../mod.ts";
import { shadow } from "../../layers/shadow.ts";
import {
  alloc,
  array,
  bytealloc,
  bytefree,
  f64,
  free,
  htfree,
  htget,
  htput,
  mk,
  mkht,
  ptr,
  realloc,
  slalloc,
  slcp,
  sldup,
  sleq,
  slfill,
  slfree,
  slgrow,
  slice,
  sljoin,
  slpush,
  str,
  streq,
  string,
  struct,
  text,
  u16,
  u32,
  u8,
  zalloc,
} from "../../std/mod.ts";
import { meanwhile, species } from "./animal.ts";

const SIZES = [1, 8, 24, 2048, 4096, 100_000];

const Node = struct({ value: u32, next: ptr });
const Point = struct({ x: f64, y: f64 });
const Header = struct({ kind: u8, length: u16 });
const Packet = struct({ kind: u8, length: u16, payload: array(u8, 32) });
const Page = struct({ used: u32, bytes: array(u8, 4092) });
const Line = struct({ from: Point, to: Point });

const use = species(UseAfterFreeError, (base) => shadow(base, { quarantine: 2 ** 24 }));

use("the next field of a node that the loop has freed", (bug) => {
  const { next } = Node.fields, list = mk(Node, { value: 1, next: 0 }); // allocated
  for (let node = list; node !== 0;) {
    const after = bug ? 0 : next.get(node);
    free(Node, node); // freed
    node = bug ? next.get(node) : after; // wrong
  }
});

use("a field that is set too late", (bug) => {
  const point = mk(Point, { x: 0, y: 0 }); // allocated
  if (!bug) Point.fields.y.set(point, 1);
  free(Point, point); // freed
  if (bug) Point.fields.y.set(point, 1); // wrong
});

for (const size of SIZES) {
  use(`the last byte of ${size}`, (bug) => {
    const bytes = slfill(slalloc(u8, size), 7), view = slice(bytes); // allocated
    if (!bug) view.get(size - 1);
    slfree(bytes); // freed
    if (bug) view.get(size - 1); // wrong
  });
}

use("an element that is set through a view", (bug) => {
  const counts = slfill(slalloc(u32, 512), 0), recent = slice(counts, 500); // allocated
  if (!bug) recent.set(0, 1);
  slfree(counts); // freed
  if (bug) recent.set(0, 1); // wrong
});

use("a view of a slice that has grown since", (bug) => {
  const words = slfill(slalloc(u32, 8), 1), other = bytealloc(8); // allocated
  const first = slice(words, 0, 1);
  slgrow(words, 50_000); // freed
  if (bug) first.get(0); // wrong
  slfree(words);
  bytefree(other, 8);
});

use("the text of a freed string", (bug) => {
  const line = str("key=value"), key = slice(line, 0, 3); // allocated
  const name = bug ? "" : text(key);
  slfree(line); // freed
  if (bug) text(key); // wrong
  return void name;
});

use("a freed string that is compared", (bug) => {
  const line = str("key=value"), value = slice(line, 4); // allocated
  if (!bug) streq(value, "value");
  slfree(line); // freed
  if (bug) streq(value, "value"); // wrong
});

use("a freed slice that is copied", (bug) => {
  const primes = slfill(slalloc(u32, 5), 2), view = slice(primes); // allocated
  if (!bug) slfree(sldup(view));
  slfree(primes); // freed
  if (bug) sldup(view); // wrong
});

use("a freed slice that is appended", (bug) => {
  const one = slfill(slalloc(u8, 3), 1), two = slfill(slalloc(u8, 100), 2), view = slice(two); // allocated
  if (!bug) sljoin(one, view);
  slfree(two); // freed
  if (bug) sljoin(one, view); // wrong
  slfree(one);
});

use("a freed slice that is copied over", (bug) => {
  const from = slfill(slalloc(u16, 30), 1), to = slfill(slalloc(u16, 30), 2), view = slice(to); // allocated
  if (!bug) slcp(view, from);
  slfree(to); // freed
  if (bug) slcp(view, from); // wrong
  slfree(from);
});

use("a freed slice that is filled", (bug) => {
  const board = slfill(slalloc(u8, 64), 0), row = slice(board, 8, 16); // allocated
  if (!bug) slfill(row, 1);
  slfree(board); // freed
  if (bug) slfill(row, 1); // wrong
});

use("a user whom a table still has", (bug) => {
  const users = mkht(string, ptr), ada = mk(Point, { x: 1, y: 2 }); // allocated
  htput(users, "Ada", ada);
  free(Point, ada); // freed
  const found = htget(users, "Ada", 0);
  if (bug) Point.fields.x.get(found); // wrong
  htfree(users);
});

use("a node from before its array was reallocated", (bug) => {
  const nodes = bytealloc(2 * Node.size), other = bytealloc(8), { value } = Node.fields; // allocated
  value.set(nodes, 1);
  const more = realloc(nodes, 2 * Node.size, 100_000); // freed
  value.get(bug ? nodes : more); // wrong
  bytefree(more, 100_000);
  bytefree(other, 8);
});

use("a page, at its last byte", (bug) => {
  const page = zalloc(Page), { bytes } = Page.fields; // allocated
  if (!bug) bytes.setAt(page, 4091, 1);
  free(Page, page); // freed
  if (bug) bytes.setAt(page, 4091, 1); // wrong
});

use("a struct as a whole", (bug) => {
  const line = mk(Line, { from: { x: 0, y: 0 }, to: { x: 1, y: 1 } }); // allocated
  if (!bug) Line.fields.to.get(line);
  free(Line, line); // freed
  if (bug) Line.fields.to.get(line); // wrong
});

use("a session, 10,000 operations later", (bug) => {
  const session = mk(Node, { value: 1, next: 0 }), { value } = Node.fields; // allocated
  if (!bug) value.set(session, 2);
  free(Node, session); // freed
  meanwhile();
  if (bug) value.set(session, 2); // wrong
});

use("by the slower of two tasks", async (bug) => {
  const shared = mk(Node, { value: 1, next: 0 }), closed = Promise.withResolvers<void>(); // allocated
  const closer = async () => {
    await null;
    free(Node, shared); // freed
    closed.resolve();
  };
  const counter = async () => {
    if (bug) await closed.promise;
    Node.fields.value.set(shared, 2); // wrong
  };
  await Promise.all([closer(), counter()]);
});

const beyond = species(OutOfBoundsError, (base) => shadow(base));

beyond("a field of a struct that has half of its bytes", (bug) => {
  const point = bytealloc(bug ? 8 : 16), { x, y } = Point.fields; // allocated
  x.set(point, 1);
  y.set(point, 2); // wrong
  bytefree(point, bug ? 8 : 16);
});

beyond("a header taken for a packet", (bug) => {
  const packet = alloc(bug ? Header : Packet), { kind, payload } = Packet.fields; // allocated
  kind.set(packet, 1);
  payload.setAt(packet, 0, 255); // wrong
  if (!bug) free(Packet, packet);
});

for (const size of [24, 2048, 4096, 100_000]) {
  beyond(`a word that ends a byte behind ${size}`, (bug) => {
    const Buffer = struct({ bytes: array(u8, size) }), { bytes } = Buffer.fields;
    const buffer = bytealloc(bug ? size - 1 : size); // allocated
    for (let i = 0; i < size - 1; i++) bytes.setAt(buffer, i, 0);
    bytes.setAt(buffer, size - 1, 1); // wrong
    bytefree(buffer, size);
  });
}

beyond("a payload that is shorter than the array", (bug) => {
  const length = bug ? 10 : 32, packet = bytealloc(Packet.fields.payload.offset + length); // allocated
  const { payload } = Packet.fields;
  for (let i = 0; i < length; i++) payload.setAt(packet, i, i);
  payload.getAt(packet, 10); // wrong
  bytefree(packet, payload.offset + length);
});

beyond("the point behind the last", (bug) => {
  const points = bytealloc(5 * Point.size), { x } = Point.fields; // allocated
  for (let i = 0; bug ? i <= 5 : i < 5; i++) x.set(points + i * Point.size, i); // wrong
  bytefree(points, 5 * Point.size);
});

beyond("the node in front of the first", (bug) => {
  const nodes = slalloc(Node, 3), { value } = Node.fields; // allocated
  for (let i = 2; bug ? i >= -1 : i >= 0; i--) value.set(nodes.ptr + i * Node.size, 1); // wrong
  slfree(nodes);
});

beyond("the next field of null", (bug) => {
  const { next } = Node.fields, list = mk(Node, { value: 1, next: 0 });
  const second = next.get(list);
  if (bug || second !== 0) next.get(second); // wrong
  free(Node, list);
});

beyond("an array of null", (bug) => {
  const { bytes } = Page.fields, page = bug ? 0 : zalloc(Page);
  bytes.getAt(page, 4000); // wrong
  if (!bug) free(Page, page);
});

beyond("an index taken for an address", (bug) => {
  const nodes = slfill(slalloc(Node, 10), { value: 0, next: 0 }), { value } = Node.fields;
  const at = bug ? 8 : nodes.at(8);
  value.set(at, 1); // wrong
  slfree(nodes);
});

beyond("an address behind all memory", (bug) => {
  const { value } = Node.fields, list = mk(Node, { value: 1, next: 0 });
  value.get(bug ? 2 ** 32 - 16 : list); // wrong
  free(Node, list);
});

beyond("a whole struct over a part of one", (bug) => {
  const half = bug ? zalloc(Point) : zalloc(Line), { to } = Line.fields; // allocated
  to.set(half, { x: 1, y: 1 }); // wrong
  if (!bug) free(Line, half);
});

beyond("a small block, 10,000 operations later", (bug) => {
  const session = bytealloc(bug ? 4 : 8), { value, next } = Node.fields; // allocated
  value.set(session, 1);
  meanwhile();
  next.set(session, 0); // wrong
  bytefree(session, 8);
});

const unset = species(UninitialisedError, (base) => shadow(base));

unset("a field that nobody has set", (bug) => {
  const node = alloc(Node), { value, next } = Node.fields; // allocated
  value.set(node, 1);
  if (!bug) next.set(node, 0);
  next.get(node); // wrong
  free(Node, node);
});

for (const size of SIZES) {
  unset(`the last byte of ${size}`, (bug) => {
    const bytes = slalloc(u8, size); // allocated
    for (let i = 0; i < (bug ? size - 1 : size); i++) bytes.set(i, i);
    bytes.get(size - 1); // wrong
    slfree(bytes);
  });
}

unset("a sum over more elements than were set", (bug) => {
  const counts = slalloc(u32, 10); // allocated
  for (let i = bug ? 1 : 0; i < 10; i++) counts.set(i, i);
  let sum = 0;
  for (const count of counts) sum += count; // wrong
  slfree(counts);
});

unset("the text of a fresh slice", (bug) => {
  const name = slalloc(u8, 16); // allocated
  if (!bug) slfill(name, 46);
  text(name); // wrong
  slfree(name);
});

unset("what a slice has grown by", (bug) => {
  const scores = slpush(slalloc(u32, 0), 7); // allocated
  slgrow(scores, 1000); // allocated
  if (!bug) slfill(slice(scores, 1), 0);
  scores.get(999); // wrong
  slfree(scores);
});

unset("what a block has grown by", (bug) => {
  const nodes = realloc(mk(Node, { value: 1, next: 0 }), Node.size, 100 * Node.size); // allocated
  const { value } = Node.fields, last = nodes + 99 * Node.size;
  if (!bug) value.set(last, 1);
  value.get(last); // wrong
  bytefree(nodes, 100 * Node.size);
});

unset("an array of which half is set", (bug) => {
  const packet = alloc(Packet), { payload } = Packet.fields; // allocated
  for (let i = 0; i < (bug ? 16 : 32); i++) payload.setAt(packet, i, i);
  payload.get(packet); // wrong
  free(Packet, packet);
});

unset("a struct in a struct", (bug) => {
  const line = alloc(Line), { from, to } = Line.fields; // allocated
  from.set(line, { x: 0, y: 0 });
  to.fields.x.set(line, 1);
  if (!bug) to.fields.y.set(line, 1);
  to.get(line); // wrong
  free(Line, line);
});

unset("a comparison with what is not set", (bug) => {
  const want = slfill(slalloc(u16, 20), 3), got = slalloc(u16, 20); // allocated
  for (let i = 0; i < (bug ? 19 : 20); i++) got.set(i, 3);
  sleq(want, got); // wrong
  slfree(want), slfree(got);
});

unset("what a freed block has left behind", (bug) => {
  const old = mk(Point, { x: 1, y: 2 });
  free(Point, old);
  const point = alloc(Point); // allocated
  if (!bug) Point.fields.y.set(point, 0);
  Point.fields.y.get(point); // wrong
  free(Point, point);
}, { tool: (base) => shadow(base, { quarantine: 0 }) });

unset("a session, 10,000 operations later", (bug) => {
  const session = alloc(Node), { value } = Node.fields; // allocated
  meanwhile();
  if (!bug) value.set(session, 1);
  value.get(session); // wrong
  free(Node, session);
});

unset("a copy of what is not set", (bug) => {
  const draft = slalloc(u8, 8);
  slfill(slice(draft, 0, bug ? 7 : 8), 1);
  const copy = sldup(draft); // allocated
  text(copy); // wrong
  slfree(copy), slfree(draft);
});
