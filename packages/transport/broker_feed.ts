/**
 * Fills an inbox from a broker, connecting again whenever the connection is lost; inside this
 * package.
 *
 * @module
 */
import type { ChannelSettings, Receiver } from "./channel_types.ts";
import { systemClock } from "./clock.ts";
import { TransportError } from "./errors.ts";
import { Inbox, InboxReceiver } from "./inbox.ts";

/**
 * Connects, calls `connected` and fills the inbox until the connection is lost or the signal is
 * aborted. A {@linkcode TransportError} says that trying again is of no use.
 */
export type FeedSession = (
  inbox: Inbox,
  signal: AbortSignal,
  connected: () => void,
) => Promise<void>;

/** The first and the longest pause between two attempts, in milliseconds. */
const PAUSES = { first: 20, longest: 500 };

/** A receiver of what sessions with a broker bring. */
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
  readonly #patience: number;
  readonly #session: FeedSession;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;

  constructor(inbox: Inbox, { patience }: ChannelSettings, session: FeedSession) {
    this.#inbox = inbox;
    this.#patience = patience;
    this.#session = session;
    this.#running = this.#run().catch((error) => inbox.fail(error));
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    let lostAt = performance.now();
    for (let pause = PAUSES.first; !signal.aborted; pause = Math.min(2 * pause, PAUSES.longest)) {
      let cause: unknown;
      let wasConnected = false;
      try {
        await this.#session(this.#inbox, signal, () => {
          wasConnected = true;
          this.#inbox.countConnection();
        });
      } catch (error) {
        if (error instanceof TransportError && !signal.aborted) throw error;
        cause = error;
      }
      if (wasConnected) {
        lostAt = performance.now();
        pause = PAUSES.first;
      }
      if (performance.now() - lostAt > this.#patience) throw unreachable(this.#patience, cause);
      await systemClock.sleep(pause, signal).catch(() => {});
    }
  }
}

function unreachable(patience: number, cause: unknown): TransportError {
  return new TransportError(
    "unreachable",
    `Cannot receive: the broker was out of reach for ${patience} ms`,
    { cause },
  );
}
