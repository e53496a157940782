/**
 * Limits for servers that a person has named, which may send slowly, and for as long as they like,
 * but not nothing.
 *
 * @module
 */
import type { Clock } from "../flow/clock.ts";

/** Milliseconds without an answer, or a byte, after which a server is given up. */
export const STALL = 30_000;

/**
 * Waits for a server, but not for ever.
 *
 * @param work what waits; it ends where its signal is aborted
 * @throws {Error} where nothing came for {@linkcode STALL}.
 */
export async function unlessStalled<T>(
  clock: Clock,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stalled = new AbortController();
  const done = new AbortController();
  const limit = async (): Promise<never> => {
    await clock.sleep(STALL, done.signal);
    throw new Error(`nothing came for ${STALL / 1000} s`);
  };
  const both = signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal;
  try {
    return await Promise.race([work(both), limit()]);
  } catch (error) {
    stalled.abort(error);
    throw error;
  } finally {
    done.abort();
  }
}

/** The next chunk of a response; a server that sends nothing more is hung up on. */
export async function readUnlessStalled(
  clock: Clock,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  return await unlessStalled(clock, undefined, (stalled) => {
    stalled.addEventListener("abort", () => void reader.cancel().catch(() => {}), { once: true });
    return reader.read();
  });
}

/** The bytes of a response, each awaited no longer than {@linkcode STALL}. */
export async function* steadyBytes(
  body: ReadableStream<Uint8Array>,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done } = await readUnlessStalled(clock, reader);
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
