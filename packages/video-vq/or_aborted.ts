/**
 * Waiting that a signal ends.
 *
 * @module
 */

/**
 * What a promise gives, or the signal's reason where that comes first. Each call waits on a
 * promise of its own: one that outlived the race would hold on to everything that ever won it.
 */
export async function orAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return await promise;
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
