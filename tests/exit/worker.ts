// A worker that leaks, which its program has nothing to do with, and that is watched if it is told to be
import { bytealloc } from "../../mod.ts";

if (typeof WorkerGlobalScope === "undefined") {
  const [name] = Deno.args;
  new Worker(import.meta.url, { type: "module", name });
} else {
  if (self.name === "watched") await import("../../rt/leaks.ts");
  bytealloc(100);
  self.close();
}

declare const WorkerGlobalScope: unknown;
