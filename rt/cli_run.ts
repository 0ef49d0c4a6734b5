/**
 * `run` of `cli.ts`: runs a WASI command, and tells what it has allocated and not freed.
 *
 * @module
 */

import { MOST_FRAMES, withStackLimit } from "../call_stack.ts";
import { show } from "../errors.ts";
import type { AnyLayer } from "../layer.ts";
import { debug } from "../layers/debug.ts";
import { stats } from "../layers/stats.ts";
import { trace } from "../layers/trace.ts";
import {
  allocatorIn,
  ALLOCATORS,
  attempt,
  type FileModule,
  namesOf,
  NAMING,
  readModule,
  stem,
  writeFile,
} from "./cli_files.ts";
import { asProgram } from "./cli_guest_calls.ts";
import { type Ending, jsonOf, textOf } from "./cli_ending.ts";
import { type Command, type CommandLine, type Takes, UsageError } from "./cli_options.ts";
import { Progress, ticking } from "./cli_progress.ts";
import { StartUp } from "./cli_startup.ts";
import { symbolsFor } from "./cli_symbols.ts";
import { findEntries } from "./entries.ts";
import type { Guest } from "./guest.ts";
import { isTerminal, process, readText, write, writeError } from "./host.ts";
import { interpose } from "./interpose.ts";
import { reportOf, watchedOf } from "./report.ts";
import { type Settings, settingsOf } from "./settings.ts";
import { makeWasi, type Wasi, WASI_MODULES } from "./wasi.ts";

/** What can be found out. */
type StackName = "check" | "debug" | "stats";

const STACKS: Record<StackName, (bottom: AnyLayer, settings: Settings<StackName>, tick?: () => void) => AnyLayer> = {
  check: (bottom, { depth, every, bytes, skip }, tick) =>
    clocked(trace(stats(bottom), { depth, every, bytes, skip }), tick),
  debug: (bottom, { depth }, tick) => clocked(stats(debug(bottom, { depth })), tick),
  stats: (bottom) => stats(bottom), // and no clock: what serves it need not leave the program
};

const clocked = (layer: AnyLayer, tick?: () => void): AnyLayer => tick === undefined ? layer : ticking(layer, tick);

/** Exit code of a program that traps: that of one that aborts, as a shell has it. */
const TRAPPED = 134;

const SETTINGS: Readonly<Record<string, Takes>> = {
  stack: "value",
  depth: "value",
  every: "value",
  bytes: "value",
  suppress: "values",
  sites: "value",
  calls: "value",
  all: "nothing",
  skip: "values",
  exitcode: "value",
};

/** Runs a WASI command. */
export const run: Command = {
  takes: {
    dir: "values",
    env: "values",
    allocator: "value",
    ...SETTINGS,
    ...NAMING,
    symbols: "value",
    "source-map": "value",
    quiet: "nothing",
    json: "nothing",
    output: "value",
  },
  letters: { o: "output" },
  program: true,
  run: (line) => {
    const settings = settingsIn(line), allocator = allocatorIn(line, ALLOCATORS);
    const [file, ...args] = line.rest;
    if (file === undefined) throw new UsageError("run takes the file of a WASI command; help run tells more");
    const program = readModule(file);
    assertCommand(program);

    let guest: Guest | undefined;
    const startUp = new StartUp(() => guest && asProgram(watchedOf(guest.ground)));
    const read = (p: number) => new DataView(guest!.memory.buffer).getUint32(p >>> 0, true);
    const progress = isTerminal(2) && !line.options.has("quiet")
      ? new Progress((text) => write(2, text), () => startUp.gauge())
      : undefined;
    const wasi = attempt(file, () =>
      makeWasi({
        args: [file.replace(/^.*\//, ""), ...args],
        env: environmentIn(line),
        dirs: directoriesIn(line),
        module: wasiModuleOf(program) ?? "wasi_snapshot_preview1",
        before(name) {
          startUp.before(name);
          if (name === "fd_write" || name === "fd_read" || name === "proc_exit") progress?.clear();
          else progress?.tick();
        },
        after: (name, args, result) => startUp.after(name, args, result, read),
      }));
    const interposed = attempt(file, () =>
      interpose(program.bytes, {
        ...allocator && { allocator },
        names: namesOf(line, program.module),
        stack: (bottom) => STACKS[settings.stack](bottom, settings, progress?.tick),
        name: stem(file),
        symbols: symbolsFor(line, program),
      }));
    guest = attempt(file, () => {
      const imports = interposed.imports(wasi.imports);
      return interposed.attach(
        new WebAssembly.Instance(new WebAssembly.Module(interposed.bytes), imports),
        imports,
      );
    });

    const before = guest.memory.buffer.byteLength, start = performance.now();
    const ending: Ending = runGuest(guest, wasi);
    progress?.clear();
    const seconds = (performance.now() - start) / 1000;
    const findings = reportOf(startUp, settings, {
      nothing: ["Leaks at exit: none, as nothing was allocated"],
      all: "--all",
    });
    const told = {
      file,
      ending,
      seconds,
      findings,
      startUp,
      memory: { before, after: guest.memory.buffer.byteLength },
      allocator: interposed.mode,
      stack: settings.stack,
    };
    const quiet = line.options.has("quiet") && !findings.bad && ending.error === undefined;
    const text = line.options.has("json") ? JSON.stringify(jsonOf(told)) : quiet ? "" : textOf(told);
    tell(text, line.options.get("output")?.[0]);
    return ending.code === 0 && findings.bad ? settings.exitcode : ending.code;
  },
};

/** Runs a program to its end. */
function runGuest({ instance }: Guest, wasi: Wasi): Ending {
  try {
    return { code: withStackLimit(MOST_FRAMES, () => wasi.start(instance)) };
  } catch (error) {
    return { code: TRAPPED, error };
  }
}

function tell(text: string, output: string | undefined): void {
  if (output !== undefined) writeFile(output, new TextEncoder().encode(text === "" ? "" : text + "\n"));
  else if (text !== "") writeError(text);
}

/** Throws unless it is something that can be run. */
function assertCommand({ file, module }: FileModule): void {
  const has = (name: string, kind: string) => module.exports.some((e) => e.name === name && e.kind === kind);
  if (!has("_start", "func")) {
    const library = has("_initialize", "func")
      ? ", but _initialize, as a library does that a program instantiates"
      : "";
    throw new UsageError(`${file}: it is no WASI command: it exports no _start${library}`);
  }
  if (!has("memory", "memory")) throw new UsageError(`${file}: it is no WASI command: it exports no memory`);
  const { imported, others } = findEntries(module);
  const allocating = new Set([...[...imported.values()].map((i) => i.index), ...others.map(({ index }) => index)]);
  const foreign = module.imports.filter((i) =>
    WASI_MODULES[i.module] === undefined && !(i.kind === "func" && allocating.has(i.index))
  );
  if (foreign.length > 0) {
    const [{ module, name }] = foreign, more = foreign.length > 1 ? ` and ${foreign.length - 1} more` : "";
    throw new UsageError(`${file}: it imports ${module}.${name}${more}, which WASI does not have`);
  }
}

function wasiModuleOf({ module }: FileModule): string | undefined {
  return module.imports.find((i) => WASI_MODULES[i.module] !== undefined)?.module;
}

function settingsIn({ options }: CommandLine): Settings<StackName> {
  const given = new Map<string, string | undefined>();
  for (const name of Object.keys(SETTINGS)) {
    const values = options.get(name);
    if (values !== undefined) given.set(name, values.length === 0 ? undefined : values.join(";"));
  }
  if (!options.has("quiet")) given.set("verbose", undefined);
  try {
    return settingsOf(given, ["check", "debug", "stats"], readText);
  } catch (e) {
    throw new UsageError((e as Error).message);
  }
}

/** Directories by the names that they have in the program, from "DIR" and "DIR::NAME". */
function directoriesIn({ options }: CommandLine): Record<string, string> {
  const dirs: Record<string, string> = {};
  for (const text of options.get("dir") ?? []) {
    const [, dir, name = dir] = /^(.+?)(?:::(.+))?$/s.exec(text) ?? [];
    if (dir === undefined) throw new UsageError(`--dir must be as in DIR or DIR::NAME, got ${show(text)}`);
    dirs[name] = dir;
  }
  return dirs;
}

/** Variables from "NAME=VALUE", and "NAME" for what it is here. */
function environmentIn({ options }: CommandLine): Record<string, string> {
  const env: Record<string, string> = {};
  for (const text of options.get("env") ?? []) {
    const [, name, value] = /^([^=]+)(?:=(.*))?$/s.exec(text) ?? [];
    if (name === undefined) throw new UsageError(`--env must be as in NAME=VALUE or NAME, got ${show(text)}`);
    const given = value ?? process?.env[name];
    if (given !== undefined) env[name] = given;
  }
  return env;
}
