/**
 * Messages as a loop and as a stream, for authors of receivers.
 *
 * @module
 */
import type { Delivery } from "./types.ts";
import type { Message } from "../message.ts";

/** Where deliveries come from. */
export interface Deliveries {
  /**
   * The next delivery; undefined at the end.
   *
   * @throws the signal's reason where it is aborted first.
   */
  receive(signal?: AbortSignal): Promise<Delivery | undefined>;
  /** Puts back a delivery that its receiver did not finish: it is received before the others. */
  requeue(delivery: Delivery): void;
}

/**
 * Messages, each accepted when the next is requested; ends after one with the flag `end`. The one
 * at which a loop is left is requeued.
 *
 * @throws what `from` throws.
 */
export async function* messagesOf(
  from: Deliveries,
  signal?: AbortSignal,
): AsyncGenerator<Message, void, void> {
  for (;;) {
    const delivery = await from.receive(signal);
    if (!delivery) return;
    let isDone = false;
    try {
      yield delivery.message;
      isDone = true;
    } finally {
      if (!isDone) from.requeue(delivery);
    }
    await delivery.accept();
    if (delivery.message.end) return;
  }
}

/** {@linkcode messagesOf} as a stream that buffers none and can be cancelled while it waits. */
export function messageStream(from: Deliveries): ReadableStream<Message> {
  const left = new AbortController();
  const messages = messagesOf(from, left.signal);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await messages.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      left.abort();
      await messages.return();
    },
  }, { highWaterMark: 0 });
}
