// Leaks in more places than are printed, more blocks than are looked at one by one, and deep in a recursion
import { bytealloc } from "../../mod.ts";

const sizes = [
  () => bytealloc(10),
  () => bytealloc(20),
  () => bytealloc(30),
  () => bytealloc(40),
  () => bytealloc(50),
  () => bytealloc(60),
  () => bytealloc(70),
];

function deep(n: number, f: () => number): number {
  return n === 0 ? f() : deep(n - 1, f);
}

sizes.forEach((f, i) => deep(i, f));
for (const n of [4, 5]) deep(n, sizes[0]); // which looks the same, as far as it is printed
if (Deno.args.length > 0) { for (let i = 0; i < Number(Deno.args[0]); i++) bytealloc(100); }
