/**
 * Keeps pictures and sound of a file side by side while they are read: neither is read far ahead of
 * the other, so that a receiver need not keep what has nothing to be shown with.
 *
 * @module
 */
import { type Clock, systemClock } from "@vcs/transport/portable";
import { Condition } from "@vcs/transport/internal";
import type { Track } from "./tracks.ts";

/** Seconds that one may be read ahead of the other. */
const LEAD = 2;

/** How a file is read. */
export interface InStepOptions {
  /** Whether it is read no faster than it plays. Default: false. */
  readonly realtime?: boolean;
  /** Ends the waits with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where time comes from. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** Two tracks that are read side by side. */
export class InStep {
  /** Second up to which each was read. */
  readonly #at: Record<Track, number>;
  readonly #changed = new Condition();
  readonly #options: InStepOptions;
  #startedAt: number | undefined;

  /** Begins to read a film. */
  constructor(hasSound: boolean, options: InStepOptions = {}) {
    this.#at = { video: 0, sound: hasSound ? 0 : Infinity };
    this.#options = options;
  }

  /**
   * Passes a track on, each piece once it is its turn.
   *
   * @param secondOf where a piece begins
   */
  async *of<T>(
    track: Track,
    pieces: AsyncIterable<T>,
    secondOf: (piece: T) => number,
  ): AsyncGenerator<T> {
    const other = track === "video" ? "sound" : "video";
    try {
      for await (const piece of pieces) {
        const second = secondOf(piece);
        this.#reach(track, second);
        while (second > this.#at[other] + LEAD) await this.#changed.changed(this.#options.signal);
        await this.#due(second);
        yield piece;
      }
    } finally {
      this.#reach(track, Infinity);
    }
  }

  #reach(track: Track, second: number): void {
    this.#at[track] = Math.max(this.#at[track], second);
    this.#changed.notify();
  }

  async #due(second: number): Promise<void> {
    const { realtime, signal, clock = systemClock } = this.#options;
    if (!realtime) return;
    this.#startedAt ??= clock.now();
    await clock.sleep(this.#startedAt + 1000 * second - clock.now(), signal);
  }
}
