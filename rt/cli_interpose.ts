/**
 * `interpose` of `cli.ts`: writes a module as one whose allocator can be watched or replaced.
 *
 * @module
 */

import { formatCount } from "../gauge.ts";
import { attempt, namesOf, NAMING, readModule, writeFile } from "./cli_files.ts";
import { type Command, UsageError } from "./cli_options.ts";
import { writeOutput } from "./host.ts";
import { interpose as rewrite } from "./interpose.ts";

/** Writes a module as one whose allocator can be watched or replaced. */
export const interpose: Command = {
  takes: { ...NAMING, output: "value", quiet: "nothing" },
  letters: { o: "output" },
  run: (line, url) => {
    const { options, rest: [file, ...more] } = line, [output] = options.get("output") ?? [];
    if (file === undefined || more.length > 0) {
      throw new UsageError(`interpose takes one file, got ${more.length + 1}; help interpose tells more`);
    }
    if (output === undefined) {
      throw new UsageError("interpose takes -o FILE, where to write; help interpose tells more");
    }
    const { bytes, module } = readModule(file), names = namesOf(line, module);
    const interposed = attempt(file, () => rewrite(bytes, { names }));
    writeFile(output, interposed.bytes);
    if (options.has("quiet")) return 0;
    const size = interposed.bytes.length, grown = size - bytes.length;
    writeOutput(
      `${output}: ${formatCount(size)} bytes, ${formatCount(grown)} more than ${file}`,
    );
    return 0;
  },
};
