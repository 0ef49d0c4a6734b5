/**
 * `log`: tells a sink of every event, in a line that people and programs can read.
 *
 * Guarantees: an event is logged after it has happened; a call that throws is not. If the sink throws, its error comes
 * out of the call and no block is lost. The log of one state can be replayed: `parseLog` in `testing/`. Costs: a string
 * and a call of the sink for each event. Needs nothing of the layer below, and has the capabilities that it has.
 *
 * Words are set apart by one space; numbers are decimal, sizes and alignments in bytes.
 *
 * | line                              | what has happened                                                         |
 * | --------------------------------- | ------------------------------------------------------------------------- |
 * | `init`                            | a state was made                                                          |
 * | `get SIZE ALIGN ADDRESS`          | a block was got; ADDRESS 0: it was refused                                |
 * | `put ADDRESS SIZE`                | a block was put                                                           |
 * | `resize ADDRESS OLD SIZE RESULT`  | a block of OLD bytes was resized to SIZE: RESULT `true`; `false`: it was not |
 * | `reset`                           | all blocks were taken back                                                |
 * | `mark ADDRESS`                    | a mark was made; ADDRESS 0: it was refused                                |
 * | `rewind ADDRESS`                  | all blocks got since that mark were taken back                            |
 * | `deinit`                          | the state was closed                                                      |
 *
 * @module
 */

import { assertFunction } from "../errors.ts";
import { type AnyLayer, type Kept, type Layer, layer, type LayerWith, share, type StateOf } from "../layer.ts";

/** State of {@linkcode log}: that of the layer below. */
export type Log<S> = S;

/**
 * Calls `sink` with a line for every event, and passes every request on.
 *
 * Where the sink throws, `init`, `get` and `mark` are undone. So is a `resize`, by resizing back: what a block had
 * shrunk by may have lost its contents, and one that cannot grow back where it is, as in an arena, keeps the smaller
 * size. The others have happened.
 *
 * @param base The layer below
 * @param sink Takes the lines, which do not end in a line feed. A JavaScript function, which the layer holds, and all its states
 *   share: a log that is to be replayed is of one state at a time. It does not allocate through this layer
 *
 * @example
 * ```ts
 * import { log } from "./log.ts";
 * import { mmap } from "./system/mmap.ts";
 *
 * const lines: string[] = [];
 * const stack = log(mmap(), (line) => lines.push(line));
 * const s = stack.init();
 * const p = stack.get(s, 100);
 * stack.put(s, p, 100);
 * lines.join("\n");        // "init\nget 100 16 4096\nput 4096 100", say
 * ```
 */
export const log: <L extends AnyLayer>(
  base: L,
  sink: (line: string) => void,
) => LayerWith<Log<StateOf<L>>, Kept<L>> = layer(
  function log<S>(base: Layer<S>, sink: (line: string) => void): Layer<Log<S>> {
    assertFunction("compose log", "sink", sink);
    const { heap, get, put } = base;

    /** Logs a line or, if the sink throws, undoes what has happened. */
    const tell = (line: string, undo: () => void): void => {
      try {
        sink(line);
      } catch (e) {
        undo();
        throw e;
      }
    };

    return {
      heap,
      stateless: true,
      init: (size) => {
        const s = base.init(size);
        tell("init", () => base.deinit(s));
        return s;
      },
      deinit: (s) => {
        try {
          base.deinit(s);
        } finally {
          sink("deinit"); // also if it has found a leak: the state is closed either way
        }
      },
      get: (s, size, align = 16) => {
        const p = get(s, size, align);
        tell(`get ${size} ${align} ${p}`, () => p !== 0 && put(s, p, size));
        return p;
      },
      put: (s, p, size) => {
        put(s, p, size);
        sink(`put ${p} ${size}`);
      },
      ...(base.resize && {
        resize: (s, p, old, size) => {
          const done = base.resize!(s, p, old, size);
          tell(`resize ${p} ${old} ${size} ${done}`, () => done && base.resize!(s, p, size, old));
          return done;
        },
      }),
      ...(base.reset && {
        reset: (s) => {
          base.reset!(s);
          sink("reset");
        },
      }),
      ...(base.mark && {
        mark: (s) => {
          const m = base.mark!(s);
          tell(`mark ${m}`, () => m !== 0 && base.rewind?.(s, m));
          return m;
        },
      }),
      ...(base.rewind && {
        rewind: (s, m) => {
          base.rewind!(s, m);
          sink(`rewind ${m}`);
        },
      }),
      ...share(base, "gauge", "owns", "sizeOf", "goodSize", "maxAlign", "sites", "verify", "pristine"),
    };
  },
  { assertFunction, share },
);
