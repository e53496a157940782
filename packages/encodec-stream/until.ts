/**
 * Ending a wait or a sequence from outside.
 *
 * @module
 */

/** Waits for a promise, or for the signal, which gives nothing; no trace stays on the signal. */
export async function unlessAborted<T>(
  wait: Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const stop = () => resolve(undefined);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  try {
    return await Promise.race([wait, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * Ends a sequence when the signal says so, also in the middle of waiting for an item, so that what
 * came before is finished properly.
 */
export async function* until<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    while (!signal.aborted) {
      const next = await unlessAborted(iterator.next(), signal);
      if (!next || next.done) return;
      yield next.value;
    }
  } finally {
    // A source that is waiting for input ends its wait in its own time.
    void iterator.return?.()?.catch(() => {});
  }
}
