/**
 * Any bitrate by resampling, as Encodec-Stream does: the model keeps one of its trained bandwidths
 * and is fed audio at another rate as if it were its own, so that a second of audio takes more or
 * fewer frames.
 *
 * @module
 */
import { MAX_SAMPLE_RATE } from "../container/header.ts";
import { codebooksFor, type ModelName, type ModelSpec, modelSpec } from "../models.ts";

/** How to reach a bitrate. */
export interface BitratePlan {
  /** The bitrate that was asked for, in kbit/s. */
  readonly bitrate: number;
  /** Model to use. */
  readonly spec: ModelSpec;
  /** Trained bandwidth to use it at, in kbit/s. */
  readonly bandwidth: number;
  /** Codebooks of that bandwidth. */
  readonly codebooks: number;
  /** PCM rate in Hz at which to feed it. */
  readonly sampleRate: number;
}

/** Rounds halves to the even neighbour, as Python does. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/**
 * Plans a bitrate: the 48 kHz model from 3 kbit/s on, below it the 24 kHz one, the largest trained
 * bandwidth that is not above, and the PCM rate that makes up the difference.
 *
 * @param bitrate kbit/s
 * @param model the model to use. Default: the one that suits the bitrate.
 * @throws {RangeError} if the bitrate is not positive, or its PCM rate is not in 1 to 4,000,000 Hz.
 */
export function planBitrate(bitrate: number, model?: ModelName): BitratePlan {
  const spec = modelSpec(model ?? (bitrate >= 3 ? "encodec_48khz" : "encodec_24khz"));
  // Encodec-Stream's own choice for the 24 kHz model is always 1.5, because it ends at 3 kbit/s.
  const candidates = model ? spec.bandwidths : bitrate >= 3 ? [3, 6, 12, 24] : [1.5];
  const bandwidth = candidates.findLast((b) => b <= bitrate) ?? candidates[0]!;
  const sampleRate = roundHalfEven((spec.sampleRate * bitrate) / bandwidth);
  if (!(sampleRate >= 1 && sampleRate <= MAX_SAMPLE_RATE)) {
    throw new RangeError(
      `Cannot encode at ${bitrate} kbit/s: found a PCM rate of ${sampleRate} Hz, expected 1 to ${MAX_SAMPLE_RATE}`,
    );
  }
  return { bitrate, spec, bandwidth, codebooks: codebooksFor(spec, bandwidth), sampleRate };
}
