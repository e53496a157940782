/**
 * Planar samples as interleaved bytes.
 *
 * @module
 */
import { encodePcm } from "@vcs/media/wav";
import type { Planar } from "./overlap_add.ts";

/** Bytes of a sample: 16-bit whole numbers or 32-bit floats, both little-endian. */
export type PcmFormat = "s16" | "f32";

/**
 * Interleaves channels as bytes. 16-bit samples are clipped to their range and rounded to nearest.
 *
 * @throws {RangeError} if the channels differ in length.
 */
export function interleave(channels: Planar, format: PcmFormat): Uint8Array<ArrayBuffer> {
  return encodePcm(channels, format);
}
