/**
 * How far a long test is, on the standard error.
 *
 * @module
 */

/** What of a runtime's standard error is used. */
interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Milliseconds until anything is shown, and from one look at a terminal to the next. */
const FIRST = 2000, NEXT = 100;

const now = performance.now.bind(performance); // a test may have put a clock of its own there

/** Tells how far something is once it has taken two seconds: on a terminal in place, else by lines, ever more rarely. */
export class Progress {
  readonly #terminal: Terminal | undefined;
  readonly #clock: () => number;
  readonly #start: number;
  #due: number;
  #width = 0;

  /** Tells it on the standard error, by a clock in milliseconds. */
  constructor(
    terminal: Terminal | undefined = (globalThis as { process?: { stderr?: Terminal } }).process?.stderr,
    clock: () => number = now,
  ) {
    this.#terminal = terminal?.isTTY ? terminal : undefined;
    this.#clock = clock;
    this.#start = clock();
    this.#due = this.#start + FIRST;
  }

  /** Shows a text, which is made only if it is time. */
  show(text: () => string): void {
    const time = this.#clock();
    if (time < this.#due) return;
    const line = text();
    if (this.#terminal !== undefined) {
      this.#terminal.write(`\r${line.padEnd(this.#width)}`);
      this.#width = line.length;
      this.#due = time + NEXT;
    } else {
      console.error(line);
      this.#due = time + (time - this.#start);
    }
  }

  /** Wipes what is on the terminal. */
  done(): void {
    if (this.#width > 0) this.#terminal?.write(`\r${" ".repeat(this.#width)}\r`);
    this.#width = 0;
  }
}
