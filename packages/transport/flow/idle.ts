/**
 * Giving up on what has gone silent.
 *
 * @module
 */
import { ignoreAbort } from "./abort.ts";
import { type Clock, systemClock } from "./clock.ts";

/** Aborts its signal when nothing has touched it for some time. */
export class IdleTimeout implements Disposable {
  readonly #abort = new AbortController();
  readonly #disposed = new AbortController();
  readonly #clock: Clock;
  #touched: number;

  /**
   * Starts to count.
   *
   * @param reason makes the reason of the abort
   */
  constructor(milliseconds: number, reason: () => unknown, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#touched = clock.now();
    const { signal } = this.#disposed;
    this.#watch(milliseconds, reason, signal).catch(ignoreAbort(signal));
  }

  /** Aborted when nothing came for too long. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Counts anew from now on. */
  touch(): void {
    this.#touched = this.#clock.now();
  }

  /** Stops counting. */
  [Symbol.dispose](): void {
    this.#disposed.abort();
  }

  /** Looks again when the latest touch is due: cheaper than a timer for each. */
  async #watch(milliseconds: number, reason: () => unknown, signal: AbortSignal): Promise<void> {
    const clock = this.#clock;
    const left = () => this.#touched + milliseconds - clock.now();
    while (left() > 0) await clock.sleep(left(), signal);
    signal.throwIfAborted();
    this.#abort.abort(reason());
  }
}
