// Programs that are run as a user runs them, under `rt/leaks.ts`. What they print is compared with `tests/exit/*.txt`;
// `UPDATE_SNAPSHOTS=1` writes these anew
import { VARIABLE } from "../rt/settings.ts";
import { reportOn } from "../rt/report.ts";
import { parseSettings } from "../rt/settings.ts";
import { assert, assertEquals, assertStringIncludes } from "./assert.ts";
import { hasNode, libraryForNode } from "./in_node.ts";
import { assertSnapshot } from "./output/snapshot.ts";

const root = new URL("../", import.meta.url), fixtures = new URL("exit/", import.meta.url);

interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** Runs a command in `tests/exit/`, with settings. */
async function run(command: string, args: string[], settings?: string, cwd: URL | string = fixtures): Promise<Outcome> {
  const env = { NO_COLOR: "1", RUST_BACKTRACE: "0", ...settings !== undefined && { [VARIABLE]: settings } };
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd, env }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** Arguments of `deno` for a program and its own arguments. Settings need a permission. */
const denoRun = (program: string[], settings?: string, ...flags: string[]): string[] => [
  "run",
  ...settings === undefined ? [] : [`--allow-env=${VARIABLE}`],
  ...flags,
  "--no-prompt",
  "--preload",
  "../../rt/leaks.ts",
  ...program,
];

const deno = (program: string[], settings?: string, ...flags: string[]): Promise<Outcome> =>
  run(Deno.execPath(), denoRun(program, settings, ...flags), settings);

/** A test that compares all that a command prints, and its exit code. */
function snapshot(name: string, file: string, args: string[], settings?: string): void {
  Deno.test(`leaks at exit: ${name}`, async () => {
    const { code, out, err } = await run(Deno.execPath(), args, settings);
    const assignment = settings === undefined ? "" : `${VARIABLE}=${quoted(settings)} `;
    const shown = args.filter((arg) => arg !== "--no-prompt").map(quoted).join(" ");
    const text = `$ ${assignment}deno ${shown}\n${out}${err}[exit code ${code}]\n`.replaceAll(root.href, "<url>/")
      .replace(/\(\d+(ms|µs)\)/g, "(0ms)").replace(/(the block of .*? at )\d+/g, "$14096");
    await assertSnapshot(`../exit/${file}.txt`, text);
  });
}

const quoted = (word: string) => /[;*# ]/.test(word) ? `"${word}"` : word;

const server = (settings?: string, ...flags: string[]) => denoRun(["server.ts"], settings, ...flags);

snapshot("a program that leaks, with no permission at all", "leaking", server());
snapshot("figures besides", "verbose", server("verbose"), "verbose");
snapshot(
  "what is meant to stay, and no more",
  "suppressed",
  server("suppress=leaks.supp", "--allow-read=leaks.supp"),
  "suppress=leaks.supp",
);
snapshot(
  "all of it is meant to stay",
  "all_suppressed",
  server("", "--allow-read=leaks.supp"),
  "suppress=leaks.supp;fn:parse,verbose",
);
snapshot("nothing leaks, and that is told", "clean", denoRun(["ending.ts", "free"], "verbose"), "verbose");
snapshot("nothing allocated", "regions_only", denoRun(["regions_only.ts"], "verbose"), "verbose");
snapshot("escaped blocks count, those of a region do not", "escaped", denoRun(["escaped.ts"]));
snapshot("a sample", "sampled", server("every=3"), "every=3");
snapshot("a sample, suppressed in part", "sampled_suppressed", server("every=2"), "every=2,suppress=fn:intern");
snapshot("more places than are printed", "many_places", denoRun(["many_places.ts"], ""), "");
snapshot("all places and calls", "all", denoRun(["many_places.ts"], "all"), "all");
snapshot("many blocks", "many_blocks", denoRun(["many_places.ts", "5000"], "sites=1"), "sites=1");
snapshot("an asynchronous program with timers", "timers", denoRun(["ending.ts", "timers"]));
snapshot("the program's own error is all there is", "uncaught", denoRun(["ending.ts", "throw"]));
snapshot("the program's own rejection is all there is", "rejected", denoRun(["ending.ts", "reject"]));
snapshot("an overrun", "overrun", denoRun(["damaged.ts", "overrun"], ""), "stack=debug");
snapshot("a write after free", "write_after_free", denoRun(["damaged.ts", "write after free"], ""), "stack=debug");
snapshot("help", "help", denoRun(["server.ts"], "help"), "help");
snapshot("a setting that there is not", "unknown", server("depht=3"), "depht=3");
snapshot("run by itself", "by_itself", ["run", "../../rt/leaks.ts", "server.ts"]);
snapshot("in deno test", "in_test", ["test", "--no-check", "--preload", "../../rt/leaks.ts", "suite.ts"]);

Deno.test("leaks at exit: silent if nothing is out", async () => {
  for (const program of [["ending.ts", "free"], ["regions_only.ts"]]) {
    assertEquals(await deno(program), { code: 0, out: "", err: "" });
  }
  const { code, out, err } = await deno(["server.ts"], "suppress=file:server.ts");
  assertEquals([code, out, err], [0, "refused !bad\nrefused !worse\n", ""]);
});

const LEAK = "Leaks at exit: 1 of 1 blocks, 100 B, still out\n";

Deno.test("leaks at exit: however a program ends, one report behind everything else it does", async () => {
  const endings: [how: string[], code: number][] = [
    [["leave"], 1],
    [["deno", "0"], 1],
    [["deno", "3"], 3],
    [["process", "0"], 1],
    [["process", "3"], 3],
    [["code", "5"], 5],
    [["put off"], 1],
    [["at once"], 1],
    [["handled"], 1],
    [["in unload"], 1],
    [["in unload, by process"], 1],
  ];
  for (const [how, code] of endings) {
    const outcome = await deno(["ending.ts", ...how]);
    assertEquals([outcome.code, outcome.out, outcome.err.split("Leaks at exit").length], [code, "", 2], how.join(" "));
    assertStringIncludes(outcome.err, LEAK);
  }
  for (const how of ["on exit", "on process.exit", "on unload", "on Deno.exit"]) {
    assertEquals(await deno(["ending.ts", how]), { code: 0, out: "", err: "" }, how);
  }
});

Deno.test("leaks at exit: the exit code can be chosen", async () => {
  for (const [exitcode, program, code] of [[23, [], 23], [0, [], 0], [255, ["deno", "3"], 3]] as const) {
    const outcome = await deno(["ending.ts", ...program], `exitcode=${exitcode}`);
    assertEquals(outcome.code, code);
    assertStringIncludes(outcome.err, LEAK);
  }
});

Deno.test("leaks at exit: settings that are wrong end the program before it starts", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, "fn:intern\n\nintern\n");
  const wrong: [settings: string, message: string][] = [
    ["depth=0", 'depth must be an integer from 1 to 100, got "0"'],
    ["depth=1.5", 'depth must be an integer from 1 to 100, got "1.5"'],
    ["depth", 'depth must be an integer from 1 to 100, got ""'],
    ["sites=-1", 'sites must be an integer from 1 to 4294967295, got "-1"'],
    ["calls=x", 'calls must be an integer from 1 to 4294967295, got "x"'],
    ["every=0", 'every must be an integer from 1 to 4294967295, got "0"'],
    ["bytes=0", 'bytes must be an integer from 1 to 4294967295, got "0"'],
    ["exitcode=256", 'exitcode must be an integer from 0 to 255, got "256"'],
    ["depth=2,depth=3", "depth is given twice"],
    ["every=2,bytes=2", "every and bytes exclude each other"],
    ["stack=check,all,calls=2", "all and calls exclude each other"],
    ["verbose=yes", 'verbose takes no value, got "yes"'],
    ["stack=fast", 'stack must be one of check, debug, shadow, got "fast"'],
    ["stack=debug,every=2", "every and bytes go with stack=check only"],
    ["suppress=", "suppress must not be empty"],
    ["skip=;", "skip must not be empty"],
    ["suppress=fn:", 'suppress: a pattern must be fn:NAME or file:FILE, got "fn:"'],
    ["suppress=absent.supp", 'suppress cannot read the file "absent.supp": there is no such file'],
    [`suppress=${file}`, `${file}, line 3: a pattern must be fn:NAME or file:FILE, got "intern"`],
  ];
  for (const [settings, message] of wrong) {
    assertEquals(await deno(["server.ts"], settings, "--allow-read"), {
      code: 2,
      out: "",
      err: `error: ${VARIABLE}: ${message}; ${VARIABLE}=help tells more\n`,
    });
  }
  await Deno.remove(file);
  const { code, err } = await deno(["server.ts"], "suppress=leaks.supp");
  assertEquals(code, 2);
  assertStringIncludes(err, 'suppress cannot read the file "leaks.supp": that takes --allow-read=leaks.supp');
});

Deno.test("leaks at exit: the help names every setting, and is what --help prints", async () => {
  const { out } = await deno(["server.ts"], "help");
  for (const settings of ["", "--help"]) {
    const args = ["run", "../../rt/leaks.ts", ...settings === "" ? [] : [settings]];
    assertEquals(await run(Deno.execPath(), args), { code: 0, out, err: "" });
  }
  const { err } = await deno(["server.ts"], "nonsense");
  const names = /expected (.*?);/.exec(err)![1].split(", ");
  assertEquals(names.length, 12);
  for (const name of names) assert(new RegExp(`^  ${name}\\b`, "m").test(out), name);
});

Deno.test("leaks at exit: what is recorded can be limited to what counts", async () => {
  const shallow = await deno(["many_places.ts"], "all,depth=1");
  assert(!shallow.err.includes("deep ("), shallow.err);
  const skipped = await deno(["many_places.ts"], "skip=many_places");
  assertStringIncludes(skipped.err, "deep ("); // there are no others
  const bytes = await deno(["many_places.ts"], "all,bytes=50");
  assertStringIncludes(bytes.err, "9 of 9 blocks, 300 B, still out");
  assert(bytes.err.includes("about "), bytes.err);
});

Deno.test("leaks at exit: more can come back than went out", () => {
  const report = (nalloc: number, nfree: number, szalloc: number, szfree: number) =>
    reportOn(
      { gauge: () => ({ nalloc, nfree, szalloc, szfree, watermark: 0 }), sites: () => [], layer: {} } as never,
      parseSettings("", () => ""),
      "",
      false,
    );
  assertEquals(report(1, 1, 10, 10), { text: "", bad: false });
  const more =
    "Leaks at exit: 1 more block and 6 B more came back than went out: debug finds what was freed twice, or with a wrong size";
  assertEquals(report(1, 2, 10, 16), { text: more, bad: true });
  assertEquals(
    report(2, 2, 16, 10).text,
    "Leaks at exit: as many blocks came back as went out, but 6 B less: debug finds what was freed twice, or with a wrong size",
  );
});

Deno.test("leaks at exit: a sample in which there is nothing says so", async () => {
  const { code, err } = await deno(["ending.ts"], "every=1000000");
  assertEquals(
    [code, err],
    [1, `${LEAK}\nPlaces: none of these blocks has been recorded; every=1 records all\n`],
  );
});

Deno.test("leaks at exit: a stack finds what it is for, and the same leaks as another", async () => {
  const plain = await deno(["server.ts"], "");
  for (const stack of ["debug", "shadow"]) {
    assertEquals(await deno(["server.ts"], `stack=${stack}`), plain);
    assertEquals(await deno(["ending.ts", "free"], `stack=${stack}`), { code: 0, out: "", err: "" });
    const { code, err } = await deno(["damaged.ts", "double free"], `stack=${stack}`);
    assertEquals(code, 1);
    assertStringIncludes(err, "DoubleFreeError: Cannot free the block of 100 B at ");
    assert(!err.includes("at exit"), err); // the program's own error is all there is
    assertStringIncludes(
      (await deno(["damaged.ts", "overrun"], `stack=${stack}`)).err,
      "Damage at exit: OverrunError: ",
    );
  }
  const misuse = ["damaged.ts", "use after free"];
  for (
    const [stack, error] of [["check", "1 of 2 blocks"], ["debug", "1 of 2 blocks"], [
      "shadow",
      "UseAfterFreeError: Cannot read 4 bytes",
    ]]
  ) {
    const { code, err } = await deno(misuse, `stack=${stack}`);
    assertEquals(code, 1);
    assertStringIncludes(err, error);
  }
});

Deno.test("leaks at exit: has to be loaded first", async () => {
  const code = `import { bytealloc } from "../../mod.ts"; bytealloc(1); await import("../../rt/leaks.ts");`;
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(path, code.replaceAll("../../", root.href));
  const { code: exit, err } = await run(Deno.execPath(), ["run", "-A", path]);
  await Deno.remove(path);
  assertEquals(exit, 2);
  assertStringIncludes(err, "has to be loaded before the program, which has made 1 allocations already");
});

Deno.test("leaks at exit: a worker is a program of its own, which Deno preloads nothing in", async () => {
  const args = (name: string) => denoRun(["worker.ts", name], undefined, "--allow-read");
  assertEquals(await run(Deno.execPath(), args("alone")), { code: 0, out: "", err: "" });
  const { code, err } = await run(Deno.execPath(), args("watched"));
  assertEquals(code, 1);
  assertStringIncludes(err, "Cannot watch over a worker: ");
});

Deno.test("leaks at exit: from another origin, with nothing cached", async () => {
  const dir = await Deno.makeTempDir();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    try {
      const body = await Deno.readTextFile(new URL("." + new URL(request.url).pathname, root));
      return new Response(body, { headers: { "content-type": "application/typescript" } });
    } catch {
      return new Response("not found", { status: 404 });
    }
  });
  try {
    const { port } = server.addr, url = `http://127.0.0.1:${port}`;
    await Deno.writeTextFile(`${dir}/main.ts`, `import { bytealloc } from "${url}/mod.ts";\nbytealloc(100);\n`);
    const flags = ["--no-config", "--no-lock", "--no-prompt", "--quiet", `--allow-import=127.0.0.1:${port}`];
    const args = ["run", ...flags, "--preload", `${url}/rt/leaks.ts`, "main.ts"];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: dir,
      env: { NO_COLOR: "1", DENO_DIR: `${dir}/cache` },
    }).output();
    const text = new TextDecoder().decode(stderr);
    assertEquals([code, stdout.length], [1, 0], text);
    const place = `  1 block, 100 B, allocated at\n    file://${await Deno.realPath(dir)}/main.ts:2:1\n`;
    assertStringIncludes(text, `${LEAK}\n${place}\n`);

    // Another copy of the library has another ground region
    await Deno.writeTextFile(`${dir}/main.ts`, `import { bytealloc } from "${root}mod.ts";\nbytealloc(100);\n`);
    const other = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-E", ...args.slice(1)],
      cwd: dir,
      env: { NO_COLOR: "1", DENO_DIR: `${dir}/cache`, [VARIABLE]: "verbose" },
    }).output();
    assertEquals(other.code, 0);
    assertStringIncludes(new TextDecoder().decode(other.stderr), `no allocation was made through ${url}/mod.ts but`);
  } finally {
    await server.shutdown();
    await Deno.remove(dir, { recursive: true });
  }
});

if (!hasNode) console.warn("leaks at exit: there is no node here, what is tested there is left out");

Deno.test({
  name: "leaks at exit: in Node",
  ignore: !hasNode,
  fn: async () => {
    const dir = await libraryForNode();
    const program = await Deno.readTextFile(new URL("ending.ts", fixtures));
    await Deno.writeTextFile(
      `${dir}/ending.js`,
      program.replace("../../mod.ts", "./mod.js").replaceAll("Deno.exit", "process.exit"),
    );
    const node = (args: string[], settings?: string) =>
      run("node", ["--import", "./rt/leaks.js", ...args], settings, dir);

    const place = `\n  1 block, 100 B, allocated at\n    file://${dir}/ending.js:6:11\n`;
    for (
      const [how, code] of [[["leave"], 1], [["process", "0"], 1], [["process", "3"], 3], [["code", "5"], 5]] as const
    ) {
      assertEquals(await node(["ending.js", ...how]), { code, out: "", err: LEAK + place });
    }
    for (const how of ["free", "on exit", "on process.exit"]) {
      assertEquals(await node(["ending.js", how]), { code: 0, out: "", err: "" }, how);
    }
    for (const how of ["throw", "reject"]) {
      const failed = await node(["ending.js", how]);
      assertEquals(failed.code, 1);
      assert(failed.err.includes("the program's own") && !failed.err.includes("Leaks"), failed.err);
    }
    assertEquals(await node(["ending.js", "handled"]), { code: 1, out: "", err: LEAK + place });
    assertEquals(await node(["ending.js"], "suppress=file:ending.js"), { code: 0, out: "", err: "" });
    assertEquals((await node(["ending.js"], "nonsense")).code, 2);
    const help = await run("node", ["rt/leaks.js"], undefined, dir);
    assertEquals(help.code, 0);
    assertStringIncludes(help.out, `usage: node --import file://${dir}/rt/leaks.js main.js\n`);

    await Deno.writeTextFile(
      `${dir}/worker.js`,
      `import { isMainThread, Worker } from "node:worker_threads";\nimport { bytealloc } from "./mod.js";\n` +
        `if (isMainThread) new Worker(new URL(import.meta.url));\nelse bytealloc(100);\n`,
    );
    const threads = await node(["worker.js"]);
    assertEquals([threads.code, threads.err.split(LEAK).length], [0, 2]);
    await Deno.remove(dir, { recursive: true });
  },
});
