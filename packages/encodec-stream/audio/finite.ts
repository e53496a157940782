/**
 * Samples that are not numbers, or infinite: one of them would spoil all that is encoded after it.
 *
 * @module
 */
import type { Planar } from "./overlap_add.ts";

/** Replaces such samples by 0, and counts them. */
export class FiniteSamples {
  /** Samples replaced so far, of all channels. */
  replaced = 0;

  /** Passes chunks on; those with such samples as copies. */
  async *of(chunks: AsyncIterable<readonly Float32Array[]>): AsyncGenerator<Planar> {
    for await (const chunk of chunks) yield chunk.map((samples) => this.#finite(samples));
  }

  #finite(samples: Float32Array): Float32Array<ArrayBuffer> {
    if (samples.every(Number.isFinite)) return samples as Float32Array<ArrayBuffer>;
    return Float32Array.from(samples, (value) => {
      if (Number.isFinite(value)) return value;
      this.replaced++;
      return 0;
    });
  }
}
