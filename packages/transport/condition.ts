/**
 * Waiting for a change of state, inside this package: `while (!ready) await condition.changed()`.
 *
 * @module
 */

/** Wakes everyone who waits for a state to change. */
export class Condition {
  #wakers = new Set<() => void>();

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
    return new Promise((resolve, reject) => {
      const timer = milliseconds < 2 ** 31 ? setTimeout(() => done(), milliseconds) : undefined;
      const stop = () => (release(), reject(signal?.reason));
      const release = () => {
        this.#wakers.delete(done);
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
      };
      const done = () => (release(), resolve());
      this.#wakers.add(done);
      signal?.addEventListener("abort", stop, { once: true });
    });
  }
}
