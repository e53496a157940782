/**
 * Lets timers, signals and sockets have their turn while a long job runs in synchronous steps.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/**
 * Makes a function that yields to the event loop once its share of time is used up, and throws its
 * signal's reason once that is aborted.
 *
 * @param milliseconds longest time without yielding
 */
export function eventLoopYielder(milliseconds = 10): (signal?: AbortSignal) => Promise<void> {
  let since = performance.now();
  return async (signal) => {
    signal?.throwIfAborted();
    if (performance.now() - since < milliseconds) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    since = performance.now();
    signal?.throwIfAborted();
  };
}
