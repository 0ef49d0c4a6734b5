// Random programs of a guest's calls, against a list of the blocks that are out and figures kept by hand
import {
  type AnyAllocator,
  type AnyLayer,
  bonwick,
  coalesce,
  debug,
  enter,
  escape,
  type Gauge,
  general,
  init,
  mmap,
  stats,
  trace,
} from "../mod.ts";
import type { Guest } from "../rt/mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { assertFilled, fill, random } from "./kit.ts";
import { each, type Made, make, type Way, WAYS } from "./guest_kit.ts";

/** A region as it should be. */
interface Region {
  readonly a: AnyAllocator;
  readonly gauge: { -readonly [K in keyof Gauge]: number };
  /** What becomes of its blocks when it is closed: nothing, or they are the guest's own allocator's. */
  readonly fate: "gone" | "stay";
}

interface Block {
  p: number;
  size: number;
  /** Bytes that the stack has been asked for: more, where it cannot align so. */
  readonly asked: number;
  readonly byte: number;
  readonly region: Region;
}

const SIZES = [0, 1, 8, 16, 17, 100, 496, 512, 513, 1000, 4096, 5000, 70_000];

class Program {
  readonly #g: Guest;
  readonly #x: Made["x"];
  readonly #way: Way;
  readonly #pick: (n: number) => number;
  /** The innermost last. */
  readonly #regions: Region[];
  readonly #closed: Region[] = [];
  readonly #blocks: Block[] = [];
  /** Addresses of blocks that are gone with their regions. */
  readonly #gone: number[] = [];
  #serial = 0;
  steps = 0;

  constructor({ g, x }: Made, way: Way, seed: number) {
    this.#g = g;
    this.#x = x;
    this.#way = way;
    this.#pick = random(seed);
    this.#regions = [{ a: g.ground, gauge: { ...g.gauge() }, fate: "stay" }];
  }

  run(steps: number, depth = 0): void {
    for (let i = 0; i < steps; i++) {
      this.steps++;
      const op = this.#pick(20);
      if (op < 7) this.#get();
      else if (op < 13) this.#put();
      else if (op < 17) this.#resize();
      else if (op < 18) this.#putGone();
      else if (depth < 3 && this.steps % 5 === 0) this.#enter(depth);
      else if (depth > 0 && op === 19) escape(() => this.#within(this.#regions.splice(-1), () => this.#get()));
      this.#check();
    }
  }

  /** Frees all that is left. */
  end(): void {
    while (this.#blocks.length > 0) this.#put();
    this.#check();
  }

  #size(): number {
    return this.#pick(3) === 0 ? SIZES[this.#pick(SIZES.length)] : this.#pick(600);
  }

  #get(): void {
    const size = this.#size(), region = this.#regions.at(-1)!, how = this.#pick(8), align = 16 << this.#pick(9);
    const x = this.#x;
    let p;
    if (how === 0) p = x.do_aligned_alloc(align, size);
    else if (how === 1) p = x.do_calloc(4, size);
    else p = x.do_malloc(size);
    p >>>= 0;
    assert(p !== 0, `${size} bytes are refused`);
    const bytes = how === 1 ? 4 * size : size;
    if (how === 0) assertEquals(p % align, 0, `${p} is not aligned to ${align}`);
    else assertEquals(p % 16, 0);
    if (how === 1) assertFilled(this.#g.heap, p, bytes, 0);
    for (const { p: q, size } of this.#blocks) assert(p + bytes <= q || q + size <= p, "blocks overlap");
    const beyond = how === 0 && align > Math.max(16, region.a.layer.maxAlign ?? 16),
      asked = beyond ? size + align : bytes;
    this.#add({ p, size: bytes, asked, byte: ++this.#serial, region });
    count(region, asked);
  }

  #add(block: Block): void {
    fill(this.#g.heap, block.p, block.size, block.byte);
    this.#blocks.push(block);
  }

  #put(): void {
    if (this.#blocks.length === 0) return;
    const [{ p, size, asked, byte, region }] = this.#blocks.splice(this.#pick(this.#blocks.length), 1);
    assertFilled(this.#g.heap, p, size, byte);
    this.#x.do_free(p);
    if (region.a.closed) return;
    region.gauge.nfree++;
    region.gauge.szfree += asked;
  }

  #resize(): void {
    if (this.#blocks.length === 0) return;
    const at = this.#pick(this.#blocks.length), { p, size, asked, byte, region } = this.#blocks[at], to = this.#size();
    const q = this.#x.do_realloc(p, to) >>> 0;
    assert(q !== 0, `${to} bytes are refused`);
    assertFilled(this.#g.heap, q, Math.min(size, to), byte);
    this.#blocks.splice(at, 1);
    // Of a region that is closed, it moves to that which serves now
    const home = region.a.closed ? this.#regions.at(-1)! : region, { gauge } = home;
    if (q !== p || home !== region) {
      count(home, to);
      if (home === region) {
        gauge.nfree++;
        gauge.szfree += asked;
      }
    } else {
      if (to < size) gauge.szfree += size - to;
      else gauge.szalloc += to - size;
      gauge.watermark = Math.max(gauge.watermark, gauge.szalloc - gauge.szfree);
    }
    this.#add({ p: q, size: to, asked: to, byte, region: home });
  }

  /** Frees what is gone with its region, unless another block is there now: nothing happens. */
  #putGone(): void {
    const p = this.#gone.pop();
    // Where another block has come and gone since, that is a mistake, which debug would be right to tell
    if (p === undefined || this.#blocks.some((b) => b.p === p)) return;
    if (this.#regions.some(({ a }) => a.layer.verify !== undefined)) return;
    this.#x.do_free(p);
  }

  #enter(depth: number): void {
    const { heap, bottom } = this.#g,
      kinds: [AnyLayer, Region["fate"]][] = [
        [stats(general(heap)), "gone"],
        [stats(bottom), this.#way.mode === "watch" ? "stay" : "gone"],
        [trace(stats(bottom)), this.#way.mode === "watch" ? "stay" : "gone"],
        [stats(debug(coalesce(mmap(heap)))), "gone"],
        [stats(bonwick(mmap(heap))), "gone"],
      ];
    const kind = this.#pick(kinds.length + 3);
    const [a, fate] = kind < kinds.length
      ? [init(kinds[kind][0]) as AnyAllocator, kinds[kind][1]]
      : [this.#g.arena(1024 << this.#pick(8)), "gone" as const];
    const region: Region = { a, fate, gauge: { nalloc: 0, nfree: 0, szalloc: 0, szfree: 0, watermark: 0 } };
    enter(a, () => {
      this.#regions.push(region);
      this.run(this.#pick(40), depth + 1);
      this.#regions.pop();
    });
    this.#closed.push(region);
    for (let i = this.#blocks.length; fate === "gone" && i-- > 0;) {
      if (this.#blocks[i].region === region) this.#gone.push(...this.#blocks.splice(i, 1).map(({ p }) => p));
    }
  }

  #within(inner: Region[], f: () => void): void {
    f();
    this.#regions.push(...inner);
  }

  #check(): void {
    for (const { a, gauge } of [...this.#regions, ...this.#closed]) {
      assertEquals(a.gauge(), gauge, `step ${this.steps}: ${a}`);
    }
    if (this.steps % 16 === 0) {
      for (const { p, size, byte } of this.#blocks) assertFilled(this.#g.heap, p, size, byte);
    }
  }
}

function count({ gauge }: Region, bytes: number): void {
  gauge.nalloc++;
  gauge.szalloc += bytes;
  gauge.watermark = Math.max(gauge.watermark, gauge.szalloc - gauge.szfree);
}

each(WAYS, "guest_model: random programs, with regions entered and left", (way) => {
  for (let seed = 1; seed <= 3; seed++) {
    const program = new Program(make(way), way, seed);
    program.run(600);
    program.end();
  }
});
