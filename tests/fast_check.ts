/**
 * fast-check, which looks elsewhere at each run and prints the seed when it finds something; except in CI, where whether
 * a change lands must not hang on luck.
 */

import fc from "fast-check";

if (Deno.env.get("CI")) fc.configureGlobal({ seed: 2026 });

export { fc };
