/**
 * Lets timers, signals and sockets have their turn while a long job runs in synchronous steps.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Gives way to the event loop once a share of time is used up. */
export class Breather {
  readonly #milliseconds: number;
  #since = performance.now();

  /** @param milliseconds longest time without giving way */
  constructor(milliseconds = 10) {
    this.#milliseconds = milliseconds;
  }

  /** Gives way if it is time; throws the signal's reason once it is aborted. */
  async breathe(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (performance.now() - this.#since < this.#milliseconds) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#since = performance.now();
    signal?.throwIfAborted();
  }
}
