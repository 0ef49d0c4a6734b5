// A guest of a few functions, whose allocator has what those of others may have: an alignment of 8 bytes, calls of itself

import { binary, body, END, I32, i32, list, section, type } from "./wasm_kit.ts";

/** How it is made. */
export interface Small {
  /** Start of the first block, in bytes. */
  first?: number;
  /** Whether free takes the size from malloc_usable_size, and malloc has its blocks from memalign. */
  nested?: boolean;
  /** Whether realloc to no bytes frees, and returns 0. */
  frees?: boolean;
  /** Pages of 64 KiB of memory, and at most; of "env" "memory", if it is imported. */
  pages?: number;
  most?: number;
  imported?: boolean;
  /** Whether a start function allocates 100 bytes. */
  starts?: boolean;
  /** Whether it exports the allocator under other names. */
  hidden?: boolean;
}

const scope = {
  globals: { top: 0, out: 1 },
  functions: { malloc: 0, free: 1, realloc: 2, memalign: 3, malloc_usable_size: 4 },
};

/**
 * Its allocator goes up through the memory, and takes nothing back. A block has its size in front; the export `out` counts
 * blocks that are out, and traps when a block is freed that is not.
 */
export function small(options: Small = {}): Uint8Array<ArrayBuffer> {
  const { first = 1032, nested = false, frees = false, pages = 4, most = 100, imported = false } = options;
  const { starts = false, hidden = false } = options;
  const take = `(local $p i32)
    (local.set $p (global.get $top))
    (if (i32.gt_u (i32.add (local.get $n) (local.get $p)) (i32.const ${
    pages * 65536 - 64
  })) (then (return (i32.const 0))))
    (global.set $top (i32.add (local.get $p) (i32.and (i32.add (local.get $n) (i32.const 31)) (i32.const -16))))
    (global.set $out (i32.add (global.get $out) (i32.const 1)))
    (i32.store (i32.sub (local.get $p) (i32.const 8)) (local.get $n))
    (i32.store (i32.sub (local.get $p) (i32.const 4)) (i32.const 42))
    (local.get $p)`;
  const name = (text: string) => hidden ? `x_${text}` : text;
  return binary(
    section(
      "type",
      list(type([I32], [I32]), type([I32], []), type([I32, I32], [I32]), type([], [])),
    ),
    ...(imported ? [section("import", list(["env", "memory", 2, 0, pages]))] : []),
    section("function", list(0, 1, 2, 2, 0, 0, 1, 2, ...(starts ? [3] : []))),
    ...(imported ? [] : [section("memory", list([1, pages, most]))]),
    section("global", list([I32, 1, i32(first), END], [I32, 1, i32(0), END])),
    section(
      "export",
      list(
        ...(imported ? [] : [["memory", 2, 0]]),
        [name("malloc"), 0, 0],
        [name("free"), 0, 1],
        [name("realloc"), 0, 2],
        ...(nested ? [[name("memalign"), 0, 3], [name("malloc_usable_size"), 0, 4]] : []),
        ["do_malloc", 0, 5],
        ["do_free", 0, 6],
        ["do_realloc", 0, 7],
        ["out", 3, 1],
      ),
    ),
    ...(starts ? [section("start", 8)] : []),
    section(
      "code",
      list(
        body(
          nested
            ? `(func (param $n i32) (result i32) (call $memalign (i32.const 8) (local.get $n)))`
            : `(func (param $n i32) (result i32) ${take})`,
          scope,
        ),
        body(
          `(func (param $p i32)
            (if (i32.eqz (local.get $p)) (then (return)))
            (if (i32.ne (i32.load (i32.sub (local.get $p) (i32.const 4))) (i32.const 42)) (then (unreachable)))
            ${nested ? "(if (i32.eqz (call $malloc_usable_size (local.get $p))) (then (unreachable)))" : ""}
            (i32.store (i32.sub (local.get $p) (i32.const 4)) (i32.const 0))
            (global.set $out (i32.sub (global.get $out) (i32.const 1))))`,
          scope,
        ),
        body(
          `(func (param $p i32) (param $n i32) (result i32) (local $q i32) (local $old i32)
            ${frees ? "(if (i32.eqz (local.get $n)) (then (call $free (local.get $p)) (return (i32.const 0))))" : ""}
            (local.set $q (call $malloc (local.get $n)))
            (if (i32.eqz (local.get $q)) (then (return (i32.const 0))))
            (if (local.get $p) (then
              (local.set $old (i32.load (i32.sub (local.get $p) (i32.const 8))))
              (memory.copy (local.get $q) (local.get $p)
                (select (local.get $old) (local.get $n) (i32.lt_u (local.get $old) (local.get $n))))
              (call $free (local.get $p))))
            (local.get $q))`,
          scope,
        ),
        body(`(func (param $align i32) (param $n i32) (result i32) ${take})`, scope),
        body(`(func (param $p i32) (result i32) (i32.load (i32.sub (local.get $p) (i32.const 8))))`, scope),
        body(`(func (param $n i32) (result i32) (call $malloc (local.get $n)))`, scope),
        body(`(func (param $p i32) (call $free (local.get $p)))`, scope),
        body(
          `(func (param $p i32) (param $n i32) (result i32) (call $realloc (local.get $p) (local.get $n)))`,
          scope,
        ),
        ...(starts ? [body(`(func (drop (call $malloc (i32.const 100))))`, scope)] : []),
      ),
    ),
  );
}
