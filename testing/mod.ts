/**
 * Tools for testing programs and layers that allocate.
 *
 * @module
 */

export { ConformanceError, conforms, type ConformsOptions } from "./conforms.ts";
export { type FailAt, failAt } from "./fail_at.ts";
export type { Base, BaseLayer } from "./probe.ts";
export { parseLog, type Replay, replay, type Replayable, type Trace } from "./replay.ts";
