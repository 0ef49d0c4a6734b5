/** Programs in WebAssembly that allocate, each with what makes an instance of it: a guest, or as it is. */

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { namesFromGlue } from "../../rt/inspect/glue.ts";
import { type Guest, guest, type GuestOptions, instantiateWasm } from "../../rt/mod.ts";
import { npmFile, npmUrl } from "../../tests/npm_files.ts";
import { bashScript, mainModule, treeSitter } from "../../tests/tree_sitter.ts";

/** An instance of a program. */
export interface Program {
  /** Does its work so many times; returns a checksum. With `leave`, it leaves to a region what it would delete at the end. */
  run(times: number, leave: boolean): number;
  /** Its memory. */
  readonly memory: WebAssembly.Memory;
  /** The guest that it is, if it is one. */
  readonly guest: Guest | undefined;
}

/** A program, and how it is timed. */
export interface Work {
  readonly about: string;
  /** What is counted: the unit of a time. */
  readonly op: string;
  /** How many of these a sample has, and how many for contenders that take long. */
  readonly ops: number;
  readonly few: number;
  /** Samples in a process. */
  readonly samples: number;
  /** How it can be a guest. */
  readonly modes: readonly Mode[];
  /** Makes an instance: a guest with these options, or one that is served by its own allocator and not changed. */
  load(options: GuestOptions | undefined): Promise<Program>;
}

type Mode = NonNullable<GuestOptions["allocator"]>;
type Receive = (instance: WebAssembly.Instance, module: WebAssembly.Module) => unknown;

async function file(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(new URL(name, import.meta.url));
}

/** One of the functions of `traffic.c`. */
function traffic(name: string, op: string, ops: number, few: number, about: string): Work {
  const load = async (options: GuestOptions | undefined): Promise<Program> => {
    const binary = await file(options?.allocator === "imports" ? "traffic_imports.wasm" : "traffic.wasm");
    const g = options && await guest(binary, { ...options, name: `${options.name} ${name}` });
    const exports = (g ?? (await WebAssembly.instantiate(binary)).instance).exports;
    const run = exports[name] as (times: number) => number;
    run(0); // what it prepares is not of a region
    return { run: (times) => run(times) >>> 0, memory: exports.memory as WebAssembly.Memory, guest: g };
  };
  return { about, op, ops, few, samples: 20, modes: ["replace", "imports", "watch"], load };
}

const scripts = new Map<number, string>();

/** Parses a script of so many kilobytes, as a user of the package does it. */
async function parsing(options: GuestOptions | undefined): Promise<Program> {
  let memory: WebAssembly.Memory | undefined;
  const binary = await mainModule();
  const hook = options && instantiateWasm(binary, options);
  const { Parser, bash } = await treeSitter({
    instantiateWasm: hook ?? ((imports: WebAssembly.Imports, receive: Receive) => {
      WebAssembly.instantiate(binary, imports).then(({ instance, module }) => {
        memory = (instance.exports.memory ?? imports.env.memory) as WebAssembly.Memory;
        receive(instance, module);
      });
      return {};
    }),
  });
  const g = await hook?.guest, kept: unknown[] = []; // what is collected, the package would free in a region that is no more
  const run = (kilobytes: number, leave: boolean) => {
    const script = scripts.get(kilobytes) ?? bashScript(kilobytes * 1000);
    scripts.set(kilobytes, script);
    const parser = new Parser().setLanguage(bash), tree = parser.parse(script)!, { descendantCount } = tree.rootNode;
    if (leave) kept.push(parser, tree);
    else [tree, parser].forEach((x) => x.delete());
    return descendantCount;
  };
  return { run, memory: g?.memory ?? memory!, guest: g };
}

// What is used of sql.js, which has no types of its own
interface Database {
  run(sql: string): void;
  exec(sql: string): { values: number[][] }[];
  prepare(sql: string): { run(values: unknown[]): void; free(): void };
  close(): void;
}
type Init = (config: { instantiateWasm: unknown }) => Promise<{ Database: new () => Database }>;

/** A database is filled, asked and closed. */
async function querying(options: GuestOptions | undefined): Promise<Program> {
  const path = fileURLToPath(await npmUrl("sql.js/dist/sql-wasm.js")), require = createRequire(import.meta.url);
  delete require.cache[path]; // it makes one instance only
  const initialize: Init = require(path);
  const binary = await npmFile("sql.js/dist/sql-wasm.wasm");
  let plain: WebAssembly.Instance | undefined;
  const hook = options && instantiateWasm(binary, { names: namesFromGlue(await Deno.readTextFile(path)), ...options });
  const { Database } = await initialize({
    instantiateWasm: hook ?? ((imports: WebAssembly.Imports, receive: Receive) => {
      WebAssembly.instantiate(binary, imports).then(({ instance, module }) => receive(plain = instance, module));
      return {};
    }),
  });
  const run = (times: number) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      const db = new Database();
      db.run("create table people (id integer primary key, name text, age real); create index names on people (name)");
      db.run("begin");
      const insert = db.prepare("insert into people (name, age) values (?, ?)");
      for (let n = 0; n < 1000; n++) insert.run([`name ${n * 7919 % 1000}`, n / 7]);
      insert.free();
      db.run("commit");
      for (let n = 0; n < 200; n++) {
        sum += db.exec(`select count(*), max(length(name)) from people where name > 'name ${n}' and age < ${n}`)[0]
          .values[0][0];
      }
      sum += db.exec("select count(distinct names) from (select group_concat(name) names from people group by age)")[0]
        .values[0][0];
      db.close();
    }
    return sum;
  };
  const g = await hook?.guest;
  const memory = Object.values(plain?.exports ?? {}).find((x) => x instanceof WebAssembly.Memory);
  return { run, memory: g?.memory ?? memory!, guest: g };
}

/** The programs, by their names. */
export const works: Readonly<Record<string, Work>> = {
  pair: traffic("pair", "pair", 1_000_000, 20_000, "a block of 16 to 72 bytes is allocated, and freed at once"),
  lifo: traffic(
    "lifo",
    "pair",
    1_000_000,
    20_000,
    "64 blocks of 16 to 72 bytes are allocated, then freed, the last first",
  ),
  churn: traffic(
    "churn",
    "pair",
    500_000,
    20_000,
    "1,024 slots in random order: frees the block in one, allocates one of 16 to 1,023 bytes instead",
  ),
  trees: traffic("trees", "tree", 40, 1, "binary trees of 16,383 nodes of 8 bytes are built, counted and freed"),
  json: traffic(
    "json",
    "document",
    4,
    1,
    "a document of 29,000 values is parsed, its strings grown by `realloc`, and freed",
  ),
  parse: {
    about: "npm:web-tree-sitter with npm:tree-sitter-bash parses a script of 1 MB, and deletes the tree and the parser",
    op: "KB",
    ops: 1000,
    few: 100,
    samples: 7,
    modes: ["replace", "watch"],
    load: parsing,
  },
  sql: {
    about: "npm:sql.js makes a table of 1,000 rows with an index, asks it 200 questions, and closes the database",
    op: "database",
    ops: 2,
    few: 1,
    samples: 6,
    modes: ["watch"], // it has a function that reads the headers of its blocks
    load: querying,
  },
};
