/**
 * Whether a module is a command for WASI, which `run` of `cli.ts` can run.
 *
 * @module
 */

import type { FileModule } from "./files.ts";
import { UsageError } from "./options.ts";
import { findEntries } from "../inspect/entries.ts";
import { WASI_MODULES } from "./wasi.ts";

/** Throws unless it is something that can be run. */
export function assertCommand({ file, module }: FileModule): void {
  const refuse = (why: string): never => {
    throw new UsageError(`${file}: it is no WASI command: it ${why}`);
  };
  const has = (name: string, kind: string) => module.exports.some((e) => e.name === name && e.kind === kind);
  if (!has("_start", "func")) {
    refuse(`exports no _start${has("_initialize", "func") ? ", but _initialize, as a library does" : ""}`);
  }
  if (!has("memory", "memory")) refuse("exports no memory");
  const { imported, others } = findEntries(module);
  const allocating = new Set([...[...imported.values()].map((i) => i.index), ...others.map(({ index }) => index)]);
  const foreign = module.imports.filter((i) =>
    !Object.hasOwn(WASI_MODULES, i.module) && !(i.kind === "func" && allocating.has(i.index))
  );
  if (foreign.length > 0) {
    const [{ module, name }] = foreign, more = foreign.length > 1 ? ` and ${foreign.length - 1} more` : "";
    refuse(`imports ${module}.${name}${more}, which WASI does not have`);
  }
}

/** What it imports WASI from. */
export function wasiModuleOf({ module }: FileModule): string {
  const wasi = module.imports.find((i) => Object.hasOwn(WASI_MODULES, i.module));
  return wasi?.module ?? "wasi_snapshot_preview1";
}
