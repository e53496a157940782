/**
 * The order of one stream, inside the resequencer: which sequence is next, what waits for it and
 * which were given up.
 *
 * @module
 */
import { ReplayWindow } from "./replay_window.ts";

/** What became of an item that was added. */
type Fate = "duplicates" | "late" | undefined;

/** Puts one stream's items in order. */
export class StreamOrder<T extends { readonly sequence: number }> {
  readonly #window: number;
  readonly #release: (item: T, missing: number) => void;
  /** Items that wait for one before them, with the time at which they came. */
  readonly #held = new Map<number, { item: T; since: number }>();
  readonly #came = new ReplayWindow();
  #next = 0;
  #started = false;

  /** Releases items with the number of items missing just before each. */
  constructor(window: number, release: (item: T, missing: number) => void) {
    this.#window = window;
    this.#release = release;
  }

  get held(): number {
    return this.#held.size;
  }

  /** When the item that waits longest came; infinity where none waits. */
  get waitingSince(): number {
    let since = Infinity;
    for (const held of this.#held.values()) since = Math.min(since, held.since);
    return since;
  }

  /** Takes an item in; says where it goes no further. */
  add(item: T, now: number): Fate {
    const { sequence } = item;
    if (this.#came.has(sequence) || this.#held.has(sequence)) return "duplicates";
    if (sequence < this.#next) return "late";
    this.#came.add(sequence);
    this.#held.set(sequence, { item, since: now });
    this.#releaseRun();
    if (this.#held.size > this.#window) this.#skip();
    return undefined;
  }

  /** Gives up what held items wait for, where one came at or before some time. */
  giveUpBefore(time: number): void {
    while (this.waitingSince <= time) this.#skip();
  }

  /** Releases everything that is held. */
  flush(): void {
    while (this.#held.size > 0) this.#skip();
  }

  /** Gives up everything before the first held item. */
  #skip(): void {
    const first = Math.min(...this.#held.keys());
    const missing = this.#started ? first - this.#next : 0;
    this.#next = first;
    this.#releaseRun(missing);
  }

  #releaseRun(missing = 0): void {
    for (let held = this.#held.get(this.#next); held; held = this.#held.get(this.#next)) {
      this.#held.delete(this.#next++);
      this.#started = true;
      this.#release(held.item, missing);
      missing = 0;
    }
  }
}
