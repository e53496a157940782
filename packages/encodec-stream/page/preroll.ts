/**
 * How the player seeks where an exact seek would run over everything before it, and how far that is
 * from exact.
 *
 * @module
 */
import type { ModelName, ModelSpec } from "../models.ts";

/** A preroll and its error. */
export interface Preroll {
  /** Seconds before a seek that the layers with memory run over: more is closer, and a longer wait. */
  readonly seconds: number;
  /**
   * Energy of the difference over that of the exact audio in dB, in the first second after a seek: the
   * worst of those that `deno run -A bench/encodec-stream_preroll.ts` measured, rounded up; null where
   * it was not measured.
   */
  readonly decibels: number | null;
  /** Whether it was measured with random weights, because the trained ones were not at hand. */
  readonly isRandom: boolean;
}

/** Seconds over which recurrent layers run. */
const RECURRENT = 2;

/** Errors in dB by model, and whether the weights were random. */
const MEASURED: Partial<Record<ModelName, readonly [decibels: number, isRandom: boolean]>> = {
  encodec_tiny_24khz: [-36, false],
  encodec_24khz: [-120, true],
  mimi: [-13, true],
};

/** The preroll of a model, or undefined where seeks are exact and quick without. */
export function prerollOf(
  { name, mimi, segmentation, hop, sampleRate }: ModelSpec,
): Preroll | undefined {
  if (segmentation) return undefined;
  // What one layer of the transformer sees.
  const seconds = mimi ? mimi.window / mimi.frameFeatures * hop / sampleRate : RECURRENT;
  const [decibels = null, isRandom = false] = MEASURED[name] ?? [];
  return { seconds, decibels, isRandom };
}
