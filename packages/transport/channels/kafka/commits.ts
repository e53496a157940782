/**
 * How far each partition was accepted: a commit says that all before it was.
 *
 * @module
 */
import type { KafkaMessage } from "./client.ts";

/** A message that was delivered. */
interface Held {
  readonly message: KafkaMessage;
  accepted: boolean;
}

/** What was delivered of each partition and is not committed, in order. */
export class Commits {
  readonly #partitions = new Map<number, Held[]>();

  /** A message is delivered; the result accepts it, and commits what no earlier one holds up. */
  hold(message: KafkaMessage): () => Promise<void> {
    const { partition } = message;
    const held: Held = { message, accepted: false };
    const queue = this.#partitions.get(partition) ?? [];
    this.#partitions.set(partition, queue);
    queue.push(held);
    return async () => {
      held.accepted = true;
      let last: KafkaMessage | undefined;
      while (queue[0]?.accepted) last = queue.shift()!.message;
      await last?.commit();
    };
  }
}
