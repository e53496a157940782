/**
 * Trying again, with growing pauses in between.
 *
 * @module
 */
import { ignoreAbort } from "./abort.ts";
import { type Clock, systemClock } from "./clock.ts";

/** How pauses grow: each is twice the one before. */
export interface BackoffOptions {
  /** The first pause in milliseconds. */
  readonly initial: number;
  /** The longest pause in milliseconds. Default: Infinity. */
  readonly max?: number;
  /** The part of each pause, 0 to 1, that is random, so that clients spread. Default: 0. */
  readonly jitter?: number;
}

/** The pauses of an exponential back-off. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #pauses = 0;

  /** Starts with the initial pause. */
  constructor({ initial, max = Infinity, jitter = 0 }: BackoffOptions) {
    this.#options = { initial, max, jitter };
  }

  /** The next pause in milliseconds. */
  next(): number {
    const { initial, max, jitter } = this.#options;
    const pause = Math.min(max, initial * 2 ** this.#pauses++);
    return jitter === 0 ? pause : pause * (1 - jitter * Math.random());
  }

  /** Starts anew with the initial pause. */
  reset(): void {
    this.#pauses = 0;
  }
}

/** What ends attempts, and by which clock they wait. */
export interface RetryOptions {
  /** The pauses between attempts. */
  readonly backoff: Pick<Backoff, "next">;
  /** Ends the attempts. */
  readonly signal?: AbortSignal | undefined;
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock | undefined;
}

/** Numbers attempts from 1, with a pause before each but the first; an abort ends them. */
export async function* attempts(
  { backoff, signal, clock = systemClock }: RetryOptions,
): AsyncGenerator<number, void, void> {
  for (let attempt = 1; !signal?.aborted; attempt++) {
    yield attempt;
    await clock.sleep(backoff.next(), signal).catch(ignoreAbort(signal));
  }
}

/**
 * Attempts something until it succeeds.
 *
 * @param onFailure looks at each failure, and gives up by throwing
 * @throws the signal's reason once it is aborted, and what `onFailure` throws.
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  { onFailure, ...options }: RetryOptions & { onFailure: (error: unknown) => void },
): Promise<T> {
  for await (const _ of attempts(options)) {
    try {
      return await attempt();
    } catch (error) {
      options.signal?.throwIfAborted();
      onFailure(error);
    }
  }
  throw options.signal?.reason;
}
