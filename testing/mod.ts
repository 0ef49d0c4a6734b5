/**
 * Tools for testing programs and layers that allocate.
 *
 * @module
 */

export { assertGauge, type Expected, type ExpectedGauge, GaugeError } from "./assert_gauge.ts";
export { ConformanceError, conforms, type ConformsOptions } from "./conforms.ts";
export { type FailAt, failAt } from "./fail_at.ts";
export {
  FailuresError,
  failuresOf,
  type FailuresOptions,
  type Problem,
  type ProblemKind,
  type Swept,
} from "./failures_of.ts";
export { leakFree, type LeakFreeOptions } from "./leak_free.ts";
export type { Base, BaseLayer } from "./probe.ts";
export { parseLog, type Replay, replay, type Replayable, type Trace } from "./replay.ts";
export type { WatchOptions } from "./watch.ts";
export { type TestHooks, type TestRegion, withRegion } from "./with_region.ts";
