/**
 * One sequence of items over as many connections as it takes.
 *
 * @module
 */
import { Backoff, type Clock, ignoreAbort, systemClock } from "@vcs/transport/portable";

/** How long to go on after a connection was lost. */
export interface ReconnectOptions {
  /** Ends the items. */
  readonly signal?: AbortSignal;
  /** Seconds before the first new attempt; doubled after each, up to 30, with jitter. Default: 2. */
  readonly reconnectDelay?: number;
  /** Failures in a row after which to give up. Default: Infinity. */
  readonly retries?: number;
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock;
}

/** A connection that was lost, or could not be made. */
export interface ConnectionLost<E extends Error> {
  /** Distinguishes it from other events. */
  readonly type: "lost";
  /** The URL, without credentials. */
  readonly url: string;
  /** Why. */
  readonly error: E;
  /** Failures in a row. */
  readonly attempt: number;
  /** Seconds until the next attempt; absent if there is none. */
  readonly retryIn?: number;
}

/** What connects, and who hears of a loss. */
export interface ConnectionPlan<T, E extends Error> {
  /** The URL, without credentials. */
  readonly url: string;
  /** Connects once; its items end with the connection. */
  readonly connect: () => AsyncIterable<T>;
  /** A failure as an error for people, undefined for a regular end; gives up by throwing. */
  readonly failureOf: (cause: unknown) => E;
  /** Called on every loss. */
  readonly onLost: (event: ConnectionLost<E>) => void;
}

const MAX_DELAY = 30;

/** The pauses between connections, spread so that cameras do not all come back at once. */
function backoffOf(reconnectDelay: number): Backoff {
  const max = Math.max(MAX_DELAY, reconnectDelay);
  return new Backoff({ initial: reconnectDelay * 1000, max: max * 1000, jitter: 1 / 4 });
}

/**
 * The items of one connection after the other, with growing pauses in between.
 *
 * @throws what `failureOf` gives or throws, after the last attempt if `retries` is limited
 */
export async function* reconnecting<T, E extends Error>(
  { url, connect, failureOf, onLost }: ConnectionPlan<T, E>,
  options: ReconnectOptions,
): AsyncGenerator<T> {
  const { signal, retries = Infinity, clock = systemClock, reconnectDelay = 2 } = options;
  const backoff = backoffOf(reconnectDelay);
  let attempt = 0;
  while (!signal?.aborted) {
    let cause: unknown;
    try {
      for await (const item of connect()) {
        attempt = 0;
        backoff.reset();
        yield item;
      }
    } catch (error) {
      cause = error;
    }
    if (signal?.aborted) return;
    const error = failureOf(cause);
    if (++attempt > retries) {
      onLost({ type: "lost", url, error, attempt });
      throw error;
    }
    const pause = backoff.next();
    onLost({ type: "lost", url, error, attempt, retryIn: pause / 1000 });
    await clock.sleep(pause, signal).catch(ignoreAbort(signal));
  }
}
