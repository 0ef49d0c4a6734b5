import { formatBytes, formatGauge } from "../mod.ts";
import { assertEquals } from "./assert.ts";

Deno.test("gauge: bytes for people", () => {
  const cases: [bytes: number, text: string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [9_999, "9,999 B"],
    [10_000, "9.8 KiB"],
    [-10_240, "-10.0 KiB"],
    [1024 ** 2, "1.0 MiB"],
    [2 ** 32, "4.0 GiB"],
    [3 * 2 ** 40, "3.0 TiB"],
    [2 ** 50, "1.0 PiB"],
    [2 ** 62, "4096.0 PiB"],
  ];
  for (const [bytes, text] of cases) assertEquals(formatBytes(bytes), text);
});

Deno.test("gauge: the figures in a line", () => {
  assertEquals(
    formatGauge({ nalloc: 1_234_567, nfree: 1_234_560, szalloc: 2 ** 33, szfree: 2 ** 32, watermark: 5000 }),
    "1,234,567 allocated, 1,234,560 freed; 8.0 GiB allocated, 4.0 GiB freed, peak 5,000 B; 7 live, 4.0 GiB",
  );
});
