/**
 * Order restored behind channels that deliver twice or out of order, as every queue with several
 * workers does: items of a stream come out once each, by sequence, and a gap is waited for only
 * up to a timeout.
 *
 * @example A duplicate and a swap
 * ```ts
 * import { Resequencer } from "@vcs/transport";
 * import assert from "node:assert/strict";
 *
 * const order = new Resequencer<{ streamId: string; sequence: number }>();
 * const mixed = [0, 2, 1, 1, 3].map((sequence) => ({ streamId: "a", sequence }));
 * const sorted = await Array.fromAsync(ReadableStream.from(mixed).pipeThrough(order));
 * assert.deepEqual(sorted.map((item) => item.sequence), [0, 1, 2, 3]);
 * assert.equal(order.counters.duplicates, 1);
 * ```
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import { Condition } from "./condition.ts";
import { stage } from "./stage.ts";
import { StreamOrder } from "./stream_order.ts";

/** What an item must have to be put in order. */
export interface Sequenced {
  /** The stream that the item belongs to. */
  readonly streamId: string;
  /** Position in the stream, from 0. */
  readonly sequence: number;
}

/** How a resequencer behaves. */
export interface ResequencerOptions {
  /** The most items of one stream that wait for one before them. Default: 8. */
  readonly window?: number;
  /** Milliseconds to wait for a missing item. Default: 1000. */
  readonly timeout?: number;
  /**
   * The most streams at a time. One more retires the stream that was quiet longest: what it holds
   * comes out, what still comes for it is late. Default: 4.
   */
  readonly streams?: number;
  /** Fails both ends when aborted. */
  readonly signal?: AbortSignal;
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock;
}

/** What a resequencer has done so far. */
export interface ResequencerCounters {
  /** Items emitted. */
  readonly delivered: number;
  /** Items that had been seen before. */
  readonly duplicates: number;
  /** Items that never came in time, those before the first of a stream not counted. */
  readonly missing: number;
  /** Items that came after they were counted as missing; they are dropped. */
  readonly late: number;
  /** Items that wait for one before them, now. */
  readonly held: number;
}

/** Retired streams whose late items are still recognised. */
const REMEMBERED = 64;

/**
 * A stage that emits each stream's items once, in order. A stream is expected to start at
 * sequence 0; one joined later starts, after the timeout, with the first item seen.
 */
export class Resequencer<T extends Sequenced> implements ReadableWritablePair<T, T> {
  /** Where items go in, in any order. */
  readonly writable: WritableStream<T>;
  /** Where items come out, in order. */
  readonly readable: ReadableStream<T>;
  readonly #streams = new Map<string, StreamOrder<T>>();
  readonly #retired = new Set<string>();
  readonly #ready: T[] = [];
  readonly #changed: Condition;
  readonly #options: Required<Pick<ResequencerOptions, "window" | "timeout" | "streams">>;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #counts = { delivered: 0, duplicates: 0, missing: 0, late: 0 };
  #ended = false;

  /**
   * Makes a resequencer that knows no stream yet.
   *
   * @throws {RangeError} where an option is not a number of its range.
   */
  constructor(options: ResequencerOptions = {}) {
    const { window = 8, timeout = 1000, streams = 4, clock = systemClock, signal } = options;
    for (const [name, value] of Object.entries({ window, streams })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new RangeError(`Cannot make a resequencer: ${name} ${value} is not 1 or more`);
      }
    }
    if (!(timeout >= 0)) {
      throw new RangeError(`Cannot make a resequencer: timeout ${timeout} is not 0 or more`);
    }
    this.#options = { window, timeout, streams };
    this.#clock = clock;
    this.#changed = new Condition(clock);
    const ends = stage<T, T>({
      write: (item) => this.#write(item),
      end: () => this.#end(),
      read: () => this.#read(),
      fail: (reason) => this.#abort.abort(reason),
    }, signal);
    this.writable = ends.writable;
    this.readable = ends.readable;
  }

  /** What went through so far. */
  get counters(): ResequencerCounters {
    let held = 0;
    for (const stream of this.#streams.values()) held += stream.held;
    return { ...this.#counts, held };
  }

  async #write(item: T): Promise<void> {
    const order = this.#orderOf(item);
    const fate = order ? order.add(item, this.#clock.now()) : "late";
    if (fate) this.#counts[fate]++;
    this.#changed.notify();
    while (this.#ready.length > this.#options.window) {
      await this.#changed.changed(this.#abort.signal);
    }
  }

  async #read(): Promise<{ item: T } | undefined> {
    for (;;) {
      this.#expire();
      const item = this.#ready.shift();
      if (item !== undefined) {
        this.#counts.delivered++;
        this.#changed.notify();
        return { item };
      }
      if (this.#ended) return undefined;
      await this.#changeOrDeadline();
    }
  }

  #end(): void {
    for (const stream of this.#streams.values()) stream.flush();
    this.#ended = true;
    this.#changed.notify();
  }

  /** The stream of an item, made where it is new; undefined where it is retired. */
  #orderOf({ streamId }: T): StreamOrder<T> | undefined {
    if (this.#retired.has(streamId)) return undefined;
    const order = this.#streams.get(streamId) ??
      new StreamOrder<T>(this.#options.window, (item, missing) => {
        this.#ready.push(item);
        this.#counts.missing += missing;
      });
    // Deleted and set again, so that the map's first entry is the one quiet longest.
    this.#streams.delete(streamId);
    this.#streams.set(streamId, order);
    if (this.#streams.size > this.#options.streams) this.#retireOldest();
    return order;
  }

  #retireOldest(): void {
    const [id, stream] = this.#streams.entries().next().value!;
    stream.flush();
    this.#streams.delete(id);
    this.#retired.add(id);
    if (this.#retired.size > REMEMBERED) {
      this.#retired.delete(this.#retired.values().next().value!);
    }
  }

  #expire(): void {
    const since = this.#clock.now() - this.#options.timeout;
    for (const stream of this.#streams.values()) stream.giveUpBefore(since);
  }

  async #changeOrDeadline(): Promise<void> {
    let deadline = Infinity;
    for (const stream of this.#streams.values()) {
      deadline = Math.min(deadline, stream.waitingSince + this.#options.timeout);
    }
    await this.#changed.changed(this.#abort.signal, deadline - this.#clock.now());
  }
}
