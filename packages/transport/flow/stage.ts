/**
 * The two ends that every stage of this package shares: a writable that feeds it and a readable
 * that buffers nothing, failing together.
 *
 * @module
 */
import { onAbort } from "./abort.ts";

/** What a stage does; all may throw, which fails both ends. */
export interface StageParts<I, O> {
  /** Accepts an item, waiting while there is no room. */
  write(item: I): Promise<void>;
  /** No more items will come. */
  end(): void;
  /** The next item, waiting for it; undefined at the end. */
  read(): Promise<{ item: O } | undefined>;
  /** One end failed or was cancelled: every waiting call must throw the reason. */
  fail(reason: unknown): void;
}

/** Makes the streams of a stage. An aborted signal fails both. */
export function stage<I, O>(
  parts: StageParts<I, O>,
  signal?: AbortSignal,
): { writable: WritableStream<I>; readable: ReadableStream<O> } {
  let output!: ReadableStreamDefaultController<O>;
  let input!: WritableStreamDefaultController;
  let aborting: Disposable | undefined = undefined;
  const fail = (reason: unknown) => {
    aborting?.[Symbol.dispose]();
    parts.fail(reason);
    input.error(reason);
    output.error(reason);
  };
  const orFail = async <T>(work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      fail(error);
      throw error;
    }
  };
  const readable = new ReadableStream<O>({
    start: (controller) => void (output = controller),
    async pull(controller) {
      const next = await orFail(() => parts.read());
      if (next) return controller.enqueue(next.item);
      aborting?.[Symbol.dispose]();
      controller.close();
    },
    cancel: (reason) => fail(reason ?? new DOMException("Reader left", "AbortError")),
  }, { highWaterMark: 0 });
  const writable = new WritableStream<I>({
    start(controller) {
      input = controller;
      onAbort(controller.signal, () => fail(controller.signal.reason));
    },
    write: (item) => orFail(() => parts.write(item)),
    close: () => orFail(() => parts.end()),
  });
  aborting = onAbort(signal, () => fail(signal?.reason));
  return { writable, readable };
}
