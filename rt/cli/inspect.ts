/**
 * `inspect` of `cli.ts`: says what allocator a module has.
 *
 * @module
 */

import { attempt, namesOf, NAMING, readModule } from "./files.ts";
import { invocation } from "./help.ts";
import { type Command, UsageError } from "./options.ts";
import { writeError, writeOutput } from "../host.ts";
import { formatInspection, inspect as look } from "../inspect/inspect.ts";

/** Says what allocator modules have. */
export const inspect: Command = {
  takes: { ...NAMING, json: "nothing" },
  run: (line, url) => {
    const { options, rest } = line;
    if (rest.length === 0) throw new UsageError("inspect takes the file of a module; help inspect tells more");
    let code = 0, printed = 0;
    for (const file of rest) {
      try {
        const { bytes, module } = readModule(file);
        const inspection = attempt(file, () => look(bytes, { names: namesOf(line, module) }));
        if (options.has("json")) writeOutput(JSON.stringify({ file, ...inspection }));
        else {
          const can = inspection.imports.can || inspection.watch.can;
          const isCommand = can && module.exports.some(({ name }) => name === "_start");
          const hint = isCommand ? `\n\nTo run it, and see what it does not free: ${invocation(url)} run ${file}` : "";
          writeOutput(
            `${printed++ > 0 ? "\n" : ""}${rest.length > 1 ? `${file}\n` : ""}${formatInspection(inspection)}${hint}`,
          );
        }
      } catch (e) {
        if (!(e instanceof UsageError) || rest.length === 1) throw e;
        writeError(`error: ${e.message}`); // and on to the others
        code = 2;
      }
    }
    return code;
  },
};
