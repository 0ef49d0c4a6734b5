import { exportsFromGlue, namesFromGlue } from "../rt/inspect/glue.ts";
import { assertEquals, assertThrows } from "./assert.ts";
import { npmFile, npmUrl } from "./npm_files.ts";
import { program } from "./wasm_program.ts";

Deno.test("glue: names are found as each Emscripten writes them", () => {
  const texts: Record<string, Record<string, string>> = {
    "k._malloc=c.Ia;k._free=c.Ja": { malloc: "Ia", free: "Ja" },
    "da=k._malloc=c.Ia;ea=k._free=c.Ja;": { malloc: "Ia", free: "Ja" },
    "d._malloc=b.$;d._free = b.a$ ;": { malloc: "$", free: "a$" },
    'Module["_malloc"]=_malloc=wasmExports["ab"];': { malloc: "ab" },
    "Module['_malloc'] = _malloc = wasmExports['ab'];": { malloc: "ab" },
    'var _malloc=Module["_malloc"]=a=>(_malloc=Module["_malloc"]=wasmExports["Z"])(a)': { malloc: "Z" },
    'var _malloc=Module["_malloc"]=function(){return(_malloc=Module["_malloc"]=Module["asm"]["Z"]).apply(null,arguments)};':
      {
        malloc: "Z",
      },
    "var le=c=>(le=d.malloc)(c);a._realloc=(b,c)=>(a._realloc=d.q)(b,c)": { realloc: "q" },
    "_calloc = Module['_calloc'] = createExportWrapper('calloc', 2);": { calloc: "calloc" },
    '_calloc = createExportWrapper(\n  "calloc"\n);': { calloc: "calloc" },
    "x._emscripten_builtin_memalign=c.La": { memalign: "La" },
    "x.__libc_malloc=c.e;": {},
    "x.___libc_malloc=c.e;": { malloc: "e" },
  };
  for (const [text, names] of Object.entries(texts)) assertEquals(namesFromGlue(text), names, text);
});

Deno.test("glue: what is no name is not taken for one", () => {
  for (
    const text of [
      "",
      "if(k._malloc==c.Ia){}",
      "k._malloc===c.Ia",
      "k._malloc=>c.Ia",
      "_malloc=undefined",
      "_malloc=null;",
      "var _malloc = Module._malloc",
      'var p = Module["_malloc"](5)',
      "my_malloc=c.Ia",
      "$_malloc=c.Ia",
      "x._mallocs=c.Ia",
      "_malloc=(a)=>5",
      "_malloc",
      "_malloc=",
    ]
  ) assertEquals(namesFromGlue(text), {}, text);
});

Deno.test("glue: the name in C comes before that of an allocator, the first before the second", () => {
  assertEquals(namesFromGlue("a._emscripten_builtin_malloc=c.x;a._malloc=c.y;a._malloc=c.z"), { malloc: "y" });
  assertEquals(namesFromGlue("a._malloc=c.y;a._emscripten_builtin_malloc=c.x;"), { malloc: "y" });
});

Deno.test("glue: with the module, only what it exports and fits is taken", () => {
  const text = "(func (param $n i32) (result i32) (local.get $n))", two = "(func (param $a i32) (param $n i32))";
  const module = program({
    functions: { a: { text, exports: ["a"] }, b: { text: two, exports: ["b"] } },
  });
  assertEquals(namesFromGlue("k._malloc=c.b;k._malloc=c.z;k._malloc=c.a;k._free=c.b", module), { malloc: "a" });
});

Deno.test("glue: what is no text is refused", () => {
  for (const js of [undefined, null, 5, new Uint8Array(2)]) {
    assertThrows(
      () => namesFromGlue(js as unknown as string),
      TypeError,
      "Cannot find names in glue: expected the text of a script, got ",
    );
  }
});

Deno.test("glue: a long text takes linear time", () => {
  const n = 300_000;
  for (
    const text of ["_malloc=", "_", "_malloc=a.b.", "_malloc=a[", '_malloc["', "_malloc  ", "_malloc=f(", "a.b.c."].map(
      (t) => t.repeat(n),
    )
  ) namesFromGlue(text);
});

const REAL: Readonly<Record<string, Record<string, string>>> = {
  "sql.js/dist/sql-wasm.js": { malloc: "Ia", free: "Ja" },
  "sql.js/dist/sql-wasm-debug.js": { malloc: "malloc", free: "free", memalign: "emscripten_builtin_memalign" },
  "harfbuzzjs/dist/harfbuzz.js": { malloc: "malloc", free: "free" },
  "web-tree-sitter/web-tree-sitter.js": { malloc: "malloc", calloc: "calloc", realloc: "realloc", free: "free" },
  "vscode-oniguruma/release/main.js": {},
  "@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.mjs": { malloc: "v", free: "M" },
};

for (const [file, names] of Object.entries(REAL)) {
  Deno.test(`glue: ${file}`, async () => {
    const js = await Deno.readTextFile(await npmUrl(file));
    assertEquals(namesFromGlue(js), names);
    if (Object.keys(names).length === 0) return;
    const wasm = file.replace(/\.m?js$/, ".wasm");
    assertEquals(namesFromGlue(js, await npmFile(wasm)), names);
  });
}

Deno.test("glue: what else is exported under short names has its name, too", async () => {
  const names = exportsFromGlue('a._sqlite3_exec=c.W;a._main=d._main;var _free=k._x=b["Ja"];');
  assertEquals(names, { W: "sqlite3_exec", Ja: "free" });

  const js = await Deno.readTextFile(await npmUrl("sql.js/dist/sql-wasm.js"));
  const all = exportsFromGlue(js);
  assertEquals([all.Ia, all.W, all.T], ["malloc", "sqlite3_exec", "sqlite3_prepare_v2"]);
  assertThrows(() => exportsFromGlue(1 as unknown as string), TypeError, "expected the text of a script, got 1");
});
