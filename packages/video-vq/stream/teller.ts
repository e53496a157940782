/**
 * Tells of events without a line for each: a peer can cause thousands in a second.
 *
 * @module
 */
import type { Clock } from "@vcs/transport";

/** Milliseconds from one line of a kind to the next. */
const PAUSE = 10_000;

/** Tells the first event of each kind at once, and later ones with a count of those between. */
export class Teller {
  readonly #tell: (event: string) => void;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, { toldAt: number; untold: number }>();

  /** Nothing is told without a function that does. */
  constructor(tell: ((event: string) => void) | undefined, clock: Clock) {
    this.#tell = tell ?? (() => {});
    this.#clock = clock;
  }

  /** Tells an event, or counts it if one of its kind was told less than ten seconds ago. */
  tell(kind: string, event: string): void {
    const now = this.#clock.now();
    const last = this.#kinds.get(kind);
    if (last && now - last.toldAt < PAUSE) {
      last.untold++;
      return;
    }
    const more = last && last.untold > 0 ? ` (and ${last.untold} like it before)` : "";
    this.#kinds.set(kind, { toldAt: now, untold: 0 });
    this.#tell(event + more);
  }
}
