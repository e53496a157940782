/**
 * The line that says what an end waits for, when nobody is where it connects to.
 *
 * @module
 */
import { type Clock, systemClock } from "../../flow/clock.ts";
import { shownUrl } from "../../io/credentials.ts";

/** Milliseconds of waiting of which nothing is said. */
const QUIET = 2000;

/** By which clock, and to whom. */
export interface WaitingSettings {
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock | undefined;
  /** Told what is waited for. */
  readonly notice?: ((line: string) => void) | undefined;
}

/** Says once in each wait for a peer or a broker, after two seconds, what is waited for. */
export class Waiting {
  readonly #url: URL;
  readonly #settings: WaitingSettings;
  #abort: AbortController | undefined;
  /** Why the last attempt failed. */
  cause: unknown;

  /** Nobody is waited for yet. */
  constructor(url: URL, settings: WaitingSettings) {
    this.#url = url;
    this.#settings = settings;
  }

  /** Nobody is there; called again, the wait goes on. */
  begin(): void {
    if (this.#abort) return;
    const { clock = systemClock } = this.#settings;
    const abort = this.#abort = new AbortController();
    clock.sleep(QUIET, abort.signal).then(() => this.#say(), () => {});
  }

  /** Somebody is there, or nobody is wanted any more. */
  end(): void {
    this.#abort?.abort();
    this.#abort = undefined;
    this.cause = undefined;
  }

  #say(): void {
    const { cause } = this;
    const reason = cause instanceof Error ? cause.message : cause ?? "no answer";
    this.#settings.notice?.(`Waiting for ${shownUrl(this.#url)}: ${reason}`);
  }
}
