/**
 * `inspect` of `cli.ts`: says what allocator a module has.
 *
 * @module
 */

import { attempt, namesOf, NAMING, readModule } from "./cli_files.ts";
import { type Command, UsageError } from "./cli_options.ts";
import { writeError, writeOutput } from "./host.ts";
import { formatInspection, inspect as look } from "./inspect.ts";

/** Says what allocator modules have. */
export const inspect: Command = {
  takes: { ...NAMING, json: "nothing" },
  run: (line) => {
    const { options, rest } = line;
    if (rest.length === 0) throw new UsageError("inspect takes the file of a module; help inspect tells more");
    let code = 0;
    for (const [i, file] of rest.entries()) {
      try {
        const { bytes, module } = readModule(file);
        const inspection = attempt(file, () => look(bytes, { names: namesOf(line, module) }));
        if (options.has("json")) writeOutput(JSON.stringify({ file, ...inspection }));
        else writeOutput(`${i > 0 ? "\n" : ""}${rest.length > 1 ? `${file}\n` : ""}${formatInspection(inspection)}`);
      } catch (e) {
        if (!(e instanceof UsageError) || rest.length === 1) throw e;
        writeError(`error: ${e.message}`); // and on to the others
        code = 2;
      }
    }
    return code;
  },
};
