/**
 * Lets timers, signals and sockets run while a long job runs in synchronous steps.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Yields to the event loop each time its milliseconds are used up. */
export class TimeSlice {
  readonly #milliseconds: number;
  #since = performance.now();

  /** @param milliseconds the longest time without yielding. Default: 10. */
  constructor(milliseconds = 10) {
    this.#milliseconds = milliseconds;
  }

  /** Yields if the time is used up; throws the signal's reason once it is aborted. */
  async yieldToEventLoop(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (performance.now() - this.#since < this.#milliseconds) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#since = performance.now();
    signal?.throwIfAborted();
  }
}
