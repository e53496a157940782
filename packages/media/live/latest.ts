/**
 * A short queue, of one item if nothing else is said: a slow reader always gets the latest items,
 * and never a backlog.
 *
 * @example A reader that is slower than the source
 * ```ts
 * import { latest } from "./latest.ts";
 * import assert from "node:assert/strict";
 *
 * const taken: number[] = [];
 * for await (const item of latest(() => ReadableStream.from([1, 2, 3, 4, 5, 6, 7, 8]))) {
 *   taken.push(item);
 *   await new Promise((resolve) => setTimeout(resolve, 20));
 * }
 * assert.equal(taken.at(-1), 8);
 * assert.ok(taken.length < 8);
 * ```
 *
 * @module
 */
import { Queue } from "@vcs/transport/portable";

/** How such a queue behaves. */
export interface LatestOptions<T> {
  /** Ends the reading. */
  readonly signal?: AbortSignal;
  /** Called with every item that was replaced before anybody took it. */
  readonly onDrop?: (item: T) => void;
  /** Items that wait for the reader. Default: 1. */
  readonly capacity?: number;
}

/**
 * Reads a source as fast as it delivers, and yields only the latest items each time the reader
 * asks. The last item is always yielded.
 *
 * @param open opens the source; its signal is aborted when the reader stops
 * @throws what the source throws
 */
export async function* latest<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  options: LatestOptions<T> = {},
): AsyncGenerator<T> {
  const stop = new AbortController();
  const signals = options.signal === undefined ? [] : [options.signal];
  const source = open(AbortSignal.any([stop.signal, ...signals]));
  const { onDrop = () => {}, capacity = 1 } = options;
  const queue = new Queue<T>({ capacity, policy: "drop-oldest", onDrop });
  // A failure also reaches the reader, through the queue.
  const filling = ReadableStream.from(source).pipeTo(queue.writable).catch(() => {});
  try {
    yield* queue.readable;
  } finally {
    stop.abort();
    await filling;
  }
}
