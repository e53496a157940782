/**
 * A bounded queue between two stages of a pipeline. Web Streams apply backpressure
 * themselves; a queue adds what they lack: items that wait are counted, and a full queue may drop
 * instead of block where the source, such as a camera, cannot wait.
 *
 * @example Keep the latest frame
 * ```ts
 * import { Queue } from "@vcs/transport";
 * import assert from "node:assert/strict";
 *
 * const queue = new Queue<number>({ capacity: 1, policy: "drop-oldest" });
 * const writer = queue.writable.getWriter();
 * for (const frame of [1, 2, 3]) await writer.write(frame);
 * await writer.close();
 * assert.deepEqual(await Array.fromAsync(queue.readable), [3]);
 * assert.equal(queue.counters.dropped, 2);
 * ```
 *
 * @module
 */
import { BoundedBuffer, type Policy, type QueueCounters } from "./buffer.ts";
import { stage } from "./stage.ts";

export { POLICIES, type Policy, type QueueCounters } from "./buffer.ts";

/** How a queue behaves. */
export interface QueueOptions<T> {
  /** The most items that wait. Default: 3. */
  readonly capacity?: number;
  /** What a full queue does. Default: `block`. */
  readonly policy?: Policy;
  /** Called with each item that is dropped. */
  readonly onDrop?: (item: T) => void;
  /**
   * Fails both ends when aborted. `pipeTo`'s own signal waits for the pending write, which a full
   * queue blocks: pass the signal here.
   */
  readonly signal?: AbortSignal;
}

/**
 * A bounded first-in, first-out stage for `pipeThrough`. With the policy `block`, a writer holds
 * at most one more item while the queue is full. An aborted writer, a cancelled
 * reader and an aborted signal fail both ends and drop what waits.
 */
export class Queue<T> implements ReadableWritablePair<T, T> {
  /** Where items go in. */
  readonly writable: WritableStream<T>;
  /** Where items come out. */
  readonly readable: ReadableStream<T>;
  readonly #buffer: BoundedBuffer<T>;

  /**
   * Makes an empty queue.
   *
   * @throws {RangeError} where the capacity is not a whole number of one or more.
   */
  constructor(options: QueueOptions<T> = {}) {
    const { capacity = 3, policy = "block", onDrop, signal } = options;
    const buffer = new BoundedBuffer<T>(capacity, policy, onDrop);
    this.#buffer = buffer;
    const ends = stage<T, T>({
      write: (item) => buffer.put(item),
      end: () => buffer.end(),
      read: () => buffer.take(),
      fail: (reason) => buffer.fail(reason),
    }, signal);
    this.writable = ends.writable;
    this.readable = ends.readable;
  }

  /** What went through so far. */
  get counters(): QueueCounters {
    return this.#buffer.counters;
  }
}
