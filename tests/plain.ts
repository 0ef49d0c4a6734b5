// Runs a whole test run unspecialised: `deno test -A --preload tests/plain.ts`
import { specialise } from "../layer.ts";

specialise(false);
