// Programs that forget to free
import { check, enter, enterAsync, escape, heap, LeakError, stats, trace } from "../../mod.ts";
import {
  bytealloc,
  bytefree,
  f64,
  free,
  htfree,
  htget,
  htput,
  mk,
  mkht,
  mksb,
  ptr,
  realloc,
  sbfin,
  sbfree,
  sbputs,
  slalloc,
  sldup,
  slfree,
  slice,
  slpush,
  str,
  streq,
  string,
  struct,
  text,
  u32,
  u8,
} from "../../std/mod.ts";
import { meanwhile, species } from "./animal.ts";

const leak = species(LeakError, (base) => check(trace(stats(base))));

const Point = struct({ x: f64, y: f64 });
const Node = struct({ value: u32, next: ptr });
const User = struct({ name: ptr, length: u32, age: u8 });

leak("a reader that keeps its buffer", (bug) => {
  const buffer = bytealloc(4096); // allocated
  heap.u8.fill(32, buffer, buffer + 4096);
  if (!bug) bytefree(buffer, 4096);
}, { says: "1 of 1 blocks, 4,096 B, still out" });

leak("a block of no bytes", (bug) => {
  const empty = bytealloc(0); // allocated
  if (!bug) bytefree(empty, 0);
}, { says: "1 of 1 blocks, 0 B, still out" });

leak("a histogram", (bug) => {
  const counts = slalloc(u32, 256); // allocated
  for (let i = 0; i < 256; i++) counts.set(i, 0);
  if (!bug) slfree(counts);
}, { says: "1 of 1 blocks, 1,024 B, still out" });

leak("a point", (bug) => {
  const centre = mk(Point, { x: 1, y: 2 }), corner = mk(Point, { x: 0, y: 0 }); // allocated
  free(Point, corner);
  if (!bug) free(Point, centre);
}, { says: "1 of 2 blocks, 16 B, still out" });

leak("a greeting", (bug) => {
  const greeting = str("Good morning"); // allocated
  text(greeting);
  if (!bug) slfree(greeting);
}, { says: "1 of 1 blocks, 12 B, still out" });

leak("a table, with its keys", (bug) => {
  const ages = mkht(string, u32);
  for (const name of ["Ada", "Alan", "Grace"]) htput(ages, name, name.length); // allocated
  htget(ages, "Ada");
  if (!bug) htfree(ages);
}, { says: "4 of 4 blocks" });

leak("a string buffer, when the input is bad", (bug) => {
  const quote = (word: string): boolean => {
    const sb = mksb();
    sbputs(sb, word.trim()); // allocated
    if (word.includes('"')) {
      if (!bug) sbfree(sb);
      return false;
    }
    sbfree(sb);
    return true;
  };
  quote("good");
  quote('b"d');
}, { says: "1 of 2 blocks" });

leak("the string that a buffer is finished as", (bug) => {
  const sb = sbputs(mksb(), "SELECT"); // allocated
  const query = sbfin(sb);
  if (bug) sbfree(sb); // it is empty by now
  else slfree(query);
});

leak("one node of a thousand", (bug) => {
  let list = 0;
  for (let value = 0; value < 1000; value++) list = mk(Node, { value, next: list }); // allocated
  for (let node = list, next; node !== 0; node = next) {
    next = Node.fields.next.get(node);
    if (!bug || Node.fields.value.get(node) !== 500) free(Node, node);
  }
}, { says: "1 of 1,000 blocks, 8 B, still out" });

leak("all but the last of a loop", (bug) => {
  let line = 0;
  for (let i = 0; i < 10; i++) {
    if (line !== 0 && !bug) bytefree(line, 80);
    line = bytealloc(80); // allocated
  }
  bytefree(line, 80);
}, { says: "9 of 10 blocks, 720 B, still out" });

leak("a copy, on an early return", (bug) => {
  const words = slpush(slalloc(u32, 0), 7);
  const has = (word: number): boolean => {
    const copy = sldup(words); // allocated
    for (const other of copy) {
      if (other !== word) continue;
      if (!bug) slfree(copy);
      return true;
    }
    slfree(copy);
    return false;
  };
  has(8), has(7);
  slfree(words);
});

leak("a scratch block, when something throws", (bug) => {
  const parse = (json: string): unknown => {
    const scratch = bytealloc(2048); // allocated
    if (bug) {
      const value = JSON.parse(json);
      bytefree(scratch, 2048);
      return value;
    }
    try {
      return JSON.parse(json);
    } finally {
      bytefree(scratch, 2048);
    }
  };
  for (const json of ["{}", "{"]) {
    try {
      parse(json);
    } catch {
      // The next one may be better
    }
  }
});

leak("a block that has been reallocated", (bug) => {
  const log = realloc(bytealloc(16), 16, 100_000); // allocated
  heap.u8[log + 99_999] = 1;
  if (!bug) bytefree(log, 100_000);
}, { says: /1 of [12] blocks, 97.7 KiB, still out/ });

leak("a slice that has grown by pushes", (bug) => {
  const primes = slalloc(u32, 0);
  for (let n = 2; n < 3000; n++) if (n % 2 !== 0) slpush(primes, n); // allocated
  if (!bug) slfree(primes);
});

leak("the name of a user", (bug) => {
  const name = str("Ada"); // allocated
  const user = mk(User, { name: name.ptr, length: name.len, age: 36 });
  const { name: pointer, length } = User.fields;
  if (!bug) bytefree(pointer.get(user), length.get(user));
  free(User, user);
}, { says: "1 of 2 blocks, 3 B, still out" });

leak("what a cache overwrites", (bug) => {
  const cache = mkht(string, ptr);
  for (let i = 0; i < 6; i++) {
    const key = i % 2 === 0 ? "even" : "odd", old = htget(cache, key, 0);
    if (old !== 0 && !bug) bytefree(old, 24);
    htput(cache, key, bytealloc(24)); // allocated
  }
  for (const [, page] of cache) bytefree(page, 24);
  htfree(cache);
}, { says: "4 of 9 blocks, 96 B, still out" });

leak("the rows of a matrix", (bug) => {
  const rows = slalloc(ptr, 3);
  for (let i = 0; i < 3; i++) rows.set(i, bytealloc(8 * 32)); // allocated
  if (!bug) { for (const row of rows) bytefree(row, 8 * 32); }
  slfree(rows);
}, { says: "3 of 4 blocks, 768 B, still out" });

leak("a block, 10,000 operations ago", (bug) => {
  const session = bytealloc(24); // allocated
  meanwhile();
  if (!bug) bytefree(session, 24);
}, { says: "24 B, still out" });

leak("a word that only a view is left of", (bug) => {
  const line = str("key=value"); // allocated
  const key = slice(line, 0, 3);
  streq(key, "key");
  if (!bug) slfree(line);
});

leak("a result that has escaped from an inner region", (bug, another) => {
  const result = enter(another(), () => {
    const scratch = bytealloc(64);
    const sum = escape(() => bytealloc(8)); // allocated
    bytefree(scratch, 64);
    return sum;
  });
  if (!bug) bytefree(result, 8);
}, { says: "1 of 1 blocks, 8 B, still out" });

leak("a block of the outer region, which the inner one has consumed", (bug, another) => {
  const request = bytealloc(512); // allocated
  enter(another(), () => {
    const reply = bytealloc(512);
    heap.u8.copyWithin(reply, request, request + 512);
    bytefree(reply, 512);
    if (!bug) escape(() => bytefree(request, 512));
  });
}, { says: "1 of 1 blocks, 512 B, still out" });

leak("a scratch block of an inner region, not of the outer one", (bug, another) => {
  const result = bytealloc(8);
  try {
    enter(another(), () => {
      const scratch = bytealloc(64); // allocated
      if (!bug) bytefree(scratch, 64);
    });
  } finally {
    bytefree(result, 8);
  }
}, { says: "1 of 1 blocks, 64 B, still out" });

leak("one of two interleaved tasks", async (bug, another) => {
  const task = (forgets: boolean) => async () => {
    for (let i = 0; i < 5; i++) {
      const message = bytealloc(100 + i); // allocated
      await null;
      if (!forgets || i !== 3) bytefree(message, 100 + i);
    }
  };
  const tasks = [false, bug].map((forgets) => enterAsync(another(), task(forgets)));
  const [careful, forgetful] = await Promise.allSettled(tasks);
  if (careful.status === "rejected") throw new Error("blames the wrong task", { cause: careful.reason });
  if (forgetful.status === "rejected") throw forgetful.reason;
}, { says: "1 of 5 blocks, 103 B, still out" });
