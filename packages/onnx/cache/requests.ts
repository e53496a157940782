/**
 * What requests for models have in common: an end when nothing comes, and another try after a
 * fault that may pass.
 *
 * @module
 */
import type { Clock } from "@vcs/transport";
import { Backoff, IdleTimeout, retry } from "@vcs/transport/internal";

/** How long to wait, and how often to try. */
export interface Patience {
  /** Ends it all. */
  signal?: AbortSignal;
  /** Seconds without a byte after which a connection is given up; 30 where not given. */
  stallSeconds?: number;
  /** Tries in a row that get no further than those before until it gives up; 5 where not given. */
  tries?: number;
  /** Seconds to wait before a second try, doubled with each; 1 where not given. */
  waitSeconds?: number;
  /** Where time comes from. Default: the system's clock. */
  clock?: Clock;
}

/** A fault that another try may overcome. */
export class Passing extends Error {}

/**
 * Tries until a step succeeds, fails for good, or fails several times in a row; then the last fault
 * is thrown.
 *
 * @param received bytes that are there: a try after which there are more than ever before starts
 * the count anew
 */
export async function persistently<T>(
  step: () => Promise<T>,
  { tries = 5, waitSeconds = 1, signal, clock }: Patience,
  received: () => number = () => 0,
): Promise<T> {
  const backoff = new Backoff({ initial: 1000 * waitSeconds });
  let most = received();
  let failedAttempts = 0;
  const onFailure = (error: unknown) => {
    if (!(error instanceof Passing)) throw error;
    // Not more than just before: a server that cannot resume may cut now later, now sooner, for ever.
    if (received() > most) {
      failedAttempts = 0;
      backoff.reset();
    } else if (++failedAttempts >= tries) throw error;
    most = Math.max(most, received());
  };
  return await retry(step, { backoff, signal, clock, onFailure });
}

/** Aborts a request when no byte comes for a while, or when the caller says so. */
export class Stall implements Disposable {
  readonly #idle: IdleTimeout;
  readonly #signal: AbortSignal;

  /** Begins to wait for the first byte. */
  constructor({ stallSeconds = 30, signal, clock }: Patience) {
    const reason = () => new Passing(`nothing came for ${stallSeconds} s`);
    this.#idle = new IdleTimeout(stallSeconds * 1000, reason, clock);
    this.#signal = AbortSignal.any([this.#idle.signal, ...(signal ? [signal] : [])]);
  }

  /** Begins to wait for the next byte. */
  watch(): void {
    this.#idle.touch();
  }

  /** The fault of a connection that this has ended, or that broke by itself. */
  fault(error: unknown, what = ""): Passing {
    const { aborted, reason } = this.#idle.signal;
    return aborted ? reason : new Passing(what + messageOf(error));
  }

  /** The head of a response; busy servers and broken connections are faults that may pass. */
  async fetch(url: string, init: RequestInit): Promise<Response> {
    const response = await fetch(url, { ...init, signal: this.#signal }).catch((error) => {
      throw this.fault(error);
    });
    const { status, statusText } = response;
    if (status < 500 && status !== 408 && status !== 429) return response;
    await response.body?.cancel().catch(() => {});
    throw new Passing(`the server answered ${status} ${statusText}`.trim());
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
