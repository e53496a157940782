/**
 * Fills an inbox from a broker, reconnecting whenever the connection is lost; inside this
 * package.
 *
 * @module
 */
import type { ChannelSettings, Receiver } from "./types.ts";
import { TransportError } from "../errors.ts";
import { systemClock } from "../flow/clock.ts";
import { attempts, Backoff } from "../flow/retry.ts";
import { Inbox, InboxReceiver } from "./inbox.ts";

/**
 * Connects, calls `connected` and fills the inbox until the connection is lost or the signal is
 * aborted. A {@linkcode TransportError} means that a retry is of no use.
 */
export type FeedSession = (
  inbox: Inbox,
  signal: AbortSignal,
  connected: () => void,
) => Promise<void>;

/** The pauses between two attempts, in milliseconds. */
const BACKOFF = { initial: 20, max: 500 };

/** A receiver of what sessions with a broker deliver. */
export function brokerReceiver(
  url: URL,
  settings: ChannelSettings,
  session: FeedSession,
): Receiver {
  const inbox = new Inbox(settings.maxPayload);
  const feed = new BrokerFeed(inbox, settings, session);
  return new InboxReceiver({ url: url.href, inbox, stop: () => feed.stop() }, settings);
}

/** Sessions, one after the other, until stopped. */
class BrokerFeed {
  readonly #inbox: Inbox;
  readonly #settings: ChannelSettings;
  readonly #session: FeedSession;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;

  constructor(inbox: Inbox, settings: ChannelSettings, session: FeedSession) {
    this.#inbox = inbox;
    this.#settings = settings;
    this.#session = session;
    this.#running = this.#run().catch((error) => inbox.fail(error));
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    const { timeout, clock = systemClock } = this.#settings;
    const backoff = new Backoff(BACKOFF);
    let lostAt = clock.now();
    for await (const _ of attempts({ backoff, signal, clock })) {
      let wasConnected = false;
      const connected = () => {
        wasConnected = true;
        this.#inbox.countConnection();
      };
      const cause = await this.#session(this.#inbox, signal, connected).catch((error) => {
        if (error instanceof TransportError && !signal.aborted) throw error;
        return error;
      });
      if (wasConnected) {
        lostAt = clock.now();
        backoff.reset();
      }
      if (clock.now() - lostAt > timeout) throw unreachable(timeout, cause);
    }
  }
}

function unreachable(timeout: number, cause: unknown): TransportError {
  return new TransportError(
    "unreachable",
    `Cannot receive: the broker was unreachable for ${timeout} ms`,
    { cause },
  );
}
