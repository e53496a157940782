/**
 * A line that shows how far the work is.
 *
 * @module
 */
import { type Clock, systemClock } from "../flow/clock.ts";
import { printable, writeForPeople } from "./terminal.ts";

/** Milliseconds between two texts. */
const PACE = 100;

/** Where the line is written: stderr, or what stands for it in a test. */
export interface ProgressOutput {
  /** Whether a person sees it. */
  isTerminal(): boolean;
  /** Columns of the terminal. */
  columns(): number;
  /** Writes bytes. */
  writeSync(bytes: Uint8Array): number;
}

const STDERR: ProgressOutput = {
  isTerminal: () => Deno.stderr.isTerminal(),
  columns: () => Deno.consoleSize().columns,
  writeSync: (bytes) => Deno.stderr.writeSync(bytes),
};

/** A status line on stderr that rewrites itself; silent where stderr is not a terminal. */
export class ProgressLine implements Disposable {
  readonly #output: ProgressOutput;
  readonly #clock: Clock;
  readonly #enabled: boolean;
  #shownAt = -Infinity;
  #shown = false;

  /** Shows nothing yet. */
  constructor(output: ProgressOutput = STDERR, clock: Clock = systemClock) {
    this.#output = output;
    this.#clock = clock;
    this.#enabled = output.isTerminal();
  }

  /** Shows a text, at most ten times a second, cut to the width of the terminal. */
  update(text: string): void {
    const now = this.#clock.now();
    if (!this.#enabled || now - this.#shownAt < PACE) return;
    this.#shownAt = now;
    this.#shown = true;
    // A line that wraps could not be rewritten.
    const line = printable(text).slice(0, Math.max(1, this.#output.columns() - 1));
    writeForPeople(this.#output, `\r\x1b[2K${line}`);
  }

  /** Clears the line. */
  [Symbol.dispose](): void {
    if (this.#shown) writeForPeople(this.#output, "\r\x1b[2K");
    this.#shown = false;
  }
}
