/**
 * A channel through a broker: its sender stores messages there, its receiver fills an inbox from
 * there, and both reconnect whenever the connection is lost; inside this package.
 *
 * @module
 */
import type { Backlog, ChannelSettings, Receiver, Sender } from "./types.ts";
import { TransportError } from "../errors.ts";
import { within } from "../flow/abort.ts";
import { systemClock } from "../flow/clock.ts";
import { attempts, Backoff } from "../flow/retry.ts";
import { Inbox, InboxReceiver } from "./inbox.ts";
import { Waiting } from "./reach/waiting.ts";
import { readSettings, type UrlSettings } from "./settings.ts";
import { type Store, storeSender } from "./store_pump.ts";

/**
 * Connects, calls `connected` and fills the inbox until the connection is lost or the signal is
 * aborted. A {@linkcode TransportError} means that a retry is of no use.
 */
export type FeedSession = (
  inbox: Inbox,
  signal: AbortSignal,
  connected: () => void,
) => Promise<void>;

/** What a channel does at its broker. */
export interface Broker<Place> {
  /** Where messages wait there, from the URL. */
  place(url: URL, read: UrlSettings, settings: ChannelSettings): Place;
  /** Connects to store messages, creating the place where it is missing. */
  openStore(place: Place): Promise<Store>;
  /** One session of a receiver. */
  consume(place: Place, ...session: Parameters<FeedSession>): Promise<void>;
  /** Looks at what is there, and changes nothing. */
  look(place: Place): Promise<Backlog>;
}

/** Both ends of a channel. */
export interface BrokerChannel {
  openSender(url: URL, settings: ChannelSettings): Sender;
  openReceiver(url: URL, settings: ChannelSettings): Receiver;
  look(url: URL, settings: ChannelSettings): Promise<Backlog>;
}

/** Makes both ends of a channel. */
export function brokerChannel<Place>(broker: Broker<Place>): BrokerChannel {
  const placeOf = (url: URL, settings: ChannelSettings) =>
    readSettings(url, (read) => broker.place(url, read, settings));
  return {
    openSender(url, settings) {
      const place = placeOf(url, settings);
      return storeSender(url, settings, async () => limited(await broker.openStore(place)));
    },
    openReceiver(url, settings) {
      const place = placeOf(url, settings);
      return brokerReceiver(url, settings, (...session) => broker.consume(place, ...session));
    },
    look: (url, settings) => broker.look(placeOf(url, settings)),
  };
}

/** Milliseconds in which a broker answers a command. */
export const ANSWER = 5000;
/** Bytes that any link carries in a millisecond. */
const SLOWEST_LINK = 100;
/** Milliseconds that a dead link may hold up whoever hangs up. */
export const FAREWELL = 300;

/** A command to a broker: over a dead link its answer never comes. */
export function answered<T>(command: string, answer: Promise<T>, bytes = 0): Promise<T> {
  return within(ANSWER + bytes / SLOWEST_LINK, `broker's answer to ${command}`, answer);
}

function limited(store: Store): Store {
  return {
    store: (entry) => answered("a message", store.store(entry), entry.bytes.length),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** The pauses between two attempts, in milliseconds. */
const BACKOFF = { initial: 20, max: 500 };

/** A receiver of what sessions with a broker deliver. */
export function brokerReceiver(
  url: URL,
  settings: ChannelSettings,
  session: FeedSession,
): Receiver {
  const inbox = new Inbox(settings.maxPayload);
  const feed = new BrokerFeed(inbox, settings, session, new Waiting(url, settings));
  return new InboxReceiver({ url: url.href, inbox, stop: () => feed.stop() }, settings);
}

/** Sessions, one after the other, until stopped. */
class BrokerFeed {
  readonly #inbox: Inbox;
  readonly #settings: ChannelSettings;
  readonly #session: FeedSession;
  readonly #abort = new AbortController();
  readonly #waiting: Waiting;
  readonly #running: Promise<void>;

  constructor(
    inbox: Inbox,
    settings: ChannelSettings,
    session: FeedSession,
    waiting: Waiting,
  ) {
    this.#inbox = inbox;
    this.#settings = settings;
    this.#session = session;
    this.#waiting = waiting;
    this.#running = this.#run().catch((error) => inbox.fail(error)).finally(() => waiting.end());
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
      this.#waiting.begin();
      const connected = () => {
        wasConnected = true;
        this.#waiting.end();
        this.#inbox.countConnection();
      };
      const cause = await this.#session(this.#inbox, signal, connected).catch((error) => {
        if (error instanceof TransportError && !signal.aborted) throw error;
        return error;
      });
      this.#waiting.cause = cause;
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
