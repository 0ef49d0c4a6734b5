import { Heap, OutOfMemoryError } from "../mod.ts";
import { allocatorImports, isAllocatorImport } from "../rt/abi/allocator_imports.ts";
import { EINVAL, ENOMEM } from "../rt/abi/c_functions.ts";
import { WasmError, Writer } from "../rt/wasm/bytes.ts";
import { parseModule, SECTION } from "../rt/wasm/module.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";
import { type Exports, guestBytes, MapBlocks } from "./guest_blocks.ts";

/** A guest whose allocator is imported, served on its own memory. */
function run(name: string): { exports: Exports; blocks: MapBlocks; names: string[] } {
  const bytes = guestBytes(name), blocks = new MapBlocks(), module = parseModule(bytes);
  const imports = allocatorImports(module, blocks);
  blocks.limit = 2 ** 30;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
  const { memory, __heap_base } = exports as { memory: WebAssembly.Memory; __heap_base: WebAssembly.Global };
  blocks.lay(new Heap({ memory, start: __heap_base.value }));
  return { exports: exports as Exports, blocks, names: Object.keys(imports.env) };
}

function assertNothingOut({ out, garbage }: MapBlocks): void {
  assertEquals([out.size, garbage], [0, []]);
}

const ENTRIES = [
  ...["aligned_alloc", "calloc", "free", "malloc", "malloc_usable_size", "memalign", "posix_memalign", "realloc"],
  "reallocarray",
];

Deno.test("imports: a guest in C has every function of C served", () => {
  const { exports: c, blocks, names } = run("imports");
  assertEquals(names.sort(), ENTRIES);
  const p = c.do_malloc(100), q = c.do_calloc(10, 10), r = c.do_aligned_alloc(4096, 10), s = c.do_memalign(100, 10);
  assertEquals([r % 4096, s % 128, p % 16, q % 16], [0, 0, 0, 0]);
  assertEquals([p, q, r, s].map((p) => blocks.sizeOf(p)), [100, 100, 10, 10]);
  assertEquals(c.do_malloc_usable_size(p), 100);
  const p2 = c.do_realloc(p, 1000), q2 = c.do_reallocarray(q, 30, 100);
  assertEquals([p2, q2].map((p) => blocks.sizeOf(p)), [1000, 3000]);
  for (const block of [p2, q2, r, s, 0]) c.do_free(block);
  assertNothingOut(blocks);
});

Deno.test("imports: a guest in C does with them what programs do", () => {
  const { exports: c, blocks } = run("imports");
  assertEquals(c.calloc_dirt(10, 10), 0);
  assertEquals(c.calloc_dirt(1000, 10), 0);
  for (const [from, to] of [[10, 10], [10, 1000], [1000, 10], [5000, 100_000], [100_000, 0], [0, 10]]) {
    assertEquals(c.realloc_kept(from, to), Math.min(from, to));
  }
  assertEquals(c.realloc_kept(100, -1), -2); // no memory, the old block is whole
  assertEquals(c.pairs(1000, 24), 499_500);
  const list = c.list_make(1000);
  assertEquals([blocks.out.size, blocks.bytes, c.list_sum(list)], [1000, 8000, 499_500]);
  c.list_free(list);
  assertNothingOut(blocks);
  assertEquals(c.leak_half(11, 40), 5);
  assertEquals([blocks.out.size, blocks.bytes], [5, 200]);
});

Deno.test("imports: posix_memalign writes to any address", () => {
  const { exports: c, blocks } = run("imports");
  const p = c.posix_memalign_odd(256, 50);
  assertEquals([p % 256, blocks.sizeOf(p)], [0, 50]);
  assertEquals(c.posix_memalign_odd(24, 50), EINVAL);
  assertEquals(c.posix_memalign_odd(2, 50), EINVAL);
  assertEquals(c.posix_memalign_odd(16, -1), ENOMEM);
  assertEquals([...blocks.out.keys()], [p]);
  assertThrows(() => c.do_posix_memalign(-2, 16, 10), WebAssembly.RuntimeError);
});

Deno.test("imports: through pointers to functions", () => {
  const { exports: c, blocks } = run("imports");
  const p = c.indirect_alloc(70);
  assertEquals(blocks.sizeOf(p), 70);
  c.indirect_release(p);
  assertNothingOut(blocks);
});

Deno.test("imports: a guest that grows its memory itself, and one that runs out of it", () => {
  const { exports: c, blocks } = run("imports");
  const p = c.do_malloc(1000);
  const before = blocks.heap.size;
  assertEquals(c.grow(3), before / 65536);
  assertEquals(blocks.heap.size, before + 3 * 65536);
  const q = c.do_calloc(1, 300_000); // behind what it grew
  assert(q > p && c.calloc_dirt(100, 1000) === 0);
  assertEquals(c.do_malloc(-1), 0);
  assertEquals(c.do_malloc(4_000_000_000), 0);
  assertEquals(c.pairs(5, -1), -1);
  assertEquals([...blocks.out.keys()], [p, q]);
});

Deno.test("imports: a guest whose memory is imported, too", () => {
  const bytes = guestBytes("imports_memory"), memory = new WebAssembly.Memory({ initial: 4 });
  const blocks = new MapBlocks({ memory, start: 2 * 65536 });
  const { env, ...others } = allocatorImports(parseModule(bytes), blocks);
  assertEquals([Object.keys(env).sort(), others], [ENTRIES, {}]);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { ...env, memory } });
  const c = instance.exports as Exports, list = c.list_make(100);
  assertEquals([c.list_sum(list), blocks.out.size], [4950, 100]);
  assert([...blocks.out.keys()].every((p) => p >= 2 * 65536));
});

Deno.test("imports: addresses beyond 2 GiB", () => {
  const bytes = guestBytes("imports_memory"), memory = new WebAssembly.Memory({ initial: 2 ** 15 + 4 });
  const blocks = new MapBlocks({ memory, start: 2 ** 31 });
  const { env } = allocatorImports(parseModule(bytes), blocks);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { ...env, memory } });
  const c = instance.exports as Exports, p = c.do_malloc(100);
  assert(p < 0);
  assert(blocks.sizeOf(p >>> 0) === 100);
  assertEquals([c.do_malloc_usable_size(p), c.calloc_dirt(10, 100), c.realloc_kept(100, 5000)], [100, 0, 100]);
  const odd = c.posix_memalign_odd(64, 10);
  assert(odd < 0 && odd % 64 === 0);
  c.do_free(p);
  c.do_free(odd);
  c.list_free(c.list_make(10));
  assertNothingOut(blocks);
});

Deno.test("imports: a guest in C++ has all operators new and delete served", () => {
  const { exports: cxx, blocks, names } = run("operators");
  assertEquals(names.length, 20);
  for (const array of [0, 1]) {
    for (const form of [0, 1, 2, 3]) {
      for (const end of [0, 1, 2, 3, 4, 5]) {
        const align = form % 2 === 1 ? 256 : 16, p = cxx.op_new(form, array, 100, align);
        assertEquals([p % align, blocks.sizeOf(p)], [0, 100]);
        cxx.op_delete(end, array, p, 77, align); // with a size that is wrong, and is not believed
        cxx.op_delete(end, array, 0, 100, align);
        assertNothingOut(blocks);
      }
      const p = cxx.op_new(form, array, 0, 16), q = cxx.op_new(form, array, 0, 16);
      assert(p !== 0 && q !== 0 && p !== q);
      cxx.op_delete(0, array, p, 0, 16);
      cxx.op_delete(0, array, q, 0, 16);
    }
  }
  assertNothingOut(blocks);
});

Deno.test("imports: a guest in C++ does with them what programs do", () => {
  const { exports: cxx, blocks } = run("operators");
  assertEquals(cxx.shapes(10), 0 + 2 + 4 + 6 + 16 + 10 + 36 + 14 + 64 + 18);
  assertEquals(cxx.array(100), 100);
  assertEquals(cxx.line() % 64, 0);
  assertEquals([cxx.quiet(100), cxx.quiet(-100)], [0, 1]);
  assertEquals(cxx.objects(), 0);
  assertNothingOut(blocks);
  cxx.forget(10);
  assertEquals(cxx.objects(), 1);
  assertEquals([...blocks.out.values()].map(({ size }) => size).sort((a, b) => a - b), [16, 32, 40]);
});

Deno.test("imports: a new without memory throws, one that must not is null", () => {
  const { exports: cxx, blocks } = run("operators");
  for (const array of [0, 1]) {
    for (const form of [0, 1]) {
      const e = assertThrows(
        () => cxx.op_new(form, array, 3_000_000_000, 64),
        OutOfMemoryError,
        "the guest is out of memory",
      );
      assertEquals(e.size, 3_000_000_000);
    }
    for (const form of [2, 3]) assertEquals(cxx.op_new(form, array, -1, 64), 0);
    assertThrows(() => cxx.op_new(1, array, 10, 24), OutOfMemoryError); // no alignment
    assertEquals(cxx.op_new(3, array, 10, 0), 0);
  }
  assertEquals(cxx.shapes(3), 6); // and it goes on
  assertNothingOut(blocks);
});

for (const name of ["rust", "rust_mangled"]) {
  Deno.test(`imports: a guest in Rust has its functions served: ${name}`, () => {
    const { exports: rust, blocks, names } = run(name);
    assertEquals(names.length, name === "rust" ? 5 : 6);
    for (const align of [1, 4, 16, 64, 4096]) {
      let p = rust.rust_alloc(100, align);
      assertEquals([p % align, blocks.sizeOf(p)], [0, 100]);
      blocks.heap.u8.fill(7, p, p + 100);
      blocks.resizes = false;
      p = rust.rust_realloc(p, 100, align, 50_000);
      assertEquals([p % align, blocks.sizeOf(p), blocks.heap.u8[p + 99]], [0, 50_000, 7]);
      blocks.resizes = true;
      p = rust.rust_realloc(p, 50_000, align, 10);
      assertEquals([p % align, blocks.sizeOf(p), blocks.heap.u8[p + 9]], [0, 10, 7]);
      assertEquals(rust.rust_realloc(p, 10, align, -1), 0);
      rust.rust_dealloc(p, 10, align);
      const z = rust.rust_alloc_zeroed(5000, align);
      assertEquals([z % align, blocks.heap.u8.subarray(z, z + 5000).every((byte) => byte === 0)], [0, true]);
      rust.rust_dealloc(z, 5000, align);
      assertEquals([rust.rust_alloc(-1, align), rust.rust_alloc_zeroed(-1, align)], [0, 0]);
    }
    assertNothingOut(blocks);
  });

  Deno.test(`imports: a guest in Rust does with them what programs do: ${name}`, () => {
    const { exports: rust, blocks } = run(name);
    assertEquals(rust.vector(1000), 499_500);
    assertEquals(rust.map(300), 4900);
    assertEquals(rust.zeros(10_000), 0);
    assertEquals(rust.line() % 128, 0);
    blocks.resizes = false;
    assertEquals(rust.lines(50), 0);
    assertEquals(rust.demand(1000), 0);
    if (name === "rust_mangled") assertEquals(rust.mangled(100), 0);
    assertNothingOut(blocks);
    const e = assertThrows(() => rust.demand(2_000_000_000), OutOfMemoryError);
    assertEquals(e.size, 2_000_000_000);
    const p = rust.forget();
    assertEquals([...blocks.out].map(([p, { size }]) => [p, size]), [[p, 40]]);
  });
}

const OPERATORS = ["_Znwm", "_Znwj", "_Znam", "_Znaj"].flatMap((name) =>
  ["", "RKSt9nothrow_t", "St11align_val_t", "St11align_val_tRKSt9nothrow_t"].map((form) => name + form)
);
const DELETES = ["_ZdlPv", "_ZdaPv"].flatMap((name) =>
  [
    ...["", "m", "j", "RKSt9nothrow_t", "St11align_val_t", "mSt11align_val_t", "jSt11align_val_t"],
    "St11align_val_tRKSt9nothrow_t",
  ].map((form) => name + form)
);
const RUST = ["__rust_alloc", "__rust_alloc_zeroed", "__rust_dealloc", "__rust_realloc", "__rust_alloc_error_handler"];

Deno.test("imports: which names are those of an allocator", () => {
  for (const name of [...ENTRIES, ...OPERATORS, ...DELETES, ...RUST]) assert(isAllocatorImport(name), name);
  for (
    const name of [
      "_RNvCsfLfy6EI15iL_7___rustc12___rust_alloc",
      "_RNvCseulmdZsCeCG_7___rustc14___rust_realloc",
      "_RNvC7___rustc14___rust_dealloc",
      "_RNvCs1_7___rustc35___rust_no_alloc_shim_is_unstable_v2",
    ]
  ) assert(isAllocatorImport(name), name);
  for (
    const name of [
      ...["", "Malloc", "malloc2", "my_malloc", "valloc", "sbrk", "emscripten_resize_heap", "memcpy"],
      ...["_ZnwmPv", "_ZdlPvmRKSt9nothrow_t", "_Znwy", "_ZdlPvS_", "_Znwm2", "rust_alloc", "__rust_start_panic"],
      ...["_RNvCsfLfy6EI15iL_7___rustc12___rust_start", "_RNvCs_3foo12___rust_alloc", "x_RNvC7___rustc12___rust_alloc"],
      ...["constructor", "toString", "__proto__", "hasOwnProperty"],
    ]
  ) assert(!isAllocatorImport(name), name);
});

/** What a module of nothing but imports has: `[module, name, kind, type or what else belongs to it]`, and its types. */
type Parts = [module: string, name: string, kind: number, ...rest: number[]][];

/** Types of functions, as in "ii>i": of i32 and i64. */
function importing(types: string[], parts: Parts, wide = false): Uint8Array<ArrayBuffer> {
  const file = new Writer(), value = (c: string) => c === "i" ? 0x7f : 0x7e;
  const bytes = (list: readonly number[]) => [list.length, ...list];
  const text = (s: string) => bytes([...new TextEncoder().encode(s)]);
  const signatures = types.flatMap((type) => {
    const [params, results] = type.split(">");
    return [0x60, ...bytes([...params].map(value)), ...bytes([...results].map(value))];
  });
  const imports = parts.flatMap(([from, name, ...rest]) => [...text(from), ...text(name), ...rest]);
  file.byte(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  file.section(SECTION.type, new Writer().byte(types.length, ...signatures));
  file.section(SECTION.import, new Writer().byte(parts.length, ...imports));
  if (wide) file.section(SECTION.memory, new Writer().byte(1, 4, 1));
  return file.bytes();
}

Deno.test("imports: every spelling is served with the type that it has", () => {
  const type = (name: string): string => {
    const extra = (name.match(/St11align_val_t|RKSt9nothrow_t|Pv[mj]/g) ?? []).length;
    if (/^_Z/.test(name)) return "i".repeat(1 + extra) + (name.startsWith("_Zn") ? ">i" : ">");
    return {
      free: "i>",
      malloc: "i>i",
      malloc_usable_size: "i>i",
      posix_memalign: "iii>i",
      reallocarray: "iii>i",
      __rust_dealloc: "iii>",
      __rust_realloc: "iiii>i",
      __rust_alloc_error_handler: "ii>",
    }[name] ?? "ii>i";
  };
  const names = [...ENTRIES, ...OPERATORS, ...DELETES, ...RUST];
  const bytes = importing(names.map(type), names.map((name, i) => ["env", name, 0, i]));
  const imports = allocatorImports(parseModule(bytes), new MapBlocks({ initial: 1 }));
  assertEquals(Object.keys(imports.env).sort(), names.sort());
  new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
});

Deno.test("imports: from whichever module, and nothing but functions", () => {
  const i32 = 0x7f,
    parts: Parts = [
      ["env", "malloc", 0, 0],
      ["GOT.func", "malloc", 3, i32, 1],
      ["GOT.mem", "free", 3, i32, 1],
      ["env", "memory", 2, 0, 1],
      ["env", "calloc", 3, i32, 0],
      ["", "free", 0, 1],
      ["__proto__", "free", 0, 1],
      ["constructor", "malloc", 0, 0],
      ["env", "puts", 0, 0],
    ];
  const bytes = importing(["i>i", "i>"], parts), compiled = new WebAssembly.Module(bytes);
  for (const module of [parseModule(bytes), compiled]) {
    const imports = allocatorImports(module, new MapBlocks({ initial: 1 }));
    assertEquals(
      Object.keys(imports).map((from) => [from, ...Object.keys(imports[from])]),
      [["env", "malloc"], ["", "free"], ["__proto__", "free"], ["constructor", "malloc"]],
    );
  }
  assert(!("free" in {}) && !("malloc" in Object));
  assertEquals(Object.keys(allocatorImports(parseModule(importing([], [])), new MapBlocks())), []);
});

Deno.test("imports: a function of another type is refused", () => {
  const refuse = (name: string, type: string, message: string, wide = false) => {
    const module = parseModule(importing([type], [["env", name, 0, 0]], wide));
    const e = assertThrows(() => allocatorImports(module, new MapBlocks()), WasmError, message);
    assert(e.offset > 0);
  };
  refuse("malloc", "ii>i", "Cannot serve env.malloc: expected (i32) -> i32, got (i32, i32) -> i32 (at");
  refuse("free", "i>i", "Cannot serve env.free: expected (i32), got (i32) -> i32 (at");
  refuse("_Znwm", "i>", "Cannot serve env._Znwm: expected (i32) -> i32, got (i32) (at");
  refuse(
    "_RNvCs1_7___rustc14___rust_dealloc",
    "ii>",
    "Cannot serve env._RNvCs1_7___rustc14___rust_dealloc: expected (i32, i32, i32), got (i32, i32) (at",
  );
  const wide = "; addresses of 64 bits are not supported (at";
  refuse("malloc", "l>l", `Cannot serve env.malloc: expected (i32) -> i32, got (i64) -> i64${wide}`, true);
  refuse("malloc", "l>l", `Cannot serve env.malloc: expected (i32) -> i32, got (i64) -> i64${wide}`);
  refuse("_ZdlPvm", "ll>", `Cannot serve env._ZdlPvm: expected (i32, i32), got (i64, i64)${wide}`, true);
  refuse("posix_memalign", "lll>i", `got (i64, i64, i64) -> i32${wide}`, true);
});

Deno.test("imports: of a compiled module types are not known, and bigints are errors", () => {
  const compiled = new WebAssembly.Module(importing(["l>l"], [["env", "malloc", 0, 0]], true));
  const { env } = allocatorImports(compiled, new MapBlocks({ initial: 1 }));
  assertThrows(() => (env.malloc as (size: bigint) => number)(10n), TypeError);
});

Deno.test("imports: realloc(p, 0) as the guest expects it", () => {
  const bytes = guestBytes("imports_memory"), memory = new WebAssembly.Memory({ initial: 4 });
  for (const frees of [false, true]) {
    const blocks = new MapBlocks({ memory, start: 2 * 65536 });
    const { env } = allocatorImports(parseModule(bytes), blocks, { frees });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { ...env, memory } });
    const c = instance.exports as Exports, p = c.do_realloc(c.do_malloc(10), 0);
    assertEquals([p === 0, blocks.out.size], [frees, frees ? 0 : 1]);
    c.do_free(p);
    assertNothingOut(blocks);
    blocks.deinit();
  }
});
