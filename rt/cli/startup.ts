/**
 * What the C library of a WASI command allocates before `main`, for arguments, environment and directories, and keeps: it
 * is no leak of the program's.
 *
 * Known by the calls that it asks for sizes with and for contents, between which it allocates: that needs no names, and holds
 * for whatever is built on wasi-libc. Costs two calls of `gauge` for each of a handful of calls, and one of `sites` where
 * something was allocated between them.
 *
 * @module
 */

import { formatBytes, type Gauge, plural } from "../../gauge.ts";
import { keyOf, type Site } from "../../sites.ts";
import type { Watched } from "../report.ts";

/** Calls behind which the C library makes room for what another brings, and whether they tell how many there are. */
const ASKS: ReadonlyMap<string, boolean> = new Map([
  ["args_sizes_get", true],
  ["environ_sizes_get", true],
  ["fd_prestat_get", false],
]);

/** Looks at what is allocated before a program has begun. */
export class StartUp implements Watched {
  /** Blocks that have been allocated so far, and are still out. */
  blocks = 0;
  /** Bytes of these. */
  bytes = 0;
  readonly #of: () => Watched | undefined;
  readonly #sites: Map<string, Amount> = new Map();
  #since: { gauge: Gauge; sites: ReadonlyMap<string, Amount> } | undefined;

  /** Looks at what serves the program; undefined before there is one. */
  constructor(of: () => Watched | undefined) {
    this.#of = of;
  }

  /** To be called before each call of WASI. */
  before(name: string): void {
    const since = this.#since, watched = this.#of();
    if (since === undefined || watched === undefined || name === "fd_prestat_dir_name") return;
    this.#since = undefined;
    const now = watched.gauge(), blocks = out(now) - out(since.gauge);
    if (blocks <= 0) return;
    this.blocks += blocks;
    this.bytes += bytesOut(now) - bytesOut(since.gauge);
    for (const [key, amount] of amounts(watched)) {
      const more = minus(amount, since.sites.get(key));
      if (more.count > 0) this.#sites.set(key, plus(more, this.#sites.get(key)));
    }
  }

  /**
   * To be called after each call of WASI.
   *
   * @param read The word at an address of the program's memory
   */
  after(name: string, args: readonly unknown[], result: unknown, read: (p: number) => number): void {
    const counts = ASKS.get(name), watched = this.#of();
    if (watched === undefined || counts === undefined || result !== 0) return;
    if (counts && read(args[0] as number) === 0) return;
    const gauge = watched.gauge();
    this.#since = { gauge, sites: out(gauge) === 0 ? new Map() : amounts(watched) };
  }

  /** The figures without this. */
  gauge(): Gauge {
    const g = this.#of()?.gauge() ?? NOTHING;
    const blocks = Math.min(this.blocks, out(g)), bytes = Math.min(this.bytes, bytesOut(g));
    return { ...g, nalloc: g.nalloc - blocks, szalloc: g.szalloc - bytes };
  }

  /** The sites without those of this. */
  sites(): readonly Site[] {
    return (this.#of()?.sites() ?? []).flatMap((site) => {
      const rest = minus(site, this.#sites.get(keyOf(site.frames)));
      return rest.count > 0 ? [{ ...site, ...rest }] : [];
    });
  }

  /** Throws if there is damage, of this or of what else is out. */
  verify(): void {
    this.#of()?.verify?.();
  }

  /** A line for people; "" if there is none of it. */
  toString(): string {
    if (this.blocks === 0) return "";
    const what = `${plural(this.blocks, "block")}, ${formatBytes(this.bytes)}`;
    return `Start-up: ${what}, for arguments, environment and directories, which the C library keeps`;
  }
}

type Amount = Pick<Site, "count" | "bytes" | "sampled">;

const NOTHING: Gauge = { nalloc: 0, nfree: 0, szalloc: 0, szfree: 0, watermark: 0 };
const NONE: Amount = { count: 0, bytes: 0, sampled: 0 };

const out = ({ nalloc, nfree }: Gauge): number => nalloc - nfree;
const bytesOut = ({ szalloc, szfree }: Gauge): number => szalloc - szfree;

const minus = (a: Amount, b: Amount = NONE): Amount => ({
  count: a.count - b.count,
  bytes: a.bytes - b.bytes,
  sampled: a.sampled - b.sampled,
});

const plus = (a: Amount, b: Amount = NONE): Amount => ({
  count: a.count + b.count,
  bytes: a.bytes + b.bytes,
  sampled: a.sampled + b.sampled,
});

/** What is out at each site, by its calls. */
const amounts = (watched: Watched): Map<string, Amount> =>
  new Map(watched.sites().map((site) => [keyOf(site.frames), site]));
