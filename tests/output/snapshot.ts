/** Runs a command as a user does, and compares what it prints with a text that is kept beside this file. */

import { assertEquals } from "../assert.ts";

const root = new URL("../../", import.meta.url);

/** What a command has printed on the standard output, with what differs from run to run replaced, and its exit code. */
export async function output(command: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const env = { NO_COLOR: "1" };
  const { code, stdout } = await new Deno.Command(command, { args, env, cwd: root.pathname }).output();
  return { code, text: normalise(new TextDecoder().decode(stdout)) };
}

/** A text with placeholders for times, places and versions. */
export function normalise(text: string): string {
  return text
    .replaceAll(/\((\d+(?:\.\d+)?(?:ms|µs|s|m)?)+\)/g, "(TIME)")
    .replaceAll(root.href, "file:///.../")
    .replaceAll(/file:\/\/\/[^\s)]*\/(deno-std)\/[\d.]+\//g, "file:///.../$1/")
    .replaceAll(/(\/(?:testing\/\w+|region)\.ts):\d+:\d+/g, "$1:LINE")
    .replaceAll(/(ext:[\w/]+\.\w+):\d+:\d+/g, "$1:LINE");
}

/** Asserts that a text is the one kept as `name`. `UPDATE_SNAPSHOTS=1` keeps it, for you to look at and to commit. */
export async function assertSnapshot(name: string, text: string): Promise<void> {
  const file = new URL(name, import.meta.url);
  if (Deno.env.get("UPDATE_SNAPSHOTS")) await Deno.writeTextFile(file, text);
  assertEquals(text, await Deno.readTextFile(file), `${name} differs: UPDATE_SNAPSHOTS=1 keeps what is printed now`);
}

/** Runs the tests in a file of this folder, and returns what it says of each that is not a step: "ok" or "FAILED". */
export async function testOutput(
  name: string,
  ...flags: string[]
): Promise<{ code: number; text: string; results: Record<string, string> }> {
  const { code, text } = await output(Deno.execPath(), "test", "-A", "--no-check", ...flags, `tests/output/${name}.ts`);
  const results = Object.fromEntries(
    [...text.matchAll(/^(\S.*?) \.\.\. (ok|FAILED) \(/gm)].map(([, test, result]) => [test, result]),
  );
  return { code, text, results };
}
