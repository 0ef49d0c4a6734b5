/**
 * Making a guest of a module whose build has left no names in it: the JavaScript that it was built with has them.
 *
 * @module
 */

import { readText } from "../host.ts";
import { exportsFromGlue, namesFromGlue } from "../inspect/glue.ts";
import { WasmError } from "../wasm/bytes.ts";
import { type GuestOptions, interpose, type Interposed } from "./interpose.ts";

/**
 * As `interpose`; if that refuses the module, and its user has not said what its functions are called, what `caller` tells of
 * that is made use of.
 *
 * @param caller URL of the JavaScript that instantiates the module, which is read if it is a file that may be read
 */
export function interposeBy(
  caller: string | undefined,
  bytes: Uint8Array<ArrayBuffer>,
  options: GuestOptions,
): Interposed {
  const glue = caller === undefined ? options.glue : [...options.glue ?? [], caller];
  try {
    return interpose(bytes, { ...options, glue });
  } catch (e) {
    if (!(e instanceof WasmError) || options.names !== undefined) throw e;
    const text = textOf(caller), names = text === undefined ? {} : namesFromGlue(text, bytes);
    if (text === undefined || names.malloc === undefined) throw e;
    const symbols = { exports: exportsFromGlue(text), ...options.symbols };
    return interpose(bytes, { ...options, glue, names, symbols });
  }
}

/** The text of a file, if it may be read. */
function textOf(url: string | undefined): string | undefined {
  if (url === undefined || !url.startsWith("file:")) return undefined;
  try {
    return readText(decodeURIComponent(new URL(url).pathname));
  } catch {
    return undefined;
  }
}
