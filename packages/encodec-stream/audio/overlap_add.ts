/**
 * Joins decoded 48 kHz segments without decoding one twice: a sample lies in at most two segments, so
 * everything up to the next segment's start is final as soon as a segment is decoded. Only the 480
 * samples after that point are kept.
 *
 * @example The overlap of equal segments is the same signal
 * ```ts
 * import { OverlapAdd } from "@vcs/encodec-stream/internal";
 * import assert from "node:assert/strict";
 *
 * const join = new OverlapAdd({ length: 48000, stride: 47520 });
 * const ones = () => [new Float32Array(48000).fill(1)];
 * assert.equal(join.push(ones())[0]?.length, 47520);
 * assert.ok(join.push(ones())[0]?.every((v) => Math.abs(v - 1) < 1e-6));
 * assert.equal(join.flush()[0]?.length, 480);
 * ```
 *
 * @module
 */
import type { Segmentation } from "../models.ts";

/** Planar audio: an array per channel, all of one length. */
export type Planar = Float32Array<ArrayBuffer>[];

/** Cross-fades segments; push them in order, then flush. */
export class OverlapAdd {
  readonly #stride: number;
  readonly #fade: number;
  #tail: Planar = [];

  /**
   * Starts before any segment.
   *
   * @param segmentation the stride, and the decoded length of the audio's first segment: the authors
   * weight all segments by it
   */
  constructor({ length, stride }: Segmentation) {
    this.#stride = stride;
    this.#fade = length - stride;
  }

  /**
   * Takes the next segment.
   *
   * @param segment decoded samples, cut to the segment's length
   * @returns the samples that are now final: up to the start of the segment after it
   */
  push(segment: Planar): Planar {
    const length = segment[0]!.length;
    const cut = Math.min(length, this.#stride);
    const output = segment.map((samples, c) => this.#crossFade(samples.slice(0, cut), c));
    this.#tail = segment.map((samples) => samples.slice(cut));
    return output;
  }

  /** Fades the last segment's tail into the start of this one, weighting by distance from the edges. */
  #crossFade(samples: Float32Array<ArrayBuffer>, channel: number): Float32Array<ArrayBuffer> {
    const tail = this.#tail[channel];
    const overlap = Math.min(tail?.length ?? 0, samples.length);
    for (let p = 0; p < overlap; p++) {
      const fresh = (p + 1) / (this.#fade + 1);
      samples[p] = tail![p]! * (1 - fresh) + samples[p]! * fresh;
    }
    return samples;
  }

  /** Returns the rest of the last segment. */
  flush(): Planar {
    const tail = this.#tail;
    this.#tail = [];
    return tail;
  }
}
