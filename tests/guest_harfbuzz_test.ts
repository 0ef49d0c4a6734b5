// A shaper of text and a maker of subsets of fonts, as npm's harfbuzzjs has them: modules that export malloc and free, but hide
// their calloc and realloc
import { enter, general, init, LeakError, stats } from "../mod.ts";
import { type Guest, guest, type GuestOptions, instantiateWasm, intercept } from "../rt/mod.ts";
import { leakFree } from "../testing/mod.ts";
import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "./assert.ts";
import {
  type Exports,
  fontFile,
  type HarfBuzz,
  harfBuzz,
  lines,
  openFont,
  shape,
  shaped,
  shaperModule,
  subset,
  subsetterModule,
} from "./harfbuzz.ts";
import { linesOf } from "./lines_of.ts";

const FONT = await fontFile(), TEXTS = lines(200);
/** Where the entry points are that are not exported, in the one module and in the other. */
const SHAPER: NonNullable<GuestOptions["names"]> = { calloc: 10, realloc: 58 };
const SUBSETTER: NonNullable<GuestOptions["names"]> = { calloc: 1774, realloc: 1772 };
const WAYS: [how: string, options: GuestOptions][] = [
  ["watched", { allocator: "watch" }],
  ["watched, with all entry points named", { allocator: "watch", names: SHAPER }],
  ["replaced", { allocator: "replace", names: SHAPER }],
];

/** The shaper as a guest. */
async function asGuest(options: GuestOptions = {}): Promise<[HarfBuzz, Guest]> {
  const hook = instantiateWasm(await shaperModule(), { name: "harfbuzz", ...options });
  const hb = await harfBuzz({ instantiateWasm: hook });
  return [hb, await hook.guest];
}

/** The glyphs of all texts in a font that is opened for that. All is destroyed again. */
function shapedAll(hb: HarfBuzz): string[] {
  const font = openFont(hb, FONT), glyphs = TEXTS.map((text) => shape(hb, font, text));
  font.destroy();
  return glyphs;
}

let plain: Promise<string[]> | undefined;
/** The same without a guest, made once. */
const expected = (): Promise<string[]> => plain ??= harfBuzz().then(shapedAll);

/** Blocks and bytes that are out. */
const live = (g: Guest): [blocks: number, bytes: number] => {
  const { nalloc, nfree, szalloc, szfree } = g.gauge();
  return [nalloc - nfree, szalloc - szfree];
};

Deno.test("guest_harfbuzz: the texts have ligatures, kerning, marks and joined letters", async () => {
  const glyphs = await expected();
  assert(new Set(glyphs.flatMap((line) => line.split(" ").map((glyph) => glyph.split("=")[0]))).size > 60);
  assert(glyphs.some((line, i) => line.split(" ").length < TEXTS[i].length)); // ligatures
  assert(glyphs.some((line) => /@-?[1-9]/.test(line))); // marks that are moved
});

for (const [how, options] of WAYS) {
  const of = (text: string) => `guest_harfbuzz: ${how}: ${text}`;

  Deno.test(of("the glyphs are the same, where they are the same, and all destroyed is what it keeps"), async () => {
    const [hb, g] = await asGuest(options);
    assertEquals(shapedAll(hb), await expected());
    const after = live(g), { nalloc } = g.gauge();
    assertEquals(shapedAll(hb), await expected());
    assertGreater(g.gauge().nalloc - nalloc, 400);
    assertEquals(live(g), after);
    assertEquals(after, [4, 198]); // made once, in the first run: functions of fonts and of Unicode, the usual language
    leakFree(() => shapedAll(hb))();
  });

  Deno.test(of("what is not destroyed is reported, with the line"), async () => {
    const [hb] = await asGuest(options);
    shapedAll(hb);
    const e = assertThrows(
      leakFree(() => {
        const font = openFont(hb, FONT);
        shaped(hb, font.font, TEXTS[0]);
        font.destroy();
      }),
      LeakError,
    );
    assertEquals(Object.keys(linesOf(e, import.meta.url)), ["shaped(hb, font.font, TEXTS[0]);"]);
    assert(e.sites.some(({ frames }) => frames.some(({ name, module }) => module === "harfbuzz" && /^hb_/.test(name))));
    const f = assertThrows(leakFree(() => void openFont(hb, FONT)), LeakError);
    assertEquals(Object.keys(linesOf(f, import.meta.url)), [
      "const f = assertThrows(leakFree(() => void openFont(hb, FONT)), LeakError);",
    ]);
    assertGreater(f.bytes, FONT.length); // with the file
  });
}

Deno.test("guest_harfbuzz: replacing it is refused while its realloc is hidden", async () => {
  const bytes = await shaperModule();
  const refused = await assertRejects(() => guest(bytes, { allocator: "replace" }), Error);
  assertMatch((refused as Error).message, /realloc/);
});

Deno.test("guest_harfbuzz: in a region of its own on the module's heap", async () => {
  const [hb, g] = await asGuest({ allocator: "replace", names: SHAPER });
  shapedAll(hb);
  const before = live(g);
  assertEquals(enter(init(stats(general(g.heap))), () => shapedAll(hb)), await expected());
  assertEquals(enter(g.arena(), () => shapedAll(hb)), await expected());
  assertEquals(live(g), before);
});

Deno.test("guest_harfbuzz: the package as it is, intercepted: nothing is destroyed, and all is reported", async () => {
  const [hb, [g]] = await intercept({}, () => import("harfbuzzjs"));
  const kept: unknown[] = []; // the package destroys what is collected
  const glyphs = (text: string) => {
    const face = new hb.Face(new hb.Blob(FONT)), font = new hb.Font(face), buffer = new hb.Buffer();
    buffer.addText(text);
    buffer.guessSegmentProperties();
    hb.shape(font, buffer);
    kept.push(face, font, buffer);
    return buffer.getGlyphInfos().map(({ codepoint }) => codepoint);
  };
  glyphs(TEXTS[0]);
  const before = live(g);
  const e = assertThrows(leakFree(() => glyphs(TEXTS[0])), LeakError);
  assertEquals(live(g)[0] - before[0], e.blocks); // they stay, as the package may yet destroy them
  const found = Object.keys(linesOf(e, import.meta.url)).join("\n");
  assertStringIncludes(found, "new hb.Face(new hb.Blob(FONT))");
  assertStringIncludes(found, "hb.shape(font, buffer);");
  assertGreater(e.bytes, FONT.length);
});

for (const options of [{ allocator: "watch" }, { allocator: "replace", names: SUBSETTER }] as GuestOptions[]) {
  Deno.test(`guest_harfbuzz: ${options.allocator}: subsets of a font are the same, and leave nothing`, async () => {
    const letters = ["Hello, world", TEXTS.join("")], bytes = await subsetterModule();
    const { instance } = await WebAssembly.instantiate(bytes, {});
    const { _initialize: start, memory } = instance.exports as unknown as {
      _initialize(): void;
      memory: WebAssembly.Memory;
    };
    start();
    const files = letters.map((text) => subset(instance.exports as unknown as Exports, memory, FONT, text));
    assertGreater(files[1].length, 10_000);

    const g = await guest(bytes, { name: "subset", ...options }), exports = g.exports as unknown as Exports;
    exports._initialize();
    const make = () => letters.map((text) => subset(exports, g.memory, FONT, text));
    assertEquals(make(), files);
    assertGreater(g.gauge().nalloc, 1_000);
    assertEquals(leakFree(make)(), files);
    const e = assertThrows(leakFree(() => void exports.hb_subset_input_create_or_fail()), LeakError);
    assertEquals(Object.keys(linesOf(e, import.meta.url)).length, 1);
    assertEquals(make(), files);
  });
}
