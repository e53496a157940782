/**
 * What a receiver knows of the streams that came: which messages it has had, which stream is the
 * current one, and where that ends.
 *
 * @module
 */
import { ReplayWindow } from "@vcs/transport/internal";
import type { Message } from "@vcs/transport/message";

/** A stream of which something came. */
export interface KnownStream {
  /** Names it. */
  readonly streamId: string;
  /** Its last message, where that came. */
  readonly end: Message | undefined;
  /**
   * Whether its end was read back from a journal. Its last messages may come again even so: they
   * were written down and not yet accepted.
   */
  readonly endReplayed: boolean;
}

/** Streams whose messages are known again when they come twice. */
const REMEMBERED_STREAMS = 8;

/** Follows the messages of all streams, in the order in which they come. */
export class KnownStreams {
  readonly #streams = new Map<string, KnownStream & { readonly came: ReplayWindow }>();
  #current: KnownStream | undefined;

  /** The stream that the latest message was of. */
  get current(): KnownStream | undefined {
    return this.#current;
  }

  /** A stream by its id. */
  get(streamId: string | undefined): KnownStream | undefined {
    return streamId === undefined ? undefined : this.#streams.get(streamId);
  }

  /** Whether a message came before; known for the last ones of the last streams. */
  has({ streamId, sequence }: Message): boolean {
    return this.#streams.get(streamId)?.came.has(sequence) ?? false;
  }

  /** Takes note of a message that came, or that was read back from a journal. */
  add(message: Message, replayed = false): void {
    const { streamId, sequence } = message;
    const before = this.#streams.get(streamId) ??
      { streamId, end: undefined, endReplayed: false, came: new ReplayWindow() };
    before.came.add(sequence);
    const known = message.end ? { ...before, end: message, endReplayed: replayed } : before;
    this.#streams.set(streamId, known);
    this.#current = known;
    if (this.#streams.size > REMEMBERED_STREAMS) {
      this.#streams.delete(this.#streams.keys().next().value!);
    }
  }
}

/** How many windows a stream has, by its last message, which may be a window or the mere end. */
export function windowCount({ sequence, payload }: Message): number {
  return payload.length > 0 ? sequence + 1 : sequence;
}
