// Programs that take the blocks of one region for those of another, or for such that outlive it
import {
  arena,
  enter,
  enterAsync,
  escape,
  ForeignFreeError,
  heap,
  OutOfBoundsError,
  OverrunError,
  top,
  UseAfterFreeError,
} from "../../mod.ts";
import { shadow } from "../../layers/shadow.ts";
import { bytealloc, bytefree, f64, htfree, htget, htput, mk, mkht, ptr, slalloc } from "../../std/mod.ts";
import { slfill, slfree, slpush, str, string, struct, text, u32, u8 } from "../../std/mod.ts";
import { species } from "./animal.ts";

const Node = struct({ value: u32, next: ptr });
const Point = struct({ x: f64, y: f64 });

const foreign = species(ForeignFreeError, (base, debug) => debug(base));

foreign("of the ground region", (bug) => {
  const config = escape(() => bytealloc(64)); // allocated
  try {
    if (bug) bytefree(config, 64); // wrong
  } finally {
    escape(() => bytefree(config, 64));
  }
}, { ofGround: true, says: /, but (one of|in memory of) stats\(.*bonwick\(/ });

foreign("of the outer region", (bug, another) => {
  const request = bytealloc(100); // allocated
  enter(another(), () => {
    const reply = bytealloc(100);
    if (bug) bytefree(request, 100); // wrong
    bytefree(reply, 100);
  });
  bytefree(request, 100);
}, { says: /, but one of .*(debug|shadow)\(/ });

foreign("of the inner region, by the outer one", (bug, another) => {
  enter(another(), () => {
    const scratch = bytealloc(2048); // allocated
    if (bug) escape(() => bytefree(scratch, 2048)); // wrong
    bytefree(scratch, 2048);
  });
});

foreign("of a region that is closed", (bug, another) => {
  const result = enter(another(), () => bug ? bytealloc(24) : escape(() => bytealloc(24)));
  bytefree(result, 24); // wrong
});

foreign("a slice of the outer region that grows in the inner one", (bug, another) => {
  const results = slfill(slalloc(u32, 8), 0); // allocated
  enter(another(), () => {
    for (let i = 0; i < 3; i++) {
      if (bug) slpush(results, i); // wrong
      else escape(() => slpush(results, i));
    }
  });
  slfree(results);
});

foreign("a table of the outer region that grows in the inner one", (bug, another) => {
  const ages = htput(mkht(u32, u32), 0, 0); // allocated
  enter(another(), () => {
    for (let i = 0; i < 20; i++) {
      if (bug) htput(ages, i, i); // wrong
      else escape(() => htput(ages, i, i));
    }
  });
  htfree(ages);
});

foreign("a table with keys of the outer region", (bug, another) => {
  const ages = htput(mkht(string, u32), "Ada", 36); // allocated
  enter(another(), () => {
    if (bug) htfree(ages); // wrong
  });
  htfree(ages);
});

foreign("of another task", async (bug, another) => {
  const sent = Promise.withResolvers<number>(), read = Promise.withResolvers<void>();
  const send = async () => {
    const message = bytealloc(100); // allocated
    sent.resolve(message);
    await read.promise;
    bytefree(message, 100);
  };
  const receive = async () => {
    const message = await sent.promise;
    try {
      if (bug) bytefree(message, 100); // wrong
    } finally {
      read.resolve();
    }
  };
  const [sender, receiver] = await Promise.allSettled([enterAsync(another(), send), enterAsync(another(), receive)]);
  if (sender.status === "rejected") throw new Error("blames the wrong task", { cause: sender.reason });
  if (receiver.status === "rejected") throw receiver.reason;
});

const overrun = species(OverrunError, (base, debug) => debug(base));

overrun("in an inner region, not in the outer one", (bug, another) => {
  const result = bytealloc(8);
  enter(another(), () => {
    const name = bytealloc(8); // allocated
    heap.u8.fill(1, name, name + (bug ? 9 : 8));
  });
  bytefree(result, 8);
}, { keeps: true });

overrun("in one of two interleaved tasks", async (bug, another) => {
  const task = (wrong: boolean) => async () => {
    const message = bytealloc(100); // allocated
    await null;
    heap.u8[message + (wrong ? 100 : 99)] = 1;
    await null;
    bytefree(message, 100); // found
  };
  const tasks = [false, bug].map((wrong) => enterAsync(another(), task(wrong)));
  const [right, wrong] = await Promise.allSettled(tasks);
  if (right.status === "rejected") throw new Error("blames the wrong task", { cause: right.reason });
  if (wrong.status === "rejected") throw wrong.reason;
});

// Over an arena, as what is out when its region is closed goes with it
const use = species(UseAfterFreeError, () => shadow(arena()));

use("a text of a region that is closed", (bug, another) => {
  const make = () => str("result"); // allocated
  const result = enter(another(), () => bug ? make() : escape(make)); // freed
  text(result); // wrong
  slfree(result);
});

use("a point of a region that is closed", (bug, another) => {
  const centre = enter(another(), () => { // freed
    const corner = mk(Point, { x: 1, y: 2 }); // allocated
    return bug ? corner : escape(() => mk(Point, { x: 1, y: 2 }));
  });
  Point.fields.x.get(centre); // wrong
  bytefree(centre, Point.size);
}, { keeps: true });

use("a table of a region that is closed", (bug, another) => {
  const fill = () => htput(mkht(string, u32), "Ada", 36); // allocated
  const ages = enter(another(), () => bug ? fill() : escape(fill)); // freed
  htget(ages, "Ada"); // wrong
  htfree(ages);
});

use("a text of a region that is closed, whose page another has taken", (bug, another) => {
  const make = () => (bytealloc(3000), str("result")); // allocated
  const result = enter(another(), () => bug ? make() : escape(make)); // freed
  bytealloc(16);
  text(result); // wrong
}, { keeps: true });

use("a node from before a reset", (bug) => {
  const { value } = Node.fields;
  const node = mk(Node, { value: 1, next: 0 }); // allocated
  if (!bug) value.get(node);
  top().reset(); // freed
  if (bug) value.get(node); // wrong
}, { keeps: true });

use("a slice of a task that has ended", async (bug, another) => {
  const read = () => slfill(slalloc(u8, 100), 1); // allocated
  const bytes = await enterAsync(another(), async () => { // freed
    await null;
    return bug ? read() : escape(read);
  });
  bytes.get(99); // wrong
  slfree(bytes);
});

const beyond = species(OutOfBoundsError, () => shadow(arena()));

beyond("a small block, where a region that is closed had one", (bug, another) => {
  enter(another(), () => bytefree(bytealloc(8), 8));
  enter(another(), () => {
    const size = bug ? 8 : 16, point = bytealloc(size); // allocated
    Point.fields.y.set(point, 1); // wrong
    bytefree(point, size);
  });
});
