/**
 * `run` of `cli.ts`: runs a WASI command, and tells what it has allocated and not freed.
 *
 * @module
 */

import { MOST_FRAMES, withStackLimit } from "../../call_stack.ts";
import type { AnyLayer } from "../../layer.ts";
import { debug } from "../../layers/debug.ts";
import { stats } from "../../layers/stats.ts";
import { trace } from "../../layers/trace.ts";
import { type Ending, jsonOf, textOf } from "./ending.ts";
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
} from "./files.ts";
import { directoriesIn, environmentIn, SETTINGS, settingsIn, type StackName } from "./given.ts";
import { asProgram } from "./guest_calls.ts";
import { type Command, type CommandLine, UsageError } from "./options.ts";
import { paint } from "./paint.ts";
import { Progress, ticking } from "./progress.ts";
import { StartUp } from "./startup.ts";
import { symbolsFor } from "./symbols.ts";
import { assertCommand, wasiModuleOf } from "./wasi_command.ts";
import type { Guest } from "../guest/guest.ts";
import { isTerminal, write, writeError } from "../host.ts";
import { interpose } from "../guest/interpose.ts";
import { reportOf, watchedOf } from "../report.ts";
import type { Settings } from "../settings.ts";
import { lastWritten, makeWasi, type Wasi } from "./wasi.ts";

const STACKS: Record<StackName, (bottom: AnyLayer, settings: Settings<StackName>, tick?: () => void) => AnyLayer> = {
  check: (bottom, { depth, every, bytes, skip }, tick) =>
    clocked(trace(stats(bottom), { depth, every, bytes, skip }), tick),
  debug: (bottom, { depth }, tick) => clocked(stats(debug(bottom, { depth })), tick),
  stats: (bottom) => stats(bottom), // and no clock: what serves it need not leave the program
};

const clocked = (layer: AnyLayer, tick?: () => void): AnyLayer => tick === undefined ? layer : ticking(layer, tick);

/** Exit code of a program that traps: that of one that aborts, as a shell has it. */
const TRAPPED = 134;

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
    const [file, ...args] = line.rest, settings = settingsIn(line);
    if (file === undefined) throw new UsageError("run takes the file of a WASI command; help run tells more");
    const program = readModule(file);
    assertCommand(program);

    const served: { guest?: Guest } = {};
    const startUp = new StartUp(() => served.guest && asProgram(watchedOf(served.guest.ground)));
    const progress = isTerminal(2) && !line.options.has("quiet")
      ? new Progress((text) => write(2, text), () => startUp.gauge())
      : undefined;
    const wasi = wasiFor(line, program, args, () => served.guest!.memory, startUp, progress);
    const guest = served.guest = guestOf(
      line,
      program,
      wasi,
      (bottom) => STACKS[settings.stack](bottom, settings, progress?.tick),
    );

    const before = guest.memory.buffer.byteLength, start = performance.now();
    const ending = runGuest(guest, wasi), seconds = (performance.now() - start) / 1000;
    progress?.clear();
    const findings = reportOf(startUp, settings, {
      nothing: ["Leaks at exit: none, as nothing was allocated"],
      all: "--all",
      hint: settings.stack === "stats" ? "Places: not recorded, --stack=check does that" : undefined,
    });
    const memory = { before, after: guest.memory.buffer.byteLength };
    const told = { file, ending, seconds, findings, startUp, memory, stack: settings.stack, strays: guest.strays };
    const nothing = line.options.has("quiet") && !findings.bad && ending.error === undefined;
    const text = line.options.has("json") ? JSON.stringify(jsonOf(told)) : nothing ? "" : textOf(told);
    tell(text, line);
    return ending.code === 0 && findings.bad ? settings.exitcode : ending.code;
  },
};

/** What a program imports, with what is to be known of its calls. */
function wasiFor(
  line: CommandLine,
  program: FileModule,
  args: readonly string[],
  memory: () => WebAssembly.Memory,
  startUp: StartUp,
  progress: Progress | undefined,
): Wasi {
  const env = environmentIn(line), dirs = directoriesIn(line);
  const word = (p: number) => new DataView(memory().buffer).getUint32(p >>> 0, true);
  const isOutput = (name: string, fd: unknown) => name === "fd_write" && (fd === 1 || fd === 2) && isTerminal(fd);
  try {
    return makeWasi({
      args: [program.file.replace(/^.*\//, ""), ...args],
      env,
      dirs,
      module: wasiModuleOf(program),
      before: (name, args) => {
        startUp.before(name);
        if (isOutput(name, args[0]) || name === "fd_read" && args[0] === 0) progress?.clear();
        else progress?.tick();
      },
      after: (name, args, result) => {
        startUp.after(name, args, result, word);
        if (progress !== undefined && isOutput(name, args[0])) progress.held = lastWritten(memory(), args) !== "\n";
      },
    });
  } catch (e) {
    throw new UsageError(`WASI cannot be had for ${program.file}: ${(e as Error).message}`);
  }
}

function guestOf(line: CommandLine, program: FileModule, wasi: Wasi, stack: (bottom: AnyLayer) => AnyLayer): Guest {
  const { file, bytes, module } = program;
  const allocator = allocatorIn(line, ALLOCATORS), names = namesOf(line, module), symbols = symbolsFor(line, program);
  return attempt(file, () => {
    const made = interpose(bytes, { ...allocator && { allocator }, names, stack, name: stem(file), symbols });
    const imports = made.imports(wasi.imports);
    return made.attach(new WebAssembly.Instance(new WebAssembly.Module(made.bytes), imports), imports);
  });
}

/** Runs a program to its end. */
function runGuest({ instance }: Guest, wasi: Wasi): Ending {
  try {
    return { code: withStackLimit(MOST_FRAMES, () => wasi.start(instance)) };
  } catch (error) {
    return { code: TRAPPED, error };
  }
}

function tell(text: string, { options }: CommandLine): void {
  const [output] = options.get("output") ?? [], json = options.has("json");
  if (output === undefined) return text === "" ? undefined : writeError(json ? text : paint(text));
  try {
    writeFile(output, new TextEncoder().encode(text === "" ? "" : text + "\n"));
  } catch (e) {
    writeError(text); // it has taken a run to know this
    throw e;
  }
}
