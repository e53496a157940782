/**
 * What a receiver holds between the wire and its caller, inside this package: checked messages
 * with the way to accept them.
 *
 * @module
 */
import type { ChannelSettings, Delivery, Receiver, ReceiverCounters } from "./channel_types.ts";
import { onAbort } from "./flow/abort.ts";
import { Condition } from "./flow/condition.ts";
import { messagesOf, messageStream } from "./message_stream.ts";
import { decodeMessage, type Message, NO_ID } from "./message.ts";
import { TransportError } from "./errors.ts";

/** Streams whose gaps are counted at a time. */
const TRACKED_STREAMS = 64;
/** Messages that are known again when they come twice. */
const REMEMBERED = 1024;

type Accept = () => void | Promise<void>;

/** A message that came. */
interface Known {
  /** Accept the copies that came so far; let go of, with what they hold, once they are called. */
  accepts: Accept[] | undefined;
}

/** Messages that came and are not accepted. */
export class Inbox {
  readonly #waiting: Delivery[] = [];
  readonly #changed = new Condition();
  readonly #maxPayload: number;
  readonly #next = new Map<string, number>();
  readonly #known = new Map<string, Known>();
  #counts = { received: 0, accepted: 0, duplicates: 0, corrupt: 0, gaps: 0, connections: 0 };
  #failure: { reason: unknown } | undefined;
  #ended = false;

  constructor(maxPayload: number) {
    this.#maxPayload = maxPayload;
  }

  get counters(): ReceiverCounters {
    return { ...this.#counts };
  }

  /** Messages that came and are not accepted. */
  get held(): number {
    return this.#counts.received - this.#counts.accepted;
  }

  /**
   * Takes a message's bytes in.
   *
   * @returns false where they are damaged or too long; counted and left out
   */
  offer(bytes: Uint8Array, accept: Accept): boolean {
    const message = this.#decode(bytes);
    if (message) this.deliver(message, accept);
    return message !== undefined;
  }

  /** Takes a message in that was checked already; leaves it out where it came before. */
  deliver(message: Message, accept: Accept): void {
    // After the end nobody would accept it: it stays where it was.
    if (this.#ended) return;
    const known = this.#remember(message, accept);
    if (!known) return;
    this.#counts.received++;
    this.#countGaps(message);
    let done: Promise<void> | undefined;
    const once = async () => {
      const accepts = known.accepts ?? [];
      known.accepts = undefined;
      this.#counts.accepted++;
      this.#changed.notify();
      for (const accept of accepts) await accept();
    };
    this.#waiting.push({ message, accept: () => done ??= once() });
    this.#changed.notify();
  }

  /** Takes back a message that its receiver is not done with: it is received before the others. */
  giveBack(delivery: Delivery): void {
    if (this.#ended) return;
    this.#waiting.unshift(delivery);
    this.#changed.notify();
  }

  /**
   * Channels deliver again what they do not know to be accepted. A copy of a message that was
   * accepted is accepted too; one of a message that is held is accepted with it, as the channel
   * may wait for either.
   */
  #remember({ streamId, sequence }: Message, accept: Accept): Known | undefined {
    if (streamId === NO_ID) return { accepts: [accept] };
    const key = `${streamId}-${sequence}`;
    const before = this.#known.get(key);
    if (before) return void this.#again(before, accept);
    const known = { accepts: [accept] };
    this.#known.set(key, known);
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value!);
    return known;
  }

  #again(known: Known, accept: Accept): void {
    this.#counts.duplicates++;
    if (known.accepts) known.accepts.push(accept);
    // Where this fails another copy will come.
    else void Promise.try(accept).catch(() => {});
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

  /** Nothing more will come; what waits can be received still. */
  end(): void {
    this.#ended = true;
    this.#changed.notify();
  }

  /** Waiting and later calls throw the reason, after what waits was received. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#changed.notify();
  }

  /** Leaves out what waits. */
  clear(): void {
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

  #countGaps({ streamId, sequence }: Message): void {
    const expected = this.#next.get(streamId);
    if (expected !== undefined && sequence > expected) this.#counts.gaps += sequence - expected;
    this.#next.delete(streamId);
    this.#next.set(streamId, Math.max(sequence + 1, expected ?? 0));
    if (this.#next.size > TRACKED_STREAMS) this.#next.delete(this.#next.keys().next().value!);
  }
}

/** What fills an inbox. */
export interface Feeder {
  readonly url: string;
  readonly inbox: Inbox;
  /** Stops feeding and lets go of everything; must not throw. */
  stop(): Promise<void>;
}

/** The receiver over an inbox and what feeds it. */
export class InboxReceiver implements Receiver {
  readonly url: string;
  readonly readable: ReadableStream<Message>;
  readonly #feeder: Feeder;
  #aborting: Disposable | undefined;
  #closed: Promise<void> | undefined;

  constructor(feeder: Feeder, { signal }: ChannelSettings) {
    this.url = feeder.url;
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
    await this.#feeder.stop();
  }
}
