/**
 * Where each segment lies in an `.ecdc` file: plain arithmetic, because without the language model the
 * size of every segment follows from the header alone.
 *
 * At 48 kHz segment k starts at sample 47,520 k and holds up to 48,000 samples; at 24 kHz the file is
 * one stream of frames. A frame stands for 320 samples. All these numbers are the model's
 * (`models.ts`).
 *
 * @module
 */
import { packedBytes } from "./bits.ts";
import type { EcdcHeader } from "./header.ts";
import type { ModelSpec } from "../models.ts";

/** Bytes of the big-endian float32 scale before each 48 kHz segment's codes. */
export const SCALE_BYTES = 4;

/** Largest scale that is accepted; speech and music within -1 and 1 stay below 1. */
const MAX_SCALE = 1e4;

/** What is wrong with a scale, or undefined if it can be used. */
export function scaleFault(scale: number): string | undefined {
  if (scale > 0 && scale <= MAX_SCALE) return undefined;
  return `found a scale of ${scale}, expected above 0 and at most ${MAX_SCALE}`;
}

/** The part of a header that sizes depend on. */
export type Extent = Pick<EcdcHeader, "spec" | "samples" | "codebooks">;

/** One segment's place in the audio and in the file. */
export interface SegmentPlace {
  /** Number of the segment. */
  readonly index: number;
  /** First sample. */
  readonly start: number;
  /** Samples. */
  readonly samples: number;
  /** Code frames. */
  readonly frames: number;
  /** Bytes between the header's end and the segment. */
  readonly offset: number;
  /** Bytes of scale and codes. */
  readonly bytes: number;
}

/** Code frames of a number of samples. */
export function framesFor(spec: ModelSpec, samples: number): number {
  return Math.ceil(samples / spec.hop);
}

/** Samples from a unit to the next: a segment at 48 kHz, a frame at 24 kHz. */
export function unitSamples({ segmentation, hop }: ModelSpec): number {
  return segmentation?.stride ?? hop;
}

/** Segments of a number of samples; 24 kHz audio is one. */
export function segmentCount(spec: ModelSpec, samples: number): number {
  return spec.segmentation ? Math.ceil(samples / spec.segmentation.stride) : Math.min(1, samples);
}

function segmentBytes(spec: ModelSpec, frames: number, codebooks: number): number {
  return (spec.segmentation ? SCALE_BYTES : 0) + packedBytes(frames * codebooks, spec.codeBits);
}

/**
 * The place of one segment.
 *
 * @throws {RangeError} if the audio has no such segment.
 */
export function segmentPlace({ spec, samples, codebooks }: Extent, index: number): SegmentPlace {
  const count = segmentCount(spec, samples);
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new RangeError(
      `Cannot find segment ${index}: there are ${count} in ${samples} samples of ${spec.name}`,
    );
  }
  const { length, stride } = spec.segmentation ?? { length: samples, stride: samples };
  const size = (k: number) => segmentBytes(spec, framesFor(spec, lengthOf(k)), codebooks);
  const lengthOf = (k: number) => Math.min(samples - k * stride, length);
  // Only the last two segments can be shorter than the others.
  const full = Math.min(index, Math.max(count - 2, 0));
  const offset = full * segmentBytes(spec, framesFor(spec, length), codebooks) +
    (index > full ? size(full) : 0);
  return {
    index,
    start: index * stride,
    samples: lengthOf(index),
    frames: framesFor(spec, lengthOf(index)),
    offset,
    bytes: size(index),
  };
}

/** Bytes of all segments together. */
export function bodyBytes(extent: Extent): number {
  const count = segmentCount(extent.spec, extent.samples);
  if (count === 0) return 0;
  const last = segmentPlace(extent, count - 1);
  return last.offset + last.bytes;
}

/** Bits of one code frame. */
export function frameBits({ spec, codebooks }: Extent): number {
  return codebooks * spec.codeBits;
}

/**
 * Frames of the block that begins at a frame: whole bytes for any number of codebooks.
 *
 * @param wanted frames, or a function of a block's first frame. Default: about a second.
 * @throws {RangeError} if that is less than one.
 */
export function chunkFrames(
  { byteFrames, secondFrames }: ModelSpec,
  wanted: number | ((frame: number) => number) = secondFrames,
  frame: number,
): number {
  const frames = typeof wanted === "number" ? wanted : wanted(frame);
  if (frames >= 1) return Math.ceil(frames / byteFrames) * byteFrames;
  throw new RangeError(`Cannot read blocks of ${frames} frames: expected at least 1`);
}

/**
 * Whether Encodec-Stream may have lost a byte: it flushes its bit packer only after the last segment,
 * which matters if the segment before it ends inside a byte. Of all bandwidths and lengths that is
 * only two codebooks and 149 frames.
 */
export function mayBeShortByOne(extent: Extent & Pick<EcdcHeader, "version">): boolean {
  const count = segmentCount(extent.spec, extent.samples);
  if (extent.version === 0 || !extent.spec.segmentation || count < 2) return false;
  return segmentPlace(extent, count - 2).frames * frameBits(extent) % 8 !== 0;
}
