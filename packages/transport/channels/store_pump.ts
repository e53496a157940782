/**
 * Moves an outbox into a store (a folder or a broker's queue), one message after the other, so that
 * their order holds when a full store refuses some. Inside this package.
 *
 * @module
 */
import type { ChannelSettings, Sender } from "./types.ts";
import { TransportError } from "../errors.ts";
import { abortable } from "../flow/abort.ts";
import { systemClock } from "../flow/clock.ts";
import { attempts, Backoff } from "../flow/retry.ts";
import { type Entry, Outbox, OutboxSender } from "./outbox.ts";
import { Waiting } from "./reach/waiting.ts";

/** Where messages are stored between the two ends. */
export interface Store extends AsyncDisposable {
  /**
   * Stores a message; false where the store is full. Errors close the connection to the store; a
   * {@linkcode TransportError} means that a retry is of no use.
   */
  store(entry: Entry): Promise<boolean>;
}

/** The pauses between two attempts, in milliseconds: with a full store, and with a failing one. */
const BACKOFF = { full: { initial: 1, max: 50 }, failed: { initial: 20, max: 500 } };

/** A sender that stores its messages; reconnects whenever the store is lost. */
export function storeSender(
  url: URL,
  settings: ChannelSettings,
  connect: (signal: AbortSignal) => Promise<Store>,
): Sender {
  const outbox = new Outbox(1, settings);
  const pump = new StorePump(outbox, settings, connect, new Waiting(url, settings));
  return new OutboxSender({ url: url.href, outbox, stop: () => pump.stop() }, settings);
}

/** Stores what is in an outbox until stopped. */
class StorePump {
  readonly #outbox: Outbox;
  readonly #settings: ChannelSettings;
  readonly #connect: (signal: AbortSignal) => Promise<Store>;
  readonly #abort = new AbortController();
  readonly #waiting: Waiting;
  readonly #running: Promise<void>;
  #store: Store | undefined;

  /** Starts at once; connects again whenever the connection is lost. */
  constructor(
    outbox: Outbox,
    settings: ChannelSettings,
    connect: (signal: AbortSignal) => Promise<Store>,
    waiting: Waiting,
  ) {
    this.#outbox = outbox;
    this.#settings = settings;
    this.#connect = connect;
    this.#waiting = waiting;
    this.#running = this.#run().catch(() => {});
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#disconnect();
    await this.#running;
    this.#waiting.end();
    await this.#disconnect();
  }

  async #run(): Promise<void> {
    await this.#retry(() => this.#connected().then(() => true), Infinity);
    for (;;) {
      const entry = await this.#outbox.lease(this.#abort.signal);
      await this.#retry(
        async () => (await this.#connected()).store(entry),
        this.#settings.timeout,
      );
      this.#outbox.acknowledge(entry.number);
    }
  }

  /** Retries until it works, or has thrown for the whole timeout. */
  async #retry(attempt: () => Promise<boolean>, timeout: number): Promise<void> {
    const { signal } = this.#abort;
    const { clock = systemClock } = this.#settings;
    const pauses = { full: new Backoff(BACKOFF.full), failed: new Backoff(BACKOFF.failed) };
    let result: "done" | "full" | "failed" = "done";
    const backoff = { next: () => result === "done" ? 0 : pauses[result].next() };
    let failingSince: number | undefined;
    for await (const _ of attempts({ backoff, signal, clock })) {
      result = await this.#try(attempt);
      if (result === "done") return;
      failingSince = result === "full" ? undefined : failingSince ?? clock.now();
      if (clock.now() - (failingSince ?? Infinity) >= timeout) this.#giveUp();
    }
    signal.throwIfAborted();
  }

  async #try(attempt: () => Promise<boolean>): Promise<"done" | "full" | "failed"> {
    try {
      return await attempt() ? "done" : "full";
    } catch (error) {
      this.#waiting.cause = error;
      this.#outbox.trouble = { code: this.#store ? "broker" : "unreachable", cause: error };
      await this.#disconnect();
      if (error instanceof TransportError) this.#fail(error);
      return "failed";
    }
  }

  #giveUp(): never {
    const cause = this.#outbox.trouble?.cause;
    this.#fail(
      new TransportError(
        "broker",
        `Cannot send: a message could not be stored for ${this.#settings.timeout} ms: ${cause}`,
        { cause },
      ),
    );
  }

  #fail(error: TransportError): never {
    this.#waiting.end();
    this.#outbox.fail(error);
    throw error;
  }

  async #connected(): Promise<Store> {
    if (this.#store) return this.#store;
    this.#waiting.begin();
    this.#store = await this.#open();
    this.#waiting.end();
    this.#outbox.connect();
    return this.#store;
  }

  /** Connects, but does not keep whoever stops the pump waiting; what opens later is closed. */
  async #open(): Promise<Store> {
    const { signal } = this.#abort;
    const opening = this.#connect(signal);
    try {
      return await abortable(opening, signal);
    } catch (error) {
      void opening.then((store) => store[Symbol.asyncDispose](), () => {});
      throw error;
    }
  }

  async #disconnect(): Promise<void> {
    const store = this.#store;
    if (!store) return;
    this.#store = undefined;
    this.#outbox.disconnect();
    await store[Symbol.asyncDispose]();
  }
}
