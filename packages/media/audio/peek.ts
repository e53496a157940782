/**
 * A look at the start of a stream that is read afterwards.
 *
 * @module
 */
import { concatBytes } from "@vcs/transport/portable";

/** The start of a stream. */
export interface Peeked {
  /** The first bytes: as many as asked for or a few more, fewer only at the end. */
  readonly head: Uint8Array;
  /** The stream with them still in it. */
  readonly whole: ReadableStream<Uint8Array>;
}

/** Reads the first bytes of a stream. */
export async function peek(stream: ReadableStream<Uint8Array>, count: number): Promise<Peeked> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let have = 0;
  while (have < count) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    have += value.length;
  }
  const head = concatBytes(parts);
  const whole = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(head),
    pull: async (controller) => {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { head, whole };
}
