/**
 * The one clock of a receiver: the times of pictures and of sound are those of their source, and are
 * set on one line here, so that what was seen and heard together still is.
 *
 * @module
 */

/** A moment of a sender's film. */
export interface Moment {
  /** Id of the film. */
  readonly streamId: string;
  /** Seconds of it. */
  readonly pts: number;
}

/** Seconds at the beginning of a film within which a receiver counts as having joined in time. */
const JOINED_IN_TIME = 2;
/** Seconds that a time may lie beyond everything before it; a later one follows at once. */
const LONGEST_GAP = 600;
/** Films whose place is remembered. */
const REMEMBERED = 8;

/** Where moments of one film after the other lie in what is written or shown. */
export class Timeline {
  /** Seconds to add to the times of each film. */
  readonly #offsets = new Map<string, number>();
  #end = 0;

  /**
   * Where a moment lies, in seconds from the beginning; negative if it is before that. A film that
   * follows another begins where that one ended; one that is joined late begins with what comes
   * first.
   */
  at({ streamId, pts }: Moment): number {
    const offset = this.#offsets.get(streamId) ?? this.#begin(streamId, pts);
    if (pts + offset <= this.#end + LONGEST_GAP) return pts + offset;
    this.#offsets.set(streamId, this.#end - pts);
    return this.#end;
  }

  /** Notes that something was shown or heard up to a second. */
  reached(seconds: number): void {
    this.#end = Math.max(this.#end, seconds);
  }

  #begin(streamId: string, pts: number): number {
    const lead = pts < JOINED_IN_TIME ? Math.min(pts, 0) : pts;
    const offset = this.#end - lead;
    this.#offsets.set(streamId, offset);
    const [first] = this.#offsets.keys();
    if (this.#offsets.size > REMEMBERED && first !== undefined) this.#offsets.delete(first);
    return offset;
  }
}
