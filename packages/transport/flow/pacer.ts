/**
 * Bursts in, a steady rate out: a ring of frames and a schedule that does not drift. A decoder
 * hands over 17 frames at once; a screen wants one each 1/24 s.
 *
 * @example Four frames at 100 per second
 * ```ts
 * import { Pacer } from "@vcs/transport";
 * import assert from "node:assert/strict";
 *
 * const pacer = new Pacer<string>({ rate: 100, capacity: 4 });
 * const frames = ReadableStream.from(["a", "b", "c", "d"]);
 * assert.deepEqual(await Array.fromAsync(frames.pipeThrough(pacer)), ["a", "b", "c", "d"]);
 * assert.equal(pacer.counters.underruns, 0);
 * ```
 *
 * @module
 */
import { BoundedBuffer, type Policy, type QueueCounters } from "./buffer.ts";
import { type Clock, systemClock } from "./clock.ts";
import { stage } from "./stage.ts";

/**
 * What happens in a slot without a frame: `repeat` emits the last frame again, `blank` emits
 * the frame of the options, `wait` emits nothing.
 */
export type Underrun = "repeat" | "blank" | "wait";

/** How a pacer behaves. */
export interface PacerOptions<T> {
  /** Frames emitted per second. */
  readonly rate: number;
  /** The most frames that wait. Default: 51, three windows. */
  readonly capacity?: number;
  /** Frames that must wait before the first is emitted. Default: 1. */
  readonly prefill?: number;
  /** What a full ring does. Default: `block`. */
  readonly overflow?: Policy;
  /** What happens in a slot without a frame. Default: `repeat`. */
  readonly underrun?: Underrun;
  /** The frame for `blank`. */
  readonly blank?: T;
  /** Fails both ends when aborted. */
  readonly signal?: AbortSignal;
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock;
}

/** What a pacer has done so far. */
export interface PacerCounters extends QueueCounters {
  /** Slots without a frame since the first one was emitted. */
  readonly underruns: number;
  /** Slots that passed because the reader had not requested a frame. */
  readonly late: number;
}

/**
 * A stage that emits one frame in each slot of a schedule that starts with the first frame.
 * Slot k is due k / rate seconds after it, whatever happened in between: a late reader or an
 * empty ring costs slots, never a burst.
 */
export class Pacer<T> implements ReadableWritablePair<T, T> {
  /** Where frames go in. */
  readonly writable: WritableStream<T>;
  /** Where frames come out, on schedule. */
  readonly readable: ReadableStream<T>;
  readonly #ring: BoundedBuffer<T>;
  readonly #rate: number;
  readonly #prefill: number;
  readonly #clock: Clock;
  readonly #filler: { mode: Underrun; last: { item: T } | undefined };
  readonly #abort = new AbortController();
  #start: number | undefined;
  #slot = -1;
  #underruns = 0;
  #late = 0;

  /**
   * Makes a pacer; its schedule starts with the first frame.
   *
   * @throws {RangeError} where the rate is not above zero, or capacity and prefill do not fit.
   * @throws {TypeError} where `underrun` is `blank` and there is no `blank`.
   */
  constructor(options: PacerOptions<T>) {
    checkOptions(options);
    const { capacity = 51, overflow = "block", underrun = "repeat", signal } = options;
    const ring = new BoundedBuffer<T>(capacity, overflow);
    this.#ring = ring;
    this.#rate = options.rate;
    this.#prefill = options.prefill ?? 1;
    this.#clock = options.clock ?? systemClock;
    const blank = underrun === "blank" ? { item: options.blank as T } : undefined;
    this.#filler = { mode: underrun, last: blank };
    const ends = stage<T, T>({
      write: (item) => ring.put(item),
      end: () => ring.end(),
      read: () => this.#next(),
      fail: (reason) => (ring.fail(reason), this.#abort.abort(reason)),
    }, signal);
    this.writable = ends.writable;
    this.readable = ends.readable;
  }

  /** What went through so far. */
  get counters(): PacerCounters {
    return { ...this.#ring.counters, underruns: this.#underruns, late: this.#late };
  }

  async #next(): Promise<{ item: T } | undefined> {
    const start = this.#start ??= await this.#begin();
    for (;;) {
      await this.#nextSlot(start);
      const next = this.#ring.tryTake();
      if (next && this.#filler.mode === "repeat") this.#filler.last = next;
      if (next || this.#ring.drained) return next;
      this.#underruns++;
      if (this.#filler.last) return this.#filler.last;
    }
  }

  async #begin(): Promise<number> {
    await this.#ring.atLeast(this.#prefill);
    return this.#clock.now();
  }

  /** Waits for the first slot that is not over yet. */
  async #nextSlot(start: number): Promise<void> {
    const running = Math.floor((this.#clock.now() - start) * this.#rate / 1000);
    const next = Math.max(this.#slot + 1, running);
    this.#late += next - this.#slot - 1;
    this.#slot = next;
    const due = start + next * 1000 / this.#rate;
    while (this.#clock.now() < due) {
      await this.#clock.sleep(due - this.#clock.now(), this.#abort.signal);
    }
  }
}

function checkOptions<T>({ rate, capacity = 51, prefill = 1, ...rest }: PacerOptions<T>): void {
  if (!(rate > 0 && rate < Infinity)) {
    throw new RangeError(`Cannot make a pacer: rate ${rate} is not a number above zero`);
  }
  if (!(Number.isSafeInteger(prefill) && prefill >= 1 && prefill <= capacity)) {
    throw new RangeError(
      `Cannot make a pacer: prefill ${prefill} is not from 1 to the capacity of ${capacity}`,
    );
  }
  if (rest.underrun === "blank" && !("blank" in rest)) {
    throw new TypeError(
      'Cannot make a pacer: underrun is "blank" and `blank` is missing, expected a frame',
    );
  }
}
