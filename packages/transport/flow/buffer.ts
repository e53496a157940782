/**
 * The bounded buffer under every queue of this package, and what a full one does.
 *
 * @module
 */
import { Condition } from "./condition.ts";

/**
 * What a full queue does with the next item: `block` makes the writer wait, `drop-oldest` drops
 * the item that waited longest, `drop-newest` drops the one that just came.
 */
export type Policy = "block" | "drop-oldest" | "drop-newest";

/** Every policy. */
export const POLICIES: readonly Policy[] = ["block", "drop-oldest", "drop-newest"];

/** What a queue has done so far: `written` is always `read + dropped + depth`. */
export interface QueueCounters {
  /** Items that came in, those dropped included. */
  readonly written: number;
  /** Items that went out. */
  readonly read: number;
  /** Items dropped because the queue was full. */
  readonly dropped: number;
  /** Items that wait, now. */
  readonly depth: number;
  /** The most items that ever waited. */
  readonly deepest: number;
}

/** Items in the order written, at most `capacity` of them. */
export class BoundedBuffer<T> {
  readonly #items: T[] = [];
  readonly #changed = new Condition();
  readonly #capacity: number;
  readonly #policy: Policy;
  readonly #onDrop: ((item: T) => void) | undefined;
  #counts = { written: 0, read: 0, dropped: 0, deepest: 0 };
  #failure: { reason: unknown } | undefined;
  #ended = false;

  constructor(capacity: number, policy: Policy, onDrop?: (item: T) => void) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      throw new RangeError(`Cannot make a queue: capacity ${capacity} is not 1 or more`);
    }
    if (!POLICIES.includes(policy)) {
      throw new RangeError(`Cannot make a queue: policy "${policy}" is not one of ${POLICIES}`);
    }
    this.#capacity = capacity;
    this.#policy = policy;
    this.#onDrop = onDrop;
  }

  get counters(): QueueCounters {
    return { ...this.#counts, depth: this.#items.length };
  }

  get depth(): number {
    return this.#items.length;
  }

  /** Whether nothing is left and nothing will come. */
  get drained(): boolean {
    return this.#ended && this.#items.length === 0;
  }

  /** Puts an item in; with the policy `block`, waits for room. */
  async put(item: T, signal?: AbortSignal): Promise<void> {
    while (this.#policy === "block" && this.#full() && !this.#failure) {
      await this.#changed.changed(signal);
    }
    if (this.#failure) throw this.#failure.reason;
    this.#counts.written++;
    if (this.#full()) {
      if (this.#policy === "drop-newest") return this.#drop(item);
      this.#drop(this.#items.shift()!);
    }
    this.#items.push(item);
    this.#counts.deepest = Math.max(this.#counts.deepest, this.#items.length);
    this.#changed.notify();
  }

  /** The oldest item, or undefined where none waits now. */
  tryTake(): { item: T } | undefined {
    if (this.#failure) throw this.#failure.reason;
    if (this.#items.length === 0) return undefined;
    const item = this.#items.shift()!;
    this.#counts.read++;
    this.#changed.notify();
    return { item };
  }

  /** The oldest item, waiting for one; undefined at the end. */
  async take(signal?: AbortSignal): Promise<{ item: T } | undefined> {
    await this.atLeast(1, signal);
    return this.tryTake();
  }

  /** Waits until so many items wait, or no more will come. */
  async atLeast(depth: number, signal?: AbortSignal): Promise<void> {
    while (this.#items.length < depth && !this.#ended && !this.#failure) {
      await this.#changed.changed(signal);
    }
    if (this.#failure) throw this.#failure.reason;
  }

  /** No more items will come. */
  end(): void {
    this.#ended = true;
    this.#changed.notify();
  }

  /** Drops all items; every call from now on throws the reason. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#items.length = 0;
    this.#changed.notify();
  }

  #full(): boolean {
    return this.#items.length >= this.#capacity;
  }

  #drop(item: T): void {
    this.#counts.dropped++;
    this.#onDrop?.(item);
  }
}
