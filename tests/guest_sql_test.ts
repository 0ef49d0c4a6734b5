// SQLite, as npm's sql.js has it: a debug build, whose functions have their names, and a minified release
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { enter, general, init, LeakError, stats, trace } from "../mod.ts";
import { fail as failing } from "../layers/fail.ts";
import { type Guest, guest, type GuestOptions, instantiateWasm, intercept, WasmError } from "../rt/mod.ts";
import { namesFromGlue } from "../rt/inspect/glue.ts";
import { leakFree } from "../testing/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "./assert.ts";
import { linesOf, outOf } from "./lines_of.ts";
import { npmFile, npmUrl } from "./npm_files.ts";

// What is used of sql.js, which has no types of its own
type Value = number | string | Uint8Array | null;
interface Statement {
  bind(values: Value[] | Record<string, Value>): boolean;
  step(): boolean;
  get(): Value[];
  getAsObject(values?: Value[]): Record<string, Value>;
  run(values?: Value[]): void;
  free(): boolean;
}
interface Database {
  run(sql: string, values?: Value[]): Database;
  exec(sql: string): { columns: string[]; values: Value[][] }[];
  prepare(sql: string): Statement;
  create_function(name: string, f: (...args: never[]) => Value): Database;
  export(): Uint8Array;
  getRowsModified(): number;
  close(): void;
}
interface SqlJs {
  Database: new (data?: Uint8Array) => Database;
}
type Init = (config?: { instantiateWasm?: unknown }) => Promise<SqlJs>;

const DEBUG = "sql-wasm-debug", RELEASE = "sql-wasm";
/** Functions that the debug build has, and does not export. */
const HIDDEN: NonNullable<GuestOptions["names"]> = {
  calloc: 2237,
  realloc: 2238,
  memalign: "emscripten_builtin_memalign",
};
const require = createRequire(import.meta.url);

/** `initSqlJs` as it is when the program starts: it makes one instance only, whatever it is asked for. */
async function fresh(build: string): Promise<Init> {
  const path = fileURLToPath(await npmUrl(`sql.js/dist/${build}.js`));
  delete require.cache[path];
  return require(path);
}

/** Where the entry points are in a build. */
async function namesOf(build: string): Promise<NonNullable<GuestOptions["names"]>> {
  if (build === DEBUG) return {};
  return namesFromGlue(await Deno.readTextFile(await npmUrl(`sql.js/dist/${build}.js`)));
}

async function asGuest(build: string, options: GuestOptions = {}): Promise<[SqlJs, Guest]> {
  const hook = instantiateWasm(await npmFile(`sql.js/dist/${build}.wasm`), {
    names: await namesOf(build),
    name: "sqlite",
    ...options,
  });
  const sql = await (await fresh(build))({ instantiateWasm: hook });
  return [sql, await hook.guest];
}

/** Tables, indexes, prepared statements, blobs, transactions, aggregates, functions: what came of them. */
function work({ Database }: SqlJs): unknown[] {
  const db = new Database(), results: unknown[] = [];
  db.run("create table people (id integer primary key, name text not null, age real, photo blob)");
  db.run("create index by_name on people (name collate nocase)");
  db.run("begin");
  const insert = db.prepare("insert into people (name, age, photo) values (?, ?, ?)");
  for (let i = 0; i < 300; i++) {
    insert.run([
      `name ${i * 7919 % 300} ${"é".repeat(i % 40)}`,
      i / 7,
      i % 3 === 0 ? null : Uint8Array.from({ length: i }, (_, k) => k * i),
    ]);
  }
  insert.free();
  db.run("commit");
  db.run("begin; delete from people where id % 2 = 0");
  results.push(db.getRowsModified());
  db.run("rollback");
  const select = db.prepare("select id, name, photo from people where name like $like order by name desc limit 20");
  select.bind({ $like: "name 1%" });
  while (select.step()) results.push(select.get());
  results.push(select.getAsObject(["name 2%"]));
  select.free();
  db.create_function("twice", (x: number) => 2 * x);
  results.push(
    db.exec(
      "select substr(name, 1, 6) k, count(*), total(twice(age)), max(length(photo)) from people group by k order by 1",
    ),
    db.exec("select a.id, b.id from people a join people b on a.age = b.age + 1 order by 1, 2 limit 30"),
    db.exec(
      "with recursive c(n) as (select 1 union all select n + 1 from c where n < 300) select json_group_array(n * n) from c",
    ),
    db.exec("update people set name = upper(name) where id < 50; select group_concat(name) from people where id < 60"),
    db.exec("select hex(photo) from people where id = 200"),
  );
  assertThrows(() => db.exec("select nonsense from nowhere"), Error, "no such table: nowhere");
  assertThrows(() => db.exec("insert into people (name) values (null)"), Error, "NOT NULL constraint failed");
  const copy = new Database(db.export());
  results.push(copy.exec("pragma integrity_check; select count(*), sum(length(photo)) from people"));
  copy.close();
  db.close();
  return results;
}

/** Makes the memory of a guest grow: its glue has to see that, to write a blob to what is new. */
function grow({ Database }: SqlJs, g: Guest): void {
  const before = g.memory.buffer.byteLength, { warn } = console;
  console.warn = () => {}; // the debug build says that it has grown
  try {
    leakFree(() => {
      const db = new Database();
      db.run("create table t (x)");
      db.run("insert into t values (?)", [new Uint8Array(2e7).fill(7)]);
      assertEquals(db.exec("select length(x), hex(substr(x, -2)) from t")[0].values, [[2e7, "0707"]]);
      assert(db.export().length > 2e7);
      db.close();
    })();
  } finally {
    console.warn = warn;
  }
  assert(g.memory.buffer.byteLength > before);
}

for (const build of [DEBUG, RELEASE]) {
  Deno.test(`guest_sql: ${build}, watched, gives the same results`, async () => {
    const expected = work(await (await fresh(build))());
    const [sql, g] = await asGuest(build);
    const out = outOf(g), { nalloc } = g.gauge();
    assertEquals(work(sql), expected);
    assert(g.gauge().nalloc - nalloc > 1_000, `${g.gauge().nalloc - nalloc} blocks`);
    assertEquals(outOf(g), out); // SQLite keeps nothing
    assertEquals(g.strays, 0);
  });

  Deno.test(`guest_sql: ${build}, all closed is zero, in the first region already`, async () => {
    const [sql] = await asGuest(build);
    const results = leakFree(() => work(sql))();
    assertEquals(leakFree(() => work(sql))(), results);
  });

  Deno.test(`guest_sql: ${build}, a database left open is reported, with the line`, async () => {
    const [{ Database }] = await asGuest(build);
    const e = assertThrows(
      leakFree(() => {
        const closed = new Database();
        closed.run("create table t (x)");
        closed.close();
        const open = new Database();
        open.run("create table t (x)");
      }),
      LeakError,
    );
    const lines = linesOf(e, import.meta.url);
    assertEquals(Object.keys(lines), ['open.run("create table t (x)");', "const open = new Database();"]);
    assert(e.bytes > 48_000, `${e.bytes} bytes`);
    assertMatch(e.message, /guest_sql_test\.ts:\d+:\d+\n/); // not only in its sites
  });

  Deno.test(`guest_sql: ${build}, a statement left open is reported, with the lines`, async () => {
    const [{ Database }] = await asGuest(build);
    const db = new Database();
    db.run("create table t (id integer primary key, name text)");
    db.run("insert into t (name) values ('a'), ('b'), ('c')");
    const join = "select a.name, count(*) from t a join t b on a.id < b.id where b.name > ? group by a.name order by 2";
    const query = (forget: boolean) => {
      const s = db.prepare(join);
      s.bind(["a"]);
      s.step();
      if (!forget) s.free();
    };
    leakFree(() => query(false))();
    const e = assertThrows(leakFree(() => query(true)), LeakError);
    const lines = Object.keys(linesOf(e, import.meta.url));
    assertEquals(lines.sort(), ["const s = db.prepare(join);", 's.bind(["a"]);', "s.step();"]);
  });
}

for (const build of [DEBUG, RELEASE]) {
  Deno.test(`guest_sql: ${build}, small statements are seen where SQLite is refused the memory it serves them from`, async () => {
    const forget = ({ Database }: SqlJs) => {
      const db = new Database();
      db.run("create table t (x)");
      db.exec("select * from t");
      return leakFree(() => void db.prepare("select * from t"));
    };
    const [plain] = await asGuest(build);
    forget(plain)(); // all of it lies in the 48,008 bytes that the database got when it was opened: its lookaside
    const [sql] = await asGuest(build, {
      stack: (bottom) => stats(trace(failing(bottom, (_nth, size) => size === 48_008))),
    });
    const e = assertThrows(forget(sql), LeakError);
    assertEquals(Object.keys(linesOf(e, import.meta.url)), [
      'return leakFree(() => void db.prepare("select * from t"));',
    ]);
  });

  Deno.test(`guest_sql: ${build}, the memory grows under it`, async () => {
    const [sql, g] = await asGuest(build);
    grow(sql, g);
    const { Database } = sql;
    const e = assertThrows(leakFree(() => void new Database()), LeakError);
    assertEquals(Object.keys(linesOf(e, import.meta.url)), [
      "const e = assertThrows(leakFree(() => void new Database()), LeakError);",
    ]);
  });

  Deno.test(`guest_sql: ${build}, asynchronous tests, side by side`, async () => {
    const [{ Database }] = await asGuest(build);
    const query = async (n: number, close: boolean) => {
      const db = new Database();
      await new Promise((done) => setTimeout(done, n));
      db.run("create table t (x)");
      await Promise.resolve();
      const [{ values }] = db.exec(`select ${n}`);
      if (close) db.close();
      return values[0][0];
    };
    const closing = leakFree((n: number) => query(n, true)), leaking = leakFree((n: number) => query(n, false));
    const [a, b, e] = await Promise.all([closing(5), closing(1), assertRejects(() => leaking(3), LeakError)]);
    assertEquals([a, b], [5, 1]);
    assertEquals(Object.keys(linesOf(e, import.meta.url)), [
      'db.run("create table t (x)");',
      "const db = new Database();",
    ]);
  });

  Deno.test(`guest_sql: ${build}, again captures no stacks, and runs what leaks a second time`, async () => {
    const [{ Database }] = await asGuest(build);
    let runs = 0;
    const run = (close: boolean) => {
      runs++;
      const db = new Database();
      db.run("create table t (x)");
      if (close) db.close();
    };
    leakFree(() => run(true), { again: true })();
    assertEquals(runs, 1);
    const e = assertThrows(leakFree(() => run(false), { again: true }), LeakError);
    assertEquals(runs, 3);
    assertEquals(Object.keys(linesOf(e, import.meta.url)), [
      'db.run("create table t (x)");',
      "const db = new Database();",
    ]);
    const later = async (close: boolean) => {
      await Promise.resolve();
      run(close);
    };
    await leakFree(() => later(true), { again: true })();
    const f = await assertRejects(leakFree(() => later(false), { again: true }), LeakError);
    assertEquals([f.blocks, runs], [e.blocks, 6]);
  });
}

for (const build of [DEBUG, RELEASE]) {
  Deno.test(`guest_sql: ${build}, a leak in sql.js itself: what SQLite says of a failed run is never freed`, async () => {
    const [{ Database }] = await asGuest(build);
    const test = leakFree(() => {
      const db = new Database();
      assertThrows(() => db.exec("select nonsense"), Error, "no such column: nonsense");
      assertThrows(() => db.run("select nonsense"), Error, "no such column: nonsense");
      db.close();
    });
    const e = assertThrows(test, LeakError);
    const line = 'assertThrows(() => db.run("select nonsense"), Error, "no such column: nonsense");';
    assertEquals(linesOf(e, import.meta.url), { [line]: 1 });
  });
}

Deno.test("guest_sql: intercepted, nothing is said of the module at all", async () => {
  const initSqlJs = await fresh(DEBUG);
  const [sql, [g, ...others]] = await intercept({}, () => initSqlJs());
  assertEquals(others, []);
  const results = leakFree(() => work(sql))(); // a function of one's own makes a module, which is no guest
  assertEquals(results, work(await (await fresh(DEBUG))()));
  assert(g.gauge().nalloc > 1_000);
  assertThrows(leakFree(() => new sql.Database()), LeakError);
});

Deno.test("guest_sql: of a minified build, its JavaScript has the names, for reports, too", async () => {
  const initSqlJs = await fresh(RELEASE);
  const [sql, [g, ...others]] = await intercept({ name: "sqlite" }, () => initSqlJs());
  assertEquals(others, []);
  assertEquals(leakFree(() => work(sql))(), work(await (await fresh(DEBUG))()));
  assert(g.gauge().nalloc > 1_000);
  const { message } = assertThrows(leakFree(() => new sql.Database()), LeakError);
  assertStringIncludes(message, "<- sqlite3_open");

  const hook = instantiateWasm(await npmFile("sql.js/dist/sql-wasm.wasm"));
  const again = await (await fresh(RELEASE))({ instantiateWasm: hook });
  work(again);
  assert((await hook.guest).gauge().nalloc > 1_000);
});

Deno.test("guest_sql: intercepted with names, of modules without such functions nothing is made", async () => {
  const initSqlJs = await fresh(RELEASE);
  const use = async () => work(await initSqlJs()); // in which a function of one's own makes a module
  const [results, [g, ...others]] = await intercept({ names: await namesOf(RELEASE) }, use);
  assertEquals([results, others], [work(await (await fresh(DEBUG))()), []]);
  assert(g.gauge().nalloc > 1_000);
});

Deno.test("guest_sql: watched with the hidden functions named, too", async () => {
  const [sql, g] = await asGuest(DEBUG, { names: HIDDEN });
  const expected = work(await (await fresh(DEBUG))()), before = outOf(g);
  assertEquals(leakFree(() => work(sql))(), expected);
  assertEquals(work(sql), expected); // in the ground region, where the guest's own realloc does it
  assertEquals(outOf(g), before);
  assertEquals(g.strays, 0);
});

Deno.test("guest_sql: replaced where the hidden functions are named, refused where they are not", async () => {
  const expected = work(await (await fresh(DEBUG))());
  const bytes = await npmFile("sql.js/dist/sql-wasm-debug.wasm");
  const refused = await assertRejects(() => guest(bytes, { allocator: "replace" }), WasmError);
  assertMatch(refused.message, /function 2237, perhaps calloc \(.*function 2238, perhaps realloc \(.*; names can say/);
  const [sql, g] = await asGuest(DEBUG, {
    allocator: "replace",
    names: HIDDEN,
  });
  assertEquals(work(sql), expected);
  assertEquals(leakFree(() => work(sql))(), expected);
  const e = assertThrows(leakFree(() => void new sql.Database()), LeakError);
  assertStringIncludes(Object.keys(linesOf(e, import.meta.url)).join(), "new sql.Database()");
  assertEquals(enter(init(stats(general(g.heap))), () => work(sql)), expected); // in a region on its heap
  assertEquals(enter(g.arena(), () => work(sql)), expected);
  grow(sql, g);
  assertEquals(g.strays, 0);
});

Deno.test("guest_sql: the release has its realloc inside a function of SQLite, and cannot be replaced", async () => {
  const bytes = await npmFile("sql.js/dist/sql-wasm.wasm");
  const names = await namesOf(RELEASE);
  assertEquals(names, { malloc: "Ia", free: "Ja" });
  const refused = await assertRejects(() => guest(bytes, { allocator: "replace", names }), WasmError);
  assertStringIncludes(refused.message, "function 1827"); // which takes what is 8 bytes behind a block of malloc
});
