/**
 * A channel inside one process, with the same guarantees as those between machines: at most a few
 * messages are in flight, and a message is in flight until the receiver accepts it.
 *
 * @module
 */
import type { Receiver, Sender, SenderCounters } from "./types.ts";
import { ignoreAbort, onAbort } from "../flow/abort.ts";
import { Inbox, InboxReceiver } from "./inbox.ts";
import type { Message } from "../message.ts";
import { closed } from "./outbox.ts";

/** Both ends of a channel inside one process. */
export interface MemoryChannel {
  /** The end that messages are put into. */
  readonly sender: Sender;
  /** The end that messages come out of. */
  readonly receiver: Receiver;
}

/**
 * Makes a channel. Closing the sender does not wait for what is in flight, which can still be
 * received.
 *
 * @param credits the most messages in flight. Default: 3.
 * @throws {RangeError} where credits is not a whole number of one or more.
 *
 * @example
 * ```ts
 * import { memoryChannel } from "@vcs/transport/channel";
 * import { message } from "@vcs/transport/message";
 * import assert from "node:assert/strict";
 *
 * const { sender, receiver } = memoryChannel();
 * await sender.send(message(new Uint8Array([7])));
 * await sender.close();
 * assert.deepEqual((await Array.fromAsync(receiver)).map((m) => m.payload[0]), [7]);
 * ```
 */
export function memoryChannel(credits = 3): MemoryChannel {
  if (!Number.isSafeInteger(credits) || credits < 1) {
    throw new RangeError(`Cannot make a channel: found ${credits} credits, expected 1 or more`);
  }
  const settings = { maxPayload: Infinity, timeout: Infinity };
  const inbox = new Inbox(settings.maxPayload, false);
  inbox.countConnection();
  const sender = new MemorySender(inbox, credits);
  const receiver = new InboxReceiver(
    { url: sender.url, inbox, stop: () => sender.close() },
    settings,
  );
  return { sender, receiver };
}

/** Puts messages into the inbox itself, which holds them until they are accepted. */
class MemorySender implements Sender {
  readonly url = "memory:";
  readonly writable: WritableStream<Message>;
  readonly #inbox: Inbox;
  readonly #credits: number;
  readonly #closed = new AbortController();
  #sent = 0;
  #mostInFlight = 0;

  constructor(inbox: Inbox, credits: number) {
    this.#inbox = inbox;
    this.#credits = credits;
    this.writable = new WritableStream({
      // Frees a write that waits for room, for which an abort would wait.
      start: ({ signal }) => void onAbort(signal, () => void this.close()),
      write: (message) => this.send(message),
      close: () => this.close(),
    });
  }

  get counters(): SenderCounters {
    const { held: inFlight } = this.#inbox;
    return {
      sent: this.#sent,
      acknowledged: this.#sent - inFlight,
      inFlight,
      unsent: 0,
      mostInFlight: this.#mostInFlight,
      resent: 0,
      dropped: 0,
      connections: 1,
    };
  }

  async send(message: Message, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const ends = this.#closed.signal;
    const either = signal ? AbortSignal.any([signal, ends]) : ends;
    await this.#inbox.room(this.#credits, either);
    ends.throwIfAborted();
    this.#sent++;
    this.#inbox.deliver(message, () => {});
    this.#mostInFlight = Math.max(this.#mostInFlight, this.#inbox.held);
  }

  async flush(): Promise<void> {
    const { signal } = this.#closed;
    await this.#inbox.room(1, signal).catch(ignoreAbort(signal));
  }

  close(): Promise<void> {
    this.#closed.abort(closed());
    this.#inbox.end();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
