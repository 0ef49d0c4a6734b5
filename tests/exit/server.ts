// A program that forgets to free what an exception passes by, and keeps a cache on purpose
import { bytealloc, bytefree } from "../../mod.ts";

const cache = new Map<string, number>();

function intern(name: string): number {
  let p = cache.get(name);
  if (p === undefined) cache.set(name, p = bytealloc(name.length));
  return p;
}

function parse(line: string): number {
  const header = bytealloc(64), body = bytealloc(line.length);
  if (line.startsWith("!")) throw new SyntaxError(`bad request: ${line}`);
  bytefree(body, line.length);
  return header;
}

function serve(line: string): void {
  intern(line.slice(0, 4));
  try {
    bytefree(parse(line), 64);
  } catch {
    console.log(`refused ${line}`);
  }
}

for (const line of ["GET /", "!bad", "PUT /a", "GET /b", "!worse"]) serve(line);
