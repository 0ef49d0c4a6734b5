// The ledger: what is known of blocks by their addresses, in the table and beside it
import { LARGE, Ledger, MOST_SLOTS, TABLE } from "../rt/guest/ledger.ts";
import { assert, assertEquals } from "./assert.ts";
import { random } from "./kit.ts";

/** A ledger for a memory of so many bytes, whose table can have up to `most` pages of 64 KiB. */
function ledgerFor(bytes: number, shift: number, most = 1000): Ledger {
  const memory = new WebAssembly.Memory({ initial: TABLE / 65536, maximum: TABLE / 65536 + most });
  const ledger = new Ledger(memory, shift);
  ledger.reach(bytes);
  return ledger;
}

/** All blocks, sorted. */
function all(ledger: Ledger): [p: number, size: number, slot: number][] {
  const list: [number, number, number][] = [];
  ledger.forEach((p, size, slot) => list.push([p, size, slot]));
  return list.sort(([a], [b]) => a - b);
}

for (const shift of [3, 4]) {
  Deno.test(`ledger: granules of ${1 << shift} bytes: blocks of all sizes, with all slots`, () => {
    const ledger = ledgerFor(2 ** 20, shift);
    const sizes = [0, 1, 255, 65536, LARGE - 1, LARGE, LARGE + 1, 2 ** 31, 2 ** 32 - 1];
    const blocks = sizes.flatMap((size, i) =>
      [1, 2, 128, MOST_SLOTS].map((slot, j) => [(i * 4 + j + 1) << shift, size, slot] as [number, number, number])
    );
    for (const [p, size, slot] of blocks) ledger.set(p, size, slot);
    for (const [p, size, slot] of blocks) {
      assertEquals(ledger.sizeOf(p), size);
      assertEquals(ledger.slotOf(p), slot);
    }
    assertEquals(all(ledger), blocks);
    for (const [p] of blocks) ledger.delete(p);
    assertEquals(all(ledger), []);
    assertEquals(ledger.sizeOf(blocks[0][0]), -1);
    assertEquals(ledger.slotOf(blocks[0][0]), 0);
  });
}

Deno.test("ledger: what is no block", () => {
  const ledger = ledgerFor(2 ** 20, 4);
  ledger.set(1024, 100, 7);
  ledger.set(2048, LARGE, 7);
  for (const p of [0, 1, 1008, 1023, 1025, 1032, 1040, 2047, 2049, 2 ** 20, 2 ** 31, 2 ** 32 - 1]) {
    assertEquals(ledger.slotOf(p), 0, String(p));
    assertEquals(ledger.sizeOf(p), -1);
    ledger.delete(p);
  }
  assertEquals(all(ledger), [[1024, 100, 7], [2048, LARGE, 7]]);
});

Deno.test("ledger: addresses that no granule starts at, and beyond the table", () => {
  const ledger = ledgerFor(65536, 4);
  const end = ledger.end,
    blocks: [number, number, number][] = [
      [1024, 5, 1],
      [1025, 6, 2],
      [1032, 7, 3],
      [end - 16, 8, 4],
      [end, 9, 5],
      [2 ** 31 + 8, 10, 6],
      [2 ** 32 - 16, 11, 7],
    ];
  for (const block of blocks) ledger.set(...block);
  assertEquals(all(ledger), blocks);
  for (const [p, size] of blocks) assertEquals(ledger.sizeOf(p), size);
  assert(!ledger.covers(1025) && !ledger.covers(end) && ledger.covers(end - 16));
});

Deno.test("ledger: a table that grows takes over what was beside it", () => {
  const ledger = ledgerFor(65536, 4), p = ledger.end + 160, q = ledger.end + 168;
  ledger.set(p, 100, 3);
  ledger.set(q, 200, 4);
  ledger.reach(p + 4096);
  assert(ledger.covers(p));
  assertEquals([ledger.sizeOf(p), ledger.slotOf(p)], [100, 3]);
  assertEquals(all(ledger), [[p, 100, 3], [q, 200, 4]]);
  ledger.delete(p);
  assertEquals(ledger.slotOf(p), 0);
  ledger.set(p, 1, 1);
  ledger.set(p, LARGE, 2);
  ledger.set(p, 2, 3);
  assertEquals([ledger.sizeOf(p), ledger.slotOf(p)], [2, 3]);
  assertEquals(all(ledger), [[p, 2, 3], [q, 200, 4]]);
});

Deno.test("ledger: what code in a guest has written over an entry of the map stays when the table grows", () => {
  const ledger = ledgerFor(65536, 4), word = new Uint32Array(ledger.memory.buffer, TABLE + 1024 / 16 * 4, 1);
  ledger.set(1024, LARGE, 2); // gone with its region, of which nobody has told the ledger
  word[0] = 50 << 8 | 1;
  ledger.set(1120, 100, 1);
  assertEquals(ledger.around(1125), 1120);
  ledger.reach(2 ** 20);
  assertEquals([ledger.sizeOf(1024), ledger.slotOf(1024)], [50, 1]);
});

Deno.test("ledger: a block that lies in another one is in the map, whatever becomes of its slot", () => {
  const ledger = ledgerFor(65536, 4), word = () => new Uint32Array(ledger.memory.buffer, TABLE)[1024 / 16] & 0xff;
  for (const p of [1024, ledger.end + 64, 1028]) {
    const whole = { p: 1000, size: 300 };
    ledger.set(p, 100, 3, whole);
    ledger.assign(p, 4);
    assertEquals([ledger.sizeOf(p), ledger.slotOf(p), ledger.wholeOf(p)], [100, 4, whole]);
    if (p === 1024) assertEquals(word(), 255); // no slot that code in a guest would know
    ledger.delete(p);
    assertEquals(ledger.wholeOf(p), undefined);
    ledger.set(p, 100, 3, whole);
    ledger.set(p, 100, 3);
    ledger.assign(p, 5);
    assertEquals([ledger.sizeOf(p), ledger.slotOf(p), ledger.wholeOf(p)], [100, 5, undefined]);
  }
});

Deno.test("ledger: a table that cannot grow leaves it to the map", () => {
  const ledger = ledgerFor(2 ** 22, 4, 1), { end } = ledger;
  assert(end < 2 ** 22);
  for (const p of [end - 16, end, end + 16]) ledger.set(p, 7, 9);
  for (const p of [end - 16, end, end + 16]) assertEquals(ledger.slotOf(p), 9);
  ledger.reach(2 ** 32);
  assertEquals(all(ledger).length, 3);
});

Deno.test("ledger: the block around an address", () => {
  const ledger = ledgerFor(2 ** 20, 4);
  ledger.set(1024, 100, 1);
  ledger.set(2048, 2 ** 24, 2);
  ledger.set(1296, 0, 1);
  assertEquals(ledger.around(1025), 1024);
  assertEquals(ledger.around(1123), 1024);
  assertEquals(ledger.around(1124), 0);
  assertEquals(ledger.around(1024), 0); // it begins there
  assertEquals(ledger.around(1297), 0);
  assertEquals(ledger.around(2 ** 20), 2048);
  assertEquals(ledger.around(2 ** 31), 0);
  assertEquals(ledger.around(16), 0);
});

for (const shift of [3, 4]) {
  Deno.test(`ledger: granules of ${1 << shift} bytes: random programs, against a map`, () => {
    for (let seed = 1; seed <= 3; seed++) {
      const pick = random(seed), ledger = ledgerFor(0, shift, 2), model = new Map<number, [number, number]>();
      const address = () => {
        const p = pick(4) === 0 ? 2 ** 20 + pick(64) * 4 : (1 + pick(200)) * 8;
        return p;
      };
      for (let i = 0; i < 3000; i++) {
        const p = address(), op = pick(10);
        if (op < 5) {
          const size = pick(5) === 0 ? LARGE - 1 + pick(3) : pick(1000), slot = 1 + pick(MOST_SLOTS);
          ledger.set(p, size, slot);
          model.set(p, [size, slot]);
        } else if (op < 8) {
          ledger.delete(p);
          model.delete(p);
        } else if (op === 8 && pick(50) === 0) ledger.reach(pick(2 ** 22));
        const [size, slot] = model.get(p) ?? [-1, 0];
        assertEquals([ledger.sizeOf(p), ledger.slotOf(p)], [size, slot]);
      }
      const expected = [...model].map(([p, [size, slot]]) => [p, size, slot]).sort(([a], [b]) => a - b);
      assertEquals(all(ledger), expected as [number, number, number][]);
    }
  });
}
