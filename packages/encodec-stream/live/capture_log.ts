/**
 * When samples arrived: the start of every latency.
 *
 * @module
 */
import type { Planar } from "../audio/overlap_add.ts";

/** Remembers when audio arrived, as long as somebody may ask. */
export class CaptureLog {
  readonly #now: () => number;
  readonly #chunks: { readonly end: number; readonly at: number }[] = [];
  #samples = 0;

  /** @param now the time in milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Passes audio on. */
  async *of(audio: AsyncIterable<Planar>): AsyncGenerator<Planar> {
    for await (const chunk of audio) {
      this.#samples += chunk[0]!.length;
      this.#chunks.push({ end: this.#samples, at: this.#now() });
      yield chunk;
    }
  }

  /** When a sample arrived; undefined if it has not. */
  at(sample: number): number | undefined {
    return this.#chunks.find(({ end }) => end > sample)?.at;
  }

  /** Forgets the samples before one. */
  forget(sample: number): void {
    const kept = this.#chunks.findIndex(({ end }) => end > sample);
    this.#chunks.splice(0, kept < 0 ? this.#chunks.length : kept);
  }
}
