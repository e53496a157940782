/**
 * Which messages of which streams a receiver has seen, so that duplicates are recognised; and which
 * stream is the current one, and where it ends.
 *
 * @module
 */
import { ReplayWindow } from "@vcs/transport/internal";
import type { Message } from "@vcs/transport/message";

/** A stream of which messages were received. */
export interface SeenStream {
  /** Its id. */
  readonly streamId: string;
  /** Its last message, once that was received. */
  readonly end: Message | undefined;
  /**
   * Whether its end was replayed from a journal. Its last messages may still be sent again: they
   * were written to the journal and not yet accepted.
   */
  readonly endReplayed: boolean;
}

/** Streams whose duplicates are recognised. */
const TRACKED_STREAMS = 8;

/** Tracks the messages of all streams in order of arrival. */
export class StreamDeduplicator {
  readonly #streams = new Map<string, SeenStream & { readonly came: ReplayWindow }>();
  #current: SeenStream | undefined;

  /** The stream of the latest message. */
  get current(): SeenStream | undefined {
    return this.#current;
  }

  /** A stream by its id. */
  get(streamId: string | undefined): SeenStream | undefined {
    return streamId === undefined ? undefined : this.#streams.get(streamId);
  }

  /** Whether a message was seen before, among the last ones of the last streams. */
  has({ streamId, sequence }: Message): boolean {
    return this.#streams.get(streamId)?.came.has(sequence) ?? false;
  }

  /** Notes a message that was received, or replayed from a journal. */
  add(message: Message, replayed = false): void {
    const { streamId, sequence } = message;
    const before = this.#streams.get(streamId) ??
      { streamId, end: undefined, endReplayed: false, came: new ReplayWindow() };
    before.came.add(sequence);
    const known = message.end ? { ...before, end: message, endReplayed: replayed } : before;
    this.#streams.set(streamId, known);
    this.#current = known;
    if (this.#streams.size > TRACKED_STREAMS) {
      this.#streams.delete(this.#streams.keys().next().value!);
    }
  }
}

/** How many windows a stream has, by its last message, which may be a window or the end alone. */
export function windowCount({ sequence, payload }: Message): number {
  return payload.length > 0 ? sequence + 1 : sequence;
}
