/**
 * White noise that is the same wherever decoding begins.
 *
 * @module
 */
import { hashed } from "../network/synthetic.ts";

/** Noise in [-1, 1) from the sample of this number on, which may be below 0. */
export function whiteNoise(position: number, count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => 2 * hashed(0, position + i));
}
