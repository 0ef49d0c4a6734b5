/**
 * The code that stands in place of a guest's `malloc` and `free`: what it can do without leaving the guest.
 *
 * Each call first looks whether the allocator that serves the guest now is one that this code knows: `original` (the guest's
 * own, watched) or `front` (lists of free blocks). If not, or if there is something out of the ordinary, it calls through the
 * table, where the library is. It counts in globals, and looks blocks up in the ledger, which is in a memory that the guest got for
 * it. There is an *area* for each state of `front`, too.
 *
 * ```text
 *   area:  16 c: class c: head of its list, first and last address of what is not cut into blocks yet, their bytes
 * ```
 *
 * @module
 */

import { assemble, type Scope } from "../wasm/assemble.ts";
import type { Writer } from "../wasm/bytes.ts";
import type { Rewriting } from "../wasm/rewrite.ts";
import { LARGE, TABLE } from "./ledger.ts";

/** Bytes of an area. Slot `s` has the one at `s * AREA`. */
export const AREA = 2048;

/** Bytes up to which there are lists, and how many classes of 16 bytes that makes, with that of no bytes. */
export const SMALL = 1024, CLASSES: number = SMALL / 16 + 1;

const WORDS = ["area", "slot", "limit", "cover", "pending", "live", "watermark"] as const;
const COUNTS = ["nalloc", "nfree", "szfree"] as const;

/**
 * Globals of a guest that has such code:
 * - `area`, `slot`: of the state that serves now;
 * - `limit`: requests of fewer bytes are served here; `cover`: blocks in so many granules are. Both are 0 while none is;
 * - `pending`: a block that has been allocated, but could not be entered;
 * - `live`, `watermark`: bytes that are out, and were at most; `nalloc`, `nfree`, `szfree`: what has been counted here.
 */
export const GLOBALS: readonly { name: keyof Controls; type: "i32" | "i64"; value: number }[] = [
  ...WORDS.map((name) => ({ name, type: "i32" as const, value: 0 })),
  ...COUNTS.map((name) => ({ name, type: "i64" as const, value: 0 })),
];

/** What is added to a module for such code, if it gets any: these globals, and a memory. */
export function groundwork(grafted: boolean): Pick<Rewriting, "globals" | "memory"> {
  return grafted ? { globals: GLOBALS, memory: TABLE / 65536 } : {};
}

/** These globals, as a guest exports them. */
export type Controls = Readonly<Record<typeof WORDS[number] | typeof COUNTS[number], WebAssembly.Global>>;

let several: boolean | undefined;
let grafting = true;

/** Whether the engine knows modules with several memories, which such code needs. */
export function graftable(): boolean {
  several ??= WebAssembly.validate(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 5, 2, 0, 0, 0, 0));
  return several && grafting;
}

/** Turns such code off or on for the guests made from now on, and returns what it was: off, all are as in an older engine. */
export function graft(on: boolean): boolean {
  const before = grafting;
  grafting = on;
  return before;
}

/** Code of a switch. */
export type Body = (scope: Scope) => Writer;

/** The code in front of each entry point of an allocator that is watched, by its name. `element`: its place in the table. */
export const watching = {
  malloc: (element: number): Body =>
    body(`(func (param $n i32) (result i32) (local $p i32) (local $g i32) (local $live i32)
      (block $leave
        (br_if $leave (i32.ge_u (local.get $n) (global.get $limit)))
        (local.set $p (call $original.malloc (local.get $n)))
        (local.set $g (i32.rotr (local.get $p) (i32.const 3)))
        (if (i32.ge_u (i32.sub (local.get $g) (i32.const 1)) (i32.sub (global.get $cover) (i32.const 1))) (then
          (if (i32.eqz (local.get $p)) (then (return (i32.const 0))))
          (global.set $pending (local.get $p))
          (br $leave)))
        ${enter("(i32.shl (local.get $g) (i32.const 2))")}
        ${countIn}
        (return (local.get $p)))
      ${leaveMalloc(element)})`),
  free: (element: number): Body =>
    body(`(func (param $p i32) (local $g i32) (local $bytes i32)
      (block $leave
        ${lookUp(3, LARGE)}
        ${strike}
        ${countOut}
        (call $original.free (local.get $p))
        (return))
      ${leaveFree(element)})`),
  calloc: (element: number): Body => calloc(element),
  /**
   * What the original calls of its malloc and free is counted there, which the ledger shows. What is behind the end of that,
   * is left in `pending`.
   */
  realloc: (element: number): Body =>
    body(
      `(func (param $p i32) (param $n i32) (result i32) (local $g i32) (local $bytes i32) (local $q i32) (local $live i32)
      (if (i32.eqz (local.get $p)) (then (return (call $malloc (local.get $n)))))
      (block $leave
        (br_if $leave (i32.ge_u (i32.sub (local.get $n) (i32.const 1)) (i32.sub (global.get $limit) (i32.const 1))))
        ${lookUp(3, LARGE)}
        (local.set $q (call $original.realloc (local.get $p) (local.get $n)))
        (if (i32.eqz (local.get $q)) (then (return (i32.const 0))))
        (if (i32.eq (local.get $p) (local.get $q)) (then
          ${enter("(local.get $g)")}
          ${countResize}
          (return (local.get $p))))
        (if (i32.load offset=${TABLE} (local.get $g)) (then
          ${strike}
          ${countOut}))
        (local.set $g (i32.rotr (local.get $q) (i32.const 3)))
        (if (i32.ge_u (local.get $g) (global.get $cover)) (then
          (global.set $pending (local.get $q))
          (local.set $p (i32.const 0))
          (br $leave)))
        (local.set $g (i32.shl (local.get $g) (i32.const 2)))
        (local.set $bytes (i32.shr_u (i32.load offset=${TABLE} (local.get $g)) (i32.const 8)))
        (if (i32.load offset=${TABLE} (local.get $g)) (then ${countResize}) (else ${countIn}))
        ${enter("(local.get $g)")}
        (return (local.get $q)))
      ${leaveRealloc(element)})`,
    ),
};

/** The code in front of each entry point of an allocator that is replaced. */
export const replacing = {
  malloc: (element: number): Body =>
    body(`(func (param $n i32) (result i32) (local $p i32) (local $class i32) (local $live i32)
      (block $leave
        (br_if $leave (i32.ge_u (local.get $n) (global.get $limit)))
        (if (local.tee $p (i32.load (local.tee $class ${classOf("$n")})))
          (then (i32.store (local.get $class) (i32.load memory=0 (local.get $p))))
          (else
            (br_if $leave (i32.eq
              (local.tee $p (i32.load offset=4 (local.get $class)))
              (i32.load offset=8 (local.get $class))))
            (i32.store offset=4 (local.get $class)
              (i32.add (local.get $p) (i32.load offset=12 (local.get $class))))))
        ${enter("(i32.shr_u (local.get $p) (i32.const 2))")}
        ${countIn}
        (return (local.get $p)))
      ${leaveMalloc(element)})`),
  free: (element: number): Body =>
    body(`(func (param $p i32) (local $g i32) (local $bytes i32)
      (block $leave
        ${lookUp(4, SMALL + 1)}
        ${strike}
        ${countOut}
        (i32.store memory=0 (local.get $p)
          (i32.load (local.tee $g ${classOf("$bytes")})))
        (i32.store (local.get $g) (local.get $p))
        (return))
      ${leaveFree(element)})`),
  calloc: (element: number): Body => calloc(element),
  realloc: (element: number): Body =>
    body(`(func (param $p i32) (param $n i32) (result i32)
        (local $g i32) (local $bytes i32) (local $q i32) (local $end i32) (local $live i32)
      (if (i32.eqz (local.get $p)) (then (return (call $malloc (local.get $n)))))
      (block $leave
        (br_if $leave (i32.ge_u (i32.sub (local.get $n) (i32.const 1)) (i32.sub (global.get $limit) (i32.const 1))))
        ${lookUp(4, SMALL + 1)}
        (if (i32.eq ${classOf("$n")} ${classOf("$bytes")}) (then ;; it stays where it is
          ${enter("(local.get $g)")}
          ${countResize}
          (return (local.get $p))))
        (if (i32.eqz (local.tee $q (call $malloc (local.get $n)))) (then (return (i32.const 0))))
        (local.set $g (local.get $p))
        (local.set $end (i32.add (local.get $p)
          (select (local.get $bytes) (local.get $n) (i32.lt_u (local.get $bytes) (local.get $n)))))
        (loop $copy ;; by granules, which both have whole
          (i64.store memory=0 (local.get $q) (i64.load memory=0 (local.get $g)))
          (i64.store memory=0 offset=8 (local.get $q) (i64.load memory=0 offset=8 (local.get $g)))
          (local.set $q (i32.add (local.get $q) (i32.const 16)))
          (br_if $copy (i32.lt_u (local.tee $g (i32.add (local.get $g) (i32.const 16))) (local.get $end))))
        (call $free (local.get $p))
        (return (i32.sub (local.get $q) (i32.sub (local.get $g) (local.get $p)))))
      ${leaveRealloc(element)})`),
};

function body(text: string): Body {
  return (scope) => assemble(text, scope);
}

/** Clears what malloc gives. */
function calloc(element: number): Body {
  return body(`(func (param $count i32) (param $size i32) (result i32) (local $p i32) (local $n i32)
    (if (i32.or
        (i32.ge_u (i32.or (local.get $count) (local.get $size)) (i32.const 0xffff)) ;; else the product has 32 bits
        (i32.ge_u (local.tee $n (i32.mul (local.get $count) (local.get $size))) (global.get $limit)))
      (then (return (call_indirect (type $calloc) (local.get $count) (local.get $size) (i32.const ${element})))))
    (local.set $p (call $malloc (local.get $n)))
    (if (local.get $p) (then (memory.fill (local.get $p) (i32.const 0) (local.get $n))))
    (local.get $p))`);
}

/** Calls through the table: the library serves the request. */
function leaveMalloc(element: number): string {
  return `(call_indirect (type $malloc) (local.get $n) (i32.const ${element}))`;
}

function leaveFree(element: number): string {
  return `(if (local.get $p) (then (call_indirect (type $free) (local.get $p) (i32.const ${element}))))`;
}

function leaveRealloc(element: number): string {
  return `(call_indirect (type $realloc) (local.get $p) (local.get $n) (i32.const ${element}))`;
}

/** The row of the class of so many bytes. */
function classOf(bytes: string): string {
  return `(i32.add (global.get $area) (i32.and (i32.add (local.get ${bytes}) (i32.const 15)) (i32.const -16)))`;
}

/** Enters what is at `$p`, or `$q`, of `$n` bytes, in the ledger: `word` is where, in bytes. */
function enter(word: string): string {
  return `(i32.store offset=${TABLE} ${word} (i32.or (i32.shl (local.get $n) (i32.const 8)) (global.get $slot)))`;
}

/** `$bytes` of the block `$p`, and `$g`, where it is in the ledger; `$leave`, unless it is one of fewer than `most` that is served now. */
function lookUp(shift: number, most: number): string {
  // Other slots than the one that serves now make it more than 24 bits
  return `(br_if $leave (i32.ge_u (local.tee $g (i32.rotr (local.get $p) (i32.const ${shift}))) (global.get $cover)))
    (br_if $leave (i32.ge_u
      (local.tee $bytes (i32.rotr
        (i32.sub (i32.load offset=${TABLE} (local.tee $g (i32.shl (local.get $g) (i32.const 2)))) (global.get $slot))
        (i32.const 8)))
      (i32.const ${most})))`;
}

/** Strikes that block out of it. */
const strike = `(i32.store offset=${TABLE} (local.get $g) (i32.const 0))`;

/** Counts an allocation of `$n` bytes. */
const countIn = `
  (global.set $nalloc (i64.add (global.get $nalloc) (i64.const 1)))
  (global.set $live (local.tee $live (i32.add (global.get $live) (local.get $n))))
  (if (i32.gt_u (local.get $live) (global.get $watermark)) (then (global.set $watermark (local.get $live))))`;

/** Counts that a block of `$bytes` bytes is one of `$n` bytes now. */
const countResize = `
  (if (i32.lt_u (local.get $n) (local.get $bytes)) (then
    (global.set $szfree (i64.add (global.get $szfree)
      (i64.extend_i32_u (i32.sub (local.get $bytes) (local.get $n)))))))
  (global.set $live (local.tee $live (i32.add (global.get $live) (i32.sub (local.get $n) (local.get $bytes)))))
  (if (i32.gt_u (local.get $live) (global.get $watermark)) (then (global.set $watermark (local.get $live))))`;

/** Counts that a block of `$bytes` bytes has come back. */
const countOut = `
  (global.set $nfree (i64.add (global.get $nfree) (i64.const 1)))
  (global.set $szfree (i64.add (global.get $szfree) (i64.extend_i32_u (local.get $bytes))))
  (global.set $live (i32.sub (global.get $live) (local.get $bytes)))`;
