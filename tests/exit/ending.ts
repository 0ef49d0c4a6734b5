// Leaks, or not, and ends as it is told to
import process from "node:process";
import { bytealloc, bytefree } from "../../mod.ts";

const [how, code = "0"] = process.argv.slice(2);
const p = bytealloc(100);

switch (how) {
  case "free":
    bytefree(p, 100);
    break;
  case "deno":
    Deno.exit(Number(code));
    break;
  case "process":
    process.exit(Number(code));
    break;
  case "code":
    process.exitCode = Number(code);
    break;
  case "throw":
    throw new Error("the program's own");
  case "reject":
    Promise.reject(new Error("the program's own"));
    break;
  case "handled":
    process.on("uncaughtException", () => {});
    Promise.reject(new Error("the program's own"));
    break;
  case "timers": {
    const q = bytealloc(200);
    await new Promise((done) => setTimeout(done, 5));
    setTimeout(() => {
      bytefree(p, 100);
      setTimeout(() => console.log(bytealloc(300) > q), 5);
    }, 5);
    break;
  }
  // Everything is freed, and only just
  case "on exit":
    process.on("exit", () => bytefree(p, 100));
    break;
  case "on process.exit":
    process.on("exit", () => bytefree(p, 100));
    process.exit(0);
    break;
  case "on unload":
    addEventListener("unload", () => bytefree(p, 100));
    break;
  case "on Deno.exit":
    globalThis.onunload = () => bytefree(p, 100);
    Deno.exit(0);
    break;
  case "in unload":
    addEventListener("unload", () => Deno.exit(0));
    break;
  case "in unload, by process":
    addEventListener("unload", () => process.exit(0));
    break;
  // The end is put off once, and then comes by another way
  case "put off":
    process.on("exit", () => {});
    process.once("beforeExit", () => setTimeout(() => Deno.exit(0), 5));
    break;
  case "at once":
    process.on("exit", () => {});
    process.once("beforeExit", () => Deno.exit(0));
}
