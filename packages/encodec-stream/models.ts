/**
 * The two published EnCodec models, and a small one that travels with this package, as numbers:
 * rates, segments, codebooks, bandwidths.
 *
 * Source: "High Fidelity Neural Audio Compression" (arXiv 2210.13438) and the authors' code.
 *
 * @module
 */
import { EcdcError } from "./errors.ts";

/** Name of a model, as `.ecdc` headers spell it. */
export type ModelName = "encodec_24khz" | "encodec_48khz" | typeof TINY_MODEL;

/** The small model whose weights travel with this package. */
export const TINY_MODEL = "encodec_tiny_24khz";

/** Samples between two code frames: the product of the strides 8, 5, 4, 2. */
export const HOP = 320;

/** Entries of a codebook: codes are 10 bits. */
export const CODEBOOK_SIZE = 1024;

/** How a model cuts audio that it does not take in one piece, in samples. */
export interface Segmentation {
  /** Samples of a full segment. */
  readonly length: number;
  /** Samples between the starts of neighbours; the difference to `length` overlaps. */
  readonly stride: number;
}

/** What distinguishes the models. */
export interface ModelSpec {
  /** Name in headers. */
  readonly name: ModelName;
  /** Native sample rate in Hz. */
  readonly sampleRate: number;
  /** Channels that it takes and gives. */
  readonly channels: number;
  /** Segments with overlap, or undefined where the whole file is one causal stream. */
  readonly segmentation: Segmentation | undefined;
  /** Codebooks in the checkpoint. */
  readonly codebooks: number;
  /** Bits per second that one codebook costs. */
  readonly bitsPerCodebook: number;
  /** Bandwidths in kbit/s that the model was trained for. */
  readonly bandwidths: readonly number[];
}

const MODELS: ReadonlyMap<string, ModelSpec> = new Map<ModelName, ModelSpec>([
  ["encodec_24khz", {
    name: "encodec_24khz",
    sampleRate: 24000,
    channels: 1,
    segmentation: undefined,
    codebooks: 32,
    bitsPerCodebook: 750,
    bandwidths: [1.5, 3, 6, 12, 24],
  }],
  ["encodec_48khz", {
    name: "encodec_48khz",
    sampleRate: 48000,
    channels: 2,
    segmentation: { length: 48000, stride: 47520 },
    codebooks: 16,
    bitsPerCodebook: 1500,
    bandwidths: [3, 6, 12, 24],
  }],
  [TINY_MODEL, {
    name: TINY_MODEL,
    sampleRate: 24000,
    channels: 1,
    segmentation: undefined,
    codebooks: 8,
    bitsPerCodebook: 750,
    bandwidths: [1.5, 3, 6],
  }],
]);

/**
 * The numbers of a model.
 *
 * @throws {EcdcError} `unsupported` where the name is of no model that is known here.
 */
export function modelSpec(name: string): ModelSpec {
  const spec = MODELS.get(name);
  if (spec) return spec;
  throw new EcdcError(
    "unsupported",
    `Cannot use model ${JSON.stringify(name)}: allowed are ${MODEL_NAMES.join(", ")}`,
  );
}

/** Names of the models. */
export const MODEL_NAMES: readonly ModelName[] = [...MODELS.values()].map((spec) => spec.name);

/** Number of codebooks that a bandwidth in kbit/s pays for. */
export function codebooksFor(spec: ModelSpec, bandwidth: number): number {
  return Math.floor((bandwidth * 1000) / spec.bitsPerCodebook);
}
