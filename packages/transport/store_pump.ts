/**
 * Carries an outbox into a store (a folder or a broker's queue), one message after the other, so
 * that their order holds when a full store refuses some. Inside this package.
 *
 * @module
 */
import type { ChannelSettings, Sender } from "./channel_types.ts";
import { systemClock } from "./clock.ts";
import { TransportError } from "./errors.ts";
import { type Entry, Outbox, OutboxSender } from "./outbox.ts";

/** Where messages are kept between the ends. */
export interface Store extends AsyncDisposable {
  /**
   * Keeps a message; false where the store is full. Errors end the connection to the store, and a
   * {@linkcode TransportError} says that trying again is of no use.
   */
  store(entry: Entry): Promise<boolean>;
}

/** Milliseconds between two attempts: the first and the longest pause. */
const PAUSES = { full: [1, 50], trouble: [20, 500] } as const;

/** A sender that stores its messages; connects to the store again whenever that is lost. */
export function storeSender(
  url: URL,
  settings: ChannelSettings,
  connect: (signal: AbortSignal) => Promise<Store>,
): Sender {
  const outbox = new Outbox(1, settings.patience);
  const pump = new StorePump(outbox, settings.patience, connect);
  return new OutboxSender({ url: url.href, outbox, stop: () => pump.stop() }, settings);
}

/** Stores what is in an outbox until stopped. */
class StorePump {
  readonly #outbox: Outbox;
  readonly #patience: number;
  readonly #connect: (signal: AbortSignal) => Promise<Store>;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  #store: Store | undefined;

  /** Starts at once; connects again whenever the connection is lost. */
  constructor(
    outbox: Outbox,
    patience: number,
    connect: (signal: AbortSignal) => Promise<Store>,
  ) {
    this.#outbox = outbox;
    this.#patience = patience;
    this.#connect = connect;
    this.#running = this.#run().catch(() => {});
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#disconnect();
    await this.#running;
    await this.#disconnect();
  }

  async #run(): Promise<void> {
    await this.#retry(() => this.#connected().then(() => true), Infinity);
    for (;;) {
      const entry = await this.#outbox.claim(this.#abort.signal);
      await this.#retry(async () => (await this.#connected()).store(entry), this.#patience);
      this.#outbox.acknowledge(entry.number);
    }
  }

  /** Tries until it works, or has thrown for as long as patience goes. */
  async #retry(attempt: () => Promise<boolean>, patience: number): Promise<void> {
    let troubled: number | undefined;
    for (let tries = 0;; tries++) {
      const result = await this.#try(attempt);
      if (result === "done") return;
      troubled = result === "full" ? undefined : troubled ?? performance.now();
      if (performance.now() - (troubled ?? Infinity) >= patience) this.#giveUp();
      const [first, longest] = PAUSES[result];
      await systemClock.sleep(Math.min(first * 2 ** tries, longest), this.#abort.signal);
    }
  }

  async #try(attempt: () => Promise<boolean>): Promise<"done" | "full" | "trouble"> {
    try {
      return await attempt() ? "done" : "full";
    } catch (error) {
      this.#outbox.trouble = error;
      await this.#disconnect();
      if (error instanceof TransportError) this.#fail(error);
      return "trouble";
    }
  }

  #giveUp(): never {
    const cause = this.#outbox.trouble;
    this.#fail(
      new TransportError(
        "broker",
        `Cannot send: a message could not be stored for ${this.#patience} ms: ${cause}`,
        { cause },
      ),
    );
  }

  #fail(error: TransportError): never {
    this.#outbox.fail(error);
    throw error;
  }

  async #connected(): Promise<Store> {
    if (this.#store) return this.#store;
    this.#store = await this.#connect(this.#abort.signal);
    this.#outbox.connect();
    return this.#store;
  }

  async #disconnect(): Promise<void> {
    const store = this.#store;
    if (!store) return;
    this.#store = undefined;
    this.#outbox.disconnect();
    await store[Symbol.asyncDispose]();
  }
}
