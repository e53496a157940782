/**
 * Time as flow control sees it: a monotonic clock that tests can advance.
 *
 * @example A minute passes in no time
 * ```ts
 * import { ManualClock } from "@vcs/transport";
 * import assert from "node:assert/strict";
 *
 * const clock = new ManualClock();
 * const minute = clock.sleep(60_000);
 * await clock.advance(60_000);
 * await minute;
 * assert.equal(clock.now(), 60_000);
 * ```
 *
 * @module
 */
import { onAbort } from "./abort.ts";

/** A source of time. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /**
   * Waits for some milliseconds; zero or less is over at once.
   *
   * @throws the signal's reason where it is aborted first.
   */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's monotonic clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep(milliseconds, signal) {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (milliseconds <= 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const wake = () => (aborting[Symbol.dispose](), resolve());
      const timer = setTimeout(wake, Math.min(milliseconds, LONGEST_TIMER));
      const aborting = onAbort(signal, () => (clearTimeout(timer), reject(signal?.reason)));
    });
  },
};

/** Lets the process end though a timer is set, where there is a process. */
export function unrefTimer(timer: ReturnType<typeof setTimeout>): void {
  if ("Deno" in globalThis) Deno.unrefTimer(timer);
}

/** `setTimeout` takes 31 bits; longer waits would be over at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** A clock that moves only when it is advanced. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ due: number; wake: () => void }>();

  /** Milliseconds that the clock was advanced by. */
  now(): number {
    return this.#now;
  }

  /** Waits until the clock has been advanced far enough. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (milliseconds <= 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const wake = () => (aborting[Symbol.dispose](), resolve());
      const sleeper = { due: this.#now + milliseconds, wake };
      this.#sleepers.add(sleeper);
      const stop = () => (this.#sleepers.delete(sleeper), reject(signal?.reason));
      const aborting = onAbort(signal, stop);
    });
  }

  /**
   * Moves the clock, waking sleepers in the order in which they are due. It never goes back, also
   * where it is moved while it moves.
   */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settled();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.due);
      this.#sleepers.delete(next);
      next.wake();
      await settled();
    }
    this.#now = Math.max(this.#now, end);
  }

  #next(end: number): { due: number; wake: () => void } | undefined {
    const due = [...this.#sleepers].filter((sleeper) => sleeper.due <= end);
    return due.sort((a, b) => a.due - b.due)[0];
  }
}

/** Lets everything run that waits for promises only. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
