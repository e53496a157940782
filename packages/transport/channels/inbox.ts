/**
 * What a receiver holds between the wire and its caller, inside this package: checked messages
 * and how to accept them.
 *
 * @module
 */
import type { ChannelSettings, Delivery, Receiver, ReceiverCounters } from "./types.ts";
import { onAbort, settledWithin } from "../flow/abort.ts";
import { splitCredentials } from "../io/credentials.ts";
import { Condition } from "../flow/condition.ts";
import { ReplayWindow } from "../flow/replay_window.ts";
import { messagesOf, messageStream } from "./message_stream.ts";
import { STOPPING } from "./outbox.ts";
import { decodeMessage, type Message, NO_ID } from "../message.ts";
import { TransportError } from "../errors.ts";

/** Streams of which repeated messages are recognised: those heard from last. */
const REMEMBERED_STREAMS = 1024;

type Accept = () => void | Promise<void>;

/** Messages that were received and not yet accepted. */
export class Inbox {
  readonly #waiting: Delivery[] = [];
  readonly #changed = new Condition();
  readonly #maxPayload: number;
  readonly #tracks: boolean;
  readonly #streams = new Map<string, ReplayWindow>();
  /** How to accept every copy of each message that is held. */
  readonly #held = new Map<string, Accept[]>();
  #counts = { received: 0, accepted: 0, duplicates: 0, corrupt: 0, gaps: 0, connections: 0 };
  #failure: { reason: unknown } | undefined;
  #ended = false;
  #left = false;

  /** @param tracks whether copies are dropped and gaps counted: needless where nothing comes twice */
  constructor(maxPayload: number, tracks = true) {
    this.#maxPayload = maxPayload;
    this.#tracks = tracks;
  }

  get counters(): ReceiverCounters {
    return { ...this.#counts };
  }

  /** The number of messages received and not yet accepted. */
  get held(): number {
    return this.#counts.received - this.#counts.accepted;
  }

  /**
   * Adds a message from its bytes.
   *
   * @returns false where they are damaged or too long: counted and dropped
   */
  offer(bytes: Uint8Array, accept: Accept): boolean {
    const message = this.#decode(bytes);
    if (message) this.deliver(message, accept);
    return message !== undefined;
  }

  /** Adds a message that was checked already; drops one that came before. */
  deliver(message: Message, accept: Accept): void {
    // After the end nobody would accept it: it stays where it was.
    if (this.#ended) return;
    const key = this.#tracks ? keyOf(message) : "";
    if (this.#tracks && this.#isCopy(key, message, accept)) return;
    const accepts = [accept];
    if (key) this.#held.set(key, accepts);
    this.#counts.received++;
    let done: Promise<void> | undefined;
    const once = async () => {
      if (key) this.#held.delete(key);
      this.#counts.accepted++;
      this.#changed.notify();
      for (const accept of accepts) await accept();
    };
    this.#waiting.push({ message, accept: () => done ??= once() });
    this.#changed.notify();
  }

  /** Puts back a message that its receiver did not finish: it is received before the others. */
  requeue(delivery: Delivery): void {
    if (this.#left) return;
    this.#waiting.unshift(delivery);
    this.#changed.notify();
  }

  /**
   * Channels deliver again what they do not know to be accepted. A copy of a message that was
   * accepted is accepted too; one of a message that is held is accepted with it, as the channel
   * may wait for either.
   */
  #isCopy(key: string, message: Message, accept: Accept): boolean {
    const held = this.#held.get(key);
    if (!held && !this.#cameBefore(message)) return false;
    this.#counts.duplicates++;
    if (held) held.push(accept);
    // Where this fails another copy will come.
    else void Promise.try(accept).catch(() => {});
    return true;
  }

  /** Records a message, and the gap before it; whether it is known to have come before. */
  #cameBefore({ streamId, sequence }: Message): boolean {
    const came = this.#streams.get(streamId);
    if (streamId !== NO_ID && came?.has(sequence)) return true;
    if (came && sequence > came.next) this.#counts.gaps += sequence - came.next;
    const stream = came ?? new ReplayWindow();
    stream.add(sequence);
    // Deleted and set again, so that the map's first entry is the one quiet longest.
    this.#streams.delete(streamId);
    this.#streams.set(streamId, stream);
    if (this.#streams.size > REMEMBERED_STREAMS) {
      this.#streams.delete(this.#streams.keys().next().value!);
    }
    return false;
  }

  countDuplicate(): void {
    this.#counts.duplicates++;
  }

  countCorrupt(): void {
    this.#counts.corrupt++;
  }

  countConnection(): void {
    this.#counts.connections++;
  }

  async receive(signal?: AbortSignal): Promise<Delivery | undefined> {
    for (;;) {
      signal?.throwIfAborted();
      const delivery = this.#waiting.shift();
      if (delivery) return delivery;
      if (this.#failure) throw this.#failure.reason;
      if (this.#ended) return undefined;
      await this.#changed.changed(signal);
    }
  }

  /** Waits until fewer than `limit` messages are held. */
  async room(limit: number, signal: AbortSignal): Promise<void> {
    while (this.held >= limit) await this.#changed.changed(signal);
  }

  /** Nothing more will come; what waits can still be received. */
  end(): void {
    this.#ended = true;
    this.#changed.notify();
  }

  /** Once what waits was received, waiting and later calls throw the reason. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#changed.notify();
  }

  /** Drops what waits, and what would be requeued. */
  clear(): void {
    this.#left = true;
    this.#waiting.length = 0;
  }

  #decode(bytes: Uint8Array): Message | undefined {
    try {
      return decodeMessage(bytes, this.#maxPayload);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#counts.corrupt++;
      return undefined;
    }
  }
}

/** The key of a message; empty where its stream has no id. */
function keyOf({ streamId, sequence }: Message): string {
  return streamId === NO_ID ? "" : `${streamId}-${sequence}`;
}

/** What fills an inbox. */
export interface Feeder {
  readonly url: string;
  readonly inbox: Inbox;
  /** Stops feeding and releases every resource; must not throw. */
  stop(): Promise<void>;
}

/** A receiver made of an inbox and its feeder. */
export class InboxReceiver implements Receiver {
  readonly url: string;
  readonly readable: ReadableStream<Message>;
  readonly #feeder: Feeder;
  #aborting: Disposable | undefined;
  #closed: Promise<void> | undefined;

  constructor(feeder: Feeder, { signal }: ChannelSettings) {
    this.url = splitCredentials(feeder.url).url.href;
    this.#feeder = feeder;
    this.readable = messageStream(feeder.inbox);
    this.#aborting = onAbort(signal, () => {
      feeder.inbox.clear();
      feeder.inbox.fail(signal?.reason);
      void this.close();
    });
  }

  get counters(): ReceiverCounters {
    return this.#feeder.inbox.counters;
  }

  receive(options: { signal?: AbortSignal } = {}): Promise<Delivery | undefined> {
    return this.#feeder.inbox.receive(options.signal);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    return messagesOf(this.#feeder.inbox);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#aborting?.[Symbol.dispose]();
    this.#feeder.inbox.clear();
    this.#feeder.inbox.end();
    await settledWithin(STOPPING, this.#feeder.stop());
  }
}
