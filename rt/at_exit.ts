/**
 * The end of a program, after whatever else it does then.
 *
 * @module
 */

import { deno, type Process, process } from "./host.ts";

/**
 * Calls `f` when the program ends, after whatever else it does then. Its result is the exit code, unless the program's
 * own is not 0. `f` is not called if an error that nobody has caught ends the program.
 */
export function atExit(f: () => number): void {
  let called = false;
  const call = (code: unknown) => {
    if (called) return;
    called = true;
    const ours = f();
    if (Number(code ?? 0) === 0 && ours !== 0 && process !== undefined) process.exitCode = ours;
  };

  if (deno !== undefined || process === undefined) {
    atExitOfDeno(call);
  } else {
    let emits = false;
    process.on("exit", (code) => emits || call(code)); // Bun does not use `emit`
    onEmit(process, (name) => {
      if (name === "exit") emits = true;
    }, (name, code) => {
      if (name === "exit") call(code);
      if (name === "uncaughtExceptionMonitor" && !isHandled()) called = true;
    });
  }
}

/** There, `Deno.exit` brings "unload" only, `process.exit` "exit" before it, and the end of a program "exit" after it. */
function atExitOfDeno(call: (code: unknown) => void): void {
  let idle = false, exiting = false, unloading = false, unloaded = false;
  const unload = () => {
    unloaded = true;
    const goesOn = idle && !exiting && process !== undefined && process.listenerCount("exit") > 0;
    if (!goesOn) call(deno?.exitCode);
  };

  const { addEventListener, removeEventListener } = globalThis;
  addEventListener("unload", () => unloading = true); // the first
  addEventListener("unload", unload);
  globalThis.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    addEventListener.apply(globalThis, args);
    if (args[0] !== "unload") return;
    removeEventListener("unload", unload);
    addEventListener("unload", unload); // the last again
  };

  if (process !== undefined) {
    onEmit(process, () => {}, (name, code) => {
      if (name === "beforeExit") idle = true;
      if (name === "exit" && unloaded) call(code);
    });
  }
  if (deno !== undefined) {
    const runtime = deno, { exit } = runtime;
    runtime.exit = (code) => {
      exiting = true;
      if (!unloading) return exit(code);
      call(code); // no other listener is called any more
      return exit(code || runtime.exitCode);
    };
  }
}

/** Calls functions before and after the listeners of every event, those included that the program will add. */
function onEmit(
  process: Process,
  before: (name: string) => void,
  after: (name: string, argument: unknown) => void,
): void {
  const { emit } = process;
  process.emit = function (name, ...args) {
    before(name);
    try {
      return emit.call(this, name, ...args);
    } finally {
      after(name, args[0]);
    }
  };
}

/** Whether a program goes on after an error that nobody has caught. */
function isHandled(): boolean {
  return process !== undefined &&
    (process.listenerCount("uncaughtException") > 0 || process.hasUncaughtExceptionCaptureCallback?.() === true);
}
