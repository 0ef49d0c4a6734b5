import * as library from "../mod.ts";
import { DoubleFreeError, MemoryError, OverrunError } from "../mod.ts";
import { captureCallStack } from "../call_stack.ts";
import { blockText } from "../memory_errors.ts";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "./assert.ts";

const KINDS = [
  ...["DoubleFreeError", "ForeignFreeError", "InteriorFreeError", "WrongSizeError", "OverrunError", "UnderrunError"],
  ...["WriteAfterFreeError", "UseAfterFreeError", "OutOfBoundsError", "UninitialisedError"],
] as const;

/** What a function was called by. */
const allocating = () => captureCallStack(8), freeing = () => captureCallStack(8), misusing = () => captureCallStack(8);

const headings = (message: string) => message.split("\n").filter((line) => /^ {2}\S/.test(line));
const calls = (message: string) =>
  message.split("\n").filter((line) => /^ {4}\S/.test(line)).map((line) => line.trim().split(" ")[0]);

Deno.test("memory_errors: each kind has a class of its own, with its name", () => {
  const classes = new Set<unknown>();
  for (const kind of KINDS) {
    const Kind = library[kind as "OverrunError"], e = new Kind("Cannot do it", 4096);
    classes.add(Kind);
    assertInstanceOf(e, MemoryError);
    assertInstanceOf(e, Error);
    assertEquals([e.name, e.message, e.address, e.block], [kind, "Cannot do it", 4096, undefined]);
    assertEquals([e.allocated, e.freed], [[], []]);
  }
  assertEquals(classes.size, KINDS.length);
  const exported = Object.entries(library).filter(([, value]) =>
    typeof value === "function" && value.prototype instanceof MemoryError
  );
  assertEquals(exported.map(([name]) => name).sort(), [...KINDS].sort());
});

Deno.test("memory_errors: say where the block was allocated and freed, and where it was misused", () => {
  const block = { address: 8192, size: 100, allocated: allocating(), freed: freeing() };
  const e = new DoubleFreeError("Cannot free it", 8192, block, misusing());
  assertEquals(headings(e.message), ["  at", "  allocated at", "  freed at"]);
  assertEquals(calls(e.message).filter((name) => name.endsWith("ing")), ["misusing", "allocating", "freeing"]);
  assertEquals([e.allocated[0].name, e.freed[0].name], ["allocating", "freeing"]);
  assertEquals([e.allocated[0].file, e.freed[0].file], [import.meta.url, import.meta.url]);
  assertEquals(e.block, { address: 8192, size: 100 });
  assert(e.message.startsWith("Cannot free it\n"));
});

Deno.test("memory_errors: say only what is known", () => {
  const block = { address: 8192, size: 100 };
  assertEquals(headings(new OverrunError("Cannot do it", 8292, block).message), []);
  assertEquals(headings(new OverrunError("Cannot do it", 8292, { ...block, freed: freeing() }).message), [
    "  freed at",
  ]);
  const found = new OverrunError("Cannot do it", 8292, { ...block, allocated: allocating() }, misusing(), true);
  assertEquals(headings(found.message), ["  found at", "  allocated at"]);
});

Deno.test("memory_errors: have three calls of each call stack in the message, and more themselves", () => {
  const deep = <T>(n: number, f: () => T): T => n === 0 ? f() : deep(n - 1, f);
  const allocated = deep(60, () => captureCallStack(50));
  const e = new OverrunError("Cannot do it", 16, { address: 16, size: 1, allocated }, deep(60, misusing));
  assertEquals(calls(e.message).length, 6);
  assertEquals([e.allocated.length, e.freed.length], [32, 0]);
  const printed = Deno.inspect(e, { colors: false });
  assert(printed.split("\n").length < 90 && !printed.includes("column"), printed);
});

Deno.test("memory_errors: name a block by its size and address", () => {
  assertStrictEquals(blockText({ address: 4096, size: 100 }), "the block of 100 B at 4096");
  assertStrictEquals(blockText({ address: 2 ** 32 - 16, size: 2 ** 20 }), "the block of 1.0 MiB at 4294967280");
});
