/**
 * What requests for models have in common: an end when nothing comes, and another try after a
 * fault that may pass.
 *
 * @module
 */
import { type Clock, systemClock } from "@vcs/transport/clock";

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
  /** Where time comes from. Default: the machine's clock. */
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
  { tries = 5, waitSeconds = 1, clock = systemClock, signal }: Patience,
  received: () => number = () => 0,
): Promise<T> {
  let most = received();
  for (let fruitless = 0;;) {
    try {
      return await step();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Passing)) throw error;
      // Not more than just before: a server that cannot resume may cut now later, now sooner, for ever.
      fruitless = received() > most ? 0 : fruitless + 1;
      most = Math.max(most, received());
      if (fruitless >= tries) throw error;
      await clock.sleep(1000 * waitSeconds * 2 ** fruitless, signal);
    }
  }
}

/** Aborts a request when no byte comes for a while, or when the caller says so. */
export class Stall implements Disposable {
  readonly #abort = new AbortController();
  readonly #seconds: number;
  readonly #clock: Clock;
  #wait = new AbortController();
  readonly #signal: AbortSignal;
  #reason: string | undefined;

  /** Begins to wait for the first byte. */
  constructor({ stallSeconds = 30, clock = systemClock, signal }: Patience) {
    this.#seconds = stallSeconds;
    this.#clock = clock;
    this.#signal = AbortSignal.any([this.#abort.signal, ...(signal ? [signal] : [])]);
    this.watch();
  }

  /** Begins to wait for the next byte. */
  watch(): void {
    this.#wait.abort();
    this.#wait = new AbortController();
    this.#clock.sleep(this.#seconds * 1000, this.#wait.signal).then(() => {
      this.#reason = `nothing came for ${this.#seconds} s`;
      this.#abort.abort();
    }, () => {});
  }

  /** The fault of a connection that this has ended, or that broke by itself. */
  fault(error: unknown, what = ""): Passing {
    return new Passing(this.#reason ?? what + messageOf(error));
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
    this.#wait.abort();
  }
}

/** What an error says, and what it says lies behind it. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
