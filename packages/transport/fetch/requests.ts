/**
 * What requests for files have in common: an idle timeout, and another attempt after a transient
 * fault.
 *
 * @module
 */
import type { Clock } from "../flow/clock.ts";
import { IdleTimeout } from "../flow/idle.ts";
import { Backoff, retry } from "../flow/retry.ts";

/** How long a request may be idle, and how often it is tried. */
export interface RequestOptions {
  /** Aborts the request. */
  signal?: AbortSignal;
  /** Seconds without a byte after which a connection is given up. Default: 15. */
  idleTimeoutSeconds?: number;
  /** Attempts in a row without progress after which it gives up. Default: 4. */
  tries?: number;
  /** Seconds before the second attempt, doubled with each further one. Default: 1. */
  waitSeconds?: number;
  /** Where time comes from. Default: the system's clock. */
  clock?: Clock;
  /**
   * Called with lines for people: what is asked of whom, before the connection is made, and each
   * fault that another attempt may overcome. Default: nothing.
   */
  onLine?: (line: string) => void;
}

/** A fault that another attempt may overcome. */
export class TransientError extends Error {}

/**
 * Attempts a step until it succeeds, fails for good, or fails several times in a row; then the last
 * fault is thrown.
 *
 * @param received bytes that have arrived: an attempt after which there are more than ever before
 * starts the count anew
 */
export async function retryTransient<T>(
  step: () => Promise<T>,
  { tries = 4, waitSeconds = 1, signal, clock, onLine }: RequestOptions,
  received: () => number = () => 0,
): Promise<T> {
  const backoff = new Backoff({ initial: 1000 * waitSeconds });
  let most = received();
  let failedAttempts = 0;
  const onFailure = (error: unknown) => {
    if (!(error instanceof TransientError)) throw error;
    // Not more than just before: a server that cannot resume may cut now later, now sooner, for ever.
    if (received() > most) {
      failedAttempts = 0;
      backoff.reset();
    } else if (++failedAttempts >= tries) throw error;
    most = Math.max(most, received());
    onLine?.(`${messageOf(error)}; attempt ${failedAttempts + 1} of ${tries} follows`);
  };
  return await retry(step, { backoff, signal, clock, onFailure });
}

/** A request that is aborted when it is idle for too long, or by the caller's signal. */
export class IdleRequest implements Disposable {
  readonly #idle: IdleTimeout;
  readonly #signal: AbortSignal;

  /** Begins to wait for the first byte. */
  constructor({ idleTimeoutSeconds = 15, signal, clock }: RequestOptions) {
    const reason = () => new TransientError(`nothing came for ${idleTimeoutSeconds} s`);
    this.#idle = new IdleTimeout(idleTimeoutSeconds * 1000, reason, clock);
    this.#signal = AbortSignal.any([this.#idle.signal, ...(signal ? [signal] : [])]);
  }

  /** Counts the idle time anew from now on. */
  touch(): void {
    this.#idle.touch();
  }

  /** The fault of a connection that this has ended, or that broke by itself. */
  fault(error: unknown, what = ""): TransientError {
    const { aborted, reason } = this.#idle.signal;
    return aborted ? reason : new TransientError(what + messageOf(error));
  }

  /** The head of a response, whatever it says; broken connections are transient faults. */
  async head(url: string, init: RequestInit): Promise<Response> {
    return await fetch(url, { ...init, signal: this.#signal }).catch((error) => {
      throw this.fault(error);
    });
  }

  /** The head of a response; busy servers and broken connections are transient faults. */
  async fetch(url: string, init: RequestInit): Promise<Response> {
    const response = await this.head(url, init);
    const { status, statusText } = response;
    if (status < 500 && status !== 408 && status !== 429) return response;
    await response.body?.cancel().catch(() => {});
    throw new TransientError(`the server answered ${status} ${statusText}`.trim());
  }

  /** Stops waiting. */
  [Symbol.dispose](): void {
    this.#idle[Symbol.dispose]();
  }
}

/** What an error says, and what it says lies behind it. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
