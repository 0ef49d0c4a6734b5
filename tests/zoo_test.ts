// Each animal of the zoo, on several bases: its error is what it is, with the right lines, and repaired it is silent.
//
// `UPDATE_SNAPSHOTS=1` writes what errors look like to `zoo/errors.txt`.
import {
  type AnyLayer,
  arena,
  bonwick,
  bytealloc,
  bytefree,
  check,
  DoubleFreeError,
  enter,
  general,
  ground,
  heap,
  init,
  LeakError,
  MemoryError,
  mmap,
  stats,
  WriteAfterFreeError,
} from "../mod.ts";
import { formatFrame, framesOf } from "../call_stack.ts";
import { debug } from "../layers/debug.ts";
import { shadow } from "../layers/shadow.ts";
import { leakFree } from "../testing/mod.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows, fail } from "./assert.ts";
import { assertSnapshot } from "./output/snapshot.ts";
import { type Animal, lineOf, marksOf, run, zoo } from "./zoo/animal.ts";
import "./zoo/leaks.ts";
import "./zoo/frees.ts";
import "./zoo/fences.ts";
import "./zoo/accesses.ts";
import "./zoo/regions.ts";

const BASES: [name: string, base: () => AnyLayer][] = [
  ["general", () => general()],
  ["arena", () => arena()],
  ["bonwick(mmap)", () => bonwick(mmap())],
  ["mmap", () => mmap()],
];

for (const animal of zoo) {
  Deno.test(`zoo: ${animal.name}`, async () => {
    for (const [name, base] of isLong(animal) ? BASES.slice(0, 2) : BASES) {
      try {
        await assertCaught(animal, animal.tool(base(), debug));
        await assertSilent(animal, animal.tool(base(), debug));
      } catch (cause) {
        throw new Error(`over ${name}`, { cause });
      }
    }
  });
}

function isLong({ name }: Animal): boolean {
  return name.includes("10,000 operations");
}

/** Runs a program with its error, and asserts that it is found. */
async function assertCaught(animal: Animal, stack: AnyLayer, program = run): Promise<Error> {
  const error = await thrownBy(() => program(animal, stack, true));
  if (error.constructor !== animal.error) throw error;
  const { says = "" } = animal, marks = marksOf(animal);
  if (typeof says === "string") assertStringIncludes(error.message, says);
  else assertMatch(error.message, says);
  if (error instanceof LeakError) {
    const lines = new Set(error.sites.map(({ frames }) => lineOf(frames[0])));
    assertEquals([...lines].sort(), [...marks.allocated ?? []].sort());
  } else if (error instanceof MemoryError) {
    const unknown = animal.ofGround && ground().layer.sites === undefined;
    assertAt("allocated", lineOf(error.allocated[0]), unknown ? undefined : marks.allocated);
    assertAt("freed", lineOf(error.freed[0]), marks.freed);
  }
  for (const mark of ["wrong", "found"] as const) {
    if (marks[mark] !== undefined) assertAt(mark, lineOf(framesOf(error, 1)[0]), marks[mark]);
  }
  return error;
}

async function thrownBy(program: () => void | Promise<void>): Promise<Error> {
  try {
    await program();
  } catch (e) {
    if (e instanceof Error) return e;
    throw e;
  }
  return fail("nothing was found");
}

function assertAt(what: string, line: string, lines: string[] = ["nowhere"]): void {
  assert(lines.includes(line), `${what}: expected ${lines.join(" or ")}, got ${line}`);
}

/** Runs a program without its error, which must not leak either, if it frees at all. */
async function assertSilent(animal: Animal, stack: AnyLayer): Promise<void> {
  await run(animal, animal.keeps ? stack : check(stats(stack)), false);
}

Deno.test("zoo: shadow finds all that others do, and nothing in what is repaired", async () => {
  for (const animal of zoo.filter((animal) => !isLong(animal))) {
    try {
      const stack = animal.tool(animal.error === LeakError ? shadow(general()) : general(), shadow);
      await assertCaught(animal, stack);
      await assertSilent(animal, stack);
    } catch (cause) {
      throw new Error(animal.name, { cause });
    }
  }
});

Deno.test("zoo: leakFree finds all of it, too", async () => {
  const program: typeof run = ({ body }, stack, bug) => leakFree(() => body(bug, () => init(stack)), stack)();
  for (const animal of zoo.filter((animal) => !isLong(animal))) {
    try {
      const stack = animal.tool(general(), debug);
      await assertCaught(animal, stack, program);
      if (!animal.keeps) await program(animal, stack, false);
    } catch (cause) {
      throw new Error(animal.name, { cause });
    }
  }
});

Deno.test("zoo: what cannot be found, and what of it can", () => {
  const silent = (stack: AnyLayer, body: () => void) => enter(init(stack), body);
  const write = (p: number) => void (heap.u8[p] = 1);

  // A write to a freed block that is not in quarantine any more
  const written = () => {
    const p = bytealloc(100);
    bytefree(p, 100);
    for (let i = 0; i < 20; i++) bytefree(bytealloc(1000), 1000);
    write(p);
  };
  silent(debug(arena(), { quarantine: 10_000 }), written);
  assertThrows(() => silent(debug(arena(), { quarantine: 30_000 }), written), WriteAfterFreeError);

  // A write so far behind a block that it is in another one; or behind its fence, if nothing is there
  silent(shadow(arena()), () => {
    const p = bytealloc(16), q = bytealloc(16);
    write(p + (q - p));
  });

  // A byte that is written behind a block, and is the one that is there anyway
  silent(debug(arena()), () => {
    const p = bytealloc(16);
    heap.u8[p + 16] = heap.u8[p + 17];
  });

  // A read of a freed block past `std`, through a view of the heap
  silent(shadow(arena()), () => {
    const p = bytealloc(16);
    bytefree(p, 16);
    assert(heap.u8[p] !== undefined);
  });

  // A double free of a block in whose place another one is by now: that one is freed, and its own free is the second
  silent(debug(bonwick(mmap()), { quarantine: 0 }), () => {
    const p = bytealloc(100);
    bytefree(p, 100);
    const q = bytealloc(100);
    assertEquals(q, p);
    bytefree(p, 100);
    assertThrows(() => bytefree(q, 100), DoubleFreeError);
  });
});

Deno.test("zoo: there are some of each kind", () => {
  assertEquals(new Set(zoo.map(({ name }) => name)).size, zoo.length);
  const kinds = Map.groupBy(zoo, ({ error }) => error);
  assertEquals(kinds.size, 11);
  for (const [error, animals] of kinds) assert(animals.length >= 8, error.name);
});

/** Those of which `errors.txt` has what is printed. */
const SHOWN = [
  "LeakError: a copy, on an early return",
  "LeakError: a slice that has grown by pushes",
  "DoubleFreeError: a buffer, at the end and in finally",
  "ForeignFreeError: of another allocator",
  "ForeignFreeError: an index instead of an address",
  "InteriorFreeError: where a loop has come to",
  "WrongSizeError: what it was before it grew",
  "OverrunError: the zero at the end of a C string",
  "OverrunError: seen by verify",
  "UnderrunError: a length in front of what was allocated",
  "WriteAfterFreeError: a view that somebody has kept",
  "UseAfterFreeError: the next field of a node that the loop has freed",
  "UseAfterFreeError: a view of a slice that has grown since",
  "OutOfBoundsError: a field of a struct that has half of its bytes",
  "OutOfBoundsError: the point behind the last",
  "OutOfBoundsError: the next field of null",
  "UninitialisedError: a field that nobody has set",
  "UninitialisedError: the text of a fresh slice",
];

Deno.test("zoo: errors as a user sees them", async () => {
  let texts = "";
  for (const name of SHOWN) {
    const animal = zoo.find((animal) => animal.name === name) ?? fail(name);
    const error = await assertCaught(animal, animal.tool(bonwick(mmap()), debug));
    texts += `== ${name}\n${printed(error)}\n\n`;
  }
  await assertSnapshot("../zoo/errors.txt", texts);
});

/** An error as it is printed: paths from the root, addresses and the calls of the zoo itself left out. */
function printed(error: Error): string {
  const root = new URL("..", import.meta.url).href, [frame] = framesOf(error, 1);
  return `${error.name}: ${error.message}\n    at ${formatFrame(frame)}`
    .replaceAll(root, "")
    .replace(/\n.*tests\/(zoo_test|zoo\/animal)\.ts.*/g, "")
    .replace(/\b(at|free:) \d{5,}/g, "$1 ADDRESS");
}
