/**
 * Streams made of sequences.
 *
 * @module
 */

/**
 * A stream of the items of a sequence, each asked for when a reader wants it: what
 * `ReadableStream.from` makes, which Chromium and Safari do not have.
 */
export function streamOf<T>(items: Iterable<T> | AsyncIterable<T>): ReadableStream<T> {
  const iterator = Symbol.asyncIterator in items
    ? items[Symbol.asyncIterator]()
    : items[Symbol.iterator]();
  const source: UnderlyingDefaultSource<T> = {
    async pull(controller) {
      const { value, done } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}
