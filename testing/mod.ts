/**
 * Tools for testing programs and layers that allocate.
 *
 * @module
 */

export { type FailAt, failAt } from "./fail_at.ts";
