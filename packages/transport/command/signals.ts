/**
 * Ctrl-C and SIGTERM (Windows: Ctrl-Break): the first ends the work in order, a later one ends it at once.
 *
 * @module
 */
import { type Clock, systemClock } from "../flow/clock.ts";

/** Turns of the event loop, and milliseconds of each, in which a signal still is the first one. */
const [TURNS, TURN] = [5, 100] as const;

/**
 * Interrupts of a process. One press of Ctrl-C can arrive twice, milliseconds apart: under
 * `deno task` the terminal sends it to both processes, and the task passes its own on. The repeat
 * must not cut the closing short, so nothing ends the process until the event loop has turned
 * several times without being blocked.
 */
export class Interrupts {
  readonly #abort = new AbortController();
  readonly #clock: Clock;
  readonly #end: () => void;
  #isArmed = false;

  /**
   * Waits for signals.
   *
   * @param end ends the process at once
   */
  constructor(end: () => void, clock: Clock = systemClock) {
    this.#end = end;
    this.#clock = clock;
  }

  /** Aborted by the first signal, with an AbortError. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** To be called with each signal that comes. */
  receive(): void {
    if (this.#isArmed) this.#end();
    if (this.signal.aborted) return;
    this.#abort.abort(new DOMException("Interrupted", "AbortError"));
    void this.#arm();
  }

  /** A loop that was blocked for long turns once, and then hands over the signals that waited. */
  async #arm(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await this.#clock.sleep(TURN);
    this.#isArmed = true;
  }
}

/**
 * Signals that ask a process to end. Windows has Ctrl-C and Ctrl-Break alone: ended from outside, a
 * process has no say there. SIGHUP is not listened to, so that `nohup` works.
 */
export function interruptSignals(os: typeof Deno.build.os): readonly Deno.Signal[] {
  return os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
}

/** Interrupts of this process; a second one ends it with exit code 130. */
export function processInterrupts(): Interrupts {
  const interrupts = new Interrupts(() => Deno.exit(130));
  for (const signal of interruptSignals(Deno.build.os)) {
    Deno.addSignalListener(signal, () => interrupts.receive());
  }
  return interrupts;
}
