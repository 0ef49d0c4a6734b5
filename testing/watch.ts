/**
 * What the checks of tests share: a region that is watched for leaks, and how what it finds is told.
 *
 * @module
 */

import { type AnyAllocator, init } from "../allocator.ts";
import { blame, type CallStack, formatFrame, withStackLimit } from "../call_stack.ts";
import { show } from "../errors.ts";
import { type AnyLayer, type Gauged, isLayer } from "../layer.ts";
import { check, isFinding, LeakError } from "../layers/check.ts";
import { general } from "../layers/ready.ts";
import { through } from "../layers/pipe.ts";
import { stats } from "../layers/stats.ts";
import { trace, type TraceOptions } from "../layers/trace.ts";
import { formatSites, mergeSites, type Site, type SiteFormat, suppressing, totalOf } from "../sites.ts";

/** How a test is watched for leaks: `depth`, `every`, `bytes` and `skip` as `trace` takes them. */
export interface WatchOptions extends TraceOptions {
  /** What serves the test. What it lacks of a gauge, of sites and of a check for leaks is put over it. Default: `general()` */
  stack?: AnyLayer;
  /** What is meant to stay, and no leak: patterns as `suppressing` takes them, `fn:NAME` or `file:FILE`. Default: none */
  suppress?: readonly string[];
  /** How much of where blocks were allocated is in a message. Default: 3 sites with 3 calls each */
  report?: SiteFormat;
}

/** Watching as it was asked for. */
export interface Watch {
  /** What serves, without what watches it; it has a gauge. */
  readonly measured: Gauged<unknown>;
  /** What serves the region of a test. */
  readonly layer: AnyLayer;
  readonly tracing: TraceOptions;
  readonly suppressed: ((site: Site) => boolean) | undefined;
  readonly report: SiteFormat | undefined;
}

const OPTIONS: readonly string[] = ["stack", "depth", "every", "bytes", "skip", "suppress", "report"];

/**
 * Reads what the user of a check asks for: options or a stack of one's own.
 *
 * @param action What cannot be done if they are wrong, as in "compose"
 * @param names Of the options that there are besides
 */
export function watch<O extends WatchOptions>(
  action: string,
  given: O | AnyLayer,
  names: readonly (keyof O & string)[] = [],
): [watch: Watch, options: O] {
  const options = (isLayer(given) ? { stack: given } : given) as O;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: expected options or a layer, got ${show(options)}`);
  }
  const all = [...OPTIONS, ...names], unknown = Object.keys(options).find((name) => !all.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot ${action}: expected options among ${all.join(", ")}, got ${show(unknown)}`);
  }
  const { stack = general(), suppress = [], report, depth, every, bytes, skip } = options;
  if (!isLayer(stack)) throw new TypeError(`Cannot ${action}: expected a layer as stack, got ${show(stack)}`);
  if (report !== undefined && (typeof report !== "object" || report === null)) {
    throw new TypeError(`Cannot ${action}: expected an object as report, got ${show(report)}`);
  }
  const tracing = {
    ...(depth !== undefined && { depth }),
    ...(every !== undefined && { every }),
    ...(bytes !== undefined && { bytes }),
    ...(skip !== undefined && { skip }),
  };
  const suppressed = suppressing(suppress);
  const measured = (stack.gauge === undefined ? stats(stack) : stack) as Gauged<unknown>;
  return [{
    measured,
    layer: check(traced(measured, tracing)),
    tracing,
    suppressed: suppress.length > 0 ? suppressed : undefined,
    report,
  }, options];
}

/**
 * An allocator for the region of a test. What guests allocate inside is watched, too, whatever serves them.
 *
 * @param layer What serves the test
 * @param recording Whether what guests allocate is recorded with call stacks
 */
export function watchful(layer: AnyLayer, { tracing }: Watch, recording = true): AnyAllocator {
  const a = init(layer) as AnyAllocator;
  a._escort = (outside) => {
    const counted = stats(through(outside)) as Gauged<unknown>;
    return check(recording ? traced(counted, tracing) : counted);
  };
  return a;
}

/** A layer that records where blocks come from: itself, if it does. */
export function traced(base: Gauged<unknown>, tracing: TraceOptions): Gauged<unknown> {
  return base.sites === undefined ? trace(base, tracing) as Gauged<unknown> : base;
}

/** Closes the allocator of a test by `close`, and returns what that finds, or undefined. */
export function findings(a: AnyAllocator, { suppressed, report }: Watch, close: () => void): unknown {
  const found = [finding(a, close), ...a._companions.map((guest) => finding(guest, () => guest._close()))];
  const leaks: LeakError[] = [];
  for (const one of found) {
    if (one === undefined) continue;
    if (!(one.error instanceof LeakError)) return one.error;
    const leak = leakOf(one.a, one.error, suppressed, report);
    if (leak !== undefined) leaks.push(leak);
  }
  return leaks.length > 1 ? joined(leaks, report) : leaks[0];
}

function finding(a: AnyAllocator, close: () => void): { a: AnyAllocator; error: unknown } | undefined {
  try {
    close();
    return undefined;
  } catch (error) {
    return { a, error };
  }
}

/** What several have leaked, as one leak. */
function joined(leaks: readonly LeakError[], report: Watch["report"]): LeakError {
  const sum = (of: (g: LeakError["gauge"]) => number) => leaks.reduce((n, { gauge }) => n + of(gauge), 0);
  const gauge = {
    nalloc: sum((g) => g.nalloc),
    nfree: sum((g) => g.nfree),
    szalloc: sum((g) => g.szalloc),
    szfree: sum((g) => g.szfree),
    watermark: sum((g) => g.watermark), // at most
  };
  return reported(new LeakError(gauge, mergeSites(leaks.flatMap(({ sites }) => sites))), report);
}

/** A leak with where it comes from and without what is meant to stay, or undefined if that is all. */
function leakOf(
  a: AnyAllocator,
  found: LeakError,
  suppressed: Watch["suppressed"],
  report: Watch["report"],
): LeakError | undefined {
  const { layer, state } = a;
  let { gauge, sites } = found;
  // A check in a stack of one's own is below what records the sites
  if (sites.length === 0 && layer.sites !== undefined && found.blocks > 0) {
    const top = layer.gauge!(state);
    if (top.nalloc - top.nfree === found.blocks && top.szalloc - top.szfree === found.bytes) sites = layer.sites(state);
  }
  if (suppressed !== undefined) {
    const meant = sites.filter(suppressed), { count, bytes, sampled } = totalOf(meant), exact = count === sampled;
    sites = sites.filter((site) => !suppressed(site));
    if (meant.length > 0 && sites.length === 0 && (!exact || (count === found.blocks && bytes === found.bytes))) {
      return undefined;
    }
    // Of a sample, no more than what is left of it is known
    const left = totalOf(sites);
    gauge = {
      ...gauge,
      nfree: exact ? gauge.nfree + count : gauge.nalloc - left.count,
      szfree: exact ? gauge.szfree + bytes : gauge.szalloc - left.bytes,
    };
  }
  return reported(new LeakError(gauge, sites), report);
}

function reported(leak: LeakError, report: Watch["report"]): LeakError {
  if (report !== undefined && leak.sites.length > 0) {
    leak.message = `${headline(leak)}\n${formatSites(leak.sites, report)}`;
  }
  return leak;
}

/** What an error says in its first line. */
export function headline(error: Error): string {
  return error.message.split("\n", 1)[0];
}

/** Where most of a leak comes from, in a line. */
export function mostOf({ sites: [site] }: LeakError): string {
  return site === undefined || site.frames.length === 0 ? "" : `, most of it from ${formatFrame(site.frames[0])}`;
}

/** An error that has only the call stack of the call of `of`, for {@linkcode moveTo}. */
export function placeOf(of: (...args: never[]) => unknown): CallStack {
  const place = new Error();
  withStackLimit(1, () => blame(place, of));
  return place;
}

const taken: WeakSet<CallStack> = new WeakSet();

/**
 * An error that is no more than what can be read of it, as if it had been made at a place, which can be taken once; after
 * that, at none. For what called a test is a runtime, which is of no interest, and call stacks cannot be written but by
 * making an error. Others are left as they are.
 */
export function moveTo(place: CallStack, found: unknown, movable: boolean = isFinding(found)): unknown {
  if (!(found instanceof Error) || !movable) return found;
  if (taken.has(place)) {
    displace(found);
    return found;
  }
  taken.add(place);
  const { stack: _, ...properties } = Object.getOwnPropertyDescriptors(found);
  for (let p = Object.getPrototypeOf(found); p !== Error.prototype; p = Object.getPrototypeOf(p)) {
    // What is private to the one cannot be read of the other
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(p))) {
      if (get !== undefined) properties[name] ??= { value: get.call(found), enumerable: false };
    }
  }
  return Object.defineProperties(Object.setPrototypeOf(place, Object.getPrototypeOf(found)), properties);
}

/** Takes the call stack from an error whose message says where things are. */
export function displace(error: unknown): void {
  withStackLimit(0, () => blame(error, displace));
}

/**
 * Lets what was found come with the error of a body, which stays the one that is thrown: at the end of its chain of
 * causes, which test runners print. Where there is no such end, it is printed at once.
 */
export function bring(found: unknown, error: unknown, place: CallStack): void {
  if (found instanceof LeakError) {
    found.message = found.message.replace(/^Cannot .*?: /, "Besides the error above, and perhaps because of it: ");
  }
  found = moveTo(place, found);
  if (!becomesCause(found, error)) console.error(found);
}

/** Makes an error the last of the causes of another, if that has such a place. */
function becomesCause(found: unknown, error: unknown): boolean {
  const seen = new Set<unknown>();
  let last = error;
  try {
    while (last instanceof Error && last.cause !== undefined && !seen.has(last)) {
      seen.add(last);
      last = last.cause;
    }
    const cause = { value: found, writable: true, configurable: true, enumerable: false };
    return last instanceof Error && last.cause === undefined && Reflect.defineProperty(last, "cause", cause);
  } catch {
    return false; // it defends itself
  }
}

/** Throws unless `f` can be run in a region: a generator function would run after it. */
export function assertBody(action: string, f: unknown): asserts f is (...args: never[]) => unknown {
  const kind = Object.prototype.toString.call(f);
  if (typeof f === "function" && !kind.includes("Generator")) return;
  throw new TypeError(
    `Cannot ${action}: body must be a function, got ${typeof f === "function" ? "a generator function" : show(f)}`,
  );
}

/** Gives a function the name of another, by which a test runner calls the test. */
export function named<F extends (...args: never[]) => unknown>(f: F, as: (...args: never[]) => unknown): F {
  return Object.defineProperty(f, "name", { value: as.name, configurable: true });
}
