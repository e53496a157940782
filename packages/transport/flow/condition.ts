/**
 * Waiting for a change of state: `while (!ready) await condition.changed()`.
 *
 * @module
 */
import { onAbort } from "./abort.ts";
import { type Clock, systemClock } from "./clock.ts";

/** Wakes everyone who waits for a state to change. */
export class Condition {
  #wakers = new Set<() => void>();
  readonly #clock: Clock;

  /** Starts with nobody who waits; the clock measures limits of waits. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Wakes all that wait now; they look at the state again. */
  notify(): void {
    const wakers = this.#wakers;
    if (wakers.size === 0) return;
    this.#wakers = new Set();
    for (const wake of wakers) wake();
  }

  /**
   * Waits for the next {@linkcode notify}, or some milliseconds where a limit is given.
   *
   * @throws the signal's reason where it is aborted first.
   */
  changed(signal?: AbortSignal, milliseconds = Infinity): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (milliseconds < Infinity) return this.#changedWithin(milliseconds, signal);
    return new Promise((resolve, reject) => {
      const aborting = onAbort(signal, () => (this.#wakers.delete(wake), reject(signal?.reason)));
      const wake = () => (aborting[Symbol.dispose](), resolve());
      this.#wakers.add(wake);
    });
  }

  async #changedWithin(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    const stop = new AbortController();
    const aborting = onAbort(signal, () => stop.abort(signal?.reason));
    const waits = [this.changed(stop.signal), this.#clock.sleep(milliseconds, stop.signal)];
    try {
      await Promise.race(waits);
    } finally {
      aborting[Symbol.dispose]();
      stop.abort();
      await Promise.allSettled(waits);
    }
  }
}
