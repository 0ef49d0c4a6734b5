/**
 * A parser of bash from npm, and bash for it to parse: `web-tree-sitter`, whose glue instantiates a main module, and
 * `tree-sitter-bash`, a side module on the memory and the `malloc` of that one.
 */
import type { Language, Parser, Query, Tree } from "web-tree-sitter";
import { advance, fraction } from "../mulberry32.ts";
import { npmFile, npmUrl } from "./npm_files.ts";

/** What the glue is given: a part of what Emscripten knows. */
export interface ModuleOptions {
  /** The binary. */
  wasmBinary?: Uint8Array;
  /** What instantiates it instead of the glue. */
  instantiateWasm?: (
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => unknown,
  ) => unknown;
}

/** The classes of a copy of the package, which has one instance of the main module, and the language. */
export interface TreeSitter {
  /** A parser, which is to be deleted. */
  readonly Parser: typeof Parser;
  /** Loads a language, of which there can be several. */
  readonly Language: typeof Language;
  /** A query, which is to be deleted. */
  readonly Query: typeof Query;
  /** The language, loaded. */
  readonly bash: Language;
}

/** The binary of the main module. */
export const mainModule = (): Promise<Uint8Array<ArrayBuffer>> => npmFile("web-tree-sitter/web-tree-sitter.wasm");
/** The binary of the side module. */
export const sideModule = (): Promise<Uint8Array<ArrayBuffer>> => npmFile("tree-sitter-bash/tree-sitter-bash.wasm");

let copies = 0;

/** Loads the package afresh: it keeps the first instance that it makes for good. */
export async function treeSitter(options: ModuleOptions = {}): Promise<TreeSitter> {
  const { href } = await npmUrl("web-tree-sitter/web-tree-sitter.js");
  const { Parser, Language, Query } = await import(`${href}?copy=${++copies}`) as typeof import("web-tree-sitter");
  await Parser.init({ wasmBinary: await mainModule(), ...options });
  return { Parser, Language, Query, bash: await Language.load(await sideModule()) };
}

/** The tree as text: the nodes by their types, and where each of them is. */
export function textOf(tree: Tree): string {
  const lines = [tree.rootNode.toString()], cursor = tree.walk();
  for (let depth = 0;;) {
    const { row, column } = cursor.startPosition, end = cursor.endPosition;
    lines.push(
      `${" ".repeat(depth)}${
        cursor.currentFieldName ?? ""
      }:${cursor.nodeType} ${row}:${column} ${end.row}:${end.column}`,
    );
    if (cursor.gotoFirstChild()) depth++;
    else {
      while (!cursor.gotoNextSibling()) {
        if (depth-- === 0) {
          cursor.delete();
          return lines.join("\n");
        }
        cursor.gotoParent();
      }
    }
  }
}

/** A script of at least so many bytes, always the same, of all that bash has to be parsed. */
export function bashScript(bytes: number): string {
  let state = 1;
  const below = (n: number) => Math.floor(fraction(state = advance(state)) * n);
  const of = (...choices: string[]) => choices[below(choices.length)];
  const name = () => of("file", "user", "host", "path", "count", "line", "mode", "tmp") + "_" + below(1000);
  const word = () =>
    of(
      name(),
      `"$${name()}"`,
      `"\${${name()}:-${name()}} and \${${name()}%%.*}"`,
      `'${name()} $not expanded'`,
      `\${${name()}[@]}`,
      `$(${of("basename", "dirname", "wc -l <")} "$${name()}")`,
      `$((${below(100)} * ${name()} + (${below(9)} % 2)))`,
      `{a,b,c}${below(99)}.txt`,
      `$'\\t${name()}\\n'`,
      `--${name()}=${below(5000)}`,
    );
  const command = () => `${of("echo", "printf '%s\\n'", "cp -r", "install", "run_it", "test -f")} ${word()} ${word()}`;
  const condition = () =>
    of(
      `[ "$${name()}" = ${word()} ]`,
      `[[ $${name()} =~ ^[a-z]+_[0-9]*$ && -d ${name()} ]]`,
      `(( ${name()} > ${below(100)} ))`,
      `! grep -q ${name()} /etc/${name()}`,
    );
  const statement = (depth: number): string => {
    const body = () => Array.from({ length: 1 + below(3) }, () => statement(depth - 1)).join("\n");
    if (depth === 0) {
      return of(
        command(),
        `${name()}=${word()}`,
        `${command()} | sort -u | head -n ${below(20)} > /tmp/${name()} 2>&1`,
        `${command()} && ${command()} || exit ${below(3)}`,
        `local -a ${name()}=(${word()} ${word()} ${word()})`,
        `# ${name()} ${name()}\n: ${word()}`,
        `diff <(${command()}) <(${command()})`,
        `export ${name().toUpperCase()}="$${name()}:$PATH"`,
      );
    }
    const compound = [
      () => `if ${condition()}; then\n${body()}\nelif ${condition()}; then\n${body()}\nelse\n${body()}\nfi`,
      () => `for ${name()} in ${word()} ${word()}; do\n${body()}\ndone`,
      () => `for ((i = 0; i < ${below(50)}; i++)); do\n${body()}\ndone`,
      () => `while ${condition()}; do\n${body()}\ndone < ${name()}`,
      () => `case "$${name()}" in\n${name()} | *.${name()})\n${body()}\n;;\n*)\n${body()}\n;;\nesac`,
      () => `${name()}() {\n${body()}\n}`,
      () => `(\n${body()}\n)`,
      () => `cat <<EOF | tee ${name()}\n${name()} $${name()} $(${command()})\nEOF`,
      () => `cat <<-'END'\n\t${name()} $not expanded\n\tEND`,
    ];
    return compound[below(compound.length)]();
  };
  const lines = ["#!/bin/bash", "set -euo pipefail"];
  for (let length = 0; length < bytes; length += lines[lines.length - 1].length + 1) lines.push(statement(3));
  return lines.join("\n") + "\n";
}
