/**
 * A channel inside one process, with the same manners as those between machines: at most a few
 * messages are on their way, and a message is on its way until the receiver accepts it.
 *
 * @module
 */
import type {
  Delivery,
  Receiver,
  ReceiverCounters,
  Sender,
  SenderCounters,
} from "@vcs/transport/channel";
import { TransportError } from "@vcs/transport/errors";
import type { Message } from "@vcs/transport/message";
import { type Deliveries, messagesOf, messageStream } from "@vcs/transport/message_stream";

/** Both ends of a channel inside one process. */
export interface MemoryChannel {
  /** The end that messages are put into. */
  readonly sender: Sender;
  /** The end that messages come out of. */
  readonly receiver: Receiver;
}

/**
 * Makes a channel.
 *
 * @param credits the most messages on their way; 3 where not given
 * @throws {RangeError} where credits is not a whole number of one or more.
 *
 * @example
 * ```ts
 * import { memoryChannel } from "@vcs/video-vq/memory_channel";
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
    throw new RangeError(`Cannot make a channel: found ${credits} credits, allowed is 1 or more`);
  }
  const pipe = new Pipe(credits);
  return { sender: new MemorySender(pipe), receiver: new MemoryReceiver(pipe) };
}

/** What both ends share. */
class Pipe implements Deliveries {
  readonly #waiting: Delivery[] = [];
  readonly #waiters = new Set<() => void>();
  inFlight = 0;
  mostInFlight = 0;
  sent = 0;
  closed = false;
  #left = false;

  constructor(readonly credits: number) {}

  /** Takes a message in; it is on its way until it is accepted. */
  put(message: Message): void {
    this.sent++;
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    let accepted = false;
    const accept = () => {
      if (!accepted) this.inFlight--;
      accepted = true;
      this.changed();
      return Promise.resolve();
    };
    this.#waiting.push({ message, accept });
    this.changed();
  }

  async receive(signal?: AbortSignal): Promise<Delivery | undefined> {
    await this.until(() => this.#waiting.length > 0 || this.closed, signal);
    return this.#waiting.shift();
  }

  giveBack(delivery: Delivery): void {
    if (this.#left) return;
    this.#waiting.unshift(delivery);
    this.changed();
  }

  /** The receiver is closed: nothing is taken any more. */
  leave(): void {
    this.#left = this.closed = true;
    this.#waiting.length = 0;
    this.changed();
  }

  changed(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
  }

  async until(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    while (!ready()) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = () => (signal?.removeEventListener("abort", wake), resolve());
        this.#waiters.add(wake);
        signal?.addEventListener("abort", wake, { once: true });
      });
    }
  }
}

class MemorySender implements Sender {
  readonly url = "memory:";
  readonly writable: WritableStream<Message>;
  readonly #pipe: Pipe;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
    this.writable = new WritableStream({
      // Frees a write that waits for room, for which an abort would wait.
      start: ({ signal }) => signal.addEventListener("abort", () => void this.close()),
      write: (message) => this.send(message),
      close: () => this.close(),
    });
  }

  get counters(): SenderCounters {
    const { sent, inFlight, mostInFlight } = this.#pipe;
    return {
      sent,
      acknowledged: sent - inFlight,
      inFlight,
      mostInFlight,
      resent: 0,
      dropped: 0,
      connections: 1,
    };
  }

  async send(message: Message, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const pipe = this.#pipe;
    await pipe.until(() => pipe.inFlight < pipe.credits || pipe.closed, signal);
    if (pipe.closed) throw new TransportError("closed", "Cannot send: the channel is closed");
    pipe.put(message);
  }

  async flush(): Promise<void> {
    await this.#pipe.until(() => this.#pipe.inFlight === 0 || this.#pipe.closed);
  }

  close(): Promise<void> {
    this.#pipe.closed = true;
    this.#pipe.changed();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

class MemoryReceiver implements Receiver {
  readonly url = "memory:";
  readonly readable: ReadableStream<Message>;
  readonly #pipe: Pipe;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
    this.readable = messageStream(pipe);
  }

  get counters(): ReceiverCounters {
    const { sent: received, inFlight } = this.#pipe;
    const accepted = received - inFlight;
    return { received, accepted, duplicates: 0, corrupt: 0, gaps: 0, connections: 1 };
  }

  receive({ signal }: { signal?: AbortSignal } = {}): Promise<Delivery | undefined> {
    return this.#pipe.receive(signal);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Message> {
    return messagesOf(this.#pipe);
  }

  close(): Promise<void> {
    this.#pipe.leave();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
