/**
 * Ending a wait by an AbortSignal. However a wait ends, it leaves no listener on its signal.
 *
 * A wait that is cut short throws the signal's reason. Where an abort is an ordinary end, the one
 * way to say so is `.catch(ignoreAbort(signal))`, which then gives nothing.
 *
 * @module
 */

/** Calls `act` at an abort, or at once if that was before; disposing it removes the listener. */
export function onAbort(signal: AbortSignal | undefined, act: () => void): Disposable {
  if (signal?.aborted) act();
  else signal?.addEventListener("abort", act, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener("abort", act) };
}

/**
 * Waits for a promise, but not beyond an abort. Each call races against a promise of its own: one
 * that outlived the race would retain everything that ever won it.
 *
 * @throws the signal's reason where it is aborted first.
 */
export async function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return await promise;
  const aborted = Promise.withResolvers<never>();
  const listening = onAbort(signal, () => aborted.reject(signal.reason));
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    listening[Symbol.dispose]();
  }
}

/** Waits until a promise has settled, however that is, and no longer than some milliseconds. */
export async function settledWithin(
  milliseconds: number,
  promise: Promise<unknown>,
): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, milliseconds);
  await Promise.race([promise.catch(() => {}), late.promise]);
  clearTimeout(timer);
}

/**
 * Waits for a promise, but no longer than some milliseconds.
 *
 * @param what the work, for the error's message
 * @throws {Error} where it is not done by then.
 */
export async function within<T>(
  milliseconds: number,
  what: string,
  promise: Promise<T>,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const error = () => late.reject(new Error(`${what}: not done in ${milliseconds} ms`));
  const timer = setTimeout(error, milliseconds);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A handler for `catch`: a failure after an abort is ignored and gives undefined. */
export function ignoreAbort(signal: AbortSignal | undefined): (error: unknown) => undefined {
  return (error) => {
    if (!signal?.aborted) throw error;
  };
}

/** Milliseconds that messages in flight may take to arrive after Ctrl-C. */
const GRACE = 10_000;

/** A signal that is aborted ten seconds after another: the time for what is in flight to arrive. */
export function graceful(stop: AbortSignal): AbortSignal {
  const end = new AbortController();
  const later = () => {
    const timer = setTimeout(() => end.abort(stop.reason), GRACE);
    Deno.unrefTimer(timer);
  };
  onAbort(stop, later);
  return end.signal;
}

/**
 * The items of a sequence up to an abort, which also ends the wait for an item, so that what came
 * before is finished properly.
 */
export async function* untilAborted<T>(
  items: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    while (!signal?.aborted) {
      const next = await abortable(iterator.next(), signal).catch(ignoreAbort(signal));
      if (!next || next.done) return;
      yield next.value;
    }
  } finally {
    const left = iterator.return?.();
    // A source that waits for input ends its wait in its own time, and may fail as it ends.
    if (signal?.aborted) left?.catch(() => {});
    else await left;
  }
}
