/**
 * A mailbox with one slot: a slow reader always gets the newest item, and never a backlog.
 *
 * @example A reader that is slower than the source
 * ```ts
 * import { newest } from "@vcs/clip-drift";
 * import assert from "node:assert/strict";
 *
 * const taken: number[] = [];
 * for await (const item of newest(() => ReadableStream.from([1, 2, 3, 4, 5, 6, 7, 8]))) {
 *   taken.push(item);
 *   await new Promise((resolve) => setTimeout(resolve, 20));
 * }
 * assert.equal(taken.at(-1), 8);
 * assert.ok(taken.length < 8);
 * ```
 *
 * @module
 */
import { Queue } from "@vcs/transport";

/** How a mailbox behaves. */
export interface NewestOptions<T> {
  /** Ends the reading. */
  readonly signal?: AbortSignal;
  /** Called with every item that was replaced before anybody took it. */
  readonly onDrop?: (item: T) => void;
}

/**
 * Reads a source as fast as it gives, and hands on only the newest item each time the reader asks.
 * The last item is always handed on.
 *
 * @param open opens the source; its signal is aborted when the reader stops
 * @throws what the source throws
 */
export async function* newest<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  options: NewestOptions<T> = {},
): AsyncGenerator<T> {
  const stop = new AbortController();
  const signals = options.signal === undefined ? [] : [options.signal];
  const source = open(AbortSignal.any([stop.signal, ...signals]));
  const { onDrop = () => {} } = options;
  const queue = new Queue<T>({ capacity: 1, policy: "drop-oldest", onDrop });
  // A failure also reaches the reader, through the queue.
  const filling = ReadableStream.from(source).pipeTo(queue.writable).catch(() => {});
  try {
    yield* queue.readable;
  } finally {
    stop.abort();
    await filling;
  }
}
