/**
 * The help of `leaks.ts`.
 *
 * @module
 */

import { MOST_FRAMES } from "../call_stack.ts";
import { commandFor } from "./host.ts";
import { VARIABLE } from "./settings.ts";

/** What to do with `url`, the address of `leaks.ts`. */
export const help = (url: string): string =>
  `
Shows, when a program ends, what it has allocated with Region and not freed: how much, and where in the source. The exit
code is then 1. What it allocates in regions of its own (enter) goes with these, and is not looked at.

usage: ${commandFor(url)}
       ${VARIABLE}=verbose,stack=debug ${commandFor(url).replace(" run", ` run --allow-env=${VARIABLE}`)}

Settings in ${VARIABLE}, with "," between them:

  stack=NAME        what serves the program (default check):
                      check   finds what was not freed
                      debug   and wrong frees at once, and writes beyond a block or after its free by the end
                      shadow  and wrong reads and writes through std at once
  suppress=WHAT;..  what is meant to stay:
                      fn:NAME    what a function allocates, or one that it calls
                      file:FILE  likewise the functions in a file
                      FILE       what this file says, a pattern a line, # before a comment (Deno: --allow-read=FILE)
                    "*" in a pattern stands for anything, and a file may be given by the end of its path
  sites=N           places to print, those of the most bytes first (default 5)
  calls=N           calls to print of each place (default 3)
  all               print all places, with all calls that were recorded
  depth=N           calls to record of each allocation, 1 to ${MOST_FRAMES} (default 8)
  skip=PART;..      record no calls in files whose URL has one of these parts
  every=N           with stack=check: record one allocation in N (default 1: all), as that takes some microseconds, and
                    estimate the figures of places
  bytes=N           likewise one every N bytes
  exitcode=N        exit code in place of 0, 0 to 255, if something was not freed or is damaged (default 1; a setting that
                    is wrong: 2)
  verbose           print figures in any case, and the patterns of suppress= that nothing matched
  help              print this help
`.trim();
