/**
 * `interpose` of `cli.ts`: writes a module as one whose allocator can be watched or replaced.
 *
 * @module
 */

import { formatCount } from "../../gauge.ts";
import { allocatorIn, ALLOCATORS, attempt, namesOf, NAMING, readModule, stem, writeFile } from "./files.ts";
import { type Command, UsageError } from "./options.ts";
import { writeOutput } from "../host.ts";
import { interpose as rewrite, type Interposed } from "../guest/interpose.ts";
import { parseModule } from "../wasm/module.ts";

/** Writes a module as one whose allocator can be watched or replaced. */
export const interpose: Command = {
  takes: { allocator: "value", ...NAMING, output: "value", quiet: "nothing" },
  letters: { o: "output" },
  run: (line, url) => {
    const { options, rest } = line, [file] = rest, [output] = options.get("output") ?? [];
    if (rest.length !== 1) {
      throw new UsageError(`interpose takes one file, got ${rest.length}; help interpose tells more`);
    }
    if (output === undefined) {
      throw new UsageError("interpose takes -o FILE, where to write; help interpose tells more");
    }
    const allocator = allocatorIn(line, ALLOCATORS.filter((mode) => mode !== "imports"));
    const { bytes, module } = readModule(file), names = namesOf(line, module), name = stem(file);
    const interposed = attempt(file, () => rewrite(bytes, { names, name, ...allocator && { allocator } }));
    if (interposed.mode === "imports") {
      throw new UsageError(
        `${file}: it imports its allocator, so that there is nothing to rewrite: guest() serves it as it is`,
      );
    }
    writeFile(output, interposed.bytes);
    if (!options.has("quiet")) writeOutput(textOf(interposed, file, bytes.length, output, { names, name }, url));
    return 0;
  },
};

function textOf(
  { bytes, mode, entries }: Interposed,
  file: string,
  before: number,
  output: string,
  { names, name }: { names: Readonly<Record<string, string | number>>; name: string },
  url: string,
): string {
  const switches = [...entries.found.values()].map(({ name, spelling }) =>
    name === spelling ? name : `${name} (${spelling})`
  );
  const options = JSON.stringify({ allocator: mode, name, ...Object.keys(names).length > 0 && { names } });
  const several = parseModule(bytes).memories.length > 1
    ? "\nIt takes an engine that knows several memories: Deno, Node from 22, Chrome, Firefox. For others, write it with Node 20."
    : "";
  return `
${output}: ${formatCount(bytes.length)} bytes, ${formatCount(bytes.length - before)} more than ${file}

There is a switch in place of ${switches.join(", ")}.
It does what it did before until something is attached to an instance of it.${several}

To ${mode === "watch" ? "watch" : "serve"} an instance of it, where the file that it was made of is at hand, too:

  import { interpose } from "${new URL("mod.ts", url)}";

  const before = await Deno.readFile(${JSON.stringify(file)});
  const guest = interpose(before, ${
    options.replace(/"(\w+)":/g, "$1: ").replaceAll(",", ", ").replaceAll("{", "{ ").replaceAll("}", " }")
  }).attach(instance);
  console.log(guest.gauge());
`.trim();
}
