/**
 * What became of the numbered messages of one sender.
 *
 * @module
 */
import { newStreamId } from "@vcs/transport/message";
import type { End } from "./end.ts";

/** The messages of a stream, counted from 0. */
export class Counted {
  readonly streamId = newStreamId();
  /** Messages that the sender says were acknowledged. */
  acknowledged = 0;
  /** Messages that a receiver got after a later one. */
  disordered = 0;
  readonly #times = new Map<number, number>();
  readonly #maybeDeleted = new Set<number>();
  readonly #latest = new Map<End, number>();

  /** Hears from the sender how many were acknowledged; whether that is more. */
  hear(count: number): boolean {
    if (!(count > this.acknowledged)) return false;
    this.acknowledged = count;
    return true;
  }

  /** A receiver got a message; whether it is the first. */
  note(receiver: End, sequence: number): boolean {
    const before = this.#times.get(sequence) ?? 0;
    this.#times.set(sequence, before + 1);
    const latest = this.#latest.get(receiver) ?? -1;
    if (sequence < latest) this.disordered++;
    this.#latest.set(receiver, Math.max(latest, sequence));
    return before === 0;
  }

  /**
   * The queue was deleted: what has not come may be gone with it.
   *
   * @param from messages before it were all there, or are lost for good
   * @param onTheWay messages that may have been there, though the sender has not said so yet
   */
  mayLose(from: number, onTheWay: number): void {
    for (let i = from; i < this.acknowledged + onTheWay; i++) {
      if (!this.#times.has(i)) this.#maybeDeleted.add(i);
    }
  }

  /** Messages that came. */
  get received(): number {
    return this.#times.size;
  }

  /** Messages that came more than once. */
  get doubled(): number {
    return this.#times.values().filter((times) => times > 1).toArray().length;
  }

  /** Whether all that was acknowledged has come, but for what may have been deleted. */
  get isComplete(): boolean {
    return this.lost.length === 0;
  }

  /** Acknowledged messages that did not come, and were deleted with no queue. */
  get lost(): number[] {
    return this.#missing().filter((sequence) => !this.#maybeDeleted.has(sequence));
  }

  /** Acknowledged messages that did not come, and were perhaps deleted with a queue. */
  get deleted(): number[] {
    return this.#missing().filter((sequence) => this.#maybeDeleted.has(sequence));
  }

  #missing(): number[] {
    const all = Array.from({ length: this.acknowledged }, (_, sequence) => sequence);
    return all.filter((sequence) => !this.#times.has(sequence));
  }
}
