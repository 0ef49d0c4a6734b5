/**
 * Replaying a log: what a program asked of its allocator, asked of another.
 *
 * `parseLog` makes a `Trace` of what the layer `log` wrote (its grammar is there). A trace is an array of calls, with
 * addresses replaced by numbers of slots, so that a run of it costs nothing but the calls: it serves as a benchmark of
 * anything that has a `get` and a `put`.
 *
 * @module
 */

import { show } from "../errors.ts";
import type { Ptr } from "../heap.ts";
import { isLayer, type Layer } from "../layer.ts";
import { type Calls, GET, LogReader, MARK, PUT, RESET, RESIZE } from "./log_reader.ts";

/** What a trace can be run against: a layer, or what passes for one. The state is handed to every call. */
export interface Replayable<S> {
  /** Where the blocks lie; a block that has to move is copied there. Without it, it is not copied. */
  readonly heap?: { readonly u8: Uint8Array };
  /** The greatest alignment that `get` can be asked for, in bytes. Absent, it is 16. */
  readonly maxAlign?: number;
  /** Address of a block of `size` bytes, or 0. */
  get(s: S, size: number, align?: number): Ptr;
  /** Takes back the block at `p`, of `size` bytes. */
  put(s: S, p: Ptr, size: number): void;
  /** Makes the block at `p` one of `size` bytes in place, or returns false. */
  resize?(s: S, p: Ptr, old: number, size: number): boolean;
  /** Makes the block one of `size` bytes as C does, here or elsewhere; 0: it is as before. Used where it cannot `resize`. */
  realloc?(s: S, p: Ptr, old: number, size: number): Ptr;
  /** Takes all blocks back. */
  reset?(s: S): void;
  /** A mark, or 0. */
  mark?(s: S): Ptr;
  /** Takes back the blocks got since the mark. */
  rewind?(s: S, m: Ptr): void;
}

/** How a run of a trace went. */
export interface Replay {
  /**
   * Calls of `get` that gave 0, and resizes for which there was no memory: the block is put then. What the program did
   * with such a block is left out.
   */
  readonly failed: number;
  /** Blocks that the program resized in place and that had to move instead. */
  readonly moved: number;
  /** Bytes asked for that were out at the same time, at most, if no `get` failed: the `peakLive` of the trace. */
  readonly peakLive: number;
}

/** The calls of a log, to be made again. Made by {@linkcode parseLog}. */
export interface Trace {
  /** Calls of `get`, those that were refused included. */
  readonly gets: number;
  /** Calls of `put`, those included that stand for what a reset, a rewind or the end of the log took back. */
  readonly puts: number;
  /** Resizes in place. */
  readonly resizes: number;
  /** Calls in all: `gets + puts + resizes`. */
  readonly ops: number;
  /** Calls of `get` that were refused when the log was written. */
  readonly refused: number;
  /** Blocks and marks that are out at the same time, at most. */
  readonly slots: number;
  /** Bytes asked for in all, by `get`. */
  readonly bytes: number;
  /** Bytes asked for that are out at the same time, at most. */
  readonly peakLive: number;
  /** The greatest alignment that is asked for, in bytes. */
  readonly maxAlign: number;
  /**
   * Makes the calls, and leaves nothing out: what the log left out is put at the end. So it can be run again, with the
   * same state or another. Not while it runs.
   *
   * A resize that was done in place is asked for where `a` can resize; where it cannot, the block moves: `realloc`, or
   * else `get`, copy, `put`. One that was refused is not asked for again, as what the program did instead follows in
   * the log. A reset and a rewind are puts where `a` has neither; where it has, they take back whatever else is out of
   * the state, so it is the run's own. A block that was refused when the log was written is put at once if it is served
   * now.
   *
   * A `RangeError` if the trace asks for an alignment that `a` cannot give.
   */
  run<S>(a: Replayable<S>, s: S): Replay;
}

/**
 * Reads a log that the layer `log` has written: the lines that its sink was given, one after the other, joined with
 * line feeds. It may begin after `init` and end before `deinit`; several, each from `init` to `deinit`, may follow one
 * another.
 *
 * A `SyntaxError` with the number of the line if a line does not parse, or cannot be: a block is put that is not out,
 * or with another size than it has.
 *
 * @example
 * ```ts
 * import { bonwick } from "../layers/bonwick.ts";
 * import { mmap } from "../layers/system/mmap.ts";
 * import { parseLog, replay } from "./replay.ts";
 *
 * const trace = parseLog("init\nget 100 16 4096\nget 24 8 8192\nput 4096 100\ndeinit\n");
 * trace.ops;                          // 4: the block at 8192 is put at the end
 * trace.peakLive;                     // 124
 * replay(trace, bonwick(mmap()));     // { failed: 0, moved: 0, peakLive: 124 }
 * ```
 */
export function parseLog(text: string): Trace {
  if (typeof text !== "string") throw new TypeError(`Cannot parse as a log: expected a string, got ${show(text)}`);
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const reader = new LogReader();
  for (const line of lines) reader.read(line);
  const calls = reader.calls(), { gets, puts, resizes, refused, slots, bytes, peakLive, maxAlign } = calls;
  const ops = gets + puts + resizes;
  return { gets, puts, resizes, ops, refused, slots, bytes, peakLive, maxAlign, run: runner(calls) };
}

/**
 * Runs a trace against a layer, with a state of its own, which is closed behind it.
 *
 * @example
 * ```ts
 * import { chunk } from "../layers/chunk.ts";
 * import { mmap } from "../layers/system/mmap.ts";
 * import { parseLog, replay } from "./replay.ts";
 *
 * replay(parseLog("get 100 16 4096\nresize 4096 100 200 true"), chunk(mmap(), 4096)).moved;    // 0
 * ```
 */
export function replay<S>(trace: Trace, layer: Layer<S>): Replay {
  if (typeof trace?.run !== "function") throw new TypeError(`Cannot replay: expected a trace, got ${show(trace)}`);
  if (!isLayer(layer)) throw new TypeError(`Cannot replay: expected a layer, got ${show(layer)}`);
  const s = layer.init();
  try {
    return trace.run(layer, s);
  } finally {
    layer.deinit(s);
  }
}

/** Makes a block one of `size` bytes where it cannot be resized; 0: it is as before. */
function move<S>(a: Replayable<S>, s: S, p: Ptr, old: number, size: number, align: number): Ptr {
  if (a.realloc !== undefined) return a.realloc(s, p, old, size) >>> 0;
  const to = a.get(s, size, align);
  if (to === 0) return 0;
  a.heap?.u8.copyWithin(to, p, p + Math.min(old, size));
  a.put(s, p, old);
  return to;
}

/** What runs the calls. Nothing of `held` is read that was not written in the same run, so it needs no clearing. */
function runner(calls: Calls): Trace["run"] {
  const { op: ops, slot: slots, size: sizes, old: olds, align: aligns, peakLive, maxAlign } = calls;
  const held = new Uint32Array(calls.slots);
  return <S>(a: Replayable<S>, s: S): Replay => {
    if (typeof a?.get !== "function" || typeof a.put !== "function") {
      throw new TypeError(`Cannot replay: expected a layer, got ${show(a)}`);
    }
    const most = a.maxAlign ?? 16;
    if (maxAlign > most) {
      throw new RangeError(`Cannot replay: the layer aligns to at most ${most}, and the trace asks for ${maxAlign}`);
    }
    const marks = a.mark !== undefined && a.rewind !== undefined;
    let failed = 0, moved = 0;
    for (let i = 0; i < ops.length; i++) {
      const slot = slots[i], size = sizes[i], op = ops[i];
      if (op === GET) {
        const p = a.get(s, size, aligns[i]);
        held[slot] = p;
        if (p === 0) failed++;
        continue;
      }
      const p = held[slot];
      if (op === PUT) {
        if (p !== 0) a.put(s, p, size);
      } else if (op === RESIZE) {
        if (p === 0 || (a.resize !== undefined && a.resize(s, p, olds[i], size))) continue;
        const to = move(a, s, p, olds[i], size, aligns[i]);
        if (to === 0) {
          failed++;
          a.put(s, p, olds[i]);
        } else if (to !== p) moved++;
        held[slot] = to;
      } else if (op === MARK) held[slot] = marks ? a.mark!(s) : 0;
      else if (op === RESET) {
        if (a.reset === undefined) continue; // the puts come next
        a.reset(s);
        i += olds[i];
      } else if (p !== 0) {
        a.rewind!(s, p);
        i += olds[i];
      }
    }
    return { failed, moved, peakLive };
  };
}
