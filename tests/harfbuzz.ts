/**
 * A shaper of text from npm, and a font for it: `harfbuzzjs`, whose glue instantiates a module, and another module beside
 * it, which makes subsets of fonts and needs no glue. Both are driven through their exports, where things can be destroyed.
 */
import { npmFile, npmUrl } from "./npm_files.ts";
import type { ModuleOptions } from "./tree_sitter.ts";

/** The functions that a module exports, by name. */
export type Exports = Readonly<Record<string, (...args: number[]) => number>>;

/** What the glue makes: the exports, and views of the memory, which it replaces as that grows. */
export interface HarfBuzz {
  /** What the module exports. */
  readonly wasmExports: Exports;
  /** The memory as bytes. */
  readonly HEAPU8: Uint8Array;
  /** The memory as words. */
  readonly HEAP32: Int32Array;
  /** Puts a function of JavaScript into the table of the module; `types` are of its result and parameters. */
  addFunction(f: (...args: number[]) => void, types: string): number;
}

/** A font, with all that it is made of. */
export interface Font {
  /** Address of the font. */
  readonly font: number;
  /** Destroys the font, and what it is made of. */
  destroy(): void;
}

/** The binary of the shaper. */
export const shaperModule = (): Promise<Uint8Array<ArrayBuffer>> => npmFile("harfbuzzjs/dist/harfbuzz.wasm");
/** The binary of what makes subsets. */
export const subsetterModule = (): Promise<Uint8Array<ArrayBuffer>> => npmFile("harfbuzzjs/dist/harfbuzz-subset.wasm");
/** A font with Latin, Greek, Cyrillic and Arabic letters, ligatures, kerning and marks. */
export const fontFile = (): Promise<Uint8Array<ArrayBuffer>> => npmFile("dejavu-fonts-ttf/ttf/DejaVuSans.ttf");

/** Makes an instance of the shaper. */
export async function harfBuzz(options: ModuleOptions = {}): Promise<HarfBuzz> {
  const { default: create } = await import((await npmUrl("harfbuzzjs/dist/harfbuzz.js")).href);
  return await create({ wasmBinary: await shaperModule(), ...options });
}

const WRITABLE = 2;
const freeFunctions = new WeakMap<HarfBuzz, number>();

/** Makes a font of the bytes of a file, which are copied into the module, and freed by a callback from it. */
export function openFont(hb: HarfBuzz, file: Uint8Array): Font {
  const {
    malloc,
    free,
    hb_blob_create,
    hb_blob_destroy,
    hb_face_create,
    hb_face_destroy,
    hb_font_create,
    hb_font_destroy,
  } = hb.wasmExports;
  if (!freeFunctions.has(hb)) freeFunctions.set(hb, hb.addFunction((p) => void free(p), "vi"));
  const bytes = malloc(file.length);
  hb.HEAPU8.set(file, bytes);
  const blob = hb_blob_create(bytes, file.length, WRITABLE, bytes, freeFunctions.get(hb)!);
  const face = hb_face_create(blob, 0), font = hb_font_create(face);
  hb_blob_destroy(blob); // the face holds it, and the font the face
  hb_face_destroy(face);
  return { font, destroy: () => void hb_font_destroy(font) };
}

/** The glyphs of a text, in words: of each its index, the place in the text, how far it moves on, and its offset. */
export function shape(hb: HarfBuzz, { font }: Font, text: string): string {
  const { hb_buffer_destroy } = hb.wasmExports, buffer = shaped(hb, font, text);
  const glyphs = glyphsIn(hb, buffer);
  hb_buffer_destroy(buffer);
  return glyphs;
}

/** A buffer with the glyphs of a text, to be destroyed. */
export function shaped(hb: HarfBuzz, font: number, text: string): number {
  const { malloc, free, hb_buffer_create, hb_buffer_add_utf16, hb_buffer_guess_segment_properties, hb_shape } =
    hb.wasmExports;
  const buffer = hb_buffer_create(), p = malloc(2 * text.length);
  for (let i = 0; i < text.length; i++) {
    hb.HEAPU8[p + 2 * i] = text.charCodeAt(i);
    hb.HEAPU8[p + 2 * i + 1] = text.charCodeAt(i) >> 8;
  }
  hb_buffer_add_utf16(buffer, p, text.length, 0, text.length);
  free(p);
  hb_buffer_guess_segment_properties(buffer);
  hb_shape(font, buffer, 0, 0);
  return buffer;
}

function glyphsIn(hb: HarfBuzz, buffer: number): string {
  const { hb_buffer_get_length, hb_buffer_get_glyph_infos, hb_buffer_get_glyph_positions } = hb.wasmExports;
  const infos = hb_buffer_get_glyph_infos(buffer, 0) / 4, positions = hb_buffer_get_glyph_positions(buffer, 0) / 4;
  return Array.from({ length: hb_buffer_get_length(buffer) }, (_, i) => {
    const info = infos + 5 * i, position = positions + 5 * i, words = hb.HEAP32;
    const [advance, , x, y] = words.subarray(position, position + 4);
    return `${words[info]}=${words[info + 2]}+${advance}@${x},${y}`;
  }).join(" ");
}

/** A font file with the letters of a text only. */
export function subset(exports: Exports, memory: WebAssembly.Memory, file: Uint8Array, text: string): Uint8Array {
  const bytes = exports.malloc(file.length);
  new Uint8Array(memory.buffer).set(file, bytes);
  const blob = exports.hb_blob_create(bytes, file.length, WRITABLE, 0, 0), face = exports.hb_face_create(blob, 0);
  const input = exports.hb_subset_input_create_or_fail(), letters = exports.hb_subset_input_unicode_set(input);
  for (const letter of text) exports.hb_set_add(letters, letter.codePointAt(0)!);
  const made = exports.hb_subset_or_fail(face, input), result = exports.hb_face_reference_blob(made);
  const at = exports.hb_blob_get_data(result, 0), length = exports.hb_blob_get_length(result);
  const copy = new Uint8Array(memory.buffer, at, length).slice();
  for (const [what, p] of Object.entries({ blob: result, face: made, subset_input: input })) {
    exports[`hb_${what}_destroy`](p);
  }
  exports.hb_face_destroy(face);
  exports.hb_blob_destroy(blob);
  exports.free(bytes);
  return copy;
}

const WORDS = [
  ["office", "AVATAR", "Tyfflé", "“Wa”", "first", "T́o", "1/2"],
  ["χρόνος", "ἀρχή", "λόγος", "ὕδωρ"],
  ["Съешь", "ещё", "этих", "мягких"],
  ["السلام", "عليكم", "مرحبًا", "لا"],
];

/** What there is to shape: so many lines, each in one of four scripts, always the same. */
export function lines(n: number): string[] {
  return Array.from({ length: n }, (_, i) => {
    const words = WORDS[i % 4];
    return Array.from({ length: 12 }, (_, j) => words[(i + j * (i % 3 + 1)) % words.length]).join(" ");
  });
}
